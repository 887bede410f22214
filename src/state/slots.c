/* slots.c - see slots.h */
#include "state/slots.h"

bool slots_init(struct slots *s, struct memory *m, uint32_t max)
{
	s->next = memory_table(m, max, sizeof(*s->next));
	s->free = NONE;
	s->high = 0;
	s->max = max;
	s->used = 0;
	return s->next != NULL;
}

uint32_t slots_take(struct slots *s)
{
	uint32_t id = s->free;

	ASSERT(!slots_is_full(s));
	if (id == NONE)
		id = s->high++;
	else
		s->free = s->next[id];
	s->next[id] = SLOT_LIVE;
	s->used++;
	return id;
}

void slots_give(struct slots *s, uint32_t id)
{
	ASSERT(slots_is_live(s, id));
	s->next[id] = s->free;
	s->free = id;
	s->used--;
}

uint32_t slots_next(const struct slots *s, uint32_t from, uint32_t looks, uint32_t *ret_next)
{
	uint32_t id = from;
	uint32_t end = s->high > from && s->high - from > looks ? from + looks : s->high;

	while (id < end && s->next[id] != SLOT_LIVE)
		id++;
	uint32_t found = id < end ? id : NONE;
	uint32_t next = found == NONE ? id : id + 1;

	*ret_next = next >= s->high ? NONE : next;
	return found;
}
