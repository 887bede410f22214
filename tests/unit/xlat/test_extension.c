/* test_extension.c - the router named behind the quoted datagram: sizes, sums, memory, and what is not touched */
#include "samples.h"
#include "xlat/icmp_extension.h"

#define ROUTER6 "2001:db8:2::1"
#define MPLS "000801010012c8ff"
#define ARRIVAL                                                                                              \
	"00080208"                                                                                           \
	"00000007" /* the interface's index, RFC 5837 role 0 */
#define OUTGOING                                                                                             \
	"00080288"                                                                                           \
	"00000007" /* the same, role 2 */

static struct assembly a;

static size_t bytes_of(const char *hex, uint8_t *to)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned v = 0;

		REQUIRE(sscanf(hex + 2 * i, "%2x", &v) == 1);
		to[i] = (uint8_t)v;
	}
	return len;
}

static const struct {
	const char *name, *structure;
	uint32_t growth;
} structures[] = {
	{ "none", "", 28 },
	{ "empty", "20000000", 24 },
	{ "one object", "20000000" MPLS, 24 },
	{ "an interface of another role", "20000000" OUTGOING, 24 },
	{ "the interface itself", "20000000" ARRIVAL, 0 },
	{ "the interface itself, behind another object", "20000000" MPLS ARRIVAL, 0 },
	{ "version 1", "10000000" MPLS, 0 },
	{ "version 3", "30000000", 0 },
	{ "object too long",
		"20000000"
		"000c01010012c8ff",
		0 },
	{ "object of the greatest length",
		"20000000"
		"fffc01010012c8ff",
		0 },
	{ "object too short",
		"20000000"
		"000301010012c8ff",
		0 },
	{ "object of length 0",
		"20000000"
		"000001010012c8ff",
		0 },
	{ "object of no whole words",
		"20000000"
		"000601010012c8ff",
		0 },
	{ "objects of no whole words, but whole together",
		"20000000"
		"000601010012"
		"000601010012",
		0 },
	{ "rubbish behind", "20000000" MPLS "0000", 0 },
};

TEST(an_object_is_added_to_what_is_whole_and_does_not_have_it_rfc5837_s4)
{
	for (size_t i = 0; i < ARRAY_LEN(structures); i++) {
		uint8_t at[64];
		size_t len = bytes_of(structures[i].structure, at);

		test_row(structures[i].name);
		CHECK_INT(extension_growth(at, (uint32_t)len), structures[i].growth);
	}
	test_row(NULL);
}

TEST(every_truncation_of_a_structure_is_whole_or_grows_by_nothing)
{
	uint8_t whole[64];
	size_t len = bytes_of("20000000" MPLS MPLS OUTGOING, whole);

	for (size_t cut = 1; cut <= len; cut++) {
		uint8_t *at = malloc(cut); /* exactly, for the address sanitizer */

		REQUIRE(at);
		memcpy(at, whole, cut);
		CHECK_INT(extension_growth(at, (uint32_t)cut), cut >= 4 && (cut - 4) % 8 == 0 ? 24 : 0);
		free(at);
	}
}

TEST(a_sum_that_was_right_stays_right_and_a_wrong_one_wrong)
{
	uint8_t at[64];
	size_t len = bytes_of("20000000" MPLS, at);
	uint16_t right = (uint16_t)~slow_ones(slow_sum(at, len));

	for (unsigned off = 0; off < 3; off++) {
		uint8_t copy[64];

		memcpy(copy, at, len);
		memset(copy + len, 0xa5, sizeof(copy) - len);
		be16_put(copy + 2, (uint16_t)(right + off));
		extension_name_router(copy, (uint32_t)len, a6(ROUTER6));
		CHECK_INT(slow_ones(slow_sum(copy, len + 24)) == 0xffff, off == 0);
		CHECK(memcmp(copy + 4, at + 4, len - 4) == 0);
		CHECK_INT(copy[len + 24], 0xa5);
	}
}

/* An error of a router about a UDP packet of which @quoted bytes are there, in memory with @tail bytes behind it. */
static struct pkt error_of(unsigned quoted, size_t tail)
{
	char text[512];

	snprintf(text, sizeof(text),
		"ip6 src=" ROUTER6 " dst=" SERVER6 "\n icmp6 type=3\n"
		"quote ip6 src=" SERVER6 " dst=" CLIENT6 "\n quote udp sport=80 dport=1024\n"
		"quote data len=1400\n quote cut=%u",
		quoted);
	assemble_text(&a, text);

	size_t size = PKT_HEADROOM + a.outer.len + tail;
	uint8_t *memory = malloc(size);

	REQUIRE(memory);
	memset(memory, 0xa5, size);
	memcpy(memory + PKT_HEADROOM, a.outer.bytes, a.outer.len);
	return (struct pkt){
		.head = memory,
		.data = memory + PKT_HEADROOM,
		.len = (uint32_t)a.outer.len,
		.end = memory + size,
	};
}

static void translate(struct pkt *p)
{
	REQUIRE(pkt_parse(p) == DROP_NONE);
	REQUIRE(sample_translate(p) == DROP_NONE);
	CHECK(pkt_validate(p));
	check_sums(p);
}

TEST(whatever_the_length_of_the_datagram_the_message_fits_and_names_the_router)
{
	static const uint8_t object[] = { 0, 24, 2, 4, 0, 2, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 1 };

	for (unsigned quoted = 48; quoted <= 1232; quoted++) {
		struct pkt p = error_of(quoted, PKT_TAILROOM);

		translate(&p);
		unsigned datagram = p.data[25] * 4u, whole = quoted - 20;
		const uint8_t *extension = p.data + 28 + datagram;

		CHECK(p.len <= 576);
		CHECK(datagram >= 128);
		CHECK_INT(p.len, 28 + datagram + 28);
		CHECK(datagram >= whole || p.len > 572); /* no more is cut than must be */
		CHECK_INT(extension[0], 0x20);
		CHECK_INT(slow_ones(slow_sum(extension, 28)), 0xffff);
		CHECK_BYTES(extension + 4, 24, object, sizeof(object));
		/* The datagram itself, and zeros behind it. */
		for (unsigned i = whole; i < datagram; i++)
			CHECK_INT(p.data[28 + i], 0);
		for (unsigned i = 28; i < whole && i < datagram; i++)
			CHECK_INT(p.data[28 + i], a.outer.bytes[48 + 20 + i]);
		free(p.head);
	}
}

TEST(without_memory_for_it_the_message_goes_out_without_it)
{
	for (size_t tail = 0; tail <= PKT_TAILROOM; tail++) {
		struct pkt p = error_of(48, tail); /* becomes 28 bytes, which take the most */

		translate(&p);
		CHECK_INT(p.len, tail < PKT_TAILROOM ? 56 : 28 + 128 + 28);
		CHECK_INT(p.data[25], tail < PKT_TAILROOM ? 0 : 32);
		free(p.head);
	}
}
