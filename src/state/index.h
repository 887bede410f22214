/*
 * index.h - find a number by a hash: buckets of one cache line, probed one after the other
 *
 * A bucket has twelve ways: a number of 32 bits and, apart from it, a tag of 8 bits of the hash. A look-up compares all
 * tags of the bucket at once, and reads the element itself only if the tag is right: nearly always one cache line here
 * and one at the element. Buckets are three quarters full at most; an element whose bucket is full stands in the next
 * one that has room, and each full bucket that it passed counts it (@beyond). So a search ends at the first bucket that
 * nobody has passed, and removing leaves no tombstones and moves nothing.
 */
#ifndef ISTHMUS_STATE_INDEX_H
#define ISTHMUS_STATE_INDEX_H

#include "state/slots.h"

#define INDEX_WAYS 12
#define INDEX_FILL 9 /* elements per bucket when the index is full, on average */

struct index_bucket {
	_Alignas(MEMORY_LINE) uint64_t tags_low; /* of ways 0 to 7, a byte each; 0: the way is empty */
	uint32_t tags_high;			 /* of ways 8 to 11 */
	uint32_t beyond; /* elements that wanted this bucket, or one before it, and stand after it */
	uint32_t ids[INDEX_WAYS];
};

struct index {
	struct index_bucket *buckets;
	uint32_t buckets_len;
	uint32_t len;
};

/* One search: all numbers whose bucket and tag fit, one by one. */
struct probe {
	struct index_bucket *at;
	uint64_t hits; /* ways of @at not yet returned, see index_ways() */
	uint32_t left; /* buckets not yet looked at */
	uint8_t tag;
};

/** index_init() - room for @max numbers; false if there is no memory */
bool index_init(struct index *x, struct memory *m, uint32_t max);

#define BYTES_01 UINT64_C(0x0101010101010101)
#define BYTES_7F UINT64_C(0x7f7f7f7f7f7f7f7f)

/* Bit 7 of every byte of @word that equals @tag (Warren, Hacker's Delight, 6-1; exact, no borrow between bytes). */
static inline uint64_t index_bytes_equal(uint64_t word, uint8_t tag)
{
	uint64_t x = word ^ tag * BYTES_01;

	return ~(((x & BYTES_7F) + BYTES_7F) | x | BYTES_7F);
}

/* The ways whose tag is @tag, which is not 0: bit 8 * i for way i, bit 8 * i + 1 for way i + 8. */
static inline uint64_t index_ways(const struct index_bucket *b, uint8_t tag)
{
	return index_bytes_equal(b->tags_low, tag) >> 7 | index_bytes_equal(b->tags_high, tag) >> 6;
}

static inline unsigned index_first_way(uint64_t ways)
{
	unsigned bit = (unsigned)__builtin_ctzll(ways);

	return bit / 8 + bit % 8 * 8;
}

/* The upper half of the hash chooses the bucket, its lowest byte is the tag. */
static inline uint32_t index_home(const struct index *x, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * x->buckets_len >> 32);
}

static inline uint8_t index_tag(uint64_t hash)
{
	uint8_t tag = (uint8_t)hash;

	return tag == 0 ? 1 : tag;
}

static inline struct index_bucket *index_after(const struct index *x, struct index_bucket *b)
{
	return b + 1 == x->buckets + x->buckets_len ? x->buckets : b + 1;
}

static inline struct probe index_probe(const struct index *x, uint64_t hash)
{
	struct index_bucket *home = &x->buckets[index_home(x, hash)];
	uint8_t tag = index_tag(hash);

	return (struct probe){
		.at = home, .hits = index_ways(home, tag), .left = x->buckets_len - 1, .tag = tag
	};
}

/** index_next() - the next number whose bucket and tag fit, or NONE */
static inline uint32_t index_next(const struct index *x, struct probe *p)
{
	while (UNLIKELY(p->hits == 0)) {
		if (p->at->beyond == 0 || p->left == 0)
			return NONE;
		p->at = index_after(x, p->at);
		p->hits = index_ways(p->at, p->tag);
		p->left--;
	}
	unsigned way = index_first_way(p->hits);

	p->hits &= p->hits - 1;
	return p->at->ids[way];
}

/** index_put() - add a number that is not in the index, which is not full */
void index_put(struct index *x, uint64_t hash, uint32_t id);

/** index_remove() - remove a number that is in the index under this hash */
void index_remove(struct index *x, uint64_t hash, uint32_t id);

/** index_replace() - put @new in the place of @old, which has the same hash */
void index_replace(struct index *x, uint64_t hash, uint32_t old, uint32_t new);

/** index_has() - whether the number is in the index under this hash, and once only */
bool index_has(const struct index *x, uint64_t hash, uint32_t id);

/** index_count() - how many numbers stand in the buckets; slow */
uint32_t index_count(const struct index *x);

#endif
