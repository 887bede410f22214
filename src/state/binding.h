/* binding.h - the binding information bases, found by either side (RFC 6146 s3.1); one table for all
 * protocols */
#ifndef ISTHMUS_STATE_BINDING_H
#define ISTHMUS_STATE_BINDING_H

#include "state/index.h"
#include "state/state.h"

/* One cache line. */
struct binding_slot {
	_Alignas(MEMORY_LINE) struct binding b;
	uint32_t
		block; /* lent block that b.out_port is in; of PROTO_OTHER the subscriber's next, see other.h */
	uint32_t seen; /* the last reload that met it, if it is static */
	uint32_t
		only; /* its session if it is known to have one only, so that a packet need not search; else NONE */
	bool is_ending; /* during a reload: not allowed any more */
};

struct binding_table {
	struct slots slots;
	struct binding_slot *at;
	struct index by6; /* protocol, prefix, in, in_port */
	struct index by4; /* protocol, out, out_port */
	struct hash_key key;
	uint32_t used[PROTO_KINDS];
};

bool bindings_init(struct binding_table *t, struct memory *m, uint32_t max, const struct hash_key *key);

static inline uint64_t binding_hash6(
	const struct binding_table *t, enum proto proto, uint8_t prefix, struct addr6 in, uint16_t port)
{
	const uint64_t w[3] = { in.hi, in.lo, (uint64_t)proto << 32 | (uint32_t)prefix << 16 | port };

	return hash_words(&t->key, w, 3);
}

static inline uint64_t binding_hash4(
	const struct binding_table *t, enum proto proto, struct addr4 out, uint16_t port)
{
	const uint64_t w[1] = { (uint64_t)out.v << 32 | (uint32_t)proto << 16 | port };

	return hash_words(&t->key, w, 1);
}

static inline uint32_t binding_find6(
	const struct binding_table *t, enum proto proto, uint8_t prefix, struct addr6 in, uint16_t port)
{
	struct probe p = index_probe(&t->by6, binding_hash6(t, proto, prefix, in, port));

	for (uint32_t id; (id = index_next(&t->by6, &p)) != NONE;) {
		const struct binding *b = &t->at[id].b;

		if (addr6_eq(b->in, in) && b->in_port == port && b->proto == proto && b->prefix == prefix)
			return id;
	}
	return NONE;
}

static inline uint32_t binding_find4(
	const struct binding_table *t, enum proto proto, struct addr4 out, uint16_t port)
{
	struct probe p = index_probe(&t->by4, binding_hash4(t, proto, out, port));

	for (uint32_t id; (id = index_next(&t->by4, &p)) != NONE;) {
		const struct binding *b = &t->at[id].b;

		if (addr4_eq(b->out, out) && b->out_port == port && b->proto == proto)
			return id;
	}
	return NONE;
}

/** binding_add() - enter a binding that neither side has yet, under number @want if that is free; the table is not full */
uint32_t binding_add(struct binding_table *t, const struct binding *b, uint32_t block, uint32_t want);

void binding_remove(struct binding_table *t, uint32_t id);

#endif
