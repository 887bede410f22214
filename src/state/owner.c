/* owner.c - see owner.h */
#include "state/owner.h"

#include "base/bytes.h"
#include "state/fixed.h"
#include "state/pool.h"

#include <errno.h>
#include <stdlib.h>

#define TABLE_LEAST 1024u /* words */
#define WORKER_BITS 16	  /* of a word of the table */

/* A permutation of 64-bit words in which each bit depends on all (the last step of SplitMix64). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Scales 32 bits to 0 .. len - 1. */
static unsigned spread(const struct owners *o, uint64_t hash)
{
	return (unsigned)((hash >> 32) * o->len >> 32);
}

unsigned owners_fit(const struct state_config *c, unsigned workers)
{
	uint64_t most = pool_blocks(c) / OWNER_BLOCKS_LEAST;

	if (workers > OWNERS_MAX)
		workers = OWNERS_MAX;
	if (most >= workers || c->pool_len == 0)
		return workers;
	return most > 0 ? (unsigned)most : 1;
}

uint32_t owners_table_len(const struct state_config *c)
{
	uint64_t wanted = 2 * pool_blocks(c);
	uint32_t len = TABLE_LEAST;

	while (len < wanted && len < OWNERS_TABLE_MAX)
		len *= 2;
	return len;
}

/* --- the rules --- */

static struct addr6 prefix_of(const struct owners *o, struct addr6 in)
{
	return addr6_truncate(in, o->subscriber_len);
}

static unsigned rule_of_subscriber(const struct owners *o, struct addr6 prefix)
{
	return spread(o, mix(prefix.hi ^ mix(prefix.lo)));
}

static unsigned rule_of_block(const struct owners *o, struct addr4 out, uint32_t number)
{
	return (out.v + number) % o->len;
}

unsigned owner_of_protocol(const struct owners *o, uint8_t number)
{
	return number % o->len;
}

unsigned owner_of_datagram(
	const struct owners *o, struct addr4 src, struct addr4 dst, uint32_t id, uint8_t protocol)
{
	return spread(o, mix(mix((uint64_t)src.v << 32 | dst.v) ^ ((uint64_t)protocol << 32 | id)));
}

/* --- pinned subscribers --- */

static int prefix_compare(struct addr6 a, struct addr6 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

static const struct owner_pin *pin_find(const struct owners *o, struct addr6 prefix)
{
	unsigned from = 0, to = o->pins_len;

	while (from < to) {
		unsigned mid = from + (to - from) / 2;
		int order = prefix_compare(o->pins[mid].prefix, prefix);

		if (order == 0)
			return &o->pins[mid];
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

unsigned owner_of_subscriber(const struct owners *o, struct addr6 in)
{
	struct addr6 prefix = prefix_of(o, in);
	const struct owner_pin *pin = o->pins_len == 0 ? NULL : pin_find(o, prefix);

	return pin ? pin->worker : rule_of_subscriber(o, prefix);
}

/* --- moved blocks --- */

static uint64_t block_key(const struct owners *o, struct addr4 out, uint16_t port)
{
	return (uint64_t)out.v << 32 | (uint64_t)(port >> o->block_shift) << WORKER_BITS;
}

static _Atomic uint64_t *word_at(const struct owners *o, uint64_t key, unsigned probe)
{
	return &o->moved.words[((mix(key) >> 32) + probe) & (o->moved.len - 1)];
}

static bool is_key_of(uint64_t key, uint64_t word)
{
	return word >> WORKER_BITS == key >> WORKER_BITS;
}

/* Words are never emptied, so the first empty one ends the search. */
unsigned owner_of_block(const struct owners *o, struct addr4 out, uint16_t port)
{
	uint64_t key = block_key(o, out, port);
	struct fixed_block fixed;

	for (unsigned probe = 0; probe < OWNER_PROBES; probe++) {
		uint64_t word = atomic_load_explicit(word_at(o, key, probe), memory_order_acquire);

		if (word == 0)
			break;
		if (is_key_of(key, word))
			return (unsigned)(word & ((1u << WORKER_BITS) - 1)) - 1;
	}
	if (UNLIKELY(o->fixed != NULL) && fixed_block_at(o->fixed, out, port, &fixed))
		return owner_of_subscriber(o, fixed.subscriber.addr);
	return rule_of_block(o, out, (uint32_t)port >> o->block_shift);
}

/*
 * Another worker may take the empty word at the same moment for another block; then the search goes on behind it. Not on
 * the path of a packet, so the exchange may cost what it costs.
 */
bool owner_move_block(const struct owners *o, struct addr4 out, uint16_t port, unsigned worker)
{
	uint64_t key = block_key(o, out, port), wanted = key | (worker + 1);

	for (unsigned probe = 0; probe < OWNER_PROBES; probe++) {
		_Atomic uint64_t *at = word_at(o, key, probe);
		uint64_t word = atomic_load_explicit(at, memory_order_acquire);

		if (word == 0 && atomic_compare_exchange_strong(at, &word, wanted))
			return true;
		if (is_key_of(key, word)) {
			atomic_store_explicit(at, wanted, memory_order_release);
			return true;
		}
	}
	return false;
}

/* --- what static bindings ask for --- */

/* One static binding under one of its two keys. */
struct member {
	uint64_t hi, lo;
	unsigned i;
};

static int member_compare(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return prefix_compare((struct addr6){ x->hi, x->lo }, (struct addr6){ y->hi, y->lo });
}

/* Group numbers: each static binding points at one of a lower number in its group, the lowest at itself. */
static unsigned group_of(unsigned *group, unsigned i)
{
	while (group[i] != i) {
		group[i] = group[group[i]];
		i = group[i];
	}
	return i;
}

static void group_join(unsigned *group, unsigned a, unsigned b)
{
	a = group_of(group, a);
	b = group_of(group, b);
	group[a < b ? b : a] = a < b ? a : b;
}

static void join_equal(struct member *m, unsigned len, unsigned *group)
{
	qsort(m, len, sizeof(*m), member_compare);
	for (unsigned k = 1; k < len; k++) {
		if (member_compare(&m[k - 1], &m[k]) == 0)
			group_join(group, m[k - 1].i, m[k].i);
	}
}

/* Static bindings that share a subscriber or a block must share a worker. */
static void make_groups(
	const struct owners *o, const struct state_config *c, struct member *m, unsigned *group)
{
	for (unsigned i = 0; i < c->statics_len; i++) {
		group[i] = i;
		m[i] = (struct member){ .hi = block_key(o, c->statics[i].out, c->statics[i].out_port),
			.i = i };
	}
	join_equal(m, c->statics_len, group);
	for (unsigned i = 0; i < c->statics_len; i++) {
		struct addr6 prefix = prefix_of(o, c->statics[i].in);

		m[i] = (struct member){ prefix.hi, prefix.lo, i };
	}
	join_equal(m, c->statics_len, group);
}

/* @m is sorted by subscriber. */
static int place_groups(
	struct owners *o, const struct state_config *c, const struct member *m, unsigned *group)
{
	for (unsigned k = 0; k < c->statics_len; k++) {
		struct addr6 prefix = { m[k].hi, m[k].lo };
		const struct static_binding *b = &c->statics[m[k].i];
		struct addr6 first = prefix_of(o, c->statics[group_of(group, m[k].i)].in);
		unsigned worker = rule_of_subscriber(o, first);
		bool is_known = o->pins_len > 0 && addr6_eq(o->pins[o->pins_len - 1].prefix, prefix);

		if (worker != rule_of_subscriber(o, prefix) && !is_known)
			o->pins[o->pins_len++] = (struct owner_pin){ prefix, worker };
		if (owner_of_block(o, b->out, b->out_port) != worker &&
			!owner_move_block(o, b->out, b->out_port, worker))
			return -ENOSPC;
	}
	return 0;
}

static int place_statics(struct owners *o, const struct state_config *c)
{
	struct member *m = calloc(c->statics_len, sizeof(*m));
	unsigned *group = calloc(c->statics_len, sizeof(*group));
	int r = -ENOMEM;

	o->pins = calloc(c->statics_len, sizeof(*o->pins));
	if (m && group && o->pins) {
		make_groups(o, c, m, group);
		r = place_groups(o, c, m, group);
	}
	free(m);
	free(group);
	return r;
}

static int keep_fixed(struct owners *o, const struct state_config *c)
{
	bool has_fixed = false;

	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++)
		has_fixed = has_fixed || c->fixed_blocks[pool] > 0;
	if (!has_fixed)
		return 0;
	o->fixed = calloc(1, sizeof(*o->fixed));
	if (!o->fixed)
		return -ENOMEM;
	*o->fixed = *c;
	o->fixed->statics = NULL;
	return 0;
}

int owners_init(
	struct owners *ret, const struct state_config *c, unsigned len, const struct owners_table *moved)
{
	struct state_config standard;

	/* Without a pool nobody has filled in what is said about it; fragments have owners all the same. */
	state_config_default(&standard);
	if (c->pool_len == 0)
		c = &standard;
	struct owners o = {
		.len = len,
		.subscriber_len = c->subscriber_len,
		.block_shift = (unsigned)__builtin_ctz(c->ports_per_block),
		.moved = *moved,
	};
	int r = keep_fixed(&o, c);

	ASSERT(len >= 1 && len <= OWNERS_MAX);
	if (r == 0 && c->statics_len > 0)
		r = place_statics(&o, c);
	if (r < 0) {
		owners_fini(&o);
		return r;
	}
	*ret = o;
	return 0;
}

void owners_fini(struct owners *o)
{
	free(o->pins);
	free(o->fixed);
}
