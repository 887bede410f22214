/*
 * crew.h - the packet threads of one translator, and what lies between them
 *
 * The workers share no tables (worker.h). What they have in common is made before they start and freed after they have
 * ended: the rules of who owns what (state/owner.h), one ring for each ordered pair of workers, and a bell for each.
 */
#ifndef ISTHMUS_DATAPLANE_CREW_H
#define ISTHMUS_DATAPLANE_CREW_H

#include "dataplane/worker.h"

struct crew; /* opaque */

/**
 * crew_new() - prepare @len workers
 * @c:		borrowed until crew_make() has returned
 * @queues:	a TUN queue for each; the caller's, open as long as the crew lives
 * @table:	of more than one worker: the memory that they share with the kernel's program (dataplane/queue.h), or -1
 *		for memory of their own; may be closed afterwards
 *
 * Return: 0; -ENOMEM, -EINVAL, or another -errno.
 * Context: start-up, before sandbox_enter().
 */
MUST_CHECK int crew_new(
	const struct nat64_config *c, const int *queues, unsigned len, int table, struct crew **ret);

/** crew_watch() - whom worker number @i tells of what happens in its tables; before crew_make() */
void crew_watch(struct crew *k, unsigned i, struct state_watch watch);

/** crew_up() - worker number @i has this ring, too, which is borrowed as long as the crew lives; before crew_make() */
void crew_up(struct crew *k, unsigned i, struct upring *up);

/** crew_make() - make the tables; 0, or -errno as worker_new() with *ret_failed the worker's number */
MUST_CHECK int crew_make(struct crew *k, unsigned *ret_failed);

/** crew_tables() - the translators of all workers, whose tables the caller may touch before crew_start() and after crew_halt() */
struct nat64 *const *crew_tables(struct crew *k);

/** crew_start() - start the threads, which inherit the sandbox; 0, or -errno as worker_start() with *ret_failed its number */
MUST_CHECK int crew_start(struct crew *k, unsigned *ret_failed);

/** crew_halt() - end the threads; the tables stay, and what comes waits in the queues */
void crew_halt(struct crew *k);

/** crew_free() - end the threads and free everything; NULL is fine */
void crew_free(struct crew *k);

unsigned crew_len(const struct crew *k);

/** crew_worker() - worker number @i, for worker_call(); after crew_start() */
struct worker *crew_worker(const struct crew *k, unsigned i);

#endif
