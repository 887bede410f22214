/* test_fixed.c - pools chosen by subscriber, and blocks that are a subscriber's own by computation (RFC 7422) */
#include "fixture.h"
#include "state/tables.h"

#include <errno.h>

static struct prefix6 p6(const char *text)
{
	struct prefix6 p;

	REQUIRE(prefix6_parse(text, &p) == 0);
	return p;
}

static void add_member(struct state_config *c, const char *text, uint8_t pool)
{
	c->members[c->members_len++] = (struct pool_member){ p6(text), pool };
}

static void add_entry(struct state_config *c, struct pool_entry e, uint8_t pool)
{
	e.pool = pool;
	c->pool[c->pool_len++] = e;
}

/* Pool 0 and two pools by subscriber, one inside the other. */
static struct state_config config_of_pools(void)
{
	struct state_config c = config_small();

	add_entry(&c, pool_of(v4(192, 0, 2, 2), 32, 1024, 2047), 1);
	add_entry(&c, pool_of(v4(192, 0, 2, 3), 32, 1024, 2047), 2);
	add_member(&c, "2001:db8:0:10::/60", 1);
	add_member(&c, "2001:db8:0:12::/64", 2);
	return c;
}

static const struct {
	unsigned net;
	uint8_t pool;
	struct addr4 out;
} pool_cases[] = {
	{ 1, 0, { 0xc0000201 } },
	{ 0x0f, 0, { 0xc0000201 } },
	{ 0x10, 1, { 0xc0000202 } },
	{ 0x12, 2, { 0xc0000203 } }, /* the longest match */
	{ 0x13, 1, { 0xc0000202 } },
	{ 0x1f, 1, { 0xc0000202 } },
	{ 0x20, 0, { 0xc0000201 } },
};

TEST(the_longest_prefix_that_holds_a_subscriber_chooses_its_pool)
{
	struct state_config c = config_of_pools();
	struct state *s = state_of(&c);

	for (size_t i = 0; i < ARRAY_LEN(pool_cases); i++) {
		struct addr6 in = v6(pool_cases[i].net, 7);

		CHECK_INT(fixed_pool_of(&c, in), pool_cases[i].pool);
		CHECK_INT(take64(s, udp64(in, 4000, SERVER, 53), START).binding->out.v, pool_cases[i].out.v);
	}
	FINISH(s);
}

TEST(a_subscriber_never_gets_a_block_of_another_pool)
{
	struct state_config c = config_of_pools();

	c.pool[1].hi = 1151; /* two blocks */
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 128; i++)
		CHECK_INT(
			take64(s, udp64(v6(0x10, 1), (uint16_t)(5000 + i), SERVER, 53), START).binding->out.v,
			v4(192, 0, 2, 2).v);
	check_drop64(s, udp64(v6(0x10, 1), 9, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	check_drop64(s, udp64(v6(0x11, 1), 9, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	take64(s, udp64(v6(1, 1), 9, SERVER, 53), START);
	FINISH(s);
}

TEST(a_subscriber_without_a_pool_is_refused_by_that_name)
{
	struct state_config c = config_of_pools();

	c.pool[0].pool = 1; /* nothing is left for everybody */
	struct state *s = state_of(&c);

	check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START, DROP_NO_POOL);
	take64(s, udp64(v6(0x10, 1), 9, SERVER, 53), START);
	CHECK_INT(stats_of(s).subscribers, 1);
	FINISH(s);
}

TEST(a_static_binding_lies_in_its_subscribers_pool)
{
	struct static_binding b = { PROTO_UDP, v4(192, 0, 2, 2), 1030, v6(0x10, 1), 53 };
	struct state_config c = config_of_pools();
	struct state *s = NULL;

	c.statics = &b;
	c.statics_len = 1;
	s = state_of(&c);
	FINISH(s);
	s = NULL;
	b.in = v6(1, 1);
	CHECK_INT(state_new(&c, seed_of_tests, START, &s), -EINVAL);
	CHECK(s == NULL);
}

/* --- fixed blocks --- */

/* Eight subscribers of 2001:db8:0:10::/61 with two blocks of 64 ports, on two addresses with 16 blocks each. */
static struct state_config config_fixed(void)
{
	struct state_config c = config_small();

	c.pool_len = 0;
	add_entry(&c, pool_of(v4(192, 0, 2, 0), 31, 1024, 2047), 1);
	add_member(&c, "2001:db8:0:10::/61", 1);
	c.fixed_blocks[1] = 2;
	return c;
}

static const struct {
	unsigned net;
	uint32_t n;
	struct addr4 addr;
	uint16_t lo, hi;
} fixed_cases[] = {
	{ 0x10, 0, { 0xc0000200 }, 1024, 1087 },
	{ 0x10, 1, { 0xc0000200 }, 1088, 1151 },
	{ 0x11, 0, { 0xc0000200 }, 1152, 1215 },
	{ 0x13, 1, { 0xc0000200 }, 1472, 1535 },
	{ 0x14, 0, { 0xc0000201 }, 1024, 1087 },
	{ 0x17, 1, { 0xc0000201 }, 1472, 1535 },
};

TEST(fixed_blocks_are_computed_both_ways)
{
	struct state_config c = config_fixed();
	struct fixed_plan p = fixed_plan_of(&c, 1);
	struct fixed_block b;

	CHECK_INT(p.subscribers, 8);
	CHECK_INT(p.addresses, 2);
	CHECK_INT(p.slots, 8);
	CHECK_INT(p.room, 16);
	CHECK_INT(p.ratio, 4);
	for (size_t i = 0; i < ARRAY_LEN(fixed_cases); i++) {
		REQUIRE(fixed_block_of(&c, &p, v6(fixed_cases[i].net, 99), fixed_cases[i].n, &b));
		CHECK_INT(b.addr.v, fixed_cases[i].addr.v);
		CHECK_INT(b.lo, fixed_cases[i].lo);
		CHECK_INT(b.hi, fixed_cases[i].hi);
		REQUIRE(fixed_block_at(&c, b.addr, b.hi, &b));
		CHECK(addr6_eq(b.subscriber.addr, v6(fixed_cases[i].net, 0)) && b.subscriber.len == 64);
		CHECK_INT(b.lo, fixed_cases[i].lo);
	}
	b.lo = 7;
	CHECK(!fixed_block_of(&c, &p, v6(0x10, 1), 2, &b));
	CHECK(!fixed_block_of(&c, &p, v6(0x18, 1), 0, &b));
	CHECK(!fixed_block_at(&c, v4(192, 0, 2, 0), 1536, &b)); /* of the overflow */
	CHECK(!fixed_block_at(&c, v4(192, 0, 2, 0), 1023, &b));
	CHECK(!fixed_block_at(&c, v4(192, 0, 2, 2), 1024, &b));
	CHECK_INT(b.lo, 7);
}

/* Entries of several sizes, blocks that are not whole, several members, and a subscriber that a longer member takes. */
static struct state_config config_mixed(void)
{
	struct state_config c = config_small();

	c.ports_per_block = 128;
	c.subscriber_len = 60;
	add_entry(&c, pool_of(v4(203, 0, 113, 0), 29, 1000, 3000), 1);
	add_entry(&c, pool_of(v4(203, 0, 113, 8), 32, 500, 500), 1);
	add_entry(&c, pool_of(v4(203, 0, 113, 16), 30, 4096, 6000), 1);
	add_entry(&c, pool_of(v4(203, 0, 113, 32), 32, 1024, 6000), 2);
	add_member(&c, "2001:db8:1::/56", 1);
	add_member(&c, "2001:db8:2::/56", 1);
	add_member(&c, "2001:db8:2:10::/60", 2);
	c.fixed_blocks[1] = 3;
	return c;
}

TEST(every_port_of_a_mixed_pool_leads_back_to_its_only_subscriber)
{
	struct state_config c = config_mixed();
	struct fixed_plan p = fixed_plan_of(&c, 1);
	int fixed = 0, taken = 0;

	REQUIRE(state_config_validate(&c));
	CHECK_INT(p.subscribers, 32);
	CHECK_INT(p.addresses, 12);
	CHECK_INT(p.slots, 4); /* 14 whole blocks of 4096-5887 */
	CHECK_INT(p.ratio, 3);
	for (unsigned k = 0; k < 32; k++) {
		struct addr6 in = { UINT64_C(0x20010db800010000) + (k / 16 << 16) + (k % 16 << 4), 5 };
		struct fixed_block b, back;
		uint32_t n = 0;

		for (; fixed_block_of(&c, &p, in, n, &b); n++) {
			for (uint32_t port = b.lo; port <= b.hi; port++) {
				REQUIRE(fixed_block_at(&c, b.addr, (uint16_t)port, &back));
				CHECK(addr6_eq(back.subscriber.addr, addr6_truncate(in, 60)));
				CHECK(back.lo == b.lo && back.hi == b.hi);
			}
			fixed++;
		}
		CHECK(n == 3 || (n == 0 && fixed_pool_of(&c, in) == 2));
		taken += n == 0;
	}
	CHECK_INT(fixed, 31 * 3);
	CHECK_INT(taken, 1);
	for (unsigned a = 0; a < 40; a++) {
		struct fixed_block b;

		for (uint32_t port = 0; port < 65536; port += 64)
			fixed -= fixed_block_at(&c, v4(203, 0, 113, a), (uint16_t)port, &b) ? 1 : 0;
	}
	CHECK_INT(fixed,
		-(31 * 3)); /* two ports of each block were asked for, and no other port has a subscriber */
}

static void spoil_room(struct state_config *c)
{
	c->members[0].prefix.len = 59; /* 32 subscribers of 2 blocks, and 16 fit */
	c->members[0].prefix.addr = addr6_truncate(c->members[0].prefix.addr, 59);
}

static void spoil_length(struct state_config *c)
{
	c->members[0].prefix.len = 65;
}

static void spoil_host_bits(struct state_config *c)
{
	c->members[0].prefix.addr.lo = 1;
}

static void spoil_pool(struct state_config *c)
{
	c->members[0].pool = 0;
}

static void spoil_pool_number(struct state_config *c)
{
	c->members[0].pool = STATE_POOLS_MAX;
}

static void spoil_entry_pool(struct state_config *c)
{
	c->pool[0].pool = STATE_POOLS_MAX;
}

static void spoil_twice(struct state_config *c)
{
	c->members[c->members_len++] = (struct pool_member){ c->members[0].prefix, 2 };
}

static void spoil_nested(struct state_config *c)
{
	add_member(c, "2001:db8:0:10::/64", 1);
}

static void spoil_everybody(struct state_config *c)
{
	c->fixed_blocks[0] = 1;
}

static void spoil_none_whole(struct state_config *c)
{
	c->pool[0].hi = 1150; /* one whole block, and two are wanted */
}

static void (*const spoils[])(struct state_config *c) = { spoil_room, spoil_length, spoil_host_bits,
	spoil_pool, spoil_pool_number, spoil_entry_pool, spoil_twice, spoil_nested, spoil_everybody,
	spoil_none_whole };

TEST(pools_and_fixed_blocks_that_make_no_sense_are_refused)
{
	struct state_config good = config_fixed();

	CHECK(state_config_validate(&good));
	for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
		struct state_config c = good;

		spoils[i](&c);
		CHECK_INT(state_config_validate(&c) ? (int)i : -1, -1);
	}
}

TEST(a_huge_prefix_is_counted_without_overflow)
{
	struct state_config c = config_fixed();

	c.subscriber_len = 128;
	c.members[0].prefix = (struct prefix6){ { 0, 0 }, 0 };
	CHECK_INT(fixed_plan_of(&c, 1).subscribers >> 63, 1);
	add_member(&c, "2001:db8::/32", 1);
	CHECK_INT(fixed_plan_of(&c, 1).subscribers == UINT64_MAX, 1);
	CHECK_INT(fixed_plan_of(&c, 1).ratio, 0);
}

/* Whether the port is one of the subscriber's own. */
static bool is_own(const struct state_config *c, const struct binding *b)
{
	struct fixed_block f;

	return fixed_block_at(c, b->out, b->out_port, &f) && prefix6_contains(f.subscriber, b->in);
}

TEST(own_blocks_are_used_up_before_the_overflow_and_belong_to_nobody_else)
{
	struct state_config c = config_fixed();
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 128; i++) /* RFC 7422 s2 step 3, and in either range: port 80 first */
		CHECK(is_own(&c,
			take64(s, udp64(v6(0x11, 1), i == 0 ? 80 : (uint16_t)(5000 + i), SERVER, 53), START)
				.binding));
	for (unsigned i = 0; i < 128; i++) { /* step 4: blocks of the rest, on the same address */
		const struct binding *b =
			take64(s, udp64(v6(0x11, 1), (uint16_t)(6000 + i), SERVER, 53), START).binding;
		struct fixed_block f;

		CHECK_INT(b->out.v, v4(192, 0, 2, 0).v);
		CHECK(!fixed_block_at(&c, b->out, b->out_port, &f));
	}
	check_drop64(s, udp64(v6(0x11, 1), 9, SERVER, 53), START, DROP_SESSIONS_FULL);
	CHECK(state_validate(s));
	expire(s, START + 400 * NSEC);
	CHECK_INT(stats_of(s).blocks_lent, 0);
	CHECK(is_own(&c, take64(s, udp64(v6(0x10, 1), 9, SERVER, 53), START + 400 * NSEC).binding));
	FINISH(s);
}

TEST(a_subscriber_at_its_number_of_blocks_gets_no_overflow)
{
	struct state_config c = config_fixed();

	c.max_blocks_per_subscriber = 2;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 128; i++)
		take64(s, udp64(v6(0x11, 1), (uint16_t)(5000 + i), SERVER, 53), START);
	check_drop64(s, udp64(v6(0x11, 1), 9, SERVER, 53), START, DROP_SUBSCRIBER_BLOCKS);
	FINISH(s);
}

TEST(others_cannot_exhaust_a_subscribers_own_blocks)
{
	struct state_config c = config_fixed();

	c.max_sessions = 4096;
	c.max_blocks_per_subscriber = 64;
	struct state *s = state_of(&c);
	struct mapping m;
	struct flow64 f = udp64(v6(0x10, 1), 1, SERVER, 53);

	while (state_take64(s, &f, START, &m) == DROP_NONE)
		f.sport++;
	f = udp64(v6(0x12, 1), 1, SERVER, 53);
	CHECK(is_own(&c, take64(s, f, START).binding));
	CHECK_INT(stats_of(s).blocks_lent,
		2 + 16 + 1); /* own, all of the overflow, and one of the other's own */
	FINISH(s);
}

TEST(a_static_binding_may_use_the_own_blocks_of_its_subscriber_only)
{
	struct static_binding b = { PROTO_UDP, v4(192, 0, 2, 0), 1152, v6(0x11, 1), 53 };
	struct state_config c = config_fixed();
	struct state *s = NULL;

	c.statics = &b;
	c.statics_len = 1;
	s = state_of(&c);
	CHECK_INT(stats_of(s).blocks_lent, 1);
	CHECK(state_validate(s));
	state_free(s);
	s = NULL;
	b.out_port = 1600; /* of the overflow */
	s = state_of(&c);
	FINISH(s);
	s = NULL;
	b.out_port = 1024; /* of 2001:db8:0:10::/64 */
	CHECK_INT(state_new(&c, seed_of_tests, START, &s), -EINVAL);
	CHECK(s == NULL);
}
