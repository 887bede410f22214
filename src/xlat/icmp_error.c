/*
 * icmp_error.c - an ICMP error, its outer header and the packet inside it
 *
 * The inner transport header stays where it is; everything before it is written anew in front of it, so
 * neither direction copies the message:
 *
 *	old | outer IP | ICMP | inner IP, extension headers | inner transport ...           | extensions (RFC
 * 4884) new |       outer IP | ICMP |              inner IP | inner transport ... | padding | extensions
 *
 * Checksums of TCP, UDP, echo and others inside are updated by differences as far as they are there, so the sender of
 * the packet finds what it sent. The message's own checksum was verified by pkt_parse() and is computed anew.
 */
#include "xlat/icmp_error.h"

#include "xlat/header.h"
#include "xlat/icmp_extension.h"
#include "xlat/icmp_map.h"
#include "xlat/transport.h"

#define ICMP4_ERROR_MAX 576	    /* bytes of the whole message; RFC 1812 s4.3.2.3 */
#define ICMP6_ERROR_MAX IP6_MIN_MTU /* RFC 4443 s2.4 (c) */
#define DATAGRAM_MIN 128	    /* bytes of the original datagram before extensions; RFC 4884 s4 */

/* The translated message, in bytes. */
struct shape {
	uint32_t outer_hdr;   /* IP header */
	uint32_t inner_hdr;   /* IP header, and fragment header if any */
	uint32_t limit;	      /* the whole message at most */
	uint32_t length_unit; /* in which the length attribute of RFC 4884 counts */
	const struct addr6 *router; /* to be named in an extension; NULL: nobody */
};

static uint32_t shape_front(const struct shape *s)
{
	return s->outer_hdr + ICMP_HDR_LEN + s->inner_hdr;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * What has no translation has none inside an error either. Of a later fragment of ICMP nothing but the protocol is
 * known, so nothing can be said against it.
 */
static enum drop_reason quoted_check(const struct view *in)
{
	if (in->refused != DROP_NONE)
		return DROP_ICMP_INNER_MALFORMED; /* we never sent such a packet */
	if (in->kind == L4_OTHER && !protocol_is_same(in->version, in->next))
		return DROP_PROTOCOL_FAMILY;
	return in->frag_offset == 0 && in->kind == L4_ICMP_OTHER ? DROP_ICMP_TYPE : DROP_NONE;
}

static enum drop_reason error_check(const struct pkt *p, const struct shape *s)
{
	enum drop_reason reason = quoted_check(&p->in);

	if (reason)
		return reason;
	if (shape_front(s) > (size_t)(p->data - p->head) + p->in.l4_off)
		return DROP_NO_HEADROOM;
	return DROP_NONE;
}

static void inner_transport_rewrite(struct pkt *p, const struct transport_change *c)
{
	const struct view *in = &p->in;

	if (in->frag_offset == 0)
		transport_rewrite(p->data + in->l4_off, in, c);
}

/* Bytes of the original datagram, padding included; what follows are extensions. pkt_parse() found it to fit.
 */
static uint32_t quoted_len(const struct pkt *p)
{
	const uint8_t *head = p->data + p->v.l4_off;
	uint32_t len = p->v.version == 4 ? icmp_datagram_len4(head) : icmp_datagram_len6(head);

	return len != 0 ? len : p->v.l4_len - ICMP_HDR_LEN;
}

/*
 * datagram_fit() - how long the quoted datagram is, padding included, if extensions of @tail bytes are to follow it
 * @padded:	its length as a whole
 *
 * It is cut only where the router is to be named.
 *
 * Return: bytes; 0 if the extensions have no room.
 */
static uint32_t datagram_fit(const struct pkt *p, const struct shape *s, uint32_t padded, uint32_t tail)
{
	uint32_t front = s->outer_hdr + ICMP_HDR_LEN, len = padded;
	size_t memory = (size_t)(p->end - p->data) - p->in.l4_off + s->inner_hdr;

	if (tail > s->limit - front)
		return 0;
	uint32_t room = s->limit - front - tail;

	if (s->router && len > room)
		len = room & ~(s->length_unit - 1);
	return len >= DATAGRAM_MIN && len <= room && len <= memory && tail <= memory - len ? len : 0;
}

/*
 * body_fit() - cut, pad and move what follows the inner IP header
 * @may_extend:		the type of the message that came, and of the translated one, have the length attribute of RFC 4884
 * @ret_length:		its value; 0 if no extensions follow
 *
 * The inner header has a new size, so padding is added to reach the 128 bytes and the whole units that RFC
 * 4884 s4 asks for. Extensions that do not fit are left out as a whole: half of one would fail its own
 * checksum.
 *
 * Return: bytes from the inner transport header to the end of the message.
 */
static uint32_t body_fit(struct pkt *p, const struct shape *s, bool may_extend, uint8_t *ret_length)
{
	uint8_t *l4 = p->data + p->in.l4_off;
	uint32_t quoted = quoted_len(p);
	uint32_t payload = quoted - (p->in.l4_off - p->in.l3_off);
	uint32_t kept = may_extend ? p->v.l4_len - ICMP_HDR_LEN - quoted : 0;
	uint32_t added = s->router ? extension_growth(l4 + payload, kept) : 0;
	uint32_t padded = s->inner_hdr + payload;

	*ret_length = 0;
	if (padded < DATAGRAM_MIN)
		padded = DATAGRAM_MIN;
	padded += -padded & (s->length_unit - 1);

	uint32_t datagram = added > 0 ? datagram_fit(p, s, padded, kept + added) : 0;

	if (datagram == 0) {
		added = 0;
		datagram = kept > 0 ? datagram_fit(p, s, padded, kept) : 0;
	}
	if (datagram == 0)
		return smaller(payload, s->limit - shape_front(s));

	uint32_t body = datagram - s->inner_hdr;

	bytes_move(l4 + body, l4 + payload, kept);
	if (body > payload)
		bytes_zero(l4 + payload, body - payload);
	if (added > 0)
		extension_name_router(l4 + body, kept, *s->router);
	*ret_length = (uint8_t)(datagram / s->length_unit);
	return body + kept + added;
}

/*
 * front_open() - move the start of the packet so that the new headers end at the inner transport header
 *
 * Return: where the ICMP header goes.
 */
static uint8_t *front_open(struct pkt *p, const struct shape *s, uint32_t body)
{
	p->data += (ptrdiff_t)p->in.l4_off - (ptrdiff_t)shape_front(s);
	p->len = shape_front(s) + body;
	return p->data + s->outer_hdr;
}

/* Writes the ICMP header; the checksum field is left 0 for transport_complete(). */
static void head_put(uint8_t *icmp, const struct icmp_head *head)
{
	icmp[0] = head->type;
	icmp[1] = head->code;
	be16_put(icmp + 2, 0);
	be32_put(icmp + 4, head->word);
}

/* RFC 7915 s5.1, s5.1.1, but the TTL is copied (s5.3). The identification that the sender chose is not known.
 */
static void inner4_put(uint8_t *at, const struct view *in, const struct tuple4 *to)
{
	uint16_t total_len = (uint16_t)(in->l4_full_len + IP4_HDR_LEN);

	header4_put(at, &(struct header4){
				.src = to->src,
				.dst = to->dst,
				.total_len = total_len,
				.id = (uint16_t)in->frag_id,
				.flags = header4_flags(in, total_len),
				.tos = in->tos,
				.ttl = in->hop_limit,
				.protocol = protocol_64(in->next),
			});
}

/* RFC 7915 s4.1, but the hop limit is copied (s4.3). */
static void inner6_put(uint8_t *at, const struct view *in, const struct tuple6 *to)
{
	uint8_t next = protocol_46(in->next);

	header6_put(
		at, &(struct header6){
			    .src = to->src,
			    .dst = to->dst,
			    .payload_len = (uint16_t)(in->l4_full_len + (in->is_fragment ? IP6_FRAG_LEN : 0)),
			    .traffic_class = in->tos,
			    .hop_limit = in->hop_limit,
			    .next = in->is_fragment ? IPPROTO6_FRAGMENT : next,
		    });
	if (in->is_fragment)
		fragment6_put(at + IP6_HDR_LEN, next, in->frag_offset, in->more_fragments ? IP6_FRAG_MORE : 0,
			in->frag_id);
}

static void outer4_put(struct pkt *p, const struct tuple4 *to, uint16_t id)
{
	header4_put(p->data, &(struct header4){
				     .src = to->src,
				     .dst = to->dst,
				     .total_len = (uint16_t)p->len,
				     .id = p->v.has_frag_header ? (uint16_t)p->v.frag_id : id,
				     .flags = header4_flags(&p->v, p->len),
				     .tos = p->v.tos,
				     .ttl = (uint8_t)(p->v.hop_limit - 1),
				     .protocol = IPPROTO4_ICMP,
			     });
}

static void outer6_put(struct pkt *p, const struct tuple6 *to)
{
	header6_put(p->data, &(struct header6){
				     .src = to->src,
				     .dst = to->dst,
				     .payload_len = (uint16_t)(p->len - IP6_HDR_LEN),
				     .traffic_class = p->v.tos,
				     .hop_limit = (uint8_t)(p->v.hop_limit - 1),
				     .next = IPPROTO6_ICMP,
			     });
}

enum drop_reason icmp_error_xlat_64(struct pkt *p, const struct xlat_to4 *to, uint16_t ipv4_id)
{
	const struct addr6 router = p->v.src6;
	const struct shape shape = {
		.outer_hdr = IP4_HDR_LEN,
		.inner_hdr = IP4_HDR_LEN,
		.limit = ICMP4_ERROR_MAX,
		.length_unit = 4,
		.router = to->names_router ? &router : NULL,
	};
	struct icmp_head head;
	uint8_t length;
	enum drop_reason reason = error_check(p, &shape);

	if (reason)
		return reason;
	if (p->in.l4_full_len > UINT16_MAX - IP4_HDR_LEN)
		return DROP_ICMP_INNER_MALFORMED;
	reason = icmp_error_64(p->data + p->v.l4_off, &p->in, &head);
	if (reason)
		return reason;

	inner_transport_rewrite(
		p, &(struct transport_change){
			   .sport = to->inner.sport,
			   .dport = to->inner.dport,
			   .icmp_type = icmp_query_64(p->in.icmp_type),
			   .pseudo = transport_pseudo_64(&p->in, to->inner.src, to->inner.dst),
		   });

	uint32_t body = body_fit(p, &shape, head.has_extensions, &length);
	uint8_t *icmp = front_open(p, &shape, body);

	head.word |= (uint32_t)length << 16; /* byte 5 of the message: RFC 4884 s4.1 */
	head_put(icmp, &head);
	inner4_put(icmp + ICMP_HDR_LEN, &p->in, &to->inner);
	transport_complete(icmp, p->len - IP4_HDR_LEN, L4_ICMP_ERROR, 0);
	outer4_put(p, &to->outer, ipv4_id);
	return pkt_parse(p);
}

enum drop_reason icmp_error_xlat_46(struct pkt *p, const struct xlat_to6 *to)
{
	const struct shape shape = {
		.outer_hdr = IP6_HDR_LEN,
		.inner_hdr = IP6_HDR_LEN + (p->in.is_fragment ? IP6_FRAG_LEN : 0),
		.limit = ICMP6_ERROR_MAX,
		.length_unit = 8,
	};
	struct icmp_head head;
	uint8_t length;
	enum drop_reason reason = error_check(p, &shape);

	if (reason)
		return reason;
	reason = icmp_error_46(p->data + p->v.l4_off, &p->in, &head);
	if (reason)
		return reason;

	inner_transport_rewrite(
		p, &(struct transport_change){
			   .sport = to->inner.sport,
			   .dport = to->inner.dport,
			   .icmp_type = icmp_query_46(p->in.icmp_type),
			   .pseudo = transport_pseudo_46(&p->in, to->inner.src, to->inner.dst),
		   });

	uint32_t body = body_fit(p, &shape, head.has_extensions, &length);
	uint8_t *icmp = front_open(p, &shape, body);
	uint32_t icmp_len = p->len - IP6_HDR_LEN;

	head.word |= (uint32_t)length << 24; /* byte 4 of the message: RFC 4884 s4.4 */
	head_put(icmp, &head);
	inner6_put(icmp + ICMP_HDR_LEN, &p->in, &to->inner);
	transport_complete(icmp, icmp_len, L4_ICMP_ERROR,
		csum_pseudo6(to->outer.src, to->outer.dst, IPPROTO6_ICMP, icmp_len));
	outer6_put(p, &to->outer);
	return pkt_parse(p);
}
