/* test_xlat46.c - what the vectors cannot say of IPv4 to IPv6: memory, and checksums that are supplied */
#include "samples.h"

static struct assembly a;
static uint8_t memory[4096];

static struct pkt sample(const char *text)
{
	assemble_text(&a, text);
	struct pkt p = assemble_pkt(&a, memory, sizeof(memory), PKT_HEADROOM);

	REQUIRE(pkt_parse(&p) == DROP_NONE);
	return p;
}

TEST(payload_never_moves_when_the_header_grows)
{
	static const char *const texts[] = {
		"ip4 src=" SERVER4 " dst=" POOL4 "\n tcp sport=1 dport=2\n data len=700",
		"ip4 src=" SERVER4 " dst=" POOL4
		" options=0101010101010101\n udp sport=1 dport=2\n data len=700",
		"ip4 src=" SERVER4 " dst=" POOL4 "\n icmp4 type=0 id=1 seq=2\n data len=700",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct pkt p = sample(texts[i]);
		struct xlat_to6 to = sample_to6();
		const uint8_t *l4 = p.data + p.v.l4_off;
		uint32_t l4_len = p.v.l4_len;

		test_row(texts[i]);
		REQUIRE(xlat_46(&p, &to) == DROP_NONE);
		CHECK(p.data + p.v.l4_off == l4);
		CHECK_INT(p.len, l4_len + IP6_HDR_LEN);
		CHECK_BYTES(l4 + l4_len - 700, 700, a.outer.bytes + a.outer.len - 700, 700);
	}
}

/* RFC 7915 s4.5: every length, so that odd ends and every step of the sum are met. */
TEST(supplied_udp_checksum_is_right_for_every_length)
{
	for (uint32_t len = 0; len < 200; len++) {
		char text[200];

		snprintf(text, sizeof(text),
			"ip4 src=" SERVER4 " dst=" POOL4 "\n udp sport=80 dport=40000 csum=0\n data len=%u",
			len);
		struct pkt p = sample(text);
		struct xlat_to6 to = sample_to6();

		REQUIRE(xlat_46(&p, &to) == DROP_NONE);
		CHECK(be16_at(p.data + p.v.l4_off + 6) != 0);
		check_sums(&p);
	}
}

/* A train without checksum: what the kernel finishes per segment starts from the pseudo-header of IPv6. */
TEST(train_without_checksum_gets_the_pseudo_header_sum)
{
	struct pkt p =
		sample("ip4 src=" SERVER4 " dst=" POOL4 "\n udp sport=80 dport=40000 csum=0\n data len=3000\n"
		       "offload gso=udp size=1000");
	struct xlat_to6 to = sample_to6();

	REQUIRE(xlat_46(&p, &to) == DROP_NONE);
	CHECK(p.off.csum_partial);
	CHECK_INT(p.off.csum_start, IP6_HDR_LEN);
	CHECK_INT(p.off.csum_offset, 6);
	CHECK_INT(be16_at(p.data + 46), slow_ones(slow_pseudo(p.data, 17, 3008)));
	CHECK(pkt_validate(&p));
}

/* An error may grow by 20 bytes outside and 28 inside; PKT_HEADROOM promises that this fits. */
TEST(largest_growth_fits_the_promised_headroom)
{
	struct pkt p = sample("ip4 src=203.0.113.9 dst=" POOL4 "\n icmp4 type=11 code=1\n"
			      "quote ip4 src=" POOL4 " dst=" SERVER4 " mf\n quote udp sport=40000 dport=80\n"
			      "quote data len=16");
	struct xlat_to6 to = sample_to6();
	const uint8_t *before = p.data;

	REQUIRE(xlat_46(&p, &to) == DROP_NONE);
	CHECK_INT(before - p.data, 48);
	CHECK(p.in.has_frag_header);
	check_sums(&p);
}
