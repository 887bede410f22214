/* memory.h - the tables' memory: taken once at start, zero, aligned to cache lines, and freed all together */
#ifndef ISTHMUS_STATE_MEMORY_H
#define ISTHMUS_STATE_MEMORY_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_TABLES_MAX 64
#define MEMORY_LINE 64		      /* bytes of a cache line */
#define MEMORY_HUGE ((size_t)2 << 20) /* bytes of a huge page, where a page table entry serves that many */

struct memory {
	struct memory_base {
		void *base;   /* as calloc() gave it */
		void *table;  /* the first aligned address in it */
		size_t bytes; /* of the table */
		bool is_scattered;
	} at[MEMORY_TABLES_MAX];
	unsigned len;
	uint64_t bytes; /* sum of what was asked for; pages never touched cost nothing */
};

/**
 * memory_table() - take a zeroed table of @n elements of @size bytes
 *
 * Zeroed by calloc(), so that the kernel gives the pages of a large table only when they are first used. A table of
 * MEMORY_HUGE bytes or more starts at a multiple of that, so that huge pages fit if the process has asked for them.
 *
 * Return: the table, which starts on a cache line; NULL if there is no memory.
 * Context: start-up only.
 */
void *memory_table(struct memory *m, size_t n, size_t size);

/** memory_table_scattered() - the same for one whose elements are used in random order: few of them touch all of its pages */
void *memory_table_scattered(struct memory *m, size_t n, size_t size);

/** memory_fini() - free every table */
void memory_fini(struct memory *m);

#endif
