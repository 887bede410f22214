/* test_xlat64.c - what the vectors cannot say of IPv6 to IPv4: memory, and results that depend on the caller
 */
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

TEST(payload_never_moves_when_the_header_shrinks)
{
	static const char *const texts[] = {
		"ip6 src=" CLIENT6 " dst=" SERVER6 "\n tcp sport=1 dport=2\n data len=700",
		"ip6 src=" CLIENT6 " dst=" SERVER6 "\n hopopts size=64\n udp sport=1 dport=2\n data len=700",
		"ip6 src=" CLIENT6 " dst=" SERVER6 "\n icmp6 type=128 id=1 seq=2\n data len=700",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct pkt p = sample(texts[i]);
		struct xlat_to4 to = sample_to4();
		const uint8_t *l4 = p.data + p.v.l4_off;
		uint32_t l4_len = p.v.l4_len;

		test_row(texts[i]);
		REQUIRE(xlat_64(&p, &to, 0) == DROP_NONE);
		CHECK(p.data + p.v.l4_off == l4);
		CHECK_INT(p.v.l4_len, l4_len);
		CHECK_INT(p.len, l4_len + IP4_HDR_LEN);
		CHECK_BYTES(l4 + l4_len - 700, 700, a.outer.bytes + a.outer.len - 700, 700);
	}
}

TEST(quoted_payload_never_moves_either)
{
	struct pkt p = sample(samples[6].text);
	struct xlat_to4 to = sample_to4();
	const uint8_t *payload = p.data + p.in.l4_off;

	REQUIRE(p.v.kind == L4_ICMP_ERROR);
	REQUIRE(xlat_64(&p, &to, 0) == DROP_NONE);
	CHECK(p.data + p.in.l4_off == payload);
	CHECK_BYTES(payload + 8, 40, a.outer.bytes + a.outer.len - 40, 40);
}

TEST(identification_is_the_callers_and_the_view_has_it)
{
	static const uint16_t ids[] = { 0, 1, 0x1234, 0xffff };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct pkt p = sample("ip6 src=" CLIENT6 " dst=" SERVER6 "\n udp sport=1 dport=2");
		struct xlat_to4 to = sample_to4();

		REQUIRE(xlat_64(&p, &to, ids[i]) == DROP_NONE);
		CHECK_INT(be16_at(p.data + 4), ids[i]);
		CHECK_INT(p.v.frag_id, ids[i]);
	}
}

/* RFC 6146 s3.5: a session may keep the port; equal tuples must not disturb the sums. */
TEST(every_source_port_gives_a_right_checksum)
{
	for (uint32_t port = 0; port <= UINT16_MAX; port += 13) {
		struct pkt p =
			sample("ip6 src=" CLIENT6 " dst=" SERVER6 "\n udp sport=1024 dport=80\n data len=3");
		struct xlat_to4 to = sample_to4();

		to.outer.sport = (uint16_t)port;
		REQUIRE(xlat_64(&p, &to, 0) == DROP_NONE);
		check_sums(&p);
		CHECK_INT(p.v.sport, port);
	}
}

/* Finish a partial checksum as a NIC would, and see that it is right. */
TEST(partial_checksum_is_right_once_it_is_finished)
{
	for (uint32_t len = 0; len < 40; len++) {
		char text[200];

		snprintf(text, sizeof(text),
			"ip6 src=" CLIENT6 " dst=" SERVER6
			"\n tcp sport=1024 dport=80\n data len=%u\n offload partial",
			len);
		struct pkt p = sample(text);
		struct xlat_to4 to = sample_to4();

		REQUIRE(xlat_64(&p, &to, 0) == DROP_NONE);
		REQUIRE(p.off.csum_partial);
		uint8_t *start = p.data + p.off.csum_start;

		be16_put(start + p.off.csum_offset, (uint16_t)~slow_ones(slow_sum(start, p.v.l4_len)));
		p.off.csum_partial = false;
		check_sums(&p);
	}
}
