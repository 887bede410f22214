/*
 * index.h - find a number by a hash: open addressing, linear probing, at most half full
 *
 * A slot holds 32 bits of the hash beside the number, so that a probe reads the element itself only if it is
 * very likely the right one: a look-up costs one cache line here and one at the element. Removal moves the
 * followers back (Knuth, vol. 3, 6.4 algorithm R), so the table never fills with tombstones.
 */
#ifndef ISTHMUS_STATE_INDEX_H
#define ISTHMUS_STATE_INDEX_H

#include "state/slots.h"

struct index_slot {
	uint32_t hash;
	uint32_t ref; /* number + 1; 0: empty */
};

struct index {
	struct index_slot *slots;
	uint32_t mask; /* size - 1; the size is a power of two and at least twice the most elements */
	uint32_t len;
};

/* One search: all numbers whose 32 bits of hash are equal, one by one. */
struct probe {
	uint32_t hash, at;
};

/** index_init() - room for @max numbers; false if there is no memory */
bool index_init(struct index *x, struct memory *m, uint32_t max);

static inline struct probe index_probe(const struct index *x, uint64_t hash)
{
	return (struct probe){ .hash = (uint32_t)hash, .at = (uint32_t)hash & x->mask };
}

/** index_next() - the next number with this hash, or NONE; ends at an empty slot, and half of all slots are
 * empty */
static inline uint32_t index_next(const struct index *x, struct probe *p)
{
	for (;;) {
		const struct index_slot *e = &x->slots[p->at];

		if (e->ref == 0)
			return NONE;
		p->at = (p->at + 1) & x->mask;
		if (e->hash == p->hash)
			return e->ref - 1;
	}
}

/** index_put() - add a number that is not in the index */
void index_put(struct index *x, uint64_t hash, uint32_t id);

/** index_remove() - remove a number that is in the index under this hash */
void index_remove(struct index *x, uint64_t hash, uint32_t id);

/** index_replace() - put @new in the place of @old, which has the same hash */
void index_replace(struct index *x, uint64_t hash, uint32_t old, uint32_t new);

/** index_has() - whether the number is in the index under this hash, and once only */
bool index_has(const struct index *x, uint64_t hash, uint32_t id);

#endif
