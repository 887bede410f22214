/*
 * lent46.c - the table of DNS46; see lent46.h
 *
 * Structure. One row for each address of the pool, in their order, so that an address finds its row without search; and
 * chains through the rows, by a keyed hash of the host's address, for the way back. Links are numbers of rows plus one,
 * so that memory of zeros is an empty table.
 *
 *	head | rows[len] | chains[mask + 1]
 *
 * Reading without locks. Each row has a sequence number that is odd while its host changes, so a reader never takes half
 * of one host's address and half of another's. A search in the chains that finds a row is right for that reason alone. One
 * that finds nothing may have been led astray by a row that moved to another chain under its feet; so the table has a
 * sequence number too, and "nothing" counts only if that has stayed even and the same. The reader tries again a few
 * times, then says LENT46_BUSY. A writer who dies in between leaves odd numbers: what is found still is right, and
 * lent46_take() of the next one mends the rest.
 *
 * Trust. The resolver, which writes, talks to the whole world, and the translator must outlive whatever it writes. All
 * that is read from the memory is checked when it is used: links against the number of rows, the steps of a search against
 * SEARCH_STEPS. Length, hash mask and key are never read again after lent46_attach(). The memory's size is sealed by who
 * made it.
 *
 * When an address is free. Clients keep addresses beyond their time, and connections last longer than names. So an
 * address stays its host's until @linger after the last record has expired and after the last packet; if there was
 * none, for LENT46_UNUSED_LINGER, so that names that are looked up for nothing do not fill the pool for hours.
 */
#include "addr/lent46.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdatomic.h>

#define SEARCH_STEPS 256 /* longer chains do not come by chance */
#define TRIES 64
#define USED_GRAIN NSEC	  /* how exactly @used is kept: it costs readers a cache line that others read */
#define SEARCH_PAUSE NSEC /* after a search in vain */
#define NO_ROW UINT32_MAX

struct lent46_row {
	_Atomic uint64_t hi, lo; /* of the host; both 0: lent to nobody */
	_Atomic uint64_t expires;
	_Atomic uint64_t used; /* the only thing that readers write */
	_Atomic uint32_t sequence;
	_Atomic uint32_t next; /* in the chain: row number plus one; 0: the end */
};

struct lent46_head {
	uint64_t k0, k1;
	uint32_t pool, pool_len;
	_Atomic uint32_t sequence;
	uint32_t padding[9]; /* the rows begin on a cache line */
};

_Static_assert(
	sizeof(struct lent46_head) == 64, "nothing shares the line of the sequence number but what stays");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics work between processes");

static uint32_t pool_size(struct prefix4 pool)
{
	return pool.len < 32 ? UINT32_C(1) << (32 - pool.len) : 1;
}

size_t lent46_bytes(struct prefix4 pool)
{
	ASSERT(pool.len >= LENT46_POOL_SHORTEST && pool.len <= 32);
	uint32_t len = pool_size(pool);

	return sizeof(struct lent46_head) + len * (sizeof(struct lent46_row) + sizeof(uint32_t));
}

void lent46_make(void *memory, struct prefix4 pool, const struct hash_key *key)
{
	struct lent46_head *h = memory;

	h->k0 = key->k0;
	h->k1 = key->k1;
	h->pool = pool.addr.v;
	h->pool_len = pool.len;
}

bool lent46_attach(struct lent46 *t, struct prefix4 pool, void *memory)
{
	struct lent46_head *h = memory;
	uint32_t len = pool_size(pool);

	if (h->pool != pool.addr.v || h->pool_len != pool.len)
		return false;
	struct lent46_row *rows = (void *)((uint8_t *)memory + sizeof(*h));

	*t = (struct lent46){
		.pool = pool,
		.len = len,
		.mask = len - 1,
		.head = h,
		.rows = rows,
		.chains = (void *)(rows + len),
		.key = { h->k0, h->k1 },
	};
	return true;
}

/* --- reading --- */

static bool is_nobody(struct addr6 a)
{
	return a.hi == 0 && a.lo == 0;
}

static uint32_t chain_of(const struct lent46 *t, struct addr6 a)
{
	const uint64_t words[] = { a.hi, a.lo };

	return (uint32_t)hash_words(&t->key, words, 2) & t->mask;
}

static uint32_t sequence_begin(_Atomic uint32_t *s)
{
	return atomic_load_explicit(s, memory_order_acquire);
}

static bool sequence_held(_Atomic uint32_t *s, uint32_t before)
{
	atomic_thread_fence(memory_order_acquire);
	return before % 2 == 0 && atomic_load_explicit(s, memory_order_relaxed) == before;
}

/* The host of a row, or false if it changes right now. */
static bool row_read(struct lent46_row *r, struct addr6 *ret)
{
	uint32_t before = sequence_begin(&r->sequence);
	struct addr6 a = { atomic_load_explicit(&r->hi, memory_order_relaxed),
		atomic_load_explicit(&r->lo, memory_order_relaxed) };

	*ret = a;
	return sequence_held(&r->sequence, before);
}

static void row_use(struct lent46_row *r, nsec now)
{
	uint64_t used = atomic_load_explicit(&r->used, memory_order_relaxed);

	if (now > 0 && (used > now || now - used >= USED_GRAIN))
		atomic_store_explicit(&r->used, now, memory_order_relaxed);
}

enum lent46_found lent46_find4(const struct lent46 *t, struct addr4 a, nsec now, struct addr6 *ret)
{
	struct addr6 target;

	if (!prefix4_contains(t->pool, a))
		return LENT46_NONE;
	struct lent46_row *r = &t->rows[a.v - t->pool.addr.v];
	unsigned tries = 0;

	while (!row_read(r, &target))
		if (++tries == TRIES)
			return LENT46_BUSY;
	if (is_nobody(target))
		return LENT46_NONE;
	row_use(r, now);
	*ret = target;
	return LENT46_FOUND;
}

/* The number of the row that is lent to @a, or NO_ROW. */
static uint32_t search(const struct lent46 *t, struct addr6 a, uint32_t chain)
{
	uint32_t link = atomic_load_explicit(&t->chains[chain], memory_order_acquire);

	for (unsigned step = 0; step < SEARCH_STEPS && link > 0 && link <= t->len; step++) {
		struct lent46_row *r = &t->rows[link - 1];
		struct addr6 target;

		if (row_read(r, &target) && addr6_eq(target, a))
			return link - 1;
		link = atomic_load_explicit(&r->next, memory_order_acquire);
	}
	return NO_ROW;
}

static struct addr4 address_of(const struct lent46 *t, uint32_t row)
{
	return (struct addr4){ t->pool.addr.v + row };
}

enum lent46_found lent46_find6(const struct lent46 *t, struct addr6 target, nsec now, struct addr4 *ret)
{
	uint32_t chain = chain_of(t, target);

	if (is_nobody(target))
		return LENT46_NONE;
	for (unsigned tries = 0; tries < TRIES; tries++) {
		uint32_t before = sequence_begin(&t->head->sequence), row = search(t, target, chain);

		if (row != NO_ROW) {
			row_use(&t->rows[row], now);
			*ret = address_of(t, row);
			return LENT46_FOUND;
		}
		if (sequence_held(&t->head->sequence, before))
			return LENT46_NONE;
	}
	return LENT46_BUSY;
}

bool lent46_at(const struct lent46 *t, uint32_t i, struct lent46_binding *ret)
{
	struct lent46_binding b = { .address = address_of(t, i) };

	if (i >= t->len || lent46_find4(t, b.address, 0, &b.target) != LENT46_FOUND)
		return false;
	b.expires = atomic_load_explicit(&t->rows[i].expires, memory_order_relaxed);
	b.used = atomic_load_explicit(&t->rows[i].used, memory_order_relaxed);
	*ret = b;
	return true;
}

/* --- writing --- */

/* Odd from here to sequence_end(), also if it was left odd by somebody who was killed. */
static void sequence_change(_Atomic uint32_t *s)
{
	uint32_t now = atomic_load_explicit(s, memory_order_relaxed);

	atomic_store_explicit(s, now | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void sequence_end(_Atomic uint32_t *s)
{
	uint32_t now = atomic_load_explicit(s, memory_order_relaxed);

	atomic_store_explicit(s, now + 1, memory_order_release);
}

static struct addr6 target_of(const struct lent46 *t, uint32_t row)
{
	return (struct addr6){ atomic_load_explicit(&t->rows[row].hi, memory_order_relaxed),
		atomic_load_explicit(&t->rows[row].lo, memory_order_relaxed) };
}

static void row_write(struct lent46_row *r, struct addr6 target, nsec until)
{
	sequence_change(&r->sequence);
	atomic_store_explicit(&r->hi, target.hi, memory_order_relaxed);
	atomic_store_explicit(&r->lo, target.lo, memory_order_relaxed);
	atomic_store_explicit(&r->expires, until, memory_order_relaxed);
	atomic_store_explicit(&r->used, 0, memory_order_relaxed);
	sequence_end(&r->sequence);
}

static void link_row(const struct lent46 *t, uint32_t row)
{
	_Atomic uint32_t *chain = &t->chains[chain_of(t, target_of(t, row))];

	atomic_store_explicit(&t->rows[row].next, atomic_load(chain), memory_order_release);
	atomic_store_explicit(chain, row + 1, memory_order_release);
}

static void unlink_row(const struct lent46 *t, uint32_t row)
{
	_Atomic uint32_t *at = &t->chains[chain_of(t, target_of(t, row))];

	for (unsigned step = 0; step < SEARCH_STEPS; step++) {
		uint32_t link = atomic_load_explicit(at, memory_order_relaxed);

		if (link == 0 || link > t->len)
			return;
		if (link - 1 == row) {
			atomic_store_explicit(at,
				atomic_load_explicit(&t->rows[row].next, memory_order_relaxed),
				memory_order_release);
			return;
		}
		at = &t->rows[link - 1].next;
	}
}

/* Of two rows with the same host, which only a broken writer leaves, the second loses it. */
static void mend_row(const struct lent46 *t, uint32_t row)
{
	struct addr6 target = target_of(t, row);

	if (is_nobody(target))
		return;
	if (search(t, target, chain_of(t, target)) == NO_ROW)
		link_row(t, row);
	else
		row_write(&t->rows[row], (struct addr6){ 0, 0 }, 0);
}

/* A row that was being written may hold halves of two hosts: it is nobody's. */
static void mend_half(struct lent46_row *r)
{
	if (atomic_load(&r->sequence) % 2 == 1)
		row_write(r, (struct addr6){ 0, 0 }, 0);
}

void lent46_take(struct lent46_writer *w, const struct lent46 *t, nsec linger)
{
	*w = (struct lent46_writer){ .table = *t, .linger = linger };
	sequence_change(&t->head->sequence);
	for (uint32_t i = 0; i <= t->mask; i++)
		atomic_store_explicit(&t->chains[i], 0, memory_order_relaxed);
	for (uint32_t i = 0; i < t->len; i++) {
		mend_half(&t->rows[i]);
		mend_row(t, i);
	}
	sequence_end(&t->head->sequence);
}

bool lent46_is_free(const struct lent46_binding *b, nsec now, nsec linger)
{
	nsec last = b->used > b->expires ? b->used : b->expires;
	nsec wait = b->used == 0 && linger > LENT46_UNUSED_LINGER ? LENT46_UNUSED_LINGER : linger;

	return now > last && now - last > wait;
}

static uint32_t find_free(struct lent46_writer *w, nsec now)
{
	const struct lent46 *t = &w->table;
	struct lent46_binding b;

	if (now < w->no_search)
		return NO_ROW;
	for (uint32_t i = 0; i < t->len; i++) {
		uint32_t row = (w->next + i) & t->mask;

		if (lent46_at(t, row, &b) && !lent46_is_free(&b, now, w->linger))
			continue;
		w->next = (row + 1) & t->mask;
		return row;
	}
	w->no_search = now + SEARCH_PAUSE;
	return NO_ROW;
}

static void relink(const struct lent46 *t, uint32_t row, struct addr6 target, nsec until)
{
	sequence_change(&t->head->sequence);
	unlink_row(t, row);
	row_write(&t->rows[row], target, until);
	link_row(t, row);
	sequence_end(&t->head->sequence);
}

int lent46_lend(struct lent46_writer *w, struct addr6 target, nsec now, nsec until, struct addr4 *ret)
{
	const struct lent46 *t = &w->table;
	uint32_t row;

	if (is_nobody(target))
		return -ENOSPC;
	row = search(t, target, chain_of(t, target));
	if (row == NO_ROW) {
		row = find_free(w, now);
		if (row == NO_ROW)
			return -ENOSPC;
		relink(t, row, target, until);
	} else if (atomic_load_explicit(&t->rows[row].expires, memory_order_relaxed) < until) {
		atomic_store_explicit(&t->rows[row].expires, until, memory_order_relaxed);
	}
	*ret = address_of(t, row);
	return 0;
}
