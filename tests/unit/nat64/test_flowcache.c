/* test_flowcache.c - which flows are entered into the tables of the kernel's programs, what ends them, and what becomes of sessions */
#include "flowtest.h"

#include "nat64/restore.h"

TEST(udp_is_entered_with_its_first_packet_and_once)
{
	struct fast f = fast_new();

	(void)udp_entered(f);
	CHECK_INT(count(f).entered, 1);
	fast_free(f);
}

TEST(echo_is_entered_by_its_identifiers)
{
	struct fast f = fast_new();
	uint16_t id = 0;

	for (unsigned i = 0; i < 6; i++) {
		craft_echo(&f.b->in, &to_server, false, 4711, (uint16_t)i, 56);
		CHECK_INT(sends(f), i >= 2);
		id = f.b->v[0].sport;
		CHECK_INT(f.b->v[0].icmp_type, 8);
		craft_echo(&f.b->in, &to_pool, true, id, (uint16_t)i, 56);
		CHECK_INT(sends(f), i >= 2);
		CHECK_INT(f.b->v[0].icmp_type, 129);
		CHECK_INT(f.b->v[0].sport, 4711);
	}
	CHECK_INT(count(f).flows, 1);
	fast_free(f);
}

TEST(tcp_stays_when_one_side_has_closed_and_leaves_with_the_second_fin_rfc6146_s3_5_2_2)
{
	struct fast f = fast_new();
	uint16_t port = tcp_entered(f);
	struct session s;
	bool cached;

	CHECK(!tcp_out(f, TCP_FIN | TCP_ACK));
	CHECK_INT(count(f).flows, 1);
	CHECK(tcp_in(f, port, TCP_ACK));
	REQUIRE(only_session(f, &cached, &s));
	CHECK(cached);
	CHECK_INT(s.tcp, TCP_V6_FIN);
	CHECK(!tcp_in(f, port, TCP_FIN | TCP_ACK));
	CHECK_INT(count(f).flows, 0);
	CHECK_INT(count(f).left[FLOW_LEAVE_TCP], 1);
	CHECK(!tcp_out(f, TCP_ACK));
	pass(f, NSEC);
	REQUIRE(only_session(f, &cached, &s));
	CHECK(!cached);
	CHECK_INT(s.tcp, TCP_V4_V6_FIN);
	CHECK_INT(s.pkts_64, 1 + 2 + 1 + 1 + 1);
	CHECK_INT(s.pkts_46, 1 + 1 + 1 + 1);
	fast_free(f);
}

TEST(a_connection_that_is_half_closed_lives_by_what_passed_before)
{
	for (unsigned side = 0; side < 2; side++) {
		struct fast f = fast_new();
		uint16_t port = tcp_entered(f);
		struct session s;
		bool cached;

		pass(f, 7000 * NSEC);
		CHECK(tcp_in(f, port, TCP_ACK));
		nsec used = f.b->now;

		pass(f, 300 * NSEC);
		CHECK(!(side == 0 ? tcp_out(f, TCP_FIN | TCP_ACK) : tcp_in(f, port, TCP_FIN | TCP_ACK)));
		pass(f, NSEC);
		REQUIRE(only_session(f, &cached, &s));
		CHECK(cached);
		/* RFC 6146 s3.5.2.2: a FIN says nothing of the lifetime, and what follows refreshes it. */
		CHECK(s.expires >= used + 7440 * NSEC && s.expires < used + 7441 * NSEC);
		pass(f, 7000 * NSEC);
		CHECK(side == 0 ? tcp_in(f, port, TCP_ACK) : tcp_out(f, TCP_ACK));
		used = f.b->now;
		pass(f, 7000 * NSEC);
		REQUIRE(only_session(f, &cached, &s));
		CHECK(s.expires >= used + 7440 * NSEC && s.expires < used + 7441 * NSEC);
		fast_free(f);
	}
}

TEST(a_reset_takes_the_flow_out_and_its_four_minutes_run)
{
	struct fast f = fast_new();
	uint16_t port = tcp_entered(f);
	struct session s;
	bool cached;

	for (unsigned i = 0; i < 10; i++) {
		pass(f, 3600 * NSEC);
		CHECK(tcp_in(f, port, TCP_ACK));
	}
	CHECK(!tcp_in(f, port, TCP_RST));
	CHECK_INT(count(f).flows, 0);
	pass(f, NSEC);
	REQUIRE(only_session(f, &cached, &s));
	CHECK_INT(s.tcp, TCP_TRANS);
	CHECK_INT(s.expires, f.b->now - NSEC + 240 * NSEC);
	pass(f, 238 * NSEC);
	CHECK_INT(sessions(f), 1);
	pass(f, 2 * NSEC);
	CHECK_INT(sessions(f), 0);
	fast_free(f);
}

TEST(a_session_lives_by_what_passes_without_us_and_dies_a_lifetime_after)
{
	struct fast f = fast_new();
	uint16_t port = udp_entered(f);
	nsec used = 0;
	struct session s;
	bool cached;

	for (unsigned i = 0; i < 20; i++) {
		pass(f, 100 * NSEC);
		CHECK(i % 2 ? udp_out(f) : udp_in(f, port));
		used = f.b->now;
	}
	REQUIRE(only_session(f, &cached, &s));
	CHECK(cached);
	CHECK(s.expires >= used + 300 * NSEC && s.expires <= used + 301 * NSEC);
	pass(f, 299 * NSEC + NSEC / 2);
	CHECK_INT(sessions(f), 1);
	pass(f, 2 * NSEC);
	CHECK_INT(sessions(f), 0);
	CHECK_INT(count(f).flows, 0);
	CHECK_INT(count(f).left[FLOW_LEAVE_END], 1);
	CHECK(!udp_out(f)); /* a new session */
	fast_free(f);
}

TEST(no_probe_is_sent_while_the_programs_translate_and_one_when_they_do_not)
{
	struct fast f = fast_new();
	uint16_t port = tcp_entered(f);

	for (unsigned i = 0; i < 5; i++) {
		pass(f, 5000 * NSEC);
		CHECK(tcp_in(f, port, TCP_ACK));
	}
	CHECK_INT(nat64_counters(f.b->n)->probes, 0);
	pass(f, 7440 * NSEC + NSEC / 2);
	CHECK_INT(nat64_counters(f.b->n)->probes, 1);
	CHECK_INT(count(f).flows, 0); /* so that the answer comes to us (RFC 6146 s3.5.2.2, TRANS) */
	CHECK(!tcp_out(f, TCP_ACK));
	pass(f, 241 * NSEC);
	CHECK_INT(sessions(f), 1);
	fast_free(f);
}

TEST(packets_are_counted_once_whichever_way_they_went)
{
	struct fast f = fast_new();
	uint16_t port = udp_entered(f);
	struct flow_tallies t;
	struct session s;
	bool cached;

	for (unsigned i = 0; i < 100; i++)
		CHECK(udp_in(f, port));
	REQUIRE(only_session(f, &cached, &s));
	CHECK(cached);
	CHECK_INT(s.pkts_46, 103);
	CHECK_INT(s.bytes_46, 103 * 58);
	CHECK_INT(s.pkts_64, 3);
	CHECK_INT(s.bytes_64, 3 * 68);
	flow_totals(&f.m->maps, &t);
	CHECK_INT(t.pkts[FLOW_46][FLOW_UDP] + nat64_counters(f.b->n)->pkts[DIR_46][PROTO_UDP], 103);
	CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
	pass(f, 2 * NSEC);
	REQUIRE(only_session(f, &cached, &s));
	CHECK(!cached);
	CHECK_INT(s.pkts_46, 103);
	CHECK_INT(state_session(nat64_state(f.b->n), 0)->pkts_46, 103);
	fast_free(f);
}

TEST(totals_begin_at_zero_with_the_process_and_the_tables_remember)
{
	struct flowmodel *m = flowmodel_new(SETS, 0);
	struct flow_tallies t;

	flow_claims_free(&m->maps);
	m->tallies[0].redirected = 5;
	m->tallies[1].redirected = 6;
	REQUIRE(flow_claims_new(&m->maps, FLOW_START_EMPTY) == 0);
	flow_totals(&m->maps, &t);
	CHECK_INT(t.redirected, 0);
	m->tallies[1].redirected++;
	flow_totals(&m->maps, &t);
	CHECK_INT(t.redirected, 1);
	flow_totals_ever(&m->maps, &t);
	CHECK_INT(t.redirected, 12);
	flowmodel_free(m);
}

TEST(another_configuration_voids_all_and_flows_come_back)
{
	struct fast f = fast_new();
	uint16_t port = udp_entered(f);
	uint32_t epoch = f.m->head.epoch;

	CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
	CHECK_INT(f.m->head.epoch, epoch + 1);
	CHECK(!udp_in(f, port));
	tick(f);
	CHECK_INT(count(f).left[FLOW_LEAVE_CONFIG], 1);
	CHECK(!udp_in(f, port));
	pass(f, NSEC);
	for (unsigned i = 0; i < 20 && !udp_in(f, port); i++)
		;
	CHECK(udp_in(f, port));
	CHECK_INT(count(f).entered, 2);
	fast_free(f);
}

TEST(what_the_new_configuration_denies_is_not_translated_by_anybody)
{
	struct fast f = fast_new();
	uint16_t port = udp_entered(f);

	REQUIRE(prefix4_parse(SERVER, &f.b->cfg.deny[0]) == 0);
	f.b->cfg.deny_len = 1;
	CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
	craft_udp(&f.b->in, &to_server, 40000, 53, 20);
	CHECK(flowmodel_send(f.m, f.b) != VERDICT_SEND);
	CHECK(!udp_in(f, port)); /* as it was before */
	fast_free(f);
}

TEST(epochs_go_round_and_are_never_zero)
{
	struct fast f = fast_new();

	(void)udp_entered(f);
	for (unsigned i = 0; i < 65540; i++) {
		CHECK_INT(nat64_update(f.b->n, &f.b->cfg), 0);
		REQUIRE(f.m->head.epoch >= 1 && f.m->head.epoch <= 65535);
	}
	tick(f);
	fast_free(f);
}

TEST(what_the_ftp_alg_reads_is_not_entered_rfc6384)
{
	struct bench *b = bench_config();

	b->cfg.ftp_alg = true;
	struct fast f = fast_with(b, SETS);

	craft_tcp(&b->in, &to_server, 50000, 21, TCP_SYN, 0);
	CHECK(!sends(f));
	uint16_t port = b->v[0].sport;

	craft_tcp(&b->in, &to_pool, 21, port, TCP_SYN | TCP_ACK, 0);
	CHECK(!sends(f));
	for (unsigned i = 0; i < 600; i++) {
		craft_tcp(&b->in, &to_server, 50000, 21, TCP_ACK, 0);
		CHECK(!sends(f));
	}
	CHECK_INT(count(f).entered, 0);
	fast_free(f);
}

TEST(a_full_set_takes_no_more_and_an_idle_flow_makes_room)
{
	struct fast f = fast_with(bench_config(), 1);
	uint16_t port[FLOW_WAYS + 1];

	for (unsigned i = 0; i <= FLOW_WAYS; i++) {
		for (unsigned k = 0; k < 3; k++) {
			craft_udp(&f.b->in, &to_server, (uint16_t)(40000 + i), 53, 20);
			(void)sends(f);
			port[i] = f.b->v[0].sport;
			craft_udp(&f.b->in, &to_pool, 53, port[i], 20);
			(void)sends(f);
		}
	}
	CHECK_INT(count(f).flows, FLOW_WAYS);
	CHECK_INT(count(f).full, 1);
	REQUIRE(nat64_validate(f.b->n));
	for (unsigned round = 0; round < 30; round++) {
		pass(f, NSEC);
		for (unsigned i = 0; i <= FLOW_WAYS; i++) {
			/* Flow 2 is silent; the last one has packets enough to try often. */
			for (unsigned k = 0; k < (i == FLOW_WAYS ? 65u : i == 2 ? 0u : 1u); k++) {
				craft_udp(&f.b->in, &to_pool, 53, port[i], 20);
				(void)sends(f);
			}
		}
	}
	CHECK_INT(count(f).left[FLOW_LEAVE_EVICTED], 1);
	CHECK_INT(count(f).flows, FLOW_WAYS);
	craft_udp(&f.b->in, &to_pool, 53, port[FLOW_WAYS], 20);
	CHECK(sends(f));
	craft_udp(&f.b->in, &to_pool, 53, port[2], 20);
	CHECK(!sends(f));
	craft_udp(&f.b->in, &to_pool, 53, port[1], 20);
	CHECK(sends(f));
	fast_free(f);
}

TEST(flows_that_are_new_make_no_room_though_the_programs_had_none_of_their_packets)
{
	struct fast f = fast_with(bench_config(), 1);

	for (unsigned i = 0; i < FLOW_WAYS; i++) {
		craft_udp(&f.b->in, &to_server, (uint16_t)(40000 + i), 53, 20);
		CHECK(!sends(f));
	}
	CHECK_INT(count(f).flows, FLOW_WAYS);
	for (unsigned i = 0; i < 200; i++) {
		craft_udp(&f.b->in, &to_server, 41000, 53, 20);
		CHECK(!sends(f));
	}
	CHECK(count(f).full >= 3);
	CHECK_INT(count(f).left[FLOW_LEAVE_EVICTED], 0);
	f.b->now += 11 * NSEC;
	for (unsigned i = 0; i < 100; i++) {
		craft_udp(&f.b->in, &to_server, 41000, 53, 20);
		(void)sends(f);
	}
	CHECK_INT(count(f).left[FLOW_LEAVE_EVICTED], 1);
	fast_free(f);
}

/* Where the only flow of the one set is. */
static struct flow64_slot *only_slot64(struct fast f)
{
	struct flow64_set *set = &f.m->maps.flows64[0];

	for (unsigned way = 0; way < FLOW_WAYS; way++)
		if (set->way[way].epoch != 0)
			return &set->way[way];
	REQUIRE(false);
	return NULL;
}

TEST(a_slot_is_not_given_to_another_flow_before_the_grace_is_over)
{
	struct fast f = fast_with(bench_config(), 1);
	uint16_t port = tcp_entered(f);
	struct flow64_slot *s = only_slot64(f);
	struct session e;
	bool cached;

	CHECK(!tcp_in(f, port, TCP_RST));
	CHECK_INT(s->epoch, 0);
	s->pkts += 3; /* a program that had read the slot is done only now */
	f.b->now += FLOW_GRACE_MS * MSEC;
	tick(f);
	REQUIRE(only_session(f, &cached, &e));
	CHECK_INT(e.pkts_64, 3 + 1 + 3);
	s->pkts += 2;
	f.b->now += 2 * MSEC;
	tick(f);
	REQUIRE(only_session(f, &cached, &e));
	CHECK_INT(e.pkts_64, 3 + 1 + 5);
	CHECK_INT(state_session(nat64_state(f.b->n), 0)->pkts_64, 3 + 1 + 5);
	s->pkts += 1000; /* nobody's */
	REQUIRE(only_session(f, &cached, &e));
	CHECK_INT(e.pkts_64, 3 + 1 + 5);
	fast_free(f);
}

TEST(a_hairpin_passes_when_both_halves_are_there_rfc6146_s3_8)
{
	struct fast f = fast_new();
	const struct craft_ip a_to_b = { .src = "2001:db8:1::2", .dst = POOL6 };
	const struct craft_ip b_to_a = { .src = "2001:db8:2::2", .dst = POOL6 };
	const struct craft_ip b_out = { .src = "2001:db8:2::2", .dst = SERVER6 };

	craft_udp(&f.b->in, &b_out, 7000, 53, 20);
	(void)sends(f);
	uint16_t port_b = f.b->v[0].sport, port_a;

	craft_udp(&f.b->in, &a_to_b, 6000, port_b, 20);
	CHECK(!sends(f));
	CHECK_INT(f.b->v[0].version, 6);
	port_a = f.b->v[0].sport;
	for (unsigned i = 0; i < 8; i++) {
		craft_udp(&f.b->in, &b_to_a, 7000, port_a, 20);
		CHECK(sends(f));
		check_addr6(f.b->v[0].dst6, a_to_b.src);
		CHECK_INT(f.b->v[0].sport, port_b);
		CHECK_INT(f.b->v[0].dport, 6000);
		craft_udp(&f.b->in, &a_to_b, 6000, port_b, 20);
		CHECK(sends(f));
		check_addr6(f.b->v[0].dst6, b_to_a.src);
		check_addr6(f.b->v[0].src6, POOL6);
	}
	CHECK_INT(f.m->tallies[0].hairpins + nat64_counters(f.b->n)->hairpins, 17);
	CHECK_INT(count(f).flows, 3);
	fast_free(f);
}

TEST(fragments_and_odd_packets_come_to_us_and_end_nothing)
{
	struct fast f = fast_new();
	uint16_t port = udp_entered(f);
	const struct craft_ip tired = { .src = SERVER, .dst = POOL, .hop_limit = 1 };

	craft_udp(&f.b->in, &tired, 53, port, 20);
	CHECK_INT(flowmodel_send(f.m, f.b), VERDICT_ICMP);
	CHECK(udp_in(f, port));
	CHECK_INT(count(f).flows, 1);
	fast_free(f);
}

TEST(freeing_takes_everything_out_and_leaving_does_not)
{
	struct fast f = fast_new();

	(void)udp_entered(f);
	nat64_free(f.b->n);
	craft_udp(&f.b->in, &to_server, 40000, 53, 20);
	struct pkt p = { .head = f.b->in.memory,
		.data = craft_data(&f.b->in),
		.len = (uint32_t)f.b->in.len,
		.end = f.b->in.memory + sizeof(f.b->in.memory) };
	REQUIRE(pkt_parse(&p) == DROP_NONE);
	CHECK(!flowmodel_take(f.m, &p, f.b->now));
	CHECK(f.m->head.epoch != 0);
	flow_claims_free(&f.m->maps);
	CHECK_INT(f.m->head.epoch, 0);
	free(f.b);
	flowmodel_free(f.m);
}

TEST(a_session_is_saved_with_what_the_programs_know_of_it)
{
	static struct state_record r[SAVE_CHUNK_RECORDS];
	struct fast f = fast_new();
	uint16_t port = udp_entered(f);
	struct nat64_saving at = { 0 };

	f.b->now += 299 * NSEC;
	CHECK(udp_in(f, port));
	f.b->now += 2 * NSEC; /* the session is due, but for that packet */
	REQUIRE(nat64_save(f.b->n, &at, f.b->now, r) == 1);
	CHECK_INT(r[0].pkts_46, 4);
	CHECK_INT(r[0].pkts_64, 3);
	CHECK(r[0].left >= 298 * NSEC && r[0].left < 299 * NSEC);
	fast_free(f);
}

TEST(an_odd_sequence_is_made_even_at_the_start)
{
	struct flowmodel *m = flowmodel_new(SETS, SETS);

	flow_claims_free(&m->maps);
	m->maps.flows64[3].way[1].sequence = 7;
	m->maps.flows64[3].way[1].epoch = 5;
	m->maps.flows46[SETS - 1].way[3].sequence = 1;
	m->maps.pairs[0].way[0].sequence = UINT32_MAX;
	REQUIRE(flow_claims_new(&m->maps, FLOW_START_EMPTY) == 0);
	CHECK_INT(m->maps.flows64[3].way[1].sequence, 8);
	CHECK_INT(m->maps.flows64[3].way[1].epoch, 0);
	CHECK_INT(m->maps.flows46[SETS - 1].way[3].sequence, 2);
	CHECK_INT(m->maps.pairs[0].way[0].sequence, 0);
	flowmodel_free(m);
}

TEST(a_number_of_sets_that_is_no_power_of_two_is_refused)
{
	struct flowmodel *m = flowmodel_new(4, 4);

	flow_claims_free(&m->maps);
	m->maps.sets46 = 3;
	CHECK_INT(flow_claims_new(&m->maps, FLOW_START_EMPTY), -EINVAL);
	m->maps.sets46 = 4;
	flowmodel_free(m);
}

TEST(without_room_for_any_flow_everything_works)
{
	struct fast f = fast_with(bench_config(), 0);
	uint16_t port = port_of_udp(f);

	for (unsigned i = 0; i < 200; i++)
		CHECK(!udp_in(f, port));
	CHECK(count(f).full > 0);
	tick(f);
	fast_free(f);
}

TEST(half_a_flow_is_no_flow_and_takes_no_room)
{
	struct flowmodel *m = flowmodel_new(SETS, 0);
	struct bench *b = bench_config();

	flow_claims_free(&m->maps);
	m->maps.sets46 = 0; /* so the other half never has a place */
	REQUIRE(flow_claims_new(&m->maps, FLOW_START_EMPTY) == 0);
	b->cfg.flows = &m->maps;
	bench_start(b);
	b->now += NSEC;
	struct fast f = { b, m };
	uint16_t port = port_of_udp(f);

	for (unsigned i = 0; i < 300; i++)
		CHECK(!udp_in(f, port));
	CHECK(count(f).full > 1);
	tick(f); /* what is owned has its entry */
	for (unsigned i = 0; i < SETS * FLOW_WAYS; i++)
		CHECK_INT(m->maps.flows64[i / FLOW_WAYS].way[i % FLOW_WAYS].epoch, 0);
	fast_free(f);
}
