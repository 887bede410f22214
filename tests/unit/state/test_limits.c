/* test_limits.c - full tables, memory that is not there, configurations that cannot be, and reload */
#include "fixture.h"
#include "state/tables.h"

#include <stdlib.h>

/* The linker puts this in front of calloc(): call number fail_at fails, counted from 1; 0 never fails. */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static unsigned calls, fail_at;

void *__wrap_calloc(size_t n, size_t size)
{
	return ++calls == fail_at ? NULL : __real_calloc(n, size);
}

TEST(every_allocation_may_fail_and_nothing_leaks)
{
	struct state_config c = config_small();
	struct state *s = NULL;
	int r = -12;

	for (fail_at = 1; r == -12; fail_at++) {
		calls = 0;
		r = state_new(&c, seed_of_tests, START, &s);
		CHECK((r == 0) == (s != NULL));
		REQUIRE(fail_at < 100);
	}
	CHECK_INT(r, 0);
	CHECK(calls > 10);
	fail_at = 0;
	calls = 0;
	take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START);
	expire(s, START + 1000 * NSEC);
	CHECK_INT(calls, 0); /* no allocation after the start */
	FINISH(s);
}

TEST(freeing_nothing_is_fine)
{
	state_free(NULL);
}

/* --- full tables --- */

TEST(rfc6888_req4_a_subscriber_has_its_number_of_sessions_and_no_more)
{
	struct state_config c = config_small();

	c.max_sessions_per_subscriber = 3;
	struct state *s = state_of(&c);
	struct mapping m = take64(s, udp64(v6(1, 1), 5000, SERVER, 1), START), none;
	struct flow64 first = udp64(v6(1, 1), 5000, SERVER, 1), other = udp64(v6(1, 2), 6000, SERVER, 1);

	take64(s, udp64(v6(1, 1), 5000, SERVER, 2), START);
	take64(s, other, START); /* another host of the same subscriber */
	struct flow64 more = udp64(v6(1, 1), 5000, SERVER, 3), new_port = udp64(v6(1, 1), 5001, SERVER, 1);
	struct flow46 in = answer(&first, &m, 0);

	CHECK_INT(state_take64(s, &more, START, &none), DROP_SUBSCRIBER_SESSIONS);
	CHECK_INT(state_take64(s, &new_port, START, &none), DROP_SUBSCRIBER_SESSIONS);
	in.sport = 77; /* from outside too */
	CHECK_INT(state_take46(s, &in, START, &none), DROP_SUBSCRIBER_SESSIONS);
	CHECK_INT(stats_of(s).bindings[PROTO_UDP], 2); /* what is refused leaves no binding */
	take64(s, first, START + NSEC);		       /* what is there goes on, and so do others */
	take64(s, udp64(v6(2, 1), 5000, SERVER, 1), START + NSEC);
	expire(s, START + 1000 * NSEC);
	take64(s, more, START + 1001 * NSEC);
	FINISH(s);
}

TEST(rfc6888_req5_a_subscriber_opens_sessions_at_its_rate)
{
	struct state_config c = config_small();
	struct mapping m = { 0 };
	unsigned opened = 0;

	c.new_sessions_per_second = 10;
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 1);

	take64(s, f, START);
	for (unsigned i = 0; i < 100; i++) { /* for two seconds, fifty times a second */
		f.dport = (uint16_t)(i + 2);
		enum drop_reason r = state_take64(s, &f, START + i * NSEC / 50, &m);

		CHECK(r == DROP_NONE || r == DROP_SUBSCRIBER_RATE);
		opened += r == DROP_NONE;
	}
	CHECK(opened >= 29 && opened <= 30); /* the burst of one second, and what two seconds allow */
	f.dport = 1;
	take64(s, f, START + 2 * NSEC); /* an old one */
	take64(s, udp64(v6(2, 1), 5000, SERVER, 1), START + 2 * NSEC);

	struct flow46 in = answer(&f, &m, 0);

	for (unsigned i = 0; i < 20; i++) { /* strangers neither are held back nor use it up */
		in.sport = (uint16_t)(1000 + i);
		CHECK_INT(state_take46(s, &in, START + 4 * NSEC, &m), DROP_NONE);
	}
	f.dport = 500;
	take64(s, f, START + 4 * NSEC);
	FINISH(s);
}

TEST(a_full_session_table_refuses_new_sessions_and_serves_the_old)
{
	struct state_config c = config_small();

	c.max_sessions = 16;
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 1);
	struct mapping m = { 0 };

	for (unsigned i = 0; i < 16; i++) {
		f.dport = (uint16_t)(i + 1);
		m = take64(s, f, START);
	}
	struct flow46 in = answer(&f, &m, 0);

	take46(s, in, START);
	in.sport = 99;
	check_drop46(s, in, START, DROP_SESSIONS_FULL);
	f.dport = 99;
	check_drop64(s, f, START, DROP_SESSIONS_FULL);
	f.sport = 5001;
	check_drop64(s, f, START, DROP_SESSIONS_FULL);
	CHECK_INT(stats_of(s).bindings[PROTO_UDP], 1); /* no binding is left behind without a session */
	f.sport = 5000;
	f.dport = 1;
	CHECK_INT(take64(s, f, START + NSEC).session->expires, START + NSEC + c.lifetime[LIFETIME_UDP]);
	expire(s, START + c.lifetime[LIFETIME_UDP] + LATE);
	f.dport = 99;
	take64(s, f, START + c.lifetime[LIFETIME_UDP] + LATE);
	FINISH(s);
}

TEST(static_bindings_count_and_each_limit_has_its_name)
{
	struct static_binding b[16];
	struct state_config c = config_small();

	for (unsigned i = 0; i < 16; i++)
		b[i] = (struct static_binding){ PROTO_UDP, v4(192, 0, 2, 1), (uint16_t)(1024 + i), v6(i, 1),
			1 };
	c.max_sessions = 16;
	c.statics = b;
	c.statics_len = 16;
	struct state *s = state_of(&c);

	check_drop64(s, udp64(v6(3, 2), 5000, SERVER, 53), START, DROP_BINDINGS_FULL);
	check_drop64(s, udp64(v6(99, 1), 5000, SERVER, 53), START, DROP_SUBSCRIBERS_FULL);
	take64(s, udp64(v6(3, 1), 1, SERVER, 53), START);
	CHECK_INT(stats_of(s).max_bindings, 16);
	CHECK_INT(stats_of(s).max_subscribers, 16);
	FINISH(s);
}

TEST(an_empty_pool_lends_nothing)
{
	struct state_config c = config_small();

	c.pool_len = 0;
	struct state *s = state_of(&c);
	struct pool_row row;

	check_drop64(s, udp64(v6(1, 1), 5000, SERVER, 53), START, DROP_NO_POOL);
	CHECK(!state_pool_row(s, 0, &row));
	CHECK_INT(state_pool_find(s, v4(192, 0, 2, 1), 1024), -1);
	CHECK(!state_pool_has_address(s, v4(192, 0, 2, 1)));
	CHECK_INT(stats_of(s).subscribers, 0);
	FINISH(s);
}

/* --- configuration --- */

static void zero_pool_prefix_bits(struct state_config *c)
{
	c->pool[0] = pool_of(v4(192, 0, 2, 1), 24, 1024, 2047);
}

static void reversed_ports(struct state_config *c)
{
	c->pool[0].lo = 2048;
}

static void only_port_zero(struct state_config *c)
{
	c->pool[0].lo = c->pool[0].hi = 0;
}

static void overlap(struct state_config *c)
{
	c->pool[c->pool_len++] = pool_of(v4(192, 0, 2, 0), 24, 2047, 3000);
}

static void too_many_entries(struct state_config *c)
{
	c->pool_len = POOL_ENTRIES_MAX + 1;
}

static void huge_pool(struct state_config *c)
{
	c->pool[0] = pool_of(v4(0, 0, 0, 0), 0, 1024, 65535);
}

static void block_of_63(struct state_config *c)
{
	c->ports_per_block = 63;
}

static void block_of_96(struct state_config *c)
{
	c->ports_per_block = 96;
}

static void block_of_65536(struct state_config *c)
{
	c->ports_per_block = 65536;
}

static void subscriber_31(struct state_config *c)
{
	c->subscriber_len = 31;
}

static void subscriber_129(struct state_config *c)
{
	c->subscriber_len = 129;
}

static void no_blocks(struct state_config *c)
{
	c->max_blocks_per_subscriber = 0;
}

static void few_sessions(struct state_config *c)
{
	c->max_sessions = 15;
}

static void too_many_sessions(struct state_config *c)
{
	c->max_sessions = UINT32_MAX;
}

static void no_such_filtering(struct state_config *c)
{
	c->filtering = FILTER_ADDRESS_DEPENDENT + 1;
}

static void short_udp(struct state_config *c)
{
	c->lifetime[LIFETIME_UDP] = 120 * NSEC - 1;
}

static void short_tcp(struct state_config *c)
{
	c->lifetime[LIFETIME_TCP_ESTABLISHED] = 7200 * NSEC - 1;
}

static void endless(struct state_config *c)
{
	c->lifetime[LIFETIME_ICMP] = UINT64_MAX;
}

static void statics_without_array(struct state_config *c)
{
	c->statics_len = 1;
}

static void more_statics_than_sessions(struct state_config *c)
{
	static const struct static_binding b[17];

	c->max_sessions = 16;
	c->statics = b;
	c->statics_len = 17;
}

static void adjoining_entries(struct state_config *c)
{
	c->pool[c->pool_len++] = pool_of(v4(192, 0, 2, 0), 24, 2048, 3000);
}

static void largest(struct state_config *c)
{
	c->pool[0] = pool_of(v4(10, 0, 0, 0), 16, 0, 65535);
	c->ports_per_block = 512;
}

static const struct {
	const char *name;
	void (*change)(struct state_config *c);
	bool ok;
} config_rows[] = {
	{ "bits below the prefix length", zero_pool_prefix_bits, false },
	{ "ports reversed", reversed_ports, false },
	{ "port 0 alone", only_port_zero, false },
	{ "overlap by one port", overlap, false },
	{ "too many entries", too_many_entries, false },
	{ "more blocks than there may be", huge_pool, false },
	{ "63 ports per block", block_of_63, false },
	{ "96 ports per block", block_of_96, false },
	{ "65536 ports per block", block_of_65536, false },
	{ "subscriber /31", subscriber_31, false },
	{ "subscriber /129", subscriber_129, false },
	{ "no block per subscriber", no_blocks, false },
	{ "15 sessions", few_sessions, false },
	{ "4294967295 sessions", too_many_sessions, false },
	{ "no such filtering", no_such_filtering, false },
	{ "RFC 6146 s3.5.1: UDP below UDP_MIN", short_udp, false },
	{ "RFC 6146 s3.5.2.2: TCP below TCP_EST", short_tcp, false },
	{ "lifetime that overflows", endless, false },
	{ "statics without array", statics_without_array, false },
	{ "more statics than sessions", more_statics_than_sessions, false },
	{ "one address in two adjoining ranges", adjoining_entries, true },
	{ "a /16 of all ports", largest, true },
};

TEST(configurations_that_cannot_be_are_refused)
{
	struct state_config c = config_small();

	CHECK(state_config_validate(&c));
	state_config_default(&c);
	CHECK(state_config_validate(&c));
	for (size_t i = 0; i < ARRAY_LEN(config_rows); i++) {
		struct state *s = NULL;

		test_row(config_rows[i].name);
		c = config_small();
		config_rows[i].change(&c);
		CHECK(state_config_validate(&c) == config_rows[i].ok);
		if (config_rows[i].ok)
			continue;
		CHECK_INT(state_new(&c, seed_of_tests, START, &s), -22);
		CHECK(s == NULL);
	}
}

/* --- reload --- */

TEST(reload_changes_filtering_and_the_number_of_blocks)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);
	struct mapping m = take64(s, f, START);
	struct flow46 in = answer(&f, &m, 0);

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	c.max_blocks_per_subscriber = 1;
	CHECK_INT(state_update(s, &c), 0);
	in.src = OTHER_SERVER;
	check_drop46(s, in, START, DROP_46_FILTERED);
	for (unsigned i = 1; i < 64; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)i, SERVER, 53), START);
	check_drop64(s, udp64(v6(1, 1), 999, SERVER, 53), START, DROP_SUBSCRIBER_BLOCKS);
	c.filtering = FILTER_ENDPOINT_INDEPENDENT;
	c.max_blocks_per_subscriber = 2;
	CHECK_INT(state_update(s, &c), 0);
	take46(s, in, START);
	take64(s, udp64(v6(1, 1), 999, SERVER, 53), START);
	FINISH(s);
}

TEST(reload_to_endpoint_independent_filtering_lets_a_waiting_syn_in)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5000, SERVER, 80, SYN);
	struct mapping m = take64(s, f, START);
	struct flow46 in = answer(&f, &m, SYN);

	in.src = OTHER_SERVER;
	check_drop46(s, in, START, DROP_TCP_SYN46_FILTERED);
	c.filtering = FILTER_ENDPOINT_INDEPENDENT;
	REQUIRE(state_update(s, &c) == 0);
	CHECK(!take46(s, in, START + NSEC).session->is_filtered);
	FINISH(s);
}

static void other_pool(struct state_config *c)
{
	c->pool[0].hi++;
}

static void other_pool_len(struct state_config *c)
{
	c->pool[c->pool_len++] = pool_of(v4(10, 0, 0, 0), 24, 1, 2);
}

static void other_sharing(struct state_config *c)
{
	c->pool[0].is_shared = true;
}

static void other_block(struct state_config *c)
{
	c->ports_per_block = 128;
}

static void other_subscriber(struct state_config *c)
{
	c->subscriber_len = 56;
}

static void other_sessions(struct state_config *c)
{
	c->max_sessions++;
}

static const struct static_binding three[] = {
	{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
	{ PROTO_UDP, { 0xc0000201 }, 1501, { 1, 1 }, 2 },
	{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
};
static const struct static_binding swapped[] = {
	{ PROTO_UDP, { 0xc0000201 }, 1501, { 1, 1 }, 2 },
	{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
};
static const struct static_binding moved[] = {
	{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
	{ PROTO_UDP, { 0xc0000201 }, 1501, { 1, 9 }, 2 },
};

static void fewer_statics(struct state_config *c)
{
	c->statics_len = 1;
}

static void one_static_twice(struct state_config *c)
{
	static const struct static_binding twice[] = {
		{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
		{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
	};

	c->statics = twice;
}

static void other_inside(struct state_config *c)
{
	c->statics = moved;
}

static void other_order(struct state_config *c)
{
	c->statics = swapped;
}

static void nothing(struct state_config *c)
{
	(void)c;
}

TEST(a_reload_takes_what_it_can_and_refuses_the_rest)
{
	static const struct {
		const char *name;
		void (*change)(struct state_config *c);
		int want;
	} rows[] = {
		{ "nothing", nothing, 0 },
		{ "statics in another order", other_order, 0 },
		{ "pool ports", other_pool, 0 },
		{ "pool entries", other_pool_len, 0 },
		{ "sharing", other_sharing, 0 },
		{ "block size", other_block, -16 },
		{ "subscriber length", other_subscriber, -16 },
		{ "sessions", other_sessions, -16 },
		{ "a static less", fewer_statics, 0 },
		{ "one static twice", one_static_twice, -22 },
		{ "a static to another host", other_inside, 0 },
		{ "invalid", short_udp, -22 },
	};
	struct state_config base = config_small();

	base.statics = three;
	base.statics_len = 2;
	struct state *s = state_of(&base);

	take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state_config c = base;

		test_row(rows[i].name);
		rows[i].change(&c);
		CHECK_INT(state_update(s, &c), rows[i].want);
	}
	FINISH(s);
}

/* --- looking --- */

TEST(the_pool_is_shown_row_by_row)
{
	struct state_config c = config_small();
	struct pool_row row;
	uint32_t n = 0;

	c.pool[0] = pool_of(v4(192, 0, 2, 4), 30, 1000, 1100);
	c.pool[1] = pool_of(v4(203, 0, 113, 1), 32, 2048, 4095);
	c.pool[1].is_shared = true;
	c.pool_len = 2;
	struct state *s = state_of(&c);
	struct mapping m = take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START);
	uint32_t used = 0, lent = 0;

	for (; state_pool_row(s, n, &row); n++) {
		used += row.ports_used[PROTO_UDP];
		lent += row.blocks_lent;
		CHECK_INT(row.blocks_lent, addr4_eq(row.addr, m.binding->out));
		CHECK_INT(row.blocks, n < 4 ? 3 : 32);
		CHECK_INT(row.lo, n < 4 ? 1000 : 2048);
		CHECK_INT(row.hi, n < 4 ? 1100 : 4095);
		CHECK_INT(row.is_shared, n == 4);
	}
	CHECK_INT(n, 5);
	CHECK_INT(used, 1);
	CHECK_INT(lent, 1);
	CHECK_INT(stats_of(s).blocks, 4 * 3 + 32);
	CHECK_INT(state_pool_find(s, v4(192, 0, 2, 7), 1000), 0);
	CHECK_INT(state_pool_find(s, v4(203, 0, 113, 1), 4095), 1);
	CHECK_INT(state_pool_find(s, v4(203, 0, 113, 1), 4096), -1);
	CHECK_INT(state_pool_find(s, v4(192, 0, 2, 8), 1000), -1);
	CHECK(state_pool_has_address(s, v4(203, 0, 113, 1)));
	CHECK(!state_pool_has_address(s, v4(203, 0, 113, 2)));
	FINISH(s);
}

TEST(walks_meet_every_live_element_once_and_look_at_a_bounded_number)
{
	struct state_config c = config_small();
	uint32_t next = 0, met = 0;

	c.max_sessions = 10000;
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 1);

	CHECK_INT(state_next_session(s, 0, &next), STATE_END);
	CHECK_INT(next, STATE_END);
	for (unsigned i = 0; i < 9000; i++) {
		f.dport = (uint16_t)(i + 1);
		take64(s, f, i == 8999 ? START + 100 * NSEC : START);
	}
	for (uint32_t at = 0; at != STATE_END; at = next) {
		uint32_t id = state_next_session(s, at, &next);

		met += id != STATE_END && state_session(s, id) != NULL;
	}
	CHECK_INT(met, 9000);
	expire(s, START + c.lifetime[LIFETIME_UDP] + LATE);
	/* All but the last are gone: the walk finds it, 4096 slots at a time. */
	CHECK_INT(state_next_session(s, 0, &next), STATE_END);
	CHECK_INT(next, 4096);
	CHECK_INT(state_next_session(s, 4096, &next), STATE_END);
	CHECK_INT(next, 8192);
	CHECK_INT(state_next_session(s, 8192, &next), 8999);
	CHECK_INT(next, STATE_END);
	CHECK(state_session(s, 8998) == NULL);
	CHECK(state_session(s, STATE_END) == NULL);
	CHECK_INT(state_next_binding(s, 0, &next), 0);
	CHECK_INT(next, STATE_END);
	CHECK(state_binding(s, 0) != NULL && state_binding(s, 1) == NULL);
	FINISH(s);
}

TEST(statistics_count_memory_and_do_not_count_udp_as_tcp)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	take64(s, udp64(v6(1, 1), 5000, SERVER, 1), START);
	struct state_stats st = stats_of(s);

	for (unsigned i = 0; i < TCP_STATE_COUNT; i++)
		CHECK_INT(st.tcp[i], 0);
	CHECK(st.bytes_of_memory > 256 * 64);
	CHECK_INT(st.max_sessions, 256);
	CHECK_INT(st.bindings_made, 1);
	FINISH(s);
}

/* --- the validator sees what is broken --- */

TEST(the_validator_notices_damage)
{
	struct state_config c = config_small();

	for (unsigned i = 0; i < 12; i++) {
		struct state *s = state_of(&c);

		take64(s, tcp64(v6(1, 1), 5000, SERVER, 1, SYN), START);
		take64(s, tcp64(v6(1, 1), 5000, SERVER, 2, SYN), START);
		take64(s, udp64(v6(1, 1), 5001, SERVER, 2), START);
		CHECK(state_validate(s));
		uint32_t *const counts[] = { &s->bindings.at[0].b.sessions, &s->by_proto[PROTO_TCP],
			&s->by_tcp[TCP_V6_INIT], &s->filtered, &s->sessions.index.len, &s->sessions.peers.len,
			&s->pool.rows[0].lent, &s->pool.blocks[0].bindings, &s->subscribers.at[0].blocks,
			&s->bindings.used[PROTO_UDP], &s->bindings.by4.len, &s->sessions.slots.used };

		REQUIRE(ARRAY_LEN(counts) == 12);
		++*counts[i];
		CHECK(!state_validate(s));
		state_free(s);
	}
	struct state *s = state_of(&c);

	take64(s, udp64(v6(1, 1), 5001, SERVER, 2), START);
	block_bitmap(&s->pool, 0, PROTO_TCP)[0] |= 2;
	CHECK(!state_validate(s));
	block_bitmap(&s->pool, 0, PROTO_TCP)[0] &= ~UINT64_C(2);
	CHECK(state_validate(s));
	s->sessions.at[0].remote_port++;
	CHECK(!state_validate(s));
	state_free(s);
}
