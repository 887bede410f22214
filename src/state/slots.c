/* slots.c - see slots.h */
#include "state/slots.h"

static uint32_t words_of(uint32_t bits)
{
	return (bits >> SLOT_WORD_SHIFT) + (bits % 64 > 0);
}

static void set_free(uint64_t *words, uint32_t bits)
{
	for (uint32_t i = 0; i < bits / 64; i++)
		words[i] = UINT64_MAX;
	if (bits % 64 > 0)
		words[bits / 64] = (UINT64_C(1) << bits % 64) - 1;
}

bool slots_init(struct slots *s, struct memory *m, uint32_t max)
{
	uint32_t bits = max;

	*s = (struct slots){ .max = max, .limit = max };
	for (unsigned level = 0; level < SLOT_LEVELS; level++) {
		s->free[level] = memory_table(m, words_of(bits) + 1, sizeof(uint64_t));
		if (!s->free[level])
			return false;
		set_free(s->free[level], bits);
		bits = words_of(bits);
	}
	return true;
}

uint32_t slots_lowest(const struct slots *s)
{
	uint32_t id = 0;

	ASSERT(s->used < s->max);
	for (unsigned level = SLOT_LEVELS; level-- > 0;)
		id = id << SLOT_WORD_SHIFT | (uint32_t)__builtin_ctzll(s->free[level][id]);
	return id;
}

static uint32_t take(struct slots *s, uint32_t id)
{
	uint32_t bit = id;

	for (unsigned level = 0; level < SLOT_LEVELS; level++) {
		uint64_t *word = &s->free[level][bit >> SLOT_WORD_SHIFT];

		*word &= ~(UINT64_C(1) << bit % 64);
		if (*word != 0)
			break;
		bit >>= SLOT_WORD_SHIFT;
	}
	if (id >= s->high)
		s->high = id + 1;
	s->used++;
	return id;
}

uint32_t slots_take(struct slots *s)
{
	return take(s, slots_lowest(s));
}

uint32_t slots_take_if_free(struct slots *s, uint32_t want)
{
	bool is_free = want < s->max && !slots_is_live(s, want);

	return take(s, is_free ? want : slots_lowest(s));
}

void slots_give(struct slots *s, uint32_t id)
{
	ASSERT(slots_is_live(s, id));
	for (unsigned level = 0; level < SLOT_LEVELS; level++) {
		uint64_t *word = &s->free[level][id >> SLOT_WORD_SHIFT];
		bool has_any = *word != 0;

		*word |= UINT64_C(1) << id % 64;
		if (has_any)
			break;
		id >>= SLOT_WORD_SHIFT;
	}
	s->used--;
}

uint32_t slots_next(const struct slots *s, uint32_t from, uint32_t looks, uint32_t *ret_next)
{
	uint32_t id = from;
	uint32_t end = s->high > from && s->high - from > looks ? from + looks : s->high;

	while (id < end && !slots_is_live(s, id))
		id++;
	uint32_t found = id < end ? id : NONE;
	uint32_t next = found == NONE ? id : id + 1;

	*ret_next = next >= s->high ? NONE : next;
	return found;
}

bool slots_validate(const struct slots *s)
{
	uint32_t live = 0, bits = s->max;

	for (uint32_t id = 0; id < s->max; id++)
		live += slots_is_live(s, id);
	for (unsigned level = 1; level < SLOT_LEVELS; level++) {
		bits = words_of(bits);
		for (uint32_t i = 0; i < bits; i++) {
			if ((s->free[level - 1][i] != 0) != (s->free[level][i / 64] >> i % 64 & 1))
				return false;
		}
	}
	return live == s->used && s->high <= s->max && s->limit <= s->max;
}
