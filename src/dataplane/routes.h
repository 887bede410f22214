/* routes.h - the prefixes that lead to the device, and the difference between two sets of them */
#ifndef ISTHMUS_DATAPLANE_ROUTES_H
#define ISTHMUS_DATAPLANE_ROUTES_H

#include "dataplane/fault.h"
#include "dataplane/netlink.h"

/* A set: no prefix twice. Zeroed, it is empty. */
struct routes {
	struct prefix4 *v4; /* owned */
	struct prefix6 *v6; /* owned */
	unsigned v4_len, v6_len;
};

/** routes_want4(), routes_want6() - put a prefix into the set, if it is not there yet; 0 or -ENOMEM */
MUST_CHECK int routes_want4(struct routes *s, struct prefix4 p);
MUST_CHECK int routes_want6(struct routes *s, struct prefix6 p);

bool routes_have4(const struct routes *s, struct prefix4 p);
bool routes_have6(const struct routes *s, struct prefix6 p);

/** routes_free() - free what the set holds; it is empty afterwards */
void routes_free(struct routes *s);

/* The device that the routes lead to. */
struct routes_device {
	struct netlink *netlink;
	unsigned index;
	const char *name; /* for messages */
};

/**
 * routes_widen() - route to the device what is wanted and not yet routed
 * @have:	what is routed; takes in what was added, also on failure
 *
 * Return: 0; -errno with a sentence in @f (-EEXIST: such a route leads elsewhere).
 */
MUST_CHECK int routes_widen(
	const struct routes_device *d, struct routes *have, const struct routes *want, const struct fault *f);

/** routes_narrow() - take away the routes that are not wanted any more; one that is gone already is passed over */
void routes_narrow(const struct routes_device *d, struct routes *have, const struct routes *want);

#endif
