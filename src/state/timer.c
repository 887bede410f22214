/* timer.c - see timer.h */
#include "state/timer.h"

#define SLOT_OF(tick) ((uint32_t)((tick) & (WHEEL_SLOTS - 1)))
#define WORD_BITS 64u

bool wheel_init(struct wheel *w, struct memory *m, uint32_t max, nsec now)
{
	w->links = memory_table(m, max, sizeof(*w->links));
	w->heads = memory_table(m, WHEEL_SLOTS, sizeof(*w->heads));
	w->busy = memory_table(m, WHEEL_SLOTS / WORD_BITS, sizeof(*w->busy));
	w->cursor = now >> TICK_SHIFT;
	if (!w->links || !w->heads || !w->busy)
		return false;
	for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
		w->heads[i] = NONE;
	return true;
}

/* The first tick that begins after @expires, inside the turn that the wheel can hold. */
static uint64_t tick_for(const struct wheel *w, nsec expires)
{
	uint64_t tick = (expires >> TICK_SHIFT) + 1;

	if (tick < w->cursor)
		return w->cursor;
	return tick - w->cursor < WHEEL_SLOTS ? tick : w->cursor + WHEEL_SLOTS - 1;
}

void wheel_put(struct wheel *w, uint32_t id, nsec expires)
{
	uint64_t due = tick_for(w, expires);
	uint32_t slot = SLOT_OF(due);
	uint32_t next = w->heads[slot];

	w->links[id] = (struct wheel_link){ .due = due, .prev = NONE, .next = next };
	if (next != NONE)
		w->links[next].prev = id;
	w->heads[slot] = id;
	w->busy[slot / WORD_BITS] |= UINT64_C(1) << (slot % WORD_BITS);
}

void wheel_remove(struct wheel *w, uint32_t id)
{
	const struct wheel_link *l = &w->links[id];
	uint32_t slot = SLOT_OF(l->due);

	if (l->next != NONE)
		w->links[l->next].prev = l->prev;
	if (l->prev != NONE)
		w->links[l->prev].next = l->next;
	else
		w->heads[slot] = l->next;
	if (w->heads[slot] == NONE)
		w->busy[slot / WORD_BITS] &= ~(UINT64_C(1) << (slot % WORD_BITS));
}

/* How many ticks after the cursor the first slot lies that is not empty; WHEEL_SLOTS if all are empty. */
static uint32_t distance(const struct wheel *w)
{
	uint32_t start = SLOT_OF(w->cursor);
	uint64_t word = w->busy[start / WORD_BITS] & (UINT64_MAX << (start % WORD_BITS));

	/* One word more than there are: the last look is at the bits of the first word that come before the
	 * start. */
	for (uint32_t n = 0; n <= WHEEL_SLOTS / WORD_BITS; n++) {
		uint32_t at = (start / WORD_BITS + n) % (WHEEL_SLOTS / WORD_BITS);

		if (n > 0)
			word = w->busy[at];
		if (word != 0)
			return SLOT_OF(at * WORD_BITS + (uint32_t)__builtin_ctzll(word) - start);
	}
	return WHEEL_SLOTS;
}

uint32_t wheel_take_due(struct wheel *w, nsec now)
{
	uint64_t last = now >> TICK_SHIFT;

	if (w->cursor > last)
		return NONE;
	uint64_t next = w->cursor + distance(w);

	if (next > last || next - w->cursor == WHEEL_SLOTS) {
		w->cursor = last + 1;
		return NONE;
	}
	w->cursor = next;
	uint32_t id = w->heads[SLOT_OF(next)];

	wheel_remove(w, id);
	return id;
}

nsec wheel_next(const struct wheel *w)
{
	uint32_t d = distance(w);

	return d == WHEEL_SLOTS ? UINT64_MAX : (w->cursor + d) << TICK_SHIFT;
}

uint32_t wheel_first(const struct wheel *w)
{
	uint32_t d = distance(w);

	return d == WHEEL_SLOTS ? NONE : w->heads[SLOT_OF(w->cursor + d)];
}
