/* offload.h - whether the offload state (virtio-net header) is about the packet that it came with */
#ifndef ISTHMUS_XLAT_OFFLOAD_H
#define ISTHMUS_XLAT_OFFLOAD_H

#include "xlat/pkt.h"

/**
 * offload_fits() - check struct offload against what parsing found
 * @p:		off, data and len are read
 * @v:		the view of that packet
 *
 * A partial checksum belongs to the TCP or UDP header of this packet and to no other place; a train of
 * segments is of this version and protocol and no fragment; the length field of a UDP train counts the whole
 * train, as Linux fills it on sending (udp_send_skb()) and on merging (udp_gro_complete()).
 *
 * Spec: virtio 1.1 s5.1.6.2, s5.1.6.4
 */
bool offload_fits(const struct pkt *p, const struct view *v);

/** l4_checksum_offset() - bytes from the transport header to its checksum; 0 if the kind is neither TCP nor
 * UDP */
uint16_t l4_checksum_offset(enum l4_kind kind);

#endif
