/* onlink.h - addresses that lead to the translator and the host's own subnets: which it needs itself, for which it has to
 * answer */
#ifndef ISTHMUS_DATAPLANE_ONLINK_H
#define ISTHMUS_DATAPLANE_ONLINK_H

#include "dataplane/fault.h"
#include "dataplane/journal.h"
#include "dataplane/netlink.h"
#include "nat64/config.h"

struct onlink_request {
	struct netlink *netlink;
	struct journal *journal;
	const struct state_config *pool;
	const struct siit_config *siit;
	unsigned device; /* interface index of the TUN device */
};

/* The most addresses for which this host answers one by one, in one subnet, of one pool entry or mapping: a /24, a /120. */
#define ONLINK_PROXY_MAX 256

/**
 * onlink_check() - refuse a pool, or mappings, whose addresses this host needs itself
 *
 * What leads to the translator (a dedicated pool entry, the IPv4 prefix of a mapping of IPv6 hosts) must hold neither an
 * address of this host nor its IPv4 default gateway; a shared pool entry must be a single address.
 *
 * Return: 0; -EADDRINUSE or -EINVAL with a sentence in @f; -errno.
 */
MUST_CHECK int onlink_check(const struct onlink_request *q, const struct fault *f);

/**
 * onlink_answer() - answer ARP requests and neighbour solicitations for addresses that lead to the translator and lie in
 * a subnet of another interface
 *
 * The neighbours believe that such an address is on their link and ask for it there. One proxy entry per
 * address is added; for more than ONLINK_PROXY_MAX of them the administrator is asked to route the prefix to
 * this host, unless the interface answers for everything already (proxy_arp). For IPv6 the interface's proxy_ndp is turned on.
 *
 * Return: 0; -EDOM or another -errno with a sentence in @f.
 */
MUST_CHECK int onlink_answer(const struct onlink_request *q, const struct fault *f);

/** onlink_silence() - stop answering for addresses that do not lead to the translator any more; 0 or -errno */
MUST_CHECK int onlink_silence(const struct onlink_request *q);

/**
 * onlink_mend() - answer again where the kernel has forgotten it, which it does when a link goes down or loses its carrier
 * @mended:	told of each interface where that was so, and for how many addresses
 *
 * By the journal: what was answered for, as long as the interface is the same one.
 *
 * Return: 0; -errno of the first address for which it cannot be had.
 */
MUST_CHECK int onlink_mend(struct netlink *n, const struct journal *j,
	void (*mended)(void *ctx, const char *interface, unsigned addresses), void *ctx);

/** onlink_undo() - take back one answer that the journal names */
void onlink_undo(struct netlink *n, const struct change *c);

#endif
