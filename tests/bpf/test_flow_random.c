/*
 * test_flow_random.c - random packets of known flows: the programs make of them what src/xlat/ makes of them, or leave them alone
 *
 * A flow is drawn, with a prefix of any length of RFC 6052, and a packet of it; often a byte of the packet is changed then, or
 * bytes follow it. It runs through the program, and through pkt_parse() and xlat_64() or xlat_46(), or both for a hairpin.
 * Skipped where the programs cannot be loaded.
 */
#include "flow_box.h"
#include "flow_expect.h"

#include "addr/embed.h"
#include "base/random.h"
#include "slow_sum.h"
#include "xlat/xlat.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 4000
#define PAYLOAD_MAX 1500
#define IP_MAX (IP6_HDR_LEN + 60 + PAYLOAD_MAX)
#define TRUNCATED_LEAST 40 /* the kernel runs programs on nothing shorter than an IP header */

enum direction { V64, V46, HAIRPIN, PAIR64, PAIR46, DIRECTIONS };

/* A flow, and what has been drawn for one packet of it. */
struct drawn {
	enum direction direction;
	struct prefix6 prefix;
	struct ends ends;	 /* of a hairpin: of its first half */
	struct ends second;	 /* of a hairpin: of its second half */
	uint8_t ip[IP_MAX + 64]; /* the packet, and what follows it in the frame */
	size_t len, excess;
	bool is_damaged;
	bool is_syn_awaited;
	const uint16_t *flags; /* of the slot */
};

static bool is_64(const struct drawn *d)
{
	return d->direction != V46 && d->direction != PAIR46;
}

/* Translated without state. */
static bool is_pair(const struct drawn *d)
{
	return d->direction == PAIR64 || d->direction == PAIR46;
}

static struct rng rng;

static uint16_t draw16(void)
{
	return (uint16_t)rng_next(&rng);
}

static void draw_bytes(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rng_next(&rng);
}

/* --- flows --- */

static void draw_prefix(struct drawn *d)
{
	static const uint8_t lens[] = { 32, 40, 48, 56, 64, 96 };
	uint8_t len = lens[rng_below(&rng, ARRAY_LEN(lens))];
	struct addr6 a = { UINT64_C(0x2001) << 48 | rng_next(&rng) >> 16, rng_next(&rng) >> 8 };

	d->prefix = (struct prefix6){ addr6_truncate(a, len), len };
	REQUIRE(embed_prefix_fault(d->prefix) == NULL);
}

static void draw_unicast4(uint8_t *p)
{
	draw_bytes(p, 4);
	p[0] = (uint8_t)(1 + rng_below(&rng, 126));
}

static void draw_host6(uint8_t *p)
{
	draw_bytes(p, 16);
	p[0] = 0x24; /* global unicast, and in no prefix that is drawn here */
}

static void embed(const struct drawn *d, const uint8_t *from4, uint8_t *to6)
{
	addr6_put(to6, embed_addr(d->prefix, addr4_at(from4)));
}

/* One half: the client's side is that of IPv6 source (64) or destination (46). */
static void draw_ends(struct drawn *d)
{
	struct ends *e = &d->ends;
	static const uint8_t protos[] = { IPPROTO_UDP_NR, IPPROTO_TCP_NR, IPPROTO4_ICMP };
	bool is_64 = d->direction != V46 && d->direction != PAIR46;

	*e = (struct ends){ .proto = protos[rng_below(&rng, ARRAY_LEN(protos))] };
	draw_unicast4(e->src4);
	draw_unicast4(e->dst4);
	draw_host6(is_64 ? e->src6 : e->dst6);
	if (is_pair(d))
		draw_host6(is_64 ? e->dst6 : e->src6);
	else
		embed(d, is_64 ? e->dst4 : e->src4, is_64 ? e->dst6 : e->src6);
	draw_bytes(e->sport6, 2);
	draw_bytes(e->dport6, 2);
	memcpy(e->sport4, e->sport6, 2);
	memcpy(e->dport4, e->dport6, 2);
	if (is_pair(d) && be16_at(e->sport4) != 0) {
		if (e->proto == IPPROTO4_ICMP) {
			memcpy(e->dport6, e->sport6, 2);
			memcpy(e->dport4, e->sport4, 2);
		}
		return;
	}
	do
		draw_bytes(is_64 ? e->sport4 : e->dport4, 2);
	while (be16_at(is_64 ? e->sport4 : e->dport4) == 0);
	if (e->proto != IPPROTO4_ICMP)
		return;
	memcpy(e->dport6, e->sport6, 2);
	memcpy(is_64 ? e->dport4 : e->sport4, is_64 ? e->sport4 : e->dport4, 2);
}

/* The packet that the first half makes is one to a pool address, whose binding is drawn here. */
static void draw_second(struct drawn *d)
{
	struct ends *e = &d->second;

	*e = d->ends;
	embed(d, e->src4, e->src6);
	draw_host6(e->dst6);
	memcpy(e->sport6, e->sport4, 2);
	draw_bytes(e->dport6, 2);
	if (e->proto == IPPROTO4_ICMP)
		memcpy(e->sport6, e->dport6, 2);
}

/* --- packets --- */

static uint32_t draw_payload_len(void)
{
	switch (rng_below(&rng, 4)) {
	case 0:
		return 0;
	case 1:
		return rng_below(&rng, 64);
	case 2:
		return 1180 + rng_below(&rng, 100); /* about where DF is set */
	default:
		return rng_below(&rng, PAYLOAD_MAX);
	}
}

/* Writes a transport header with all but the checksum; returns its length. */
static uint32_t put_transport(uint8_t *l4, const struct drawn *d, uint32_t payload)
{
	const struct ends *e = &d->ends;
	bool is_64 = d->direction != V46 && d->direction != PAIR46;

	draw_bytes(l4, 60);
	memcpy(l4, is_64 ? e->sport6 : e->sport4, 2);
	memcpy(l4 + 2, is_64 ? e->dport6 : e->dport4, 2);
	if (e->proto == IPPROTO_TCP_NR) {
		uint32_t words = 5 + rng_below(&rng, 11);

		l4[12] = (uint8_t)(words << 4);
		l4[13] &= (uint8_t)(rng_below(&rng, 8) == 0 ? 0xff : ~(TCP_FIN | TCP_SYN | TCP_RST));
		be16_put(l4 + 16, 0);
		return words * 4;
	}
	be16_put(l4 + 4, (uint16_t)(UDP_HDR_LEN + payload));
	be16_put(l4 + 6, 0);
	if (e->proto == IPPROTO_UDP_NR)
		return UDP_HDR_LEN;
	l4[0] = is_64 ? (uint8_t)(128 + rng_below(&rng, 2)) : (uint8_t)(rng_below(&rng, 2) * 8);
	l4[1] = 0;
	be16_put(l4 + 2, 0);
	memcpy(l4 + 4, is_64 ? e->sport6 : e->sport4, 2);
	be16_put(l4 + 6, draw16());
	return ICMP_HDR_LEN;
}

static void put_checksum(uint8_t *ip, const struct drawn *d, uint8_t *l4, uint32_t len)
{
	uint8_t proto = d->ends.proto == IPPROTO4_ICMP && ip[0] >> 4 == 6 ? IPPROTO6_ICMP : d->ends.proto;
	uint8_t *at = l4 + (d->ends.proto == IPPROTO_TCP_NR ? 16 : d->ends.proto == IPPROTO_UDP_NR ? 6 : 2);
	uint16_t sum = (uint16_t)~slow_ones(slow_sum(l4, len) + slow_pseudo(ip, proto, len));

	be16_put(at, sum == 0 && d->ends.proto == IPPROTO_UDP_NR ? 0xffff : sum);
	if (d->ends.proto != IPPROTO4_ICMP && rng_below(&rng, 8) == 0)
		be16_put(at, draw16()); /* wrong, or by chance none */
}

static void put_header(uint8_t *ip, const struct drawn *d, uint32_t l4_len)
{
	const struct ends *e = &d->ends;
	uint8_t hops = (uint8_t)(rng_below(&rng, 16) == 0 ? rng_below(&rng, 4) : rng_below(&rng, 256));

	if (is_64(d)) {
		be32_put(ip, 6u << 28 | (uint32_t)(rng_next(&rng) & 0xfffffff));
		be16_put(ip + 4, (uint16_t)l4_len);
		ip[6] = e->proto == IPPROTO4_ICMP ? IPPROTO6_ICMP : e->proto;
		ip[7] = hops;
		memcpy(ip + 8, e->src6, 16);
		memcpy(ip + 24, e->dst6, 16);
		return;
	}
	be16_put(ip, (uint16_t)(0x4500 | rng_below(&rng, 256)));
	be16_put(ip + 2, (uint16_t)(IP4_HDR_LEN + l4_len));
	be16_put(ip + 4, draw16());
	be16_put(ip + 6, rng_below(&rng, 4) == 0 ? 0 : 0x4000);
	ip[8] = hops;
	ip[9] = e->proto;
	be16_put(ip + 10, 0);
	memcpy(ip + 12, e->src4, 4);
	memcpy(ip + 16, e->dst4, 4);
	be16_put(ip + 10, (uint16_t)~slow_ones(slow_sum(ip, IP4_HDR_LEN)));
}

static void draw_packet(struct drawn *d)
{
	uint32_t header = is_64(d) ? IP6_HDR_LEN : IP4_HDR_LEN, payload = draw_payload_len();
	uint8_t *l4 = d->ip + header;
	uint32_t l4_len = put_transport(l4, d, payload);

	draw_bytes(l4 + l4_len, payload);
	l4_len += payload;
	put_header(d->ip, d, l4_len);
	put_checksum(d->ip, d, l4, l4_len);
	d->len = header + l4_len;
	d->excess = rng_below(&rng, 4) == 0 ? rng_below(&rng, 20) : 0;
	draw_bytes(d->ip + d->len, d->excess);
}

/* One byte of the headers becomes another one; half of the time the IPv4 header's checksum follows. */
static void damage(struct drawn *d)
{
	size_t front = d->len < 60 ? d->len : 60;

	d->is_damaged = rng_below(&rng, 3) == 0;
	if (!d->is_damaged)
		return;
	d->ip[1 + rng_below(&rng, (uint32_t)front - 1)] ^= (uint8_t)(1 << rng_below(&rng, 8));
	if (!is_64(d) && rng_below(&rng, 2) == 0) {
		be16_put(d->ip + 10, 0);
		be16_put(d->ip + 10, (uint16_t)~slow_ones(slow_sum(d->ip, IP4_HDR_LEN)));
	}
}

static void draw(struct drawn *d, enum direction direction)
{
	*d = (struct drawn){ .direction = direction };
	draw_prefix(d);
	draw_ends(d);
	if (direction == HAIRPIN)
		draw_second(d);
	d->is_syn_awaited = direction != HAIRPIN && rng_below(&rng, 2) == 0;
	draw_packet(d);
}

static void enter(struct box *b, struct drawn *d)
{
	uint8_t prefix[16];

	box_clear(b);
	addr6_put(prefix, d->prefix.addr);
	box_prefix(b, prefix, d->prefix.len);
	b->head->has_pairs = is_pair(d);
	if (is_pair(d)) {
		REQUIRE(box_enter_pair(b, &d->ends, !is_64(d)) != NULL);
		d->flags = NULL;
		return;
	}
	if (!is_64(d)) {
		struct flow46_slot *t = box_enter46(b, &d->ends);

		REQUIRE(t);
		t->flags = d->is_syn_awaited ? FLOW_AWAITS_SYN : 0;
		d->flags = &t->flags;
		return;
	}
	struct flow64_slot *s = box_enter64(b, &d->ends);

	REQUIRE(s);
	s->flags = d->is_syn_awaited ? FLOW_AWAITS_SYN : 0;
	d->flags = &s->flags;
	if (d->direction != HAIRPIN)
		return;
	s->flags = FLOW_HAIRPIN;
	REQUIRE(box_enter46(b, &d->second) != NULL);
}

/* --- what src/xlat/ makes of it --- */

static uint8_t memory[IP_MAX + 64 + PKT_HEADROOM + PKT_TAILROOM];

static bool has_key(const struct drawn *d)
{
	struct ends now = d->ends;
	const struct ends *e = &d->ends;

	if (!ends_read(&now, d->ip, d->len))
		return false;
	if (is_pair(d)) /* of any protocol and port */
		return is_64(d) ? memcmp(now.src6, e->src6, 16) == 0 && memcmp(now.dst6, e->dst6, 16) == 0
				: memcmp(now.src4, e->src4, 4) == 0 && memcmp(now.dst4, e->dst4, 4) == 0;
	if (now.proto != e->proto)
		return false;
	if (!is_64(d))
		return memcmp(now.src4, e->src4, 4) == 0 && memcmp(now.dst4, e->dst4, 4) == 0 &&
		       memcmp(now.sport4, e->sport4, 2) == 0 && memcmp(now.dport4, e->dport4, 2) == 0;
	return memcmp(now.src6, e->src6, 16) == 0 && memcmp(now.dst6, e->dst6, 16) == 0 &&
	       memcmp(now.sport6, e->sport6, 2) == 0 && memcmp(now.dport6, e->dport6, 2) == 0;
}

static enum drop_reason turn_64(struct pkt *p, const struct ends *e)
{
	struct xlat_to4 to = { .outer = { .src = addr4_at(e->src4),
				       .dst = addr4_at(e->dst4),
				       .sport = be16_at(e->sport4),
				       .dport = be16_at(e->dport4) } };

	return xlat_64(p, &to, 0);
}

static enum drop_reason turn_46(struct pkt *p, const struct ends *e)
{
	struct xlat_to6 to = { .outer = { .src = addr6_at(e->src6),
				       .dst = addr6_at(e->dst6),
				       .sport = be16_at(e->sport6),
				       .dport = be16_at(e->dport6) } };

	return xlat_46(p, &to);
}

static void keep_ports(struct ends *e, const struct view *v)
{
	be16_put(e->sport4, v->sport);
	be16_put(e->sport6, v->sport);
	be16_put(e->dport4, v->dport);
	be16_put(e->dport6, v->dport);
}

static bool is_form_taken(const struct drawn *d, const struct pkt *p)
{
	struct pkt same = *p;

	if (is_pair(d) && is_64(d) && p->v.kind == L4_ICMP_QUERY && p->v.sport == 0)
		return false; /* it may be one of nothing but zeros */
	if (is_pair(d))
		same.v.tcp_flags = 0; /* no connection is followed */
	/* A SYN that answers nothing is not looked for. */
	bool may_answer = !is_64(d) || is_pair(d) || (same.v.tcp_flags & TCP_ACK) != 0;

	return is_plain(&same, d->is_syn_awaited && may_answer);
}

/* True if the packet is one that the program must translate; *p is what must come out then. */
static bool oracle(const struct drawn *d, struct pkt *p)
{
	*p = (struct pkt){ .head = memory,
		.data = memory + PKT_HEADROOM,
		.len = (uint32_t)(d->len + d->excess),
		.end = memory + sizeof(memory) };
	memcpy(p->data, d->ip, p->len);
	p->off.csum_valid = true; /* of ICMP, which the program does not verify either */
	if (pkt_parse(p) != DROP_NONE || !is_form_taken(d, p) || !has_key(d))
		return false;
	struct ends ends = d->ends;

	if (is_pair(d)) /* ports stay, whatever they have become */
		keep_ports(&ends, &p->v);
	if (!is_64(d))
		return turn_46(p, &ends) == DROP_NONE;
	if (turn_64(p, &ends) != DROP_NONE)
		return false;
	return d->direction != HAIRPIN || turn_46(p, &d->second) == DROP_NONE;
}

static void check_result(struct pkt *want, const struct frame *got)
{
	uint8_t *ip = want->data;

	if (ip[0] >> 4 == 4) {
		memcpy(ip + 4, got->bytes + ETHERNET + 4, 2); /* the identification is its own choice */
		be16_put(ip + 10, 0);
		be16_put(ip + 10, (uint16_t)~slow_ones(slow_sum(ip, IP4_HDR_LEN)));
	}
	CHECK_BYTES(got->bytes + ETHERNET, got->len - ETHERNET, ip, want->len);
}

static void check_counts(const struct box *b, const struct drawn *d, const struct pkt *in)
{
	unsigned kind = d->ends.proto == IPPROTO_UDP_NR	  ? FLOW_UDP
			: d->ends.proto == IPPROTO_TCP_NR ? FLOW_TCP
							  : FLOW_ICMP;
	size_t way = !is_64(d) ? FLOW_46 : FLOW_64;
	size_t first = is_pair(d) ? offsetof(struct flow_tallies, stateless_pkts)
				  : offsetof(struct flow_tallies, pkts);
	size_t pkts = first + (way * FLOW_PROTO_COUNT + kind) * sizeof(uint64_t);
	size_t bytes = pkts + offsetof(struct flow_tallies, bytes) - offsetof(struct flow_tallies, pkts);

	CHECK_INT(box_tally(b, pkts), 1);
	CHECK_INT(box_tally(b, bytes), in->len);
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, hairpins)), d->direction == HAIRPIN);
	CHECK_INT(box_ups(b), 0);
}

static struct frame was, now;

static bool run_drawn(struct box *b, struct drawn *d)
{
	static struct pkt want, in;
	bool must = oracle(d, &want);

	uint8_t in_flags = d->ip[(is_64(d) ? IP6_HDR_LEN : IP4_HDR_LEN) + 13];

	in = (struct pkt){ .len = (uint32_t)d->len };
	enter(b, d);
	frame_of(&was, d->ip, d->len + d->excess);
	now = was;
	bool is_sent = box_run(b, &now);

	CHECK_INT(is_sent, must);
	if (is_sent && must) {
		bool is_syn = d->ends.proto == IPPROTO_TCP_NR && in_flags & TCP_SYN;

		check_result(&want, &now);
		if (d->flags)
			CHECK_INT((*d->flags & FLOW_SAW_SYN) != 0, is_syn);
		if (!d->is_damaged)
			check_counts(b, d, &in);
	}
	if (!is_sent)
		CHECK_BYTES(now.bytes, now.len, was.bytes, was.len);
	return is_sent;
}

static void run_stand(enum stand at)
{
	static struct drawn d;
	struct box *b = box_new();
	unsigned sent[DIRECTIONS] = { 0 };

	rng_init(&rng, test_seed());
	box_stand(b, at);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char row[64];

		snprintf(row, sizeof(row), "round %u", i);
		test_row(row);
		draw(&d, (enum direction)(i % DIRECTIONS));
		if (at == STAND_TC_SUMMED)
			d.excess =
				0; /* the kernel forgets its sum when something is cut off, but compares nevertheless */
		else
			damage(&d);
		sent[d.direction] += run_drawn(b, &d);
	}
	test_row(NULL);
	printf("translated: %u from IPv6, %u from IPv4, %u hairpins, %u and %u without state\n", sent[V64],
		sent[V46], sent[HAIRPIN], sent[PAIR64], sent[PAIR46]);
	for (unsigned i = 0; i < DIRECTIONS; i++)
		CHECK(sent[i] > ROUNDS / DIRECTIONS / 2);
	box_free(b);
}

TEST(random_packets_come_out_of_tc_as_the_translator_would_have_them)
{
	run_stand(STAND_TC_ROUTE);
}

TEST(random_packets_whose_checksum_was_verified_come_out_of_tc_the_same)
{
	run_stand(STAND_TC_VERIFIED);
}

TEST(random_packets_that_were_summed_up_come_out_of_tc_with_the_right_sum)
{
	run_stand(STAND_TC_SUMMED);
}

TEST(random_packets_come_out_of_xdp_as_the_translator_would_have_them)
{
	run_stand(STAND_XDP);
}

/* The length of the packet says more than there is, so nothing of it may be translated. */
static void truncate_all(enum stand at)
{
	static struct drawn d;
	struct box *b = box_new();
	unsigned sent = 0;

	rng_init(&rng, test_seed());
	box_stand(b, at);
	for (unsigned i = 0; i < 60; i++) {
		draw(&d, (enum direction)(i % DIRECTIONS));
		d.excess = 0;
		sent += run_drawn(b, &d);
		for (size_t len = TRUNCATED_LEAST; len < d.len && len < 200; len++) {
			frame_of(&was, d.ip, len);
			now = was;
			CHECK(!box_run(b, &now));
			CHECK_BYTES(now.bytes, now.len, was.bytes, was.len);
		}
	}
	CHECK(sent > 20);
	box_free(b);
}

TEST(no_truncation_of_a_packet_is_translated_by_tc)
{
	truncate_all(STAND_TC_ROUTE);
}

TEST(no_truncation_of_a_packet_is_translated_by_xdp)
{
	truncate_all(STAND_XDP);
}
