/*
 * pool.h - the IPv4 pool cut into blocks of ports, and the blocks that are lent
 *
 * A row is one address of one pool entry: the entry's ports, cut at multiples of ports_per_block (so the
 * first and the last block of a row may be partial). A block serves all three protocols. Its class says
 * whether it holds well-known ports; a row's free blocks of each class stand in a ring, shuffled at start:
 * lending takes from the front, returning puts at the back, so that a block rests for as long as the pool can
 * afford before somebody else gets it.
 *
 * Rows belong to pools, by their entries: a subscriber borrows from the rows of one pool only. Blocks that are fixed to a
 * subscriber (fixed.h) stand in no ring: nobody else may have them.
 *
 * Of several workers with one pool each has all rows, but in the rings only the blocks that it owns (owner.h).
 */
#ifndef ISTHMUS_STATE_POOL_H
#define ISTHMUS_STATE_POOL_H

#include "state/fixed.h"
#include "state/slots.h"

#define WELL_KNOWN_PORTS 1024u	   /* RFC 6146 s3.5.1.1: the ranges 0-1023 and 1024-65535 */
#define POOL_BLOCKS_MAX (1u << 24) /* 16 million blocks, lent or not */

enum port_class {
	PORTS_LOW,
	PORTS_HIGH,
	PORT_CLASS_COUNT
}; /* of a block: PORTS_LOW if any of its ports is */

/* The free blocks of one class of a row. */
struct ring {
	uint32_t base;	  /* where its part of pool.numbers begins */
	uint16_t size;	  /* blocks of that class */
	uint16_t head;	  /* the next to lend */
	uint16_t len;	  /* how many are free */
	uint32_t open_at; /* place in pool.open while len > 0 */
};

/* The rows of one pool in pool.open. */
struct open_rows {
	uint32_t base;
	uint32_t len[PORT_CLASS_COUNT];
	uint32_t free; /* blocks of the pool in rings */
	uint32_t blocks; /* that are this worker's and fixed to nobody: in rings, or lent */
	bool is_low;   /* lending left fewer than LOAN_LOW; loan.c clears it */
};

struct row {
	struct addr4 addr;
	uint8_t entry; /* index into the configuration's pool */
	uint8_t pool;
	uint16_t first_number;	  /* lo / ports_per_block */
	uint32_t first_block;	  /* of pool.lent */
	uint32_t lent;		  /* blocks lent */
	uint32_t owned;		  /* blocks that are this worker's, lent or not */
	struct fixed_range fixed; /* numbers from the row's first on */
	struct ring free[PORT_CLASS_COUNT];
	uint32_t ports_used[PROTO_COUNT];
};

/* The lists of a subscriber that a lent block can be in: with free ports of a protocol, and all. */
#define BLOCK_LISTS (PROTO_COUNT + 1)
#define BLOCK_LIST_ALL PROTO_COUNT

struct block_link {
	uint32_t prev, next;
};

/* A lent block. */
struct block {
	uint32_t owner; /* subscriber */
	uint32_t row;
	uint16_t number;	    /* its ports begin at number * ports_per_block */
	uint8_t class;		    /* enum port_class */
	uint16_t room[PROTO_COUNT]; /* free ports */
	uint32_t bindings;	    /* ports taken, over all protocols; a block with none is returned */
	struct block_link link[BLOCK_LISTS];
};

struct pool {
	const struct state_config *config;
	unsigned shift; /* ports_per_block == 1 << shift */
	unsigned words; /* of one bitmap */
	struct row *rows;
	uint32_t rows_len;
	uint32_t first_row[POOL_ENTRIES_MAX];
	uint32_t blocks_len; /* of the whole pool */
	uint32_t blocks_owned;
	bool has_low;	   /* is_low of any pool */
	uint16_t *numbers; /* the rings of all rows: block numbers relative to the row's first */
	uint32_t *lent;	   /* of each block of each row: number of the lent block + 1, or 0 */
	uint32_t *open[PORT_CLASS_COUNT]; /* rows that have a free block of the class, in no order, by pool */
	struct open_rows of_pool[STATE_POOLS_MAX];
	struct fixed_plan plans[STATE_POOLS_MAX];
	struct memory memory; /* of all above; a reload replaces it */
	struct memory held;   /* of what follows; a reload replaces it only if the pool has grown */
	struct slots slots;   /* of lent blocks */
	struct block *blocks;
	uint64_t *taken; /* per lent block PROTO_COUNT bitmaps; what lies outside lo-hi is taken from the
			    start */
	uint64_t blocks_taken, blocks_returned;
};

/** pool_blocks() - how many blocks the pool of @c is cut into; may exceed POOL_BLOCKS_MAX */
uint64_t pool_blocks(const struct state_config *c);

/** pool_cut() - cut a zeroed pool into rows and blocks, none of them lent; false if there is no memory */
bool pool_cut(struct pool *p, const struct state_config *c, struct rng *g);

/** pool_make_room() - room for lent blocks: for all, but for no more than @max_lent; false if there is no memory */
bool pool_make_room(struct pool *p, uint32_t max_lent);

/** pool_room() - how many blocks pool_make_room() would make room for */
uint32_t pool_room(const struct pool *p, uint32_t max_lent);

void pool_fini(struct pool *p);

/** pool_adopt_row() - @p is to take the place of @old, which has the same row with the same blocks: take over its state */
void pool_adopt_row(struct pool *p, uint32_t row, const struct pool *old, uint32_t old_row);

/** pool_close_row() - the ring of a row that was cut anew loses the blocks that are lent by now */
void pool_close_row(struct pool *p, uint32_t row);

/** pool_owns() - whether this worker owns block @number of the row, counted from the row's first */
bool pool_owns(const struct pool *p, const struct row *r, uint32_t number);

/** pool_row_at() - the row of this address and port, or NONE */
uint32_t pool_row_at(const struct pool *p, struct addr4 a, uint16_t port);

/* What kind of block is wanted: of which pool and class. */
struct block_wish {
	uint8_t pool;
	enum port_class class;
};

/** pool_row_of_address() - a row of this address that has a free block of the kind, or NONE */
uint32_t pool_row_of_address(const struct pool *p, struct addr4 a, struct block_wish w);

/** pool_row_any() - a random row that has a free block of the kind, or NONE */
uint32_t pool_row_any(const struct pool *p, struct block_wish w, struct rng *g);

/** pool_is_fixed() - whether block @number of the row, counted from the row's first, is fixed to a subscriber */
static inline bool pool_is_fixed(const struct row *r, uint32_t number)
{
	return r->fixed.from <= number && number < r->fixed.to;
}

/** pool_class_at() - the class of the block that this port of the row is in */
enum port_class pool_class_at(const struct pool *p, uint32_t row, uint16_t port);

/** pool_lent_at() - the lent block that holds this port of this row, or NONE */
uint32_t pool_lent_at(const struct pool *p, uint32_t row, uint16_t port);

/** pool_block_range() - the ports of a lent block that the pool has, both ends included */
void pool_block_range(const struct pool *p, uint32_t block, uint16_t *ret_first, uint16_t *ret_last);

/** pool_lend() - lend the block that rested longest; the row has a free one of the class */
uint32_t pool_lend(struct pool *p, uint32_t row, enum port_class class, uint32_t owner);

/**
 * pool_lend_at() - lend the free block that holds this port; fixed blocks, and what static bindings need
 *
 * Cost: a block that is not fixed is searched in its ring.
 */
uint32_t pool_lend_at(struct pool *p, uint32_t row, uint16_t port, uint32_t owner);

/** pool_part_with() - take a free block of the pool out of this worker's part, the one that rested longest; false if none */
bool pool_part_with(struct pool *p, uint8_t pool, struct rng *g, struct addr4 *ret_addr, uint16_t *ret_port);

/** pool_part_with_at() - the same with the block that holds this port of the row; false if it is not free, or not ours */
bool pool_part_with_at(struct pool *p, uint32_t row, uint16_t port);

/** pool_has() - whether the block that holds this port of the row is this worker's, lent or not */
bool pool_has(const struct pool *p, uint32_t row, uint16_t port);

/** pool_receive() - a free block becomes this worker's; its row, or NONE if the pool has no such block, or it is here already */
uint32_t pool_receive(struct pool *p, struct addr4 a, uint16_t port);

/** pool_return() - take a lent block back; no port of it is taken */
void pool_return(struct pool *p, uint32_t block);

/* --- the ports of a lent block (port.c) --- */

enum parity { PARITY_ANY, PARITY_EVEN, PARITY_ODD };

struct port_wish {
	enum proto proto;
	enum parity parity;
	uint16_t from, to; /* both included */
};

/** block_open() - mark the ports that the row does not have as taken, the others as free */
void block_open(struct pool *p, uint32_t block);

/** block_used() - the ports of a lent block that bindings have, of one protocol */
uint32_t block_used(const struct pool *p, uint32_t block, enum proto proto);

/**
 * block_each_port() - call @fn for each port of a lent block that a binding may have
 *
 * Port 0, which TCP and UDP never lend, is passed over.
 */
void block_each_port(const struct pool *p, uint32_t block,
	void (*fn)(void *ctx, enum proto proto, uint16_t port), void *ctx);

/** block_refit() - the row of a lent block has other ports than before, @lo to @hi: those it has no more are taken, those
 * that it has now and had not are free */
void block_refit(struct pool *p, uint32_t block, uint16_t lo, uint16_t hi);

/** port_is_free() - whether a lent block holds this port and it is free for this protocol */
bool port_is_free(const struct pool *p, uint32_t block, enum proto proto, uint16_t port);

/**
 * port_find() - a free port of a lent block that meets the wish: the first one after a random place
 *
 * Spec: RFC 6056 s3.3.1 (random start, then the next free port); parity as RFC 7857 s9 says
 * Return: true, or false with *ret untouched.
 * Cost: at most ports_per_block / 64 + 2 words.
 */
bool port_find(const struct pool *p, uint32_t block, const struct port_wish *w, struct rng *g, uint16_t *ret);

/** port_take(), port_give() - mark one port as taken, as free again; both count */
void port_take(struct pool *p, uint32_t block, enum proto proto, uint16_t port);
void port_give(struct pool *p, uint32_t block, enum proto proto, uint16_t port);

/** block_bitmap() - the taken ports of a lent block, pool.words words */
uint64_t *block_bitmap(const struct pool *p, uint32_t block, enum proto proto);

/** port_is_lendable() - whether the port may be lent at all: port 0 is an identifier of ICMP, but no TCP or
 * UDP port */
static inline bool port_is_lendable(enum proto proto, uint16_t port)
{
	return proto == PROTO_ICMP || port != 0;
}

#endif
