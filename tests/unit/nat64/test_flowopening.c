/* test_flowopening.c - connections that pass from their SYN on: what the TCP machine is told, and when (RFC 6146 s3.5.2.2) */
#include "flowtest.h"

TEST(a_connection_that_nobody_answers_ends_after_four_minutes)
{
	struct fast f = fast_new();

	CHECK(!tcp_out(f, TCP_SYN));
	CHECK_INT(count(f).flows, 1);
	for (unsigned i = 0; i < 3; i++) {
		pass(f, 60 * NSEC);
		CHECK(tcp_out(f, TCP_ACK)); /* no SYN: it begins no time anew (RFC 6146 s3.5.2.2, V6 INIT) */
	}
	pass(f, 59 * NSEC);
	CHECK_INT(sessions(f), 1);
	pass(f, 2 * NSEC);
	CHECK_INT(sessions(f), 0);
	CHECK_INT(count(f).flows, 0);
	fast_free(f);
}

TEST(a_syn_that_passed_without_us_is_known_when_it_matters)
{
	struct fast f = fast_new();
	struct session s;
	bool cached;

	CHECK(!tcp_out(f, TCP_SYN));
	uint16_t port = f.b->v[0].sport;

	REQUIRE(only_session(f, &cached, &s));
	CHECK_INT(s.tcp, TCP_V6_INIT);
	CHECK(tcp_in(f, port, TCP_SYN | TCP_ACK));
	CHECK(tcp_in(f, port, TCP_SYN | TCP_ACK)); /* once more, as if it had been lost behind us */
	nsec answered = f.b->now;

	REQUIRE(only_session(f, &cached, &s));
	CHECK_INT(s.tcp, TCP_ESTABLISHED);
	CHECK(s.expires >= answered + 7440 * NSEC && s.expires <= answered + 7441 * NSEC);
	CHECK_INT(state_session(nat64_state(f.b->n), 0)->tcp, TCP_V6_INIT);
	pass(f, 241 * NSEC);
	CHECK_INT(sessions(f), 1);
	CHECK_INT(state_session(nat64_state(f.b->n), 0)->tcp, TCP_ESTABLISHED);
	CHECK_INT(count(f).flows, 1);
	pass(f, 7190 * NSEC);
	CHECK_INT(sessions(f), 1);
	CHECK_INT(nat64_counters(f.b->n)->probes, 0);
	pass(f, 20 * NSEC);
	CHECK_INT(nat64_counters(f.b->n)->probes, 1);
	fast_free(f);
}

TEST(a_connection_that_an_ipv4_host_begins_passes_from_its_syn_on)
{
	struct fast f = fast_new();
	const struct craft_ip from = { .src = "198.51.100.77", .dst = POOL };
	const struct craft_ip back = { .src = CLIENT, .dst = "64:ff9b::c633:644d" };
	uint16_t port = tcp_entered(f);

	craft_tcp(&f.b->in, &from, 81, port, TCP_SYN, 0);
	CHECK(!sends(f));
	craft_tcp(&f.b->in, &from, 81, port, TCP_SYN, 0);
	CHECK(!sends(f));
	craft_tcp(&f.b->in, &back, 50000, 81, TCP_SYN | TCP_ACK, 0);
	CHECK(sends(f));
	craft_tcp(&f.b->in, &from, 81, port, TCP_ACK, 0);
	CHECK(sends(f));
	craft_tcp(&f.b->in, &back, 50000, 81, TCP_FIN | TCP_ACK, 0);
	CHECK(!sends(f));
	CHECK_INT(state_session(nat64_state(f.b->n), 1)->tcp, TCP_V6_FIN);
	fast_free(f);
}

TEST(a_connection_that_was_half_open_is_not_adopted)
{
	struct fast f = fast_new();

	CHECK(!tcp_out(f, TCP_SYN));
	nat64_leave_flows(f.b->n);
	nat64_free(f.b->n);
	flow_claims_free(&f.m->maps);
	REQUIRE(flow_claims_new(&f.m->maps, FLOW_START_ADOPT) == 0);
	REQUIRE(nat64_new(&f.b->cfg, (const uint8_t[32]){ 1 }, f.b->now, &f.b->n) == 0);
	nat64_adopt_flows(f.b->n, f.b->now, NULL, NULL);
	flow_claims_settle(&f.m->maps);
	CHECK_INT(count(f).flows, 0);
	CHECK(!tcp_out(f, TCP_SYN));
	fast_free(f);
}

TEST(a_syn_that_passed_is_known_though_the_flow_leaves_at_once)
{
	for (unsigned side = 0; side < 2; side++) {
		struct fast f = fast_new();
		struct session s;
		bool cached;

		CHECK(!tcp_out(f, TCP_SYN));
		uint16_t port = f.b->v[0].sport;

		if (side == 0)
			CHECK(tcp_in(f, port, TCP_SYN | TCP_ACK));
		CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
		tick(f);
		f.b->now += (FLOW_GRACE_MS + 1) * MSEC;
		tick(f);
		REQUIRE(only_session(f, &cached, &s));
		CHECK(!cached);
		CHECK_INT(s.tcp, side == 0 ? TCP_ESTABLISHED : TCP_V6_INIT);
		fast_free(f);
	}
}
