/* transport.c - ports and checksums; see transport.h */
#include "xlat/transport.h"

/* Offset of the checksum in the transport header: RFC 9293 s3.1, RFC 768, RFC 792. */
static const uint8_t csum_at_of[] = {
	[L4_TCP] = 16,
	[L4_UDP] = UDP_CSUM_AT,
	[L4_ICMP_QUERY] = 2,
	[L4_ICMP_ERROR] = 2,
};

static csum addresses6(struct addr6 src, struct addr6 dst)
{
	return csum_addr6(src) + csum_addr6(dst);
}

/* The length in an ICMPv6 pseudo-header is that of the whole message, of which this may be the first fragment. */
static uint32_t message_len(const struct view *v)
{
	return v->datagram_len != 0 ? v->datagram_len : v->l4_full_len;
}

csum transport_pseudo_64(const struct view *v, struct addr4 src, struct addr4 dst)
{
	if (v->kind == L4_ICMP_QUERY)
		return csum_less(csum_pseudo6(v->src6, v->dst6, IPPROTO6_ICMP, message_len(v)));
	return csum_addr4(src) + csum_addr4(dst) + csum_less(addresses6(v->src6, v->dst6));
}

csum transport_pseudo_46(const struct view *v, struct addr6 src, struct addr6 dst)
{
	if (v->kind == L4_ICMP_QUERY)
		return csum_pseudo6(src, dst, IPPROTO6_ICMP, message_len(v));
	return addresses6(src, dst) + csum_less(csum_addr4(v->src4) + csum_addr4(v->dst4));
}

/* Replaces a 16-bit word; returns how the sum over the header changes. */
static csum word_put(uint8_t *at, uint16_t word)
{
	csum change = csum_sub16(word, be16_at(at));

	be16_put(at, word);
	return change;
}

static csum ports_put(uint8_t *l4, const struct transport_change *c)
{
	return word_put(l4, c->sport) + word_put(l4 + 2, c->dport);
}

/* The code of an echo message is kept: it is 0, or wrong and stays so. */
static csum query_put(uint8_t *l4, const struct transport_change *c)
{
	return word_put(l4, (uint16_t)(c->icmp_type << 8 | l4[1])) + word_put(l4 + 4, c->sport);
}

/* In UDP zero means "no checksum"; its twin in ones complement says zero (RFC 768). */
static uint16_t never_zero_for_udp(uint16_t field, enum l4_kind kind)
{
	return kind == L4_UDP && field == 0 ? 0xffff : field;
}

void transport_rewrite(uint8_t *l4, const struct view *v, const struct transport_change *c)
{
	csum body = v->kind == L4_ICMP_QUERY ? query_put(l4, c) : ports_put(l4, c);
	uint32_t at = csum_at_of[v->kind];

	if (at + 2 > v->l4_len)
		return;

	uint16_t field = be16_at(l4 + at);

	if (c->is_partial)
		field = csum_update_partial(field, c->pseudo);
	else if (v->kind != L4_UDP || field != 0)
		field = never_zero_for_udp(csum_update(field, c->pseudo + body), v->kind);
	be16_put(l4 + at, field);
	if (field == 0 && v->kind == L4_ICMP_QUERY && !v->is_fragment && csum_bytes(l4, v->l4_len) == 0)
		be16_put(l4 + at,
			UINT16_MAX); /* only zeros sum up to +0: RFC 1624 s3; an ICMPv4 echo reply can */
}

void transport_complete(uint8_t *l4, uint32_t len, enum l4_kind kind, csum pseudo)
{
	uint16_t field = (uint16_t)~csum_fold(pseudo + csum_bytes(l4, len));

	be16_put(l4 + csum_at_of[kind], never_zero_for_udp(field, kind));
}
