/* test_held_syn.c - RFC 6146 s3.5.2.2, RFC 5382 REQ-4: a SYN from the IPv4 side without a way in */
#include "bench.h"

#include "nat64/held_syn.h"

#define WAIT (6 * NSEC)
#define PORT_UNREACHABLE 3

static void tick(struct bench *b, nsec passed)
{
	struct nat64_out out = { .send = capture, .ctx = b };

	b->sent = 0;
	b->now += passed;
	(void)nat64_tick(b->n, b->now, &out);
}

static enum verdict syn_from(struct bench *b, uint16_t sport, uint16_t dport)
{
	craft_tcp(&b->in, &to_pool, sport, dport, TCP_SYN, 0);
	return send_plain(b);
}

static void check_told(struct bench *b, const struct craft *syn)
{
	struct craft copy = *syn;

	REQUIRE(b->sent == 1);
	CHECK_INT(b->v[0].icmp_type, ICMP4_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, PORT_UNREACHABLE);
	check_addr4(b->v[0].dst4, SERVER);
	check_addr4(b->v[0].src4, POOL);
	CHECK(all_checksums_ok(b));
	CHECK_BYTES(sent(b, 0) + 28, b->out[0].len - 28, craft_data(&copy), copy.len);
}

TEST(rfc5382_req4_an_unsolicited_syn_is_answered_after_six_seconds_and_not_before)
{
	struct bench *b = bench_new();

	CHECK_INT(syn_from(b, 40000, 5000), VERDICT_HOLD);
	struct craft syn = b->in;

	CHECK_INT(b->sent, 0);
	CHECK_INT(drops(b, DROP_46_NO_BINDING), 1);
	tick(b, WAIT - 1);
	CHECK_INT(b->sent, 0);
	tick(b, 1);
	check_told(b, &syn);
	tick(b, WAIT);
	CHECK_INT(b->sent, 0);
	CHECK_INT(nat64_counters(b->n)->syns_held, 1);
	bench_free(b);
}

TEST(a_repeated_syn_is_answered_once)
{
	struct bench *b = bench_new();

	CHECK_INT(syn_from(b, 40000, 5000), VERDICT_HOLD);
	b->now += NSEC;
	CHECK_INT(syn_from(b, 40000, 5000), VERDICT_DROP);
	CHECK_INT(syn_from(b, 40001, 5000), VERDICT_HOLD);
	tick(b, WAIT);
	CHECK_INT(b->sent, 2);
	bench_free(b);
}

static struct bench *bench_filtering(uint16_t *ret_port)
{
	struct bench *b = bench_config();
	const struct craft_ip elsewhere = { .src = CLIENT, .dst = "64:ff9b::c633:640b" };

	b->cfg.state.filtering = FILTER_ADDRESS_DEPENDENT;
	bench_start(b);
	craft_tcp(&b->in, &elsewhere, 3000, 80, TCP_SYN, 0);
	REQUIRE(send_plain(b) == VERDICT_SEND);
	*ret_port = b->v[0].sport;
	return b;
}

TEST(rfc6146_s3_5_2_2_the_own_hosts_syn_answers_the_one_that_waits)
{
	uint16_t port;
	struct bench *b = bench_filtering(&port);

	CHECK_INT(syn_from(b, 80, port), VERDICT_HOLD);
	b->now += 2 * NSEC;
	craft_tcp(&b->in, &to_server, 3000, 80, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_SEND);
	CHECK_INT(syn_from(b, 80, port), VERDICT_SEND);
	tick(b, WAIT);
	CHECK_INT(b->sent, 0);
	bench_free(b);
}

TEST(rfc6146_s3_5_2_2_a_filtered_syn_that_nothing_answers_is_told)
{
	uint16_t port;
	struct bench *b = bench_filtering(&port);

	CHECK_INT(syn_from(b, 80, port), VERDICT_HOLD);
	struct craft syn = b->in;

	CHECK_INT(drops(b, DROP_TCP_SYN46_FILTERED), 1);
	tick(b, WAIT);
	check_told(b, &syn);
	bench_free(b);
}

TEST(what_is_no_first_syn_is_answered_at_once)
{
	static const uint8_t flags[] = { TCP_SYN | TCP_ACK, TCP_ACK, TCP_FIN, TCP_SYN | TCP_RST };
	struct bench *b = bench_new();

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		craft_tcp(&b->in, &to_pool, 40000, 5000, flags[i], 0);
		CHECK_INT(send_plain(b), VERDICT_ICMP);
	}
	tick(b, WAIT);
	CHECK_INT(b->sent, 0);
	bench_free(b);
}

static void count_only(void *ctx, const struct pkt *p)
{
	struct bench *b = ctx;

	b->sent++;
}

TEST(a_flood_of_syns_is_bounded_and_silent)
{
	struct bench *b = bench_new();
	struct nat64_out out = { .send = count_only, .ctx = b };

	for (unsigned i = 0; i < HELD_SYNS_MAX; i++)
		CHECK_INT(syn_from(b, (uint16_t)(10000 + i), 5000), VERDICT_HOLD);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_INT(syn_from(b, (uint16_t)(20000 + i), 5000), VERDICT_DROP);
	CHECK_INT(nat64_counters(b->n)->syns_held, HELD_SYNS_MAX);
	CHECK_INT(nat64_counters(b->n)->syns_not_held, 1000);
	CHECK_INT(b->sent, 0);
	b->now += WAIT;
	(void)nat64_tick(b->n, b->now, &out);
	CHECK_INT(b->sent, 200); /* the budget of ICMP errors */
	CHECK_INT(drops(b, DROP_ICMP_RATE_LIMIT), HELD_SYNS_MAX - 200);
	CHECK_INT(syn_from(b, 9, 5000), VERDICT_HOLD);
	bench_free(b);
}

TEST(a_syn_longer_than_an_error_can_quote_is_not_kept)
{
	struct bench *b = bench_new();

	craft_tcp(&b->in, &to_pool, 40000, 5000, TCP_SYN, HELD_SYN_BYTES - 40);
	CHECK_INT(send_plain(b), VERDICT_HOLD);
	craft_tcp(&b->in, &to_pool, 40001, 5000, TCP_SYN, HELD_SYN_BYTES - 39);
	CHECK_INT(send_plain(b), VERDICT_DROP);
	tick(b, WAIT);
	REQUIRE(b->sent == 1);
	CHECK_INT(b->out[0].len, 576);
	CHECK(all_checksums_ok(b));
	bench_free(b);
}

TEST(the_error_about_a_syn_turned_around_reaches_the_ipv6_host)
{
	struct bench *b = bench_new();
	const struct craft_ip around = { .src = CLIENT, .dst = POOL6 };

	craft_tcp(&b->in, &around, 3000, 5000, TCP_SYN, 0);
	CHECK_INT(send_plain(b), VERDICT_HOLD);
	tick(b, WAIT);
	REQUIRE(b->sent == 1);
	check_addr6(b->v[0].dst6, CLIENT);
	CHECK_INT(b->v[0].icmp_type, ICMP6_UNREACHABLE);
	CHECK_INT(b->v[0].icmp_code, 4);
	CHECK(all_checksums_ok(b));
	bench_free(b);
}

TEST(a_syn_to_a_shared_address_is_the_hosts)
{
	struct bench *b = bench_config();

	b->cfg.state.pool[0].is_shared = true;
	bench_start(b);
	CHECK_INT(syn_from(b, 40000, 5000), VERDICT_PASS);
	tick(b, WAIT);
	CHECK_INT(b->sent, 0);
	bench_free(b);
}
