/* transport.h - the transport header of a translated packet: ports, echo type, checksum; private to xlat */
#ifndef ISTHMUS_XLAT_TRANSPORT_H
#define ISTHMUS_XLAT_TRANSPORT_H

#include "xlat/checksum.h"
#include "xlat/pkt.h"

/* What translation changes for a transport header. */
struct transport_change {
	uint16_t sport, dport; /* new ports; of an ICMP query both are the new identifier */
	uint8_t icmp_type;     /* new type; used for an ICMP query only */
	bool is_partial;       /* the checksum field holds only the pseudo-header's sum */
	csum pseudo;	       /* sum of the new pseudo-header, less the old one */
};

/**
 * transport_pseudo_64(), transport_pseudo_46() - how the pseudo-header's sum changes
 * @v:		view of the packet before translation
 *
 * All but ICMP keep protocol number and length, so only the addresses count. ICMPv4 has no pseudo-header: it
 * leaves or joins as a whole, with the length that the IP header claims.
 *
 * Spec: RFC 7915 s4.2, s4.5, s5.2, s5.5
 */
csum transport_pseudo_64(const struct view *v, struct addr4 src, struct addr4 dst);
csum transport_pseudo_46(const struct view *v, struct addr6 src, struct addr6 dst);

/**
 * transport_rewrite() - put new ports (or type and identifier) into a transport header and update its
 * checksum
 * @l4:		the header; v->l4_len bytes are present, at least 8 unless the kind is OTHER
 * @v:		its view; kind TCP, UDP, ICMP_QUERY or OTHER, and not a later fragment
 *
 * A UDP checksum of zero stays zero (there is none); a TCP checksum that was cut off inside an ICMP error is
 * left. Of other protocols only a checksum is changed, if it is known to have the pseudo-header in its sum.
 *
 * Spec: RFC 7915 s4.5, s5.5; RFC 4340 s9.1; RFC 3828 s3.1
 */
void transport_rewrite(uint8_t *l4, const struct view *v, const struct transport_change *c);

/**
 * transport_complete() - compute a checksum over the whole transport part
 * @l4:		the header; @len bytes up to the end of the packet
 * @kind:	TCP, UDP, ICMP_QUERY or ICMP_ERROR
 * @pseudo:	sum of the pseudo-header; 0 if the field already holds it (partial checksum) or there is none
 *
 * The field's present value counts as part of the sum: it is 0, or that of the pseudo-header.
 *
 * Cost: reads every byte.
 */
void transport_complete(uint8_t *l4, uint32_t len, enum l4_kind kind, csum pseudo);

#endif
