/* test_stateless.c - packets translated by their addresses alone: RFC 7757, RFC 7915, RFC 6791 */
#include "stateless_bench.h"

TEST(rfc7757_figure_7_holds_for_whole_packets)
{
	static const struct {
		const char *v4, *v6;
	} rows[] = {
		{ "192.0.2.1", "2001:db8:aaaa::" },
		{ "192.0.2.2", "2001:db8:bbbb::b" },
		{ "192.0.2.24", "2001:db8:cccc::8" },
		{ "192.0.2.152", "2001:db8:dddd:0:6000::" },
		{ "192.0.2.195", "2001:db8:eeee:9:8000::" },
		{ "192.0.2.225", "64:ff9b::1" },
	};
	struct bench *b = siit_new();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].v4);
		craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = rows[i].v4 }, 1000, 53, 30);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		expect6(b, PEER_SEEN, rows[i].v6);
		CHECK_INT(b->v[0].sport, 1000);
		CHECK_INT(b->v[0].dport, 53);

		craft_udp(&b->in, &(struct craft_ip){ .src = rows[i].v6, .dst = PEER_SEEN }, 53, 1000, 30);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		expect4(b, rows[i].v4, PEER);
		CHECK_INT(b->v[0].hop_limit, 63);
	}
	test_row(NULL);
	bench_free(b);
}

TEST(what_has_no_mapping_falls_back_on_rfc6052_if_it_is_translatable)
{
	struct bench *b = siit_config();

	REQUIRE(prefix4_parse("192.0.2.248/29", &b->cfg.siit.translatable[0]) == 0);
	b->cfg.siit.translatable_len = 1;
	bench_start(b);
	craft_tcp(&b->in, &(struct craft_ip){ .src = "64:ff9b::c000:2f8", .dst = PEER_SEEN }, 80, 1000,
		TCP_ACK, 10);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, "192.0.2.248", PEER);
	craft_tcp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "192.0.2.248" }, 1000, 80, TCP_ACK, 10);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, PEER_SEEN, "64:ff9b::c000:2f8");

	/* Others under the prefix are made up by somebody. */
	craft_tcp(&b->in, &(struct craft_ip){ .src = "64:ff9b::c000:2f0", .dst = PEER_SEEN }, 80, 1000,
		TCP_ACK, 10);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_NO_MAPPING), 1);
	craft_tcp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "192.0.2.240" }, 1000, 80, TCP_ACK, 10);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_46_NO_MAPPING), 1);
	bench_free(b);
}

TEST(a_host_without_mapping_is_told_that_it_may_not_pass)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = ROUTER, .dst = PEER_SEEN }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_NO_MAPPING), 1);
	expect6(b, "64:ff9b::c633:6401", ROUTER); /* ICMP_SOURCE under the prefix */
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 1);
	bench_free(b);
}

/* --- RFC 7757 s4: hairpins, figures 8 to 11 --- */

TEST(a_hairpin_goes_as_rfc7757_figures_8_and_11_say_and_costs_one_hop)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &a_to_b, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_A_SEEN, HOST_B);
	CHECK_INT(b->v[0].hop_limit, 63);
	CHECK_INT(nat64_counters(b->n)->hairpins, 1);

	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_B, .dst = HOST_A_SEEN }, 53, 1000, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_B_SEEN, HOST_A);
	bench_free(b);
}

TEST(a_hairpin_with_the_last_hop_is_answered_once)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = HOST_B_SEEN, .hop_limit = 2 }, 1000, 53,
		30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_A_SEEN, HOST_B);
	CHECK_INT(b->v[0].hop_limit, 1);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = HOST_B_SEEN, .hop_limit = 1 }, 1000, 53,
		30);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	expect6(b, "64:ff9b::c633:6401", HOST_A);
	CHECK_INT(b->v[0].icmp_type, ICMP6_TIME_EXCEEDED);
	bench_free(b);
}

TEST(a_routers_error_about_a_hairpin_goes_as_rfc7757_figure_9_says)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &a_to_b, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, ROUTER, HOST_A_SEEN, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, "64:ff9b::c633:6401", HOST_A);
	struct view in = inner_of(b);

	check_addr6(in.src6, HOST_A);
	check_addr6(in.dst6, HOST_B_SEEN);
	CHECK_INT(in.sport, 1000);
	CHECK_INT(in.dport, 53);
	bench_free(b);
}

TEST(a_hosts_error_about_a_hairpin_goes_as_rfc7757_figure_10_says)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &a_to_b, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, HOST_B, HOST_A_SEEN, ICMP6_UNREACHABLE, 4);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_B_SEEN, HOST_A);
	struct view in = inner_of(b);

	check_addr6(in.src6, HOST_A);
	check_addr6(in.dst6, HOST_B_SEEN);
	bench_free(b);
}

TEST(simple_hairpins_leave_the_packet_to_the_ipv4_network_rfc7757_s4_2_1)
{
	struct bench *b = siit_config();

	b->cfg.siit.hairpin = SIIT_HAIRPIN_SIMPLE;
	bench_start(b);
	craft_udp(&b->in, &a_to_b, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, HOST_A4, HOST_B4);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A4, .dst = HOST_B4 }, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_A_SEEN, HOST_B); /* rule 1 */

	/* Rules 2 and 3: an error of the host itself. */
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A4, .dst = HOST_B4 }, 1000, 53, 30);
	struct craft *about = &b->out[0];

	about->len = b->in.len;
	memcpy(craft_data(about), craft_data(&b->in), about->len);
	craft_error(&b->in, &(struct craft_ip){ .src = HOST_B4, .dst = HOST_A4 }, ICMP4_UNREACHABLE, 3, 0,
		craft_data(about), about->len);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_B_SEEN, HOST_A);
	struct view in = inner_of(b);

	check_addr6(in.src6, HOST_A);
	check_addr6(in.dst6, HOST_B_SEEN);
	bench_free(b);
}

TEST(hairpins_can_be_switched_off)
{
	struct bench *b = siit_config();

	b->cfg.siit.hairpin = SIIT_HAIRPIN_OFF;
	bench_start(b);
	craft_udp(&b->in, &a_to_b, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, HOST_A4, HOST_B4);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A4, .dst = HOST_B4 }, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_A, HOST_B); /* each address by its mapping, s3.2 */
	bench_free(b);
}

/* --- ICMP errors --- */

TEST(errors_from_ipv4_come_back_with_the_packet_inside)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &a_to_peer, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, "203.0.113.9", HOST_A4, ICMP4_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, "64:ff9b::cb00:7109", HOST_A);
	CHECK_INT(b->v[0].icmp_type, ICMP6_TIME_EXCEEDED);
	struct view in = inner_of(b);

	check_addr6(in.src6, HOST_A);
	check_addr6(in.dst6, PEER_SEEN);
	CHECK_INT(in.sport, 1000);
	CHECK_INT(nat64_counters(b->n)->errors[DIR_46], 1);
	bench_free(b);
}

TEST(a_router_without_mapping_speaks_with_the_configured_address_rfc6791)
{
	struct bench *b = siit_new();

	craft_udp(&b->in, &peer_to_a, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, ROUTER, PEER_SEEN, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, ICMP_SOURCE, PEER);
	CHECK_INT(b->v[0].icmp_type, ICMP4_TIME_EXCEEDED);
	struct view in = inner_of(b);

	check_addr4(in.src4, PEER);
	check_addr4(in.dst4, HOST_A4);
	CHECK_INT(nat64_counters(b->n)->sources_replaced, 1);
	bench_free(b);
}

/* RFC 4884: a datagram of 128 bytes, the structure's header, an object of 24 bytes. */
TEST(a_router_without_mapping_is_named_in_an_extension_rfc6791_s4)
{
	struct bench *b = siit_config();

	b->cfg.siit.names_routers = true;
	bench_start(b);
	craft_udp(&b->in, &peer_to_a, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, ROUTER, PEER_SEEN, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, ICMP_SOURCE, PEER);
	CHECK_INT(b->v[0].l4_len, 8 + 128 + 28);
	struct addr6 named = addr6_at(sent(b, 0) + 28 + 128 + 12), router;

	REQUIRE(addr6_parse(ROUTER, &router));
	CHECK(addr6_eq(named, router));
	/* The host itself has an address: there is nobody to name. */
	craft_udp(&b->in, &peer_to_a, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, HOST_A, PEER_SEEN, ICMP6_UNREACHABLE, 4);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, HOST_A4, PEER);
	CHECK_INT(b->v[0].l4_len, 8 + 28 + 30);
	bench_free(b);
}

TEST(several_sources_are_taken_at_random_and_each_in_turn_rfc6791_s5)
{
	struct bench *b = siit_config();
	unsigned seen[4] = { 0 };

	for (unsigned i = 0; i < 4; i++)
		b->cfg.siit.icmp4[i] = (struct addr4){ addr4_of("203.0.113.0").v + i };
	b->cfg.siit.icmp4_len = 4;
	bench_start(b);
	for (unsigned i = 0; i < 200; i++) {
		craft_udp(&b->in, &peer_to_a, 1000, 53, 30);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		craft_error_about_sent(b, ROUTER, PEER_SEEN, ICMP6_TIME_EXCEEDED, 0);
		CHECK_INT(send_plain(b), VERDICT_SEND);
		REQUIRE(b->sent == 1 && b->v[0].src4.v - addr4_of("203.0.113.0").v < 4);
		seen[b->v[0].src4.v & 3]++;
	}
	for (unsigned i = 0; i < 4; i++)
		CHECK(seen[i] > 10);
	bench_free(b);
}

TEST(without_a_configured_address_it_is_the_dummy_of_rfc7600)
{
	struct bench *b = siit_config();

	b->cfg.siit.icmp4_len = 0;
	bench_start(b);
	craft_udp(&b->in, &peer_to_a, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, ROUTER, PEER_SEEN, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, "192.0.0.8", PEER);
	bench_free(b);
}

TEST(the_translators_own_errors_have_the_configured_sources)
{
	struct bench *b = siit_config();

	REQUIRE(addr6_parse("2001:db8:fff::8", &b->cfg.siit.icmp6));
	bench_start(b);
	craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = HOST_A4, .hop_limit = 1 }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	expect4(b, ICMP_SOURCE, PEER);
	CHECK_INT(b->v[0].icmp_type, ICMP4_TIME_EXCEEDED);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = PEER_SEEN, .hop_limit = 1 }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	expect6(b, "2001:db8:fff::8", HOST_A);
	CHECK_INT(b->v[0].icmp_type, ICMP6_TIME_EXCEEDED);
	bench_free(b);
}

/* --- mappings of IPv4 hosts: the customer side of 464XLAT, RFC 7757 appendix A.1 --- */

static struct bench *clat_new(void)
{
	static const struct mapping_text own[] = { { "192.0.0.1", "2001:db8:c1a7::1" } };
	struct bench *b = siit_config();

	set_mappings(b, own, 1);
	mappings[0].hosts = EAM_HOSTS_IPV4;
	b->cfg.siit.icmp4_len = 0;
	bench_start(b);
	return b;
}

TEST(a_clat_translates_its_own_source_by_the_mapping_and_all_others_by_the_prefix)
{
	struct bench *b = clat_new();

	craft_tcp(&b->in, &(struct craft_ip){ .src = "192.0.0.1", .dst = PEER }, 40000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, "2001:db8:c1a7::1", PEER_SEEN);
	craft_tcp(&b->in, &(struct craft_ip){ .src = PEER_SEEN, .dst = "2001:db8:c1a7::1" }, 80, 40000,
		TCP_ACK, 9);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, PEER, "192.0.0.1"); /* and not turned around: s4.2.2 A2 */
	CHECK_INT(nat64_counters(b->n)->hairpins, 0);
	bench_free(b);
}

TEST(a_clat_hears_errors_from_both_sides_of_its_nat64)
{
	struct bench *b = clat_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = "192.0.0.1", .dst = PEER }, 40000, 80, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, "64:ff9b::cb00:7109", "2001:db8:c1a7::1", ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, "203.0.113.9", "192.0.0.1");

	craft_udp(&b->in, &(struct craft_ip){ .src = "192.0.0.1", .dst = PEER }, 40000, 80, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, ROUTER, "2001:db8:c1a7::1", ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, "192.0.0.8", "192.0.0.1");

	craft_udp(
		&b->in, &(struct craft_ip){ .src = "192.0.0.1", .dst = PEER, .hop_limit = 1 }, 40000, 80, 30);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	expect4(b, "192.0.0.8", "192.0.0.1");
	bench_free(b);
}

TEST(a_stranger_cannot_send_to_a_clat_past_its_nat64)
{
	struct bench *b = clat_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = ROUTER, .dst = "2001:db8:c1a7::1" }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_NO_MAPPING), 1);
	bench_free(b);
}

TEST(a_new_prefix_is_taken_while_packets_flow)
{
	struct bench *b = clat_new();

	REQUIRE(prefix6_parse("2001:db8:64::/96", &b->cfg.siit.prefixes[0]) == 0);
	REQUIRE(nat64_update(b->n, &b->cfg) == 0);
	craft_tcp(&b->in, &(struct craft_ip){ .src = "192.0.0.1", .dst = PEER }, 40000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, "2001:db8:c1a7::1", "2001:db8:64::c633:644d");
	bench_free(b);
}

/* --- rules on addresses --- */

TEST(the_well_known_prefix_stands_for_global_addresses_only_rfc6052_s3_1)
{
	struct bench *b = siit_config();

	b->cfg.siit.allow_non_global = false;
	bench_start(b);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = "64:ff9b::a00:1" }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_NON_GLOBAL), 1);
	craft_udp(&b->in, &(struct craft_ip){ .src = "10.0.0.1", .dst = HOST_A4 }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_46_NON_GLOBAL), 1);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = "64:ff9b::808:808" }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, HOST_A4, "8.8.8.8");
	craft_udp(&b->in, &a_to_b, 1, 2, 3); /* a mapped address is the operator's */
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_A_SEEN, HOST_B);
	bench_free(b);
}

TEST(denied_destinations_are_refused)
{
	struct bench *b = siit_config();

	REQUIRE(prefix4_parse("127.0.0.0/8", &b->cfg.siit.deny[0]) == 0);
	b->cfg.siit.deny_len = 1;
	bench_start(b);
	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = "64:ff9b::7f00:1" }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_DENIED), 1);
	bench_free(b);
}

/* --- stateless and stateful side by side --- */

static struct bench *both_new(void)
{
	struct bench *b = bench_config();

	b->cfg.siit.prefixes[0] = WELL_KNOWN_PREFIX;
	b->cfg.siit.prefixes_len = 1;
	b->cfg.siit.allow_non_global = true;
	set_mappings(b, figure1, ARRAY_LEN(figure1));
	bench_start(b);
	return b;
}

TEST(hosts_with_a_mapping_keep_their_address_and_the_others_share_the_pool)
{
	struct bench *b = both_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = SERVER6 }, 1000, 53, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, HOST_A4, SERVER);
	uint16_t port = open_udp(b, 40000);

	check_addr4(b->v[0].src4, POOL);
	craft_udp(&b->in, &to_pool, 53, port, 100);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, SERVER6, CLIENT);
	craft_udp(&b->in, &(struct craft_ip){ .src = SERVER, .dst = HOST_A4 }, 53, 1000, 100);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, SERVER6, HOST_A);
	CHECK_INT(nat64_counters(b->n)->stateless_pkts[DIR_64][PROTO_UDP], 1);
	CHECK_INT(nat64_counters(b->n)->stateless_pkts[DIR_46][PROTO_UDP], 1);
	CHECK_INT(nat64_counters(b->n)->stateless_bytes[DIR_46][PROTO_UDP], 128);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_64][PROTO_UDP], 1);
	CHECK_INT(nat64_counters(b->n)->pkts[DIR_46][PROTO_UDP], 1);
	bench_free(b);
}

TEST(a_host_of_the_pool_reaches_a_mapped_one_and_hears_its_errors)
{
	struct bench *b = both_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = CLIENT, .dst = HOST_A_SEEN }, 40000, 53, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, POOL6, HOST_A);
	uint16_t port = b->v[0].sport;

	craft_error_about_sent(b, ROUTER, POOL6, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].dst6, CLIENT);
	struct view in = inner_of(b);

	check_addr6(in.src6, CLIENT);
	check_addr6(in.dst6, HOST_A_SEEN);
	CHECK_INT(in.sport, 40000);

	craft_udp(&b->in, &(struct craft_ip){ .src = HOST_A, .dst = POOL6 }, 53, port, 20);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, HOST_A_SEEN, CLIENT);
	CHECK_INT(b->v[0].dport, 40000);
	craft_error_about_sent(b, ROUTER, HOST_A_SEEN, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].dst6, HOST_A);
	in = inner_of(b);
	check_addr6(in.src6, HOST_A);
	check_addr6(in.dst6, POOL6);
	CHECK_INT(in.dport, port);
	bench_free(b);
}

TEST(a_source_in_the_prefix_stays_refused_where_the_pool_is)
{
	struct bench *b = both_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = "64:ff9b::808:808", .dst = SERVER6 }, 1, 2, 3);
	send_plain(b);
	CHECK_INT(drops(b, DROP_64_SOURCE_IN_PREFIX), 1);
	bench_free(b);
}
