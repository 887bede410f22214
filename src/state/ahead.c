/* ahead.c - fetching the lines of a flow before its packet is translated; see state.h */
#include "state/tables.h"

static struct state_ahead look(const struct index *x, uint64_t hash)
{
	const struct index_bucket *home = &x->buckets[index_home(x, hash)];

	__builtin_prefetch(home);
	return (struct state_ahead){ .bucket = home, .tag = index_tag(hash) };
}

struct state_ahead state_look_ahead64(const struct state *s, const struct flow64 *f)
{
	return look(&s->bindings.by6, binding_hash6(&s->bindings, f->proto, f->prefix, f->src, f->sport));
}

struct state_ahead state_look_ahead46(const struct state *s, const struct flow46 *f)
{
	return look(&s->bindings.by4, binding_hash4(&s->bindings, f->proto, f->dst, f->dport));
}

void state_fetch_ahead(const struct state *s, const struct state_ahead *a)
{
	uint64_t hits = index_ways(a->bucket, a->tag);

	if (hits == 0)
		return;
	uint32_t id = a->bucket->ids[index_first_way(hits)];

	__builtin_prefetch(&s->bindings.at[id], 1);
	__builtin_prefetch(&s->sessions.at[id], 1);
}
