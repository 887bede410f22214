/* memory.c - see memory.h */
#include "state/memory.h"

#include <stdlib.h>

void *memory_table(struct memory *m, size_t n, size_t size)
{
	size_t bytes;

	ASSERT(m->len < MEMORY_TABLES_MAX);
	if (__builtin_mul_overflow(n, size, &bytes) ||
		__builtin_add_overflow(bytes, (size_t)MEMORY_LINE, &bytes))
		return NULL;
	uint8_t *base = calloc(1, bytes);
	if (!base)
		return NULL;
	m->base[m->len++] = base;
	m->bytes += bytes;
	return base + (-(uintptr_t)base & (MEMORY_LINE - 1));
}

void memory_fini(struct memory *m)
{
	while (m->len > 0)
		free(m->base[--m->len]);
}
