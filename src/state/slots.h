/*
 * slots.h - the numbers of a table's elements: which are live, and the next free one
 *
 * Numbers that were given back are used first (last in, first out: their memory is still in the cache), then
 * numbers never used before, so that a table touches as much memory as its fullest moment needed.
 */
#ifndef ISTHMUS_STATE_SLOTS_H
#define ISTHMUS_STATE_SLOTS_H

#include "state/memory.h"

#include <stdbool.h>

#define NONE UINT32_MAX /* no element */

struct slots {
	uint32_t *next; /* of a free number the free one after it, or NONE; of a live number SLOT_LIVE */
	uint32_t free;	/* first free number below high, or NONE */
	uint32_t high;	/* numbers from here on were never used */
	uint32_t max;	/* how many there may be */
	uint32_t used;	/* how many are live */
};

#define SLOT_LIVE (UINT32_MAX - 1)

/** slots_init() - room for @max numbers; false if there is no memory */
bool slots_init(struct slots *s, struct memory *m, uint32_t max);

static inline bool slots_is_full(const struct slots *s)
{
	return s->used == s->max;
}

static inline bool slots_is_live(const struct slots *s, uint32_t id)
{
	return id < s->high && s->next[id] == SLOT_LIVE;
}

/** slots_take() - a number that was free; there must be one */
uint32_t slots_take(struct slots *s);

/** slots_give() - the number is free again */
void slots_give(struct slots *s, uint32_t id);

/** slots_next() - the first live number at or after @from among @looks numbers, or NONE; *ret_next is where
 * to go on */
uint32_t slots_next(const struct slots *s, uint32_t from, uint32_t looks, uint32_t *ret_next);

#endif
