/*
 * buffers.h - memory for bytes on their way, of one size, kept by the lane
 *
 * Whoever is idle holds none: a buffer is borrowed when bytes are there, and given back when they are gone.
 */
#ifndef ISTHMUS_RELAY_BUFFERS_H
#define ISTHMUS_RELAY_BUFFERS_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define BUFFER_SIZE 16384 /* bytes of data in one */

struct buffers; /* opaque */

/* Bytes from @from to @to wait; both are 0 if none do. */
struct buffer {
	struct buffer *next; /* of the kept ones, or of a caller's queue */
	unsigned from, to;
	uint8_t data[BUFFER_SIZE];
};

MUST_CHECK int buffers_new(
	unsigned keep, struct buffers **ret); /* @keep: how many are not given back to the system */
void buffers_free(struct buffers *b);

/** buffer_borrow() - an empty one, or NULL without memory */
MUST_CHECK struct buffer *buffer_borrow(struct buffers *b);
void buffer_give(struct buffers *b, struct buffer *u); /* NULL is fine */

static inline size_t buffer_left(const struct buffer *u) /* bytes that wait */
{
	return u->to - u->from;
}

static inline size_t buffer_room(const struct buffer *u) /* bytes that fit in behind */
{
	return BUFFER_SIZE - u->to;
}

#endif
