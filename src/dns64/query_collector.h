/*
 * query_collector.h - the log of queries for a collector at a unix socket: frame streams in both directions
 *
 * For one thread, which a slow collector may hold up for twice COLLECTOR_PATIENCE at each call.
 */
#ifndef ISTHMUS_DNS64_QUERY_COLLECTOR_H
#define ISTHMUS_DNS64_QUERY_COLLECTOR_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/compiler.h"

#define COLLECTOR_PATIENCE (2 * NSEC) /* with a collector that takes or says nothing */

struct query_collector; /* opaque */

/**
 * query_collector_new() - agree with a collector on dnstap: READY, its ACCEPT, START
 * @fd:		a connection that never waits; taken over, on failure too
 *
 * Return: 0; -ETIMEDOUT if it says nothing in time; -EPROTO if it says something else, or does not want dnstap;
 * -EPIPE if it went away; -ENOMEM; other -errno of the connection.
 */
MUST_CHECK int query_collector_new(int fd, struct query_collector **ret);

/** query_collector_free() - STOP, its FINISH, and close, unless the connection is broken; NULL is fine */
void query_collector_free(struct query_collector *c);

/**
 * query_collector_write() - hand over frames, each with its length in front (as query_dnstap() makes them)
 * @frames:	whole frames, @len bytes
 * @sent:	what of them was handed over before; grows by whole frames, on failure too
 *
 * Return: 0, after all of them or when COLLECTOR_PATIENCE is over; -ETIMEDOUT if it took nothing for that long, -EPIPE if it
 * went away, other -errno: the connection is of no use any more.
 */
MUST_CHECK int query_collector_write(
	struct query_collector *c, const uint8_t *frames, size_t len, size_t *sent);

#endif
