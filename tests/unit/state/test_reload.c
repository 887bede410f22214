/* test_reload.c - another configuration while flows go on: what it allows keeps its ports, what it does not is gone */
#include "fixture.h"
#include "state/tables.h"

#include <errno.h>

#define FLOWS 40 /* of each of the four subscribers of a scene */

/* Two addresses, two pools by subscriber, two static bindings, and flows of four subscribers. */
struct scene {
	struct state_config before, after;
	struct static_binding statics[3];
	struct state *s;
	struct flow64 flow[4 * FLOWS + 2];
	struct binding binding[4 * FLOWS + 2];
	unsigned flows;
	struct state_report report;
};

static void add_flow(struct scene *k, struct flow64 f)
{
	k->flow[k->flows] = f;
	k->binding[k->flows++] = *take64(k->s, f, START).binding;
}

static void scene_begin(struct scene *k)
{
	*k = (struct scene){ .before = config_small() };
	k->before.pool[0] = pool_of(v4(192, 0, 2, 0), 31, 1024, 2047);
	k->before.pool[1] = pool_of(v4(192, 0, 2, 9), 32, 1000, 2047);
	k->before.pool[1].pool = 1;
	k->before.pool_len = 2;
	k->before.members[0] = (struct pool_member){ { v6(3, 0), 64 }, 1 };
	k->before.members_len = 1;
	k->statics[0] = (struct static_binding){ PROTO_TCP, v4(192, 0, 2, 0), 1030, v6(1, 1), 80 };
	k->statics[1] = (struct static_binding){ PROTO_UDP, v4(192, 0, 2, 1), 1030, v6(2, 1), 53 };
	k->before.statics = k->statics;
	k->before.statics_len = 2;
	k->s = state_of(&k->before);
	for (unsigned net = 0; net < 4; net++) /* the fourth is in pool 1 */
		for (unsigned i = 0; i < FLOWS; i++)
			add_flow(k, udp64(v6(net, 1), (uint16_t)(4000 + i), SERVER, 53));
	add_flow(k, tcp64(v6(1, 1), 80, SERVER, 9, SYN));
	add_flow(k, udp64(v6(2, 1), 53, SERVER, 9));
	k->after = k->before;
}

/* Prepares and commits @k->after, and checks each flow: @stays says whether it is to be there, with its old port. */
static void scene_reload(struct scene *k, unsigned prefixes_gone,
	bool (*stays)(const struct scene *k, const struct binding *b))
{
	struct state_change *ch = NULL;
	unsigned ended = 0;

	REQUIRE(state_prepare(k->s, &k->after, prefixes_gone, 7, &ch) == 0);
	CHECK(state_validate(k->s)); /* preparing changes nothing */
	state_commit(k->s, ch, START, &k->report);
	state_change_free(ch);
	CHECK(state_validate(k->s));
	for (unsigned i = 0; i < k->flows; i++) {
		struct mapping m = { 0 };
		bool is_there = state_find64(k->s, &k->flow[i], &m);

		CHECK_INT(is_there, stays(k, &k->binding[i]));
		ended += !is_there;
		if (!is_there)
			continue;
		CHECK_INT(m.binding->out.v, k->binding[i].out.v);
		CHECK_INT(m.binding->out_port, k->binding[i].out_port);
		struct flow46 back = answer(&k->flow[i], &m, ACK);
		struct mapping again;

		CHECK_INT(state_take46(k->s, &back, START, &again), DROP_NONE);
		CHECK(again.session == m.session);
	}
	CHECK_INT(k->report.sessions_ended, ended);
	CHECK(state_validate(k->s));
}

/* After a reload flows begin and end as ever. */
static void scene_end(struct scene *k)
{
	for (unsigned i = 0; i < 300; i++) {
		struct flow64 f = udp64(v6(i % 6, 2), (uint16_t)(9000 + i), OTHER_SERVER, 53);
		struct mapping m;

		(void)!state_take64(k->s, &f, START, &m);
	}
	CHECK(state_validate(k->s));
	expire(k->s, START + 20000 * NSEC);
	expire(k->s, START + 40000 * NSEC);
	CHECK_INT(stats_of(k->s).sessions[PROTO_UDP] + stats_of(k->s).sessions[PROTO_TCP], 0);
	CHECK_INT(stats_of(k->s).bindings[PROTO_UDP] + stats_of(k->s).bindings[PROTO_TCP], k->s->statics);
	FINISH(k->s);
}

static bool all(const struct scene *k, const struct binding *b)
{
	return true;
}

static bool none(const struct scene *k, const struct binding *b)
{
	return false;
}

static bool not_on_first(const struct scene *k, const struct binding *b)
{
	return b->out.v != v4(192, 0, 2, 0).v;
}

static bool only_on_first_two(const struct scene *k, const struct binding *b)
{
	return b->out.v <= v4(192, 0, 2, 1).v;
}

static bool in_ports(const struct scene *k, const struct binding *b)
{
	return b->out.v == v4(192, 0, 2, 9).v ||
	       (b->out_port >= k->after.pool[0].lo && b->out_port <= k->after.pool[0].hi);
}

static bool not_first_static(const struct scene *k, const struct binding *b)
{
	return b->proto != PROTO_TCP;
}

static void nothing(struct scene *k)
{
}

static void an_entry_more(struct scene *k)
{
	k->after.pool[k->after.pool_len++] = pool_of(v4(203, 0, 113, 0), 29, 1024, 65535);
}

static void an_entry_before(struct scene *k)
{
	k->after.pool[2] = k->before.pool[1];
	k->after.pool[1] = k->before.pool[0];
	k->after.pool[0] = pool_of(v4(203, 0, 113, 0), 32, 1, 65535);
	k->after.pool_len = 3;
}

static void a_wider_prefix(struct scene *k)
{
	k->after.pool[0].prefix.len = 29;
	k->after.pool[1].prefix.addr = v4(192, 0, 2, 9);
}

static void wider_ports(struct scene *k)
{
	k->after.pool[0].lo = 1;
	k->after.pool[0].hi = 65535;
	k->after.pool[1].lo = 900; /* not at a block's beginning, before or now */
}

static void narrower_ports(struct scene *k)
{
	k->after.pool[0].lo = 1029; /* in the middle of a block; the static bindings at 1030 stay */
	k->after.pool[0].hi = 1400;
}

static void a_single_address(struct scene *k)
{
	k->after.pool[0].prefix = (struct prefix4){ v4(192, 0, 2, 1), 32 };
	k->after.statics = &k->statics[1];
	k->after.statics_len = 1;
}

static void other_addresses(struct scene *k)
{
	k->after.pool[0].prefix.addr = v4(198, 18, 0, 0);
	k->after.pool[1].prefix.addr = v4(198, 18, 0, 9);
	k->after.statics_len = 0;
}

static void no_second_pool(struct scene *k)
{
	k->after.pool_len = 1;
}

static void the_pool_is_for_another(struct scene *k)
{
	k->after.members[0].prefix.addr = v6(9, 0);
}

static void the_pool_is_for_all(struct scene *k)
{
	k->after.pool[1].pool = 0;
	k->after.members_len = 0;
}

static void a_static_less(struct scene *k)
{
	k->after.statics = &k->statics[1];
	k->after.statics_len = 1;
}

static void statics_in_another_order(struct scene *k)
{
	k->statics[2] = k->statics[0];
	k->after.statics = &k->statics[1];
}

static void fewer_sessions(struct scene *k)
{
	k->after.max_sessions = 16;
}

static void shared(struct scene *k)
{
	k->after.pool[1].is_shared = true;
}

static const struct {
	const char *name;
	void (*change)(struct scene *k);
	bool (*stays)(const struct scene *k, const struct binding *b);
	unsigned added, removed; /* static bindings */
} transitions[] = {
	{ "nothing", nothing, all, 0, 0 },
	{ "an entry more", an_entry_more, all, 0, 0 },
	{ "an entry before the others", an_entry_before, all, 0, 0 },
	{ "a wider prefix", a_wider_prefix, all, 0, 0 },
	{ "wider ports", wider_ports, all, 0, 0 },
	{ "narrower ports", narrower_ports, in_ports, 0, 0 },
	{ "a prefix becomes a single address", a_single_address, not_on_first, 0, 1 },
	{ "other addresses", other_addresses, none, 0, 2 },
	{ "a pool less", no_second_pool, only_on_first_two, 0, 0 },
	{ "a pool for another subscriber", the_pool_is_for_another, only_on_first_two, 0, 0 },
	{ "a pool of its own becomes everybody's", the_pool_is_for_all, all, 0, 0 },
	{ "a static binding less", a_static_less, not_first_static, 0, 1 },
	{ "static bindings in another order", statics_in_another_order, all, 0, 0 },
	{ "fewer sessions than there are", fewer_sessions, all, 0, 0 },
	{ "an address becomes shared", shared, all, 0, 0 },
};

TEST(every_transition_keeps_what_it_allows_and_ends_the_rest)
{
	for (size_t i = 0; i < ARRAY_LEN(transitions); i++) {
		static struct scene k;

		test_row(transitions[i].name);
		scene_begin(&k);
		transitions[i].change(&k);
		scene_reload(&k, 0, transitions[i].stays);
		CHECK_INT(k.report.statics_added, transitions[i].added);
		CHECK_INT(k.report.statics_removed, transitions[i].removed);
		/* And back again: what was ended stays ended, what was not goes on. */
		for (unsigned f = 0; f < k.flows; f++) {
			struct mapping m;

			if (state_find64(k.s, &k.flow[f], &m))
				continue;
			k.flow[f] = k.flow[--k.flows];
			k.binding[f--] = k.binding[k.flows];
		}
		k.after = k.before;
		scene_reload(&k, 0, all);
		scene_end(&k);
	}
}

TEST(a_prefix_that_goes_takes_its_bindings_along)
{
	static struct scene k;
	struct flow64 other = udp64(v6(0, 1), 7, SERVER, 53);
	struct mapping m;

	scene_begin(&k);
	other.prefix = 3;
	take64(k.s, other, START);
	scene_reload(&k, 1u << 2, all);
	CHECK(state_find64(k.s, &other, &m));
	struct state_change *ch = NULL;

	REQUIRE(state_prepare(k.s, &k.after, 1u << 3, 7, &ch) == 0);
	state_commit(k.s, ch, START, &k.report);
	state_change_free(ch);
	CHECK(!state_find64(k.s, &other, &m));
	CHECK_INT(k.report.sessions_ended, 1);
	CHECK_INT(k.report.bindings_ended, 1);
	scene_end(&k);
}

TEST(a_new_static_binding_takes_the_place_of_whoever_has_it)
{
	static struct scene k;

	scene_begin(&k);
	struct binding victim = k.binding[0];

	/* Its port is another subscriber's now, and its inside has a binding of its own. */
	k.statics[2] = (struct static_binding){ PROTO_UDP, victim.out, victim.out_port, v6(1, 1), 4000 };
	k.after.statics_len = 3;
	struct state_change *ch = NULL;

	REQUIRE(state_prepare(k.s, &k.after, 0, 7, &ch) == 0);
	state_commit(k.s, ch, START, &k.report);
	state_change_free(ch);
	CHECK_INT(k.report.statics_added, 1);
	CHECK_INT(k.report.bindings_ended, 2);
	struct flow64 f = udp64(v6(1, 1), 4000, OTHER_SERVER, 1);

	CHECK_INT(take64(k.s, f, START).binding->out_port, victim.out_port);
	scene_end(&k);
}

TEST(a_static_binding_finds_room_in_full_tables)
{
	struct state_config c = config_small();
	struct static_binding b = { PROTO_UDP, v4(192, 0, 2, 1), 2047, v6(77, 1), 53 };
	struct state_report report;
	struct state_change *ch = NULL;

	c.max_sessions = 16;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 16; i++)
		take64(s, udp64(v6(i, 1), 1, SERVER, 53), START + i * NSEC);
	check_drop64(s, udp64(v6(0, 1), 2, SERVER, 53), START + 16 * NSEC, DROP_SESSIONS_FULL);
	c.statics = &b;
	c.statics_len = 1;
	REQUIRE(state_prepare(s, &c, 0, 7, &ch) == 0);
	state_commit(s, ch, START + 16 * NSEC, &report);
	state_change_free(ch);
	CHECK_INT(report.statics_added, 1);
	CHECK_INT(stats_of(s).sessions[PROTO_UDP], 15);
	struct flow64 first = udp64(v6(0, 1), 1, SERVER, 53);
	struct mapping m;

	CHECK(!state_find64(s, &first, &m)); /* it was to end first */
	FINISH(s);
}

TEST(lower_limits_refuse_new_flows_and_end_none)
{
	static struct scene k;

	scene_begin(&k);
	k.after.max_sessions = 100;
	k.after.max_blocks_per_subscriber = 1;
	scene_reload(&k, 0, all);
	check_drop64(k.s, udp64(v6(0, 1), 1, SERVER, 53), START, DROP_SESSIONS_FULL);
	k.after.max_sessions = 256;
	scene_reload(&k, 0, all);
	take64(k.s, udp64(v6(0, 1), 1, SERVER, 53), START);
	k.after.max_sessions = 257;
	struct state_change *ch = NULL;

	CHECK_INT(state_prepare(k.s, &k.after, 0, 7, &ch), -EBUSY);
	CHECK(ch == NULL);
	CHECK(strstr(state_change_fault(k.s, &k.after), "nat64.max-sessions") != NULL);
	scene_end(&k);
}

TEST(a_pool_may_grow_beyond_the_room_of_its_start)
{
	struct state_config c = config_small();

	c.pool[0].hi = 1151; /* two blocks */
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 2; i++)
		take64(s, udp64(v6(i, 1), 1, SERVER, 53), START);
	check_drop64(s, udp64(v6(2, 1), 1, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	c.pool[1] = pool_of(v4(192, 0, 2, 2), 32, 1024, 65535);
	c.pool_len = 2;
	REQUIRE(state_update(s, &c) == 0);
	for (unsigned i = 0; i < 200; i++)
		take64(s, udp64(v6(i, 1), 1, SERVER, 53), START);
	CHECK_INT(stats_of(s).blocks_lent, 200);
	FINISH(s);
}

TEST(two_lent_blocks_that_become_one_have_one_owner)
{
	struct state_config c = config_small();

	c.pool[0].hi = 1030;
	c.pool[1] = pool_of(v4(192, 0, 2, 1), 32, 1031, 1087);
	c.pool_len = 2;
	struct state *s = state_of(&c);
	struct flow64 f[2] = { udp64(v6(1, 1), 1, SERVER, 53), udp64(v6(2, 1), 1, SERVER, 53) };
	struct mapping m;

	take64(s, f[0], START);
	take64(s, f[1], START);
	c.pool[0].hi = 1087;
	c.pool_len = 1;
	REQUIRE(state_update(s, &c) == 0);
	CHECK_INT(state_find64(s, &f[0], &m) + state_find64(s, &f[1], &m), 1);
	CHECK_INT(stats_of(s).blocks_lent, 1);
	FINISH(s);
}

TEST(fixed_blocks_come_and_go_by_reload)
{
	static struct scene k;

	scene_begin(&k);
	k.after.members[0].prefix = (struct prefix6){ v6(0, 0), 62 };
	k.after.fixed_blocks[1] = 2;
	k.after.pool[1] = pool_of(v4(192, 0, 2, 9), 32, 1024, 2047);
	k.after.pool[1].pool = 1;
	k.after.statics_len = 0;
	struct state_change *ch = NULL;

	REQUIRE(state_prepare(k.s, &k.after, 0, 7, &ch) == 0);
	state_commit(k.s, ch, START, &k.report);
	state_change_free(ch);
	CHECK(state_validate(k.s)); /* no block is lent but to whom it is fixed */
	for (unsigned net = 0; net < 4; net++) {
		struct binding b = *take64(k.s, udp64(v6(net, 1), 9, SERVER, 53), START).binding;
		struct fixed_block f;

		CHECK(fixed_block_at(&k.after, b.out, b.out_port, &f) &&
			prefix6_contains(f.subscriber, b.in));
	}
	k.after.fixed_blocks[1] = 0;
	REQUIRE(state_update(k.s, &k.after) == 0);
	scene_end(&k);
}

TEST(a_change_that_is_not_made_leaves_no_trace)
{
	static struct scene k;
	struct state_change *ch = NULL;

	scene_begin(&k);
	other_addresses(&k);
	REQUIRE(state_prepare(k.s, &k.after, 0, 7, &ch) == 0);
	state_change_free(ch);
	k.after = k.before;
	scene_reload(&k, 0, all);
	CHECK_INT(k.report.sessions_ended + k.report.blocks_ended + k.report.statics_removed, 0);
	scene_end(&k);
}

static void bad_outside(struct scene *k)
{
	k->statics[0].out_port = 80; /* in no entry */
}

static void bad_pool(struct scene *k)
{
	k->statics[0].out = v4(192, 0, 2, 9);
}

static void bad_twice_outside(struct scene *k)
{
	k->statics[1].proto = PROTO_TCP;
	k->statics[1].out = k->statics[0].out;
}

static void bad_twice_inside(struct scene *k)
{
	k->statics[1] = k->statics[0];
	k->statics[1].out_port++;
}

static void bad_pool_entries(struct scene *k)
{
	k->after.pool[1] = k->after.pool[0];
}

TEST(a_configuration_that_makes_no_sense_is_refused_before_anything_changes)
{
	static void (*const bad[])(struct scene * k) = { bad_outside, bad_pool, bad_twice_outside,
		bad_twice_inside, bad_pool_entries };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		static struct scene k;
		struct state_change *ch = NULL;
		struct static_binding good[3];

		scene_begin(&k);
		bytes_copy(good, k.statics, sizeof(good));
		bad[i](&k);
		CHECK_INT(state_prepare(k.s, &k.after, 0, 7, &ch), -EINVAL);
		CHECK(ch == NULL);
		bytes_copy(k.statics, good, sizeof(good));
		k.after = k.before;
		scene_reload(&k, 0, all);
		scene_end(&k);
	}
}
