/*
 * owner.h - which worker owns which subscriber, block of ports and datagram, when several share a pool
 *
 * Workers share no tables. A subscriber with its blocks, limits and sessions belongs to one worker, and a packet is
 * translated by the worker that owns its subscriber (IPv6) or the block that its port is in (IPv4). Who that is must be
 * known without asking, so it follows from rules over the packet's own fields:
 *
 *	subscriber	hash of its prefix
 *	block		address + block number, modulo the workers: each has an equal part of every address; but a
 *			block that is fixed to a subscriber (fixed.h) belongs to the subscriber's worker
 *	protocol	number modulo the workers: of those that have no ports, so that each finds all addresses of the pool
 *	datagram	hash of source, destination, identification and protocol: a later IPv4 fragment has no port
 *
 * and from what is known not to follow the rules: blocks that were moved. They stand in a hash table of 64-bit words that
 * only ever grows, each word written at once; everybody reads it. Blocks are
 * moved at start, because a static binding takes its block to the owner of its inside host, and later because one worker
 * has run out of blocks and another has some left (only free blocks move, so no binding ever changes its worker). If
 * static bindings of several subscribers lie in one block, all these subscribers are pinned to one worker, at start.
 *
 * The rules hash without a secret: a client may find out which worker serves it, and gains nothing, as all that it can
 * fill by that are its own subscriber's shares.
 */
#ifndef ISTHMUS_STATE_OWNER_H
#define ISTHMUS_STATE_OWNER_H

#include "state/state.h"

#include <stdatomic.h>

#define OWNERS_MAX 64 /* workers */
#define OWNER_BLOCKS_LEAST                                                                                   \
	16 /* a worker that owns subscribers begins with at least so many blocks, the first worker excepted */
#define OWNER_PROBES 64 /* words of the table of moved blocks that a look-up reads at most */

/* A subscriber that is not where its hash puts it. */
struct owner_pin {
	struct addr6 prefix;
	unsigned worker;
};

/* The memory of the table of moved blocks. */
struct owners_table {
	_Atomic uint64_t *words; /* zero at first, aligned; the caller's */
	uint32_t len;		 /* a power of two */
};

#define OWNERS_TABLE_MAX (1u << 20) /* words: half a million blocks can be moved */

struct owners {
	unsigned len; /* workers that own anything: 1 to OWNERS_MAX */
	unsigned subscriber_len;
	unsigned block_shift;	   /* ports_per_block == 1 << block_shift */
	struct owners_table moved; /* address << 32 | block number << 16 | worker + 1; 0: empty */
	struct owner_pin *pins;	   /* sorted by prefix */
	unsigned pins_len;
	struct state_config *fixed; /* a copy of the configuration if it has fixed blocks, else NULL */
};

/**
 * owners_fit() - how many of @workers may own subscribers
 *
 * A pool with few blocks is not cut into parts so small that moving blocks would be the rule: see OWNER_BLOCKS_LEAST.
 * Without any pool there is nothing to cut.
 *
 * Return: 1 to @workers.
 */
unsigned owners_fit(const struct state_config *c, unsigned workers);

/** owners_table_len() - how many words the table of moved blocks has for this pool; a power of two */
uint32_t owners_table_len(const struct state_config *c);

/**
 * owners_init() - make the rules for this pool, and move and pin what its static bindings ask for
 * @c:		statics are read; nothing of the caller's is kept
 * @len:	workers that own subscribers, 1 to OWNERS_MAX
 * @moved:	owners_table_len() words are enough; lives as long as *ret
 *
 * Return: 0; -ENOMEM; -ENOSPC if static bindings move more blocks than the table has room for.
 */
MUST_CHECK int owners_init(
	struct owners *ret, const struct state_config *c, unsigned len, const struct owners_table *moved);
void owners_fini(struct owners *o);

/** owner_of_subscriber() - the worker of the subscriber that has this address */
unsigned owner_of_subscriber(const struct owners *o, struct addr6 in);

/** owner_of_block() - the worker of the block that this port of this address is in, whether the pool has it or not */
unsigned owner_of_block(const struct owners *o, struct addr4 out, uint16_t port);

/** owner_of_protocol() - the worker of a protocol that is bound by address (PROTO_OTHER), in both directions */
unsigned owner_of_protocol(const struct owners *o, uint8_t number);

/** owner_of_datagram() - the worker that finds out the ports of an IPv4 datagram's fragments */
unsigned owner_of_datagram(
	const struct owners *o, struct addr4 src, struct addr4 dst, uint32_t id, uint8_t protocol);

/**
 * owner_move_block() - from now on this block is the worker's
 *
 * Called by the worker that owns the block (others: at start only). Two workers may move two blocks at one time.
 *
 * Return: false if the table has no room near the block's place; nothing is changed then.
 */
MUST_CHECK bool owner_move_block(const struct owners *o, struct addr4 out, uint16_t port, unsigned worker);

#endif
