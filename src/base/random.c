/* random.c - the generator behind random.h */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void rng_init(struct rng *g, uint64_t seed)
{
	/* splitmix64 spreads a small seed over the whole state, as the authors advise. */
	for (size_t i = 0; i < ARRAY_LEN(g->s); i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		g->s[i] = z ^ (z >> 31);
	}
}

uint64_t rng_next(struct rng *g)
{
	uint64_t *s = g->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint32_t rng_below(struct rng *g, uint32_t n)
{
	ASSERT(n > 0);
	return (uint32_t)(((rng_next(g) >> 32) * (uint64_t)n) >> 32);
}

int random_seed(void *p, size_t len)
{
	uint8_t *at = p;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int random_take16(struct random_stock *s, uint16_t *ret)
{
	if (s->left < 2) {
		int err = random_seed(s->bytes, sizeof(s->bytes));

		if (err < 0)
			return err;
		s->left = sizeof(s->bytes);
	}
	uint8_t *at = s->bytes + sizeof(s->bytes) - s->left;

	*ret = (uint16_t)(at[0] << 8 | at[1]);
	at[0] = at[1] = 0;
	s->left -= 2;
	return 0;
}
