/* index.c - see index.h */
#include "state/index.h"

bool index_init(struct index *x, struct memory *m, uint32_t max)
{
	uint32_t size = 16;

	while (size / 2 < max)
		size *= 2;
	x->slots = memory_table(m, size, sizeof(*x->slots));
	x->mask = size - 1;
	x->len = 0;
	return x->slots != NULL;
}

void index_put(struct index *x, uint64_t hash, uint32_t id)
{
	uint32_t at = (uint32_t)hash & x->mask;

	ASSERT(x->len <= x->mask / 2);
	while (x->slots[at].ref != 0)
		at = (at + 1) & x->mask;
	x->slots[at] = (struct index_slot){ .hash = (uint32_t)hash, .ref = id + 1 };
	x->len++;
}

static struct index_slot *slot_of(const struct index *x, uint64_t hash, uint32_t id)
{
	uint32_t at = (uint32_t)hash & x->mask;

	while (x->slots[at].ref != id + 1) {
		ASSERT(x->slots[at].ref != 0);
		at = (at + 1) & x->mask;
	}
	return &x->slots[at];
}

void index_remove(struct index *x, uint64_t hash, uint32_t id)
{
	uint32_t hole = (uint32_t)(slot_of(x, hash, id) - x->slots);
	uint32_t at = hole;

	for (;;) {
		at = (at + 1) & x->mask;
		if (x->slots[at].ref == 0)
			break;
		uint32_t home = x->slots[at].hash & x->mask;

		/* The element may move back to the hole unless its home lies behind the hole. */
		if (((at - home) & x->mask) >= ((at - hole) & x->mask)) {
			x->slots[hole] = x->slots[at];
			hole = at;
		}
	}
	x->slots[hole] = (struct index_slot){ 0 };
	x->len--;
}

void index_replace(struct index *x, uint64_t hash, uint32_t old, uint32_t new)
{
	slot_of(x, hash, old)->ref = new + 1;
}

bool index_has(const struct index *x, uint64_t hash, uint32_t id)
{
	struct probe p = index_probe(x, hash);
	unsigned times = 0;

	for (uint32_t found; (found = index_next(x, &p)) != NONE;)
		times += found == id;
	return times == 1;
}
