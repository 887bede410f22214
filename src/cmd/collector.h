/* collector.h - asking all processes of the gateway for their figures, once for all who want them */
#ifndef ISTHMUS_CMD_COLLECTOR_H
#define ISTHMUS_CMD_COLLECTOR_H

#include "base/compiler.h"
#include "cmd/snapshot.h"
#include "loop/loop.h"

#include <stddef.h>

struct collector; /* opaque */

struct collector_plan {
	bool wants[SNAPSHOT_COUNT]; /* who runs */
	/**
	 * ask() - put a question, one line of docs/control.md without its end, to the supervisor
	 * @fd:		one end of a connection, borrowed; the answer is written to it
	 *
	 * Return: 0, or -errno if the supervisor does not take it.
	 */
	int (*ask)(void *ctx, const char *line, size_t len, int fd);
	/** done() - the figures are there, or those that came in time; borrowed for the call */
	void (*done)(void *ctx, const struct snapshot *s);
	void *ctx;
};

MUST_CHECK int collector_new(struct loop *l, const struct collector_plan *plan, struct collector **ret);

/**
 * collector_ask() - have done() called with figures that are at most COLLECTOR_FRESH old
 *
 * Maybe at once, from within this call; else once for everybody who asked in the meantime.
 */
#define COLLECTOR_FRESH (250 * MSEC)
void collector_ask(struct collector *c);

/** collector_free() - done() is not called any more; NULL is fine */
void collector_free(struct collector *c);

#endif
