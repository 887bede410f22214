/* show.c - the tables seen from outside: rows and totals */
#include "state/tables.h"

#define LOOKS 4096     /* slots that one state_next_*() looks at */
#define HELD_BLOCKS 64 /* blocks that one state_tell_held() tells */

int state_pool_find(const struct state *s, struct addr4 a, uint16_t port)
{
	uint32_t row = pool_row_at(&s->pool, a, port);

	return row == NONE ? -1 : s->pool.rows[row].entry;
}

bool state_pool_has_address(const struct state *s, struct addr4 a)
{
	for (unsigned i = 0; i < s->config.pool_len; i++) {
		if (prefix4_contains(s->config.pool[i].prefix, a))
			return true;
	}
	return false;
}

const struct binding *state_binding(const struct state *s, uint32_t id)
{
	return slots_is_live(&s->bindings.slots, id) ? &s->bindings.at[id].b : NULL;
}

const struct binding *state_binding_of64(const struct state *s, const struct flow64 *f)
{
	return state_binding(s, binding_find6(&s->bindings, f->proto, f->prefix, f->src, f->sport));
}

const struct binding *state_binding_of46(const struct state *s, const struct flow46 *f)
{
	return state_binding(s, binding_find4(&s->bindings, f->proto, f->dst, f->dport));
}

const struct session *state_session(const struct state *s, uint32_t id)
{
	return slots_is_live(&s->sessions.slots, id) ? &s->sessions.at[id] : NULL;
}

uint32_t state_session_number(const struct state *s, const struct session *e)
{
	return (uint32_t)(e - s->sessions.at);
}

struct session *state_session_at(struct state *s, uint32_t id)
{
	return &s->sessions.at[id];
}

_Static_assert(STATE_END == NONE, "the end of a walk is the number that no element has");

uint32_t state_next_binding(const struct state *s, uint32_t from, uint32_t *ret_next)
{
	return slots_next(&s->bindings.slots, from, LOOKS, ret_next);
}

uint32_t state_next_session(const struct state *s, uint32_t from, uint32_t *ret_next)
{
	return slots_next(&s->sessions.slots, from, LOOKS, ret_next);
}

bool state_pool_row(const struct state *s, uint32_t i, struct pool_row *ret)
{
	if (i >= s->pool.rows_len)
		return false;
	const struct row *r = &s->pool.rows[i];
	const struct pool_entry *e = &s->config.pool[r->entry];

	*ret = (struct pool_row){
		.addr = r->addr,
		.lo = e->lo,
		.hi = e->hi,
		.is_shared = e->is_shared,
		.blocks = r->owned,
		.blocks_lent = r->lent,
	};
	bytes_copy(ret->ports_used, r->ports_used, sizeof(ret->ports_used));
	return true;
}

struct state_pool_use state_pool_use(const struct state *s, uint8_t pool)
{
	const struct open_rows *o = &s->pool.of_pool[pool];

	return (struct state_pool_use){
		.blocks = o->blocks,
		.blocks_lent = o->blocks - o->free,
		.subscribers = s->subscribers.by_pool[pool],
	};
}

bool state_lease_at(const struct state *s, struct addr4 a, uint16_t port, struct state_lease *ret)
{
	uint32_t row = pool_row_at(&s->pool, a, port);
	uint32_t id = row == NONE ? NONE : pool_lent_at(&s->pool, row, port);

	if (id == NONE)
		return false;
	const struct block *b = &s->pool.blocks[id];

	*ret = (struct state_lease){
		.subscriber = { s->subscribers.at[b->owner].prefix, (uint8_t)s->config.subscriber_len },
	};
	pool_block_range(&s->pool, id, &ret->lo, &ret->hi);
	for (enum proto p = 0; p < PROTO_COUNT; p++)
		ret->use[p] = state_binding(s, binding_find4(&s->bindings, p, a, port));
	return true;
}

uint32_t state_tell_held(struct state *s, uint32_t from, nsec now)
{
	s->watch.now = now;
	for (unsigned n = 0; n < HELD_BLOCKS && from != STATE_END; n++) {
		uint32_t id = slots_next(&s->pool.slots, from, LOOKS, &from);

		if (id == NONE)
			return from;
		watch_block(&s->watch, STATE_BLOCK_HELD, &s->pool, id,
			s->subscribers.at[s->pool.blocks[id].owner].prefix);
	}
	return from;
}

void state_tell_limit(
	struct state *s, enum drop_reason reason, enum proto proto, struct addr6 source, nsec now)
{
	s->watch.now = now;
	watch_limit(&s->watch, reason, proto, source);
}

void state_each_table(const struct state *s,
	void (*fn)(void *ctx, void *table, size_t bytes, bool is_scattered), void *ctx)
{
	const struct memory *const all[] = { &s->memory, &s->pool.memory, &s->pool.held };

	for (unsigned k = 0; k < ARRAY_LEN(all); k++)
		for (unsigned i = 0; i < all[k]->len; i++)
			fn(ctx, all[k]->at[i].table, all[k]->at[i].bytes, all[k]->at[i].is_scattered);
}

void state_stats(const struct state *s, struct state_stats *ret)
{
	*ret = (struct state_stats){
		.subscribers = s->subscribers.slots.used,
		.blocks = s->pool.blocks_owned,
		.blocks_lent = s->pool.slots.used,
		.max_sessions = s->sessions.slots.limit,
		.max_bindings = s->bindings.slots.limit,
		.max_subscribers = s->subscribers.slots.limit,
		.bindings_made = s->bindings_made,
		.sessions_made = s->sessions_made,
		.bindings_expired = s->bindings_expired,
		.sessions_expired = s->sessions_expired,
		.blocks_taken = s->pool.blocks_taken,
		.blocks_returned = s->pool.blocks_returned,
		.probes = s->probes,
		.blocks_given = s->blocks_given,
		.bytes_of_memory = s->memory.bytes + s->pool.memory.bytes + s->pool.held.bytes,
	};
	bytes_copy(ret->bindings, s->bindings.used, sizeof(ret->bindings));
	bytes_copy(ret->sessions, s->by_proto, sizeof(ret->sessions));
	bytes_copy(ret->tcp, s->by_tcp, sizeof(ret->tcp));
	ret->tcp[TCP_NONE] = 0; /* not TCP: counted by protocol */
}
