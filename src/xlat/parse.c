/*
 * parse.c - a packet is parsed completely, once
 *
 * Purpose: turn bytes from strangers into struct view, or into a reason why not. Nothing behind pkt_parse()
 * looks at a length field of a packet again.
 *
 * Structure: a struct walk goes over one IP packet. It holds a reader that only ever shrinks, and the view
 * that it fills. The walk has two steps, the same for both families:
 *
 *	internet header		ip4_take() or ip6_take() with its chain of extension headers; the reader is
 * then exactly the payload of the packet transport header	transport_take() finds the protocol in
 * transports[] and calls its reader
 *
 * An ICMP error is walked twice: once for itself, once for the datagram that it quotes. The second walk is
 * lenient, for what it sees was cut by a router, and it was sent by our own side in the first place: lengths
 * may exceed what is there, eight bytes of the transport header suffice, no checksum is verified. Whatever is
 * wrong with it is one reason, ICMP_INNER_MALFORMED.
 *
 * A packet may be right and still have no translation: one whose source route or routing header is not used up goes to
 * its next hop, not to its destination. It is walked to its end like any other, and its view says so (@refused), for its
 * sender must be told (RFC 7915 s4.1, s5.1), and the error quotes it.
 *
 * Both views are built on the stack and copied out at the end, so a packet that is refused leaves struct pkt
 * as it was.
 *
 * Limits: 8 extension headers; a header is at most 2048 bytes, so every offset fits into 16 bits, in a quoted
 * packet too. A first fragment must hold the whole transport header, as RFC 6146 s3.4 allows to demand.
 *
 * Deliberately not done: transport checksums of TCP and UDP are not verified, they are only updated by
 * differences, so a wrong one stays wrong and is seen by its receiver. Those of ICMP are verified: the message
 * is short, its quoted packet steers where it goes (RFC 5508 REQ-3), and the gateway answers for what it
 * rewrites there. Authentication and encryption headers are not followed: they are a transport protocol of
 * their own, without ports. Jumbograms do not exist on the links of a translator.
 *
 * DEVIATION: RFC 5508 REQ-3 a) says that an error whose quoted IPv4 header fails its checksum SHOULD be
 * dropped. Routers that quote the header after they changed its TTL are common, the translation writes a fresh
 * checksum or none at all, and dropping the message would break path MTU discovery.
 *
 * Standards: RFC 791 s3.1, RFC 8200 s3 and s4, RFC 768, RFC 9293 s3.1, RFC 792, RFC 4443, RFC 4884, RFC 7915
 * s4.1 and s5.1, RFC 6146 s3.4, RFC 5508 s4.
 */
#include "addr/special.h"
#include "xlat/checksum.h"
#include "xlat/icmp.h"
#include "xlat/icmp_map.h"
#include "xlat/offload.h"

#define EXT_HEADERS_MAX 8
#define QUOTED_L4_MIN 8 /* bytes of transport header in an ICMP error (RFC 792; RFC 1122 s3.2.2) */

struct walk {
	struct rd r;	     /* what is left of the packet */
	const uint8_t *base; /* pkt.data, to which offsets refer */
	struct view v;
	bool is_quoted;	    /* inside an ICMP error: cut, and lenient as said above */
	bool skip_checksum; /* the kernel has verified it */
};

static uint16_t walk_offset(const struct walk *w)
{
	return (uint16_t)(w->r.at - w->base);
}

/* The packet is right, but must not be translated; of several faults the first is told. */
static void refuse(struct walk *w, enum drop_reason why, const uint8_t *at)
{
	if (w->v.refused != DROP_NONE)
		return;
	w->v.refused = why;
	w->v.refused_at = (uint16_t)(at - w->base);
}

/* RFC 8200 s4.5 and RFC 791 s3.2: only the last fragment may have a length that is no multiple of 8. None is empty. */
static enum drop_reason fragment_check(const struct view *v)
{
	if (!v->is_fragment)
		return DROP_NONE;
	if (v->l4_full_len == 0 || (v->more_fragments && v->l4_full_len % 8 != 0))
		return DROP_FRAGMENT_LENGTH;
	if (v->frag_offset + v->l4_full_len > UINT16_MAX)
		return DROP_FRAGMENT_LENGTH;
	return DROP_NONE;
}

/* --- IPv4 --- */

#define IP4_OPT_END 0
#define IP4_OPT_NOP 1
#define IP4_OPT_LSRR 131 /* loose source and record route */
#define IP4_OPT_SSRR 137 /* strict source and record route */

/* A source route is unexpired while its pointer is not beyond its length (RFC 791 s3.1, RFC 7915 s4.1). */
static enum drop_reason source_route_take(struct walk *w, const uint8_t *option, uint8_t len)
{
	if (len < 3)
		return DROP_IP4_OPTION_MALFORMED;
	if (option[2] <= len)
		refuse(w, DROP_IP4_SOURCE_ROUTE, option);
	return DROP_NONE;
}

static enum drop_reason ip4_options_take(struct walk *w, const uint8_t *options, size_t len)
{
	struct rd r = rd_of(options, len);
	uint8_t type, option_len;

	while (rd_u8(&r, &type) && type != IP4_OPT_END) { /* at most 40 rounds: each takes a byte */
		if (type == IP4_OPT_NOP)
			continue;
		if (!rd_u8(&r, &option_len) || option_len < 2)
			return DROP_IP4_OPTION_MALFORMED;
		const uint8_t *option = r.at - 2;

		if (!rd_take(&r, option_len - 2u))
			return DROP_IP4_OPTION_MALFORMED;
		if (type == IP4_OPT_LSRR || type == IP4_OPT_SSRR) {
			enum drop_reason why = source_route_take(w, option, option_len);

			if (why != DROP_NONE)
				return why;
		}
	}
	return DROP_NONE;
}

static void ip4_fill(struct view *v, const uint8_t *h)
{
	uint16_t flags = be16_at(h + 6);

	v->version = 4;
	v->tos = h[1];
	v->frag_id = be16_at(h + 4);
	v->df = flags & 0x4000;
	v->more_fragments = flags & 0x2000;
	v->frag_offset = (uint16_t)((flags & 0x1fff) * 8);
	v->is_fragment = v->more_fragments || v->frag_offset != 0;
	v->hop_limit = h[8];
	v->next = h[9];
	v->src4 = addr4_at(h + 12);
	v->dst4 = addr4_at(h + 16);
}

static enum drop_reason ip4_take(struct walk *w)
{
	struct view *v = &w->v;

	v->l3_off = walk_offset(w);
	const uint8_t *h = rd_take(&w->r, IP4_HDR_LEN);
	if (!h)
		return DROP_IP4_TRUNCATED;
	size_t hdr_len = (h[0] & 0xfu) * 4u;
	if (hdr_len < IP4_HDR_LEN)
		return DROP_IP4_HEADER_LENGTH;
	const uint8_t *options = rd_take(&w->r, hdr_len - IP4_HDR_LEN);
	if (!options)
		return DROP_IP4_HEADER_LENGTH;
	if (!w->is_quoted && csum_fold(csum_bytes(h, hdr_len)) != 0xffff)
		return DROP_IP4_CHECKSUM;
	uint16_t total = be16_at(h + 2);
	if (total < hdr_len)
		return DROP_IP4_LENGTH;
	v->l4_full_len = (uint32_t)(total - hdr_len);
	if (!w->is_quoted && v->l4_full_len > rd_left(&w->r))
		return DROP_IP4_LENGTH;
	rd_trim(&w->r, v->l4_full_len);
	ip4_fill(v, h);
	if (!w->is_quoted && !special4_is_unicast_source(v->src4))
		return DROP_IP4_SOURCE;
	enum drop_reason why = ip4_options_take(w, options, hdr_len - IP4_HDR_LEN);
	return why == DROP_NONE ? fragment_check(v) : why;
}

/* --- IPv6 --- */

#define ROUTING_SEGMENTS_LEFT_AT 3 /* RFC 8200 s4.4 */

/* Headers that are stepped over on the way to the transport header (RFC 8200 s4). */
static bool is_extension(uint8_t next)
{
	return next == IPPROTO6_HOPOPTS || next == IPPROTO6_ROUTING || next == IPPROTO6_FRAGMENT ||
	       next == IPPROTO6_DSTOPTS;
}

static enum drop_reason fragment_header_take(struct walk *w)
{
	struct view *v = &w->v;

	if (v->has_frag_header)
		return DROP_IP6_EXT_ORDER;
	v->frag_off_hdr = walk_offset(w);
	const uint8_t *h = rd_take(&w->r, IP6_FRAG_LEN);
	if (!h)
		return DROP_IP6_EXT_TRUNCATED;
	v->has_frag_header = true;
	v->next = h[0];
	v->frag_offset = be16_at(h + 2) & 0xfff8;
	v->more_fragments = h[3] & 1;
	v->is_fragment = v->more_fragments || v->frag_offset != 0; /* else atomic (RFC 6946) */
	v->frag_id = be32_at(h + 4);
	return DROP_NONE;
}

static enum drop_reason extension_take(struct walk *w)
{
	if (w->v.next == IPPROTO6_FRAGMENT)
		return fragment_header_take(w);
	if (rd_left(&w->r) < 8)
		return DROP_IP6_EXT_TRUNCATED;
	const uint8_t *h = rd_take(&w->r, (w->r.at[1] + 1u) * 8u);
	if (!h)
		return DROP_IP6_EXT_TRUNCATED;
	if (w->v.next == IPPROTO6_ROUTING && h[ROUTING_SEGMENTS_LEFT_AT] != 0)
		refuse(w, DROP_IP6_ROUTING_SEGMENTS_LEFT, h + ROUTING_SEGMENTS_LEFT_AT);
	w->v.next = h[0];
	return DROP_NONE;
}

static enum drop_reason ip6_chain_take(struct walk *w)
{
	for (unsigned n = 0; is_extension(w->v.next); n++) {
		if (n == EXT_HEADERS_MAX)
			return DROP_IP6_EXT_TOO_MANY;
		if (w->v.next == IPPROTO6_HOPOPTS && n > 0)
			return DROP_IP6_EXT_ORDER;
		enum drop_reason why = extension_take(w);
		if (why != DROP_NONE)
			return why;
		if (w->v.frag_offset != 0)
			break; /* the headers behind are in the first fragment */
	}
	return DROP_NONE;
}

/* The extension headers that IANA knows beside those that are skipped, but for ESP: RFC 7915 s5.1.1 leaves it out. */
static bool is_last_extension(uint8_t next)
{
	return next == IPPROTO_AH_NR || next == IPPROTO6_MOBILITY || next == IPPROTO_HIP_NR ||
	       next == IPPROTO6_SHIM6;
}

/* RFC 7915 s5.1.1: no extension header may follow the fragment header, as the offsets would count it. */
static bool is_chain_fragmented(const struct walk *w)
{
	uint8_t next = w->v.is_fragment ? w->base[w->v.frag_off_hdr] : IPPROTO6_NONE;

	return is_extension(next) || is_last_extension(next);
}

static void ip6_fill(struct view *v, const uint8_t *h)
{
	v->version = 6;
	v->tos = (uint8_t)(be16_at(h) >> 4);
	v->next = h[6];
	v->hop_limit = h[7];
	v->src6 = addr6_at(h + 8);
	v->dst6 = addr6_at(h + 24);
}

static enum drop_reason ip6_take(struct walk *w)
{
	struct view *v = &w->v;

	v->l3_off = walk_offset(w);
	const uint8_t *h = rd_take(&w->r, IP6_HDR_LEN);
	if (!h)
		return DROP_IP6_TRUNCATED;
	uint16_t payload = be16_at(h + 4);
	if (!w->is_quoted && payload > rd_left(&w->r))
		return DROP_IP6_LENGTH;
	rd_trim(&w->r, payload);
	ip6_fill(v, h);
	/* The destination first: multicast is noise (the host's own listener reports), a bad source is an attack. */
	if (!w->is_quoted &&
		!special6_is_unicast_source(v->dst6)) /* what can be no source is no unicast address */
		return DROP_IP6_DESTINATION;
	if (!w->is_quoted && !special6_is_unicast_source(v->src6))
		return DROP_IP6_SOURCE;
	enum drop_reason why = ip6_chain_take(w);
	if (why != DROP_NONE)
		return why;
	if (!w->is_quoted && is_chain_fragmented(w))
		return DROP_FRAGMENT_EXTENSION;
	v->l4_full_len =
		payload - (uint32_t)(w->r.at - (h + IP6_HDR_LEN)); /* the chain is within the payload */
	return fragment_check(v);
}

/* --- transport --- */

static enum drop_reason tcp_read(struct walk *w, const uint8_t *h, uint32_t len)
{
	if (len < (w->is_quoted ? QUOTED_L4_MIN : TCP_HDR_LEN))
		return DROP_TCP_TRUNCATED;
	w->v.kind = L4_TCP;
	w->v.sport = be16_at(h);
	w->v.dport = be16_at(h + 2);
	if (len >= TCP_HDR_LEN)
		w->v.tcp_flags = h[13];
	if (w->is_quoted)
		return DROP_NONE;
	uint32_t hdr_len = (h[12] >> 4) * 4u;
	if (hdr_len > len && w->v.is_fragment)
		return DROP_FRAGMENT_TINY;
	return hdr_len < TCP_HDR_LEN || hdr_len > len ? DROP_TCP_HEADER_LENGTH : DROP_NONE;
}

/* The length counts the whole datagram, so a first fragment says nothing against it. Zero is for jumbograms
 * only. */
static enum drop_reason udp_read(struct walk *w, const uint8_t *h, uint32_t len)
{
	if (len < UDP_HDR_LEN)
		return DROP_UDP_TRUNCATED;
	w->v.kind = L4_UDP;
	w->v.sport = be16_at(h);
	w->v.dport = be16_at(h + 2);
	if (w->is_quoted)
		return DROP_NONE;
	uint16_t claimed = be16_at(h + 4);
	if (claimed < UDP_HDR_LEN || (!w->v.is_fragment && claimed > len))
		return DROP_UDP_LENGTH;
	if (w->v.version == 6 && be16_at(h + 6) == 0)
		return DROP_UDP_CHECKSUM_ZERO;
	return DROP_NONE;
}

/* The ICMP types that are translated; all others are L4_ICMP_OTHER (RFC 7915 s4.2 and s5.2). */
static enum l4_kind icmp_kind(uint8_t version, uint8_t type)
{
	static const struct {
		uint8_t version, type;
		enum l4_kind kind;
	} kinds[] = {
		{ 4, 0, L4_ICMP_QUERY },   /* echo reply */
		{ 4, 3, L4_ICMP_ERROR },   /* destination unreachable */
		{ 4, 8, L4_ICMP_QUERY },   /* echo */
		{ 4, 11, L4_ICMP_ERROR },  /* time exceeded */
		{ 4, 12, L4_ICMP_ERROR },  /* parameter problem */
		{ 6, 1, L4_ICMP_ERROR },   /* destination unreachable */
		{ 6, 2, L4_ICMP_ERROR },   /* packet too big */
		{ 6, 3, L4_ICMP_ERROR },   /* time exceeded */
		{ 6, 4, L4_ICMP_ERROR },   /* parameter problem */
		{ 6, 128, L4_ICMP_QUERY }, /* echo request */
		{ 6, 129, L4_ICMP_QUERY }, /* echo reply */
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].version == version && kinds[i].type == type)
			return kinds[i].kind;
	return L4_ICMP_OTHER;
}

bool icmp_is_error(uint8_t version, uint8_t type)
{
	if (version == 6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* ICMPv6 sums a pseudo-header (RFC 4443 s2.3), ICMPv4 does not (RFC 792). */
static bool icmp_checksum_holds(const struct view *v, const uint8_t *h, uint32_t len)
{
	csum sum = csum_bytes(h, len);

	if (v->version == 6)
		sum += csum_pseudo6(v->src6, v->dst6, IPPROTO6_ICMP, len);
	return csum_fold(sum) == 0xffff;
}

static enum drop_reason icmp_read(struct walk *w, const uint8_t *h, uint32_t len)
{
	struct view *v = &w->v;

	if (len < ICMP_HDR_LEN)
		return DROP_ICMP_TRUNCATED;
	v->icmp_type = h[0];
	v->icmp_code = h[1];
	v->kind = icmp_kind(v->version, v->icmp_type);
	if (w->is_quoted && icmp_is_error(v->version, v->icmp_type))
		return DROP_ICMP_INNER_IS_ERROR;
	if (v->kind == L4_ICMP_ERROR && v->is_fragment)
		v->kind = L4_ICMP_OTHER; /* RFC 6146 s3.4: only a complete message has a packet inside */
	if (v->kind == L4_ICMP_QUERY)
		v->sport = v->dport = be16_at(h + 4);
	if (w->is_quoted || w->skip_checksum || v->is_fragment)
		return DROP_NONE;
	return icmp_checksum_holds(v, h, len) ? DROP_NONE : DROP_ICMP_CHECKSUM;
}

static const struct transport {
	uint8_t version; /* 0: both */
	uint8_t next;
	enum l4_kind later; /* what a fragment without the transport header is called */
	enum drop_reason (*read)(struct walk *w, const uint8_t *h, uint32_t len);
} transports[] = {
	{ 0, IPPROTO_TCP_NR, L4_TCP, tcp_read },
	{ 0, IPPROTO_UDP_NR, L4_UDP, udp_read },
	{ 4, IPPROTO4_ICMP, L4_ICMP_OTHER, icmp_read },
	{ 6, IPPROTO6_ICMP, L4_ICMP_OTHER, icmp_read },
};

/* Whether this reason says that the transport header ends beyond what is there. */
static bool is_cut(enum drop_reason why)
{
	return why == DROP_TCP_TRUNCATED || why == DROP_UDP_TRUNCATED || why == DROP_ICMP_TRUNCATED;
}

static enum drop_reason transport_take(struct walk *w)
{
	struct view *v = &w->v;

	v->l4_off = walk_offset(w);
	v->l4_len = (uint32_t)rd_left(&w->r);
	v->kind = L4_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		const struct transport *t = &transports[i];

		if (t->next != v->next || (t->version != 0 && t->version != v->version))
			continue;
		v->kind = t->later;
		if (v->frag_offset != 0)
			return DROP_NONE;
		enum drop_reason why = t->read(w, w->r.at, v->l4_len);
		return v->is_fragment && !w->is_quoted && is_cut(why) ? DROP_FRAGMENT_TINY : why;
	}
	return DROP_NONE;
}

/* --- the walks --- */

static enum drop_reason walk_packet(struct walk *w)
{
	if (rd_left(&w->r) == 0)
		return DROP_VERSION;
	uint8_t version = w->r.at[0] >> 4;
	if (version != 4 && version != 6)
		return DROP_VERSION;
	enum drop_reason why = version == 4 ? ip4_take(w) : ip6_take(w);
	return why == DROP_NONE ? transport_take(w) : why;
}

/* Bytes of the quoted packet; what RFC 4884 appends is no part of it (RFC 5508 REQ-3 d). 0 if that does not
 * fit. */
static uint32_t quoted_len(const struct view *outer, const uint8_t *icmp)
{
	uint32_t left = outer->l4_len - ICMP_HDR_LEN;
	uint32_t len = outer->version == 4 ? icmp_datagram_len4(icmp) : icmp_datagram_len6(icmp);

	if (len > left)
		return 0;
	return len == 0 ? left : len;
}

/* An error goes back to the one who sent the quoted packet (RFC 792; RFC 4443 s3.1). */
static bool goes_back(const struct view *outer, const struct view *quoted)
{
	if (outer->version == 4)
		return addr4_eq(outer->dst4, quoted->src4);
	return addr6_eq(outer->dst6, quoted->src6);
}

static enum drop_reason quoted_parse(const struct pkt *p, const struct view *outer, struct view *ret_in)
{
	const uint8_t *icmp = p->data + outer->l4_off;
	uint32_t len = quoted_len(outer, icmp);
	struct walk w = { .r = rd_of(icmp + ICMP_HDR_LEN, len), .base = p->data, .is_quoted = true };
	enum drop_reason why = walk_packet(&w);

	if (why == DROP_ICMP_INNER_IS_ERROR)
		return why;
	if (why != DROP_NONE || w.v.version != outer->version)
		return DROP_ICMP_INNER_MALFORMED;
	if (!goes_back(outer, &w.v))
		return DROP_ICMP_INNER_MISMATCH;
	*ret_in = w.v;
	return DROP_NONE;
}

enum drop_reason pkt_parse(struct pkt *p)
{
	struct walk w = { .r = rd_of(p->data, p->len), .base = p->data, .skip_checksum = p->off.csum_valid };
	struct view in;
	enum drop_reason why = walk_packet(&w);

	if (why == DROP_NONE && !offload_fits(p, &w.v))
		why = DROP_OFFLOAD;
	if (why == DROP_NONE && w.v.kind == L4_ICMP_ERROR)
		why = quoted_parse(p, &w.v, &in);
	if (why != DROP_NONE)
		return why;
	p->len = w.v.l4_off + w.v.l4_len;
	p->v = w.v;
	p->has_inner = w.v.kind == L4_ICMP_ERROR;
	if (p->has_inner)
		p->in = in;
	return DROP_NONE;
}

enum proto view_proto(const struct view *v)
{
	static const enum proto protos[] = {
		[L4_TCP] = PROTO_TCP,
		[L4_UDP] = PROTO_UDP,
		[L4_ICMP_QUERY] = PROTO_ICMP,
		[L4_OTHER] = PROTO_OTHER,
	};

	ASSERT(v->kind != L4_ICMP_ERROR && v->kind != L4_ICMP_OTHER);
	return protos[v->kind];
}
