/*
 * quota.h - how many sessions one subscriber may have, and how fast it may open them
 *
 * Ports are limited by blocks (subscriber.h); but one port may have any number of sessions, and each takes room in the
 * table that all share. So sessions are counted by subscriber, and the rate at which a subscriber opens them may be
 * limited: new_sessions_per_second on average, with as many at once as one second allows. What comes from the IPv4 side
 * counts as a session, but not as opened by the subscriber: strangers cannot use up its rate.
 *
 * Spec: RFC 6888 REQ-4, REQ-5
 */
#ifndef ISTHMUS_STATE_QUOTA_H
#define ISTHMUS_STATE_QUOTA_H

#include "state/tables.h"

/** quota_refuses() - why the subscriber of @in may have no further session: SUBSCRIBER_SESSIONS, or NONE */
MUST_CHECK enum drop_reason quota_refuses(const struct state *s, struct addr6 in);

/** quota_refuses_own() - the same of a session that the subscriber itself opens at @now: also SUBSCRIBER_RATE */
MUST_CHECK enum drop_reason quota_refuses_own(const struct state *s, struct addr6 in, nsec now);

/** quota_spend() - the subscriber, which is known, has opened a session at @now */
void quota_spend(struct state *s, struct addr6 in, nsec now);

/** quota_count() - the binding's subscriber has @change (1 or -1) sessions more; the binding is there */
void quota_count(struct state *s, uint32_t binding, int change);

#endif
