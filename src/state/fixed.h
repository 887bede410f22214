/*
 * fixed.h - which pool a subscriber has, and the blocks that are its own by computation (RFC 7422)
 *
 * Pure functions of struct state_config, both ways: who asks later, with the same configuration, needs no log. The
 * arithmetic stands in fixed.c, and in the words of docs/configuration.md for whoever computes it elsewhere.
 */
#ifndef ISTHMUS_STATE_FIXED_H
#define ISTHMUS_STATE_FIXED_H

#include "state/state.h"

/* How a pool with fixed blocks is divided; of one without, blocks is 0. */
struct fixed_plan {
	uint64_t subscribers; /* that the pool's members have room for, whether they exist or not */
	uint64_t addresses; /* rows that hold fixed blocks: an address counts once for each of its entries */
	uint64_t room;	    /* subscribers that would fit: addresses * slots */
	uint8_t pool;
	uint32_t blocks; /* of each subscriber */
	uint32_t slots;	 /* subscribers that fit on each address; of the entry with the fewest whole blocks */
	uint32_t ratio;	 /* subscribers on each address, the last one may have fewer; RFC 7422's C */
};

/* The fixed blocks of a row, as numbers of blocks: from <= n < to. */
struct fixed_range {
	uint32_t from, to;
};

/** fixed_pool_of() - the pool that a subscriber borrows from: of the longest member that holds it, else pool 0 */
uint8_t fixed_pool_of(const struct state_config *c, struct addr6 in);

/** fixed_plan_of() - how a pool is divided; the plan works if subscribers <= room */
struct fixed_plan fixed_plan_of(const struct state_config *c, uint8_t pool);

/** fixed_range_of() - the fixed blocks on address number @at of an entry */
struct fixed_range fixed_range_of(
	const struct state_config *c, const struct fixed_plan *p, unsigned entry, uint64_t at);

struct fixed_block {
	struct prefix6 subscriber;
	struct addr4 addr;
	uint16_t lo, hi; /* both included */
};

/**
 * fixed_block_of() - fixed block number @n of a subscriber
 * @p:	of a pool
 *
 * Return: true; false with *ret untouched if the subscriber has no fixed blocks in this pool, or fewer.
 */
bool fixed_block_of(const struct state_config *c, const struct fixed_plan *p, struct addr6 in, uint32_t n,
	struct fixed_block *ret);

/**
 * fixed_block_at() - the fixed block that a port is in
 *
 * Return: true; false with *ret untouched if the port is in no fixed block, or in one of a subscriber that a longer member
 * takes to another pool.
 */
bool fixed_block_at(const struct state_config *c, struct addr4 a, uint16_t port, struct fixed_block *ret);

/** fixed_validate() - whether members and fixed blocks of the configuration make sense together */
bool fixed_validate(const struct state_config *c);

#endif
