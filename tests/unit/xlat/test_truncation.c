/* test_truncation.c - damaged packets: every truncation, every header byte changed, every shortage of
 * headroom */
#include "samples.h"

#define MEMORY_MAX 4096

static struct assembly a;

/* The packet gets memory of exactly its size, so that the address sanitizer sees a byte too far. */
static struct pkt exact(size_t headroom, size_t len, size_t tailroom)
{
	uint8_t *memory = malloc(headroom + len + tailroom);

	REQUIRE(memory);
	memset(memory, 0xa5, headroom + len + tailroom);
	memcpy(memory + headroom, a.outer.bytes, len);
	return (struct pkt){
		.head = memory,
		.data = memory + headroom,
		.len = (uint32_t)len,
		.end = memory + headroom + len + tailroom,
		.off = a.off,
	};
}

/* Parse and translate; whatever comes out must hold together. */
static enum drop_reason attempt(struct pkt *p)
{
	enum drop_reason reason = pkt_parse(p);

	if (reason)
		return reason;
	CHECK(pkt_validate(p));
	reason = sample_translate(p);
	if (reason == DROP_NONE)
		CHECK(pkt_validate(p));
	return reason;
}

TEST(every_sample_is_translated)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		test_row(samples[i].name);
		assemble_text(&a, samples[i].text);
		struct pkt p = exact(PKT_HEADROOM, a.outer.len, 0);

		CHECK_INT(attempt(&p), DROP_NONE);
		check_sums(&p);
		free(p.head);
	}
}

TEST(every_truncation_of_every_sample_is_refused_or_holds_together)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		test_row(samples[i].name);
		assemble_text(&a, samples[i].text);
		for (size_t len = 0; len < a.outer.len; len++) {
			struct pkt p = exact(PKT_HEADROOM, len, 0);

			CHECK(attempt(&p) != DROP_NONE); /* the IP header's length always tells */
			free(p.head);
		}
	}
}

/* An IPv4 header checksum hides most damage, so it is put right again. */
static void repair_header(struct pkt *p)
{
	size_t len = (p->data[0] & 15u) * 4u;

	if (p->len == 0 || p->data[0] >> 4 != 4 || len < IP4_HDR_LEN || len > p->len)
		return;
	p->data[10] = p->data[11] = 0;
	be16_put(p->data + 10, (uint16_t)~slow_ones(slow_sum(p->data, len)));
}

TEST(every_changed_byte_is_refused_or_holds_together)
{
	static const uint8_t values[] = { 0, 1, 4, 0x45, 0x60, 0x7f, 0x80, 0xff };

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		test_row(samples[i].name);
		assemble_text(&a, samples[i].text);
		for (size_t at = 0; at < a.outer.len; at++)
			for (size_t n = 0; n < ARRAY_LEN(values); n++) {
				struct pkt p = exact(PKT_HEADROOM, a.outer.len, n);

				p.data[at] = values[n];
				p.off.csum_valid = true; /* look behind the checksum of ICMP */
				repair_header(&p);
				(void)attempt(&p);
				free(p.head);
			}
	}
}

TEST(too_little_headroom_is_a_reason_and_enough_is_enough)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		bool was_enough = false;

		test_row(samples[i].name);
		assemble_text(&a, samples[i].text);
		for (size_t headroom = 0; headroom <= PKT_HEADROOM; headroom++) {
			struct pkt p = exact(headroom, a.outer.len, 0);
			enum drop_reason reason = attempt(&p);

			CHECK(reason == DROP_NONE || (reason == DROP_NO_HEADROOM && !was_enough));
			was_enough = reason == DROP_NONE;
			free(p.head);
		}
		CHECK(was_enough);
	}
}

TEST(memory_behind_the_packet_is_not_touched)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		test_row(samples[i].name);
		assemble_text(&a, samples[i].text);
		struct pkt p = exact(PKT_HEADROOM, a.outer.len, PKT_TAILROOM);
		const uint8_t *before = p.data + p.len;

		REQUIRE(attempt(&p) == DROP_NONE);
		for (const uint8_t *at = p.data + p.len > before ? p.data + p.len : before; at < p.end; at++)
			CHECK_INT(*at, 0xa5);
		free(p.head);
	}
}
