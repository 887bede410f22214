/* clat.h - a customer-side translator's place in the host (RFC 6877) */
#ifndef ISTHMUS_DATAPLANE_CLAT_H
#define ISTHMUS_DATAPLANE_CLAT_H

#include "dataplane/fault.h"
#include "dataplane/host.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"

struct clat_request {
	struct netlink *netlink;
	struct journal *journal;
	const struct host_clat *clat;
	unsigned device;	       /* interface index of the TUN device */
	struct default_link4 *present; /* the route that there is; index 0: none yet */
};

/**
 * clat_widen() - the IPv4 default route, and answers for the translator's IPv6 address
 *
 * What is there already stays as it is. The route's MTU is that of the uplink less CLAT_GROWTH.
 *
 * Return: 0; -errno with a sentence in @f.
 */
MUST_CHECK int clat_widen(const struct clat_request *q, const struct fault *f);

/** clat_narrow() - stop answering for addresses that are not the translator's any more; 0 or -errno */
MUST_CHECK int clat_narrow(const struct clat_request *q);

/** clat_undo() - take back one answer that the journal names */
void clat_undo(struct netlink *n, const struct change *c);

/* What a packet grows by at most: an IPv6 header for an IPv4 one, and a fragment header (RFC 7915 s4). */
#define CLAT_GROWTH (40 - 20 + 8)

#endif
