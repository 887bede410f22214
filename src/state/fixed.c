/*
 * fixed.c - deterministic ports: from a subscriber to its blocks, and from a port to its subscriber
 *
 * The members of a pool, in the order of the configuration, hold its subscribers one after the other: a member of length
 * m has 2^(subscriber_len - m) of them, in the order of their addresses. So every subscriber has a number i, from 0.
 *
 * The entries of a pool, in the order of the configuration, hold its addresses one after the other. An entry that has
 * fewer whole blocks than one subscriber's fixed ones is passed over (a single port of a static binding, say). A block
 * is whole if all its ports are in the entry; the first whole one is number first.
 *
 * With S subscribers of N blocks and A addresses, each address gets C = S / A subscribers, rounded up:
 *
 *	address = i / C			 blocks = first + (i % C) * N ... + N - 1
 *
 * What is left on each address, and blocks that are not whole, serve whoever needs more than its own: so the overflow of a
 * subscriber is found on its own address. This is algorithm 5 ("vendor-specific") of RFC 7422 s2: sequential, but filling
 * all addresses evenly instead of one after the other.
 */
#include "state/fixed.h"

/* --- pools --- */

uint8_t fixed_pool_of(const struct state_config *c, struct addr6 in)
{
	const struct pool_member *best = NULL;

	for (unsigned i = 0; i < c->members_len; i++) {
		const struct pool_member *m = &c->members[i];

		if (prefix6_contains(m->prefix, in) && (!best || m->prefix.len > best->prefix.len))
			best = m;
	}
	return best ? best->pool : 0;
}

/* --- numbers of subscribers --- */

static uint64_t subscribers_in(const struct state_config *c, const struct pool_member *m)
{
	unsigned bits = c->subscriber_len - m->prefix.len;

	return bits < 63 ? UINT64_C(1) << bits : UINT64_C(1) << 63; /* more than any pool has room for */
}

/* @a shifted right, its lowest 64 bits; @bits is less than 128. */
static uint64_t shift_right(struct addr6 a, unsigned bits)
{
	if (bits >= 64)
		return a.hi >> (bits - 64);
	return bits == 0 ? a.lo : a.lo >> bits | a.hi << (64 - bits);
}

static struct addr6 add_shifted(struct addr6 a, uint64_t n, unsigned bits)
{
	if (bits >= 64)
		return (struct addr6){ a.hi | n << (bits - 64), a.lo };
	return (struct addr6){ bits == 0 ? a.hi : a.hi | n >> (64 - bits), a.lo | n << bits };
}

/* Whether a pool's member holds the subscriber; *ret_i is its number then. */
static bool number_of(const struct state_config *c, uint8_t pool, struct addr6 in, uint64_t *ret_i)
{
	uint64_t before = 0;

	for (unsigned k = 0; k < c->members_len; k++) {
		const struct pool_member *m = &c->members[k];

		if (m->pool != pool)
			continue;
		if (prefix6_contains(m->prefix, in)) {
			uint64_t mask = subscribers_in(c, m) - 1;

			*ret_i = before + (shift_right(in, 128 - c->subscriber_len) & mask);
			return true;
		}
		before += subscribers_in(c, m);
	}
	return false;
}

static struct addr6 subscriber_number(const struct state_config *c, uint8_t pool, uint64_t i)
{
	unsigned k = 0;

	while (c->members[k].pool != pool || i >= subscribers_in(c, &c->members[k])) {
		if (c->members[k].pool == pool)
			i -= subscribers_in(c, &c->members[k]);
		k++;
		ASSERT(k < c->members_len);
	}
	return add_shifted(c->members[k].prefix.addr, i, 128 - c->subscriber_len);
}

/* --- whole blocks and addresses --- */

struct whole {
	uint32_t first, len;
};

static struct whole whole_of(const struct state_config *c, const struct pool_entry *e)
{
	uint32_t first = ((uint32_t)e->lo + c->ports_per_block - 1) / c->ports_per_block;
	uint32_t end = ((uint32_t)e->hi + 1) / c->ports_per_block;

	return (struct whole){ first, end > first ? end - first : 0 };
}

static uint64_t addresses_in(const struct pool_entry *e)
{
	return UINT64_C(1) << (32 - e->prefix.len);
}

/* The entry holds addresses for fixed blocks. */
static bool is_part(const struct state_config *c, unsigned entry, uint8_t pool)
{
	return c->pool[entry].pool == pool && whole_of(c, &c->pool[entry]).len >= c->fixed_blocks[pool];
}

struct fixed_plan fixed_plan_of(const struct state_config *c, uint8_t pool)
{
	struct fixed_plan p = { .pool = pool, .blocks = c->fixed_blocks[pool], .slots = UINT32_MAX };

	if (p.blocks == 0)
		return (struct fixed_plan){ 0 };
	for (unsigned k = 0; k < c->members_len; k++) {
		/* Each is at most 2^63: the sum of what fits stays far below, and what does not stays above. */
		uint64_t more = c->members[k].pool == pool ? subscribers_in(c, &c->members[k]) : 0;

		p.subscribers = p.subscribers > UINT64_MAX - more ? UINT64_MAX : p.subscribers + more;
	}
	for (unsigned i = 0; i < c->pool_len; i++) {
		if (!is_part(c, i, pool))
			continue;
		uint32_t slots = whole_of(c, &c->pool[i]).len / p.blocks;

		p.addresses += addresses_in(&c->pool[i]);
		p.slots = slots < p.slots ? slots : p.slots;
	}
	if (p.addresses == 0)
		p.slots = 0;
	p.room = p.addresses * p.slots;
	if (p.subscribers <= p.room && p.subscribers > 0)
		p.ratio = (uint32_t)((p.subscribers + p.addresses - 1) / p.addresses);
	return p;
}

/* How many addresses of the plan come before the entry. */
static uint64_t addresses_before(const struct state_config *c, unsigned entry)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < entry; i++)
		n += is_part(c, i, c->pool[entry].pool) ? addresses_in(&c->pool[i]) : 0;
	return n;
}

struct fixed_range fixed_range_of(
	const struct state_config *c, const struct fixed_plan *p, unsigned entry, uint64_t at)
{
	if (p->ratio == 0 || !is_part(c, entry, c->pool[entry].pool))
		return (struct fixed_range){ 0, 0 };
	uint64_t first = (addresses_before(c, entry) + at) * p->ratio;
	uint64_t left = p->subscribers > first ? p->subscribers - first : 0;
	uint32_t here = left < p->ratio ? (uint32_t)left : p->ratio;
	uint32_t from = whole_of(c, &c->pool[entry]).first;

	return (struct fixed_range){ from, from + here * p->blocks };
}

/* --- both ways --- */

bool fixed_block_of(const struct state_config *c, const struct fixed_plan *p, struct addr6 in, uint32_t n,
	struct fixed_block *ret)
{
	uint8_t pool = p->pool;
	uint64_t i;

	if (p->ratio == 0 || n >= p->blocks || fixed_pool_of(c, in) != pool || !number_of(c, pool, in, &i))
		return false;
	uint64_t address = i / p->ratio;
	unsigned entry = 0;

	while (!is_part(c, entry, pool) || address >= addresses_in(&c->pool[entry])) {
		if (is_part(c, entry, pool))
			address -= addresses_in(&c->pool[entry]);
		entry++;
		ASSERT(entry < c->pool_len);
	}
	const struct pool_entry *e = &c->pool[entry];
	uint32_t number = whole_of(c, e).first + (uint32_t)(i % p->ratio) * p->blocks + n;

	*ret = (struct fixed_block){
		.subscriber = { addr6_truncate(in, c->subscriber_len), (uint8_t)c->subscriber_len },
		.addr = { e->prefix.addr.v + (uint32_t)address },
		.lo = (uint16_t)(number * c->ports_per_block),
		.hi = (uint16_t)(number * c->ports_per_block + c->ports_per_block - 1),
	};
	return true;
}

bool fixed_block_at(const struct state_config *c, struct addr4 a, uint16_t port, struct fixed_block *ret)
{
	unsigned entry = 0;

	while (entry < c->pool_len && !(prefix4_contains(c->pool[entry].prefix, a) &&
					      c->pool[entry].lo <= port && port <= c->pool[entry].hi))
		entry++;
	if (entry == c->pool_len)
		return false;
	uint8_t pool = c->pool[entry].pool;
	struct fixed_plan p = fixed_plan_of(c, pool);
	uint64_t at = a.v - c->pool[entry].prefix.addr.v;
	struct fixed_range range = fixed_range_of(c, &p, entry, at);
	uint32_t number = port / c->ports_per_block;

	if (number < range.from || number >= range.to)
		return false;
	uint64_t i = (addresses_before(c, entry) + at) * p.ratio + (number - range.from) / p.blocks;
	struct addr6 in = subscriber_number(c, pool, i);

	/* A longer member may have taken it away; nobody has the block then. */
	return fixed_block_of(c, &p, in, (number - range.from) % p.blocks, ret);
}

/* --- whether it makes sense --- */

static bool member_validate(const struct state_config *c, unsigned k)
{
	const struct pool_member *m = &c->members[k];

	if (m->pool == 0 || m->pool >= STATE_POOLS_MAX || m->prefix.len > c->subscriber_len ||
		!addr6_eq(addr6_truncate(m->prefix.addr, m->prefix.len), m->prefix.addr))
		return false;
	for (unsigned j = 0; j < k; j++) {
		const struct pool_member *o = &c->members[j];
		bool meet = prefix6_contains(o->prefix, m->prefix.addr) ||
			    prefix6_contains(m->prefix, o->prefix.addr);

		/* One prefix has one pool; and of one pool with fixed blocks no subscriber has two numbers. */
		if (meet && (o->prefix.len == m->prefix.len ||
				    (o->pool == m->pool && c->fixed_blocks[m->pool] > 0)))
			return false;
	}
	return true;
}

bool fixed_validate(const struct state_config *c)
{
	if (c->members_len > STATE_MEMBERS_MAX || c->fixed_blocks[0] > 0)
		return false;
	for (unsigned i = 0; i < c->pool_len; i++) {
		if (c->pool[i].pool >= STATE_POOLS_MAX)
			return false;
	}
	for (unsigned k = 0; k < c->members_len; k++) {
		if (!member_validate(c, k))
			return false;
	}
	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++) {
		struct fixed_plan p = fixed_plan_of(c, (uint8_t)pool);

		if (p.subscribers > p.room)
			return false;
	}
	return true;
}
