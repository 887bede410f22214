/* transport.c - ports and checksums; see transport.h */
#include "xlat/transport.h"

/* The checksum in a transport header that has the pseudo-header in its sum. */
struct sum_field {
	uint8_t at;		/* offset; 0: there is none */
	bool zero_says_nothing; /* a field of zero is no sum, and no sum is written as zero */
};

/* RFC 9293 s3.1, RFC 768, RFC 792 */
static const struct sum_field field_of_kind[L4_OTHER + 1] = {
	[L4_TCP] = { 16, false },
	[L4_UDP] = { UDP_CSUM_AT, true },
	[L4_ICMP_QUERY] = { 2, false },
	[L4_ICMP_ERROR] = { 2, false },
};

/*
 * Of all other protocols these two sum the pseudo-header, whatever part of the payload they cover beside it: RFC 4340
 * s9.1; RFC 3828 s3.1, where zero is no checksum that a receiver takes. SCTP, GRE and ESP never look at addresses.
 */
static struct sum_field field_of(const struct view *v)
{
	if (v->kind != L4_OTHER)
		return field_of_kind[v->kind];
	switch (v->next) {
	case IPPROTO_DCCP_NR:
		return (struct sum_field){ 6, false };
	case IPPROTO_UDPLITE_NR:
		return (struct sum_field){ 6, true };
	default:
		return (struct sum_field){ 0 };
	}
}

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

/* What the header itself says anew; returns how the sum over it changes. */
static csum body_put(uint8_t *l4, const struct view *v, const struct transport_change *c)
{
	if (v->kind == L4_OTHER)
		return 0; /* nothing but addresses is known of it */
	return v->kind == L4_ICMP_QUERY ? query_put(l4, c) : ports_put(l4, c);
}

/* In UDP zero means "no checksum"; its twin in ones complement says zero (RFC 768). */
static uint16_t written_sum(struct sum_field f, uint16_t field)
{
	return f.zero_says_nothing && field == 0 ? UINT16_MAX : field;
}

void transport_rewrite(uint8_t *l4, const struct view *v, const struct transport_change *c)
{
	csum body = body_put(l4, v, c);
	struct sum_field sum = field_of(v);
	uint32_t at = sum.at;

	if (at == 0 || at + 2 > v->l4_len)
		return;

	uint16_t field = be16_at(l4 + at);

	if (c->is_partial)
		field = csum_update_partial(field, c->pseudo);
	else if (!sum.zero_says_nothing || field != 0)
		field = written_sum(sum, csum_update(field, c->pseudo + body));
	be16_put(l4 + at, field);
	if (field == 0 && v->kind == L4_ICMP_QUERY && !v->is_fragment && csum_bytes(l4, v->l4_len) == 0)
		be16_put(l4 + at,
			UINT16_MAX); /* only zeros sum up to +0: RFC 1624 s3; an ICMPv4 echo reply can */
}

void transport_complete(uint8_t *l4, uint32_t len, enum l4_kind kind, csum pseudo)
{
	uint16_t field = (uint16_t)~csum_fold(pseudo + csum_bytes(l4, len));

	be16_put(l4 + field_of_kind[kind].at, written_sum(field_of_kind[kind], field));
}
