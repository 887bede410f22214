/*
 * xlat.h - RFC 7915: a packet of one family in, the same packet in the other family out
 *
 * Pure functions. Who is who is decided elsewhere: the caller gives the tuple that the translated packet shall carry
 * (from the session table, or from a stateless mapping). Everything else follows from the packet.
 */
#ifndef ISTHMUS_XLAT_XLAT_H
#define ISTHMUS_XLAT_XLAT_H

#include "xlat/pkt.h"

/* The translated addresses and ports. @inner is used for ICMP errors only. */
struct xlat_to4 {
	struct tuple4 outer; /* for an ICMP error the ports are not used */
	struct tuple4 inner; /* the packet inside, already in IPv4 terms */
	bool names_router; /* of an ICMP error: outer.src is not its sender's, so an extension says whose it is (RFC 6791 s4) */
};

struct xlat_to6 {
	struct tuple6 outer;
	struct tuple6 inner;
};

/**
 * xlat_64() - translate an IPv6 packet to IPv4, in place
 * @p:		parsed (pkt_parse); kind TCP, UDP, ICMP_QUERY, ICMP_ERROR or OTHER; hop limit > 1 (see below)
 * @to:		addresses and ports of the result
 * @ipv4_id:	identification for the IPv4 header, chosen by the caller; a fragment header's own takes its place
 *
 * A fragment stays a fragment: offset and more-fragments flag are kept. A later one has no transport header to change;
 * its view must have kind and protocol of the first. The first of an echo message needs v.datagram_len, since the
 * length is part of ICMPv6's pseudo-header.
 *
 * Of a packet of kind OTHER the addresses change, and the checksum of DCCP and UDP-Lite, which covers them; the ports
 * in @to are not used (RFC 7915 s5.5: translators MUST forward all transport protocols).
 *
 * Checksums are updated by differences (RFC 1624), or when csum_partial only the pseudo-header's sum; offload state is
 * kept and translated (GSO_TCP6 becomes GSO_TCP4). Decrements the hop limit; the caller has checked that it is at
 * least 2 before it spent a binding on the packet. ICMPv6 types, codes, pointers and MTUs are mapped; an ICMPv6 error
 * gets its inner packet translated and is cut to 576 bytes where IPv4 wants that. If it is to name its sender, the packet
 * inside is cut further so that both fit, and is padded to 128 bytes (RFC 4884 s5.3).
 *
 * Spec: RFC 7915 s5
 * Return: DROP_NONE with *p holding the IPv4 packet and p->v re-filled for it (kind, offsets, addresses, ports);
 *	   else the reason, and the packet's bytes may be changed.
 * Drops:  ICMP_TYPE, PROTOCOL_FAMILY, FRAGMENT_INCOMPLETE, NO_HEADROOM, HOP_LIMIT (if hop limit is below 2 after all), TOO_BIG (more
 *	   than IPv4 can say), ICMP_INNER_MALFORMED (the same, inside an ICMP error)
 */
MUST_CHECK enum drop_reason xlat_64(struct pkt *p, const struct xlat_to4 *to, uint16_t ipv4_id);

/**
 * xlat_46() - translate an IPv4 packet to IPv6, in place
 *
 * As xlat_64(), with: a UDP checksum of zero is computed over the whole datagram, so the first fragment of one must
 * have got its checksum before (FRAGMENT_INCOMPLETE); a fragment gets a fragment header; an ICMPv4 Fragmentation Needed
 * becomes Packet Too Big with the MTU of RFC 7915 s4.2 (plus 20, plateau table of RFC 1191 for zero, not below 1280);
 * errors are cut to 1280 bytes.
 *
 * Spec: RFC 7915 s4
 */
MUST_CHECK enum drop_reason xlat_46(struct pkt *p, const struct xlat_to6 *to);

/**
 * xlat_split6() - cut an IPv6 packet that must be fragmented into fragments of at most @mtu bytes
 * @p:		a packet that xlat_46() made from an IPv4 packet with DF clear; not GSO; longer than @mtu; it may be a
 *		fragment itself, and is then cut further
 * @id:		identification for the fragment header; that of a fragment is kept, and this one not used
 * @mtu:	bytes, at least 1280
 * @emit:	called once per fragment, in order; the pkt and its memory are valid during the call
 *
 * A partial checksum is completed first, since the NIC cannot do that over fragments.
 *
 * Spec: RFC 7915 s4 (DF clear: the translator fragments), RFC 8200 s4.5
 * The fragments are made in the packet's own memory, one over the end of the one before; *p is used up.
 *
 * Return: number of fragments emitted; 0 if there is no headroom of 8 bytes for the fragment header.
 */
unsigned xlat_split6(
	struct pkt *p, uint32_t id, unsigned mtu, void (*emit)(void *ctx, struct pkt *fragment), void *ctx);

/**
 * xlat_cut_train6() - take the datagrams of a UDP train apart
 * @p:		a train (GSO_UDP) that xlat_46() made, at least one byte of payload; used up
 * @emit:	called once per datagram, in order; the pkt and its memory are valid during the call, and may be changed
 *
 * Each gets a header and a checksum of its own, so nothing is left to finish. Their memory is the train's, one over the end
 * of the one before.
 *
 * Spec: RFC 7915 s4 (DF clear: the translator fragments), virtio 1.1 s5.1.6.2
 * Return: number of datagrams emitted.
 */
unsigned xlat_cut_train6(struct pkt *p, void (*emit)(void *ctx, struct pkt *datagram), void *ctx);

#endif
