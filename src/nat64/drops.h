/*
 * drops.h - counting drops: under their reason, and by what is known of the packet
 *
 * drop_count() is the only place that counts a drop. Whoever drops says what the packet was, from its view if it was
 * parsed, else from the few bytes that can be trusted to be where they should.
 */
#ifndef ISTHMUS_NAT64_DROPS_H
#define ISTHMUS_NAT64_DROPS_H

#include "nat64/nat64.h"

/* What a dropped packet was. */
struct drop_class {
	unsigned dir;	/* enum direction, or DIR_UNKNOWN */
	unsigned proto; /* enum proto, or PROTO_OTHER */
};

/* Of something that has no IP header at all. */
static inline struct drop_class drop_class_unknown(void)
{
	return (struct drop_class){ DIR_UNKNOWN, PROTO_OTHER };
}

/** drop_class_of_view() - of a parsed packet; ICMP messages of every kind count as ICMP */
struct drop_class drop_class_of_view(const struct view *v);

/**
 * drop_class_of_bytes() - of a packet that could not be parsed: the version, and the protocol as far as it is there
 * @data:	@len bytes, untrusted
 *
 * Of the extension headers of IPv6 only a fragment header directly behind the IPv6 header is looked behind.
 */
struct drop_class drop_class_of_bytes(const uint8_t *data, uint32_t len);

/** drop_count() - count one drop; @reason is not DROP_NONE */
void drop_count(struct nat64_counters *c, enum drop_reason reason, struct drop_class k);

#endif
