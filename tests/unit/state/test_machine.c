/* test_machine.c - the TCP machine of RFC 6146 s3.5.2.2: the whole table, and sessions driven through it */
#include "fixture.h"
#include "state/tcp.h"

/*
 * Written from the RFC's text a second time, in another shape than the code's table: per state, in the order
 * V6 data, FIN, SYN, RST, then V4 data, FIN, SYN, RST. A letter is the lifetime that is set: E(stablished),
 * T(ransitory), - none.
 */
static const struct {
	enum tcp_state from;
	enum tcp_state to[TCP_EVENT_COUNT];
	const char *life;
} machine[] = {
	{ TCP_NONE, { TCP_NONE, TCP_NONE, TCP_NONE, TCP_NONE, TCP_NONE, TCP_NONE, TCP_NONE, TCP_NONE },
		"--------" },
	{ TCP_CLOSED,
		{ TCP_CLOSED, TCP_CLOSED, TCP_V6_INIT, TCP_CLOSED, TCP_CLOSED, TCP_CLOSED, TCP_V4_INIT,
			TCP_CLOSED },
		"--T---T-" },
	{ TCP_V4_INIT,
		{ TCP_V4_INIT, TCP_V4_INIT, TCP_ESTABLISHED, TCP_V4_INIT, TCP_V4_INIT, TCP_V4_INIT,
			TCP_V4_INIT, TCP_V4_INIT },
		"--E-----" },
	{ TCP_V6_INIT,
		{ TCP_V6_INIT, TCP_V6_INIT, TCP_V6_INIT, TCP_V6_INIT, TCP_V6_INIT, TCP_V6_INIT,
			TCP_ESTABLISHED, TCP_V6_INIT },
		"--T---E-" },
	{ TCP_ESTABLISHED,
		{ TCP_ESTABLISHED, TCP_V6_FIN, TCP_ESTABLISHED, TCP_TRANS, TCP_ESTABLISHED, TCP_V4_FIN,
			TCP_ESTABLISHED, TCP_TRANS },
		"E-ETE-ET" },
	{ TCP_V4_FIN,
		{ TCP_V4_FIN, TCP_V4_V6_FIN, TCP_V4_FIN, TCP_V4_FIN, TCP_V4_FIN, TCP_V4_FIN, TCP_V4_FIN,
			TCP_V4_FIN },
		"ETEEEEEE" },
	{ TCP_V6_FIN,
		{ TCP_V6_FIN, TCP_V6_FIN, TCP_V6_FIN, TCP_V6_FIN, TCP_V6_FIN, TCP_V4_V6_FIN, TCP_V6_FIN,
			TCP_V6_FIN },
		"EEEEETEE" },
	{ TCP_V4_V6_FIN,
		{ TCP_V4_V6_FIN, TCP_V4_V6_FIN, TCP_V4_V6_FIN, TCP_V4_V6_FIN, TCP_V4_V6_FIN, TCP_V4_V6_FIN,
			TCP_V4_V6_FIN, TCP_V4_V6_FIN },
		"--------" },
	{ TCP_TRANS,
		{ TCP_ESTABLISHED, TCP_ESTABLISHED, TCP_ESTABLISHED, TCP_TRANS, TCP_ESTABLISHED,
			TCP_ESTABLISHED, TCP_ESTABLISHED, TCP_TRANS },
		"EEE-EEE-" },
};

static unsigned life_of(char c)
{
	return c == 'E' ? LIFETIME_TCP_ESTABLISHED : c == 'T' ? LIFETIME_TCP_TRANSITORY : TCP_KEEP;
}

TEST(rfc6146_s3_5_2_2_every_state_and_every_event)
{
	CHECK_INT(ARRAY_LEN(machine), TCP_STATE_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(machine); i++) {
		for (unsigned e = 0; e < TCP_EVENT_COUNT; e++) {
			struct tcp_step step = tcp_step(machine[i].from, (enum tcp_event)e);

			test_row(tcp_state_name(machine[i].from));
			CHECK_INT(step.next * 100 + e, machine[i].to[e] * 100 + e);
			CHECK_INT(step.life * 100u + e, life_of(machine[i].life[e]) * 100 + e);
		}
	}
}

TEST(every_set_of_flags_is_one_event)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		unsigned want = flags & RST   ? TCP_V6_RST_IN
				: flags & SYN ? TCP_V6_SYN_IN
				: flags & FIN ? TCP_V6_FIN_IN
					      : TCP_V6_DATA;

		CHECK_INT(tcp_event_of(TCP_SIDE_V6, (uint8_t)flags), want);
		CHECK_INT(tcp_event_of(TCP_SIDE_V4, (uint8_t)flags), want + TCP_V4_DATA);
	}
}

TEST(only_silence_in_established_leads_to_trans)
{
	for (unsigned st = TCP_CLOSED; st < TCP_STATE_COUNT; st++) {
		test_row(tcp_state_name((enum tcp_state)st));
		CHECK_INT(tcp_step_expired((enum tcp_state)st).next,
			st == TCP_ESTABLISHED ? TCP_TRANS : TCP_CLOSED);
	}
}

TEST(every_state_has_a_name)
{
	for (unsigned st = 0; st < TCP_STATE_COUNT; st++)
		CHECK(tcp_state_name((enum tcp_state)st) != NULL);
	CHECK_TEXT(tcp_state_name(TCP_STATE_COUNT), "?");
	CHECK_TEXT(tcp_state_name(TCP_ESTABLISHED), "ESTABLISHED");
}

/* --- sessions driven by packets --- */

struct conn {
	struct state_config c;
	struct state *s;
	struct flow64 f;
	struct mapping m;
};

static struct conn conn_open(void)
{
	struct conn k = { .c = config_small(), .f = tcp64(v6(1, 1), 5000, SERVER, 80, SYN) };

	k.s = state_of(&k.c);
	k.m = take64(k.s, k.f, START);
	return k;
}

static void send64(struct conn *k, uint8_t flags, nsec now)
{
	k->f.tcp_flags = flags;
	k->m = take64(k->s, k->f, now);
}

static void send46(struct conn *k, uint8_t flags, nsec now)
{
	k->m = take46(k->s, answer(&k->f, &k->m, flags), now);
}

static void check_state(const struct conn *k, enum tcp_state want, nsec expires)
{
	CHECK_TEXT(tcp_state_name(k->m.session->tcp), tcp_state_name(want));
	CHECK_INT(k->m.session->expires, expires);
	CHECK_INT(stats_of(k->s).tcp[want], 1);
}

static uint32_t alive_after(struct conn *k, nsec now)
{
	expire(k->s, now);
	return stats_of(k->s).sessions[PROTO_TCP];
}

#define EST(k) ((k)->c.lifetime[LIFETIME_TCP_ESTABLISHED])
#define TRANS(k) ((k)->c.lifetime[LIFETIME_TCP_TRANSITORY])

TEST(a_connection_from_syn_to_the_end_of_both_fins)
{
	struct conn k = conn_open();
	nsec t = START;

	check_state(&k, TCP_V6_INIT, t + TRANS(&k));
	send46(&k, SYN | ACK, t += NSEC);
	check_state(&k, TCP_ESTABLISHED, t + EST(&k));
	send64(&k, ACK, t += NSEC);
	check_state(&k, TCP_ESTABLISHED, t + EST(&k));
	nsec before = k.m.session->expires;

	send64(&k, FIN | ACK, t += NSEC);
	check_state(&k, TCP_V6_FIN, before);
	send46(&k, ACK, t += NSEC);
	check_state(&k, TCP_V6_FIN, t + EST(&k));
	send46(&k, FIN | ACK, t += NSEC);
	check_state(&k, TCP_V4_V6_FIN, t + TRANS(&k));
	nsec end = t + TRANS(&k);

	send64(&k, ACK, t += NSEC); /* the last four minutes do not begin again */
	check_state(&k, TCP_V4_V6_FIN, end);
	CHECK(state_validate(k.s));
	CHECK_INT(alive_after(&k, end - 1), 1);
	CHECK_INT(alive_after(&k, end + LATE), 0);
	CHECK_INT(stats_of(k.s).bindings[PROTO_TCP], 0);
	CHECK_INT(stats_of(k.s).subscribers, 0);
	FINISH(k.s);
}

TEST(the_server_may_close_first)
{
	struct conn k = conn_open();

	send46(&k, SYN | ACK, START);
	send46(&k, FIN | ACK, START);
	check_state(&k, TCP_V4_FIN, START + EST(&k));
	send64(&k, FIN | ACK, START + NSEC);
	check_state(&k, TCP_V4_V6_FIN, START + NSEC + TRANS(&k));
	FINISH(k.s);
}

TEST(rfc5382_req5_a_half_open_connection_lives_four_minutes)
{
	struct conn k = conn_open();

	CHECK_INT(alive_after(&k, START + TRANS(&k) - 1), 1);
	CHECK_INT(alive_after(&k, START + TRANS(&k) + LATE), 0);
	FINISH(k.s);
}

TEST(a_half_closed_connection_lives_as_long_as_an_open_one)
{
	struct conn k = conn_open();

	send46(&k, SYN | ACK, START);
	send64(&k, FIN, START);
	CHECK_INT(alive_after(&k, START + EST(&k) - 1), 1);
	CHECK_INT(alive_after(&k, START + EST(&k) + LATE), 0); /* no probe: the RFC deletes it */
	CHECK_INT(stats_of(k.s).probes, 0);
	FINISH(k.s);
}

TEST(rfc7857_s2_2_a_reset_leaves_four_minutes)
{
	struct conn k = conn_open();

	send46(&k, SYN | ACK, START);
	send46(&k, RST, START + NSEC);
	check_state(&k, TCP_TRANS, START + NSEC + TRANS(&k));
	CHECK(state_validate(k.s));
	CHECK_INT(alive_after(&k, START + NSEC + TRANS(&k) - 1), 1);
	CHECK_INT(alive_after(&k, START + NSEC + TRANS(&k) + LATE), 0);
	FINISH(k.s);
}

TEST(traffic_after_a_reset_keeps_the_connection)
{
	struct conn k = conn_open();

	send46(&k, SYN | ACK, START);
	send64(&k, RST, START);
	send64(&k, RST, START + NSEC); /* another RST does not refresh */
	check_state(&k, TCP_TRANS, START + TRANS(&k));
	send46(&k, ACK, START + 2 * NSEC);
	check_state(&k, TCP_ESTABLISHED, START + 2 * NSEC + EST(&k));
	CHECK_INT(alive_after(&k, START + TRANS(&k) + LATE), 1);
	FINISH(k.s);
}

struct probes {
	unsigned n;
	struct state_probe last;
};

static void on_probe(void *ctx, const struct state_probe *p)
{
	struct probes *got = ctx;

	got->n++;
	got->last = *p;
}

TEST(rfc6146_s3_5_2_2_a_silent_connection_is_probed_and_then_has_four_minutes)
{
	struct conn k = conn_open();
	struct probes got = { 0 };

	k.f.prefix = 0;
	send46(&k, SYN | ACK, START);
	nsec t = START + EST(&k);

	state_expire(k.s, t - 1, UINT32_MAX, on_probe, &got);
	CHECK_INT(got.n, 0);
	t += LATE;
	state_expire(k.s, t, UINT32_MAX, on_probe, &got);
	REQUIRE(got.n == 1);
	CHECK_INT(got.last.tuple.src.v, SERVER.v);
	CHECK_INT(got.last.tuple.sport, 80);
	CHECK_INT(got.last.tuple.dst.v, k.m.binding->out.v);
	CHECK_INT(got.last.tuple.dport, k.m.binding->out_port);
	CHECK(addr6_eq(got.last.in, v6(1, 1)));
	CHECK_INT(got.last.in_port, 5000);
	CHECK_INT(got.last.prefix, 0);
	check_state(&k, TCP_TRANS, t + TRANS(&k));
	CHECK(state_validate(k.s));
	state_expire(k.s, t + TRANS(&k) - 1, UINT32_MAX, on_probe, &got);
	CHECK_INT(stats_of(k.s).sessions[PROTO_TCP], 1);
	state_expire(k.s, t + TRANS(&k) + LATE, UINT32_MAX, on_probe, &got);
	CHECK_INT(stats_of(k.s).sessions[PROTO_TCP], 0);
	CHECK_INT(got.n, 1);
	CHECK_INT(stats_of(k.s).probes, 1);
	FINISH(k.s);
}

TEST(a_probe_that_is_answered_saves_the_connection)
{
	struct conn k = conn_open();

	send46(&k, SYN | ACK, START);
	nsec t = START + EST(&k) + LATE;

	expire(k.s, t);
	send64(&k, ACK, t + NSEC);
	check_state(&k, TCP_ESTABLISHED, t + NSEC + EST(&k));
	CHECK_INT(alive_after(&k, t + TRANS(&k) + NSEC), 1);
	FINISH(k.s);
}

TEST(rfc6146_s3_5_2_2_without_binding_only_a_syn_opens)
{
	static const uint8_t flags[] = { 0, ACK, FIN, FIN | ACK, RST, RST | ACK, RST | SYN };
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		check_drop64(s, tcp64(v6(1, 1), 5000, SERVER, 80, flags[i]), START, DROP_TCP_NOT_SYN);
	CHECK_INT(stats_of(s).subscribers, 0);
	CHECK_INT(stats_of(s).blocks_taken, 0);
	FINISH(s);
}

TEST(rfc6146_s3_5_2_2_with_binding_other_segments_pass_and_leave_no_trace)
{
	struct conn k = conn_open();
	struct flow64 f = tcp64(v6(1, 1), 5000, OTHER_SERVER, 443, ACK);
	struct mapping a = take64(k.s, f, START);

	CHECK_INT(a.session->tcp, TCP_CLOSED);
	CHECK_INT(a.session->remote.v, OTHER_SERVER.v);
	CHECK_INT(a.session->remote_port, 443);
	CHECK(a.binding == k.m.binding);
	CHECK(state_binding(k.s, a.session->binding) == a.binding);
	struct mapping b = take46(k.s, answer(&f, &a, RST), START), none = { 0 };

	CHECK_INT(b.session->tcp, TCP_CLOSED);
	CHECK(!state_find64(k.s, &f, &none));
	CHECK_INT(stats_of(k.s).sessions[PROTO_TCP], 1);
	FINISH(k.s);
}

TEST(such_segments_are_filtered_where_filtering_depends_on_the_address)
{
	struct conn k = conn_open();

	k.c.filtering = FILTER_ADDRESS_DEPENDENT;
	REQUIRE(state_update(k.s, &k.c) == 0);
	struct flow46 in = answer(&k.f, &k.m, ACK);

	in.sport = 81;
	CHECK_INT(take46(k.s, in, START).session->tcp, TCP_CLOSED);
	in.src = OTHER_SERVER;
	check_drop46(k.s, in, START, DROP_46_FILTERED);
	FINISH(k.s);
}

TEST(rfc6146_s3_5_2_2_a_v4_syn_to_a_binding_is_v4_init)
{
	struct conn k = conn_open();
	struct flow46 in = answer(&k.f, &k.m, SYN);

	in.src = OTHER_SERVER;
	struct mapping m = take46(k.s, in, START);

	CHECK_INT(m.session->tcp, TCP_V4_INIT);
	CHECK_INT(m.session->expires, START + TRANS(&k));
	m = take46(k.s, in, START + NSEC); /* repeated: no new lifetime */
	CHECK_INT(m.session->expires, START + TRANS(&k));
	k.f.dst = OTHER_SERVER;
	send64(&k, SYN | ACK, START + 2 * NSEC);
	check_state(&k, TCP_ESTABLISHED, START + 2 * NSEC + EST(&k));
	FINISH(k.s);
}
