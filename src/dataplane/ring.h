/*
 * ring.h - records from one thread to one other thread, in order, without a lock
 *
 * A ring has one producer and one consumer. A record lies in one piece, starts on a cache line, and may be changed by the
 * consumer until it is released. Positions only grow; what does not fit before the end of the memory is preceded by a
 * record that says "skip". The producer publishes with one release store, the consumer with another: no read-modify-write.
 *
 * The memory is touched only as far as it is used: a producer that finds the ring empty begins at its start again.
 */
#ifndef ISTHMUS_DATAPLANE_RING_H
#define ISTHMUS_DATAPLANE_RING_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define RING_LINE 64 /* bytes; records are multiples of it */

struct ring; /* opaque */

/**
 * ring_new() - make a ring
 * @bytes:	of memory; a power of two, at least 1024
 *
 * Return: 0; -ENOMEM.
 */
MUST_CHECK int ring_new(uint32_t bytes, struct ring **ret);
void ring_free(struct ring *r);

/** ring_record_max() - the longest record that an empty ring takes, in bytes */
uint32_t ring_record_max(const struct ring *r);

/**
 * ring_reserve() - room for a record of @len bytes, aligned to RING_LINE; NULL if there is none
 *
 * Nobody sees it before ring_commit(); reserving again instead is fine. Context: producer.
 */
void *ring_reserve(struct ring *r, uint32_t len);

/** ring_commit() - publish the record that was reserved last. Context: producer. */
void ring_commit(struct ring *r);

/** ring_peek() - the oldest record, and its length; NULL if there is none. Context: consumer. */
void *ring_peek(struct ring *r, uint32_t *ret_len);

/** ring_release() - give back the record that ring_peek() gave last. Context: consumer. */
void ring_release(struct ring *r);

/** ring_is_empty() - whether ring_peek() would find nothing. Context: consumer. */
bool ring_is_empty(struct ring *r);

#endif
