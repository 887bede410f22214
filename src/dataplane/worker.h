/*
 * worker.h - a packet thread: one TUN queue, one translator, no table shared
 *
 * The worker alone touches its struct nat64. Others ask it to run a function between two packets (worker_call()).
 */
#ifndef ISTHMUS_DATAPLANE_WORKER_H
#define ISTHMUS_DATAPLANE_WORKER_H

#include "nat64/nat64.h"

struct worker; /* opaque */
struct bell;
struct ring;
struct upring;

/* How a worker reaches the others (crew.c makes it). The arrays have @len elements; its own place in the rings is NULL. */
struct worker_peers {
	unsigned len;	    /* workers, this one included */
	unsigned index;	    /* this one; names the thread */
	struct ring **in;   /* from each */
	struct ring **out;  /* to each */
	struct bell *bells; /* of each */
	struct upring *up;  /* packets that do not come by the queue; NULL: there are none */
};

/**
 * worker_new() - make a translator, with empty tables and no thread yet
 * @queue:	a TUN queue, owned by the caller, open as long as the worker lives
 * @peers:	copied; what it points at lives until all workers have ended
 *
 * Return: 0; -ENOMEM, -EINVAL (see nat64_new()), or another -errno.
 */
MUST_CHECK int worker_new(
	const struct nat64_config *c, int queue, const struct worker_peers *peers, struct worker **ret);

/**
 * worker_start() - run it on its own thread; 0 or -errno
 *
 * Context: start-up. The thread may be started before sandbox_enter() only if the filter is then set on all threads;
 * so start workers after it.
 */
MUST_CHECK int worker_start(struct worker *w);

/** worker_halt() - finish the packet at hand and join the thread, if there is one; the tables stay */
void worker_halt(struct worker *w);

/** worker_free() - halt it, and free everything; NULL is fine */
void worker_free(struct worker *w);

/** worker_nat64() - its translator, whose tables the caller may touch as long as there is no thread */
struct nat64 *worker_nat64(const struct worker *w);

/**
 * worker_call() - run @fn on the worker's thread between two packets, and wait for it
 *
 * @fn must be short (it holds up packets) and must not call back into worker_*.
 */
void worker_call(struct worker *w, void (*fn)(void *ctx, struct nat64 *n), void *ctx);

#endif
