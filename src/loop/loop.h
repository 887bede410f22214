/*
 * loop.h - one event loop per process (libevent underneath): descriptors, timers, signals
 *
 * Callbacks run one at a time on the loop's thread. Packet workers do not use it: they own a thread and one
 * queue.
 */
#ifndef ISTHMUS_LOOP_LOOP_H
#define ISTHMUS_LOOP_LOOP_H

#include "base/clock.h"
#include "base/compiler.h"

struct event_base;
struct loop;	   /* opaque */
struct loop_watch; /* opaque: one descriptor, timer or signal being watched */

/* LOOP_EDGE: told once that it became ready, so whoever is told reads or writes until -EAGAIN (epoll(7)). */
enum loop_event { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_EDGE = 4 };

MUST_CHECK int loop_new(struct loop **ret); /* 0 or -ENOMEM */
void loop_free(struct loop *l);

/** loop_run() - run until loop_stop(); 0, or -EIO if the loop itself fails */
MUST_CHECK int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/** loop_base() - the libevent base, for libraries that bring their own events (libunbound) */
struct event_base *loop_base(struct loop *l);

/** loop_watch_fd() - call @fn while @fd is ready for any of @events (mask of enum loop_event), or
 * with LOOP_EDGE whenever it has become so; an error or the peer's end makes it ready for all of them */
MUST_CHECK int loop_watch_fd(struct loop *l, int fd, unsigned events, void (*fn)(void *ctx, unsigned ready),
	void *ctx, struct loop_watch **ret);

/** loop_watch_timer() - a timer, not yet running; start it with loop_timer_set() */
MUST_CHECK int loop_watch_timer(struct loop *l, void (*fn)(void *ctx), void *ctx, struct loop_watch **ret);
/** loop_timer_set() - fire once, @after_ns from now (again after the callback if it sets it anew) */
void loop_timer_set(struct loop_watch *w, nsec after_ns);
void loop_timer_stop(struct loop_watch *w);

MUST_CHECK int loop_watch_signal(
	struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx, struct loop_watch **ret);

/** loop_unwatch() - stop and free; NULL is fine; the descriptor stays open */
void loop_unwatch(struct loop_watch *w);

#endif
