/*
 * slots.h - the numbers of a table's elements: which are live, and the lowest free one
 *
 * A free number is a set bit; a word with a set bit is a set bit one level up. So the lowest free number is found by one
 * look per level, and a table touches no more memory than its fullest moment needed.
 */
#ifndef ISTHMUS_STATE_SLOTS_H
#define ISTHMUS_STATE_SLOTS_H

#include "state/memory.h"

#include <stdbool.h>

#define NONE UINT32_MAX /* no element */

#define SLOT_WORD_SHIFT 6 /* 64 bits in a word */
#define SLOT_LEVELS 5	  /* 2^30 numbers; the last level is one word */

struct slots {
	uint64_t *free[SLOT_LEVELS];
	uint32_t high; /* numbers from here on were never used */
	uint32_t max;  /* how many there is room for */
	uint32_t limit; /* how many may be live now, at most max; more may be left from a higher limit */
	uint32_t used; /* how many are live */
};

/** slots_init() - room for @max numbers; false if there is no memory */
bool slots_init(struct slots *s, struct memory *m, uint32_t max);

static inline bool slots_is_full(const struct slots *s)
{
	return s->used >= s->limit;
}

static inline bool slots_is_live(const struct slots *s, uint32_t id)
{
	return id < s->high && (s->free[0][id >> SLOT_WORD_SHIFT] >> (id % 64) & 1) == 0;
}

/** slots_lowest() - the number that slots_take() would take; there must be one */
uint32_t slots_lowest(const struct slots *s);

/** slots_take() - the lowest number that was free; there must be one */
uint32_t slots_take(struct slots *s);

/** slots_take_if_free() - this number if it is free, else the lowest that is; there must be one */
uint32_t slots_take_if_free(struct slots *s, uint32_t want);

/** slots_give() - the number is free again */
void slots_give(struct slots *s, uint32_t id);

/** slots_next() - the first live number at or after @from among @looks numbers, or NONE; *ret_next is where
 * to go on */
uint32_t slots_next(const struct slots *s, uint32_t from, uint32_t looks, uint32_t *ret_next);

/** slots_validate() - whether the levels agree with each other and with the counts; slow */
bool slots_validate(const struct slots *s);

#endif
