/* test_train.c - the datagrams of a UDP train, taken apart (RFC 7915 s4; virtio 1.1 s5.1.6.2) */
#include "samples.h"

static struct assembly a;
static uint8_t memory[70000], payload[70000];

struct seen {
	uint32_t count, at, each, total;
};

/* Each datagram must be whole and right by itself, and carry the part of the payload that follows. */
static void on_datagram(void *ctx, struct pkt *d)
{
	struct seen *s = ctx;
	struct pkt parsed = *d;
	uint32_t left = s->total - s->at, len = left < s->each ? left : s->each;

	CHECK(pkt_validate(d));
	REQUIRE(pkt_parse(&parsed) == DROP_NONE);
	CHECK_INT(parsed.v.kind, L4_UDP);
	CHECK_INT(parsed.len, IP6_HDR_LEN + UDP_HDR_LEN + len);
	CHECK_INT(parsed.v.sport, 80);
	CHECK_INT(parsed.v.dport, 1024);
	CHECK_INT(parsed.v.hop_limit, 63);
	CHECK_INT(parsed.v.tos, 0x2e);
	CHECK(addr6_eq(parsed.v.src6, a6(SERVER6)));
	CHECK(addr6_eq(parsed.v.dst6, a6(CLIENT6)));
	CHECK_INT(d->off.gso, GSO_NONE);
	CHECK(!d->off.csum_partial);
	check_sums(&parsed);
	CHECK_BYTES(d->data + IP6_HDR_LEN + UDP_HDR_LEN, len, payload + s->at, len);
	s->at += len;
	s->count++;
	memset(d->head, 0xdd, (size_t)(d->end - d->head)); /* the memory is the receiver's during the call */
}

static const struct {
	const char *name, *more;
	uint32_t len, each, count;
} cases[] = {
	{ "two of one size", "", 2800, 1400, 2 },
	{ "the last is shorter", "", 2801, 1400, 3 },
	{ "a train of one", "", 900, 1400, 1 },
	{ "datagrams shorter than a header", "", 100, 3, 34 },
	{ "one byte each", "", 64, 1, 64 },
	{ "as long as IPv4 allows", "", 65507, 1472, 45 },
};

TEST(each_datagram_of_a_train_gets_a_header_and_a_checksum_of_its_own)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[300];
		struct seen seen = { .each = cases[i].each, .total = cases[i].len };
		struct xlat_to6 to = sample_to6();

		test_row(cases[i].name);
		snprintf(text, sizeof(text),
			"ip4 src=" SERVER4 " dst=" POOL4
			" tos=0x2e\n udp sport=80 dport=40000\n data len=%u\n"
			"offload partial gso=udp size=%u",
			cases[i].len, cases[i].each);
		assemble_text(&a, text);
		struct pkt p = assemble_pkt(&a, memory, PKT_HEADROOM + a.outer.len, PKT_HEADROOM);

		REQUIRE(pkt_parse(&p) == DROP_NONE);
		memcpy(payload, p.data + IP4_HDR_LEN + UDP_HDR_LEN, cases[i].len);
		REQUIRE(xlat_46(&p, &to) == DROP_NONE);
		CHECK_INT(xlat_cut_train6(&p, on_datagram, &seen), cases[i].count);
		CHECK_INT(seen.count, cases[i].count);
		CHECK_INT(seen.at, cases[i].len);
	}
}
