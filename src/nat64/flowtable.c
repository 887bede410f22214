/*
 * flowtable.c - the slots that the kernel's programs read: who may write which, and in which order
 *
 * Purpose. bpf/abi.h says what lies in the tables, docs/fastpath.md what for. This file is the part of it that knows nothing of
 * sessions: memory that programs read at any time, and that several workers write.
 *
 * Structure. A @flow_table is an array of sets of FLOW_WAYS slots. Beside it, in the process's own memory, lies one word for each
 * slot that says who owns it. Only the owner writes a slot, so writers need no lock; they meet at the owner's word alone.
 *
 * Life of a slot.
 *
 *	free --flow_table_claim()--> owned --flow_table_write()--> found by packets --flow_table_end()--> ended
 *	  ^                                                                                                |
 *	  +---------------------------- flow_table_release(), FLOW_GRACE_MS later -------------------------+
 *
 * The wait is for programs that have read the slot before it ended: they note what they translated when they are done with it,
 * and must not note it on the flow that comes next.
 *
 * Order. A writer makes the sequence odd, writes, and makes it even again. Whoever reads takes what he has read only if the
 * sequence was even, and the same before and afterwards. A writer that dies in between leaves an odd one, which the next
 * translator makes even (@flow_claims_new, @flow_claims_settle).
 *
 * Epochs. A slot counts if its epoch is that of the head. A worker that takes another configuration publishes a new one, and all
 * slots, those of the other workers too, count no more. The workers count configurations alike, so all that take the same
 * one have the same epoch; one that has not got so far writes slots with an old epoch, which nobody finds.
 *
 * Limits. 65535 epochs, and around: a slot of 65535 configurations ago was cleaned long before.
 */
#include "nat64/flowtable.h"

#include <errno.h>
#include <stdlib.h>

/* Another processor's clock, or a coarse one, may be ahead of or behind ours by so much. */
#define CLOCK_SLACK_MS 10
#define CLOCK_AHEAD_MS 60000

_Static_assert(sizeof(struct flow_line) == sizeof(struct flow64_slot) &&
		       sizeof(struct flow_line) == sizeof(struct flow46_slot) &&
		       sizeof(struct flow_line) == sizeof(struct flow_pair),
	"every slot is a line");
_Static_assert(offsetof(struct flow64_slot, epoch) == offsetof(struct flow_line, head) &&
		       offsetof(struct flow46_slot, epoch) == offsetof(struct flow_line, head) &&
		       offsetof(struct flow_pair, epoch) == offsetof(struct flow_line, head),
	"the epoch stands in the same place");

/* --- one slot --- */

uint32_t flow_table_claim(struct flow_table *t, uint64_t hash, uint64_t owner)
{
	if (t->sets == 0)
		return FLOW_NO_SLOT;
	for (uint32_t i = 0; i < FLOW_CANDIDATES; i++) {
		uint32_t slot = flow_candidate(t, hash, i);
		uint64_t free = FLOW_FREE;

		if (flow_owner_at(t, slot) == FLOW_FREE &&
			__atomic_compare_exchange_n(
				&t->owners[slot], &free, owner, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return slot;
	}
	return FLOW_NO_SLOT;
}

void flow_table_release(struct flow_table *t, uint32_t slot)
{
	__atomic_store_n(&t->owners[slot], FLOW_FREE, __ATOMIC_RELEASE);
}

/* What follows is not done before the number is odd: an exchange lets nothing pass. */
static uint32_t begin(struct flow_line *l)
{
	uint32_t odd = __atomic_load_n(&l->sequence, __ATOMIC_RELAXED) | 1;

	(void)__atomic_exchange_n(&l->sequence, odd, __ATOMIC_SEQ_CST);
	return odd;
}

static void finish(struct flow_line *l, uint32_t odd)
{
	__atomic_store_n(&l->sequence, odd + 1, __ATOMIC_RELEASE);
}

void flow_table_write(struct flow_table *t, uint32_t slot, const void *from)
{
	const struct flow_line *f = from;
	struct flow_line *l = &t->lines[slot];
	uint32_t odd = begin(l);

	__atomic_store_n(&l->head, f->head, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ARRAY_LEN(l->body); i++)
		__atomic_store_n(&l->body[i], f->body[i], __ATOMIC_RELAXED);
	finish(l, odd);
}

/* The flags stay, and a program may set one at the same time: that a SYN passed is known when the flow is harvested. */
void flow_table_end(struct flow_table *t, uint32_t slot)
{
	struct flow_line *l = &t->lines[slot];
	uint32_t odd = begin(l);

	__atomic_store_n((flow_half *)&l->head, 0, __ATOMIC_RELAXED);
	finish(l, odd);
}

bool flow_table_read(const struct flow_table *t, uint32_t slot, void *ret)
{
	const struct flow_line *l = &t->lines[slot];
	struct flow_line *r = ret;

	r->sequence = __atomic_load_n(&l->sequence, __ATOMIC_ACQUIRE);
	r->head = __atomic_load_n(&l->head, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ARRAY_LEN(l->body); i++)
		r->body[i] = __atomic_load_n(&l->body[i], __ATOMIC_RELAXED);
	return (r->sequence & 1) == 0;
}

nsec flow_seen_at(uint32_t seen, nsec now)
{
	uint32_t age = (uint32_t)(now / MSEC) - seen;

	if (seen == 0)
		return 0;
	if (age > UINT32_MAX - CLOCK_AHEAD_MS || age <= CLOCK_SLACK_MS)
		return now;
	nsec ago = (nsec)(age - CLOCK_SLACK_MS) * MSEC;

	return ago < now ? now - ago : 1;
}

/* --- what was counted --- */

static void sum_words(const struct flow_maps *m, uint64_t ret[static FLOW_TALLY_WORDS])
{
	bytes_zero(ret, FLOW_TALLY_WORDS * sizeof(*ret));
	for (uint32_t p = 0; p < m->processors; p++) {
		const uint64_t *words = (const void *)&m->tallies[p];

		for (unsigned i = 0; i < FLOW_TALLY_WORDS; i++)
			ret[i] += __atomic_load_n(&words[i], __ATOMIC_RELAXED);
	}
}

void flow_totals_ever(const struct flow_maps *m, struct flow_tallies *ret)
{
	uint64_t sum[FLOW_TALLY_WORDS];

	sum_words(m, sum);
	bytes_copy(ret, sum, sizeof(sum));
}

void flow_totals(const struct flow_maps *m, struct flow_tallies *ret)
{
	uint64_t sum[FLOW_TALLY_WORDS];

	sum_words(m, sum);
	for (unsigned i = 0; i < FLOW_TALLY_WORDS; i++)
		sum[i] -= m->claims->before[i];
	bytes_copy(ret, sum, sizeof(sum));
}

/* --- all of them --- */

static bool is_power_of_two(uint32_t n)
{
	return (n & (n - 1)) == 0;
}

static void end_ownerless(struct flow_table *t)
{
	for (uint32_t slot = 0; slot < flow_slots(t); slot++) {
		const struct flow_line *l = &t->lines[slot];

		if (flow_owner_at(t, slot) == FLOW_FREE && (l->head != 0 || l->sequence % 2 != 0))
			flow_table_end(t, slot);
	}
}

static void end_all_ownerless(struct flow_claims *c)
{
	for (unsigned k = 0; k < FLOW_KINDS; k++)
		end_ownerless(&c->table[k]);
}

static bool has_epoch(const struct flow_head *h)
{
	return h->epoch > 0 && h->epoch <= UINT16_MAX;
}

static int claims_init(struct flow_claims *c, const struct flow_maps *m)
{
	c->table[FLOW_KIND_64] = (struct flow_table){ .lines = (void *)m->flows64, .sets = m->sets64 };
	c->table[FLOW_KIND_46] = (struct flow_table){ .lines = (void *)m->flows46, .sets = m->sets46 };
	c->table[FLOW_KIND_PAIR] = (struct flow_table){ .lines = (void *)m->pairs, .sets = m->pair_sets };
	for (unsigned k = 0; k < FLOW_KINDS; k++) {
		struct flow_table *t = &c->table[k];

		t->owners = calloc((size_t)flow_slots(t) + 1, sizeof(*t->owners));
		if (!t->owners)
			return -ENOMEM;
	}
	return 0;
}

int flow_claims_new(struct flow_maps *m, enum flow_start start)
{
	if (!is_power_of_two(m->sets64) || !is_power_of_two(m->sets46) || !is_power_of_two(m->pair_sets))
		return -EINVAL;
	struct flow_claims *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	m->claims = c;
	int r = claims_init(c, m);

	if (r < 0) {
		flow_claims_free(m);
		return r;
	}
	c->found = *m->head;
	c->may_adopt = start == FLOW_START_ADOPT && has_epoch(m->head);
	c->first_epoch = c->may_adopt ? m->head->epoch : flow_epoch_next(m->head->epoch);
	sum_words(m, c->before);
	if (!c->may_adopt) {
		__atomic_store_n(&m->head->epoch, 0, __ATOMIC_SEQ_CST);
		end_all_ownerless(c);
	}
	return 0;
}

void flow_claims_settle(struct flow_maps *m)
{
	m->claims->may_adopt = false;
	end_all_ownerless(m->claims);
}

void flow_claims_free(struct flow_maps *m)
{
	struct flow_claims *c = m->claims;

	if (!c)
		return;
	m->claims = NULL;
	if (!c->is_left)
		__atomic_store_n(&m->head->epoch, 0, __ATOMIC_SEQ_CST);
	for (unsigned k = 0; k < FLOW_KINDS; k++)
		free(c->table[k].owners);
	free(c);
}

/* --- the head --- */

static bool means_the_same(const struct flow_head *a, const struct flow_head *b)
{
	return bytes_equal(a->prefixes, b->prefixes, sizeof(a->prefixes)) && a->pool == b->pool &&
	       a->pool_mask == b->pool_mask && a->lowest_ipv6_mtu == b->lowest_ipv6_mtu &&
	       a->has_pairs == b->has_pairs;
}

uint32_t flow_start_epoch(const struct flow_maps *m, const struct flow_head *want)
{
	const struct flow_claims *c = m->claims;

	return c->may_adopt && !means_the_same(&c->found, want) ? flow_epoch_next(c->first_epoch)
								: c->first_epoch;
}

/* Nobody holds it for longer than a few stores. */
static void lock(uint32_t *l)
{
	while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE) != 0)
		;
}

static void unlock(uint32_t *l)
{
	__atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

static bool is_newer(uint32_t a, uint32_t b)
{
	return (int16_t)(uint16_t)(a - b) > 0;
}

void flow_publish(const struct flow_maps *m, const struct flow_head *want, uint32_t epoch)
{
	struct flow_claims *c = m->claims;
	struct flow_head *h = m->head;

	lock(&c->lock);
	if (c->epoch == 0 || is_newer(epoch, c->epoch)) {
		c->epoch = epoch;
		__atomic_store_n(&h->epoch, 0, __ATOMIC_SEQ_CST);
		h->pool = want->pool;
		h->pool_mask = want->pool_mask;
		h->lowest_ipv6_mtu = want->lowest_ipv6_mtu;
		h->has_pairs = want->has_pairs;
		bytes_copy(h->prefixes, want->prefixes, sizeof(h->prefixes));
		__atomic_store_n(&h->epoch, epoch, __ATOMIC_RELEASE);
	}
	unlock(&c->lock);
}
