/* test_pipeline.c - RFC 6146 section 3 end to end: packet in, packets out, byte checks on what came out */
#include "routes.h"

TEST(udp_goes_out_and_its_reply_comes_back_rfc6146_s3_5_1)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);

	CHECK_INT(b->v[0].version, 4);
	check_addr4(b->v[0].src4, POOL);
	check_addr4(b->v[0].dst4, SERVER);
	CHECK_INT(b->v[0].dport, 53);
	CHECK_INT(b->v[0].hop_limit, 63);
	CHECK(all_checksums_ok(b));

	craft_udp(&b->in, &to_pool, 53, port, 100);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].src6, SERVER6);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].sport, 53);
	CHECK_INT(b->v[0].dport, 40000);
	CHECK_INT(b->v[0].hop_limit, 63);
	CHECK_INT(b->out[0].len, 40 + 8 + 100);
	CHECK(all_checksums_ok(b));
	for (unsigned i = 0; i < 100; i++)
		CHECK_INT(sent(b, 0)[48 + i], i);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_64][PROTO_UDP], 1);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_46][PROTO_UDP], 1);
	CHECK_INT(nat64_counters(b->n)->bytes[DIR_46][PROTO_UDP], 128);
	bench_free(b);
}

TEST(echo_is_matched_by_identifier_rfc6146_s3_5_3)
{
	struct bench *b = bench_new();

	craft_echo(&b->in, &to_server, false, 4711, 1, 56);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].kind, L4_ICMP_QUERY);
	CHECK_INT(b->v[0].icmp_type, 8);
	CHECK(all_checksums_ok(b));
	uint16_t id = b->v[0].sport;

	craft_echo(&b->in, &to_pool, true, id, 1, 56);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, 129);
	CHECK_INT(b->v[0].sport, 4711);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK(all_checksums_ok(b));
	bench_free(b);
}

TEST(tcp_train_of_64k_is_one_translation)
{
	struct bench *b = bench_new();
	struct offload off = {
		.csum_partial = true, .csum_start = 40, .csum_offset = 16, .gso = GSO_TCP6, .gso_size = 1440
	};

	craft_tcp(&b->in, &to_server, 50000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	uint16_t port = b->v[0].sport;
	craft_tcp(&b->in, &to_pool, 80, port, TCP_SYN | TCP_ACK, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);

	craft_tcp(&b->in, &to_server, 50000, 80, TCP_ACK, 64000);
	CHECK_INT(put(b, off), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->out[0].len, 20 + 20 + 64000);
	CHECK_INT(b->off[0].gso, GSO_TCP4);
	CHECK_INT(b->off[0].gso_size, 1440);
	CHECK_INT(b->off[0].csum_start, 20);
	CHECK_INT(nat64_counters(b->n)->trains[DIR_64], 1);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_64][PROTO_TCP], 1 + 45);
	bench_free(b);
}

static void check_dropped(const char *row, struct bench *b, enum drop_reason reason, enum verdict want)
{
	test_row(row);
	uint64_t before = drops(b, reason);

	CHECK_INT(send_plain(b), want);
	CHECK_INT(drops(b, reason), before + 1);
	CHECK_INT(b->sent, want == VERDICT_ICMP);
	if (b->sent == 1) {
		CHECK_INT(b->v[0].kind, L4_ICMP_ERROR);
		CHECK(all_checksums_ok(b));
	}
	test_row(NULL);
}

TEST(what_a_nat64_must_not_process_is_dropped_rfc6146_s3_5)
{
	static const struct {
		const char *src, *dst;
		enum drop_reason reason;
		enum verdict verdict;
		uint8_t hop_limit;
		int type, code; /* of the ICMPv6 error, if VERDICT_ICMP */
	} rows[] = {
		{ CLIENT, "2001:db8:ffff::1", DROP_64_NOT_OUR_PREFIX, VERDICT_DROP, 64, 0, 0 },
		{ "64:ff9b::c000:201", SERVER6, DROP_64_SOURCE_IN_PREFIX, VERDICT_DROP, 64, 0, 0 },
		{ CLIENT, "64:ff9b::7f00:1", DROP_64_DENIED, VERDICT_ICMP, 64, ICMP6_UNREACHABLE, 1 },
		{ CLIENT, SERVER6, DROP_HOP_LIMIT, VERDICT_ICMP, 1, ICMP6_TIME_EXCEEDED, 0 },
	};
	struct bench *b = bench_config();

	REQUIRE(prefix4_parse("127.0.0.0/8", &b->cfg.deny[0]) == 0);
	b->cfg.deny_len = 1;
	bench_start(b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct craft_ip ip = {
			.src = rows[i].src, .dst = rows[i].dst, .hop_limit = rows[i].hop_limit
		};

		craft_udp(&b->in, &ip, 1000, 53, 20);
		check_dropped(drop_name(rows[i].reason), b, rows[i].reason, rows[i].verdict);
		if (rows[i].verdict != VERDICT_ICMP)
			continue;
		CHECK_INT(b->v[0].icmp_type, rows[i].type);
		CHECK_INT(b->v[0].icmp_code, rows[i].code);
		check_addr6(b->v[0].dst6, CLIENT);
		check_addr6(b->v[0].src6, POOL6);
	}
	bench_free(b);
}

TEST(well_known_prefix_refuses_non_global_unless_allowed_rfc6052_s3_1)
{
	struct bench *b = bench_config();
	const struct craft_ip to_private = { .src = CLIENT, .dst = "64:ff9b::10.0.0.1" };
	const struct craft_ip to_global = { .src = CLIENT, .dst = "64:ff9b::9.9.9.9" };

	b->cfg.allow_non_global = false;
	bench_start(b);
	craft_udp(&b->in, &to_private, 1000, 53, 20);
	check_dropped("private", b, DROP_64_NON_GLOBAL, VERDICT_ICMP);
	craft_udp(&b->in, &to_global, 1000, 53, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);

	b->cfg.allow_non_global = true;
	CHECK_INT(nat64_update(b->n, &b->cfg), 0);
	craft_udp(&b->in, &to_private, 1000, 53, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	bench_free(b);
}

TEST(packet_without_binding_is_refused_or_given_back_to_the_host)
{
	struct bench *b = bench_new();

	craft_udp(&b->in, &to_pool, 53, 2000, 20);
	check_dropped("dedicated", b, DROP_46_NO_BINDING, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 1);
	check_addr4(b->v[0].dst4, SERVER);
	bench_free(b);

	b = bench_config();
	b->cfg.state.pool[0].is_shared = true;
	bench_start(b);
	craft_udp(&b->in, &to_pool, 53, 2000, 20);
	struct craft before = b->in;

	CHECK_INT(send_plain(b), VERDICT_PASS);
	REQUIRE(b->sent == 1);
	CHECK_BYTES(sent(b, 0), b->out[0].len, craft_data(&before), before.len);
	CHECK_INT(nat64_counters(b->n)->passed, 1);
	CHECK_INT(drops(b, DROP_46_NO_BINDING), 0);
	bench_free(b);
}

TEST(client_cannot_reach_the_host_whose_address_the_pool_shares)
{
	struct bench *b = bench_config();
	const struct craft_ip to_host = { .src = CLIENT, .dst = POOL6 };

	b->cfg.state.pool[0].is_shared = true;
	bench_start(b);
	craft_tcp(&b->in, &to_host, 40000, 22, TCP_SYN, 0);
	check_dropped("service of the host", b, DROP_64_OWN_HOST, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 1);
	craft_udp(&b->in, &to_host, 40000, 2000, 0);
	check_dropped("a port that may be lent", b, DROP_46_NO_BINDING, VERDICT_ICMP);
	bench_free(b);
}

TEST(ttl_of_one_from_the_ipv4_side_gives_time_exceeded)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	struct craft_ip ip = to_pool;

	ip.hop_limit = 1;
	craft_udp(&b->in, &ip, 53, port, 20);
	check_dropped("ttl", b, DROP_HOP_LIMIT, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_type, ICMP4_TIME_EXCEEDED);
	check_addr4(b->v[0].src4, POOL);
	bench_free(b);
}

/* --- routes that are not used up --- */

TEST(a_routing_header_with_segments_left_is_told_rfc7915_s5_1)
{
	struct bench *b = bench_new();
	const struct craft_ip elsewhere = { .src = CLIENT, .dst = "2001:db8:ffff::1" };

	craft_udp(&b->in, &to_server, 40000, 53, 20);
	add_routing_header(&b->in);
	check_dropped("to the prefix", b, DROP_IP6_ROUTING_SEGMENTS_LEFT, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_type, 4);
	CHECK_INT(b->v[0].icmp_code, 0);
	CHECK_INT(be32_at(sent(b, 0) + 44), 43);
	check_addr6(b->v[0].dst6, CLIENT);
	check_addr6(b->v[0].src6, POOL6);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_64][PROTO_UDP], 0);

	craft_udp(&b->in, &elsewhere, 40000, 53, 20);
	add_routing_header(&b->in);
	check_dropped("to somebody else", b, DROP_64_NOT_OUR_PREFIX, VERDICT_DROP);
	bench_free(b);
}

TEST(an_unexpired_source_route_is_told_rfc7915_s4_1)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	const struct craft_ip elsewhere = { .src = SERVER, .dst = "203.0.113.5" };

	craft_udp(&b->in, &to_pool, 53, port, 20);
	add_source_route(&b->in);
	check_dropped("to a binding", b, DROP_IP4_SOURCE_ROUTE, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 5);
	check_addr4(b->v[0].dst4, SERVER);
	check_addr4(b->v[0].src4, POOL);

	craft_udp(&b->in, &to_pool, 53, 2000, 20);
	add_source_route(&b->in);
	check_dropped("to the pool, without binding", b, DROP_IP4_SOURCE_ROUTE, VERDICT_ICMP);

	craft_udp(&b->in, &elsewhere, 53, 2000, 20);
	add_source_route(&b->in);
	check_dropped("to somebody else", b, DROP_46_NOT_OUR_POOL, VERDICT_DROP);

	craft_udp(&b->in, &to_pool, 53, port, 24);
	add_source_route(&b->in);
	be16_put(craft_data(&b->in) + 6, 100);
	routes_sum4(craft_data(&b->in));
	check_dropped("a later fragment", b, DROP_IP4_SOURCE_ROUTE, VERDICT_DROP);
	CHECK_INT(drops(b, DROP_ICMP_NOT_ALLOWED), 1);
	bench_free(b);
}

TEST(a_source_route_to_the_hosts_own_address_is_the_hosts_unless_it_has_a_session)
{
	struct bench *b = bench_config();

	b->cfg.state.pool[0].is_shared = true;
	bench_start(b);
	uint16_t port = open_udp(b, 40000);

	craft_udp(&b->in, &to_pool, 53, port, 20);
	add_source_route(&b->in);
	check_dropped("a session", b, DROP_IP4_SOURCE_ROUTE, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_code, 5);

	craft_udp(&b->in, &to_pool, 53, port ^ 1, 20);
	add_source_route(&b->in);
	struct craft before = b->in;

	CHECK_INT(send_plain(b), VERDICT_PASS);
	REQUIRE(b->sent == 1);
	CHECK_BYTES(sent(b, 0), b->out[0].len, craft_data(&before), before.len);
	CHECK_INT(drops(b, DROP_IP4_SOURCE_ROUTE), 1);

	struct craft inner;
	const struct craft_ip out = { .src = POOL, .dst = SERVER };

	craft_udp(&inner, &out, port, 53, 20);
	craft_error(&b->in, &to_pool, ICMP4_UNREACHABLE, 1, 0, craft_data(&inner), inner.len);
	add_source_route(&b->in);
	check_dropped("an error about a session", b, DROP_IP4_SOURCE_ROUTE, VERDICT_DROP);
	bench_free(b);
}

/* An ICMPv4 error about a packet that no binding could have sent: it had a source route. */
TEST(an_error_about_a_source_route_is_not_translated)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	struct craft inner;
	const struct craft_ip out = { .src = POOL, .dst = SERVER };

	craft_udp(&inner, &out, port, 53, 20);
	add_source_route(&inner);
	craft_error(&b->in, &to_pool, ICMP4_UNREACHABLE, 5, 0, craft_data(&inner), inner.len);
	check_dropped("quoted source route", b, DROP_ICMP_INNER_MALFORMED, VERDICT_DROP);
	bench_free(b);
}

/* An ICMPv4 error from a router about what the client sent: source becomes the router, inner becomes the
 * client's. */
TEST(icmp4_error_is_translated_with_the_packet_inside_rfc6146_s3_4)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	struct craft inner;
	const struct craft_ip from_pool = { .src = POOL, .dst = SERVER, .hop_limit = 1 };
	const struct craft_ip from_router = { .src = "203.0.113.1", .dst = POOL };

	craft_udp(&inner, &from_pool, port, 53, 20);
	craft_error(&b->in, &from_router, ICMP4_TIME_EXCEEDED, 0, 0, craft_data(&inner), inner.len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, ICMP6_TIME_EXCEEDED);
	check_addr6(b->v[0].src6, "64:ff9b::cb00:7101");
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK(all_checksums_ok(b));
	const uint8_t *in6 = sent(b, 0) + 48;

	CHECK_INT(in6[0] >> 4, 6);
	check_addr6(addr6_at(in6 + 8), CLIENT);
	check_addr6(addr6_at(in6 + 24), SERVER6);
	CHECK_INT(be16_at(in6 + 40), 40000);
	CHECK_INT(be16_at(in6 + 42), 53);
	CHECK(craft_checksums_ok(in6, b->out[0].len - 48));
	CHECK_INT(nat64_counters(b->n)->errors[DIR_46], 1);
	bench_free(b);
}

TEST(icmp6_error_is_translated_with_the_packet_inside_rfc6146_s3_4)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	struct craft inner;
	const struct craft_ip from_server = { .src = SERVER6, .dst = CLIENT };
	const struct craft_ip from_client = { .src = CLIENT, .dst = SERVER6 };

	craft_udp(&inner, &from_server, 53, 40000, 20);
	craft_error(&b->in, &from_client, ICMP6_UNREACHABLE, 4, 0, craft_data(&inner), inner.len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 3);
	check_addr4(b->v[0].src4, POOL);
	check_addr4(b->v[0].dst4, SERVER);
	CHECK(all_checksums_ok(b));
	const uint8_t *in4 = sent(b, 0) + 28;

	check_addr4(addr4_at(in4 + 12), SERVER);
	check_addr4(addr4_at(in4 + 16), POOL);
	CHECK_INT(be16_at(in4 + 20), 53);
	CHECK_INT(be16_at(in4 + 22), port);
	CHECK(craft_checksums_ok(in4, b->out[0].len - 28));
	bench_free(b);
}

TEST(icmp_error_about_an_unknown_session_is_dropped_in_silence)
{
	struct bench *b = bench_new();
	struct craft inner;
	const struct craft_ip from_pool = { .src = POOL, .dst = SERVER };

	craft_udp(&inner, &from_pool, 2000, 53, 20);
	craft_error(&b->in, &to_pool, ICMP4_UNREACHABLE, 3, 0, craft_data(&inner), inner.len);
	check_dropped("46", b, DROP_46_NO_SESSION, VERDICT_DROP);

	const struct craft_ip from_server = { .src = SERVER6, .dst = CLIENT };

	craft_udp(&inner, &from_server, 53, 40000, 20);
	craft_error(&b->in, &to_server, ICMP6_UNREACHABLE, 4, 0, craft_data(&inner), inner.len);
	check_dropped("64", b, DROP_64_NO_SESSION, VERDICT_DROP);
	bench_free(b);
}

/* Two clients behind the same translator: A writes to B's outside address (RFC 6146 s3.8). */
TEST(hairpin_turns_packets_and_errors_around_rfc6146_s3_8)
{
	struct bench *b = bench_new();
	uint16_t port_b = open_udp(b, 40000);
	const struct craft_ip a_to_b = { .src = "2001:db8:2::3", .dst = POOL6 };

	craft_udp(&b->in, &a_to_b, 41000, port_b, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].version, 6);
	check_addr6(b->v[0].src6, POOL6);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].dport, 40000);
	CHECK(all_checksums_ok(b));
	CHECK_INT(nat64_counters(b->n)->hairpins, 1);
	uint16_t port_a = b->v[0].sport;

	/* B refuses: its error goes back through both bindings to A. */
	struct craft inner = b->out[0];
	const struct craft_ip b_to_a = { .src = CLIENT, .dst = POOL6 };

	craft_error(&b->in, &b_to_a, ICMP6_UNREACHABLE, 4, 0, craft_data(&inner), inner.len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	check_addr6(b->v[0].dst6, "2001:db8:2::3");
	const uint8_t *in6 = sent(b, 0) + 48;

	CHECK_INT(be16_at(in6 + 40), 41000);
	CHECK_INT(be16_at(in6 + 42), port_b);
	CHECK(all_checksums_ok(b));

	/* A port that nobody has: the refusal reaches A as an ICMPv6 error. */
	craft_udp(&b->in, &a_to_b, 41000, (uint16_t)(port_b ^ 1), 30);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].version, 6);
	check_addr6(b->v[0].dst6, "2001:db8:2::3");
	CHECK(port_a != 0);
	bench_free(b);
}

TEST(icmp_errors_are_rate_limited_rfc4443_s2_4_f)
{
	struct bench *b = bench_new();
	unsigned told = 0;

	for (unsigned i = 0; i < 1000; i++) {
		craft_udp(&b->in, &to_pool, 53, 2000, 20);
		told += send_plain(b) == VERDICT_ICMP;
	}
	CHECK_INT(told, 200);
	CHECK_INT(drops(b, DROP_ICMP_RATE_LIMIT), 800);
	CHECK_INT(drops(b, DROP_46_NO_BINDING), 1000);
	b->now += 10 * MSEC;
	told = 0;
	for (unsigned i = 0; i < 100; i++) {
		craft_udp(&b->in, &to_pool, 53, 2000, 20);
		told += send_plain(b) == VERDICT_ICMP;
	}
	CHECK_INT(told, 10);
	bench_free(b);
}

TEST(no_error_is_sent_about_an_error_rfc4443_s2_4_e)
{
	struct bench *b = bench_new();
	struct craft inner;
	const struct craft_ip from_server = { .src = SERVER6, .dst = CLIENT };
	struct craft_ip last_hop = to_server;

	craft_udp(&inner, &from_server, 53, 40000, 20);
	last_hop.hop_limit = 1;
	craft_error(&b->in, &last_hop, ICMP6_UNREACHABLE, 4, 0, craft_data(&inner), inner.len);
	check_dropped("hop limit", b, DROP_HOP_LIMIT, VERDICT_DROP);
	CHECK_INT(drops(b, DROP_ICMP_NOT_ALLOWED), 1);
	bench_free(b);
}

TEST(datagram_without_df_is_cut_to_1280_bytes_rfc7915_s4)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	struct craft_ip ip = to_pool;

	ip.no_df = true;
	craft_udp(&b->in, &ip, 53, port, 3000);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 3);
	size_t offset = 0;

	for (unsigned i = 0; i < b->sent; i++) {
		const uint8_t *p = sent(b, i);

		CHECK(b->out[i].len <= 1280);
		CHECK_INT(p[6], 44);
		CHECK_INT(be16_at(p + 42) & 0xfff8, offset);
		CHECK_INT(be16_at(p + 42) & 1, i + 1 < b->sent);
		CHECK_BYTES(p + 44, 4, sent(b, 0) + 44, 4);
		offset += b->out[i].len - 48;
	}
	CHECK_INT(offset, 3008);
	CHECK_INT(nat64_counters(b->n)->split, 1);

	ip.no_df = false;
	craft_udp(&b->in, &ip, 53, port, 3000);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_INT(b->sent, 1); /* the network will say Packet Too Big */
	bench_free(b);
}

TEST(tcp_train_without_df_gets_smaller_segments_not_fragments)
{
	struct bench *b = bench_new();
	struct craft_ip ip = to_pool;
	struct offload off = {
		.csum_partial = true, .csum_start = 20, .csum_offset = 16, .gso = GSO_TCP4, .gso_size = 1460
	};

	craft_tcp(&b->in, &to_server, 50000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	uint16_t port = b->v[0].sport;

	ip.no_df = true;
	craft_tcp(&b->in, &ip, 80, port, TCP_ACK, 14600);
	CHECK_INT(put(b, off), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->off[0].gso, GSO_TCP6);
	CHECK_INT(b->off[0].gso_size, 1280 - 40 - 20);
	bench_free(b);
}

/* The kernel joins datagrams that came from the wire, whose sender left them to be fragmented (UDP GRO). */
TEST(udp_train_without_df_goes_whole_or_each_datagram_is_cut_rfc7915_s4)
{
	struct bench *b = bench_new();
	uint16_t port = open_udp(b, 40000);
	struct craft_ip ip = to_pool;
	struct offload off = {
		.csum_partial = true, .csum_start = 20, .csum_offset = 6, .gso = GSO_UDP, .gso_size = 1232
	};

	ip.no_df = true;
	craft_udp(&b->in, &ip, 53, port, 3 * 1232);
	CHECK_INT(put(b, off), VERDICT_SEND);
	CHECK_INT(b->sent, 1);
	CHECK_INT(b->off[0].gso, GSO_UDP);

	off.gso_size = 1233;
	craft_udp(&b->in, &ip, 53, port, 2 * 1233 + 100);
	CHECK_INT(put(b, off), VERDICT_SEND);
	REQUIRE(b->sent == 5); /* two fragments, two fragments, and a datagram that is short enough */
	for (unsigned i = 0; i < b->sent; i++) {
		CHECK(b->out[i].len <= 1280);
		CHECK_INT(b->off[i].gso, GSO_NONE);
		CHECK(!b->off[i].csum_partial);
	}
	CHECK(be32_at(sent(b, 0) + 44) == be32_at(sent(b, 1) + 44));
	CHECK(be32_at(sent(b, 1) + 44) != be32_at(sent(b, 2) + 44));
	CHECK_INT(b->v[4].is_fragment, false);
	CHECK(craft_checksums_ok(sent(b, 4), b->out[4].len));
	CHECK_INT(nat64_counters(b->n)->split, 2);

	ip.no_df = false;
	craft_udp(&b->in, &ip, 53, port, 2 * 1233 + 100);
	CHECK_INT(put(b, off), VERDICT_SEND);
	CHECK_INT(b->sent, 1); /* the network will say Packet Too Big */
	bench_free(b);
}

TEST(empty_pool_is_told_and_established_flows_continue_rfc6146_s3_5_1_1)
{
	struct bench *b = bench_config();

	b->cfg.state.pool[0].lo = 2048;
	b->cfg.state.pool[0].hi = 2048 + 63;
	b->cfg.state.ports_per_block = 64;
	bench_start(b);
	uint16_t port = open_udp(b, 40000);
	unsigned refused = 0;

	for (unsigned i = 1; i < 80; i++) {
		craft_udp(&b->in, &to_server, (uint16_t)(40000 + i), 53, 20);
		refused += send_plain(b) == VERDICT_ICMP;
	}
	CHECK_INT(refused, 80 - 64);
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 3);
	CHECK_INT(open_udp(b, 40000), port);
	bench_free(b);
}

TEST(silent_tcp_connection_is_probed_rfc6146_s3_5_2_2)
{
	struct bench *b = bench_new();
	struct nat64_out out = { .send = capture, .ctx = b };

	craft_tcp(&b->in, &to_server, 50000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	uint16_t port = b->v[0].sport;

	craft_tcp(&b->in, &to_pool, 80, port, TCP_SYN | TCP_ACK, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	b->sent = 0;
	/* A day in seconds' steps; the established session falls silent once, then goes. */
	for (unsigned s = 0; s < 3 * 3600; s += 5) {
		b->now += 5 * NSEC;
		nat64_tick(b->n, b->now, &out);
	}
	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].kind, L4_TCP);
	check_addr6(b->v[0].src6, SERVER6);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].sport, 80);
	CHECK_INT(b->v[0].dport, 50000);
	CHECK_INT(b->v[0].tcp_flags, TCP_ACK);
	CHECK_INT(be32_at(sent(b, 0) + 44), 0);
	CHECK_INT(be32_at(sent(b, 0) + 48), 0);
	CHECK(all_checksums_ok(b));
	struct state_stats stats;

	state_stats(nat64_state(b->n), &stats);
	CHECK_INT(stats.sessions[PROTO_TCP], 0);
	CHECK_INT(stats.bindings[PROTO_TCP], 0);
	bench_free(b);
}

TEST(other_protocols_are_refused_rfc6146_s3_4)
{
	struct bench *b = bench_new();

	craft_udp(&b->in, &to_server, 40000, 53, 20);
	craft_data(&b->in)[6] = 132; /* SCTP */
	check_dropped("64", b, DROP_PROTOCOL, VERDICT_ICMP);
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 4);
	bench_free(b);
}

TEST(every_truncation_of_a_packet_is_a_counted_drop)
{
	struct bench *b = bench_new();
	struct craft whole;

	for (unsigned round = 0; round < 4; round++) {
		if (round == 0)
			craft_udp(&whole, &to_server, 40000, 53, 20);
		if (round == 1)
			craft_tcp(&whole, &to_server, 40000, 53, TCP_SYN, 20);
		if (round == 2)
			craft_echo(&whole, &to_server, false, 1, 1, 20);
		if (round == 3)
			craft_udp(&whole, &to_pool, 53, 2000, 20);
		for (size_t len = 0; len < whole.len; len++) {
			b->in = whole;
			b->in.len = len;
			CHECK_INT(send_plain(b), VERDICT_DROP);
			CHECK_INT(b->sent, 0);
		}
	}
	bench_free(b);
}

TEST(the_first_prefix_cannot_change_while_flows_run)
{
	struct bench *b = bench_new();
	struct nat64_config other = b->cfg;

	other.prefixes[0] = LOCAL_USE_PREFIX;
	CHECK(strstr(nat64_change_fault(b->n, &other), "nat64.prefixes") != NULL);
	CHECK_INT(nat64_update(b->n, &other), -EBUSY);
	other = b->cfg;
	other.prefixes_len = 0;
	CHECK_INT(nat64_update(b->n, &other), -EINVAL);
	bench_free(b);
}
