/* test_families.c - which family of which destination has failed lately */
#include "relay/families.h"

#include "base/random.h"
#include "harness.h"

#include <stdio.h>

#define LATELY (600 * NSEC)

static const struct hash_key key = { 1, 2 };

static struct relay_target target_of(const char *host, uint16_t port)
{
	struct relay_target t = { .at = { .port = port } };

	snprintf(t.host, sizeof(t.host), "%s", host);
	return t;
}

TEST(a_failure_counts_for_ten_minutes_or_until_it_works)
{
	struct relay_target t = target_of("www.example", 443);
	struct families *f;
	nsec now = 5 * NSEC;

	REQUIRE(families_new(64, &key, &f) == 0);
	CHECK(!families_is_failing(f, &t, false, now));
	families_note(f, &t, false, false, now);
	CHECK(families_is_failing(f, &t, false, now));
	CHECK(!families_is_failing(f, &t, true, now));
	CHECK(families_is_failing(f, &t, false, now + LATELY - 1));
	CHECK(!families_is_failing(f, &t, false, now + LATELY));
	families_note(f, &t, true, false, now);
	CHECK(families_is_failing(f, &t, true, now) && families_is_failing(f, &t, false, now));
	families_note(f, &t, false, true, now);
	CHECK(families_is_failing(f, &t, true, now) && !families_is_failing(f, &t, false, now));
	families_free(f);
}

TEST(destinations_are_told_apart)
{
	struct relay_target all[] = {
		target_of("www.example", 443),
		target_of("www.example", 80),
		target_of("ww.example", 443),
		target_of("a123456789b123456789c123456789", 443),
		target_of("a123456789b123456789c12345678", 443),
		{ .at = { .is4 = true, .a4 = { 1 }, .port = 443 } },
		{ .at = { .is4 = true, .a4 = { 2 }, .port = 443 } },
		{ .at = { .a6 = { 0, 1 }, .port = 443 } },
		{ .at = { .a6 = { 1, 0 }, .port = 443 } },
		{ .at = { .a6 = { 1, 0 }, .port = 444 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct families *f;

		REQUIRE(families_new(64, &key, &f) == 0);
		families_note(f, &all[i], true, false, NSEC);
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			CHECK_INT(families_is_failing(f, &all[k], true, NSEC), k == i);
		families_free(f);
	}
}

TEST(a_full_table_forgets_what_is_oldest)
{
	struct families *f;
	unsigned kept = 0;

	REQUIRE(families_new(64, &key, &f) == 0);
	for (unsigned i = 1; i <= 10000; i++) {
		struct relay_target t = { .at = { .is4 = true, .a4 = { i } } };

		families_note(f, &t, true, false, i);
		CHECK(families_is_failing(f, &t, true, i));
	}
	for (unsigned i = 1; i <= 10000; i++) {
		struct relay_target t = { .at = { .is4 = true, .a4 = { i } } };

		kept += families_is_failing(f, &t, true, 10000);
		CHECK(i > 5000 || !families_is_failing(f, &t, true, 10000));
	}
	CHECK_INT(kept, 64);
	families_free(f);
}
