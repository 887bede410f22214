/* uplink.h - the interface towards the network's NAT64, and the address of a customer-side translator on it */
#ifndef ISTHMUS_DATAPLANE_UPLINK_H
#define ISTHMUS_DATAPLANE_UPLINK_H

#include "dataplane/netlink.h"

/* What an address is made from. */
struct uplink_identity {
	struct prefix6 net;  /* a /64 */
	uint8_t hardware[8]; /* the interface's link-layer address, zero behind its end */
	uint64_t secret[2];
};

/** uplink_address() - the address in @w->net that belongs to the translator; the same for the same identity */
struct addr6 uplink_address(const struct uplink_identity *w);

/** uplink_secret_parse() - the text of /etc/machine-id; false, with *ret untouched, if it is none */
MUST_CHECK bool uplink_secret_parse(const char *text, size_t len, uint64_t ret[static 2]);

/** uplink_secret() - the machine's, or a random one if it has none; 0 or -EIO. Context: start-up */
MUST_CHECK int uplink_secret(uint64_t ret[static 2]);

struct uplink_wish {
	const char *name;	     /* of the interface; NULL: the one of the IPv6 default route */
	const char *device;	     /* of the translator, which is never the uplink */
	const struct addr6 *present; /* the address in use: its prefix stays while it is good; NULL: none */
};

struct uplink {
	unsigned index; /* 0: there is none; the rest is empty then */
	char name[IF_NAMESIZE];
	bool has_net; /* the host has an address in a /64 there that is neither temporary nor tentative */
	struct uplink_identity identity; /* but the secret; the net if there is one */
};

/**
 * uplink_find() - look for it; 0, also if there is none; -errno
 *
 * Of several prefixes the best is the one in use, then a global one before a unique local one, and one that is deprecated
 * is the last choice.
 */
MUST_CHECK int uplink_find(const struct uplink_wish *w, struct uplink *ret);

#endif
