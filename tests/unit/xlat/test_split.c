/* test_split.c - fragments of RFC 8200 s4.5: put together again they are the packet */
#include "samples.h"

static struct assembly a;
static uint8_t memory[70000], whole[70000], joined[70000];

struct join {
	unsigned mtu, count;
	uint32_t id, next_offset;
	bool is_complete;
};

/* Each fragment must parse to the view that it came with, and follow on the one before. */
static void join_fragment(void *ctx, struct pkt *f)
{
	struct join *j = ctx;
	struct pkt parsed = *f;

	CHECK(pkt_validate(f));
	CHECK(f->len <= j->mtu);
	REQUIRE(pkt_parse(&parsed) == DROP_NONE);
	CHECK(!j->is_complete);
	CHECK_INT(parsed.v.kind, f->v.kind);
	CHECK_INT(parsed.v.sport, f->v.sport);
	CHECK_INT(parsed.v.dport, f->v.dport);
	CHECK_INT(parsed.v.frag_id, j->id);
	CHECK_INT(f->v.frag_id, j->id);
	CHECK_INT(parsed.v.frag_offset, j->next_offset);
	CHECK_INT(parsed.v.l4_off, IP6_HDR_LEN + IP6_FRAG_LEN);
	CHECK_INT(parsed.v.more_fragments, f->v.more_fragments);
	CHECK(!f->off.csum_partial);
	if (parsed.v.more_fragments)
		CHECK(parsed.v.l4_len % 8 == 0 && f->len + 8 > j->mtu);
	CHECK_INT(parsed.v.hop_limit, 63);
	CHECK_INT(parsed.v.tos, 0x2e);
	memcpy(joined + IP6_HDR_LEN + j->next_offset, f->data + parsed.v.l4_off, parsed.v.l4_len);
	j->next_offset += parsed.v.l4_len;
	j->is_complete = !parsed.v.more_fragments;
	j->count++;
	memset(f->head, 0xdd, (size_t)(f->end - f->head)); /* the memory is the receiver's during the call */
}

static struct pkt translated(const char *l4, uint32_t len, const char *offload, size_t headroom)
{
	char text[300];

	snprintf(text, sizeof(text), "ip4 src=" SERVER4 " dst=" POOL4 " tos=0x2e\n %s\n data len=%u\n %s", l4,
		len, offload);
	assemble_text(&a, text);
	struct pkt p = assemble_pkt(&a, memory, headroom + a.outer.len, headroom);
	struct xlat_to6 to = sample_to6();

	REQUIRE(pkt_parse(&p) == DROP_NONE);
	REQUIRE(xlat_46(&p, &to) == DROP_NONE);
	memcpy(whole, p.data, p.len);
	return p;
}

static const struct {
	const char *name, *l4, *offload;
	uint32_t len;
	unsigned mtu, count;
} cases[] = {
	{ "one byte too long for 1280", "udp sport=80 dport=40000", "", 1233, 1280, 2 },
	{ "two full fragments", "udp sport=80 dport=40000", "", 2 * 1232 - 8, 1280, 2 },
	{ "two full fragments and a byte", "udp sport=80 dport=40000", "", 2 * 1232 - 7, 1280, 3 },
	{ "MTU that is no multiple of 8", "udp sport=80 dport=40000", "", 4000, 1287, 4 },
	{ "MTU 1500", "udp sport=80 dport=40000", "", 4000, 1500, 3 },
	{ "partial checksum", "udp sport=80 dport=40000", "offload partial", 3001, 1280, 3 },
	{ "no checksum", "udp sport=80 dport=40000 csum=0", "", 3001, 1280, 3 },
	{ "TCP", "tcp sport=80 dport=40000", "offload partial", 3001, 1500, 3 },
	{ "echo", "icmp4 type=0 id=40000 seq=1", "", 3001, 1280, 3 },
	{ "longest datagram", "udp sport=80 dport=40000", "", 65507, 1280, 54 },
};

TEST(fragments_put_together_are_the_packet)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pkt p = translated(cases[i].l4, cases[i].len, cases[i].offload, PKT_HEADROOM);
		struct join j = { .mtu = cases[i].mtu, .id = 0xdeadbeef };
		uint32_t len = p.len, l4_len = p.v.l4_len;
		uint8_t next = p.v.next;

		test_row(cases[i].name);
		CHECK_INT(xlat_split6(&p, j.id, j.mtu, join_fragment, &j), cases[i].count);
		CHECK_INT(j.count, cases[i].count);
		CHECK(j.is_complete);
		REQUIRE(j.next_offset == l4_len);
		memcpy(joined, whole, IP6_HDR_LEN);
		CHECK(slow_transport_ok(joined, next, joined + IP6_HDR_LEN, l4_len));
		if (!*cases[i].offload)
			CHECK_BYTES(joined, len, whole, len);
	}
}

static void count_fragment(void *ctx, struct pkt *f)
{
	(void)f;
	++*(unsigned *)ctx;
}

TEST(without_room_for_the_fragment_header_nothing_is_emitted)
{
	for (size_t headroom = 20; headroom <= 30; headroom++) {
		struct pkt p = translated("udp sport=80 dport=40000", 2000, "", headroom);
		unsigned emitted = 0;
		unsigned count = xlat_split6(&p, 1, 1280, count_fragment, &emitted);

		CHECK_INT(count, headroom < 28 ? 0 : 2);
		CHECK_INT(emitted, count);
	}
}
