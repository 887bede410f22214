/* binding.c - see binding.h */
#include "state/binding.h"

_Static_assert(sizeof(struct binding_slot) == MEMORY_LINE, "a binding is one cache line");

bool bindings_init(struct binding_table *t, struct memory *m, uint32_t max, const struct hash_key *key)
{
	t->at = memory_table(m, max, sizeof(*t->at));
	t->key = *key;
	return t->at && slots_init(&t->slots, m, max) && index_init(&t->by6, m, max) &&
	       index_init(&t->by4, m, max);
}

static uint64_t hash6_of(const struct binding_table *t, const struct binding *b)
{
	return binding_hash6(t, b->proto, b->prefix, b->in, b->in_port);
}

static uint64_t hash4_of(const struct binding_table *t, const struct binding *b)
{
	return binding_hash4(t, b->proto, b->out, b->out_port);
}

uint32_t binding_add(struct binding_table *t, const struct binding *b, uint32_t block, uint32_t want)
{
	uint32_t id = slots_take_if_free(&t->slots, want);

	t->at[id] = (struct binding_slot){ .b = *b, .block = block, .only = NONE };
	index_put(&t->by6, hash6_of(t, b), id);
	index_put(&t->by4, hash4_of(t, b), id);
	t->used[b->proto]++;
	return id;
}

void binding_remove(struct binding_table *t, uint32_t id)
{
	const struct binding *b = &t->at[id].b;

	index_remove(&t->by6, hash6_of(t, b), id);
	index_remove(&t->by4, hash4_of(t, b), id);
	t->used[b->proto]--;
	slots_give(&t->slots, id);
}
