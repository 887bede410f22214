/* test_expect.c - connections from IPv4 that an ALG has heard announced (RFC 6384 s7.2, s12) */
#include "fixture.h"

#define OUT v4(192, 0, 2, 1)
#define WAIT (60 * NSEC)

static struct flow64 announce(unsigned net, uint16_t port)
{
	return tcp64(v6(net, 1), port, SERVER, 0, 0);
}

static uint16_t expect_port(struct state *s, struct flow64 f, nsec now)
{
	uint16_t port = 0;

	CHECK_INT(state_expect(s, &f, OUT, now, WAIT, &port), DROP_NONE);
	REQUIRE(port >= 1024);
	return port;
}

static void check_no_expect(struct state *s, struct flow64 f, struct addr4 out, enum drop_reason want)
{
	uint16_t port = 4711;

	CHECK_INT(state_expect(s, &f, out, START, WAIT, &port), want);
	CHECK_INT(port, 4711);
	CHECK(state_validate(s));
}

static struct flow46 from(struct addr4 src, uint16_t sport, uint16_t dport, uint8_t flags)
{
	return (struct flow46){
		.proto = PROTO_TCP, .tcp_flags = flags, .src = src, .sport = sport, .dst = OUT, .dport = dport
	};
}

TEST(rfc6384_s7_2_the_server_may_connect_from_any_port_and_reaches_the_announced_one)
{
	static const uint16_t sports[] = { 20, 1, 65535 };

	for (unsigned i = 0; i < 2 * ARRAY_LEN(sports); i++) {
		struct state_config c = config_small();

		c.filtering = i % 2 ? FILTER_ADDRESS_DEPENDENT : FILTER_ENDPOINT_INDEPENDENT;
		struct state *s = state_of(&c);
		uint16_t port = expect_port(s, announce(1, 5282), START);
		struct mapping m = take46(s, from(SERVER, sports[i / 2], port, SYN), START);

		CHECK(addr6_eq(m.binding->in, v6(1, 1)));
		CHECK_INT(m.binding->in_port, 5282);
		CHECK_INT(m.session->tcp, TCP_V4_INIT);
		FINISH(s);
	}
}

TEST(rfc6384_s7_2_nobody_but_the_server_may_connect)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	uint16_t port = expect_port(s, announce(1, 5282), START);

	check_drop46(s, from(OTHER_SERVER, 20, port, SYN), START, DROP_TCP_SYN46_FILTERED);
	check_drop46(s, from(OTHER_SERVER, 20, port, ACK), START, DROP_46_FILTERED);
	take46(s, from(SERVER, 20, port, SYN), START);
	FINISH(s);
}

static struct state *connected(uint16_t *ret_port)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5282, SERVER, 20, SYN | ACK);

	*ret_port = expect_port(s, announce(1, 5282), START);
	take46(s, from(SERVER, 20, *ret_port, SYN), START);
	CHECK_INT(take64(s, f, START).session->tcp, TCP_ESTABLISHED);
	return s;
}

TEST(rfc6384_s7_2_once_connected_the_mapping_is_narrowed_to_that_session)
{
	uint16_t port;
	struct state *s = connected(&port);

	take46(s, from(SERVER, 20, port, ACK), START);
	check_drop46(s, from(SERVER, 21, port, SYN), START, DROP_TCP_SYN46_FILTERED);
	check_drop46(s, from(SERVER, 22, port, ACK), START, DROP_46_FILTERED);
	FINISH(s);
}

TEST(a_port_that_is_announced_again_is_open_again)
{
	uint16_t port;
	struct state *s = connected(&port);

	CHECK_INT(expect_port(s, announce(1, 5282), START), port);
	take46(s, from(SERVER, 21, port, SYN), START);
	FINISH(s);
}

TEST(rfc6384_s12_an_announcement_waits_as_long_as_said_and_no_longer)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	uint16_t port = expect_port(s, announce(1, 5282), START);

	expire(s, START + WAIT - 1);
	CHECK_INT(stats_of(s).bindings[PROTO_TCP], 1);
	CHECK_INT(expect_port(s, announce(1, 5282), START + WAIT - 1), port); /* said again: from now on */
	expire(s, START + WAIT + WAIT - 2);
	CHECK_INT(stats_of(s).bindings[PROTO_TCP], 1);
	expire(s, START + 2 * WAIT + LATE);
	CHECK_INT(stats_of(s).bindings[PROTO_TCP], 0);
	CHECK_INT(stats_of(s).sessions[PROTO_TCP], 0);
	CHECK_INT(stats_of(s).blocks_lent, 0);
	check_drop46(s, from(SERVER, 20, port, SYN), START + 2 * WAIT + LATE, DROP_46_NO_BINDING);
	FINISH(s);
}

TEST(the_connection_outlives_the_announcement)
{
	uint16_t port;
	struct state *s = connected(&port);

	expire(s, START + 2 * WAIT);
	CHECK_INT(stats_of(s).sessions[PROTO_TCP], 1);
	take46(s, from(SERVER, 20, port, ACK), START + 2 * WAIT);
	check_drop46(s, from(SERVER, 21, port, SYN), START + 2 * WAIT, DROP_TCP_SYN46_FILTERED);
	FINISH(s);
}

TEST(a_port_in_use_keeps_its_binding_and_who_may_reach_it)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct mapping m = take64(s, tcp64(v6(1, 1), 5282, OTHER_SERVER, 80, SYN), START);
	uint16_t out_port = m.binding->out_port;

	CHECK_INT(expect_port(s, announce(1, 5282), START), out_port);
	take46(s, from(v4(203, 0, 113, 1), 9, out_port, SYN), START);
	FINISH(s);
}

TEST(what_has_no_room_announces_nothing)
{
	struct state_config c = config_small();

	c.max_sessions = 16;
	c.max_blocks_per_subscriber = 1;
	struct state *s = state_of(&c);

	check_no_expect(s, announce(1, 5282), v4(192, 0, 2, 2), DROP_POOL_EXHAUSTED);
	CHECK_INT(stats_of(s).bindings[PROTO_TCP], 0);
	take64(s, tcp64(v6(1, 1), 5283, SERVER, 80, SYN), START);
	check_no_expect(s, announce(1, 5283), v4(192, 0, 2, 2), DROP_POOL_EXHAUSTED);
	for (unsigned i = 1; i < 16; i++)
		take64(s, tcp64(v6(1, 1), (uint16_t)(6000 + i), SERVER, 80, SYN), START);
	check_no_expect(s, announce(1, 5282), OUT, DROP_SESSIONS_FULL);
	check_no_expect(s, announce(1, 6001), OUT, DROP_SESSIONS_FULL);
	FINISH(s);
}
