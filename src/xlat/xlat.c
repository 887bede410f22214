/*
 * xlat.c - RFC 7915: one packet, from one family into the other
 *
 * Purpose: the two entry points xlat_64() and xlat_46(). Who is who was decided before; here the packet is
 * rewritten.
 *
 * Structure: only headers change, so the transport header is the fixed point and the new IP header is written
 * just in front of it. IPv6 extension headers and IPv4 options vanish by being overwritten or left outside:
 *
 *	IPv6 to IPv4	| IPv6 header            | extensions | transport ... |
 *			                       | IPv4 header | transport ... |
 *	IPv4 to IPv6	          | IPv4 header, options     | transport ... |
 *			     | IPv6 header                   | transport ... |
 *
 * The work lies in files named after what they know: header.h writes IP headers, transport.c changes ports
 * and checksums, icmp_map.c has the tables of ICMP types, codes, pointers and MTUs, icmp_error.c rewrites an
 * ICMP error with the packet inside it, split.c cuts what is too long for IPv6.
 *
 * Life cycle of a packet: pkt_parse() fills the view; a caller finds the tuple; xlat_64() or xlat_46()
 * rewrites bytes, offload state and view together, so pkt_validate() holds afterwards as it did before. On a
 * drop the bytes may be half changed and the packet is not used again.
 *
 * Checksums: TCP, UDP and echo are updated by differences and their payload is never read, so damage done
 * elsewhere stays visible to the receiver. A partial checksum holds the pseudo-header's sum alone, so only the
 * addresses change it: ports are summed later, with the rest of the segment. The one case in which payload is
 * read is a UDP datagram over IPv4 without checksum, which IPv6 does not allow (RFC 8200 s8.1).
 *
 * Other protocols: the payload is carried as it is (RFC 7915 s4.5, s5.5), so all work that never look at addresses or
 * ports of the IP header: SCTP, GRE, ESP in tunnel mode. DCCP and UDP-Lite sum the pseudo-header, and get the difference
 * of the addresses. What cannot survive is for its receiver to find out: AH, and checksums that exist in one family
 * only. Refused is what would be something else on the other side, see protocol_is_same().
 *
 * Offload: a train of segments (GSO) is one translation. Its parts inherit the header, so rules on the size
 * of a packet look at one segment of it.
 *
 * Fragments: each is translated by itself, since addresses and ports change the checksum by a difference that the
 * first one takes. Two differences need the whole datagram: the pseudo-header that an echo message gains or loses
 * has its length, and a UDP checksum that is missing covers it; the caller collects what is needed (nat64/
 * fragments.h). An atomic fragment (RFC 6946) is a whole packet.
 *
 * Limits: a result longer than IPv4 can say, alone or put together again, is dropped (TOO_BIG).
 *
 * Deliberately not done: traffic class and TOS are copied, there is no option to reset them. Path MTU is not
 * compared here, since the links are not known; the caller compares, sends the ICMP error, or calls
 * xlat_split6().
 *
 * Standards: RFC 7915 s4 and s5, RFC 1624, RFC 6946.
 */
#include "xlat/xlat.h"

#include "xlat/header.h"
#include "xlat/icmp_error.h"
#include "xlat/icmp_map.h"
#include "xlat/transport.h"

/* What neither direction translates. */
static enum drop_reason xlat_check(const struct view *v)
{
	if (v->hop_limit < 2)
		return DROP_HOP_LIMIT;
	if (v->refused != DROP_NONE)
		return v->refused;
	if (v->kind == L4_ICMP_OTHER)
		return DROP_ICMP_TYPE;
	if (v->kind == L4_OTHER && !protocol_is_same(v->version, v->next))
		return DROP_PROTOCOL_FAMILY;
	return DROP_NONE;
}

static uint32_t l4_header_len(const struct pkt *p)
{
	return p->v.kind == L4_TCP ? (p->data[p->v.l4_off + 12] >> 4) * UINT32_C(4) : UDP_HDR_LEN;
}

static bool is_first_part(const struct view *v)
{
	return v->frag_offset == 0;
}

/* The pseudo-header of ICMPv6 has the length of the whole message (RFC 4443 s2.3). */
static bool is_echo_of_unknown_length(const struct view *v)
{
	return v->is_fragment && is_first_part(v) && v->kind == L4_ICMP_QUERY && v->datagram_len == 0;
}

/* Bytes of the IPv4 packet on the wire: of one segment, if the packet is a train of them. */
static uint32_t wire_len4(const struct pkt *p)
{
	if (p->off.gso == GSO_NONE)
		return IP4_HDR_LEN + p->v.l4_len;
	return IP4_HDR_LEN + l4_header_len(p) + p->off.gso_size;
}

/* The same offload state, in terms of the other family. */
static void offload_turn(struct offload *off, uint16_t l4_off, enum gso from, enum gso to)
{
	if (off->csum_partial)
		off->csum_start = l4_off;
	if (off->gso == from)
		off->gso = to;
}

/* Of an ICMP query both are the identifier; a protocol that is translated by its addresses alone has none. */
static void ports_turn(struct view *v, uint16_t sport, uint16_t dport)
{
	if (v->kind == L4_OTHER)
		return;
	v->sport = sport;
	v->dport = v->kind == L4_ICMP_QUERY ? sport : dport;
}

/* Memory for an IP header of @len bytes in front of the transport header; moves the start of the packet. */
static bool header_open(struct pkt *p, uint16_t len)
{
	if (len > p->v.l4_off && len - p->v.l4_off > p->data - p->head)
		return false;
	p->data += p->v.l4_off - len;
	p->len = len + p->v.l4_len;
	p->v.l4_off = len;
	return true;
}

enum drop_reason xlat_64(struct pkt *p, const struct xlat_to4 *to, uint16_t ipv4_id)
{
	struct view *v = &p->v;
	enum drop_reason reason = xlat_check(v);

	if (reason)
		return reason;
	if (v->kind == L4_ICMP_ERROR)
		return icmp_error_xlat_64(p, to, ipv4_id);
	if (v->frag_offset + v->l4_len > UINT16_MAX - IP4_HDR_LEN)
		return DROP_TOO_BIG;
	if (is_echo_of_unknown_length(v))
		return DROP_FRAGMENT_INCOMPLETE;

	const struct tuple4 *t = &to->outer;
	uint8_t icmp_type = v->kind == L4_ICMP_QUERY ? icmp_query_64(v->icmp_type) : 0;
	uint16_t flags = header4_flags(v, wire_len4(p));

	if (is_first_part(v))
		transport_rewrite(p->data + v->l4_off, v,
			&(struct transport_change){
				.sport = t->sport,
				.dport = t->dport,
				.icmp_type = icmp_type,
				.is_partial = p->off.csum_partial,
				.pseudo = transport_pseudo_64(v, t->src, t->dst),
			});
	if (!header_open(p, IP4_HDR_LEN))
		return DROP_NO_HEADROOM;

	v->version = 4;
	v->hop_limit--;
	v->next = protocol_64(v->next);
	v->df = flags & IP4_DF;
	v->frag_id = v->has_frag_header ? v->frag_id & UINT16_MAX : ipv4_id;
	v->has_frag_header = false;
	v->frag_off_hdr = 0;
	v->src6 = v->dst6 = (struct addr6){ 0, 0 };
	v->src4 = t->src;
	v->dst4 = t->dst;
	ports_turn(v, t->sport, t->dport);
	v->icmp_type = icmp_type;
	header4_put(p->data, &(struct header4){
				     .src = t->src,
				     .dst = t->dst,
				     .total_len = (uint16_t)p->len,
				     .id = (uint16_t)v->frag_id,
				     .flags = flags,
				     .tos = v->tos,
				     .ttl = v->hop_limit,
				     .protocol = v->next,
			     });
	offload_turn(&p->off, IP4_HDR_LEN, GSO_TCP6, GSO_TCP4);
	return DROP_NONE;
}

static bool is_udp_without_checksum(const struct pkt *p)
{
	return p->v.kind == L4_UDP && !p->off.csum_partial &&
	       be16_at(p->data + p->v.l4_off + UDP_CSUM_AT) == 0;
}

/*
 * A datagram without checksum gets one (RFC 7915 s4.5). The UDP length says what it covers, which may be less
 * than the packet. Of a train each segment needs its own, so the pseudo-header's sum is left for the kernel
 * to go on with.
 */
static void udp_checksum_supply(struct pkt *p, const struct tuple6 *t)
{
	uint8_t *udp = p->data + p->v.l4_off;
	uint16_t len = be16_at(udp + 4);
	csum pseudo = csum_pseudo6(t->src, t->dst, IPPROTO_UDP_NR, len);

	if (p->off.gso == GSO_NONE) {
		transport_complete(udp, len, L4_UDP, pseudo);
		return;
	}
	be16_put(udp + UDP_CSUM_AT, csum_fold(pseudo));
	p->off.csum_partial = true;
	p->off.csum_offset = UDP_CSUM_AT;
}

/* RFC 7915 s4.1: a fragment header is added to what is a fragment, and to nothing else. */
static void fragment_header_supply(struct pkt *p)
{
	struct view *v = &p->v;

	if (!v->is_fragment) {
		v->frag_id = 0;
		return;
	}
	v->has_frag_header = true;
	v->frag_off_hdr = IP6_HDR_LEN;
	fragment6_put(p->data + IP6_HDR_LEN, v->next, v->frag_offset, v->more_fragments ? IP6_FRAG_MORE : 0,
		v->frag_id);
}

enum drop_reason xlat_46(struct pkt *p, const struct xlat_to6 *to)
{
	struct view *v = &p->v;
	enum drop_reason reason = xlat_check(v);

	if (reason)
		return reason;
	if (v->kind == L4_ICMP_ERROR)
		return icmp_error_xlat_46(p, to);

	const struct tuple6 *t = &to->outer;
	uint8_t icmp_type = v->kind == L4_ICMP_QUERY ? icmp_query_46(v->icmp_type) : 0;

	if (is_echo_of_unknown_length(v))
		return DROP_FRAGMENT_INCOMPLETE;
	if (is_first_part(v)) {
		if (v->is_fragment && is_udp_without_checksum(p))
			return DROP_FRAGMENT_INCOMPLETE;
		transport_rewrite(p->data + v->l4_off, v,
			&(struct transport_change){
				.sport = t->sport,
				.dport = t->dport,
				.icmp_type = icmp_type,
				.is_partial = p->off.csum_partial,
				.pseudo = transport_pseudo_46(v, t->src, t->dst),
			});
		if (is_udp_without_checksum(p))
			udp_checksum_supply(p, t);
	}
	if (!header_open(p, IP6_HDR_LEN + (v->is_fragment ? IP6_FRAG_LEN : 0)))
		return DROP_NO_HEADROOM;

	v->version = 6;
	v->hop_limit--;
	v->next = protocol_46(v->next);
	v->df = false;
	v->src4 = v->dst4 = (struct addr4){ 0 };
	v->src6 = t->src;
	v->dst6 = t->dst;
	ports_turn(v, t->sport, t->dport);
	v->icmp_type = icmp_type;
	header6_put(p->data, &(struct header6){
				     .src = t->src,
				     .dst = t->dst,
				     .payload_len = (uint16_t)(p->len - IP6_HDR_LEN),
				     .traffic_class = v->tos,
				     .hop_limit = v->hop_limit,
				     .next = v->is_fragment ? IPPROTO6_FRAGMENT : v->next,
			     });
	fragment_header_supply(p);
	offload_turn(&p->off, IP6_HDR_LEN, GSO_TCP4, GSO_TCP6);
	return DROP_NONE;
}
