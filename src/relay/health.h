/*
 * health.h - look after a target: a connection, or a request, every now and then
 *
 * Checks go the way that clients' connections go (dial.h), so what they find is what clients would find. One check at a
 * time, each ends before the next begins; the first is made soon, and those of many targets are spread.
 */
#ifndef ISTHMUS_RELAY_HEALTH_H
#define ISTHMUS_RELAY_HEALTH_H

#include "relay/targets.h"

struct health; /* opaque */

struct health_plan {
	struct target *target;		 /* told what is found; lives longer */
	const struct relay_health *care; /* lives longer */
	enum relay_family family;
	struct ssl_ctx_st
		*tls; /* its certificate must be for the target's host, if the context checks; NULL: no TLS */
};

/** health_start() - 0; -ENOMEM */
MUST_CHECK int health_start(struct lane *l, const struct health_plan *plan, struct health **ret);
void health_stop(struct health *h); /* NULL is fine */

/**
 * health_judge() - what the beginning of an answer says (pure)
 * @ret_status:	of HTTP; 0 if it is no HTTP. Untouched if false
 *
 * Return: whether that is known already
 */
bool health_judge(const char *bytes, size_t len, unsigned *ret_status);

#endif
