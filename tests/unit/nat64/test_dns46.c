/* test_dns46.c - IPv4 clients reach IPv6 hosts by addresses that are lent for a while */
#include "stateless_bench.h"

#define TARGET "2001:db8:6::80"
#define TARGET4 "198.18.0.0"
#define UNLENT4 "198.18.0.3"

static struct lent46 table;
static struct lent46_writer writer;
static uint64_t memory[64];

static const struct prefix4 pool = { { 0xc6120000 }, 30 };

static void lend(struct addr6 a)
{
	struct addr4 got;

	REQUIRE(lent46_lend(&writer, a, 1000 * NSEC, 1060 * NSEC, &got) == 0);
}

/* Pool 198.18.0.0/30, of which the first address is lent to TARGET. */
static struct bench *dns46_config(void)
{
	static const struct hash_key key = { 4, 6 };
	struct bench *b = siit_config();
	struct addr6 target;

	REQUIRE(sizeof(memory) >= lent46_bytes(pool) && addr6_parse(TARGET, &target));
	memset(memory, 0, sizeof(memory));
	lent46_make(memory, pool, &key);
	REQUIRE(lent46_attach(&table, pool, memory));
	lent46_take(&writer, &table, NSEC);
	lend(target);
	b->cfg.siit.lent = &table;
	return b;
}

static struct bench *dns46_new(void)
{
	struct bench *b = dns46_config();

	bench_start(b);
	return b;
}

static const struct craft_ip to_target = { .src = PEER, .dst = TARGET4 };
static const struct craft_ip from_target = { .src = TARGET, .dst = PEER_SEEN };

TEST(a_connection_goes_both_ways_and_the_server_sees_the_client_under_the_prefix)
{
	struct bench *b = dns46_new();
	struct lent46_binding now;

	craft_tcp(&b->in, &to_target, 40000, 443, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, PEER_SEEN, TARGET);
	CHECK_INT(b->v[0].sport, 40000);
	CHECK_INT(b->v[0].dport, 443);
	CHECK_INT(b->v[0].hop_limit, 63);
	craft_tcp(&b->in, &from_target, 443, 40000, TCP_ACK, 100);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, TARGET4, PEER);
	CHECK_INT(b->v[0].hop_limit, 63);
	CHECK(lent46_at(&table, 0, &now) && now.used == b->now);
	bench_free(b);
}

TEST(echo_and_udp_and_their_fragments_go_both_ways)
{
	static struct pieces cut;
	static struct craft whole;
	struct bench *b = dns46_new();

	craft_udp(&b->in, &to_target, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, PEER_SEEN, TARGET);
	for (unsigned way = 0; way < 2; way++) {
		craft_udp(&whole, way ? &from_target : &to_target, 1000, 53, 3000);
		pieces_cut(&cut, &whole, 7, 1000);
		for (unsigned i = 0; i < cut.len; i++) {
			b->in.len = cut.p[i].len;
			memcpy(craft_data(&b->in), craft_data(&cut.p[i]), b->in.len);
			CHECK_INT(send_plain(b), VERDICT_SEND);
			if (way)
				expect4(b, TARGET4, PEER);
			else
				expect6(b, PEER_SEEN, TARGET);
		}
	}
	bench_free(b);
}

TEST(an_address_that_is_lent_to_nobody_is_unreachable)
{
	struct bench *b = dns46_new();

	craft_tcp(&b->in, &(struct craft_ip){ .src = PEER, .dst = UNLENT4 }, 40000, 443, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	expect4(b, ICMP_SOURCE, PEER);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 1);
	CHECK_INT(drops(b, DROP_46_NOT_LENT), 1);
	/* Beside the pool nothing changes. */
	craft_tcp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "198.18.0.4" }, 40000, 443, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_46_NO_MAPPING), 1);
	bench_free(b);
}

TEST(a_host_that_was_lent_no_address_may_not_pass)
{
	struct bench *b = dns46_new();

	craft_tcp(&b->in, &(struct craft_ip){ .src = "2001:db8:6::81", .dst = PEER_SEEN }, 443, 40000,
		TCP_ACK, 0);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_NO_MAPPING), 1);
	bench_free(b);
}

TEST(an_address_that_was_lent_anew_leads_to_its_new_host_and_the_old_one_has_none)
{
	struct bench *b = dns46_new();
	struct addr6 other;
	struct addr4 got;

	REQUIRE(addr6_parse("2001:db8:6::99", &other));
	for (uint64_t i = 1; i <= 4; i++) /* the whole pool, once around */
		REQUIRE(lent46_lend(&writer, (struct addr6){ other.hi, other.lo + 4 - i }, 2000 * NSEC,
				2060 * NSEC, &got) == 0);
	craft_udp(&b->in, &to_target, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, PEER_SEEN, "2001:db8:6::99");
	craft_udp(&b->in, &from_target, 53, 1000, 30);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_64_NO_MAPPING), 1);
	bench_free(b);
}

/* --- ICMP errors --- */

TEST(an_error_of_a_router_on_the_ipv6_side_comes_back_as_that_of_an_address_of_ours)
{
	struct bench *b = dns46_new();

	craft_udp(&b->in, &to_target, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, ROUTER, PEER_SEEN, ICMP6_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, ICMP_SOURCE, PEER);
	struct view in = inner_of(b);

	check_addr4(in.src4, PEER);
	check_addr4(in.dst4, TARGET4);
	CHECK_INT(in.sport, 1000);
	CHECK_INT(in.dport, 53);
	bench_free(b);
}

TEST(an_error_of_the_target_itself_comes_back_from_the_address_that_it_was_lent)
{
	struct bench *b = dns46_new();

	craft_udp(&b->in, &to_target, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, TARGET, PEER_SEEN, ICMP6_UNREACHABLE, 4);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, TARGET4, PEER);
	CHECK_INT(b->v[0].icmp_code, 3);
	CHECK_INT(nat64_counters(b->n)->sources_replaced, 0);
	bench_free(b);
}

TEST(an_error_of_the_ipv4_side_reaches_the_target_with_the_packet_that_it_sent)
{
	struct bench *b = dns46_new();

	craft_udp(&b->in, &from_target, 53, 1000, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	craft_error_about_sent(b, "203.0.113.9", TARGET4, ICMP4_TIME_EXCEEDED, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect6(b, "64:ff9b::cb00:7109", TARGET);
	struct view in = inner_of(b);

	check_addr6(in.src6, TARGET);
	check_addr6(in.dst6, PEER_SEEN);
	bench_free(b);
}

TEST(the_last_hop_is_told)
{
	struct bench *b = dns46_new();

	craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = TARGET4, .hop_limit = 1 }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	expect4(b, ICMP_SOURCE, PEER);
	CHECK_INT(b->v[0].icmp_type, ICMP4_TIME_EXCEEDED);
	bench_free(b);
}

/* --- a table that is not to be trusted --- */

TEST(no_target_is_believed_that_is_no_single_host_elsewhere)
{
	static const char *const targets[] = { "ff02::1", "::1", "fe80::1", "::ffff:192.0.2.1",
		"64:ff9b::c000:201" };

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct bench *b = dns46_new();
		struct addr6 a;

		test_row(targets[i]);
		REQUIRE(addr6_parse(targets[i], &a));
		lend(a); /* the pool's second address */
		craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = "198.18.0.1" }, 1, 2, 3);
		CHECK_INT(send_plain(b), VERDICT_ICMP);
		CHECK_INT(drops(b, DROP_46_NOT_LENT), 1);
		bench_free(b);
	}
	test_row(NULL);
}

TEST(while_the_writer_is_at_it_nobody_is_told_anything)
{
	struct bench *b = dns46_new();
	uint32_t *words = (uint32_t *)(void *)memory; /* as in test_lent46.c */

	words[6] |= 1;
	words[(64 + 32) / 4] |= 1;
	craft_udp(&b->in, &to_target, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	craft_udp(&b->in, &from_target, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	CHECK_INT(drops(b, DROP_LENT_BUSY), 2);
	CHECK_INT(b->sent, 0);
	bench_free(b);
}

TEST(lending_without_a_prefix_is_no_configuration)
{
	struct bench *b = dns46_config();

	b->cfg.siit.prefixes_len = 0;
	CHECK(!siit_config_validate(&b->cfg.siit));
	b->cfg.siit.prefixes_len = 1;
	CHECK(siit_config_validate(&b->cfg.siit));
	free(b);
}

/* --- beside stateful translation --- */

TEST(a_target_that_is_a_client_of_nat64_too_is_both)
{
	struct bench *b = dns46_config();
	struct prefix6 other;

	REQUIRE(prefix6_parse("2001:db8:64::/96", &other) == 0);
	b->cfg.prefixes[0] = other;
	b->cfg.prefixes_len = 1;
	state_config_default(&b->cfg.state);
	b->cfg.state.pool[0] =
		(struct pool_entry){ .prefix = { addr4_of("203.0.113.1"), 32 }, .lo = 1024, .hi = 65535 };
	b->cfg.state.pool_len = 1;
	b->cfg.state.max_sessions = 64;
	bench_start(b);
	craft_udp(&b->in, &(struct craft_ip){ .src = TARGET, .dst = "2001:db8:64::c633:644d" }, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, "203.0.113.1", PEER);
	craft_udp(&b->in, &from_target, 1000, 53, 30);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	expect4(b, TARGET4, PEER);
	craft_udp(&b->in, &(struct craft_ip){ .src = PEER, .dst = UNLENT4 }, 1, 2, 3);
	CHECK_INT(send_plain(b), VERDICT_ICMP);
	CHECK_INT(drops(b, DROP_46_NOT_LENT), 1);
	bench_free(b);
}
