/*
 * icmp.c - ICMP errors that the translator originates itself
 *
 * Purpose: when a packet cannot go on, its sender is told why, as a router would tell it. The packet becomes
 * the error in place: two headers grow in front of it and its end is cut off.
 *
 *	before		[ headroom | packet ........................... | ]
 *	after		[ | IP | ICMP | packet, cut to 576 or 1280 in all | ]
 *
 * What is quoted must be what was on the wire, for the sender compares it with what it has sent. So a
 * checksum that a NIC would have completed is completed over the whole packet before the cut, and of a train
 * of segments the first segment is quoted: nobody ever saw the train. The hop limit is quoted as it arrived
 * (RFC 1812 s4.3.2.3).
 *
 * Life cycle: the caller asks icmp_error_allowed(), spends a token of its rate limit, and calls icmp4_error()
 * or icmp6_error(); these refuse what is not allowed once more, so no caller can answer an error with an
 * error.
 *
 * Limits: an IPv6 packet whose extension headers leave no room for 8 bytes of transport header within 1280
 * bytes is not answered; RFC 7112 s5 lets such a chain be discarded.
 *
 * Deliberately not done: rate limiting and the choice of cause are nat64's. No extensions of RFC 4884 are
 * added.
 *
 * DEVIATION: RFC 1812 s4.3.2.6 says that an error about a packet with a source route SHOULD go back by the reverse of what
 * is recorded in it. Routers and hosts refuse such options by default, so the error would hardly arrive; it goes straight.
 *
 * DEVIATION: RFC 1812 s4.3.2.5 says that the type of service SHOULD be copied and the precedence be 6. RFC
 * 2474 has since made one code point of the two, so IPv4 errors carry CS6 alone, and IPv6 errors the default
 * class.
 *
 * Standards: RFC 792, RFC 1812 s4.3.2, RFC 4443 s2 and s3, RFC 6146 s3.5, RFC 6864 s4.1, RFC 7915 s4.4 and
 * s5.4.
 */
#include "addr/special.h"
#include "xlat/header.h"
#include "xlat/icmp.h"
#include "xlat/offload.h"
#include "xlat/transport.h"

#define ICMP4_ERROR_MAX 576	    /* bytes in all (RFC 1812 s4.3.2.3) */
#define ICMP6_ERROR_MAX IP6_MIN_MTU /* bytes in all (RFC 4443 s2.4 (c)) */
#define ERROR_HOP_LIMIT 64
#define CLASS_CS6 0xc0	/* network control, as the upper six bits of the field (RFC 2474 s4.2.2) */
#define QUOTED_L4_MIN 8 /* bytes of transport header that the sender needs (RFC 792) */
#define REDIRECT6 137
#define TCP_PSH 0x08

struct icmp_code {
	uint8_t type, code;
};

static const struct {
	struct icmp_code v4, v6;
} causes[ICMP_CAUSE_COUNT] = {
	[ICMP_CAUSE_HOP_LIMIT] = { { 11, 0 }, { 3, 0 } },
	[ICMP_CAUSE_TOO_BIG] = { { 3, 4 }, { 2, 0 } },
	[ICMP_CAUSE_ADDR_UNREACHABLE] = { { 3, 1 }, { 1, 3 } },
	[ICMP_CAUSE_PROHIBITED] = { { 3, 13 }, { 1, 1 } },
	[ICMP_CAUSE_PORT_UNREACHABLE] = { { 3, 3 }, { 1, 4 } },
	[ICMP_CAUSE_PROTO_UNREACHABLE] = { { 3, 2 }, { 1, 4 } },
	[ICMP_CAUSE_ROUTE] = { { 3, 5 }, { 4, 0 } },
};

/* RFC 1812 s4.3.2.7 */
static bool addresses_allow4(const struct view *v)
{
	return special4_is_unicast_source(v->src4) && v->dst4.v < UINT32_C(0xe0000000);
}

/* RFC 4443 s2.4 (e.3), (e.6) */
static bool addresses_allow6(const struct view *v)
{
	return special6_is_unicast_source(v->src6) && v->dst6.hi >> 56 != 0xff;
}

static bool is_icmp_error_or_redirect(const struct view *v)
{
	if (v->kind != L4_ICMP_ERROR && v->kind != L4_ICMP_OTHER)
		return false;
	return icmp_is_error(v->version, v->icmp_type) || (v->version == 6 && v->icmp_type == REDIRECT6);
}

bool icmp_error_allowed(const struct pkt *about)
{
	const struct view *v = &about->v;

	if (v->frag_offset != 0 || is_icmp_error_or_redirect(v))
		return false;
	if (v->version == 4)
		return addresses_allow4(v);
	return addresses_allow6(v) &&
	       v->l4_off + QUOTED_L4_MIN <= ICMP6_ERROR_MAX - IP6_HDR_LEN - ICMP_HDR_LEN;
}

/* --- what was on the wire --- */

static void set_length(struct pkt *p)
{
	uint8_t *h = p->data;

	if (p->v.version == 6) {
		be16_put(h + 4, (uint16_t)(p->len - IP6_HDR_LEN));
		return;
	}
	be16_put(h + 2, (uint16_t)p->len);
	be16_put(h + 10, 0);
	be16_put(h + 10, (uint16_t)~csum_fold(csum_bytes(h, p->v.l4_off)));
}

/* Cuts a train of segments to its first one, as the NIC would have sent it. */
static void first_segment_only(struct pkt *p)
{
	uint8_t *l4 = p->data + p->v.l4_off;
	bool is_tcp = p->v.kind == L4_TCP;
	uint32_t keep = (is_tcp ? (l4[12] >> 4) * 4u : UDP_HDR_LEN) + p->off.gso_size;

	if (keep >= p->v.l4_len)
		return; /* a train of one */
	p->v.l4_len = p->v.l4_full_len = keep;
	p->len = p->v.l4_off + keep;
	set_length(p);
	if (is_tcp)
		l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH); /* these are for the last segment */
	else
		be16_put(l4 + 4, (uint16_t)keep);
}

/* Computed afresh: a train's partial sum is over the length of the train. */
static void complete_checksum(struct pkt *p)
{
	const struct view *v = &p->v;
	uint8_t *l4 = p->data + v->l4_off;

	be16_put(l4 + l4_checksum_offset(v->kind), 0);
	transport_complete(l4, v->l4_len, v->kind,
		v->version == 4 ? csum_pseudo4(v->src4, v->dst4, v->next, v->l4_len)
				: csum_pseudo6(v->src6, v->dst6, v->next, v->l4_len));
}

static void as_on_the_wire(struct pkt *p)
{
	if (p->off.gso != GSO_NONE)
		first_segment_only(p);
	if (p->off.gso != GSO_NONE || p->off.csum_partial)
		complete_checksum(p);
	p->off = (struct offload){ 0 };
}

/* --- the message --- */

/* Cuts the packet and makes room for an IP header of @ip_len bytes and the ICMP header in front of it. */
static enum drop_reason make_room(struct pkt *p, uint32_t ip_len, uint32_t error_max)
{
	uint32_t grow = ip_len + ICMP_HDR_LEN;

	if (!icmp_error_allowed(p))
		return DROP_ICMP_NOT_ALLOWED;
	if (grow > (size_t)(p->data - p->head))
		return DROP_NO_HEADROOM;
	as_on_the_wire(p);
	if (p->len > error_max - grow)
		p->len = error_max - grow;
	p->data -= grow;
	p->len += grow;
	return DROP_NONE;
}

/* @word: bytes 4 to 7 of the message. @pseudo: sum of the pseudo-header, 0 in IPv4. */
static void put_message(uint8_t *icmp, uint32_t len, struct icmp_code c, uint32_t word, csum pseudo)
{
	icmp[0] = c.type;
	icmp[1] = c.code;
	be16_put(icmp + 2, 0);
	be32_put(icmp + 4, word);
	be16_put(icmp + 2, (uint16_t)~csum_fold(csum_bytes(icmp, len) + pseudo));
}

enum drop_reason icmp4_error(struct pkt *p, enum icmp_cause cause, struct addr4 source, uint16_t mtu)
{
	struct header4 h = { .src = source, .dst = p->v.src4, .tos = CLASS_CS6, .ttl = ERROR_HOP_LIMIT };

	ASSERT(p->v.version == 4 && cause < ICMP_CAUSE_COUNT);
	enum drop_reason why = make_room(p, IP4_HDR_LEN, ICMP4_ERROR_MAX);
	if (why != DROP_NONE)
		return why;
	h.total_len = (uint16_t)p->len;
	h.flags = IP4_DF; /* an atomic datagram, whose identification means nothing (RFC 6864 s4.1) */
	h.protocol = IPPROTO4_ICMP;
	header4_put(p->data, &h);
	put_message(p->data + IP4_HDR_LEN, p->len - IP4_HDR_LEN, causes[cause].v4, mtu, 0);
	return pkt_parse(p);
}

enum drop_reason icmp6_error(struct pkt *p, enum icmp_cause cause, struct addr6 source, uint32_t mtu)
{
	struct header6 h = {
		.src = source, .dst = p->v.src6, .hop_limit = ERROR_HOP_LIMIT, .next = IPPROTO6_ICMP
	};

	ASSERT(p->v.version == 6 && cause < ICMP_CAUSE_COUNT);
	enum drop_reason why = make_room(p, IP6_HDR_LEN, ICMP6_ERROR_MAX);
	if (why != DROP_NONE)
		return why;
	uint32_t len = p->len - IP6_HDR_LEN;
	uint32_t word = cause == ICMP_CAUSE_ROUTE ? p->v.refused_at : mtu;

	h.payload_len = (uint16_t)len;
	header6_put(p->data, &h);
	put_message(p->data + IP6_HDR_LEN, len, causes[cause].v6, word,
		csum_pseudo6(h.src, h.dst, IPPROTO6_ICMP, len));
	return pkt_parse(p);
}
