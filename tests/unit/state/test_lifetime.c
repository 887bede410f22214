/* test_lifetime.c - expiry: each class of session, the wheel, budgets (RFC 6146 s4, RFC 4787 REQ-5, RFC 5508
 * REQ-2) */
#include "fixture.h"
#include "state/timer.h"

static uint32_t sessions_of(const struct state *s)
{
	struct state_stats st = stats_of(s);

	return st.sessions[PROTO_TCP] + st.sessions[PROTO_UDP] + st.sessions[PROTO_ICMP];
}

TEST(rfc6146_s4_each_class_lives_exactly_its_lifetime)
{
	static const struct {
		const char *name;
		enum lifetime life;
		enum proto proto;
	} rows[] = {
		{ "UDP_DEFAULT, 5 min", LIFETIME_UDP, PROTO_UDP },
		{ "TCP_TRANS, 4 min", LIFETIME_TCP_TRANSITORY, PROTO_TCP },
		{ "ICMP_DEFAULT, 60 s", LIFETIME_ICMP, PROTO_ICMP },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* At several places inside a tick. */
		for (nsec at = START; at < START + 2 * TICK; at += TICK / 7) {
			struct state_config c = config_small();
			struct state *s = state_of(&c);
			struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);
			nsec end = at + c.lifetime[rows[i].life];

			test_row(rows[i].name);
			f.proto = rows[i].proto;
			f.tcp_flags = SYN;
			CHECK_INT(take64(s, f, at).session->expires, end);
			expire(s, end - 1);
			CHECK_INT(sessions_of(s), 1);
			expire(s, end + TICK);
			CHECK_INT(sessions_of(s), 0);
			CHECK_INT(stats_of(s).sessions_expired, 1);
			CHECK_INT(stats_of(s).bindings_expired, 1);
			FINISH(s);
		}
	}
}

TEST(defaults_are_those_of_rfc6146_s4)
{
	struct state_config c;

	state_config_default(&c);
	CHECK_INT(c.lifetime[LIFETIME_UDP], 300 * NSEC);
	CHECK_INT(c.lifetime[LIFETIME_TCP_ESTABLISHED], (2 * 3600 + 4 * 60) * NSEC);
	CHECK_INT(c.lifetime[LIFETIME_TCP_TRANSITORY], 240 * NSEC);
	CHECK_INT(c.lifetime[LIFETIME_TCP_INCOMING_SYN], 6 * NSEC);
	CHECK_INT(c.lifetime[LIFETIME_ICMP], 60 * NSEC);
	CHECK_INT(c.lifetime[LIFETIME_FRAGMENT], 2 * NSEC);
	CHECK_INT(state_lifetime_min(LIFETIME_UDP), 120 * NSEC);
}

TEST(rfc4787_req6_packets_of_both_directions_refresh)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);
	struct mapping m = take64(s, f, START);
	nsec t = START;

	for (unsigned i = 0; i < 20; i++) {
		t += 299 * NSEC;
		expire(s, t);
		m = i % 2 == 0 ? take64(s, f, t) : take46(s, answer(&f, &m, 0), t);
		CHECK_INT(m.session->expires, t + c.lifetime[LIFETIME_UDP]);
		CHECK(state_validate(s));
	}
	CHECK_INT(stats_of(s).sessions_made, 1);
	expire(s, t + c.lifetime[LIFETIME_UDP] + LATE);
	CHECK_INT(sessions_of(s), 0);
	FINISH(s);
}

TEST(a_lifetime_of_many_turns_of_the_wheel_is_kept)
{
	struct state_config c = config_small();
	nsec life = 30 * 24 * 3600 * NSEC; /* a turn is 18 minutes */

	c.lifetime[LIFETIME_UDP] = life;
	struct state *s = state_of(&c);

	take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START);
	for (nsec t = START; t < START + life; t += 3600 * NSEC) {
		expire(s, t);
		CHECK_INT(sessions_of(s), 1);
	}
	expire(s, START + life - 1);
	CHECK_INT(sessions_of(s), 1);
	expire(s, START + life + TICK);
	CHECK_INT(sessions_of(s), 0);
	FINISH(s);
}

TEST(expiry_after_a_long_sleep_catches_up)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	for (unsigned i = 0; i < 100; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(i + 1), SERVER, 53), START + i * NSEC);
	expire(s, START + 10 * 24 * 3600 * NSEC);
	CHECK_INT(sessions_of(s), 0);
	take64(s, udp64(v6(1, 1), 1, SERVER, 53), START + 10 * 24 * 3600 * NSEC);
	FINISH(s);
}

TEST(the_budget_bounds_one_call_and_the_rest_follows)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	nsec t = START + c.lifetime[LIFETIME_UDP] + LATE;

	for (unsigned i = 0; i < 100; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(i + 1), SERVER, 53), START);
	for (unsigned left = 100; left > 0; left -= 10) {
		CHECK_INT(sessions_of(s), left);
		nsec next = state_expire(s, t, 10, NULL, NULL);

		CHECK_INT(sessions_of(s), left - 10);
		CHECK(left == 10 || next <= t);
		CHECK(state_validate(s));
	}
	CHECK_INT(state_expire(s, t, 0, NULL, NULL), t + NSEC);
	FINISH(s);
}

TEST(flows_opened_in_the_middle_of_a_backlog_are_kept)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	nsec t = START + c.lifetime[LIFETIME_UDP] + LATE;

	for (unsigned i = 0; i < 50; i++)
		take64(s, udp64(v6(1, 1), (uint16_t)(i + 1), SERVER, 53), START);
	state_expire(s, t, 5, NULL, NULL);
	take64(s, udp64(v6(1, 1), 9999, SERVER, 53), t);
	take64(s, udp64(v6(1, 1), 1, SERVER, 53), t); /* refreshed, or made again */
	CHECK(state_validate(s));
	expire(s, t);
	CHECK_INT(sessions_of(s), 2);
	FINISH(s);
}

TEST(the_returned_time_is_when_the_next_session_is_due)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	nsec end = START + c.lifetime[LIFETIME_ICMP];

	take64(s, icmp64(v6(1, 1), 1, SERVER), START);
	CHECK_INT(state_expire(s, START, 100, NULL, NULL), START + NSEC); /* nothing soon: within a second */
	nsec next = state_expire(s, end - NSEC / 2, 100, NULL, NULL);

	CHECK(end < next && next <= end + TICK);
	state_expire(s, next, 100, NULL, NULL);
	CHECK_INT(sessions_of(s), 0);
	FINISH(s);
}

TEST(reload_gives_new_lifetimes_at_the_next_packet)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);
	nsec old = c.lifetime[LIFETIME_UDP];

	take64(s, f, START);
	c.lifetime[LIFETIME_UDP] = 120 * NSEC;
	REQUIRE(state_update(s, &c) == 0);
	expire(s, START + old - 1);
	CHECK_INT(sessions_of(s), 1);
	take64(s, f, START + old - 1);
	expire(s, START + old - 1 + 120 * NSEC + LATE);
	CHECK_INT(sessions_of(s), 0);
	/* A shorter time set by a packet is kept at once, though the wheel held the session for a later one.
	 */
	take64(s, f, START + old * 3);
	c.lifetime[LIFETIME_UDP] = 3600 * NSEC;
	REQUIRE(state_update(s, &c) == 0);
	take64(s, f, START + old * 3);
	c.lifetime[LIFETIME_UDP] = 120 * NSEC;
	REQUIRE(state_update(s, &c) == 0);
	take64(s, f, START + old * 3);
	CHECK(state_validate(s));
	expire(s, START + old * 3 + 120 * NSEC + LATE);
	CHECK_INT(sessions_of(s), 0);
	FINISH(s);
}

TEST(the_wheel_gives_every_number_once_in_any_order_of_times)
{
	struct memory m = { 0 };
	struct wheel w = { 0 };
	struct rng g;
	nsec expires[500];
	bool gone[500] = { 0 };
	unsigned left = 500;

	rng_init(&g, test_seed());
	REQUIRE(wheel_init(&w, &m, 500, START));
	for (uint32_t i = 0; i < 500; i++) {
		expires[i] = START + rng_below(&g, 3000) * NSEC + rng_below(&g, 1000000000);
		wheel_put(&w, i, expires[i]);
	}
	for (uint32_t i = 0; i < 500; i += 5) {
		wheel_remove(&w, i);
		gone[i] = true;
		left--;
	}
	for (nsec t = START; t < START + 3010 * NSEC; t += rng_below(&g, 3000) * MSEC) {
		for (uint32_t id; (id = wheel_take_due(&w, t)) != NONE;) {
			CHECK(!gone[id]);
			if (expires[id] > t) { /* beyond one turn: it waits on */
				wheel_put(&w, id, expires[id]);
				continue;
			}
			gone[id] = true;
			left--;
		}
		for (uint32_t i = 0; i < 500; i++)
			CHECK(gone[i] || expires[i] + TICK > t);
	}
	CHECK_INT(left, 0);
	CHECK(wheel_next(&w) == UINT64_MAX);
	memory_fini(&m);
}
