/*
 * test_flow_counts.c - what the programs note of packets: in the slots that they took, and in the tallies
 *
 * Single packets and trains of segments, of each table and of hairpins. Nothing else may be counted. Skipped where the programs cannot
 * be loaded.
 */
#include "flow_packets.h"

#include <stddef.h>
#include <time.h>

#define SEGMENT 40  /* payload bytes of a train's segments */
#define SLACK_MS 50 /* a coarse clock and our own */

enum kind { KIND_64, KIND_46, KIND_HAIRPIN, KIND_PAIR64, KIND_PAIR46 };

static const struct row {
	const char *name;
	enum kind kind;
	uint8_t proto;
	uint32_t payload, gso_segs; /* a train says how many segments it has, or 0 */
	bool is_train;
	uint32_t want_segs;
} rows[] = {
	{ "UDP from IPv6", KIND_64, IPPROTO_UDP_NR, 100, 0, false, 1 },
	{ "TCP from IPv6", KIND_64, IPPROTO_TCP_NR, 100, 0, false, 1 },
	{ "echo from IPv6", KIND_64, IPPROTO4_ICMP, 100, 0, false, 1 },
	{ "UDP from IPv4", KIND_46, IPPROTO_UDP_NR, 100, 0, false, 1 },
	{ "TCP from IPv4", KIND_46, IPPROTO_TCP_NR, 100, 0, false, 1 },
	{ "echo from IPv4", KIND_46, IPPROTO4_ICMP, 100, 0, false, 1 },
	{ "hairpin", KIND_HAIRPIN, IPPROTO_UDP_NR, 100, 0, false, 1 },
	{ "UDP from IPv6 without state", KIND_PAIR64, IPPROTO_UDP_NR, 100, 0, false, 1 },
	{ "TCP from IPv4 without state", KIND_PAIR46, IPPROTO_TCP_NR, 100, 0, false, 1 },
	{ "a train from IPv6", KIND_64, IPPROTO_TCP_NR, 100, 3, true, 3 },
	{ "a train from IPv4", KIND_46, IPPROTO_TCP_NR, 100, 3, true, 3 },
	{ "a train of datagrams", KIND_64, IPPROTO_UDP_NR, 100, 3, true, 3 },
	{ "a train that is turned around", KIND_HAIRPIN, IPPROTO_UDP_NR, 100, 3, true, 3 },
	{ "a train from IPv6 without state", KIND_PAIR64, IPPROTO_UDP_NR, 100, 3, true, 3 },
	{ "a train from IPv4 without state", KIND_PAIR46, IPPROTO_UDP_NR, 100, 3, true, 3 },
	{ "a train that does not say how many", KIND_64, IPPROTO_TCP_NR, 100, 0, true, 3 },
	{ "... of whole segments", KIND_64, IPPROTO_TCP_NR, 2 * SEGMENT, 0, true, 2 },
	{ "... of nothing", KIND_64, IPPROTO_TCP_NR, 0, 0, true, 1 },
	{ "a train that says something else", KIND_64, IPPROTO_TCP_NR, 100, 7, true, 7 },
};

static uint32_t now_ms(void)
{
	struct timespec t;

	REQUIRE(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static enum flow_proto kind_of(uint8_t proto)
{
	return proto == IPPROTO_TCP_NR ? FLOW_TCP : proto == IPPROTO_UDP_NR ? FLOW_UDP : FLOW_ICMP;
}

/* What of the tallies is wanted; all else is zero. */
static struct flow_tallies want_tallies(const struct row *r, uint32_t len)
{
	enum flow_proto p = kind_of(r->proto);
	struct flow_tallies t = { .routed = 1 };
	bool is_6 = r->kind == KIND_64 || r->kind == KIND_PAIR64 || r->kind == KIND_HAIRPIN;
	enum flow_direction way = is_6 ? FLOW_64 : FLOW_46;

	t.trains[way] = r->is_train;
	if (r->kind == KIND_PAIR64 || r->kind == KIND_PAIR46) {
		t.stateless_pkts[way][p] = r->want_segs;
		t.stateless_bytes[way][p] = len;
		return t;
	}
	t.pkts[way][p] = r->want_segs;
	t.bytes[way][p] = len;
	if (r->kind == KIND_HAIRPIN) {
		t.trains[FLOW_46] = r->is_train;
		t.pkts[FLOW_46][p] = r->want_segs;
		t.bytes[FLOW_46][p] = len - (IP6_HDR_LEN - IP4_HDR_LEN);
		t.hairpins = 1;
	}
	return t;
}

static void check_tallies(const struct box *b, const struct flow_tallies *want)
{
	const uint64_t *words = (const void *)want;

	for (size_t i = 0; i < sizeof(*want) / sizeof(*words); i++) {
		if (box_tally(b, i * sizeof(*words)) != words[i])
			printf("word %zu of the tallies:\n", i);
		CHECK_INT(box_tally(b, i * sizeof(*words)), words[i]);
	}
}

static void check_noted(uint64_t pkts, uint64_t bytes, uint32_t seen, const struct row *r, uint32_t len)
{
	CHECK_INT(pkts, r->want_segs);
	CHECK_INT(bytes, len);
	CHECK(now_ms() + SLACK_MS - seen < 2 * SLACK_MS + 1000);
}

/* The second half of the hairpin: from the pool's address to another client. */
static struct flow46_slot *enter_second(struct box *b, const struct ends *first)
{
	struct ends e = {
		.src6 = { 0, 0x64, 0xff, 0x9b }, .dst6 = { 0x24, [15] = 2 }, .dport6 = { 0x77, 7 }
	};

	e.proto = first->proto;
	memcpy(e.src4, first->src4, 4);
	memcpy(e.src6 + 12, first->src4, 4);
	memcpy(e.dst4, first->dst4, 4);
	memcpy(e.sport4, first->sport4, 2);
	memcpy(e.sport6, first->sport4, 2);
	memcpy(e.dport4, first->dport4, 2);
	return box_enter46(b, &e);
}

static void check_row(struct box *b, const struct row *r)
{
	bool is_64 = r->kind != KIND_46 && r->kind != KIND_PAIR46;
	bool is_pair = r->kind == KIND_PAIR64 || r->kind == KIND_PAIR46;
	struct ends e = ends_of(r->proto, is_64);
	uint8_t ip[512];
	uint32_t len = (uint32_t)packet_of(ip, &e, is_64, r->payload);
	struct flow64_slot *s = NULL;
	struct flow46_slot *t = NULL;
	struct flow_pair *p = NULL;

	if (is_pair)
		p = box_enter_pair(b, &e, !is_64);
	else if (is_64)
		s = box_enter64(b, &e);
	else
		t = box_enter46(b, &e);
	if (r->kind == KIND_HAIRPIN) {
		s->flags = FLOW_HAIRPIN;
		t = enter_second(b, &e);
	}
	b->head->has_pairs = is_pair;
	b->gso_size = r->is_train ? SEGMENT : 0;
	b->gso_segs = r->gso_segs;
	CHECK(is_sent(b, ip, len));
	const struct flow_tallies want = want_tallies(r, len);

	check_tallies(b, &want);
	if (s)
		check_noted(s->pkts, s->bytes, s->seen, r, len);
	if (t)
		check_noted(t->pkts, t->bytes, t->seen, r, s ? len - (IP6_HDR_LEN - IP4_HDR_LEN) : len);
	if (p)
		check_noted(r->want_segs, len, p->seen, r, len);
}

TEST(a_packet_is_noted_where_it_belongs_and_nowhere_else)
{
	struct box *b = box_new();

	box_stand(b, STAND_TC_ROUTE);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].name);
		box_clear(b);
		check_row(b, &rows[i]);
	}
	test_row(NULL);
	box_free(b);
}

TEST(of_a_hairpin_the_second_slot_names_the_exit)
{
	struct box *b = box_new();
	struct ends e = ends_of(IPPROTO_UDP_NR, true);
	uint8_t ip[256];
	size_t len = packet_of(ip, &e, true, PAYLOAD);

	box_stand(b, STAND_TC_OUT);
	struct flow64_slot *s = box_enter64(b, &e);
	struct flow46_slot *t = enter_second(b, &e);

	s->flags = FLOW_HAIRPIN;
	for (unsigned i = 0; i < 3; i++)
		CHECK(is_sent(b, ip, len));
	CHECK_INT(s->exit, 0);
	CHECK(t->exit != 0);
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, redirected)), 3);
	CHECK_INT(box_tally(b, offsetof(struct flow_tallies, routed)), 0);
	box_free(b);
}

/* --- the SYN that answers --- */

static bool syn_passes(struct box *b, bool is_64, uint8_t flags)
{
	struct ends e = ends_of(IPPROTO_TCP_NR, is_64);
	uint8_t ip[256];
	size_t len = packet_of(ip, &e, is_64, PAYLOAD);

	ip[(is_64 ? IP6_HDR_LEN : IP4_HDR_LEN) + 13] = flags;
	return is_sent(b, ip, len);
}

TEST(a_syn_that_is_awaited_passes_is_noted_and_may_come_again)
{
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct box *b = box_new();
		struct ends e = ends_of(IPPROTO_TCP_NR, is_64);

		box_stand(b, STAND_TC_ROUTE);
		__u16 *flags = is_64 ? &box_enter64(b, &e)->flags : &box_enter46(b, &e)->flags;

		CHECK(!syn_passes(b, is_64, TCP_SYN | TCP_ACK));
		CHECK_INT(*flags, 0);
		*flags = FLOW_AWAITS_SYN;
		CHECK(syn_passes(b, is_64, TCP_ACK));
		CHECK_INT(*flags, FLOW_AWAITS_SYN);
		CHECK(!syn_passes(b, is_64, TCP_SYN | TCP_FIN));
		CHECK(!syn_passes(b, is_64, TCP_SYN | TCP_RST));
		CHECK_INT(*flags, FLOW_AWAITS_SYN);
		for (unsigned i = 0; i < 2; i++) {
			CHECK(syn_passes(b, is_64, TCP_SYN | TCP_ACK));
			CHECK_INT(*flags, FLOW_AWAITS_SYN | FLOW_SAW_SYN);
		}
		CHECK_INT(UP(b, FLOW_UP_TCP_FLAGS), 3);
		box_free(b);
	}
}

TEST(a_syn_that_would_turn_around_goes_up_whoever_awaits_it)
{
	struct box *b = box_new();
	struct ends e = ends_of(IPPROTO_TCP_NR, true);

	box_stand(b, STAND_TC_ROUTE);
	box_enter64(b, &e)->flags = FLOW_HAIRPIN | FLOW_AWAITS_SYN;
	struct flow46_slot *t = enter_second(b, &e);

	t->flags = FLOW_AWAITS_SYN;
	CHECK(syn_passes(b, true, TCP_ACK));
	CHECK(!syn_passes(b, true, TCP_SYN));
	CHECK(!syn_passes(b, true, TCP_SYN | TCP_ACK));
	CHECK_INT(t->flags, FLOW_AWAITS_SYN);
	box_free(b);
}

/* --- what has no slot --- */

static const struct {
	const char *name;
	uint8_t flags;
	enum flow_up why;
} tcp_flags[] = {
	{ "SYN", TCP_SYN, FLOW_UP_TCP_FLAGS },
	{ "FIN", TCP_FIN | TCP_ACK, FLOW_UP_TCP_FLAGS },
	{ "RST", TCP_RST, FLOW_UP_TCP_FLAGS },
	{ "ACK", TCP_ACK, FLOW_UP_NO_ENTRY },
};

TEST(where_pairs_are_looked_for_too_the_reason_is_the_same)
{
	struct box *b = box_new();

	box_stand(b, STAND_TC_ROUTE);
	b->head->has_pairs = 1;
	for (size_t i = 0; i < ARRAY_LEN(tcp_flags); i++) {
		test_row(tcp_flags[i].name);
		box_clear(b);
		CHECK(!syn_passes(b, true, tcp_flags[i].flags));
		CHECK_INT(UP(b, tcp_flags[i].why), 1);
		CHECK_INT(box_ups(b), 1);
	}
	test_row(NULL);
	box_free(b);
}
