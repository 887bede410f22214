/* vector.h - conformance vectors, read from text; README.md describes the format */
#ifndef ISTHMUS_TESTS_VECTOR_H
#define ISTHMUS_TESTS_VECTOR_H

#include "assemble.h"
#include "xlat/xlat.h"

#include <stdio.h>

enum vector_direction { VECTOR_64, VECTOR_46 };

struct vector {
	char name[96], spec[96];
	enum vector_direction direction;
	struct xlat_to4 to4;
	struct xlat_to6 to6;
	uint16_t ipv4_id;
	uint32_t
		datagram_len; /* what the caller of the translation knows about a fragment's datagram; 0: nothing */
	size_t headroom;
	enum drop_reason drop; /* DROP_NONE: `out` is what must come */
	struct assembly in, out;
};

struct vector_file {
	FILE *file;
	const char *path;
	unsigned line;
};

/** vector_open() - start reading a file; false if it cannot be opened */
bool vector_open(struct vector_file *f, const char *path);

/**
 * vector_next() - read one vector
 *
 * Return: 1; 0 at the end; -1 on a mistake, which was printed with file and line.
 */
int vector_next(struct vector_file *f, struct vector *ret);

void vector_close(struct vector_file *f);

#endif
