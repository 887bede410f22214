/* header.h - writing the fixed IPv4, IPv6 and fragment headers, for xlat and for packets that nat64 makes itself */
#ifndef ISTHMUS_XLAT_HEADER_H
#define ISTHMUS_XLAT_HEADER_H

#include "xlat/checksum.h"
#include "xlat/pkt.h"

/* The flags word of an IPv4 header (RFC 791 s3.1) and the offset word of a fragment header (RFC 8200 s4.5).
 */
#define IP4_DF 0x4000
#define IP4_MF 0x2000
#define IP6_FRAG_MORE 0x0001

struct header4 {
	struct addr4 src, dst;
	uint16_t total_len; /* bytes */
	uint16_t id;
	uint16_t flags; /* IP4_DF, IP4_MF and the offset in units of 8 bytes, as on the wire */
	uint8_t tos, ttl;
	uint8_t protocol;
};

struct header6 {
	struct addr6 src, dst;
	uint16_t payload_len; /* bytes, extension headers included */
	uint8_t traffic_class, hop_limit;
	uint8_t next;
};

/** header4_put() - write 20 bytes without options, with the header checksum */
static inline void header4_put(uint8_t *at, const struct header4 *h)
{
	uint16_t version_tos = (uint16_t)(0x4500 | h->tos);
	uint16_t ttl_protocol = (uint16_t)(h->ttl << 8 | h->protocol);
	csum sum = (csum)version_tos + h->total_len + h->id + h->flags + ttl_protocol + csum_addr4(h->src) +
		   csum_addr4(h->dst);

	be16_put(at, version_tos);
	be16_put(at + 2, h->total_len);
	be16_put(at + 4, h->id);
	be16_put(at + 6, h->flags);
	be16_put(at + 8, ttl_protocol);
	be16_put(at + 10, (uint16_t)~csum_fold(sum));
	addr4_put(at + 12, h->src);
	addr4_put(at + 16, h->dst);
}

/** header6_put() - write 40 bytes; the flow label is 0 (RFC 7915 s4.1) */
static inline void header6_put(uint8_t *at, const struct header6 *h)
{
	be32_put(at, UINT32_C(6) << 28 | (uint32_t)h->traffic_class << 20);
	be16_put(at + 4, h->payload_len);
	at[6] = h->next;
	at[7] = h->hop_limit;
	addr6_put(at + 8, h->src);
	addr6_put(at + 24, h->dst);
}

/** fragment6_put() - write a fragment header of 8 bytes; @offset: bytes, multiple of 8; @more: IP6_FRAG_MORE
 * or 0 */
static inline void fragment6_put(uint8_t *at, uint8_t next, uint16_t offset, uint16_t more, uint32_t id)
{
	at[0] = next;
	at[1] = 0;
	be16_put(at + 2, (uint16_t)((offset & 0xfff8) | more));
	be32_put(at + 4, id);
}

/** protocol_64(), protocol_46() - the transport's number in the other family: only ICMP has two */
static inline uint8_t protocol_64(uint8_t next)
{
	return next == IPPROTO6_ICMP ? IPPROTO4_ICMP : next;
}

static inline uint8_t protocol_46(uint8_t protocol)
{
	return protocol == IPPROTO4_ICMP ? IPPROTO6_ICMP : protocol;
}

/**
 * protocol_is_same() - whether a protocol other than ICMP means in the other family what it means in this one
 * @version:	of the packet that has it
 * @next:	IANA number of its transport protocol
 *
 * DEVIATION: RFC 7915 s4.1 and s5.1 say that the number is copied, whatever it is. But an IPv4 payload of protocol 43
 * would become a routing header that every IPv6 router on the way obeys, 44 a forged fragment, and 58 or 1 a message
 * of the other family's ICMP that nobody has checked; no host sends such a packet with good intent.
 */
static inline bool protocol_is_same(uint8_t version, uint8_t next)
{
	if (version == 6)
		return next != IPPROTO4_ICMP;
	return next != IPPROTO6_HOPOPTS && next != IPPROTO6_ROUTING && next != IPPROTO6_FRAGMENT &&
	       next != IPPROTO6_DSTOPTS && next != IPPROTO6_ICMP;
}

/**
 * header4_flags() - the flags word of a translated packet
 * @v:		view of the IPv6 packet
 * @len:	bytes of the IPv4 packet that goes on the wire
 *
 * Up to 1260 bytes, which is 1280 in IPv6, IPv4 routers may fragment: an IPv6 host cannot be told to send
 * less.
 *
 * Spec: RFC 7915 s5.1; s5.1.1 if there is a fragment header
 */
static inline uint16_t header4_flags(const struct view *v, uint32_t len)
{
	if (v->has_frag_header)
		return (uint16_t)((v->more_fragments ? IP4_MF : 0) | v->frag_offset / 8);
	return len > IP6_MIN_MTU - (IP6_HDR_LEN - IP4_HDR_LEN) ? IP4_DF : 0;
}

#endif
