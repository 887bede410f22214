/*
 * flowpairs.c - packets that are translated by their addresses alone, in the kernel's programs
 *
 * Purpose. What flowcache.c does for sessions, for the stateless half (stateless.c), which has none: SIIT, mappings, the CLAT. A
 * slot is one direction of an address pair, for all of its ports and protocols.
 *
 * Structure. Of pairs that are not in the table each worker counts packets, in an array in which two pairs of one place
 * forget each other: a pair that is worth it comes through. After ENTER_PKTS packets it is entered.
 *
 *	count --> live --(idle, another configuration, a trace)--> ended --FLOW_GRACE_MS--> free
 *
 * The owner's word of a slot has 0 while it is live, else when it was ended (@flow_owner). Nothing else is known of a pair, so a
 * walk over the slots, a few in each tick, is what ends them.
 *
 * Which pairs: whoever calls flowpairs_see64() or flowpairs_see46() has looked; both addresses are translated by a mapping or a prefix of the
 * configuration, and nothing is turned around.
 *
 * Limits. A set that is full takes no more until something in it was idle for IDLE_MS; whoever found it full has looked. The
 * walk alone may take minutes to come round in a large table.
 */
#include "nat64/flowworker.h"

#include "xlat/checksum.h"

#include <errno.h>
#include <stdlib.h>

#define ENTER_PKTS 8
#define COUNTERS 4096 /* a power of two */
#define IDLE_MS 60000
#define WALK 512 /* slots that one tick looks at */
#define WALK_URGENT 16384 /* the same while a trace begins; most of them are nobody's */

struct pair_counter {
	uint32_t tag;
	uint32_t pkts;
};

int flowpairs_init(struct flowcache *f)
{
	if (f->claims->table[FLOW_KIND_PAIR].sets == 0)
		return 0;
	f->pair_counters = calloc(COUNTERS, sizeof(*f->pair_counters));
	return f->pair_counters ? 0 : -ENOMEM;
}

static const struct flow_pair *pair_at(const struct flowcache *f, uint32_t slot)
{
	return &f->maps->pairs[slot / FLOW_WAYS].way[slot % FLOW_WAYS];
}

static uint32_t ended_ms(nsec now)
{
	return (uint32_t)(now / MSEC) | 1; /* 0: live */
}

static void end(struct flowcache *f, uint32_t slot, nsec now)
{
	struct flow_table *t = &f->claims->table[FLOW_KIND_PAIR];

	flow_table_end(t, slot);
	__atomic_store_n(&t->owners[slot], flow_owner(f->worker, ended_ms(now)), __ATOMIC_RELEASE);
	f->count.pairs--;
	f->count.pairs_left++;
}

void flowpairs_fini(struct flowcache *f)
{
	struct flow_table *t = &f->claims->table[FLOW_KIND_PAIR];

	for (uint32_t slot = 0; f->pair_counters && !f->is_left && slot < flow_slots(t); slot++) {
		if (flow_owner_at(t, slot) == flow_owner(f->worker, 0))
			flow_table_end(t, slot);
	}
	free(f->pair_counters);
}

/* --- leaving --- */

static bool is_to_leave(const struct flowcache *f, uint32_t slot, nsec now)
{
	nsec used = flow_seen_at(__atomic_load_n(&pair_at(f, slot)->seen, __ATOMIC_RELAXED), now);

	return f->n->traces_len > 0 || flow_epoch_at(&f->claims->table[FLOW_KIND_PAIR], slot) != f->epoch ||
	       now - used >= IDLE_MS * MSEC;
}

static void look_at(struct flowcache *f, uint32_t slot, nsec now)
{
	struct flow_table *t = &f->claims->table[FLOW_KIND_PAIR];
	uint64_t owner = flow_owner_at(t, slot);
	uint32_t ended = (uint32_t)owner;

	if (!flow_owner_is(owner, f->worker))
		return;
	if (ended == 0 && is_to_leave(f, slot, now))
		end(f, slot, now);
	else if (ended != 0 && (uint32_t)(now / MSEC) - ended > FLOW_GRACE_MS)
		flow_table_release(t, slot);
}

/* Somebody wants a place in them, and tries again some packets later. */
static void look_at_sets(struct flowcache *f, const struct flow_table *t, uint64_t hash, nsec now)
{
	for (uint32_t i = 0; i < FLOW_CANDIDATES; i++)
		look_at(f, flow_candidate(t, hash, i), now);
}

/* --- entering --- */

static csum sum_of(const void *at, size_t len)
{
	return csum_bytes(at, len);
}

/* As if it were not ICMP: RFC 7915 s4.5, s5.5. */
static uint16_t change_of(const struct flow_pair *p)
{
	csum v6 = sum_of(p->src6, sizeof(p->src6)) + sum_of(p->dst6, sizeof(p->dst6));
	csum v4 = sum_of(&p->src4, sizeof(p->src4)) + sum_of(&p->dst4, sizeof(p->dst4));
	uint8_t bytes[2];
	uint16_t w;

	be16_put(bytes, csum_fold(p->is_46 ? v6 + csum_less(v4) : v4 + csum_less(v6)));
	bytes_copy(&w, bytes, sizeof(w));
	return w;
}

static bool is_same(const struct flow_pair *a, const struct flow_pair *b)
{
	if (a->is_46 != b->is_46)
		return false;
	if (a->is_46)
		return a->src4 == b->src4 && a->dst4 == b->dst4;
	return bytes_equal(a->src6, b->src6, sizeof(a->src6)) &&
	       bytes_equal(a->dst6, b->dst6, sizeof(a->dst6));
}

/* Another worker may have entered it, and a few packets be on their way still. */
static bool is_there(const struct flowcache *f, const struct flow_pair *p, uint64_t hash)
{
	const struct flow_table *t = &f->claims->table[FLOW_KIND_PAIR];
	struct flow_pair have;

	for (uint32_t i = 0; i < FLOW_CANDIDATES; i++) {
		if (flow_table_read(t, flow_candidate(t, hash, i), &have) && have.epoch == f->epoch &&
			is_same(&have, p))
			return true;
	}
	return false;
}

/* Whether this packet makes the pair worth a slot. */
static bool is_its_turn(struct flowcache *f, uint64_t hash)
{
	struct pair_counter *c = &f->pair_counters[hash >> 32 & (COUNTERS - 1)];
	uint32_t tag = (uint32_t)hash;

	if (c->tag != tag)
		*c = (struct pair_counter){ .tag = tag };
	if (++c->pkts < ENTER_PKTS)
		return false;
	c->pkts = 0;
	return true;
}

static void see(struct flowcache *f, struct flow_pair *p, nsec now)
{
	struct flow_table *t = &f->claims->table[FLOW_KIND_PAIR];

	if (t->sets == 0 || f->n->traces_len > 0)
		return;
	uint64_t hash = flow_pair_hash(f->maps->head->key, p);

	if (!is_its_turn(f, hash) || now < f->begins || is_there(f, p, hash))
		return;
	uint32_t slot = flow_table_claim(t, hash, flow_owner(f->worker, 0));

	if (slot == FLOW_NO_SLOT) {
		f->count.pairs_full++;
		look_at_sets(f, t, hash, now);
		return;
	}
	p->epoch = (uint16_t)f->epoch;
	p->sum_addrs = change_of(p);
	p->seen = (uint32_t)(now / MSEC) | 1;
	flow_table_write(t, slot, p);
	f->count.pairs++;
	f->count.pairs_entered++;
}

static struct flow_pair pair_of(struct tuple6 a6, struct tuple4 a4)
{
	struct flow_pair p = { 0 };
	uint8_t bytes[4];

	addr6_put(p.src6, a6.src);
	addr6_put(p.dst6, a6.dst);
	addr4_put(bytes, a4.src);
	bytes_copy(&p.src4, bytes, sizeof(bytes));
	addr4_put(bytes, a4.dst);
	bytes_copy(&p.dst4, bytes, sizeof(bytes));
	return p;
}

void flowpairs_see64(struct flowcache *f, struct addr6 src, struct addr6 dst, struct tuple4 to, nsec now)
{
	struct flow_pair p = pair_of((struct tuple6){ .src = src, .dst = dst }, to);

	see(f, &p, now);
}

void flowpairs_see46(struct flowcache *f, struct addr4 src, struct addr4 dst, struct tuple6 to, nsec now)
{
	struct flow_pair p = pair_of(to, (struct tuple4){ .src = src, .dst = dst });

	p.is_46 = 1;
	see(f, &p, now);
}

/* --- the walk --- */

bool flowpairs_are_to_leave(const struct flowcache *f)
{
	return f->n->traces_len > 0 && f->count.pairs > 0;
}

/* Until a trace sees all of them the walk is faster, and the ticks follow each other at once. */
void flowpairs_tick(struct flowcache *f, nsec now)
{
	uint32_t slots = flow_slots(&f->claims->table[FLOW_KIND_PAIR]);
	uint32_t most = flowpairs_are_to_leave(f) ? WALK_URGENT : WALK;

	for (uint32_t looks = slots < most ? slots : most; looks > 0; looks--) {
		f->pair_cursor = f->pair_cursor + 1 < slots ? f->pair_cursor + 1 : 0;
		look_at(f, f->pair_cursor, now);
	}
}

bool flowpairs_validate(const struct flowcache *f)
{
	const struct flow_table *t = &f->claims->table[FLOW_KIND_PAIR];
	uint32_t live = 0;
	struct flow_pair p;

	for (uint32_t slot = 0; slot < flow_slots(t); slot++) {
		if (flow_owner_at(t, slot) != flow_owner(f->worker, 0))
			continue;
		live++;
		if (!flow_table_read(t, slot, &p) || p.epoch == 0 || p.sum_addrs != change_of(&p))
			return false;
	}
	return live == f->count.pairs;
}
