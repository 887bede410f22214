/*
 * limits.c - see limits.h
 *
 * Structure. A client's hash picks a bucket of ROWS rows with a lock of its own, taken twice in a visit's life; a row is
 * free when nobody of its client is there. A bucket that is full of other clients leaves newcomers without a row.
 */
#include "relay/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROWS 8

struct limits_client {
	uint64_t key; /* client_key() */
	unsigned visits;
	unsigned bucket;
};

struct bucket {
	pthread_mutex_t lock;
	struct limits_client rows[ROWS];
};

struct limits {
	struct hash_key hash;
	atomic_uint total, total_max, client_max;
	unsigned buckets_len; /* power of two */
	struct bucket buckets[];
};

int limits_new(unsigned slots, const struct hash_key *key, struct limits **ret)
{
	unsigned buckets = slots > ROWS ? slots / ROWS : 1;
	struct limits *l = calloc(1, sizeof(*l) + buckets * sizeof(l->buckets[0]));

	ASSERT((slots & (slots - 1)) == 0);
	if (!l)
		return -ENOMEM;
	l->hash = *key;
	l->buckets_len = buckets;
	for (unsigned i = 0; i < buckets; i++)
		pthread_mutex_init(&l->buckets[i].lock, NULL); /* cannot fail: no attributes */
	*ret = l;
	return 0;
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->buckets_len; i++)
		pthread_mutex_destroy(&l->buckets[i].lock);
	free(l);
}

void limits_set(struct limits *l, unsigned total, unsigned per_client)
{
	atomic_store_explicit(&l->total_max, total, memory_order_relaxed);
	atomic_store_explicit(&l->client_max, per_client, memory_order_relaxed);
}

/* An IPv4 address is written behind 32 bits that no /64 of a host begins with (0:1::/32 is not given to anybody). */
static uint64_t client_key(const struct endpoint *e)
{
	return e->is4 ? UINT64_C(1) << 32 | e->a4.v : e->a6.hi;
}

/* The client's row, or a free one for it; NULL: there is neither. */
static struct limits_client *row_find(struct bucket *b, uint64_t key)
{
	struct limits_client *unused = NULL;

	for (unsigned i = 0; i < ROWS; i++) {
		struct limits_client *c = &b->rows[i];

		if (c->visits > 0 && c->key == key)
			return c;
		if (c->visits == 0)
			unused = c;
	}
	return unused;
}

/* Counts a visit of the client; false if it has all it may have. */
static bool take_of_client(struct limits *l, const struct endpoint *client, struct limits_client **ret)
{
	uint64_t key = client_key(client);
	unsigned number = (unsigned)hash_words(&l->hash, &key, 1) & (l->buckets_len - 1);
	struct bucket *b = &l->buckets[number];
	unsigned max = atomic_load_explicit(&l->client_max, memory_order_relaxed);

	pthread_mutex_lock(&b->lock);
	struct limits_client *c = row_find(b, key);
	bool within = !c || c->visits < max;

	if (c && within)
		*c = (struct limits_client){ key, c->visits + 1, number };
	pthread_mutex_unlock(&b->lock);
	if (within)
		*ret = c;
	return within;
}

enum limits_verdict limits_take(struct limits *l, const struct endpoint *client, struct limits_client **ret)
{
	unsigned max = atomic_load_explicit(&l->total_max, memory_order_relaxed);

	if (atomic_fetch_add_explicit(&l->total, 1, memory_order_relaxed) >= max) {
		atomic_fetch_sub_explicit(&l->total, 1, memory_order_relaxed);
		return LIMITS_TOTAL;
	}
	if (take_of_client(l, client, ret))
		return LIMITS_WITHIN;
	atomic_fetch_sub_explicit(&l->total, 1, memory_order_relaxed);
	return LIMITS_CLIENT;
}

void limits_give(struct limits *l, struct limits_client *c)
{
	atomic_fetch_sub_explicit(&l->total, 1, memory_order_relaxed);
	if (!c)
		return;
	struct bucket *b = &l->buckets[c->bucket];

	pthread_mutex_lock(&b->lock);
	ASSERT(c->visits > 0);
	c->visits--;
	pthread_mutex_unlock(&b->lock);
}

unsigned limits_total(const struct limits *l)
{
	return atomic_load_explicit(&l->total, memory_order_relaxed);
}
