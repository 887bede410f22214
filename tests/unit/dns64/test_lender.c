/* test_lender.c - DNS46 in the whole resolver: who is lent an address, for how long, and what a full pool does */
#include "lab.h"

#include "dns64/lender.h"

#define SOA "test 3600 SOA 30"

static const struct script zone[] = {
	{ .name = "one.six.test", .type = "A", .authority = SOA },
	{ .name = "one.six.test", .type = "AAAA", .answer = "one.six.test 300 AAAA 2001:db8::1" },
	{ .name = "same.six.test", .type = "A", .authority = SOA },
	{ .name = "same.six.test", .type = "AAAA", .answer = "same.six.test 300 AAAA 2001:db8::1" },
	{ .name = "two.six.test", .type = "A", .authority = SOA },
	{ .name = "two.six.test",
		.type = "AAAA",
		.answer = "two.six.test 300 AAAA 2001:db8::2; two.six.test 300 AAAA 2001:db8::3" },
	{ .name = "four.six.test", .type = "A", .authority = SOA },
	{ .name = "four.six.test", .type = "AAAA", .answer = "four.six.test 300 AAAA 2001:db8::4" },
	{ .name = "refused.six.test", .type = "A", .code = "REFUSED" },
	{ .name = "refused.six.test", .type = "AAAA", .answer = "refused.six.test 300 AAAA 2001:db8::1" },
	{ .name = "aonly.six.test", .type = "A", .answer = "aonly.six.test 60 A 203.0.114.1" },
	{ .name = "one.test", .type = "A", .authority = SOA },
	{ .name = "one.test", .type = "AAAA", .answer = "one.test 300 AAAA 2001:db8::9" },
};

/* Two addresses: 198.18.0.0 and 198.18.0.1. */
static const struct prefix4 pool = { { 0xc6120000 }, 31 };
static uint64_t memory[32];
static struct lent46 table;

static void lend_start(struct lab *lab)
{
	static const struct hash_key key = { 4, 6 };

	lab_defaults(lab, zone, ARRAY_LEN(zone));
	REQUIRE(dns_name_parse("six.test", &lab->config.policy.lend[0]));
	lab->config.policy.lend_len = 1;
	REQUIRE(sizeof(memory) >= lent46_bytes(pool));
	lent46_make(memory, pool, &key);
	REQUIRE(lent46_attach(&table, pool, memory));
	REQUIRE(lender_new(&table, 7440 * NSEC, &lab->lender) == 0);
	lab_start(lab);
}

static void lend_stop(struct lab *lab)
{
	struct lender *l = lab->lender;

	lab_stop(lab);
	lab_free(lab);
	lender_free(l);
}

static const char *ask(struct lab *lab, const char *name)
{
	return lab_ask(lab, &(struct lab_query){ .name = name, .type = "A", .edns = 1232 });
}

TEST(a_name_without_a_record_is_answered_with_a_lent_address_and_asks_for_aaaa_only_then)
{
	static struct lab lab;
	struct addr6 host;
	nsec now = clock_now();
	struct lent46_binding b;

	lend_start(&lab);
	CHECK(strstr(ask(&lab, "aonly.six.test"), " A 203.0.114.1") != NULL);
	CHECK_INT(lab.asked, 1);
	CHECK(strstr(ask(&lab, "one.six.test"), "one.six.test. 30 A 198.18.0.0") != NULL);
	CHECK_INT(lab.asked, 3);
	CHECK(strstr(ask(&lab, "same.six.test"), "same.six.test. 30 A 198.18.0.0") != NULL);
	CHECK(strstr(ask(&lab, "refused.six.test"), "refused.six.test. 60 A 198.18.0.0") != NULL);
	CHECK(strstr(ask(&lab, "one.test"), " A ") == NULL);
	REQUIRE(addr6_parse("2001:db8::1", &host));
	REQUIRE(lent46_at(&table, 0, &b));
	CHECK(addr6_eq(b.target, host));
	CHECK(b.expires >= now + 60 * NSEC &&
		b.expires <= clock_now() + 60 * NSEC); /* that of the longest record */
	CHECK(!lent46_at(&table, 1, &b));
	lend_stop(&lab);
}

TEST(an_answer_with_lent_addresses_is_kept_for_its_time)
{
	static struct lab lab;

	lend_start(&lab);
	CHECK(strstr(ask(&lab, "one.six.test"), " A 198.18.0.0") != NULL);
	unsigned asked = lab.asked;

	CHECK(strstr(ask(&lab, "one.six.test"), " A 198.18.0.0") != NULL);
	CHECK_INT(lab.asked, asked);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->cache_hits, 1);
	CHECK_INT(resolver_counters(lab.resolver)->dns46_answers, 2);
	lab_free(&lab);
	lender_free(lab.lender);
}

TEST(of_a_pool_that_is_too_small_some_hosts_get_an_address_and_others_are_servfail_which_is_not_kept)
{
	static struct lab lab;
	struct lent46_binding b;

	lend_start(&lab);
	CHECK(strstr(ask(&lab, "one.six.test"), " A 198.18.0.0") != NULL);
	const char *two = ask(&lab, "two.six.test");

	CHECK(strstr(two, " A 198.18.0.1") != NULL && strstr(two, " A 198.18.0.0") == NULL);
	CHECK(strstr(ask(&lab, "four.six.test"), "SERVFAIL") != NULL);
	CHECK(strstr(ask(&lab, "four.six.test"), "SERVFAIL") != NULL);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->dns46_refused, 2);
	CHECK_INT(resolver_counters(lab.resolver)->dns46_answers, 2);
	CHECK_INT(resolver_counters(lab.resolver)->cache_hits, 0);
	CHECK(lent46_at(&table, 1, &b));
	CHECK(b.target.lo == 2 || b.target.lo == 3); /* libunbound turns the order of a set's records */
	lab_free(&lab);
	lender_free(lab.lender);
}

TEST(looking_lends_nothing)
{
	static const struct hash_key key = { 4, 6 };
	struct synth_verdict v = { .kind = SYNTH_LENT, .ttl_max = 9, .loans_len = 1 };
	struct lent46_binding b;
	struct lender *l;

	v.loans[0].target = (struct addr6){ UINT64_C(0x20010db800000000), 1 };
	lent46_make(memory, pool, &key);
	REQUIRE(lent46_attach(&table, pool, memory));
	REQUIRE(lender_new(&table, NSEC, &l) == 0);
	CHECK_INT(lender_look(l, &v), 0);
	CHECK(!v.loans[0].is_lent && !lent46_at(&table, 0, &b));
	CHECK_INT(lender_lend(l, &v, 1000 * NSEC), 1);
	v.loans[0].is_lent = false;
	CHECK_INT(lender_look(l, &v), 1);
	CHECK(v.loans[0].is_lent && v.loans[0].address.v == pool.addr.v);
	CHECK(lent46_at(&table, 0, &b) && b.expires == 1009 * NSEC && b.used == 0);
	lender_free(l);
}
