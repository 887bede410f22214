/* index.c - see index.h */
#include "state/index.h"

#define LOW_WAYS 8
#define NO_WAY INDEX_WAYS
#define NOT_WAYS (UINT64_MAX << 32) /* bytes above tags_high that are no way, and so not empty */

_Static_assert(sizeof(struct index_bucket) == MEMORY_LINE, "a bucket is one cache line");

bool index_init(struct index *x, struct memory *m, uint32_t max)
{
	x->buckets_len = max / INDEX_FILL + 1;
	x->buckets = memory_table_scattered(m, x->buckets_len, sizeof(*x->buckets));
	x->len = 0;
	return x->buckets != NULL;
}

static void set_tag(struct index_bucket *b, unsigned way, uint8_t tag)
{
	unsigned shift = way % LOW_WAYS * 8;

	if (way < LOW_WAYS)
		b->tags_low = (b->tags_low & ~(UINT64_C(0xff) << shift)) | (uint64_t)tag << shift;
	else
		b->tags_high = (b->tags_high & ~(UINT32_C(0xff) << shift)) | (uint32_t)tag << shift;
}

static unsigned empty_way(const struct index_bucket *b)
{
	uint64_t ways =
		index_bytes_equal(b->tags_low, 0) >> 7 | index_bytes_equal(b->tags_high | NOT_WAYS, 0) >> 6;

	return ways == 0 ? NO_WAY : index_first_way(ways);
}

static unsigned way_of(const struct index_bucket *b, uint8_t tag, uint32_t id)
{
	for (uint64_t ways = index_ways(b, tag); ways != 0; ways &= ways - 1) {
		unsigned way = index_first_way(ways);

		if (b->ids[way] == id)
			return way;
	}
	return NO_WAY;
}

void index_put(struct index *x, uint64_t hash, uint32_t id)
{
	struct index_bucket *b = &x->buckets[index_home(x, hash)];
	unsigned way;

	ASSERT(x->len < x->buckets_len * INDEX_FILL);
	while ((way = empty_way(b)) == NO_WAY) {
		b->beyond++;
		b = index_after(x, b);
	}
	b->ids[way] = id;
	set_tag(b, way, index_tag(hash));
	x->len++;
}

void index_remove(struct index *x, uint64_t hash, uint32_t id)
{
	struct index_bucket *b = &x->buckets[index_home(x, hash)];
	uint8_t tag = index_tag(hash);
	unsigned way;

	while ((way = way_of(b, tag, id)) == NO_WAY) {
		ASSERT(b->beyond > 0);
		b->beyond--;
		b = index_after(x, b);
	}
	set_tag(b, way, 0);
	x->len--;
}

void index_replace(struct index *x, uint64_t hash, uint32_t old, uint32_t new)
{
	struct index_bucket *b = &x->buckets[index_home(x, hash)];
	uint8_t tag = index_tag(hash);
	unsigned way;

	while ((way = way_of(b, tag, old)) == NO_WAY) {
		ASSERT(b->beyond > 0);
		b = index_after(x, b);
	}
	b->ids[way] = new;
}

bool index_has(const struct index *x, uint64_t hash, uint32_t id)
{
	struct probe p = index_probe(x, hash);
	unsigned times = 0;

	for (uint32_t found; (found = index_next(x, &p)) != NONE;)
		times += found == id;
	return times == 1;
}

uint32_t index_count(const struct index *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->buckets_len; i++) {
		const struct index_bucket *b = &x->buckets[i];
		uint64_t empty = index_bytes_equal(b->tags_low, 0) |
				 index_bytes_equal(b->tags_high | NOT_WAYS, 0) >> 1;

		n += INDEX_WAYS - (uint32_t)__builtin_popcountll(empty);
	}
	return n;
}
