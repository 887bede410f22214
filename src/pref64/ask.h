/*
 * ask.h - when to ask for the AAAA records of ipv4only.arpa, and whom (RFC 7050 s3)
 *
 * Pure: it is given the time, says when the next question is due, and is told what came of it.
 *
 *	IDLE --ask_start()--> WAITING --time--> (send) ASKED --answer--> WAITING for its end
 *	ASKED --time--> (send again, next server) ASKED, at growing intervals
 *	any --ask_stop()--> IDLE
 */
#ifndef ISTHMUS_PREF64_ASK_H
#define ISTHMUS_PREF64_ASK_H

#include "base/clock.h"

#include <stdbool.h>

#define ASK_NEVER UINT64_MAX
#define ASK_RETRY_MIN (1 * NSEC) /* after a question without answer; doubles from one to the next */
#define ASK_RETRY_MAX (60 * NSEC)
#define ASK_AHEAD (10 * NSEC)		/* RFC 7050 s3: ask again ten seconds before the TTL is over */
#define ASK_TTL_MIN (30 * NSEC)		/* a shorter TTL counts as this, so that we do not ask all the time */
#define ASK_TTL_MAX (86400 * NSEC)	/* a longer one, too */
#define ASK_NEGATIVE_MIN (10 * NSEC)	/* the same of a "no" */
#define ASK_NEGATIVE_MAX (10800 * NSEC) /* RFC 2308 s5: three hours */

struct ask {
	nsec due;	 /* when to send the next question; ASK_NEVER while IDLE */
	unsigned tries;	 /* questions in a row without an answer */
	unsigned server; /* counts up; the caller takes it modulo the number of servers */
};

/** ask_init() - IDLE */
void ask_init(struct ask *a);

/** ask_start() - begin to ask, first at @due; nothing if it has begun already */
void ask_start(struct ask *a, nsec due);

/** ask_stop() - there is no need for the answer any more */
void ask_stop(struct ask *a);

static inline bool ask_is_due(const struct ask *a, nsec now)
{
	return a->due <= now;
}

/** ask_sent() - the question was sent, or could not be; either way it is retried until an answer comes */
void ask_sent(struct ask *a, nsec now);

/** ask_failed() - a server answered that it cannot answer: try the next one soon, no sooner than a retry */
void ask_failed(struct ask *a, nsec now);

/** ask_answered() - the answer has prefixes, for @ttl; returns until when they may be used */
nsec ask_answered(struct ask *a, nsec ttl, nsec now);

/** ask_denied() - the answer is that there is none; @ttl: how long that may be believed (RFC 2308 s5) */
void ask_denied(struct ask *a, nsec ttl, nsec now);

#endif
