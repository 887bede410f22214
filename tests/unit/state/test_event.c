/* test_event.c - what the tables tell of blocks, bindings, sessions and limits, and in which order */
#include "fixture.h"
#include "state/tables.h"

#include <stdlib.h>
#include <string.h>

#define HEARD_MAX 4096

/* What a watcher has heard. */
struct ear {
	struct state_event at[HEARD_MAX];
	unsigned len;
};

static struct ear ear;

static void hear(void *ctx, const struct state_event *e)
{
	struct ear *to = ctx;

	REQUIRE(to->len < HEARD_MAX);
	to->at[to->len++] = *e;
}

static struct state_config watched(enum state_detail detail)
{
	struct state_config c = config_small();

	ear.len = 0;
	c.watch = (struct state_watch){ .event = hear, .ctx = &ear, .detail = detail };
	return c;
}

/* The kinds of what was heard, one letter each. */
static const char *heard(void)
{
	static const char letters[] = "LRHBbSs!x";
	static char text[HEARD_MAX + 1];

	_Static_assert(sizeof(letters) - 1 == STATE_EVENT_COUNT, "a letter for each kind");
	for (unsigned i = 0; i < ear.len; i++)
		text[i] = letters[ear.at[i].kind];
	text[ear.len] = '\0';
	return text;
}

static const struct {
	const char *name;
	enum state_detail detail;
	const char *made, *all;
} detail_cases[] = {
	{ "blocks", STATE_TELL_BLOCKS, "L", "LR" },
	{ "bindings", STATE_TELL_BINDINGS, "LB", "LBbR" },
	{ "sessions instead of bindings (RFC 8158 s4.6.1)", STATE_TELL_SESSIONS, "LSS", "LSSssR" },
};

TEST(each_detail_tells_what_it_says_and_a_block_frames_what_is_in_it)
{
	for (size_t i = 0; i < ARRAY_LEN(detail_cases); i++) {
		struct state_config c = watched(detail_cases[i].detail);
		struct state *s = state_of(&c);

		test_row(detail_cases[i].name);
		take64(s, udp64(v6(1, 1), 40000, SERVER, 53), START);
		take64(s, udp64(v6(1, 1), 40000, OTHER_SERVER, 53), START);
		CHECK_TEXT(heard(), detail_cases[i].made);
		expire(s, START + c.lifetime[LIFETIME_UDP] + LATE);
		CHECK_TEXT(heard(), detail_cases[i].all);
		FINISH(s);
	}
}

TEST(a_block_is_told_with_its_subscriber_and_the_ports_that_the_pool_has)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);

	c.pool[0] = pool_of(v4(192, 0, 2, 1), 32, 1030, 1080); /* cut at both ends */
	struct state *s = state_of(&c);
	struct mapping m = take64(s, udp64(v6(7, 9), 40000, SERVER, 53), START + 5);
	const struct state_event *e = &ear.at[0];

	REQUIRE(ear.len == 1);
	CHECK(m.binding->out_port >= 1030 && m.binding->out_port <= 1080);
	CHECK_INT(e->when, START + 5);
	CHECK(addr6_eq(e->in, v6(7, 0)));
	CHECK_INT(e->subscriber_len, 64);
	CHECK_INT(e->out.v, v4(192, 0, 2, 1).v);
	CHECK_INT(e->out_port, 1030);
	CHECK_INT(e->last_port, 1080);
	FINISH(s);
}

TEST(a_session_is_told_with_both_ends_and_when_it_ended)
{
	struct state_config c = watched(STATE_TELL_SESSIONS);
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 40000, SERVER, 53);

	f.prefix = 1;
	uint16_t port = take64(s, f, START + 3).binding->out_port;
	nsec end = START + 3 + c.lifetime[LIFETIME_UDP] + LATE;

	expire(s, end);
	REQUIRE(ear.len == 4);
	for (unsigned i = 1; i < 3; i++) {
		const struct state_event *e = &ear.at[i];

		CHECK_INT(e->when, i == 1 ? START + 3 : end);
		CHECK(addr6_eq(e->in, v6(1, 1)));
		CHECK_INT(e->in_port, 40000);
		CHECK_INT(e->out.v, v4(192, 0, 2, 1).v);
		CHECK_INT(e->out_port, port);
		CHECK_INT(e->remote.v, SERVER.v);
		CHECK_INT(e->remote_port, 53);
		CHECK_INT(e->proto, PROTO_UDP);
		CHECK_INT(e->prefix, 1);
		CHECK(!e->is_static);
	}
	CHECK_INT(ear.at[3].when, end);
	FINISH(s);
}

TEST(static_bindings_are_told_at_the_start_whatever_the_detail)
{
	const struct static_binding statics[] = {
		{ PROTO_TCP, v4(192, 0, 2, 1), 1100, v6(1, 1), 80 },
		{ PROTO_UDP, v4(192, 0, 2, 1), 1101, v6(2, 2),
			53 }, /* another subscriber in the same block */
	};

	for (enum state_detail d = STATE_TELL_BLOCKS; d <= STATE_TELL_SESSIONS; d++) {
		struct state_config c = watched(d);

		c.statics = statics;
		c.statics_len = 2;
		struct state *s = state_of(&c);

		CHECK_TEXT(heard(), "LBB");
		CHECK(ear.at[1].is_static && ear.at[2].is_static);
		CHECK(addr6_eq(ear.at[0].in, v6(1, 0)));
		CHECK(addr6_eq(ear.at[2].in, v6(2, 2)));
		CHECK_INT(ear.at[2].in_port, 53);
		CHECK_INT(ear.at[0].when, START);
		FINISH(s);
	}
}

TEST(a_session_that_filtering_holds_back_is_told_when_it_is_let_go_and_not_before)
{
	struct state_config c = watched(STATE_TELL_SESSIONS);

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 40000, SERVER, 80, SYN), back = f;
	struct mapping m = take64(s, f, START), ret;
	struct flow46 stranger = answer(&f, &m, SYN);

	stranger.src = OTHER_SERVER;
	CHECK_INT(state_take46(s, &stranger, START, &ret), DROP_TCP_SYN46_FILTERED);
	CHECK_TEXT(heard(), "LS");
	back.dst = OTHER_SERVER;
	take64(s, back, START + 1);
	CHECK_TEXT(heard(), "LSS");
	CHECK_INT(ear.at[2].remote.v, OTHER_SERVER.v);
	CHECK_INT(ear.at[2].when, START + 1);
	/* One that is never let go leaves no trace. */
	stranger.src = v4(198, 51, 100, 99);
	CHECK_INT(state_take46(s, &stranger, START + 1, &ret), DROP_TCP_SYN46_FILTERED);
	expire(s, START + 1 + c.lifetime[LIFETIME_TCP_INCOMING_SYN] + LATE);
	CHECK_TEXT(heard(), "LSS");
	FINISH(s);
}

TEST(what_waits_for_an_announced_connection_is_told_when_the_connection_comes)
{
	struct state_config c = watched(STATE_TELL_SESSIONS);
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 40000, SERVER, 0, SYN);
	uint16_t port = 0;

	CHECK_INT(state_expect(s, &f, v4(192, 0, 2, 1), START + 7, 30 * NSEC, &port), DROP_NONE);
	CHECK_TEXT(heard(), "L");
	CHECK_INT(ear.at[0].when, START + 7);
	take46(s,
		(struct flow46){ .proto = PROTO_TCP,
			.tcp_flags = SYN,
			.src = SERVER,
			.sport = 20,
			.dst = v4(192, 0, 2, 1),
			.dport = port },
		START + 8);
	CHECK_TEXT(heard(), "LS");
	CHECK_INT(ear.at[1].remote_port, 20);
	expire(s, START + 3600 * NSEC * 3);
	CHECK_TEXT(heard(), "LSsR");
	FINISH(s);
}

TEST(a_limit_is_told_once_a_second_with_the_number_of_those_refused_rfc8158_s5_2)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);

	c.max_blocks_per_subscriber = 1;
	c.ports_per_block = 64;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 64; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(40000 + i), SERVER, 53), START);
	for (unsigned i = 0; i < 5; i++)
		check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START + i, DROP_SUBSCRIBER_BLOCKS);
	CHECK_TEXT(heard(), "L!");
	CHECK_INT(ear.at[1].reason, DROP_SUBSCRIBER_BLOCKS);
	CHECK_INT(ear.at[1].count, 1);
	CHECK(addr6_eq(ear.at[1].in, v6(1, 1)));
	CHECK_INT(ear.at[1].proto, PROTO_UDP);
	check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START + NSEC, DROP_SUBSCRIBER_BLOCKS);
	CHECK_TEXT(heard(), "L!!");
	CHECK_INT(ear.at[2].count, 5); /* four that were not told, and this one */
	FINISH(s);
}

TEST(an_address_without_free_blocks_is_told_once_a_second_rfc8158_s4_6_6)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 31, 1024, 1087); /* two addresses of one block */
	struct state *s = state_of(&c);
	struct addr4 first = take64(s, udp64(v6(1, 1), 1, SERVER, 53), START).binding->out;

	CHECK_TEXT(heard(), "L"); /* it had none before, so nothing has run out */
	for (unsigned i = 1; i < 65; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(5000 + i), SERVER, 53), START);
	CHECK_TEXT(heard(), "LxL");
	CHECK(addr4_eq(ear.at[1].out, first));
	CHECK_INT(ear.at[1].proto, PROTO_UDP);
	CHECK_INT(ear.at[1].count, 1);
	for (unsigned i = 65; i < 128; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(5000 + i), SERVER, 53), START);
	for (unsigned i = 0; i < 3; i++)
		check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START + 1, DROP_POOL_EXHAUSTED);
	CHECK_TEXT(heard(), "LxL!");
	check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START + NSEC, DROP_POOL_EXHAUSTED);
	CHECK_INT(ear.at[4].kind, STATE_PORTS_EXHAUSTED);
	CHECK_INT(ear.at[4].count, 4);
	FINISH(s);
}

TEST(a_subscriber_that_has_all_its_blocks_has_not_exhausted_an_address)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);

	c.max_blocks_per_subscriber = 1;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 64; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(5000 + i), SERVER, 53), START);
	check_drop64(s, udp64(v6(1, 1), 9, SERVER, 53), START, DROP_SUBSCRIBER_BLOCKS);
	CHECK_TEXT(heard(), "L!");
	FINISH(s);
}

TEST(what_is_met_outside_of_the_tables_is_told_as_often_as_limits_are)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);
	struct state *s = state_of(&c);

	state_tell_limit(s, DROP_FRAGMENT_TABLE_FULL, PROTO_UDP, v6(1, 1), START);
	state_tell_limit(s, DROP_FRAGMENT_TABLE_FULL, PROTO_UDP, v6(2, 1), START + 1);
	state_tell_limit(s, DROP_FRAGMENT_SOURCE_LIMIT, PROTO_UDP, v6(2, 1), START + 1);
	state_tell_limit(s, DROP_FRAGMENT_OVERLAP, PROTO_UDP, v6(2, 1), START + 1); /* no limit */
	CHECK_TEXT(heard(), "!!");
	state_tell_limit(s, DROP_FRAGMENT_TABLE_FULL, PROTO_UDP, v6(3, 1), START + NSEC);
	CHECK_INT(ear.at[2].count, 2);
	CHECK(addr6_eq(ear.at[2].in, v6(3, 1)));
	FINISH(s);
}

TEST(a_full_pool_and_full_tables_are_told_each_by_its_name)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);

	c.max_sessions = 16;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 16; i++)
		take64(s, udp64(v6(1, 1), 40000, v4(198, 51, 100, i), 53), START);
	check_drop64(
		s, udp64(v6(1, 1), 40000, SERVER, 54), START, DROP_SESSIONS_FULL); /* of a known binding */
	check_drop64(s, udp64(v6(2, 1), 40000, SERVER, 54), START + NSEC, DROP_SESSIONS_FULL);
	CHECK_TEXT(heard(), "L!!");
	CHECK_INT(ear.at[1].reason, DROP_SESSIONS_FULL);
	CHECK(addr6_eq(ear.at[1].in, v6(1, 1)));
	CHECK(addr6_eq(ear.at[2].in, v6(2, 1)));
	FINISH(s);

	c = watched(STATE_TELL_BLOCKS);
	c.pool[0] = pool_of(v4(192, 0, 2, 1), 32, 1024, 1087);
	s = state_of(&c);
	take64(s, udp64(v6(1, 1), 40000, SERVER, 53), START);
	check_drop64(s, udp64(v6(2, 1), 40000, SERVER, 53), START, DROP_POOL_EXHAUSTED);
	CHECK_TEXT(heard(), "L!");
	CHECK_INT(ear.at[1].reason, DROP_POOL_EXHAUSTED);
	/* A segment that opens nothing has met no limit. */
	check_drop64(s, tcp64(v6(2, 1), 40000, SERVER, 80, ACK), START, DROP_TCP_NOT_SYN);
	CHECK_TEXT(heard(), "L!");
	FINISH(s);
}

TEST(reload_changes_how_much_is_told)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);
	struct state *s = state_of(&c);

	take64(s, udp64(v6(1, 1), 40000, SERVER, 53), START);
	CHECK_TEXT(heard(), "L");
	c.watch.detail = STATE_TELL_SESSIONS;
	CHECK_INT(state_update(s, &c), 0);
	take64(s, udp64(v6(1, 1), 40001, SERVER, 53), START);
	CHECK_TEXT(heard(), "LS");
	c.watch =
		(struct state_watch){ .detail = STATE_TELL_BLOCKS }; /* a file knows no listener; he stays */
	CHECK_INT(state_update(s, &c), 0);
	take64(s, udp64(v6(2, 1), 40001, SERVER, 53), START);
	CHECK_TEXT(heard(), "LSL");
	FINISH(s);
}

TEST(blocks_that_are_held_are_told_again_step_by_step)
{
	struct state_config c = watched(STATE_TELL_BLOCKS);

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 24, 1024, 2047);
	struct state *s = state_of(&c);
	bool seen[256] = { false };
	unsigned steps = 0, told = 0;

	for (unsigned i = 0; i < 200; i++)
		take64(s, udp64(v6(i, 1), 40000, SERVER, 53), START);
	ear.len = 0;
	for (uint32_t at = 0; at != STATE_END; steps++) {
		unsigned before = ear.len;

		at = state_tell_held(s, at, START + 9);
		CHECK(ear.len - before <= 64);
		REQUIRE(steps < 100);
	}
	CHECK(steps >= 4);
	for (unsigned i = 0; i < ear.len; i++) {
		const struct state_event *e = &ear.at[i];

		CHECK_INT(e->kind, STATE_BLOCK_HELD);
		CHECK_INT(e->when, START + 9);
		CHECK_INT(e->last_port - e->out_port, 63);
		told += !seen[e->in.hi & 0xff];
		seen[e->in.hi & 0xff] = true;
	}
	CHECK_INT(ear.len, 200);
	CHECK_INT(told, 200);
	FINISH(s);
}

/* --- the story and the tables agree --- */

static bool is_same_block(const struct state_event *a, const struct state_event *b)
{
	return addr4_eq(a->out, b->out) && a->out_port == b->out_port && a->last_port == b->last_port &&
	       addr6_eq(a->in, b->in);
}

/* Blocks that the story has lent and not returned; a block is never lent twice. */
static unsigned blocks_open(struct state_event *open)
{
	unsigned len = 0;

	for (unsigned i = 0; i < ear.len; i++) {
		const struct state_event *e = &ear.at[i];
		unsigned at = 0;

		if (e->kind != STATE_BLOCK_LENT && e->kind != STATE_BLOCK_RETURNED)
			continue;
		while (at < len && !is_same_block(&open[at], e))
			at++;
		CHECK((at < len) == (e->kind == STATE_BLOCK_RETURNED));
		if (e->kind == STATE_BLOCK_LENT)
			open[len++] = *e;
		else if (at < len)
			open[at] = open[--len];
	}
	return len;
}

TEST(after_random_traffic_the_story_told_is_what_the_tables_hold)
{
	struct state_config c = watched(STATE_TELL_SESSIONS);
	static struct state_event open[HEARD_MAX];
	struct rng g;
	uint64_t seed = test_seed();
	nsec now = START;

	rng_init(&g, seed);
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 600; i++) {
		struct flow64 f = udp64(v6(rng_below(&g, 12), rng_below(&g, 3)),
			(uint16_t)(1024 + rng_below(&g, 40)), v4(198, 51, 100, rng_below(&g, 3)), 53);
		struct mapping m;

		now += rng_below(&g, 3000) * MSEC;
		state_expire(s, now, 64, NULL, NULL);
		if (state_take64(s, &f, now, &m) != DROP_NONE)
			continue;
	}
	unsigned made = 0, ended = 0, blocks = blocks_open(open);

	for (unsigned i = 0; i < ear.len; i++) {
		made += ear.at[i].kind == STATE_SESSION_MADE;
		ended += ear.at[i].kind == STATE_SESSION_ENDED;
	}
	CHECK_INT(made, stats_of(s).sessions_made);
	CHECK_INT(ended, stats_of(s).sessions_expired);
	CHECK_INT(made - ended, stats_of(s).sessions[PROTO_UDP]);
	CHECK_INT(blocks, stats_of(s).blocks_lent);
	for (unsigned i = 0; i < blocks; i++) {
		struct state_lease l;

		REQUIRE(state_lease_at(s, open[i].out, open[i].out_port, &l));
		CHECK(addr6_eq(l.subscriber.addr, open[i].in));
		CHECK_INT(l.hi, open[i].last_port);
	}
	FINISH(s);
}
