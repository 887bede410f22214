/*
 * random.h - randomness as an interface: a seeded generator that pure code is given
 *
 * The generator (xoshiro256**, public domain algorithm by Blackman and Vigna) picks ports and identifiers; it is seeded
 * from the kernel at start, and from a printed number in tests. Secrets (hash keys) come from random_seed() itself.
 */
#ifndef ISTHMUS_BASE_RANDOM_H
#define ISTHMUS_BASE_RANDOM_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4]; /* never all zero */
};

/** rng_init() - seed a generator; the same seed gives the same numbers */
void rng_init(struct rng *g, uint64_t seed);

/** rng_next() - 64 random bits */
uint64_t rng_next(struct rng *g);

/** rng_below() - a random number in [0, n); n > 0 */
uint32_t rng_below(struct rng *g, uint32_t n);

/**
 * random_seed() - fill @p with bytes from the kernel
 *
 * Return: 0; -EIO if the kernel gives none.
 */
MUST_CHECK int random_seed(void *p, size_t len);

#define RANDOM_STOCK_BYTES 1024

/* Bytes from the kernel, fetched many at a time; zeroed at first. For numbers that nobody may guess, and many of them. */
struct random_stock {
	uint8_t bytes[RANDOM_STOCK_BYTES];
	size_t left; /* at the end; those before are given away and wiped */
};

/**
 * random_take16() - an unpredictable number from 0 to 65535
 *
 * Return: 0; -EIO, with *ret untouched, if the kernel gives none.
 * Cost:   a system call for each RANDOM_STOCK_BYTES / 2 numbers.
 */
MUST_CHECK int random_take16(struct random_stock *s, uint16_t *ret);

#endif
