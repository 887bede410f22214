/*
 * eam.c - explicit address mappings
 *
 * Purpose. RFC 6052 puts an IPv4 address into an IPv6 prefix at one fixed place, and so dictates how the IPv6 hosts are
 * numbered. An explicit mapping says instead which IPv4 prefix stands for which IPv6 prefix, and leaves both sides the
 * addresses that they have:
 *
 *	IPv4	| prefix bits of v4 |  suffix  |
 *	IPv6	| prefix bits of v6 |  suffix  | 0 ... |	RFC 7757 s3.3
 *
 * The IPv6 suffix may be longer; what is behind the IPv4 suffix is zero on the way to IPv6, and not looked at on the way
 * back.
 *
 * Structure. The table holds the mappings as they were given, and for each family an order: sorted by address, of equal
 * addresses the shorter prefix first. Prefixes either contain each other or have nothing in common, so the last one that
 * begins at or before an address has the longest match, or lies inside it. Each place therefore knows its parent, the
 * next larger prefix around it, and a look-up is a binary search with a few steps outward (find_place()).
 *
 * Life cycle. Filled at the start and at a reload, in memory that its owner has; looked up for each packet. Sorting is
 * done by a heap, since the C library's qsort() may allocate.
 *
 * Limits. EAM_MAX mappings. Prefixes nest at most as deep as an address has bits.
 *
 * Deliberately not done. The table does not refuse mappings that are not symmetric (RFC 7757 s5): conf/ warns of them.
 *
 * Standards: RFC 7757 s3.
 */
#include "addr/eam.h"

#define NONE UINT16_MAX

_Static_assert(EAM_MAX < NONE, "indices fit");

static unsigned suffix4(const struct eam *e)
{
	return 32u - e->v4.len;
}

const char *eam_fault(const struct eam *e)
{
	if (!prefix4_validate(e->v4) || !prefix6_validate(e->v6))
		return "bits after the prefix length must be zero";
	if (suffix4(e) > 128u - e->v6.len)
		return "the IPv6 prefix must leave at least as many bits as the IPv4 prefix";
	return NULL;
}

/* --- one mapping --- */

/* The 32 bits of @a that begin at bit @from, which is at most 128; what lies beyond its end is zero. */
static uint32_t bits_at(struct addr6 a, unsigned from)
{
	if (from >= 128)
		return 0;
	if (from >= 64)
		return (uint32_t)(a.lo << (from - 64) >> 32);
	uint64_t word = from == 0 ? a.hi : a.hi << from | a.lo >> (64 - from);

	return (uint32_t)(word >> 32);
}

/* An address whose bits from @from on are the 32 of @bits; all others are zero, and what does not fit is left out. */
static struct addr6 bits_put(uint32_t bits, unsigned from)
{
	uint64_t word = (uint64_t)bits << 32;

	if (from >= 128)
		return (struct addr6){ 0, 0 };
	if (from >= 64)
		return (struct addr6){ 0, word >> (from - 64) };
	return (struct addr6){ word >> from, from == 0 ? 0 : word << (64 - from) };
}

/* The suffix, moved to the front of 32 bits. */
static uint32_t suffix_of(const struct eam *e, struct addr4 a)
{
	return suffix4(e) == 0 ? 0 : a.v << e->v4.len;
}

struct addr6 eam_to6(const struct eam *e, struct addr4 a)
{
	struct addr6 suffix = bits_put(suffix_of(e, a), e->v6.len);

	return (struct addr6){ e->v6.addr.hi | suffix.hi, e->v6.addr.lo | suffix.lo };
}

struct addr4 eam_to4(const struct eam *e, struct addr6 a)
{
	if (suffix4(e) == 0)
		return e->v4.addr;
	return (struct addr4){ e->v4.addr.v | bits_at(a, e->v6.len) >> e->v4.len };
}

/* --- the two orders; leaf functions for each family --- */

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Negative, zero or positive, as the prefix of @a comes before, with or after that of @b. */
static int compare4(const struct eam *a, const struct eam *b)
{
	int c = compare_u64(a->v4.addr.v, b->v4.addr.v);

	return c != 0 ? c : compare_u64(a->v4.len, b->v4.len);
}

static int compare6(const struct eam *a, const struct eam *b)
{
	int c = compare_u64(a->v6.addr.hi, b->v6.addr.hi);

	if (c == 0)
		c = compare_u64(a->v6.addr.lo, b->v6.addr.lo);
	return c != 0 ? c : compare_u64(a->v6.len, b->v6.len);
}

static bool contains4(const struct eam *outer, const struct eam *inner)
{
	return outer->v4.len <= inner->v4.len && prefix4_contains(outer->v4, inner->v4.addr);
}

static bool contains6(const struct eam *outer, const struct eam *inner)
{
	return outer->v6.len <= inner->v6.len && prefix6_contains(outer->v6, inner->v6.addr);
}

struct family {
	int (*compare)(const struct eam *a, const struct eam *b);
	bool (*contains)(const struct eam *outer, const struct eam *inner);
};

static const struct family family4 = { compare4, contains4 }, family6 = { compare6, contains6 };

/* Whether the mapping at index @a comes before that at @b. Of equal ones the one given first comes last: it is found. */
static bool is_before(const struct eam_table *t, const struct family *f, uint16_t a, uint16_t b)
{
	int c = f->compare(&t->rows[a], &t->rows[b]);

	return c != 0 ? c < 0 : a > b;
}

/* Lets the value at @at sink in a heap of @len, the last in order on top. */
static void heap_sink(
	const struct eam_table *t, const struct family *f, uint16_t *heap, unsigned at, unsigned len)
{
	uint16_t value = heap[at];

	for (unsigned child = 2 * at + 1; child < len; child = 2 * at + 1) {
		if (child + 1 < len && is_before(t, f, heap[child], heap[child + 1]))
			child++;
		if (!is_before(t, f, value, heap[child]))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = value;
}

static void order_sort(const struct eam_table *t, const struct family *f, struct eam_order *o)
{
	for (unsigned i = 0; i < t->len; i++)
		o->at[i] = (uint16_t)i;
	for (unsigned i = t->len / 2; i-- > 0;)
		heap_sink(t, f, o->at, i, t->len);
	for (unsigned last = t->len; last-- > 1;) {
		uint16_t top = o->at[0];

		o->at[0] = o->at[last];
		o->at[last] = top;
		heap_sink(t, f, o->at, 0, last);
	}
}

/* The one before is the parent, or lies beside this one inside the parent; so the way outward from it leads there. */
static void order_link(const struct eam_table *t, const struct family *f, struct eam_order *o)
{
	for (unsigned i = 0; i < t->len; i++) {
		uint16_t around = i == 0 ? NONE : (uint16_t)(i - 1);

		while (around != NONE && !f->contains(&t->rows[o->at[around]], &t->rows[o->at[i]]))
			around = o->parent[around];
		o->parent[i] = around;
	}
}

void eam_table_fill(struct eam_table *t, const struct eam *e, unsigned len)
{
	ASSERT(len <= EAM_MAX);
	for (unsigned i = 0; i < len; i++)
		t->rows[i] = e[i];
	t->len = len;
	order_sort(t, &family4, &t->by4);
	order_link(t, &family4, &t->by4);
	order_sort(t, &family6, &t->by6);
	order_link(t, &family6, &t->by6);
}

/* --- looking up --- */

/* @key: a mapping whose prefix is the address itself, in full length */
static const struct eam *find_place(
	const struct eam_table *t, const struct family *f, const struct eam_order *o, const struct eam *key)
{
	unsigned lo = 0, hi = t->len;

	while (lo < hi) { /* in front of @lo all begin at or before the address */
		unsigned middle = lo + (hi - lo) / 2;

		if (f->compare(&t->rows[o->at[middle]], key) <= 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	for (uint16_t at = lo == 0 ? NONE : (uint16_t)(lo - 1); at != NONE; at = o->parent[at]) {
		const struct eam *e = &t->rows[o->at[at]];

		if (f->contains(e, key))
			return e;
	}
	return NULL;
}

const struct eam *eam_find4(const struct eam_table *t, struct addr4 a)
{
	const struct eam key = { .v4 = { a, 32 } };

	return find_place(t, &family4, &t->by4, &key);
}

const struct eam *eam_find6(const struct eam_table *t, struct addr6 a)
{
	const struct eam key = { .v6 = { a, 128 } };

	return find_place(t, &family6, &t->by6, &key);
}
