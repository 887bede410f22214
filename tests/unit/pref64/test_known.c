/* test_known.c - which prefix is used: order of origins, lifetimes, withdrawals, limits */
#include "harness.h"

#include "pref64/known.h"

#include <stdio.h>

static const struct addr6 router = { 0xfe80000000000000, 1 };

static struct prefix6 prefix_of(const char *text)
{
	struct prefix6 p = { { 0, 0 }, 0 };

	REQUIRE(prefix6_parse(text, &p) == 0);
	return p;
}

static void advertise(struct known *k, const char *prefix, uint32_t lifetime_s, nsec now)
{
	struct advert a = { .len = 1 };

	a.offers[0] = (struct advert_offer){ prefix_of(prefix), lifetime_s };
	known_take_advert(k, &a, router, now);
}

static void answer(struct known *k, const char *prefix, nsec until)
{
	struct prefix6 p = prefix_of(prefix);

	known_take_dns(k, &p, 1, until);
}

static const char *best(const struct known *k)
{
	static char text[PREFIX6_TEXT];
	const struct known_prefix *p = known_best(k);

	return p ? prefix6_text(p->prefix, text) : "none";
}

TEST(nothing_is_known_at_first)
{
	struct known k = { .len = { 0 } };

	CHECK_TEXT(best(&k), "none");
	CHECK(known_expire(&k, 1000 * NSEC) == UINT64_MAX);
}

TEST(rfc_8781_s5_1_an_advertisement_wins_over_dns_whoever_comes_first)
{
	struct known k = { .len = { 0 } };

	answer(&k, "2001:db8:d::/96", 100 * NSEC);
	CHECK_TEXT(best(&k), "2001:db8:d::/96");
	advertise(&k, "2001:db8:a::/96", 600, 0);
	CHECK_TEXT(best(&k), "2001:db8:a::/96");
	CHECK_INT(known_best(&k)->origin, PREF64_ADVERT);
	CHECK(addr6_eq(known_best(&k)->router, router));
	answer(&k, "2001:db8:e::/96", 100 * NSEC);
	CHECK_TEXT(best(&k), "2001:db8:a::/96");
	CHECK(known_has(&k, PREF64_DNS));
}

TEST(rfc_8781_s4_1_lifetime_0_takes_a_prefix_back)
{
	struct known k = { .len = { 0 } };

	answer(&k, "2001:db8:d::/96", 100 * NSEC);
	advertise(&k, "2001:db8:a::/96", 600, 0);
	advertise(&k, "2001:db8:b::/96", 600, 0);
	advertise(&k, "2001:db8:c::/96", 0, 0); /* never known: nothing to take back */
	CHECK_TEXT(best(&k), "2001:db8:a::/96");
	advertise(&k, "2001:db8:a::/96", 0, 0);
	CHECK_TEXT(best(&k), "2001:db8:b::/96");
	advertise(&k, "2001:db8:b::/96", 0, 0);
	CHECK_TEXT(best(&k), "2001:db8:d::/96");
	CHECK(!known_has(&k, PREF64_ADVERT));
}

TEST(a_prefix_of_another_length_is_another_prefix)
{
	struct known k = { .len = { 0 } };

	advertise(&k, "2001:db8:a::/96", 600, 0);
	advertise(&k, "2001:db8:a::/64", 0, 0);
	CHECK_TEXT(best(&k), "2001:db8:a::/96");
}

TEST(the_one_in_use_stays_in_use_while_it_is_announced)
{
	struct known k = { .len = { 0 } };

	advertise(&k, "2001:db8:a::/96", 10, 0);
	advertise(&k, "2001:db8:b::/96", 600, 0);
	for (nsec t = 5; t < 300; t += 5) {
		advertise(&k, "2001:db8:b::/96", 600, t * NSEC);
		advertise(&k, "2001:db8:a::/96", 10, t * NSEC);
		known_expire(&k, t * NSEC);
		CHECK_TEXT(best(&k), "2001:db8:a::/96");
	}
}

TEST(a_prefix_is_forgotten_when_its_time_is_over_and_not_before)
{
	struct known k = { .len = { 0 } };

	advertise(&k, "2001:db8:a::/96", 16, 100 * NSEC);
	answer(&k, "2001:db8:d::/96", 200 * NSEC);
	CHECK(known_expire(&k, 100 * NSEC) == 116 * NSEC);
	CHECK(known_expire(&k, 116 * NSEC - 1) == 116 * NSEC);
	CHECK_TEXT(best(&k), "2001:db8:a::/96");
	CHECK(known_expire(&k, 116 * NSEC) == 200 * NSEC);
	CHECK_TEXT(best(&k), "2001:db8:d::/96");
	CHECK(known_expire(&k, 200 * NSEC) == UINT64_MAX);
	CHECK_TEXT(best(&k), "none");
}

TEST(an_answer_replaces_the_one_before)
{
	struct known k = { .len = { 0 } };
	struct prefix6 two[] = { prefix_of("2001:db8:d::/96"), prefix_of("2001:db8:e::/96") };

	known_take_dns(&k, two, 2, 100 * NSEC);
	CHECK_TEXT(best(&k), "2001:db8:d::/96");
	known_take_dns(&k, two + 1, 1, 100 * NSEC);
	CHECK_TEXT(best(&k), "2001:db8:e::/96");
	known_take_dns(&k, two, 0, 0);
	CHECK_TEXT(best(&k), "none");
}

TEST(a_full_table_keeps_what_it_has)
{
	struct known k = { .len = { 0 } };
	char text[32];

	for (unsigned i = 0; i < KNOWN_MAX + 5; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::/96", i + 1);
		advertise(&k, text, 600, 0);
	}
	CHECK_INT(k.len[PREF64_ADVERT], KNOWN_MAX);
	CHECK_TEXT(best(&k), "2001:db8:1::/96");
	advertise(&k, "2001:db8:1::/96", 800, 0); /* what is there is still prolonged */
	CHECK(known_best(&k)->until == 800 * NSEC);
}

TEST(another_link_has_nothing_of_the_old_one)
{
	struct known k = { .len = { 0 } };

	advertise(&k, "2001:db8:a::/96", 600, 0);
	answer(&k, "2001:db8:d::/96", 100 * NSEC);
	known_forget(&k);
	CHECK_TEXT(best(&k), "none");
}
