/* pool_subscribers.c - which subscribers an entry of nat64.pool is for, and their blocks by computation; see pool.h */
#include "base/bytes.h"
#include "conf/pool.h"
#include "state/fixed.h"

#include <inttypes.h>

/* --- reading: entries with the same list are one pool --- */

static bool is_same(struct prefix6 a, struct prefix6 b)
{
	return a.len == b.len && addr6_eq(a.addr, b.addr);
}

/* The pool that has this prefix, or 0. */
static uint8_t pool_of_prefix(const struct state_config *s, struct prefix6 p)
{
	for (unsigned k = 0; k < s->members_len; k++)
		if (is_same(s->members[k].prefix, p))
			return s->members[k].pool;
	return 0;
}

static unsigned members_of(const struct state_config *s, uint8_t pool)
{
	unsigned n = 0;

	for (unsigned k = 0; k < s->members_len; k++)
		n += s->members[k].pool == pool;
	return n;
}

static unsigned first_entry_of(const struct state_config *s, uint8_t pool)
{
	unsigned i = 0;

	while (i < s->pool_len && s->pool[i].pool != pool)
		i++;
	return i;
}

static uint8_t last_pool(const struct state_config *s)
{
	return s->members_len > 0 ? s->members[s->members_len - 1].pool : 0;
}

/* The list is in no earlier entry: a pool of its own. */
static uint8_t new_pool(struct conf_reading *r, const struct pool_draft *d, unsigned line)
{
	struct state_config *s = &r->c->nat64.state;
	uint8_t pool = (uint8_t)(last_pool(s) + 1);

	if (s->members_len + d->subscribers_len > STATE_MEMBERS_MAX) {
		reading_fault(r, line,
			"with it nat64.pool names more than %u prefixes of subscribers, write fewer",
			STATE_MEMBERS_MAX);
		return 0;
	}
	for (unsigned k = 0; k < d->subscribers_len; k++)
		s->members[s->members_len++] = (struct pool_member){ d->subscribers[k], pool };
	s->fixed_blocks[pool] = (uint16_t)d->fixed_blocks;
	return pool;
}

/* The pool of an earlier entry with the same list in any order, 0 if no earlier entry has any of it; false after a fault. */
static bool find_pool(struct conf_reading *r, const struct pool_draft *d, unsigned line, uint8_t *ret_pool)
{
	const struct state_config *s = &r->c->nat64.state;
	uint8_t pool = pool_of_prefix(s, d->subscribers[0]);
	char text[PREFIX6_TEXT];

	for (unsigned k = 0; k < d->subscribers_len; k++) {
		uint8_t other = pool_of_prefix(s, d->subscribers[k]);
		bool is_split = other != pool || (pool > 0 && members_of(s, pool) != d->subscribers_len);

		if (!is_split)
			continue;
		reading_fault(r, line,
			"%s is in the subscribers of nat64.pool[%u], whose list is another, write the same "
			"list in both",
			prefix6_text(d->subscribers[other > 0 ? k : 0], text),
			first_entry_of(s, other > 0 ? other : pool));
		return false;
	}
	*ret_pool = pool;
	return true;
}

bool pool_take_subscribers(
	struct conf_reading *r, const struct pool_draft *d, unsigned line, uint8_t *ret_pool)
{
	const struct state_config *s = &r->c->nat64.state;
	uint8_t pool = 0;

	if (d->subscribers_len == 0 && d->fixed_blocks > 0) {
		reading_fault(r, line,
			"deterministic-blocks needs to know whose blocks they are, write subscribers: "
			"[\"2001:db8::/48\"]");
		return false;
	}
	if (d->subscribers_len == 0) {
		*ret_pool = 0;
		return true;
	}
	if (!find_pool(r, d, line, &pool))
		return false;
	if (pool > 0 && s->fixed_blocks[pool] != d->fixed_blocks) {
		reading_fault(r, line,
			"nat64.pool[%u] has the same subscribers and deterministic-blocks: %u, write the "
			"same in both",
			first_entry_of(s, pool), s->fixed_blocks[pool]);
		return false;
	}
	*ret_pool = pool > 0 ? pool : new_pool(r, d, line);
	return *ret_pool > 0;
}

void pool_print_subscribers(const struct state_config *s, uint8_t pool, FILE *to)
{
	char text[PREFIX6_TEXT];
	const char *joint = ", subscribers: [";

	for (unsigned k = 0; k < s->members_len; k++) {
		if (s->members[k].pool != pool)
			continue;
		fprintf(to, "%s\"%s\"", joint, prefix6_text(s->members[k].prefix, text));
		joint = ", ";
	}
	if (pool > 0)
		fprintf(to, "], deterministic-blocks: %u", s->fixed_blocks[pool]);
}

/* --- checking, when block size and subscriber length are known, and again with the host's addresses --- */

/* Block size and subscriber length could be read. */
static bool can_compute(const struct state_config *s)
{
	return s->ports_per_block > 0 && s->subscriber_len > 0;
}

static bool is_pool_known(const struct conf *c, uint8_t pool)
{
	for (unsigned i = 0; i < c->nat64.state.pool_len; i++)
		if (c->nat64.state.pool[i].pool == pool && c->pool_source[i].interface[0])
			return false;
	return true;
}

static bool check_lengths(struct conf_reading *r, uint8_t pool, unsigned line)
{
	const struct state_config *s = &r->c->nat64.state;
	char text[PREFIX6_TEXT];

	for (unsigned k = 0; k < s->members_len; k++) {
		if (s->members[k].pool != pool || s->members[k].prefix.len <= s->subscriber_len)
			continue;
		reading_fault(r, line,
			"subscribers has %s, a part of one subscriber (nat64.subscriber is %u), write /%u or "
			"shorter",
			prefix6_text(s->members[k].prefix, text), s->subscriber_len, s->subscriber_len);
		return false;
	}
	return true;
}

/* RFC 7422 s2: a subscriber that has two numbers would have two places. */
static bool check_nesting(struct conf_reading *r, uint8_t pool, unsigned line)
{
	const struct state_config *s = &r->c->nat64.state;
	char inner[PREFIX6_TEXT], outer[PREFIX6_TEXT];

	for (unsigned a = 0; a < s->members_len; a++)
		for (unsigned b = 0; b < s->members_len; b++) {
			const struct pool_member *x = &s->members[a], *y = &s->members[b];

			if (a == b || x->pool != pool || y->pool != pool || x->prefix.len < y->prefix.len ||
				!prefix6_contains(y->prefix, x->prefix.addr))
				continue;
			reading_fault(r, line,
				"subscribers has %s inside %s, and with deterministic-blocks each subscriber "
				"may "
				"be named once, keep one of them",
				prefix6_text(x->prefix, inner), prefix6_text(y->prefix, outer));
			return false;
		}
	return true;
}

static void check_room(struct conf_reading *r, uint8_t pool, unsigned line)
{
	const struct state_config *s = &r->c->nat64.state;
	struct fixed_plan p = fixed_plan_of(s, pool);

	if (p.blocks > s->max_blocks_per_subscriber)
		reading_fault(r, line,
			"deterministic-blocks is %u, more than nat64.max-blocks-per-subscriber (%u), write a "
			"number "
			"from 1 to that",
			p.blocks, s->max_blocks_per_subscriber);
	if (p.subscribers > p.room)
		reading_fault(r, line,
			"there is room for %" PRIu64
			" subscribers with %u block%s of %u ports each (on %" PRIu64
			" address%s, %u on each), and subscribers names %" PRIu64
			", write fewer of them, more addresses, or fewer or smaller blocks",
			p.room, p.blocks, p.blocks == 1 ? "" : "s", s->ports_per_block, p.addresses,
			p.addresses == 1 ? "" : "es", p.slots, p.subscribers);
}

void pool_check_subscribers(struct conf_reading *r)
{
	const struct state_config *s = &r->c->nat64.state;

	if (!can_compute(s))
		return;
	for (uint8_t pool = 1; pool <= last_pool(s); pool++) {
		unsigned entry = first_entry_of(s, pool);

		if (entry == s->pool_len)
			continue; /* its entries could not be read */
		size_t back = path_enter_member(r, entry);
		unsigned line = r->c->pool_source[entry].line;

		if (check_lengths(r, pool, line) && s->fixed_blocks[pool] > 0 &&
			check_nesting(r, pool, line) && is_pool_known(r->c, pool))
			check_room(r, pool, line);
		path_leave(r, back);
	}
}

bool pool_check_static_subscriber(struct conf_reading *r, unsigned i, unsigned entry)
{
	const struct state_config *s = &r->c->nat64.state;
	const struct static_binding *b = &s->statics[i];
	char address[ADDR4_TEXT];

	if (s->pool[entry].pool == fixed_pool_of(s, b->in))
		return true;
	reading_fault(r, r->c->origin.static_lines[i],
		"outside %s is in nat64.pool[%u], which is not for the subscriber of its inside, write an "
		"address of that subscriber's entries",
		addr4_text(b->out, address), entry);
	return false;
}

bool pool_check_static_pool(struct conf_reading *r, unsigned i, unsigned entry)
{
	const struct state_config *s = &r->c->nat64.state;
	const struct static_binding *b = &s->statics[i];
	unsigned line = r->c->origin.static_lines[i];
	uint8_t pool = fixed_pool_of(s, b->in);
	char text[PREFIX6_TEXT];
	struct fixed_block f;

	if (!pool_check_static_subscriber(r, i, entry))
		return false;
	if (!can_compute(s) || !is_pool_known(r->c, pool) || !fixed_block_at(s, b->out, b->out_port, &f) ||
		prefix6_contains(f.subscriber, b->in))
		return true;
	reading_fault(r, line,
		"outside port %u is in %u-%u, the own ports of %s (deterministic-blocks), write a port that "
		"is no "
		"other subscriber's",
		b->out_port, f.lo, f.hi, prefix6_text(f.subscriber, text));
	return false;
}
