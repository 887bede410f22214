/*
 * lent46.h - IPv4 addresses that stand for IPv6 hosts for a while: the table of DNS46
 *
 * The resolver lends an address of a pool to an IPv6 host when somebody asks for its A record, and the translator looks
 * up whom an address is lent to. Both map the same memory: one process writes, any number of threads read.
 */
#ifndef ISTHMUS_ADDR_LENT46_H
#define ISTHMUS_ADDR_LENT46_H

#include "addr/addr.h"
#include "base/clock.h"
#include "base/hash.h"

#define LENT46_POOL_SHORTEST 16 /* bits of the largest pool */

/* An address that nobody used may be lent anew this long after the binding ran out, if that is sooner than the
 * configured time. */
#define LENT46_UNUSED_LINGER (300 * NSEC)

/* Where the parts of the shared memory are in this process. Fields are lent46.c's. */
struct lent46 {
	struct prefix4 pool;
	uint32_t len;  /* addresses of the pool */
	uint32_t mask; /* of the hash, a power of two less one */
	struct lent46_head *head;
	struct lent46_row *rows;
	_Atomic uint32_t *chains;
	struct hash_key key;
};

enum lent46_found {
	LENT46_NONE,
	LENT46_FOUND,
	LENT46_BUSY, /* the writer is at it right now, or died while it was */
};

/* One address and whom it is lent to, for a reader who lists them. */
struct lent46_binding {
	struct addr4 address;
	struct addr6 target;
	nsec expires; /* of the record that was given out last */
	nsec used;    /* when a packet was seen last; 0: never */
};

/** lent46_bytes() - how much memory the table of a pool takes; the pool has no more than a LENT46_POOL_SHORTEST */
size_t lent46_bytes(struct prefix4 pool);

/**
 * lent46_make() - write an empty table
 * @memory:	lent46_bytes() of it, all zero, aligned as calloc() does
 * @key:	secret
 */
void lent46_make(void *memory, struct prefix4 pool, const struct hash_key *key);

/**
 * lent46_attach() - use a table that somebody has made; whatever its memory holds later, nothing here breaks
 *
 * Return: false if it was made for another pool.
 */
MUST_CHECK bool lent46_attach(struct lent46 *t, struct prefix4 pool, void *memory);

/**
 * lent46_find4() - whom an address is lent to, and note that it is used
 * @now:	0: only look
 *
 * A binding counts until the address is lent anew, however long it has expired: nothing is cut off without need.
 *
 * Return: LENT46_NONE for an address that is lent to nobody, or not in the pool.
 */
enum lent46_found lent46_find4(const struct lent46 *t, struct addr4 a, nsec now, struct addr6 *ret);

/** lent46_find6() - the address that is lent to a host; as lent46_find4(). Cost: one hash, and a short chain. */
enum lent46_found lent46_find6(const struct lent46 *t, struct addr6 target, nsec now, struct addr4 *ret);

/** lent46_at() - the binding of the pool's address number @i, if there is one */
bool lent46_at(const struct lent46 *t, uint32_t i, struct lent46_binding *ret);

/* --- the one who writes --- */

struct lent46_writer {
	struct lent46 table;
	nsec linger; /* how long an address stays its host's after the record has expired and the last packet */
	uint32_t next;	/* where the search for a free address goes on */
	nsec no_search; /* until then there is no free address */
};

/** lent46_take() - become the writer; mends what one that was killed has left unfinished */
void lent46_take(struct lent46_writer *w, const struct lent46 *t, nsec linger);

/**
 * lent46_lend() - the address of a host, lent now if it has none
 * @until:	when the record that is given out expires
 *
 * Return: 0; -ENOSPC if no address is free. After a search in vain there is none for a second.
 */
MUST_CHECK int lent46_lend(
	struct lent46_writer *w, struct addr6 target, nsec now, nsec until, struct addr4 *ret);

/** lent46_is_free() - whether the address of a binding may be lent to another host */
bool lent46_is_free(const struct lent46_binding *b, nsec now, nsec linger);

#endif
