/* icmp.h - what an ICMP error is, and those that the translator originates itself */
#ifndef ISTHMUS_XLAT_ICMP_H
#define ISTHMUS_XLAT_ICMP_H

#include "xlat/pkt.h"

/* What went wrong, in terms of the translator; icmp.c has the table of types and codes for both families. */
enum icmp_cause {
	ICMP_CAUSE_HOP_LIMIT,	      /* Time Exceeded, code 0 */
	ICMP_CAUSE_TOO_BIG,	      /* Packet Too Big / Fragmentation Needed; uses @mtu */
	ICMP_CAUSE_ADDR_UNREACHABLE,  /* no binding, table full: v6 1/3, v4 3/1 (RFC 6146 s3.5) */
	ICMP_CAUSE_PROHIBITED,	      /* policy: v6 1/1, v4 3/13 */
	ICMP_CAUSE_PORT_UNREACHABLE,  /* v6 1/4, v4 3/3 */
	ICMP_CAUSE_PROTO_UNREACHABLE, /* v6 1/4 by RFC 7915 s5.1, v4 3/2 */
	ICMP_CAUSE_ROUTE, /* @v.refused says so: v4 3/5 (RFC 7915 s4.1), v6 4/0 with a pointer (s5.1) */
	ICMP_CAUSE_COUNT
};

/**
 * icmp_is_error() - whether an ICMP message of this type reports an error, translatable or not
 *
 * Spec: RFC 1122 s3.2.2 (types 3, 4, 5, 11, 12), RFC 4443 s2.1 (types below 128)
 */
bool icmp_is_error(uint8_t version, uint8_t type);

/**
 * icmp_error_allowed() - whether an ICMP error may be sent about this packet at all
 *
 * Spec: RFC 4443 s2.4(e), RFC 1812 s4.3.2.7: not about an ICMP error, a multicast or broadcast, a fragment other than
 * the first, a source that is not one host; nor an IPv6 packet whose ports lie beyond what an error can quote.
 */
bool icmp_error_allowed(const struct pkt *about);

/**
 * icmp4_error(), icmp6_error() - turn a packet into an ICMP error about itself, addressed to its sender
 * @p:		parsed packet of that family; becomes the error message (inner packet cut to 576 or 1280 bytes in all)
 * @source:	the translator's own address of that family
 * @mtu:	for ICMP_CAUSE_TOO_BIG, bytes; else 0
 *
 * Of a train of segments the first is quoted, and a partial checksum is completed, as it was on the wire.
 *
 * Return: DROP_NONE with *p holding the error and p->v re-filled, csum and gso state cleared; DROP_NO_HEADROOM or
 *	   DROP_ICMP_NOT_ALLOWED (icmp_error_allowed() says no), both with *p untouched; DROP_IP4_SOURCE or
 *	   DROP_IP6_SOURCE if @source is no host's address.
 */
MUST_CHECK enum drop_reason icmp4_error(
	struct pkt *p, enum icmp_cause cause, struct addr4 source, uint16_t mtu);
MUST_CHECK enum drop_reason icmp6_error(
	struct pkt *p, enum icmp_cause cause, struct addr6 source, uint32_t mtu);

#endif
