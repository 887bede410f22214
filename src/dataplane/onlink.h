/* onlink.h - pool addresses and the host's own IPv4 subnets: which cannot be lent out, which need ARP
 * answered */
#ifndef ISTHMUS_DATAPLANE_ONLINK_H
#define ISTHMUS_DATAPLANE_ONLINK_H

#include "dataplane/fault.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"
#include "state/state.h"

struct onlink_request {
	struct netlink *netlink;
	struct journal *journal;
	const struct state_config *pool;
	unsigned device; /* interface index of the TUN device */
};

/* The most addresses for which ARP is answered one by one, in one subnet of one pool entry: a /24. */
#define ONLINK_PROXY_MAX 256

/**
 * onlink_check() - refuse a pool whose addresses this host needs itself
 *
 * A dedicated (not shared) pool entry must hold neither an address of this host nor its IPv4 default gateway;
 * a shared one must be a single address.
 *
 * Return: 0; -EADDRINUSE or -EINVAL with a sentence in @f; -errno.
 */
MUST_CHECK int onlink_check(const struct onlink_request *q, const struct fault *f);

/**
 * onlink_answer() - answer ARP requests for dedicated pool addresses that lie in a subnet of another
 * interface
 *
 * The neighbours believe that such an address is on their link and ask for it there. One proxy entry per
 * address is added; for more than ONLINK_PROXY_MAX of them the administrator is asked to route the prefix to
 * this host, unless the interface answers for everything already (proxy_arp).
 *
 * Return: 0; -EDOM or another -errno with a sentence in @f.
 */
MUST_CHECK int onlink_answer(const struct onlink_request *q, const struct fault *f);

/** onlink_silence() - stop answering for addresses that are in no dedicated entry of @q->pool any more; 0 or -errno */
MUST_CHECK int onlink_silence(const struct onlink_request *q);

/** onlink_undo() - take back one answer that the journal names */
void onlink_undo(struct netlink *n, const struct change *c);

#endif
