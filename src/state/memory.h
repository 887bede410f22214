/* memory.h - the tables' memory: taken once at start, zero, aligned to cache lines, and freed all together */
#ifndef ISTHMUS_STATE_MEMORY_H
#define ISTHMUS_STATE_MEMORY_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define MEMORY_TABLES_MAX 32
#define MEMORY_LINE 64 /* bytes of a cache line */

struct memory {
	void *base[MEMORY_TABLES_MAX]; /* as calloc() gave them */
	unsigned len;
	uint64_t bytes; /* sum of what was asked for; pages never touched cost nothing */
};

/**
 * memory_table() - take a zeroed table of @n elements of @size bytes
 *
 * Zeroed by calloc(), so that the kernel gives the pages of a large table only when they are first used.
 *
 * Return: the table, which starts on a cache line; NULL if there is no memory.
 * Context: start-up only.
 */
void *memory_table(struct memory *m, size_t n, size_t size);

/** memory_fini() - free every table */
void memory_fini(struct memory *m);

#endif
