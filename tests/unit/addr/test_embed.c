/* test_embed.c - RFC 6052 */
#include "addr/embed.h"
#include "base/random.h"
#include "harness.h"

#include <errno.h>

static struct prefix6 prefix_of(const char *text)
{
	struct prefix6 p = { { 0, 0 }, 0 };

	REQUIRE(prefix6_parse(text, &p) == 0);
	return p;
}

static struct addr6 addr6_of(const char *text)
{
	struct addr6 a = { 0, 0 };

	REQUIRE(addr6_parse(text, &a));
	return a;
}

static struct addr4 addr4_of(const char *text)
{
	struct addr4 a = { 0 };

	REQUIRE(addr4_parse(text, &a));
	return a;
}

TEST(embedding_matches_the_tables_of_rfc6052_s2_4)
{
	static const struct {
		const char *prefix, *addr;
	} rows[] = {
		{ "2001:db8::/32", "2001:db8:c000:221::" },
		{ "2001:db8:100::/40", "2001:db8:1c0:2:21::" },
		{ "2001:db8:122::/48", "2001:db8:122:c000:2:2100::" },
		{ "2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::" },
		{ "2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::" },
		{ "2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33" },
		{ "64:ff9b::/96", "64:ff9b::192.0.2.33" },
	};
	struct addr4 a4 = addr4_of("192.0.2.33");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix6 p = prefix_of(rows[i].prefix);
		struct addr4 back = { 0 };

		test_row(rows[i].prefix);
		CHECK(embed_prefix_fault(p) == NULL);
		CHECK(addr6_eq(embed_addr(p, a4), addr6_of(rows[i].addr)));
		CHECK_INT(embed_extract(p, addr6_of(rows[i].addr), &back), 0);
		CHECK_INT(back.v, a4.v);
	}
	test_row(NULL);
}

static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };

static struct prefix6 random_prefix(struct rng *g, uint8_t len)
{
	struct addr6 a = { rng_next(g), rng_next(g) & (UINT64_MAX >> 8) }; /* bits 64 to 71 zero */

	return (struct prefix6){ addr6_truncate(a, len), len };
}

TEST(every_address_comes_back_from_every_prefix_length)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 20000; n++) {
		struct prefix6 p = random_prefix(&g, lengths[rng_below(&g, ARRAY_LEN(lengths))]);
		struct addr4 a4 = { (uint32_t)rng_next(&g) }, back = { 0 };

		REQUIRE(embed_prefix_fault(p) == NULL);
		struct addr6 a6 = embed_addr(p, a4);

		REQUIRE(prefix6_contains(p, a6));
		REQUIRE(a6.lo >> 56 == 0);
		REQUIRE(embed_extract(p, a6, &back) == 0);
		REQUIRE(back.v == a4.v);
	}
}

/* RFC 6052 s2.2: the receiver SHOULD ignore the suffix. It starts behind the last octet of the IPv4 address.
 */
TEST(suffix_bits_are_ignored_on_extraction)
{
	static const unsigned suffix_at[] = { 72, 80, 88, 96, 104 }; /* bit where it starts, by lengths[] */
	struct rng g;

	rng_init(&g, test_seed());
	for (size_t i = 0; i < ARRAY_LEN(suffix_at); i++) {
		struct prefix6 p = random_prefix(&g, lengths[i]);
		struct addr4 a4 = { (uint32_t)rng_next(&g) }, back = { 0 };
		struct addr6 a6 = embed_addr(p, a4);

		CHECK((a6.lo & (UINT64_MAX >> (suffix_at[i] - 64))) == 0);
		a6.lo |= UINT64_MAX >> (suffix_at[i] - 64);
		CHECK_INT(embed_extract(p, a6, &back), 0);
		CHECK_INT(back.v, a4.v);
	}
}

TEST(an_address_outside_the_prefix_is_not_found)
{
	struct addr4 back = { 0xdeadbeef };

	CHECK_INT(embed_extract(WELL_KNOWN_PREFIX, addr6_of("64:ff9b:1::192.0.2.1"), &back), -ENOENT);
	CHECK_INT(embed_extract(WELL_KNOWN_PREFIX, addr6_of("64:ff9b::1:c000:201"), &back), -ENOENT);
	CHECK_INT(embed_extract(prefix_of("2001:db8::/32"), addr6_of("2001:db9:c000:221::"), &back), -ENOENT);
	CHECK(back.v == 0xdeadbeef);
}

TEST(bits_64_to_71_must_be_zero_in_an_address)
{
	for (size_t i = 0; i < ARRAY_LEN(lengths) - 1; i++) {
		struct prefix6 p = { addr6_truncate(addr6_of("2001:db8:122:344::"), lengths[i]), lengths[i] };
		struct addr4 back = { 0xdeadbeef };

		for (unsigned bit = 56; bit < 64; bit++) {
			struct addr6 a6 = embed_addr(p, addr4_of("192.0.2.33"));

			a6.lo |= UINT64_C(1) << bit;
			CHECK_INT(embed_extract(p, a6, &back), -EDOM);
		}
		CHECK(back.v == 0xdeadbeef);
	}
}

TEST(only_six_lengths_can_be_a_translation_prefix)
{
	for (unsigned len = 0; len <= 128; len++) {
		struct prefix6 p = { addr6_truncate(addr6_of("2001:db8::"), len), (uint8_t)len };
		bool is_one_of_six =
			len == 32 || len == 40 || len == 48 || len == 56 || len == 64 || len == 96;

		CHECK_INT(embed_prefix_fault(p) == NULL, is_one_of_six);
		if (!is_one_of_six)
			CHECK_TEXT(embed_prefix_fault(p), "length must be 32, 40, 48, 56, 64 or 96");
	}
}

TEST(a_prefix_of_96_must_have_bits_64_to_71_zero)
{
	CHECK_TEXT(embed_prefix_fault(prefix_of("2001:db8:0:0:100::/96")), "bits 64 to 71 must be zero");
	CHECK(embed_prefix_fault(prefix_of("2001:db8:0:0:ff:ffff::/96")) == NULL);
}

TEST(a_prefix_with_bits_behind_its_length_is_at_fault)
{
	struct prefix6 p = { addr6_of("2001:db8:1::"), 32 };

	CHECK_TEXT(embed_prefix_fault(p), "bits after the prefix length must be zero");
}

TEST(the_named_prefixes_are_the_registered_ones)
{
	char buf[PREFIX6_TEXT];

	CHECK_TEXT(prefix6_text(WELL_KNOWN_PREFIX, buf), "64:ff9b::/96");
	CHECK_TEXT(prefix6_text(LOCAL_USE_PREFIX, buf), "64:ff9b:1::/48");
	CHECK(embed_prefix_fault(WELL_KNOWN_PREFIX) == NULL);
	CHECK(embed_prefix_fault(LOCAL_USE_PREFIX) == NULL);
}
