/* forward.h - turning the host into a router for both families, and the settings of the TUN device */
#ifndef ISTHMUS_DATAPLANE_FORWARD_H
#define ISTHMUS_DATAPLANE_FORWARD_H

#include "dataplane/fault.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"

/* A host whose own packets alone are translated need not become an IPv4 router. */
enum forward_families { FORWARD_BOTH, FORWARD_IPV6 };

/**
 * forward_on() - switch forwarding on for IPv6, and for IPv4
 *
 * The old value of every setting that changes with it is recorded. An interface that takes router
 * advertisements and does not forward yet goes on taking them (accept_ra 2), else the host would lose its
 * IPv6 default route.
 *
 * Return: 0; -errno with a sentence in @f.
 */
MUST_CHECK int forward_on(
	struct netlink *n, struct journal *j, enum forward_families families, const struct fault *f);

/** forward_device() - the settings of the TUN device itself; they vanish with it, so nothing is recorded */
MUST_CHECK int forward_device(const char *device, const struct fault *f);

#endif
