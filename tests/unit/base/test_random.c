/* test_random.c - the generator and the keyed hash */
#include "base/hash.h"
#include "base/random.h"
#include "harness.h"

#include <string.h>

TEST(below_stays_below_and_reaches_both_ends)
{
	static const uint32_t bounds[] = { 1, 2, 3, 7, 64, 65535, 0x80000001, UINT32_MAX };
	struct rng g;

	rng_init(&g, test_seed());
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		for (int n = 0; n < 10000; n++)
			REQUIRE(rng_below(&g, bounds[i]) < bounds[i]);

	unsigned seen = 0;
	for (int n = 0; n < 10000; n++)
		seen |= 1u << rng_below(&g, 7);
	CHECK_INT(seen, 0x7f);
}

TEST(the_same_seed_gives_the_same_numbers)
{
	struct rng a, b, c;
	int same_as_other_seed = 0;

	rng_init(&a, 42);
	rng_init(&b, 42);
	rng_init(&c, 43);
	for (int n = 0; n < 1000; n++) {
		uint64_t v = rng_next(&a);

		REQUIRE(v == rng_next(&b));
		same_as_other_seed += v == rng_next(&c);
	}
	CHECK_INT(same_as_other_seed, 0);
}

/* xoshiro256** by its authors' reference: from state 1, 2, 3, 4 the first outputs are these. */
TEST(numbers_are_those_of_xoshiro256_starstar)
{
	struct rng g = { { 1, 2, 3, 4 } };
	static const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240 };

	for (size_t i = 0; i < 4; i++)
		CHECK(rng_next(&g) == want[i]);
}

TEST(seed_zero_does_not_give_the_zero_state)
{
	struct rng g;

	rng_init(&g, 0);
	CHECK(g.s[0] | g.s[1] | g.s[2] | g.s[3]);
}

TEST(kernel_fills_every_byte)
{
	uint8_t any[64] = { 0 }, now[64];

	for (int n = 0; n < 16; n++) {
		REQUIRE(random_seed(now, sizeof(now)) == 0);
		for (size_t i = 0; i < sizeof(any); i++)
			any[i] |= now[i];
	}
	CHECK(!memchr(any, 0, sizeof(any))); /* fails by chance once in 2^122 runs */
}

/* Each input bit and each key bit must flip about half of the output. */
static void check_flips(uint64_t a, uint64_t b)
{
	int bits = __builtin_popcountll(a ^ b);

	CHECK(bits >= 12 && bits <= 52);
}

TEST(hash_depends_on_every_bit_of_words_and_key)
{
	struct hash_key key = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	uint64_t w[3] = { 1, 2, 3 };
	uint64_t plain = hash_words(&key, w, 3);

	for (int bit = 0; bit < 64; bit++) {
		for (int i = 0; i < 3; i++) {
			w[i] ^= UINT64_C(1) << bit;
			check_flips(plain, hash_words(&key, w, 3));
			w[i] ^= UINT64_C(1) << bit;
		}
		key.k0 ^= UINT64_C(1) << bit;
		check_flips(plain, hash_words(&key, w, 3));
		key.k0 ^= UINT64_C(1) << bit;
		key.k1 ^= UINT64_C(1) << bit;
		check_flips(plain, hash_words(&key, w, 3));
		key.k1 ^= UINT64_C(1) << bit;
	}
	CHECK(hash_words(&key, w, 3) == plain);
	CHECK(hash_words(&key, w, 2) != plain);
}

/* SipHash-1-3, written down once more from the paper (Aumasson and Bernstein, s2), byte-wise and unrolled. */
static uint64_t siphash13(const struct hash_key *key, const uint8_t *m, size_t len)
{
	uint64_t v0 = key->k0 ^ UINT64_C(0x736f6d6570736575), v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d);
	uint64_t v2 = key->k0 ^ UINT64_C(0x6c7967656e657261), v3 = key->k1 ^ UINT64_C(0x7465646279746573);
	size_t blocks = len / 8 + 1;

	for (size_t b = 0; b < blocks + 3; b++) {
		uint64_t word = 0;

		for (size_t i = 0; b < blocks && i < 8; i++)
			if (b * 8 + i < len)
				word |= (uint64_t)m[b * 8 + i] << (8 * i);
		if (b == blocks - 1)
			word |= (uint64_t)len << 56;
		if (b == blocks)
			v2 ^= 0xff;
		v3 ^= word;
		v0 += v1, v2 += v3;
		v1 = v1 << 13 | v1 >> 51, v3 = v3 << 16 | v3 >> 48;
		v1 ^= v0, v3 ^= v2;
		v0 = v0 << 32 | v0 >> 32;
		v2 += v1, v0 += v3;
		v1 = v1 << 17 | v1 >> 47, v3 = v3 << 21 | v3 >> 43;
		v1 ^= v2, v3 ^= v0;
		v2 = v2 << 32 | v2 >> 32;
		v0 ^= word;
	}
	return v0 ^ v1 ^ v2 ^ v3;
}

TEST(hash_is_siphash_1_3)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 1000; n++) {
		struct hash_key key = { rng_next(&g), rng_next(&g) };
		uint64_t w[5];
		uint8_t m[40];

		for (size_t i = 0; i < 40; i++) {
			if (i % 8 == 0)
				w[i / 8] = rng_next(&g);
			m[i] = (uint8_t)(w[i / 8] >> (8 * (i % 8)));
		}
		REQUIRE(hash_words(&key, w, 5) == siphash13(&key, m, 40));
		REQUIRE(hash_words(&key, w, 3) == siphash13(&key, m, 24));
	}
}

TEST(numbers_of_a_stock_are_all_of_16_bits_and_none_stays_in_it)
{
	struct random_stock s = { .left = 0 };
	uint16_t n, all = 0, none = UINT16_MAX;

	for (unsigned i = 0; i < 3 * RANDOM_STOCK_BYTES / 2; i++) {
		REQUIRE(random_take16(&s, &n) == 0);
		all |= n;
		none &= n;
		for (size_t k = 0; k < sizeof(s.bytes) - s.left; k++)
			CHECK(s.bytes[k] == 0);
	}
	CHECK_INT(all, UINT16_MAX);
	CHECK_INT(none, 0);
	CHECK_INT(s.left, 0);
}
