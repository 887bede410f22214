/*
 * pkt.h - one packet: its memory, its offload state, and what parsing found
 *
 * A packet is parsed completely, once, into struct view; later code trusts the view and nothing else. Translation
 * happens in place: the memory before @data is headroom into which a longer header grows.
 */
#ifndef ISTHMUS_XLAT_PKT_H
#define ISTHMUS_XLAT_PKT_H

#include "addr/tuple.h"
#include "base/verdict.h"

/* IANA protocol numbers and lengths that the translator knows; no other file spells them as digits. */
#define IPPROTO4_ICMP 1
#define IPPROTO_TCP_NR 6
#define IPPROTO_UDP_NR 17
#define IPPROTO6_HOPOPTS 0
#define IPPROTO6_ROUTING 43
#define IPPROTO6_FRAGMENT 44
#define IPPROTO6_ICMP 58
#define IPPROTO6_NONE 59
#define IPPROTO6_DSTOPTS 60
#define IPPROTO_DCCP_NR 33     /* RFC 4340 */
#define IPPROTO_AH_NR 51       /* RFC 4302 */
#define IPPROTO6_MOBILITY 135  /* RFC 6275 */
#define IPPROTO_UDPLITE_NR 136 /* RFC 3828 */
#define IPPROTO_HIP_NR 139     /* RFC 7401 */
#define IPPROTO6_SHIM6 140     /* RFC 5533 */
#define IP4_HDR_LEN 20
#define IP6_HDR_LEN 40
#define IP6_FRAG_LEN 8
#define TCP_HDR_LEN 20
#define UDP_HDR_LEN 8
#define UDP_CSUM_AT 6 /* offset of the checksum in a UDP header; RFC 768 */
#define ICMP_HDR_LEN 8
#define IP6_MIN_MTU 1280 /* RFC 8200 s5 */

/* What a NIC or the kernel still has to do to the packet; host order. Mirrors struct virtio_net_hdr. */
enum gso { GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP };

struct offload {
	bool csum_partial; /* the transport checksum holds only the pseudo-header's sum; the rest comes later */
	bool csum_valid;   /* the kernel has verified the transport checksum */
	bool gso_ecn;	   /* CWR only on the first segment (virtio VIRTIO_NET_HDR_GSO_ECN) */
	enum gso gso;	   /* GSO_NONE: one packet on the wire; else a train of segments */
	uint16_t gso_size;    /* bytes of transport payload per segment; 0 if GSO_NONE */
	uint16_t csum_start;  /* bytes from the IP header to the transport header; only if csum_partial */
	uint16_t csum_offset; /* bytes from csum_start to the checksum field; only if csum_partial */
};

enum l4_kind {
	L4_TCP,
	L4_UDP,
	L4_ICMP_QUERY, /* echo request or reply */
	L4_ICMP_ERROR, /* has an inner packet */
	L4_ICMP_OTHER, /* valid, but has no translation */
	L4_OTHER,      /* another protocol */
};

/* Found by parsing; offsets are bytes from pkt.data. Invariant: l4_off + l4_len <= pkt.len. */
struct view {
	uint8_t version;   /* 4 or 6 */
	uint8_t tos;	   /* type of service or traffic class */
	uint8_t hop_limit; /* or TTL */
	uint8_t next;	   /* IANA number of the transport protocol */
	enum l4_kind kind;
	bool df;	      /* IPv4 only */
	bool is_fragment;     /* has a fragment offset or more fragments follow */
	bool has_frag_header; /* IPv6: a fragment header stands there, maybe an atomic one */
	bool more_fragments;
	uint16_t frag_offset; /* bytes */
	uint32_t frag_id;     /* 16 bits in IPv4 */
	uint32_t
		datagram_len; /* of a fragment: transport bytes of the whole datagram; 0 unless the caller knows */
	uint16_t l3_off;      /* start of this IP header: 0, or the inner header of an ICMP error */
	uint16_t l4_off;      /* start of the transport header */
	uint32_t l4_len; /* bytes from the transport header to the end of this IP packet as it is present */
	uint32_t
		l4_full_len; /* the same as the IP header claims; differs inside ICMP errors, which are cut */
	uint16_t frag_off_hdr;	 /* IPv6: offset of the fragment header, if has_frag_header */
	struct addr6 src6, dst6; /* version 6 */
	struct addr4 src4, dst4; /* version 4 */
	uint16_t sport, dport;	 /* TCP, UDP; of an ICMP query both are the identifier; else 0 */
	uint8_t tcp_flags;	 /* TCP: byte 13 */
	uint8_t icmp_type, icmp_code;
	enum drop_reason
		refused; /* why it has no translation, whoever it is for: a route that is not used up; else NONE */
	uint16_t refused_at; /* where that stands: the option, or the field Segments Left; only if refused */
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct pkt {
	uint8_t *head; /* first byte of the memory */
	uint8_t *data; /* first byte of the IP header; head <= data */
	uint32_t len;  /* bytes of packet from data, at most 65575 */
	uint8_t *end;  /* one past the memory; data + len <= end */
	struct offload off;
	struct view v; /* filled by pkt_parse() */
	bool is_sent; /* it is on its way already, translated by somebody else: all is to be done but sending it */
	bool has_inner;
	struct view in; /* the packet inside an ICMP error, if has_inner */
};

/* Headroom that any translation needs: IPv4 to IPv6 grows by 20, and 8 for a fragment header, twice for an inner one. */
#define PKT_HEADROOM 64
/* Tailroom: the shortest packet inside an ICMP error, of 28 bytes, becomes 128, and 28 of extensions follow (RFC 4884). */
#define PKT_TAILROOM 128

/**
 * pkt_parse() - check a whole packet and fill its view
 * @p:		head, data, len, end and off are set; v, has_inner and in are written only on success
 *
 * Takes IPv4 or IPv6 by the version field. Trailing bytes after the IP packet are cut off (p->len shrinks). Verified:
 * every length, the IPv4 header checksum, the extension header chain, transport header lengths, that the offload
 * fields fit, and for ICMP errors the inner packet as far as it is present. TCP and UDP checksums are not verified:
 * they are only ever updated by differences, so a wrong one stays wrong (RFC 7915 s4.5 by way of RFC 6145). That of
 * an ICMP message is, unless it is a fragment or csum_valid is set (RFC 5508 REQ-3). A later fragment has the kind of
 * its protocol (ICMP: L4_ICMP_OTHER) and ports 0; so may the inner packet of an ICMP error. Whoever knows the first
 * fragment may fill in kind, ports, TCP flags, ICMP type and protocol of the later ones (nat64/fragments.h).
 *
 * A packet that is right but must not be translated is taken too, with the reason in @v.refused: who it is for decides
 * whether its sender is told. xlat_64() and xlat_46() refuse it.
 *
 * Spec: RFC 791 s3.1, RFC 8200 s3 and s4, RFC 768, RFC 9293 s3.1, RFC 792, RFC 4443, RFC 7915 s4.1 and s5.1
 * Return: DROP_NONE, or the reason.
 * Cost: bounded by 8 extension headers; allocates nothing.
 */
MUST_CHECK enum drop_reason pkt_parse(struct pkt *p);

/** view_proto() - the protocol of a view whose kind is TCP, UDP, an ICMP query or OTHER */
enum proto view_proto(const struct view *v);

/** pkt_validate() - whether the invariants of struct pkt, its offload state and its views hold */
bool pkt_validate(const struct pkt *p);

#endif
