/*
 * relayway.h - ways on this host that lead packets to relays: prefixes whose addresses are ours, and connections of others
 * that are taken on their way (TPROXY)
 *
 * What is made here says itself that it is ours: routes and rules by their origin (`proto 64` in `ip route` and `ip
 * rule`), the rules of nftables by their table, `inet isthmus`. So what a killed predecessor left is found without a
 * record of each; that there is something to find has to be written down by the caller.
 */
#ifndef ISTHMUS_DATAPLANE_RELAYWAY_H
#define ISTHMUS_DATAPLANE_RELAYWAY_H

#include "addr/addr.h"
#include "dataplane/fault.h"

#define RELAYWAY_TABLE "isthmus"  /* of nftables, family inet */
#define RELAYWAY_MARK 0x69000000u /* of packets whose way ends here, in the bits of the mask */
#define RELAYWAY_MARK_MASK 0xff000000u
#define RELAYWAY_ROUTES 6469u	/* routing table that says so */
#define RELAYWAY_PRIORITY 6469u /* of the rule that leads there */

struct relayway {
	const struct prefix6 *local; /* prefixes all of whose addresses are this host's; none twice */
	unsigned local_len;
	const char *rules; /* of nftables: "table inet isthmus { ... }"; NULL: nothing is taken */
};

/**
 * relayway_set() - have exactly these ways, whatever there was
 * @want:	zeroed: none; what cannot be taken away is passed over
 *
 * The rules of nftables change as one: no packet meets half of them.
 *
 * Return: 0; -errno with a sentence in @f; what was changed until then stays.
 * Context: CAP_NET_ADMIN
 */
MUST_CHECK int relayway_set(const struct relayway *want, const struct fault *f);

#endif
