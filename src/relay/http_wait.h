/*
 * http_wait.h - timeouts of many connections: one queue for each length of time, and one timer for all
 *
 * Whoever waits as long as others do is behind all that began before, so a queue is in order by itself: to begin, to begin
 * anew and to stop take the same short time however many wait.
 */
#ifndef ISTHMUS_RELAY_HTTP_WAIT_H
#define ISTHMUS_RELAY_HTTP_WAIT_H

#include "base/clock.h"
#include "base/compiler.h"

enum http_wait_for {
	HTTP_WAIT_HEAD,	      /* a client has not said what it wants */
	HTTP_WAIT_KEEP_ALIVE, /* between requests, of a client or a server */
	HTTP_WAIT_IDLE,	      /* an exchange without a byte */
	HTTP_WAIT_LINGER,     /* a client that has its answer still sends */
	HTTP_WAIT_LEAVE,      /* a request may be on its way to a service that is retired */
	HTTP_WAIT_COUNT
};

struct loop;
struct loop_watch;

struct http_wait {
	struct http_wait *prev, *next; /* next is NULL: it does not wait */
	nsec due;
	void (*due_fn)(struct http_wait *w); /* the time is over; it does not wait any more */
};

struct http_waits {
	struct http_wait queues[HTTP_WAIT_COUNT]; /* rings */
	nsec lengths[HTTP_WAIT_COUNT];
	struct loop_watch *timer;
	nsec timer_due; /* 0: it is not set */
};

MUST_CHECK int http_waits_init(
	struct http_waits *q, struct loop *l); /* 0; -ENOMEM; lengths are the caller's */
void http_waits_fini(struct http_waits *q);    /* nobody waits any more; a zeroed one is fine */

/** http_wait_begin() - wait for this, from now on; whatever it waited for before is over */
void http_wait_begin(struct http_waits *q, struct http_wait *w, enum http_wait_for what);
void http_wait_end(struct http_wait *w); /* a zeroed one is fine */

#endif
