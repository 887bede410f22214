/* test_limits.c - visits are limited, in all and of each client */
#include "harness.h"
#include "relay/limits.h"

static const struct hash_key key = { 1, 2 };

static struct endpoint client4(uint32_t v)
{
	return (struct endpoint){ .is4 = true, .a4 = { v } };
}

static struct endpoint client6(uint64_t hi, uint64_t lo)
{
	return (struct endpoint){ .a6 = { hi, lo } };
}

TEST(a_client_has_its_share_and_gets_it_back)
{
	struct limits *l;
	struct limits_client *c[3], *poison = (struct limits_client *)&key;
	struct endpoint one = client4(1), two = client4(2);

	REQUIRE(limits_new(64, &key, &l) == 0);
	limits_set(l, 10, 2);
	CHECK_INT(limits_take(l, &one, &c[0]), LIMITS_WITHIN);
	CHECK_INT(limits_take(l, &one, &c[1]), LIMITS_WITHIN);
	c[2] = poison;
	CHECK_INT(limits_take(l, &one, &c[2]), LIMITS_CLIENT);
	CHECK(c[2] == poison);
	CHECK_INT(limits_total(l), 2);
	CHECK_INT(limits_take(l, &two, &c[2]), LIMITS_WITHIN);
	limits_give(l, c[0]);
	CHECK_INT(limits_take(l, &one, &c[0]), LIMITS_WITHIN);
	CHECK_INT(limits_total(l), 3);
	for (unsigned i = 0; i < 3; i++)
		limits_give(l, c[i]);
	CHECK_INT(limits_total(l), 0);
	limits_free(l);
}

/* A host can choose the last 64 bits of its address, so they make no other client of it. */
TEST(an_ipv6_client_is_64_bits)
{
	struct limits *l;
	struct limits_client *c;
	struct endpoint a = client6(1, 1), b = client6(1, 2), other = client6(2, 1), four = client4(1);

	REQUIRE(limits_new(64, &key, &l) == 0);
	limits_set(l, 10, 1);
	CHECK_INT(limits_take(l, &a, &c), LIMITS_WITHIN);
	CHECK_INT(limits_take(l, &b, &c), LIMITS_CLIENT);
	CHECK_INT(limits_take(l, &other, &c), LIMITS_WITHIN);
	CHECK_INT(limits_take(l, &four, &c), LIMITS_WITHIN);
	limits_free(l);
}

TEST(the_sum_is_limited_and_less_is_allowed_later)
{
	struct limits *l;
	struct limits_client *c[3];

	REQUIRE(limits_new(64, &key, &l) == 0);
	limits_set(l, 2, 5);
	for (unsigned i = 0; i < 3; i++) {
		struct endpoint e = client4(i);

		CHECK_INT(limits_take(l, &e, &c[i]), i < 2 ? LIMITS_WITHIN : LIMITS_TOTAL);
	}
	limits_set(l, 1, 5); /* whoever is there stays */
	limits_give(l, c[0]);
	struct endpoint e = client4(9);

	CHECK_INT(limits_take(l, &e, &c[2]), LIMITS_TOTAL);
	limits_give(l, c[1]);
	CHECK_INT(limits_take(l, &e, &c[2]), LIMITS_WITHIN);
	limits_free(l);
}

TEST(whoever_finds_no_row_is_limited_by_the_sum_alone)
{
	struct limits *l;
	struct limits_client *c[100];
	unsigned without = 0;

	REQUIRE(limits_new(8, &key, &l) == 0);
	limits_set(l, 100, 1);
	for (unsigned i = 0; i < 100; i++) {
		struct endpoint e = client4(i);

		c[i] = NULL;
		CHECK_INT(limits_take(l, &e, &c[i]), LIMITS_WITHIN);
		without += !c[i];
	}
	CHECK_INT(without, 92);
	for (unsigned i = 0; i < 100; i++)
		limits_give(l, c[i]);
	CHECK_INT(limits_total(l), 0);
	limits_free(l);
}
