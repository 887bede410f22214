/*
 * reload.c - another configuration while flows go on: prepared aside, then taken between two packets
 *
 * What costs time or memory happens in state_prepare(), while packets go on: the new pool is cut, and each of its rows is
 * compared with the old ones. state_commit() then goes from what is allowed to what is there:
 *
 *	1 each lent block finds its row in the new pool, or none (place_blocks)
 *	2 bindings that the new configuration does not allow are marked: in a block without a place, at a port that the
 *	  row has no more, of a prefix that is gone, static and written down no more, or in the way of a new static one
 *	3 if any is marked, one walk of the sessions drops theirs, and dynamic bindings with them (end_marked)
 *	4 the new pool takes the place of the old one; lent blocks move into it (swap_pool)
 *	5 limits, lifetimes, the subscribers' pools, new static bindings
 *
 * Sessions, bindings and their indexes are not touched otherwise: numbers, ports and timers stay what they are.
 *
 * A block goes on being lent if the new pool has some of its ports in a row of the subscriber's pool, and not in a block
 * that is fixed to somebody else. Two lent blocks that become one, because the operator joined two entries in the middle of
 * a block, are the one exception to "what is still allowed goes on": a block has one owner, so the second one ends.
 *
 * DEVIATION: RFC 6888 REQ-8: an address whose ports changed has its free blocks shuffled anew, so that one which has just
 * been returned may be lent again at once. All other addresses keep the order of their free blocks.
 *
 * Not done: other block sizes or subscriber lengths (they make other blocks and subscribers of everything), and more
 * sessions than the tables were made for.
 */
#include "state/other.h"
#include "state/tables.h"

#include <errno.h>
#include <stdlib.h>

struct state_change {
	struct state_config config;
	struct static_binding *statics; /* config.statics_len of them; afterwards the old ones */
	unsigned prefixes_gone;
	bool has_pool; /* the pool changes */
	struct pool
		pool; /* the new one, its held part only if it needs more room; afterwards what was replaced */
	uint32_t *same;	  /* by new row: the old row that has the same blocks, or NONE */
	uint32_t *places; /* by lent block: its row in the new pool, or NONE */
};

/* --- preparing --- */

static bool prefix4_is_same(struct prefix4 a, struct prefix4 b)
{
	return a.len == b.len && addr4_eq(a.addr, b.addr);
}

static bool members_are_same(const struct state_config *a, const struct state_config *b)
{
	bool same = a->members_len == b->members_len &&
		    bytes_equal(a->fixed_blocks, b->fixed_blocks, sizeof(a->fixed_blocks));

	for (unsigned k = 0; same && k < a->members_len; k++) {
		const struct pool_member *x = &a->members[k], *y = &b->members[k];

		same = x->pool == y->pool && x->prefix.len == y->prefix.len &&
		       addr6_eq(x->prefix.addr, y->prefix.addr);
	}
	return same;
}

static bool pool_is_same(const struct state_config *a, const struct state_config *b)
{
	bool same = a->pool_len == b->pool_len && members_are_same(a, b);

	for (unsigned i = 0; same && i < a->pool_len; i++) {
		const struct pool_entry *x = &a->pool[i], *y = &b->pool[i];

		same = prefix4_is_same(x->prefix, y->prefix) && x->lo == y->lo && x->hi == y->hi &&
		       x->is_shared == y->is_shared && x->pool == y->pool;
	}
	return same;
}

static bool static_is_same(const struct static_binding *a, const struct static_binding *b)
{
	return a->proto == b->proto && addr4_eq(a->out, b->out) && a->out_port == b->out_port &&
	       addr6_eq(a->in, b->in) && a->in_port == b->in_port;
}

/* In any order; each side's are unique, so equal numbers say that none is missing. */
static bool statics_are_same(const struct state *s, const struct state_config *c)
{
	if (s->config.statics_len != c->statics_len)
		return false;
	for (unsigned i = 0; i < c->statics_len; i++) {
		unsigned k = static_is_same(&s->statics_at[i], &c->statics[i]) ? i : 0;

		while (k < c->statics_len && !static_is_same(&s->statics_at[k], &c->statics[i]))
			k++;
		if (k == c->statics_len)
			return false;
	}
	return true;
}

const char *state_change_fault(const struct state *s, const struct state_config *c)
{
	if (c->ports_per_block != s->config.ports_per_block)
		return "nat64.ports-per-block cannot be changed while running: restart isthmus for that";
	if (c->subscriber_len != s->config.subscriber_len)
		return "nat64.subscriber cannot be changed while running: restart isthmus for that";
	if (c->max_sessions > s->sessions.slots.max)
		return "nat64.max-sessions cannot be raised above its value at the start while running: "
		       "restart "
		       "isthmus for that";
	if (s->config.owners && !statics_are_same(s, c))
		return "nat64.static cannot be changed while several workers run: restart isthmus for that";
	if (s->config.owners && !members_are_same(&s->config, c))
		return "nat64.pool[].subscribers cannot be changed while several workers run: restart "
		       "isthmus for that";
	return NULL;
}

/* The static bindings have a place in the new pool and are unique; the rest is up to the flows. */
static bool static_fits(const struct state_config *c, const struct static_binding *b)
{
	struct fixed_block f;
	unsigned i = 0;

	if (b->proto == PROTO_OTHER)
		return other_may_have(c, fixed_pool_of(c, b->in), b->out);
	while (i < c->pool_len && !(prefix4_contains(c->pool[i].prefix, b->out) &&
					  c->pool[i].lo <= b->out_port && b->out_port <= c->pool[i].hi))
		i++;
	return i < c->pool_len && c->pool[i].pool == fixed_pool_of(c, b->in) &&
	       port_is_lendable(b->proto, b->out_port) &&
	       (!fixed_block_at(c, b->out, b->out_port, &f) || prefix6_contains(f.subscriber, b->in));
}

/* A static binding as two keys; equal ones stand together once sorted. */
struct static_key {
	uint64_t w[3];
};

static int key_compare(const void *a, const void *b)
{
	const struct static_key *x = a, *y = b;

	for (unsigned i = 0; i < ARRAY_LEN(x->w); i++) {
		if (x->w[i] != y->w[i])
			return x->w[i] < y->w[i] ? -1 : 1;
	}
	return 0;
}

static int statics_check(const struct state_config *c)
{
	unsigned len = 2 * c->statics_len;
	struct static_key *keys = calloc(len + 1, sizeof(*keys));
	int r = keys ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < c->statics_len; i++) {
		const struct static_binding *b = &c->statics[i];

		keys[2 * i] = (struct static_key){ { b->in.hi, b->in.lo,
			(uint64_t)b->proto << 16 | b->in_port | UINT64_C(1) << 32 } };
		keys[2 * i + 1] =
			(struct static_key){ { 0, b->out.v, (uint64_t)b->proto << 16 | b->out_port } };
		r = static_fits(c, b) ? 0 : -EINVAL;
	}
	if (r == 0)
		qsort(keys, len, sizeof(*keys), key_compare);
	for (unsigned i = 1; r == 0 && i < len; i++)
		r = key_compare(&keys[i - 1], &keys[i]) == 0 ? -EINVAL : 0;
	free(keys);
	return r;
}

/* The old row with the same address, ports and fixed blocks. */
static uint32_t same_row(const struct state *s, const struct state_change *ch, uint32_t row)
{
	const struct row *r = &ch->pool.rows[row];
	const struct pool_entry *e = &ch->config.pool[r->entry];
	uint32_t old = pool_row_at(&s->pool, r->addr, e->lo);

	if (old == NONE)
		return NONE;
	const struct row *o = &s->pool.rows[old];
	const struct pool_entry *f = &s->config.pool[o->entry];

	return e->lo == f->lo && e->hi == f->hi && r->fixed.from == o->fixed.from &&
			       r->fixed.to == o->fixed.to
		       ? old
		       : NONE;
}

static int prepare_pool(const struct state *s, struct state_change *ch, uint64_t seed)
{
	struct rng g;
	uint32_t max = s->sessions.slots.max;

	rng_init(&g, seed);
	if (!pool_cut(&ch->pool, &ch->config, &g))
		return -ENOMEM;
	if (pool_room(&ch->pool, max) > s->pool.slots.max && !pool_make_room(&ch->pool, max))
		return -ENOMEM;
	ch->same = calloc((size_t)ch->pool.rows_len + 1, sizeof(*ch->same));
	ch->places = calloc((size_t)s->pool.slots.max + 1, sizeof(*ch->places));
	if (!ch->same || !ch->places)
		return -ENOMEM;
	for (uint32_t row = 0; row < ch->pool.rows_len; row++)
		ch->same[row] = same_row(s, ch, row);
	return 0;
}

static int prepare(
	const struct state *s, const struct state_config *c, struct state_change *ch, uint64_t seed)
{
	ch->config = *c;
	ch->config.statics = NULL;
	ch->config.owners = s->config.owners;
	ch->config.worker = s->config.worker;
	ch->statics = calloc((size_t)c->statics_len + 1, sizeof(*ch->statics));
	if (!ch->statics)
		return -ENOMEM;
	for (unsigned i = 0; i < c->statics_len; i++)
		ch->statics[i] = c->statics[i];
	int r = statics_check(c);

	ch->has_pool = !pool_is_same(&s->config, c);
	return r < 0 || !ch->has_pool ? r : prepare_pool(s, ch, seed);
}

int state_prepare(const struct state *s, const struct state_config *c, unsigned prefixes_gone, uint64_t seed,
	struct state_change **ret)
{
	if (!state_config_validate(c))
		return -EINVAL;
	if (state_change_fault(s, c))
		return -EBUSY;
	struct state_change *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return -ENOMEM;
	ch->prefixes_gone = prefixes_gone;
	int r = prepare(s, c, ch, seed);

	if (r < 0) {
		state_change_free(ch);
		return r;
	}
	*ret = ch;
	return 0;
}

void state_change_free(struct state_change *ch)
{
	if (!ch)
		return;
	pool_fini(&ch->pool);
	free(ch->statics);
	free(ch->same);
	free(ch->places);
	free(ch);
}

/* --- what is not allowed any more --- */

struct marking {
	struct state *s;
	uint32_t marked;
	struct addr4 addr; /* of the block whose ports are looked at */
	uint16_t lo, hi;   /* ports of it that stay; lo > hi: none */
};

static void mark(struct marking *m, uint32_t id)
{
	struct binding_slot *at = id == NONE ? NULL : &m->s->bindings.at[id];

	if (!at || at->is_ending)
		return;
	at->is_ending = true;
	m->marked++;
}

static void mark_port(void *ctx, enum proto proto, uint16_t port)
{
	struct marking *m = ctx;

	if (port < m->lo || port > m->hi)
		mark(m, binding_find4(&m->s->bindings, proto, m->addr, port));
}

/* A row of the new pool that has some of the block's ports and may lend the block to its owner, or NONE. */
static uint32_t find_place(const struct state *s, const struct state_change *ch, uint32_t id)
{
	const struct block *b = &s->pool.blocks[id];
	struct addr4 addr = s->pool.rows[b->row].addr;
	struct addr6 owner = s->subscribers.at[b->owner].prefix;
	uint8_t pool = fixed_pool_of(&ch->config, owner);
	struct fixed_block f;
	uint16_t lo, hi;

	pool_block_range(&s->pool, id, &lo, &hi);
	for (unsigned i = 0; i < ch->config.pool_len; i++) {
		const struct pool_entry *e = &ch->config.pool[i];
		uint16_t first = e->lo > lo ? e->lo : lo;

		if (e->pool != pool || e->hi < lo || e->lo > hi || !prefix4_contains(e->prefix, addr))
			continue;
		if (fixed_block_at(&ch->config, addr, first, &f) && !addr6_eq(f.subscriber.addr, owner))
			continue;
		return pool_row_at(&ch->pool, addr, first);
	}
	return NONE;
}

/* The place in the new pool's table of lent blocks. */
static uint32_t *lent_place(struct state_change *ch, uint32_t row, const struct block *b)
{
	const struct row *r = &ch->pool.rows[row];

	return &ch->pool.lent[r->first_block + b->number - r->first_number];
}

/* Rows that were cut anew are filled here; the others are taken over as they are, when all that ends has ended. */
static void place_block(struct state_change *ch, struct marking *m, uint32_t id)
{
	const struct block *b = &m->s->pool.blocks[id];
	uint32_t row = find_place(m->s, ch, id);
	uint16_t lo, hi;

	if (row != NONE && ch->same[row] == NONE) {
		uint32_t *lent = lent_place(ch, row, b);

		if (*lent != 0)
			row = NONE;
		else
			*lent = id + 1;
	}
	ch->places[id] = row;
	pool_block_range(&m->s->pool, id, &lo, &hi);
	m->addr = m->s->pool.rows[b->row].addr;
	m->lo = 1;
	m->hi = 0;
	if (row != NONE) {
		const struct pool_entry *e = &ch->config.pool[ch->pool.rows[row].entry];

		m->lo = e->lo;
		m->hi = e->hi;
	}
	if (m->lo > lo || m->hi < hi)
		block_each_port(&m->s->pool, id, mark_port, m);
}

static void place_blocks(struct state_change *ch, struct marking *m)
{
	const struct slots *slots = &m->s->pool.slots;

	for (uint32_t id = 0; id < slots->high; id++) {
		ch->places[id] = NONE;
		if (slots_is_live(slots, id))
			place_block(ch, m, id);
	}
}

/* A block that had a place, and lost its last binding since: the place is free again. */
static void unplace_block(struct state *s, struct state_change *ch, uint32_t id)
{
	uint32_t row = ch->places[id];

	if (row != NONE && ch->same[row] == NONE)
		*lent_place(ch, row, &s->pool.blocks[id]) = 0;
}

static void mark_prefixes(const struct state_change *ch, struct marking *m)
{
	const struct binding_table *t = &m->s->bindings;

	for (uint32_t id = 0; ch->prefixes_gone != 0 && id < t->slots.high; id++) {
		if (slots_is_live(&t->slots, id) && ch->prefixes_gone >> t->at[id].b.prefix & 1)
			mark(m, id);
	}
}

/* Bindings by address are in no block, so place_blocks() does not meet them. Static ones: mark_statics(). */
static void mark_others(const struct state_change *ch, struct marking *m)
{
	const struct binding_table *t = &m->s->bindings;

	for (uint32_t id = 0; t->used[PROTO_OTHER] > 0 && id < t->slots.high; id++) {
		const struct binding *b = &t->at[id].b;

		if (slots_is_live(&t->slots, id) && b->proto == PROTO_OTHER && !b->is_static &&
			!other_may_have(&ch->config, fixed_pool_of(&ch->config, b->in), b->out))
			mark(m, id);
	}
}

static uint32_t find_static(const struct state *s, const struct static_binding *b)
{
	uint32_t id = binding_find4(&s->bindings, b->proto, b->out, b->out_port);
	const struct binding *have = state_binding(s, id);

	return have && have->is_static && addr6_eq(have->in, b->in) && have->in_port == b->in_port ? id
												   : NONE;
}

/* Those that stay are seen; what stands where a new one is to stand, on either side, and those not seen, have to go. */
static void mark_statics(const struct state_change *ch, struct marking *m)
{
	struct state *s = m->s;

	s->seen++;
	for (unsigned i = 0; i < ch->config.statics_len; i++) {
		const struct static_binding *b = &ch->statics[i];
		uint32_t id = find_static(s, b);

		if (id != NONE && !s->bindings.at[id].is_ending) {
			s->bindings.at[id].seen = s->seen;
			continue;
		}
		if (!state_static_is_mine(s, b))
			continue;
		mark(m, binding_find4(&s->bindings, b->proto, b->out, b->out_port));
		mark(m, binding_find6(&s->bindings, b->proto, 0, b->in, b->in_port));
	}
	for (unsigned i = 0; i < s->config.statics_len; i++) {
		uint32_t id = find_static(s, &s->statics_at[i]);

		if (id != NONE && s->bindings.at[id].seen != s->seen)
			mark(m, id);
	}
}

/* --- ending it --- */

static void end_static(struct state *s, uint32_t id)
{
	const struct binding *b = &s->bindings.at[id].b;
	uint32_t sub = subscriber_find(&s->subscribers, b->in);

	watch_binding(&s->watch, STATE_BINDING_ENDED, b);
	if (b->proto != PROTO_OTHER)
		subscriber_give_port(&s->subscribers, s->bindings.at[id].block, b->proto, b->out_port);
	subscriber_unpin(&s->subscribers, sub);
	binding_remove(&s->bindings, id);
	s->statics--;
}

static void end_marked(struct state *s, struct state_report *report)
{
	uint64_t before = s->bindings_expired;

	for (uint32_t id = 0; id < s->sessions.slots.high; id++) {
		if (!slots_is_live(&s->sessions.slots, id) ||
			!s->bindings.at[s->sessions.at[id].binding].is_ending)
			continue;
		wheel_remove(&s->wheel, id);
		state_session_drop(s, id);
		report->sessions_ended++;
	}
	report->bindings_ended = (uint32_t)(s->bindings_expired - before);
	for (unsigned i = 0; i < s->config.statics_len; i++) {
		uint32_t id = find_static(s, &s->statics_at[i]);

		if (id == NONE || !s->bindings.at[id].is_ending)
			continue;
		end_static(s, id);
		report->statics_removed++;
	}
}

/* --- the new pool --- */

static void move_block(struct state *s, struct state_change *ch, struct pool *old, uint32_t id)
{
	struct block *b = &s->pool.blocks[id];
	uint32_t row = ch->places[id];
	struct row *r = &s->pool.rows[row];
	struct addr6 owner = s->subscribers.at[b->owner].prefix;
	struct block before = *b;
	uint16_t lo, hi, new_lo, new_hi;

	if (ch->same[row] != NONE) {
		b->row = row;
		return;
	}
	pool_block_range(old, id, &lo, &hi);
	subscriber_unlist(&s->subscribers, id);
	b->row = row;
	b->class = (uint8_t)pool_class_at(&s->pool, row, lo);
	block_refit(&s->pool, id, lo, hi);
	subscriber_list(&s->subscribers, id);
	r->lent++;
	for (enum proto p = 0; p < PROTO_COUNT; p++)
		r->ports_used[p] += block_used(&s->pool, id, p);
	pool_block_range(&s->pool, id, &new_lo, &new_hi);
	if (new_lo == lo && new_hi == hi)
		return;
	/* To a log the block with the old ports is returned, and one with the new ports lent. */
	struct block after = *b;

	*b = before;
	watch_block(&s->watch, STATE_BLOCK_RETURNED, old, id, owner);
	*b = after;
	watch_block(&s->watch, STATE_BLOCK_LENT, &s->pool, id, owner);
}

/* More room for lent blocks: each keeps its number. */
static void grow(struct pool *p, struct pool *wider)
{
	for (uint32_t id = 0; id < p->slots.high; id++) {
		if (!slots_is_live(&p->slots, id))
			continue;
		(void)slots_take_if_free(&wider->slots, id);
		wider->blocks[id] = p->blocks[id];
	}
	bytes_copy(wider->taken, p->taken,
		(size_t)p->slots.high * PROTO_COUNT * p->words * sizeof(*wider->taken));
	struct pool old = *p;

	p->held = wider->held;
	p->slots = wider->slots;
	p->blocks = wider->blocks;
	p->taken = wider->taken;
	wider->held = old.held;
}

/* The new rows with the lent blocks of before. @ch keeps the old rows, to be freed. */
static void swap_pool(struct state *s, struct state_change *ch)
{
	for (uint32_t id = 0; id < s->pool.slots.high; id++) {
		if (!slots_is_live(&s->pool.slots, id))
			unplace_block(s, ch, id);
	}
	struct pool old = s->pool;
	struct state_config before = s->config; /* what the old rows mean */

	if (ch->pool.blocks)
		grow(&old, &ch->pool);
	s->pool = ch->pool;
	s->pool.held = old.held;
	s->pool.slots = old.slots;
	s->pool.blocks = old.blocks;
	s->pool.taken = old.taken;
	s->pool.blocks_taken = old.blocks_taken;
	s->pool.blocks_returned = old.blocks_returned;
	s->pool.config = &s->config;
	old.config = &before;
	s->config = ch->config;
	for (uint32_t row = 0; row < s->pool.rows_len; row++) {
		if (ch->same[row] != NONE)
			pool_adopt_row(&s->pool, row, &old, ch->same[row]);
	}
	for (uint32_t id = 0; id < s->pool.slots.high; id++) {
		if (slots_is_live(&s->pool.slots, id))
			move_block(s, ch, &old, id);
	}
	for (uint32_t row = 0; row < s->pool.rows_len; row++) {
		if (ch->same[row] == NONE)
			pool_close_row(&s->pool, row);
	}
	ch->pool.memory = old.memory;
}

/* A subscriber may borrow from another pool now; then it holds no block any more, and its address is as good as any. */
static void renew_subscribers(struct state *s)
{
	struct subscriber_table *t = &s->subscribers;

	for (uint32_t id = 0; id < t->slots.high; id++) {
		if (!slots_is_live(&t->slots, id))
			continue;
		t->by_pool[t->at[id].pool]--;
		t->at[id].pool = fixed_pool_of(&s->config, t->at[id].prefix);
		t->by_pool[t->at[id].pool]++;
	}
}

/* --- the rest --- */

/* In full tables a static binding takes the room of the session that is to end first. */
static void make_room(struct state *s)
{
	uint32_t id;

	while ((s->bindings.slots.used == s->bindings.slots.max ||
		       s->subscribers.slots.used == s->subscribers.slots.max) &&
		(id = wheel_first(&s->wheel)) != NONE) {
		wheel_remove(&s->wheel, id);
		state_session_drop(s, id);
	}
}

static void add_statics(struct state *s, struct state_report *report)
{
	bytes_zero(s->static_protocols, sizeof(s->static_protocols));
	for (unsigned i = 0; i < s->config.statics_len; i++) {
		const struct static_binding *b = &s->statics_at[i];

		if (!state_static_is_mine(s, b))
			continue;
		if (b->proto == PROTO_OTHER)
			s->static_protocols[b->out_port / 64] |= UINT64_C(1) << (b->out_port % 64);
		if (find_static(s, b) != NONE)
			continue;
		make_room(s);
		int r = state_static_add(s, b);

		ASSERT(r == 0); /* statics_check() and mark_statics() have seen to it */
		report->statics_added++;
	}
}

void state_commit(struct state *s, struct state_change *ch, nsec now, struct state_report *ret)
{
	struct marking m = { .s = s };
	struct state_report report = { 0 };
	struct static_binding *statics = s->statics_at;
	uint64_t returned = s->pool.blocks_returned;
	unsigned max_sessions = s->config.max_sessions;

	s->watch.now = now;
	if (ch->has_pool) {
		place_blocks(ch, &m);
		mark_others(ch, &m);
	}
	mark_prefixes(ch, &m);
	mark_statics(ch, &m);
	if (m.marked > 0)
		end_marked(s, &report);
	report.blocks_ended = (uint32_t)(s->pool.blocks_returned - returned);
	if (ch->has_pool)
		swap_pool(s, ch);
	else
		s->config = ch->config;
	s->statics_at = ch->statics;
	ch->statics = statics;
	if (s->config.max_sessions != max_sessions) /* else what workers have lent each other stays lent */
		state_limits_take(s);
	s->watch.to.detail = s->config.watch.detail; /* whom to tell is settled at the start */
	if (ch->has_pool)
		renew_subscribers(s);
	add_statics(s, &report);
	*ret = report;
}

int state_update(struct state *s, const struct state_config *c)
{
	struct state_change *ch = NULL;
	struct state_report report;
	int r = state_prepare(s, c, 0, rng_next(&s->rng), &ch);

	if (r < 0)
		return r;
	state_commit(s, ch, s->watch.now, &report);
	state_change_free(ch);
	return 0;
}
