/*
 * flowtable.h - inside nat64/: the slots of bpf/abi.h as memory: finding a place, owning it, writing it, ending it
 *
 * Three tables are alike but for what a slot says; flowcache.c and flowpairs.c know that.
 */
#ifndef ISTHMUS_NAT64_FLOWTABLE_H
#define ISTHMUS_NAT64_FLOWTABLE_H

#include "nat64/flowcache.h"

#define FLOW_NO_SLOT UINT32_MAX
#define FLOW_CANDIDATES (FLOW_HOMES * FLOW_WAYS)

/* Any slot, as words. Its first word is what readers look at first and last. */
struct flow_line {
	uint32_t sequence;
	uint32_t head;	  /* epoch and flags */
	uint64_t body[7]; /* key, result, and the notes of the programs */
} __attribute__((aligned(64), may_alias));

/* The epoch, which is the first half of a head in memory. */
typedef uint16_t flow_half __attribute__((may_alias));

#define FLOW_TALLY_WORDS (sizeof(struct flow_tallies) / sizeof(uint64_t))

enum flow_kind { FLOW_KIND_64, FLOW_KIND_46, FLOW_KIND_PAIR, FLOW_KINDS };

struct flow_table {
	struct flow_line *lines;
	uint64_t *owners; /* by slot: FLOW_FREE, or flow_owner() */
	uint32_t sets;	  /* a power of two, or zero */
};

struct flow_claims {
	struct flow_table table[FLOW_KINDS];
	uint64_t before[FLOW_TALLY_WORDS]; /* what the programs had counted when we came */
	struct flow_head found;	    /* the head as we found it: what slots of @first_epoch mean */
	uint32_t first_epoch;	    /* of the slots that may be adopted, and with which workers begin */
	uint32_t epoch;		    /* the newest that any worker has */
	uint32_t lock;		    /* of @epoch and the head; 0: free */
	bool may_adopt;
	bool is_left; /* some worker has left its flows for the translator that comes next */
};

#define FLOW_FREE UINT64_C(0)

/** flow_owner() - the word of a slot's owner; @what is a session, or what else the owner wants to know of it */
static inline uint64_t flow_owner(unsigned worker, uint32_t what)
{
	return (uint64_t)(worker + 1) << 32 | what;
}

static inline bool flow_owner_is(uint64_t word, unsigned worker)
{
	return word >> 32 == (uint64_t)worker + 1;
}

/** flow_epoch_next() - 1 to 65535, and around */
static inline uint32_t flow_epoch_next(uint32_t epoch)
{
	return epoch >= UINT16_MAX ? 1 : epoch + 1;
}

/** flow_slots() - how many a table has */
static inline uint32_t flow_slots(const struct flow_table *t)
{
	return t->sets * FLOW_WAYS;
}

/** flow_set() - the first slot of the @n-th set that a hash names, of FLOW_HOMES; the table is not empty */
static inline uint32_t flow_set(const struct flow_table *t, uint64_t hash, uint32_t n)
{
	return (flow_set_at(hash, n) & (t->sets - 1)) * FLOW_WAYS;
}

/** flow_candidate() - the @i-th slot to try for a hash, of FLOW_CANDIDATES; the table is not empty */
static inline uint32_t flow_candidate(const struct flow_table *t, uint64_t hash, uint32_t i)
{
	return flow_set(t, hash, i / FLOW_WAYS) + flow_way(hash, i);
}

static inline uint64_t flow_owner_at(const struct flow_table *t, uint32_t slot)
{
	return __atomic_load_n(&t->owners[slot], __ATOMIC_ACQUIRE);
}

static inline uint16_t flow_epoch_at(const struct flow_table *t, uint32_t slot)
{
	uint32_t head = __atomic_load_n(&t->lines[slot].head, __ATOMIC_RELAXED);
	uint16_t half[2];

	bytes_copy(half, &head, sizeof(half));
	return half[0];
}

/** flow_table_fetch() - have the cache fetch what flow_table_claim() and flow_table_write() most probably touch */
static inline void flow_table_fetch(const struct flow_table *t, uint64_t hash)
{
	if (t->sets == 0)
		return;
	__builtin_prefetch(&t->owners[flow_set(t, hash, 0)], 1);
	__builtin_prefetch(&t->lines[flow_set(t, hash, 0)], 1);
}

/** flow_table_claim() - own a free slot of the sets that a hash names; FLOW_NO_SLOT if all have an owner */
uint32_t flow_table_claim(struct flow_table *t, uint64_t hash, uint64_t owner);

/** flow_table_release() - own it no more; it was ended FLOW_GRACE_MS ago, or never written */
void flow_table_release(struct flow_table *t, uint32_t slot);

/**
 * flow_table_write() - fill a slot that the caller owns
 * @from:	a slot of the table's type; its sequence is not looked at
 */
void flow_table_write(struct flow_table *t, uint32_t slot, const void *from);

/** flow_table_end() - no packet finds it any more; the notes of the programs stay, and may grow for FLOW_GRACE_MS */
void flow_table_end(struct flow_table *t, uint32_t slot);

/** flow_table_read() - what a slot says, to somebody who owns it or knows that nobody does; false if it is being written */
bool flow_table_read(const struct flow_table *t, uint32_t slot, void *ret);

/**
 * flow_publish() - say what all slots mean
 * @want:	keys and epoch are not looked at
 * @epoch:	of the configuration that it comes from
 *
 * Of several workers with one configuration the first one publishes it; for the others nothing is left to do.
 */
void flow_publish(const struct flow_maps *m, const struct flow_head *want, uint32_t epoch);

/** flow_start_epoch() - the epoch with which workers begin whose head is @want: an old one if slots may be adopted */
uint32_t flow_start_epoch(const struct flow_maps *m, const struct flow_head *want);

/** flow_seen_at() - when a slot was used, of its milliseconds; 0: never. Not before it was, and not after @now. */
nsec flow_seen_at(uint32_t seen, nsec now);

#endif
