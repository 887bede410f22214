/* test_other.c - protocols without ports: addresses instead of ports (other.c) */
#include "fixture.h"
#include "state/tables.h"

#include <errno.h>
#include <stdlib.h>

#define GRE 47
#define ESP 50
#define SCTP 132

static struct flow64 other64(struct addr6 src, uint8_t number, struct addr4 dst)
{
	return (struct flow64){
		.proto = PROTO_OTHER, .src = src, .sport = number, .dst = dst, .dport = number
	};
}

static struct flow46 other46(struct addr4 src, uint8_t number, struct addr4 dst)
{
	return (struct flow46){
		.proto = PROTO_OTHER, .src = src, .sport = number, .dst = dst, .dport = number
	};
}

/* Four addresses, 192.0.2.0 to 192.0.2.3; GRE and SCTP. */
static struct state_config config_other(void)
{
	struct state_config c = config_small();

	c.pool[0] = pool_of(v4(192, 0, 2, 0), 30, 1024, 2047);
	c.protocols[0] = GRE;
	c.protocols[1] = SCTP;
	c.protocols_len = 2;
	return c;
}

TEST(a_host_gets_an_address_and_is_reached_there)
{
	struct state_config c = config_other();
	struct state *s = state_of(&c);
	struct mapping m = take64(s, other64(v6(1, 1), GRE, SERVER), START);
	struct addr4 out = m.binding->out;

	CHECK_INT(m.binding->proto, PROTO_OTHER);
	CHECK_INT(m.binding->out_port, GRE);
	CHECK_INT(out.v & ~3u, v4(192, 0, 2, 0).v);
	CHECK_INT(m.session->remote_port, 0);
	CHECK_INT(m.session->tcp, TCP_NONE);
	CHECK_INT(m.session->expires, START + 300 * NSEC);

	struct mapping back = take46(s, other46(SERVER, GRE, out), START + NSEC);

	CHECK(back.session == m.session);
	CHECK(addr6_eq(back.binding->in, v6(1, 1)));
	CHECK_INT(back.session->expires, START + 301 * NSEC);
	/* Anybody else may answer too, and gets a session of its own. */
	back = take46(s, other46(OTHER_SERVER, GRE, out), START + NSEC);
	CHECK(back.session != m.session);
	CHECK_INT(stats_of(s).sessions[PROTO_OTHER], 2);
	CHECK_INT(stats_of(s).bindings[PROTO_OTHER], 1);
	/* The same address in another protocol is nobody's. */
	check_drop46(s, other46(SERVER, SCTP, out), START, DROP_46_NO_BINDING);
	FINISH(s);
}

TEST(address_dependent_filtering_holds_for_addresses_too)
{
	struct state_config c = config_other();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct mapping m = take64(s, other64(v6(1, 1), GRE, SERVER), START);
	struct addr4 out = m.binding->out;

	check_drop46(s, other46(OTHER_SERVER, GRE, out), START, DROP_46_FILTERED);
	(void)take46(s, other46(SERVER, GRE, out), START);
	FINISH(s);
}

TEST(an_address_serves_one_host_in_each_protocol)
{
	struct state_config c = config_other();
	struct state *s = state_of(&c);
	struct addr4 seen[4];

	for (unsigned i = 0; i < 4; i++) {
		seen[i] = take64(s, other64(v6(i, 1), GRE, SERVER), START).binding->out;
		for (unsigned k = 0; k < i; k++)
			CHECK(!addr4_eq(seen[i], seen[k]));
	}
	check_drop64(s, other64(v6(4, 1), GRE, SERVER), START, DROP_PROTOCOL_NO_ADDRESS);
	CHECK_INT(stats_of(s).subscribers, 4);
	/* What is established goes on, and the other protocol is another matter. */
	(void)take64(s, other64(v6(0, 1), GRE, OTHER_SERVER), START);
	(void)take64(s, other64(v6(4, 1), SCTP, SERVER), START);
	FINISH(s);
}

TEST(an_address_is_free_again_when_its_last_session_has_gone)
{
	struct state_config c = config_other();

	c.pool[0].prefix.len = 32;
	struct state *s = state_of(&c);

	(void)take64(s, other64(v6(1, 1), GRE, SERVER), START);
	check_drop64(s, other64(v6(2, 1), GRE, SERVER), START, DROP_PROTOCOL_NO_ADDRESS);
	expire(s, START + 300 * NSEC - 1);
	CHECK_INT(stats_of(s).bindings[PROTO_OTHER], 1);
	expire(s, START + 300 * NSEC + LATE);
	CHECK_INT(stats_of(s).bindings[PROTO_OTHER], 0);
	CHECK_INT(stats_of(s).subscribers, 0);
	CHECK(state_validate(s));
	(void)take64(s, other64(v6(2, 1), GRE, SERVER), START + 301 * NSEC);
	FINISH(s);
}

TEST(a_subscriber_keeps_its_address_whatever_it_speaks_rfc4787_req2)
{
	struct state_config c = config_other();

	c.pool[0].prefix.len = 24;
	struct state *s = state_of(&c);

	bool taken[256] = { false };

	/* Where another subscriber was first, there is no choice. */
	for (unsigned net = 0; net < 50; net++) {
		struct addr4 a = take64(s, udp64(v6(net, 1), 5000, SERVER, 53), START).binding->out;

		struct addr4 gre = take64(s, other64(v6(net, 1), GRE, SERVER), START).binding->out;
		struct addr4 sctp = take64(s, other64(v6(net, 1), SCTP, SERVER), START).binding->out;

		CHECK(taken[a.v & 255] || (addr4_eq(gre, a) && addr4_eq(sctp, a)));
		taken[gre.v & 255] = taken[sctp.v & 255] = true;
	}
	/* Here the address comes with GRE, and the port follows. */
	struct addr4 a = take64(s, other64(v6(99, 1), GRE, SERVER), START).binding->out;

	CHECK(addr4_eq(take64(s, udp64(v6(99, 1), 5000, SERVER, 53), START).binding->out, a));
	FINISH(s);
}

TEST(a_subscriber_cannot_take_the_pool_with_many_hosts)
{
	struct state_config c = config_other();

	c.hosts_per_subscriber = 2;
	struct state *s = state_of(&c);

	(void)take64(s, other64(v6(1, 1), GRE, SERVER), START);
	(void)take64(s, other64(v6(1, 2), GRE, SERVER), START);
	check_drop64(s, other64(v6(1, 3), GRE, SERVER), START, DROP_PROTOCOL_HOSTS);
	(void)take64(s, other64(v6(1, 3), SCTP, SERVER), START);
	/* A reload lowers it: who is there stays. */
	c.hosts_per_subscriber = 1;
	CHECK_INT(state_update(s, &c), 0);
	(void)take64(s, other64(v6(1, 2), GRE, OTHER_SERVER), START);
	check_drop64(s, other64(v6(1, 4), SCTP, SERVER), START, DROP_PROTOCOL_HOSTS);
	(void)take64(s, other64(v6(2, 1), SCTP, SERVER), START);
	FINISH(s);
}

/* The list of a subscriber's bindings loses its first, a middle and its last one. */
TEST(bindings_of_a_subscriber_may_end_in_any_order)
{
	static const unsigned orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 1, 2, 0 } };

	for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
		struct state_config c = config_other();

		c.hosts_per_subscriber = 3;
		struct state *s = state_of(&c);

		for (unsigned i = 0; i < 3; i++)
			(void)take64(s, other64(v6(1, orders[o][i]), GRE, SERVER), START);
		for (unsigned i = 0; i < 3; i++) {
			nsec now = START + (i + 1) * 200 * NSEC;

			for (unsigned k = i; k < 3; k++)
				(void)take64(s, other64(v6(1, k), GRE, SERVER), now);
			expire(s, now + 150 * NSEC);
			CHECK(state_validate(s));
			CHECK_INT(stats_of(s).bindings[PROTO_OTHER], 3 - i);
		}
		FINISH(s);
	}
}

TEST(addresses_of_the_host_are_never_bound)
{
	struct state_config c = config_other();

	c.pool[0].is_shared = true;
	struct state *s = state_of(&c);

	check_drop64(s, other64(v6(1, 1), GRE, SERVER), START, DROP_PROTOCOL_NO_ADDRESS);
	CHECK(!state_binds_address(s, v4(192, 0, 2, 1)));
	CHECK_INT(stats_of(s).subscribers, 0);
	FINISH(s);

	c.pool[1] = pool_of(v4(203, 0, 113, 9), 32, 1024, 2047);
	c.pool_len = 2;
	s = state_of(&c);
	struct mapping m = take64(s, other64(v6(1, 1), GRE, SERVER), START);

	CHECK_INT(m.binding->out.v, v4(203, 0, 113, 9).v);
	CHECK(state_binds_address(s, m.binding->out) && !state_binds_address(s, v4(203, 0, 113, 8)));
	FINISH(s);
}

TEST(what_is_not_in_the_list_is_refused)
{
	struct state_config c = config_other();
	struct state *s = state_of(&c);

	CHECK(state_carries(s, GRE) && state_carries(s, SCTP) && !state_carries(s, ESP));
	check_drop64(s, other64(v6(1, 1), ESP, SERVER), START, DROP_PROTOCOL);
	c.protocols[1] = ESP;
	CHECK_INT(state_update(s, &c), 0);
	(void)take64(s, other64(v6(1, 1), ESP, SERVER), START);
	CHECK(!state_carries(s, SCTP));
	FINISH(s);
}

TEST(a_static_binding_is_there_from_the_start_and_for_its_host_alone)
{
	static const struct static_binding statics[] = { { PROTO_OTHER, { 0xc0000202 }, ESP,
		{ UINT64_C(0x20010db800000001), 1 }, ESP } };
	struct state_config c = config_other();

	c.statics = statics;
	c.statics_len = 1;
	struct state *s = state_of(&c);
	struct mapping m = take46(s, other46(SERVER, ESP, v4(192, 0, 2, 2)), START);

	CHECK(addr6_eq(m.binding->in, v6(1, 1)) && m.binding->is_static);
	CHECK(state_carries(s, ESP));
	m = take64(s, other64(v6(1, 1), ESP, OTHER_SERVER), START);
	CHECK_INT(m.binding->out.v, v4(192, 0, 2, 2).v);
	check_drop64(s, other64(v6(2, 1), ESP, SERVER), START, DROP_PROTOCOL);
	expire(s, START + 1000 * NSEC);
	CHECK_INT(stats_of(s).bindings[PROTO_OTHER], 1);
	/* Its other traffic leaves from there. */
	CHECK_INT(take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START + 1000 * NSEC).binding->out.v,
		v4(192, 0, 2, 2).v);
	CHECK_INT(state_update(s, &c), 0);
	FINISH(s);
}

/* A pool of one address, and a subscriber that borrows from it alone. */
static void add_second_pool(struct state_config *c)
{
	c->pool[1] = pool_of(v4(192, 0, 2, 8), 32, 1024, 2047);
	c->pool[1].pool = 1;
	c->pool_len = 2;
}

static void add_member(struct state_config *c)
{
	REQUIRE(prefix6_parse("2001:db8:0:10::/64", &c->members[0].prefix) == 0);
	c->members[0].pool = 1;
	c->members_len = 1;
}

TEST(a_static_binding_by_address_lies_in_its_subscribers_pool)
{
	struct static_binding b = { PROTO_OTHER, v4(192, 0, 2, 2), ESP, v6(0x10, 1), ESP };
	struct state_config c = config_other();
	struct state *s = NULL;

	add_second_pool(&c);
	add_member(&c);
	c.statics = &b;
	c.statics_len = 1;
	CHECK_INT(state_new(&c, seed_of_tests, START, &s), -EINVAL);
	CHECK(s == NULL);
	b.out = v4(192, 0, 2, 8);
	s = state_of(&c);
	CHECK_INT(take64(s, other64(v6(0x10, 1), ESP, SERVER), START).binding->out.v, v4(192, 0, 2, 8).v);
	FINISH(s);
}

/* reload() - the other configuration, as nat64_update() has it taken */
static int reload(struct state *s, const struct state_config *c, struct state_report *ret)
{
	struct state_change *ch = NULL;
	int r = state_prepare(s, c, 0, 7, &ch);

	if (r == 0)
		state_commit(s, ch, START, ret);
	state_change_free(ch);
	return r;
}

TEST(a_binding_by_address_stays_while_its_address_is_in_its_subscribers_pool)
{
	struct state_config c = config_other();
	struct state *s = state_of(&c);
	struct state_report report = { 0 };
	struct flow64 f = other64(v6(0x10, 1), GRE, SERVER);
	struct addr4 first = take64(s, f, START).binding->out;

	add_second_pool(&c);
	REQUIRE(reload(s, &c, &report) == 0);
	CHECK_INT(report.bindings_ended, 0);
	CHECK_INT(take64(s, f, START).binding->out.v, first.v);

	add_member(&c);
	REQUIRE(reload(s, &c, &report) == 0);
	CHECK_INT(report.bindings_ended, 1);
	CHECK_INT(take64(s, f, START).binding->out.v, v4(192, 0, 2, 8).v);

	c.pool[1].is_shared = true;
	REQUIRE(reload(s, &c, &report) == 0);
	CHECK_INT(report.bindings_ended, 1);
	FINISH(s);
}

TEST(a_reload_refuses_a_static_binding_by_address_outside_of_its_subscribers_pool)
{
	struct static_binding b = { PROTO_OTHER, v4(192, 0, 2, 2), ESP, v6(0x10, 1), ESP };
	struct state_config c = config_other();
	struct state *s = state_of(&c);
	struct state_report report = { 0 };

	c.statics = &b;
	c.statics_len = 1;
	REQUIRE(reload(s, &c, &report) == 0);
	CHECK_INT(report.statics_added, 1);
	add_second_pool(&c);
	add_member(&c);
	CHECK_INT(reload(s, &c, &report), -EINVAL);
	b.out = v4(192, 0, 2, 8);
	REQUIRE(reload(s, &c, &report) == 0);
	CHECK_INT(report.statics_removed, 1);
	CHECK_INT(report.statics_added, 1);
	FINISH(s);
}

TEST(configurations_that_cannot_be_are_refused)
{
	static const struct {
		const char *name;
		struct static_binding b[2];
		unsigned len;
	} bad[] = {
		{ "different numbers", { { PROTO_OTHER, { 0xc0000202 }, GRE, { 1, 1 }, ESP } }, 1 },
		{ "UDP by address", { { PROTO_OTHER, { 0xc0000202 }, 17, { 1, 1 }, 17 } }, 1 },
		{ "no number", { { PROTO_OTHER, { 0xc0000202 }, 256, { 1, 1 }, 256 } }, 1 },
		{ "outside the pool", { { PROTO_OTHER, { 0xc0000299 }, GRE, { 1, 1 }, GRE } }, 1 },
		{ "outside twice",
			{ { PROTO_OTHER, { 0xc0000202 }, GRE, { 1, 1 }, GRE },
				{ PROTO_OTHER, { 0xc0000202 }, GRE, { 1, 2 }, GRE } },
			2 },
		{ "inside twice",
			{ { PROTO_OTHER, { 0xc0000202 }, GRE, { 1, 1 }, GRE },
				{ PROTO_OTHER, { 0xc0000201 }, GRE, { 1, 1 }, GRE } },
			2 },
	};
	struct state *s = NULL;
	struct state_config c = config_other();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		test_row(bad[i].name);
		c.statics = bad[i].b;
		c.statics_len = bad[i].len;
		CHECK(state_new(&c, seed_of_tests, START, &s) < 0);
		CHECK(s == NULL);
	}
	c.statics_len = 0;
	for (unsigned n = 0; n < 256; n++) {
		static const uint8_t never[] = { 0, 1, 6, 17, 43, 44, 51, 58, 59, 60, 135, 140 };
		bool is_never = false;

		for (size_t i = 0; i < sizeof(never); i++)
			is_never |= never[i] == n;
		c.protocols[0] = (uint8_t)n;
		CHECK_INT(state_config_validate(&c), !is_never);
	}
	c = config_other();
	c.hosts_per_subscriber = 0;
	CHECK(!state_config_validate(&c));
	c.hosts_per_subscriber = STATE_HOSTS_MAX + 1;
	CHECK(!state_config_validate(&c));
}

TEST(full_tables_refuse_by_their_names_and_forget_the_subscriber)
{
	struct state_config c = config_other();

	c.pool[0].prefix.len = 24;
	c.pool[0].prefix.addr = v4(192, 0, 2, 0);
	c.max_sessions = 16;
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 16; i++)
		(void)take64(s, other64(v6(i, 1), GRE, SERVER), START);
	check_drop64(s, other64(v6(16, 1), GRE, SERVER), START, DROP_SESSIONS_FULL);
	CHECK_INT(stats_of(s).subscribers, 16);
	FINISH(s);
}

TEST(nearly_every_address_of_a_full_pool_is_found)
{
	struct state_config c = config_other();

	c.pool[0].prefix = (struct prefix4){ v4(10, 1, 0, 0), 22 };
	c.max_sessions = 2048;
	struct state *s = state_of(&c);
	unsigned got = 0;

	/* A miss is not for ever: the next packet tries other addresses. */
	for (unsigned round = 0; round < 64; round++) {
		for (unsigned i = 0; i < 1024; i++) {
			struct flow64 f = other64(v6(i, 1), SCTP, SERVER);
			struct mapping m;

			got += round == 0 && state_take64(s, &f, START, &m) == DROP_NONE;
			if (round > 0)
				(void)!state_take64(s, &f, START, &m);
		}
	}
	CHECK(got > 900);
	CHECK_INT(stats_of(s).bindings[PROTO_OTHER], 1024);
	FINISH(s);
}
