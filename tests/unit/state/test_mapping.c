/* test_mapping.c - bindings, sessions and filtering (RFC 6146 s3.5, RFC 4787 s4 and s5, RFC 5382, RFC 5508)
 */
#include "fixture.h"

TEST(rfc4787_req1_one_port_for_all_destinations)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);

		f.proto = (enum proto)proto;
		f.tcp_flags = SYN;
		test_row(proto_name(f.proto));
		struct mapping a = take64(s, f, START);
		struct addr4 out = a.binding->out;
		uint16_t port = a.binding->out_port;

		for (unsigned i = 0; i < 20; i++) {
			f.dst = v4(203, 0, 113, i);
			f.dport = (uint16_t)(1000 + i);
			struct mapping b = take64(s, f, START);

			CHECK(addr4_eq(b.binding->out, out));
			CHECK_INT(b.binding->out_port, port);
			CHECK_INT(b.session->remote.v, f.dst.v);
			CHECK_INT(b.binding->sessions, i + 2);
		}
	}
	test_row(NULL);
	CHECK_INT(stats_of(s).bindings[PROTO_UDP], 1);
	CHECK_INT(stats_of(s).sessions[PROTO_UDP], 21);
	FINISH(s);
}

TEST(rfc6146_s3_1_the_three_protocols_have_bindings_of_their_own)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		f.proto = (enum proto)proto;
		f.tcp_flags = SYN;
		take64(s, f, START);
		CHECK_INT(stats_of(s).bindings[proto], 1);
		CHECK_INT(stats_of(s).sessions[proto], 1);
	}
	CHECK_INT(stats_of(s).blocks_lent, 1); /* one block serves all three */
	FINISH(s);
}

TEST(a_packet_finds_its_session_again_from_both_sides)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);
	struct mapping a = take64(s, f, START);
	struct flow46 back = answer(&f, &a, 0);
	struct mapping b = take46(s, back, START + 1), d = { 0 }, e = { 0 };

	CHECK(a.session == b.session && a.binding == b.binding);
	CHECK(state_find64(s, &f, &d) && d.session == a.session);
	CHECK(state_find46(s, &back, &e) && e.session == a.session);
	CHECK(addr6_eq(a.binding->in, f.src));
	CHECK_INT(a.binding->in_port, 5000);
	CHECK_INT(a.session->remote_port, 53);
	CHECK_INT(a.session->created, START);
	CHECK_INT(stats_of(s).sessions_made, 1);
	FINISH(s);
}

TEST(rfc6146_s3_5_finding_for_an_icmp_error_refreshes_and_makes_nothing)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53), no = udp64(v6(1, 1), 5000, OTHER_SERVER, 53);
	struct mapping a = take64(s, f, START), d = { 0 };
	nsec expires = a.session->expires;

	CHECK(state_find64(s, &f, &d));
	CHECK_INT(d.session->expires, expires);
	d = (struct mapping){ 0 };
	CHECK(!state_find64(s, &no, &d) && d.session == NULL);
	struct flow46 back = answer(&f, &a, 0);

	back.sport = 54;
	CHECK(!state_find46(s, &back, &d) && d.session == NULL);
	back.dport ^= 1;
	CHECK(!state_find46(s, &back, &d) && d.session == NULL);
	CHECK_INT(stats_of(s).sessions_made, 1);
	FINISH(s);
}

TEST(rfc4787_req8_endpoint_independent_filtering_lets_any_remote_in)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);
	struct mapping a = take64(s, f, START);
	struct flow46 in = answer(&f, &a, 0);

	in.src = v4(8, 8, 8, 8);
	in.sport = 9;
	struct mapping b = take46(s, in, START);

	CHECK(b.binding == a.binding && b.session != a.session);
	CHECK_INT(b.session->remote.v, in.src.v);
	CHECK_INT(b.session->remote_port, 9);
	FINISH(s);
}

TEST(rfc6146_s3_5_1_without_binding_an_ipv4_packet_is_dropped)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow46 in = {
		.proto = PROTO_UDP, .src = SERVER, .sport = 53, .dst = v4(192, 0, 2, 1), .dport = 1500
	};

	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		in.proto = (enum proto)proto;
		in.tcp_flags = SYN;
		check_drop46(s, in, START, DROP_46_NO_BINDING);
	}
	/* A binding of one protocol lets none of another in (RFC 7857 s6). */
	struct mapping m = take64(s, udp64(v6(1, 1), 5000, SERVER, 53), START);

	in.proto = PROTO_TCP;
	in.dport = m.binding->out_port;
	check_drop46(s, in, START, DROP_46_NO_BINDING);
	CHECK_INT(stats_of(s).sessions_made, 1);
	FINISH(s);
}

/* --- address-dependent filtering --- */

TEST(rfc6146_s3_5_1_address_dependent_filtering_asks_for_the_address_not_the_port)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	for (unsigned proto = PROTO_UDP; proto < PROTO_COUNT; proto++) {
		struct state *s = state_of(&c);
		struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);

		f.proto = (enum proto)proto;
		test_row(proto_name(f.proto));
		struct mapping a = take64(s, f, START);
		struct flow46 in = answer(&f, &a, 0);

		take46(s, in, START);
		in.sport = 54;
		take46(s, in, START); /* same address, other port */
		in.src = OTHER_SERVER;
		check_drop46(s, in, START, DROP_46_FILTERED);
		CHECK_INT(stats_of(s).sessions_made, proto == PROTO_UDP ? 2 : 1);
		FINISH(s);
	}
}

TEST(address_dependent_filtering_is_per_binding)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53), g = udp64(v6(1, 1), 5001, OTHER_SERVER, 53);
	struct mapping a = take64(s, f, START);
	struct flow46 in = answer(&f, &a, 0);

	take64(s, g, START);
	in.src = OTHER_SERVER;
	check_drop46(s, in, START, DROP_46_FILTERED);
	FINISH(s);
}

TEST(address_dependent_filtering_closes_with_the_last_session_to_the_address)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 1);
	nsec life = c.lifetime[LIFETIME_UDP];
	struct mapping m = { 0 };

	/* Three sessions to one address that end one by one, the head of the group first; one elsewhere
	 * stays. */
	for (unsigned i = 0; i < 3; i++) {
		f.dport = (uint16_t)(1 + i);
		m = take64(s, f, START + i * NSEC);
	}
	f.dst = OTHER_SERVER;
	take64(s, f, START + 100 * NSEC);
	f.dst = SERVER;
	struct flow46 in = answer(&f, &m, 0);

	for (unsigned i = 0; i < 3; i++) {
		struct mapping none = { 0 };

		in.sport = 3;
		CHECK(state_find46(s, &in, &none));
		expire(s, START + i * NSEC + life + LATE);
		CHECK(state_validate(s));
	}
	in.sport = 99;
	check_drop46(s, in, START + 2 * NSEC + life + LATE, DROP_46_FILTERED);
	FINISH(s);
}

TEST(rfc6146_s3_5_2_2_a_filtered_syn_waits_six_seconds_and_opens_nothing)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5000, SERVER, 80, SYN);
	struct mapping a = take64(s, f, START), none = { 0 };
	struct flow46 in = answer(&f, &a, SYN);

	in.src = OTHER_SERVER;
	check_drop46(s, in, START, DROP_TCP_SYN46_FILTERED);
	CHECK_INT(stats_of(s).tcp[TCP_V4_INIT], 1);
	CHECK(!state_find46(s, &in, &none));
	/* Neither repeating it nor anything else from that address gets in, nor does it live longer by that.
	 */
	check_drop46(s, in, START + 5 * NSEC, DROP_TCP_SYN46_FILTERED);
	in.tcp_flags = ACK;
	check_drop46(s, in, START + 5 * NSEC, DROP_46_FILTERED);
	in.sport = 81;
	check_drop46(s, in, START + 5 * NSEC, DROP_46_FILTERED);
	in.tcp_flags = SYN;
	expire(s, START + 6 * NSEC);
	CHECK_INT(stats_of(s).tcp[TCP_V4_INIT], 1);
	expire(s, START + 6 * NSEC + LATE);
	CHECK_INT(stats_of(s).tcp[TCP_V4_INIT], 0);
	FINISH(s);
}

TEST(rfc6146_s3_5_2_2_a_v6_syn_meets_the_waiting_v4_syn)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5000, SERVER, 80, SYN);
	struct mapping a = take64(s, f, START);
	struct flow46 in = answer(&f, &a, SYN);

	in.src = OTHER_SERVER;
	check_drop46(s, in, START, DROP_TCP_SYN46_FILTERED);
	f.dst = OTHER_SERVER;
	struct mapping b = take64(s, f, START + NSEC);

	CHECK_INT(b.session->tcp, TCP_ESTABLISHED);
	CHECK(!b.session->is_filtered);
	CHECK_INT(b.session->expires, START + NSEC + c.lifetime[LIFETIME_TCP_ESTABLISHED]);
	take46(s, in, START + NSEC);
	in.sport = 4444;
	take46(s, in, START + NSEC); /* the address is known now */
	FINISH(s);
}

TEST(a_waiting_syn_is_let_in_once_the_address_is_known)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5000, SERVER, 80, SYN);
	struct mapping a = take64(s, f, START);
	struct flow46 in = answer(&f, &a, SYN);

	in.src = OTHER_SERVER;
	in.sport = 4444;
	check_drop46(s, in, START, DROP_TCP_SYN46_FILTERED);
	f.dst = OTHER_SERVER;
	take64(s, f, START);
	struct mapping b = take46(s, in, START + NSEC);

	CHECK_INT(b.session->tcp, TCP_V4_INIT);
	CHECK_INT(b.session->expires, START + NSEC + c.lifetime[LIFETIME_TCP_TRANSITORY]);
	expire(s, START + 10 * NSEC);
	CHECK_INT(stats_of(s).sessions[PROTO_TCP], 3);
	FINISH(s);
}

TEST(strangers_syns_take_a_small_share_of_the_table_only)
{
	struct state_config c = config_small();

	c.filtering = FILTER_ADDRESS_DEPENDENT;
	struct state *s = state_of(&c);
	struct flow64 f = tcp64(v6(1, 1), 5000, SERVER, 80, SYN);
	struct mapping a = take64(s, f, START);
	struct flow46 in = answer(&f, &a, SYN);

	for (unsigned i = 0; i < 1000; i++) {
		in.src.v = 0x08000000 + i;
		check_drop46(s, in, START, DROP_TCP_SYN46_FILTERED);
	}
	CHECK_INT(stats_of(s).tcp[TCP_V4_INIT], c.max_sessions / 16);
	expire(s, START + 7 * NSEC);
	CHECK_INT(stats_of(s).tcp[TCP_V4_INIT], 0);
	check_drop46(s, in, START + 7 * NSEC, DROP_TCP_SYN46_FILTERED);
	CHECK_INT(stats_of(s).tcp[TCP_V4_INIT], 1);
	FINISH(s);
}

/* --- ICMP --- */

TEST(rfc5508_req1_echo_sessions_are_keyed_by_identifier_and_remote)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	struct flow64 f = icmp64(v6(1, 1), 77, SERVER);
	struct mapping a = take64(s, f, START);

	CHECK_INT(a.session->remote_port, 0);
	CHECK_INT(a.session->tcp, TCP_NONE);
	CHECK_INT(a.session->expires, START + c.lifetime[LIFETIME_ICMP]);
	struct flow46 back = answer(&f, &a, 0);
	struct mapping b = take46(s, back, START);

	CHECK(a.session == b.session);
	CHECK(take64(s, icmp64(v6(1, 1), 77, OTHER_SERVER), START).binding == a.binding);
	CHECK(take64(s, icmp64(v6(1, 1), 78, SERVER), START).binding != a.binding);
	CHECK(take64(s, icmp64(v6(1, 2), 77, SERVER), START).binding->out_port != a.binding->out_port);
	CHECK_INT(stats_of(s).bindings[PROTO_ICMP], 3);
	CHECK_INT(stats_of(s).sessions[PROTO_ICMP], 4);
	FINISH(s);
}

/* --- prefixes --- */

TEST(each_translation_prefix_has_a_binding_of_its_own)
{
	struct state_config c = config_small();
	struct state *s = state_of(&c);
	uint16_t port[STATE_PREFIXES_MAX];

	for (uint8_t i = 0; i < STATE_PREFIXES_MAX; i++) {
		struct flow64 f = udp64(v6(1, 1), 5000, SERVER, 53);

		f.prefix = i;
		struct mapping m = take64(s, f, START);

		CHECK_INT(m.binding->prefix, i);
		port[i] = m.binding->out_port;
		for (uint8_t j = 0; j < i; j++)
			CHECK(port[i] != port[j]);
	}
	for (uint8_t i = 0; i < STATE_PREFIXES_MAX; i++) {
		struct flow46 in = { .proto = PROTO_UDP,
			.src = SERVER,
			.sport = 53,
			.dst = v4(192, 0, 2, 1),
			.dport = port[i] };

		CHECK_INT(take46(s, in, START).binding->prefix, i);
	}
	CHECK_INT(stats_of(s).sessions_made, STATE_PREFIXES_MAX);
	FINISH(s);
}

/* --- static bindings --- */

static const struct static_binding two_statics[] = {
	{ PROTO_UDP, { 0xc0000201 }, 1500, { UINT64_C(0x20010db800000005), 5 }, 2000 },
	{ PROTO_ICMP, { 0xc0000201 }, 1501, { UINT64_C(0x20010db800000006), 5 }, 1 },
};

static struct state_config config_with_statics(void)
{
	struct state_config c = config_small();

	c.statics = two_statics;
	c.statics_len = 2;
	return c;
}

TEST(rfc6146_s3_1_a_static_binding_is_there_from_the_start_and_for_ever)
{
	struct state_config c = config_with_statics();
	struct state *s = state_of(&c);
	struct flow46 in = {
		.proto = PROTO_UDP, .src = SERVER, .sport = 53, .dst = v4(192, 0, 2, 1), .dport = 1500
	};

	CHECK(state_validate(s));
	CHECK_INT(stats_of(s).bindings[PROTO_UDP], 1);
	struct mapping m = take46(s, in, START);

	CHECK(m.binding->is_static);
	CHECK(addr6_eq(m.binding->in, two_statics[0].in));
	CHECK_INT(m.binding->in_port, 2000);
	expire(s, START + 3600 * NSEC);
	CHECK_INT(stats_of(s).sessions[PROTO_UDP], 0);
	CHECK_INT(stats_of(s).bindings[PROTO_UDP], 1);
	CHECK_INT(take46(s, in, START + 3600 * NSEC).binding->out_port, 1500);
	FINISH(s);
}

TEST(a_static_binding_serves_its_host_too)
{
	struct state_config c = config_with_statics();
	struct state *s = state_of(&c);
	struct flow64 f = udp64(two_statics[0].in, 2000, SERVER, 53);
	struct mapping m = take64(s, f, START);

	CHECK(m.binding->is_static);
	CHECK_INT(m.binding->out_port, 1500);
	f.prefix = 1; /* through another prefix the host gets a dynamic binding */
	m = take64(s, f, START);
	CHECK(!m.binding->is_static);
	CHECK(m.binding->out_port != 1500);
	FINISH(s);
}

TEST(static_tcp_binding_takes_a_v4_syn)
{
	struct static_binding b = { PROTO_TCP, v4(192, 0, 2, 1), 1100, v6(9, 9), 80 };
	struct state_config c = config_small();

	c.statics = &b;
	c.statics_len = 1;
	struct state *s = state_of(&c);
	struct flow46 in = { .proto = PROTO_TCP,
		.tcp_flags = SYN,
		.src = SERVER,
		.sport = 4000,
		.dst = b.out,
		.dport = 1100 };
	struct mapping m = take46(s, in, START);

	CHECK_INT(m.session->tcp, TCP_V4_INIT);
	CHECK_INT(m.session->expires, START + c.lifetime[LIFETIME_TCP_TRANSITORY]);
	m = take64(s, tcp64(b.in, 80, SERVER, 4000, SYN | ACK), START);
	CHECK_INT(m.session->tcp, TCP_ESTABLISHED);
	FINISH(s);
}

TEST(statics_of_two_subscribers_may_share_a_block)
{
	struct state_config c = config_with_statics(); /* 1500 and 1501 lie in one block of 64 */
	struct state *s = state_of(&c);
	struct state_stats st = stats_of(s);

	CHECK_INT(st.subscribers, 2);
	CHECK_INT(st.blocks_lent, 1);
	/* The second one's own ports come from a block of its own. */
	struct mapping m = take64(s, udp64(v6(6, 7), 4000, SERVER, 53), START);

	CHECK(m.binding->out_port / 64 != 1500 / 64);
	CHECK_INT(stats_of(s).blocks_lent, 2);
	expire(s, START + 3600 * NSEC);
	CHECK_INT(stats_of(s).blocks_lent, 1);
	CHECK_INT(stats_of(s).subscribers, 2);
	FINISH(s);
}

TEST(static_bindings_that_cannot_be_are_refused)
{
	static const struct {
		const char *name;
		struct static_binding b[2];
		unsigned len;
	} rows[] = {
		{ "address outside the pool", { { PROTO_UDP, { 0xc0000202 }, 1500, { 1, 1 }, 1 } }, 1 },
		{ "port below the pool", { { PROTO_UDP, { 0xc0000201 }, 1023, { 1, 1 }, 1 } }, 1 },
		{ "port above the pool", { { PROTO_UDP, { 0xc0000201 }, 2048, { 1, 1 }, 1 } }, 1 },
		{ "one outside for two",
			{ { PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
				{ PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 2 } },
			2 },
		{ "one inside for two",
			{ { PROTO_UDP, { 0xc0000201 }, 1500, { 1, 1 }, 1 },
				{ PROTO_UDP, { 0xc0000201 }, 1501, { 1, 1 }, 1 } },
			2 },
		{ "no such protocol", { { PROTO_COUNT, { 0xc0000201 }, 1500, { 1, 1 }, 1 } }, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state_config c = config_small();
		struct state *s = NULL;

		test_row(rows[i].name);
		c.statics = rows[i].b;
		c.statics_len = rows[i].len;
		CHECK_INT(state_new(&c, seed_of_tests, START, &s), -22);
		CHECK(s == NULL);
	}
}

TEST(port_zero_is_an_identifier_but_no_tcp_or_udp_port)
{
	struct static_binding b = { PROTO_UDP, v4(192, 0, 2, 1), 0, v6(1, 1), 7 };
	struct state_config c = config_small();
	struct state *s = NULL;

	c.pool[0].lo = 0;
	c.statics = &b;
	c.statics_len = 1;
	CHECK_INT(state_new(&c, seed_of_tests, START, &s), -22);
	b.proto = PROTO_ICMP;
	s = state_of(&c);
	FINISH(s);
}
