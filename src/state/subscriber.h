/* subscriber.h - who holds which blocks, and which port a new binding gets */
#ifndef ISTHMUS_STATE_SUBSCRIBER_H
#define ISTHMUS_STATE_SUBSCRIBER_H

#include "state/index.h"
#include "state/watch.h"

struct subscriber {
	struct addr6 prefix; /* the first subscriber_len bits of its hosts' addresses */
	struct addr4 addr; /* new blocks come from here as long as it has any (paired pooling), if has_addr */
	bool has_addr;
	uint8_t pool;	  /* that its blocks come from */
	uint32_t statics; /* static bindings into the prefix: they keep it, and its address, alive */
	uint32_t blocks;  /* how many it holds */
	uint32_t others;  /* first of its dynamic bindings by address, or NONE; see other.h */
	uint32_t sessions; /* of all its bindings; see quota.h, also for rate_at */
	nsec rate_at;
	uint32_t all;	  /* first block of all, the newest; or NONE */
	uint32_t room[PORT_CLASS_COUNT][PROTO_COUNT]; /* first block of the class with a free port, or NONE */
};

struct subscriber_table {
	struct slots slots;
	struct subscriber *at;
	struct index index;
	uint32_t by_pool[STATE_POOLS_MAX]; /* how many borrow from each pool */
	struct hash_key key;
	struct pool *pool;
	struct rng *rng;
	struct watcher *watch;
};

bool subscribers_init(struct subscriber_table *t, struct memory *m, uint32_t max, const struct hash_key *key);

/** subscriber_find() - the subscriber of this address, or NONE */
uint32_t subscriber_find(const struct subscriber_table *t, struct addr6 in);

/** subscriber_new() - the address has no subscriber yet, and the table is not full */
uint32_t subscriber_new(struct subscriber_table *t, struct addr6 in);

/** subscriber_drop_idle() - forget the subscriber if it holds no block, no binding by address and no static binding */
void subscriber_drop_idle(struct subscriber_table *t, uint32_t id);

/**
 * subscriber_take_port() - choose and take a port for a new binding, with a further block if need be
 * @port:	the port that the host uses
 * @ret_block:	the block that the port is in
 *
 * The order of preference stands above the function.
 *
 * Spec: RFC 6146 s3.5.1.1, s3.5.2.3, s3.5.3; RFC 4787 REQ-2, REQ-3, REQ-4; RFC 6888 REQ-2; RFC 7857 s4, s8, s9
 * Drops: SUBSCRIBER_BLOCKS, POOL_EXHAUSTED, NO_POOL; the outputs are untouched then
 * Cost: a bounded number of blocks is looked at, however many the subscriber holds.
 */
MUST_CHECK enum drop_reason subscriber_take_port(struct subscriber_table *t, uint32_t id, enum proto proto,
	uint16_t port, uint32_t *ret_block, uint16_t *ret_port);

/**
 * subscriber_take_static() - take this very port of a row
 *
 * Return: false if it is taken already, of another pool than the subscriber's, or in a block that is fixed to another one.
 * Context: start-up and reload.
 */
MUST_CHECK bool subscriber_take_static(struct subscriber_table *t, uint32_t id, enum proto proto,
	uint32_t row, uint16_t port, uint32_t *ret_block);

/** subscriber_pin() - the subscriber has one more static binding, on this address */
void subscriber_pin(struct subscriber_table *t, uint32_t id, struct addr4 addr);

/** subscriber_unpin() - it has one less; forgotten if that was all it had */
void subscriber_unpin(struct subscriber_table *t, uint32_t id);

/** subscriber_unlist(), subscriber_list() - take a lent block out of the lists by room, and back; its room may change between */
void subscriber_unlist(struct subscriber_table *t, uint32_t block);
void subscriber_list(struct subscriber_table *t, uint32_t block);

/** subscriber_give_port() - a binding is gone; the block returns to the pool with its last one, its owner
 * with that */
void subscriber_give_port(struct subscriber_table *t, uint32_t block, enum proto proto, uint16_t port);

static inline uint64_t subscriber_hash(const struct subscriber_table *t, struct addr6 prefix)
{
	const uint64_t w[2] = { prefix.hi, prefix.lo };

	return hash_words(&t->key, w, 2);
}

#endif
