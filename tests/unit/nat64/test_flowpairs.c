/* test_flowpairs.c - address pairs that are translated without state: when they are entered, and what ends them */
#include "flowmodel.h"
#include "stateless_bench.h"

#include "nat64/trace.h"

#define SETS 16

struct fast {
	struct bench *b;
	struct flowmodel *m;
};

static struct fast fast_with(struct bench *b, uint32_t sets)
{
	struct fast f = { b, flowmodel_new(0, sets) };

	b->now = 1000 * NSEC;
	b->cfg.flows = &f.m->maps;
	bench_start(b);
	b->now += NSEC;
	return f;
}

static struct fast fast_new(void)
{
	struct bench *b = siit_config();

	set_mappings(b, figure1, ARRAY_LEN(figure1));
	return fast_with(b, SETS);
}

static void fast_free(struct fast f)
{
	bench_free(f.b);
	flowmodel_free(f.m);
}

static void pass(struct fast f, nsec time)
{
	struct nat64_out out = { .send = capture, .ctx = f.b };

	for (nsec end = f.b->now + time; f.b->now < end;) {
		f.b->now += end - f.b->now < NSEC / 2 ? end - f.b->now : NSEC / 2;
		(void)nat64_tick(f.b->n, f.b->now, &out);
	}
	REQUIRE(nat64_validate(f.b->n));
}

static struct flowcache_counters count(struct fast f)
{
	return nat64_flowcache_counters(f.b->n);
}

static bool sends(struct fast f)
{
	uint64_t hits = f.m->hits;

	CHECK_INT(flowmodel_send(f.m, f.b), VERDICT_SEND);
	REQUIRE(f.b->sent >= 1);
	CHECK(all_checksums_ok(f.b));
	return f.m->hits > hits;
}

static bool out(struct fast f, const char *src, const char *dst)
{
	craft_udp(&f.b->in, &(struct craft_ip){ .src = src, .dst = dst }, 1000, 53, 30);
	return sends(f);
}

/* Packets until the programs have it; more than @max: never. */
static unsigned packets_until_entered(struct fast f, const char *src, const char *dst, unsigned max)
{
	unsigned n = 0;

	while (n <= max && !out(f, src, dst))
		n++;
	return n;
}

TEST(a_pair_is_entered_by_direction_with_its_eighth_packet)
{
	struct fast f = fast_new();

	CHECK_INT(packets_until_entered(f, HOST_A, PEER_SEEN, 20), 8);
	expect4(f.b, HOST_A4, PEER);
	CHECK_INT(count(f).pairs, 1);
	CHECK_INT(packets_until_entered(f, PEER, HOST_A4, 20), 8);
	expect6(f.b, PEER_SEEN, HOST_A);
	CHECK_INT(count(f).pairs, 2);
	/* All protocols and ports. */
	craft_tcp(&f.b->in, &(struct craft_ip){ .src = PEER, .dst = HOST_A4 }, 1, 2, TCP_ACK, 10);
	CHECK(sends(f));
	craft_echo(&f.b->in, &(struct craft_ip){ .src = HOST_A, .dst = PEER_SEEN }, false, 9, 1, 10);
	CHECK(sends(f));
	CHECK(!out(f, HOST_B, PEER_SEEN));
	fast_free(f);
}

TEST(an_idle_pair_leaves_after_a_minute_and_a_busy_one_stays)
{
	struct fast f = fast_new();

	(void)packets_until_entered(f, HOST_A, PEER_SEEN, 20);
	(void)packets_until_entered(f, HOST_B, PEER_SEEN, 20);
	for (unsigned i = 0; i < 5; i++) {
		pass(f, 20 * NSEC);
		CHECK(out(f, HOST_A, PEER_SEEN));
	}
	CHECK_INT(count(f).pairs, 1);
	CHECK_INT(count(f).pairs_left, 1);
	CHECK(!out(f, HOST_B, PEER_SEEN));
	fast_free(f);
}

TEST(another_configuration_voids_pairs_and_they_come_back)
{
	struct fast f = fast_new();

	(void)packets_until_entered(f, HOST_A, PEER_SEEN, 20);
	CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
	CHECK(!out(f, HOST_A, PEER_SEEN));
	pass(f, NSEC);
	CHECK_INT(count(f).pairs, 0);
	CHECK(packets_until_entered(f, HOST_A, PEER_SEEN, 20) <= 8);
	fast_free(f);
}

TEST(a_trace_sees_packets_of_pairs)
{
	struct fast f = fast_new();
	const struct trace_filter all = { .has_client = false };
	struct trace *t = NULL;

	(void)packets_until_entered(f, HOST_A, PEER_SEEN, 20);
	REQUIRE(trace_new(&all, &t) == 0);
	REQUIRE(nat64_trace(f.b->n, t) == 0);
	pass(f, NSEC);
	CHECK(packets_until_entered(f, HOST_A, PEER_SEEN, 100) > 100);
	nat64_trace_end(f.b->n, t);
	trace_free(t);
	CHECK(packets_until_entered(f, HOST_A, PEER_SEEN, 20) <= 8);
	fast_free(f);
}

TEST(what_is_turned_around_is_not_entered_rfc7757_s4)
{
	struct fast f = fast_new();

	CHECK(packets_until_entered(f, HOST_A, HOST_B_SEEN, 100) > 100);
	CHECK_INT(count(f).pairs_entered, 0);
	fast_free(f);
}

TEST(the_second_way_of_a_hairpin_is_not_that_of_packets_from_outside_rfc7757_s4_2_1)
{
	struct fast f = fast_new();

	for (unsigned i = 0; i < 30; i++) {
		CHECK(!out(f, HOST_A, HOST_B_SEEN));
		expect6(f.b, HOST_A_SEEN, HOST_B);
	}
	CHECK(!out(f, HOST_A4, HOST_B4));
	expect6(f.b, HOST_A, HOST_B);
	fast_free(f);
}

TEST(a_full_set_takes_a_pair_when_another_was_idle)
{
	static const char *const hosts[] = { "2001:db8:cccc::1", "2001:db8:cccc::2", "2001:db8:cccc::3",
		"2001:db8:cccc::4", "2001:db8:cccc::5" };
	struct bench *b = siit_config();

	set_mappings(b, figure1, ARRAY_LEN(figure1));
	struct fast f = fast_with(b, 1);

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		CHECK_INT(packets_until_entered(f, hosts[i], PEER_SEEN, 20), 8);
	CHECK(packets_until_entered(f, hosts[4], PEER_SEEN, 20) > 20);
	CHECK(count(f).pairs_full > 0);
	for (unsigned i = 0; i < 4; i++) {
		pass(f, 20 * NSEC);
		for (unsigned k = 1; k < FLOW_WAYS; k++)
			CHECK(out(f, hosts[k], PEER_SEEN));
	}
	CHECK(packets_until_entered(f, hosts[4], PEER_SEEN, 20) <= 8);
	fast_free(f);
}

/* Which ways of the one set count, as bits. */
static unsigned ways_taken(struct fast f)
{
	unsigned taken = 0;

	for (unsigned way = 0; way < FLOW_WAYS; way++)
		taken |= (f.m->maps.pairs[0].way[way].epoch != 0 ? 1u : 0u) << way;
	return taken;
}

TEST(a_slot_waits_for_the_grace_before_it_is_another_pairs)
{
	static const char *const hosts[] = { "2001:db8:cccc::1", "2001:db8:cccc::2", "2001:db8:cccc::3",
		"2001:db8:cccc::4" };
	struct bench *b = siit_config();

	set_mappings(b, figure1, ARRAY_LEN(figure1));
	struct fast f = fast_with(b, 1);
	struct nat64_out to = { .send = capture, .ctx = b };

	(void)packets_until_entered(f, HOST_A, PEER_SEEN, 20);
	unsigned first = ways_taken(f), all = (1u << FLOW_WAYS) - 1;

	CHECK(first != 0);
	CHECK_INT(nat64_update(b->n, &b->cfg), 0);
	(void)nat64_tick(b->n, b->now, &to); /* ends it */
	CHECK_INT(ways_taken(f), 0);
	b->now += FLOW_GRACE_MS * MSEC;
	(void)nat64_tick(b->n, b->now, &to);
	for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
		(void)packets_until_entered(f, hosts[i], PEER_SEEN, 20);
	CHECK_INT(ways_taken(f), all & ~first);
	b->now += 2 * MSEC;
	(void)nat64_tick(b->n, b->now, &to);
	(void)packets_until_entered(f, hosts[FLOW_WAYS - 1], PEER_SEEN, 100);
	CHECK_INT(ways_taken(f), all);
	CHECK(nat64_validate(b->n));
	fast_free(f);
}

TEST(a_full_set_of_a_configuration_before_makes_room_without_the_walk)
{
	static const char *const hosts[] = { "2001:db8:cccc::1", "2001:db8:cccc::2", "2001:db8:cccc::3",
		"2001:db8:cccc::4" };
	struct bench *b = siit_config();

	set_mappings(b, figure1, ARRAY_LEN(figure1));
	struct fast f = fast_with(b, 1);

	for (unsigned i = 0; i < FLOW_WAYS; i++)
		CHECK_INT(packets_until_entered(f, hosts[i], PEER_SEEN, 20), 8);
	CHECK_INT(nat64_update(b->n, &b->cfg), 0);
	CHECK(packets_until_entered(f, hosts[0], PEER_SEEN, 10) > 10); /* ends them */
	b->now += (FLOW_GRACE_MS + 2) * MSEC;
	CHECK(packets_until_entered(f, hosts[0], PEER_SEEN, 20) <= 16);
	CHECK(nat64_validate(b->n));
	fast_free(f);
}

TEST(without_a_table_nothing_is_entered_and_everything_works)
{
	struct bench *b = siit_config();

	set_mappings(b, figure1, ARRAY_LEN(figure1));
	struct fast f = fast_with(b, 0);

	CHECK(packets_until_entered(f, HOST_A, PEER_SEEN, 50) > 50);
	pass(f, NSEC);
	fast_free(f);
}

TEST(an_address_that_dns46_has_lent_is_not_entered)
{
	static uint64_t memory[64];
	static struct lent46 lent;
	const struct prefix4 pool = { { 0xcb007108u }, 31 };
	const struct hash_key key = { 1, 2 };
	struct bench *b = siit_config();
	struct lent46_writer w;
	struct addr4 a;
	struct addr6 target;
	char a4[ADDR4_TEXT];

	REQUIRE(lent46_bytes(pool) <= sizeof(memory));
	lent46_make(memory, pool, &key);
	REQUIRE(lent46_attach(&lent, pool, memory));
	lent46_take(&w, &lent, NSEC);
	REQUIRE(addr6_parse("2001:db8:7::7", &target));
	REQUIRE(lent46_lend(&w, target, 1000 * NSEC, 5000 * NSEC, &a) == 0);
	b->cfg.siit.lent = &lent;
	b->cfg.siit.lent_pool = pool;
	struct fast f = fast_with(b, SETS);

	CHECK(packets_until_entered(f, PEER, addr4_text(a, a4), 50) > 50);
	CHECK(packets_until_entered(f, "2001:db8:7::7", PEER_SEEN, 50) > 50);
	fast_free(f);
}
