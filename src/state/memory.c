/* memory.c - see memory.h */
#include "state/memory.h"

#include <stdlib.h>

void *memory_table(struct memory *m, size_t n, size_t size)
{
	size_t bytes, with_gap;

	ASSERT(m->len < MEMORY_TABLES_MAX);
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	size_t align = bytes < MEMORY_HUGE ? MEMORY_LINE : MEMORY_HUGE;

	if (__builtin_add_overflow(bytes, align, &with_gap))
		return NULL;
	uint8_t *base = calloc(1, with_gap);
	if (!base)
		return NULL;
	uint8_t *table = base + (-(uintptr_t)base & (align - 1));

	m->at[m->len++] = (struct memory_base){ base, table, bytes, false };
	m->bytes += bytes;
	return table;
}

void *memory_table_scattered(struct memory *m, size_t n, size_t size)
{
	void *table = memory_table(m, n, size);

	if (table)
		m->at[m->len - 1].is_scattered = true;
	return table;
}

void memory_fini(struct memory *m)
{
	while (m->len > 0)
		free(m->at[--m->len].base);
}
