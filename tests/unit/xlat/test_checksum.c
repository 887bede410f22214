/* test_checksum.c - RFC 1071, RFC 1624 */
#include "base/random.h"
#include "harness.h"
#include "xlat/checksum.h"

/* A carry at a time, a byte at a time. */
static uint16_t slow(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)sum;
}

static void fill_random(struct rng *g, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rng_next(g);
}

/* Zero has two names in ones complement. */
static bool same(uint16_t a, uint16_t b)
{
	return a == b || (a % 0xffff == 0 && b % 0xffff == 0);
}

TEST(sum_of_the_example_in_rfc1071_s3)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	CHECK_INT(csum_fold(csum_bytes(bytes, sizeof(bytes))), 0xddf2);
}

TEST(sum_is_right_for_every_length_and_alignment)
{
	uint8_t bytes[256 + 8];
	struct rng g;

	rng_init(&g, test_seed());
	for (size_t shift = 0; shift < 8; shift++) {
		fill_random(&g, bytes, sizeof(bytes));
		for (size_t len = 0; len <= 256; len++)
			REQUIRE(same(csum_fold(csum_bytes(bytes + shift, len)), slow(bytes + shift, len)));
	}
}

TEST(sum_of_zeros_is_zero_and_of_ones_is_not)
{
	static uint8_t zeros[65536], ones[65536];

	for (size_t i = 0; i < sizeof(ones); i++)
		ones[i] = 0xff;
	CHECK_INT(csum_bytes(zeros, sizeof(zeros)), 0);
	CHECK_INT(csum_bytes(zeros, 0), 0);
	CHECK_INT(csum_fold(csum_bytes(ones, sizeof(ones))), 0xffff); /* every carry there is */
	CHECK_INT(csum_fold(csum_bytes(ones, 65535)), slow(ones, 65535));
}

TEST(an_odd_last_byte_is_the_high_one)
{
	CHECK_INT(csum_fold(csum_bytes((const uint8_t *)"\x12\x34\x56", 3)), 0x1234 + 0x5600);
	CHECK_INT(csum_fold(csum_bytes((const uint8_t *)"\x80", 1)), 0x8000);
}

TEST(fold_is_the_remainder_for_any_sum)
{
	static const uint64_t sums[] = { 0, 1, 0xffff, 0x10000, 0x1ffff, 0xffffffff, UINT64_C(0x100000000),
		UINT64_C(0xffffffff00000000), UINT64_MAX, UINT64_MAX - 1 };
	struct rng g;

	for (size_t i = 0; i < ARRAY_LEN(sums); i++)
		CHECK(same(csum_fold(sums[i]), (uint16_t)(sums[i] % 0xffff)));
	CHECK_INT(csum_fold(UINT64_MAX), 0xffff); /* not zero: something was summed */
	rng_init(&g, test_seed());
	for (int n = 0; n < 100000; n++) {
		uint64_t s = rng_next(&g) >> rng_below(&g, 64);

		REQUIRE(same(csum_fold(s), (uint16_t)(s % 0xffff)));
	}
}

TEST(pseudo_headers_are_summed_as_laid_out)
{
	uint8_t p6[40], p4[12];
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 10000; n++) {
		uint32_t len = (uint32_t)rng_next(&g) >> rng_below(&g, 32);
		uint8_t proto = (uint8_t)rng_next(&g);

		fill_random(&g, p6, sizeof(p6));
		be32_put(p6 + 32, len);
		be32_put(p6 + 36, proto);
		REQUIRE(same(
			csum_fold(csum_pseudo6(addr6_at(p6), addr6_at(p6 + 16), proto, len)), slow(p6, 40)));

		fill_random(&g, p4, sizeof(p4));
		p4[8] = 0;
		p4[9] = proto;
		be16_put(p4 + 10, (uint16_t)len);
		REQUIRE(same(csum_fold(csum_pseudo4(addr4_at(p4), addr4_at(p4 + 4), proto, len & 0xffff)),
			slow(p4, 12)));
	}
}

/* Change some words of random bytes and compare with a checksum from scratch. */
TEST(update_equals_a_checksum_from_scratch)
{
	uint8_t bytes[64];
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 50000; n++) {
		csum change = 0;

		fill_random(&g, bytes, sizeof(bytes));
		uint16_t field = (uint16_t)~slow(bytes, sizeof(bytes));
		uint16_t partial = slow(bytes, sizeof(bytes));

		for (uint32_t i = rng_below(&g, 10); i > 0; i--) {
			uint8_t *word = bytes + 2 * rng_below(&g, 32);
			uint16_t new_word = rng_below(&g, 4) ? (uint16_t)rng_next(&g) : 0xffff;

			change = csum_add16(csum_sub16(change, be16_at(word)), new_word);
			be16_put(word, new_word);
		}
		REQUIRE(same(csum_update(field, change), (uint16_t)~slow(bytes, sizeof(bytes))));
		REQUIRE(same(csum_update_partial(partial, change), slow(bytes, sizeof(bytes))));
	}
}

/* RFC 1624 s4: the checksum 0xdd2f, a word 0x5555 that becomes 0x3285; eqn. 3 gives 0x0000 and not 0xffff. */
TEST(update_gives_the_example_of_rfc1624_s4)
{
	CHECK_INT(csum_update(0xdd2f, csum_add16(csum_sub16(0, 0x5555), 0x3285)), 0x0000);
}

TEST(addresses_sum_as_their_words)
{
	CHECK_INT(csum_addr4((struct addr4){ 0xc0000221 }), 0xc000 + 0x0221);
	CHECK_INT(csum_addr6((struct addr6){ UINT64_C(0x0064ff9b00000000), 0xc0000221 }),
		0x64 + 0xff9b + 0xc000 + 0x0221);
}
