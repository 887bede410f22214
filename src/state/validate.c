/*
 * validate.c - every invariant of the tables, each seen from both ends; slow, allocates, for tests and
 * fuzzers only
 *
 * Each check_*() walks one structure and compares it with the others, so that a number that only one of them
 * has forgotten shows.
 */
#include "state/other.h"
#include "state/tables.h"

#include <stdlib.h>

/* --- slots and indexes --- */

static bool check_index(const struct index *x)
{
	return index_count(x) == x->len && x->len <= x->buckets_len * INDEX_FILL;
}

/* --- bindings --- */

/* Of a protocol without ports: the address is lent as a whole, and the subscriber knows of it. */
static bool check_other(const struct state *s, uint32_t id)
{
	const struct binding *b = &s->bindings.at[id].b;
	uint32_t sub = subscriber_find(&s->subscribers, b->in);
	uint32_t at = sub == NONE || b->is_static ? id : s->subscribers.at[sub].others;

	for (uint32_t n = 0; at != NONE && at != id && n < s->bindings.slots.used; n++)
		at = s->bindings.at[at].block;
	return sub != NONE && at == id && state_can_carry(b->out_port) && b->in_port == b->out_port &&
	       state_binds_address(s, b->out);
}

static bool check_binding(const struct state *s, uint32_t id, uint32_t sessions)
{
	const struct binding_slot *at = &s->bindings.at[id];
	const struct binding *b = &at->b;

	if (at->is_ending || b->proto >= PROTO_KINDS || b->prefix >= STATE_PREFIXES_MAX ||
		b->sessions != sessions)
		return false;
	if (sessions == 0 && !b->is_static)
		return false;
	if (b->guard > GUARD_NARROW || (b->guard != GUARD_NONE && (b->proto != PROTO_TCP || b->is_static)))
		return false;
	if (at->only != NONE && (sessions != 1 || !slots_is_live(&s->sessions.slots, at->only) ||
					s->sessions.at[at->only].binding != id))
		return false;
	if (binding_find6(&s->bindings, b->proto, b->prefix, b->in, b->in_port) != id ||
		binding_find4(&s->bindings, b->proto, b->out, b->out_port) != id)
		return false;
	if (b->proto == PROTO_OTHER)
		return check_other(s, id);
	if (!slots_is_live(&s->pool.slots, at->block) ||
		port_is_free(&s->pool, at->block, b->proto, b->out_port))
		return false;
	const struct block *block = &s->pool.blocks[at->block];
	const struct row *row = &s->pool.rows[block->row];
	uint32_t sub = subscriber_find(&s->subscribers, b->in);

	return addr4_eq(row->addr, b->out) && state_pool_find(s, b->out, b->out_port) == row->entry &&
	       row->pool == s->subscribers.at[sub].pool &&
	       pool_lent_at(&s->pool, block->row, b->out_port) == at->block && sub != NONE &&
	       (b->is_static || block->owner == sub);
}

/* @sessions and @ports: per binding its sessions, per lent block its bindings, as counted from the other
 * side. */
static bool check_bindings(const struct state *s, const uint32_t *sessions, uint32_t *ports)
{
	const struct binding_table *t = &s->bindings;
	uint32_t used[PROTO_KINDS] = { 0 }, statics = 0;

	if (!slots_validate(&t->slots) || !check_index(&t->by4) || !check_index(&t->by6))
		return false;
	for (uint32_t id = 0; id < t->slots.high; id++) {
		if (!slots_is_live(&t->slots, id))
			continue;
		if (!check_binding(s, id, sessions[id]))
			return false;
		used[t->at[id].b.proto]++;
		if (t->at[id].b.proto != PROTO_OTHER)
			ports[t->at[id].block]++;
		statics += t->at[id].b.is_static;
	}
	return bytes_equal(used, t->used, sizeof(used)) && t->by4.len == t->slots.used &&
	       t->by6.len == t->slots.used && statics == s->statics;
}

/* --- sessions --- */

static bool check_peer(const struct state *s, uint32_t id)
{
	const struct session_table *t = &s->sessions;
	const struct session *e = &t->at[id];
	struct peer_link l = t->peer[id];

	if (e->is_filtered)
		return e->tcp == TCP_V4_INIT;
	if (l.next != NONE && (!slots_is_live(&t->slots, l.next) || t->peer[l.next].prev != id))
		return false;
	uint32_t head = session_peer_find(t, e->binding, e->remote);

	if (l.prev == NONE)
		return head == id;
	if (head == id || head == NONE || !slots_is_live(&t->slots, l.prev) || t->peer[l.prev].next != id)
		return false;
	const struct session *before = &t->at[l.prev];

	return before->binding == e->binding && addr4_eq(before->remote, e->remote) && !before->is_filtered;
}

static bool check_session(const struct state *s, uint32_t id)
{
	const struct session *e = &s->sessions.at[id];

	if (!slots_is_live(&s->bindings.slots, e->binding))
		return false;
	enum proto proto = s->bindings.at[e->binding].b.proto;
	bool has_machine = e->tcp > TCP_CLOSED && e->tcp < TCP_STATE_COUNT;

	return session_find(&s->sessions, e->binding, e->remote, e->remote_port) == id && check_peer(s, id) &&
	       (proto == PROTO_TCP ? has_machine : e->tcp == TCP_NONE) &&
	       ((proto != PROTO_ICMP && proto != PROTO_OTHER) || e->remote_port == 0);
}

static bool check_sessions(const struct state *s, uint32_t *per_binding)
{
	const struct session_table *t = &s->sessions;
	uint32_t by_proto[PROTO_KINDS] = { 0 }, by_tcp[TCP_STATE_COUNT] = { 0 }, filtered = 0, groups = 0;

	if (!slots_validate(&t->slots) || !check_index(&t->index) || !check_index(&t->peers))
		return false;
	for (uint32_t id = 0; id < t->slots.high; id++) {
		const struct session *e = &t->at[id];

		if (!slots_is_live(&t->slots, id))
			continue;
		if (!check_session(s, id))
			return false;
		per_binding[e->binding]++;
		by_proto[s->bindings.at[e->binding].b.proto]++;
		by_tcp[e->tcp]++;
		filtered += e->is_filtered;
		groups += !e->is_filtered && t->peer[id].prev == NONE;
	}
	return t->slots.used <= t->slots.max && bytes_equal(by_proto, s->by_proto, sizeof(by_proto)) &&
	       bytes_equal(by_tcp, s->by_tcp, sizeof(by_tcp)) && filtered == s->filtered &&
	       filtered <= t->slots.max / FILTERED_SHARE + 1 && groups == t->peers.len &&
	       t->index.len == t->slots.used;
}

/* --- timers --- */

static bool check_timer(const struct state *s, uint32_t id, uint32_t slot, uint32_t prev)
{
	const struct wheel *w = &s->wheel;

	if (!slots_is_live(&s->sessions.slots, id))
		return false;
	const struct wheel_link *l = &w->links[id];
	uint64_t latest = (s->sessions.at[id].expires >> TICK_SHIFT) + 1;

	return l->prev == prev && l->due % WHEEL_SLOTS == slot && l->due >= w->cursor &&
	       l->due - w->cursor < WHEEL_SLOTS && (l->due <= latest || l->due == w->cursor);
}

static bool check_wheel(const struct state *s)
{
	const struct wheel *w = &s->wheel;
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < WHEEL_SLOTS; slot++) {
		bool is_busy = w->busy[slot / 64] >> (slot % 64) & 1;
		uint32_t prev = NONE;

		if (is_busy != (w->heads[slot] != NONE))
			return false;
		for (uint32_t id = w->heads[slot]; id != NONE; id = w->links[id].next) {
			if (!check_timer(s, id, slot, prev) || ++count > s->sessions.slots.used)
				return false;
			prev = id;
		}
	}
	return count == s->sessions.slots.used;
}

/* --- pool and subscribers --- */

static uint32_t free_ports(const struct pool *p, uint32_t block, enum proto proto)
{
	const uint64_t *taken = block_bitmap(p, block, proto);
	uint32_t n = 0;

	for (uint32_t w = 0; w < p->words; w++)
		n += (uint32_t)__builtin_popcountll(~taken[w]);
	return n;
}

static bool check_block(const struct state *s, uint32_t id, uint32_t bindings)
{
	const struct pool *p = &s->pool;
	const struct block *b = &p->blocks[id];
	const struct row *r = &p->rows[b->row];
	const struct pool_entry *e = &s->config.pool[r->entry];
	uint32_t first = (uint32_t)b->number << p->shift, last = first + s->config.ports_per_block - 1;
	uint32_t taken = 0;

	if (b->bindings != bindings || bindings == 0 || !slots_is_live(&s->subscribers.slots, b->owner) ||
		p->lent[r->first_block + b->number - r->first_number] != id + 1)
		return false;
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		uint32_t ports = (last < e->hi ? last : e->hi) - (first > e->lo ? first : e->lo) + 1;

		ports -= first == 0 && e->lo == 0 && !port_is_lendable((enum proto)proto, 0);
		if (free_ports(p, id, (enum proto)proto) != b->room[proto] || b->room[proto] > ports)
			return false;
		taken += ports - b->room[proto];
	}
	return taken == bindings;
}

static bool check_ring(const struct pool *p, const struct row *row, uint32_t id, enum port_class class)
{
	const struct ring *r = &row->free[class];

	for (uint32_t i = 0; i < r->len; i++) {
		uint32_t number = p->numbers[r->base + (r->head + i) % r->size];

		if (p->lent[row->first_block + number] != 0 || !pool_owns(p, row, number) ||
			pool_is_fixed(row, number))
			return false;
		for (uint32_t j = 0; j < i; j++) {
			if (p->numbers[r->base + (r->head + j) % r->size] == number)
				return false;
		}
	}
	const struct open_rows *o = &p->of_pool[row->pool];

	return r->len == 0 || (r->open_at >= o->base && r->open_at - o->base < o->len[class] &&
				      p->open[class][r->open_at] == id);
}

/* The blocks of each pool that are fixed to nobody, and those in rings, counted anew. */
static bool check_use(const struct pool *p)
{
	uint32_t blocks[STATE_POOLS_MAX] = { 0 }, free[STATE_POOLS_MAX] = { 0 };

	for (uint32_t id = 0; id < p->rows_len; id++) {
		const struct row *r = &p->rows[id];

		blocks[r->pool] += r->owned;
		free[r->pool] += r->free[PORTS_LOW].len + r->free[PORTS_HIGH].len;
		for (uint32_t i = r->fixed.from; i < r->fixed.to; i++)
			blocks[r->pool] -= pool_owns(p, r, i);
	}
	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++) {
		if (blocks[pool] != p->of_pool[pool].blocks || free[pool] != p->of_pool[pool].free)
			return false;
	}
	return true;
}

/* Fixed blocks that are this worker's and not lent: they are in no ring. */
static uint32_t fixed_free(const struct pool *p, const struct row *r)
{
	uint32_t n = 0;

	for (uint32_t i = r->fixed.from; i < r->fixed.to; i++)
		n += p->lent[r->first_block + i] == 0 && pool_owns(p, r, i);
	return n;
}

static bool check_row(const struct state *s, uint32_t id, uint32_t open[][PORT_CLASS_COUNT])
{
	const struct pool *p = &s->pool;
	const struct row *r = &p->rows[id];

	for (unsigned class = 0; class < PORT_CLASS_COUNT; class ++) {
		if (!check_ring(p, r, id, (enum port_class) class))
			return false;
		open[r->pool][class] += r->free[class].len > 0;
	}
	return r->pool == s->config.pool[r->entry].pool &&
	       r->lent + r->free[PORTS_LOW].len + r->free[PORTS_HIGH].len + fixed_free(p, r) == r->owned;
}

static bool check_pool(const struct state *s, const uint32_t *bindings)
{
	const struct pool *p = &s->pool;
	uint32_t open[STATE_POOLS_MAX][PORT_CLASS_COUNT] = { 0 }, lent = 0, owned = 0,
		 ports[PROTO_COUNT] = { 0 };

	if (!slots_validate(&p->slots) || p->blocks_taken - p->blocks_returned != p->slots.used)
		return false;
	for (uint32_t id = 0; id < p->slots.high; id++) {
		if (slots_is_live(&p->slots, id) && !check_block(s, id, bindings[id]))
			return false;
	}
	for (uint32_t id = 0; id < p->rows_len; id++) {
		if (!check_row(s, id, open))
			return false;
		lent += p->rows[id].lent;
		owned += p->rows[id].owned;
		for (unsigned proto = 0; proto < PROTO_COUNT; proto++)
			ports[proto] += p->rows[id].ports_used[proto];
	}
	for (unsigned pool = 0; pool < STATE_POOLS_MAX; pool++) {
		if (!bytes_equal(open[pool], p->of_pool[pool].len, sizeof(open[pool])))
			return false;
	}
	return lent == p->slots.used && owned == p->blocks_owned && check_use(p) &&
	       bytes_equal(ports, s->bindings.used, sizeof(ports));
}

/* The blocks of one list: each belongs to the subscriber and should be in it; returns how many, or NONE. */
static uint32_t list_length(const struct state *s, uint32_t sub, uint32_t head, unsigned list)
{
	uint32_t n = 0, prev = NONE;

	for (uint32_t id = head; id != NONE; id = s->pool.blocks[id].link[list].next) {
		const struct block *b = &s->pool.blocks[id];

		if (!slots_is_live(&s->pool.slots, id) || b->owner != sub || b->link[list].prev != prev ||
			(list != BLOCK_LIST_ALL && b->room[list] == 0) || ++n > s->pool.slots.used)
			return NONE;
		prev = id;
	}
	return n;
}

/* A block comes from the subscriber's pool, and if it is fixed, to this subscriber. */
static bool check_lease(const struct state *s, const struct subscriber *sub, const struct block *b)
{
	const struct row *r = &s->pool.rows[b->row];
	struct fixed_block fixed;

	if (r->pool != sub->pool)
		return false;
	if (!pool_is_fixed(r, b->number - r->first_number))
		return true;
	return fixed_block_at(&s->config, r->addr, (uint16_t)(b->number << s->pool.shift), &fixed) &&
	       addr6_eq(fixed.subscriber.addr, sub->prefix);
}

/* How many bindings by address the subscriber's list has; NONE if one of them should not be there. */
static uint32_t others_length(const struct state *s, uint32_t sub)
{
	uint32_t n = 0;

	for (uint32_t id = s->subscribers.at[sub].others; id != NONE; id = s->bindings.at[id].block) {
		const struct binding *b = state_binding(s, id);

		if (!b || b->proto != PROTO_OTHER || b->is_static || ++n > s->bindings.slots.used ||
			subscriber_find(&s->subscribers, b->in) != sub)
			return NONE;
	}
	return n;
}

/* Every list holds only blocks that belong in it, so equal lengths say that none is missing. */
static bool check_subscriber(const struct state *s, uint32_t id)
{
	const struct subscriber *sub = &s->subscribers.at[id];
	uint32_t room[PROTO_COUNT] = { 0 };

	if (sub->pool != fixed_pool_of(&s->config, sub->prefix) ||
		subscriber_find(&s->subscribers, sub->prefix) != id ||
		(sub->blocks == 0 && sub->statics == 0 && sub->others == NONE) || !sub->has_addr ||
		others_length(s, id) == NONE || list_length(s, id, sub->all, BLOCK_LIST_ALL) != sub->blocks)
		return false;
	if (sub->all != NONE && !addr4_eq(s->pool.rows[s->pool.blocks[sub->all].row].addr, sub->addr))
		return false;
	for (uint32_t b = sub->all; b != NONE; b = s->pool.blocks[b].link[BLOCK_LIST_ALL].next) {
		if (!check_lease(s, sub, &s->pool.blocks[b]))
			return false;
		for (unsigned proto = 0; proto < PROTO_COUNT; proto++)
			room[proto] += s->pool.blocks[b].room[proto] > 0;
	}
	for (unsigned proto = 0; proto < PROTO_COUNT; proto++) {
		if (list_length(s, id, sub->room[PORTS_LOW][proto], proto) +
				list_length(s, id, sub->room[PORTS_HIGH][proto], proto) !=
			room[proto])
			return false;
	}
	return true;
}

static bool check_subscribers(const struct state *s)
{
	const struct subscriber_table *t = &s->subscribers;
	uint32_t blocks = 0, statics = 0, by_pool[STATE_POOLS_MAX] = { 0 };

	if (!slots_validate(&t->slots) || !check_index(&t->index) || t->index.len != t->slots.used)
		return false;
	for (uint32_t id = 0; id < t->slots.high; id++) {
		if (!slots_is_live(&t->slots, id))
			continue;
		if (!check_subscriber(s, id))
			return false;
		blocks += t->at[id].blocks;
		statics += t->at[id].statics;
		by_pool[t->at[id].pool]++;
	}
	return bytes_equal(by_pool, t->by_pool, sizeof(by_pool)) && blocks == s->pool.slots.used &&
	       statics == s->statics;
}

/* Each subscriber's sessions (quota.h), as counted from its bindings. */
static bool check_quotas(const struct state *s)
{
	const struct subscriber_table *t = &s->subscribers;
	const struct binding_table *b = &s->bindings;
	uint32_t *sessions = calloc((size_t)t->slots.high + 1, sizeof(*sessions));
	bool ok = sessions != NULL;

	for (uint32_t id = 0; ok && id < b->slots.high; id++) {
		if (slots_is_live(&b->slots, id))
			sessions[subscriber_find(t, b->at[id].b.in)] += b->at[id].b.sessions;
	}
	for (uint32_t id = 0; ok && id < t->slots.high; id++)
		ok = !slots_is_live(&t->slots, id) || t->at[id].sessions == sessions[id];
	free(sessions);
	return ok;
}

bool state_validate(const struct state *s)
{
	uint32_t *sessions = calloc((size_t)s->bindings.slots.high + 1, sizeof(*sessions));
	uint32_t *bindings = calloc((size_t)s->pool.slots.high + 1, sizeof(*bindings));
	bool ok = sessions && bindings && check_sessions(s, sessions) && check_wheel(s) &&
		  check_bindings(s, sessions, bindings) && check_pool(s, bindings) && check_subscribers(s) &&
		  check_quotas(s);

	free(sessions);
	free(bindings);
	return ok;
}
