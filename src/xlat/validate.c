/* validate.c - the invariants of struct pkt: offload state against view, views against memory */
#include "xlat/offload.h"

uint16_t l4_checksum_offset(enum l4_kind kind)
{
	static const uint16_t offsets[L4_OTHER + 1] = { [L4_TCP] = 16, [L4_UDP] = 6 };

	return kind <= L4_OTHER ? offsets[kind] : 0;
}

static bool checksum_offload_fits(const struct offload *o, const struct view *v)
{
	uint16_t offset = l4_checksum_offset(v->kind);

	if (!o->csum_partial)
		return true;
	return offset != 0 && !v->is_fragment && o->csum_start == v->l4_off && o->csum_offset == offset;
}

static bool train_fits(const struct offload *o, const struct view *v)
{
	static const struct {
		uint8_t version; /* 0: both */
		enum l4_kind kind;
		bool may_ecn;
	} rules[] = {
		[GSO_TCP4] = { 4, L4_TCP, true },
		[GSO_TCP6] = { 6, L4_TCP, true },
		[GSO_UDP] = { 0, L4_UDP, false },
	};

	if (o->gso == GSO_NONE)
		return o->gso_size == 0 && !o->gso_ecn;
	if (o->gso >= ARRAY_LEN(rules) || o->gso_size == 0 || v->is_fragment)
		return false;
	if (o->gso_ecn && !rules[o->gso].may_ecn)
		return false;
	return rules[o->gso].kind == v->kind &&
	       (rules[o->gso].version == 0 || rules[o->gso].version == v->version);
}

bool offload_fits(const struct pkt *p, const struct view *v)
{
	if (!checksum_offload_fits(&p->off, v) || !train_fits(&p->off, v))
		return false;
	return p->off.gso != GSO_UDP || be16_at(p->data + v->l4_off + 4) == v->l4_len;
}

/* The kinds that a protocol number allows. */
static bool kind_fits(const struct view *v)
{
	uint8_t icmp = v->version == 4 ? IPPROTO4_ICMP : IPPROTO6_ICMP;

	switch (v->kind) {
	case L4_TCP:
		return v->next == IPPROTO_TCP_NR;
	case L4_UDP:
		return v->next == IPPROTO_UDP_NR;
	case L4_ICMP_QUERY:
		return v->next == icmp && v->sport == v->dport;
	case L4_ICMP_ERROR:
		return v->next == icmp && !v->is_fragment;
	case L4_ICMP_OTHER:
		return v->next == icmp;
	case L4_OTHER:
		return v->next != IPPROTO_TCP_NR && v->next != IPPROTO_UDP_NR && v->next != icmp;
	}
	return false;
}

static bool ports_fit(const struct view *v)
{
	bool has_ports = v->kind == L4_TCP || v->kind == L4_UDP || v->kind == L4_ICMP_QUERY;

	return has_ports || (v->sport == 0 && v->dport == 0);
}

static bool fragment_fits(const struct view *v)
{
	if (v->is_fragment != (v->more_fragments || v->frag_offset != 0) || v->frag_offset % 8 != 0)
		return false;
	if (v->datagram_len != 0 && (!v->is_fragment || v->frag_offset + v->l4_len > v->datagram_len))
		return false;
	if (v->version == 4)
		return !v->has_frag_header;
	if (!v->has_frag_header)
		return !v->is_fragment && !v->df;
	return !v->df && v->frag_off_hdr >= v->l3_off + IP6_HDR_LEN &&
	       v->frag_off_hdr + IP6_FRAG_LEN <= v->l4_off;
}

/* @end: one past the last byte that the packet may have, from pkt.data. */
static bool view_fits(const struct view *v, uint32_t end)
{
	if (v->version != 4 && v->version != 6)
		return false;
	if (v->l4_off < v->l3_off + (v->version == 4 ? IP4_HDR_LEN : IP6_HDR_LEN))
		return false;
	if (v->l4_off > end || v->l4_len > end - v->l4_off || v->l4_len > v->l4_full_len)
		return false;
	return kind_fits(v) && ports_fit(v) && fragment_fits(v);
}

/* Bytes of transport header that must be there, so that a rewrite stays inside the packet. */
static uint32_t header_min(const struct view *v)
{
	static const uint8_t lengths[] = {
		[L4_TCP] = TCP_HDR_LEN,
		[L4_UDP] = UDP_HDR_LEN,
		[L4_ICMP_QUERY] = ICMP_HDR_LEN,
		[L4_ICMP_ERROR] = ICMP_HDR_LEN,
		[L4_ICMP_OTHER] = ICMP_HDR_LEN,
		[L4_OTHER] = 0,
	};

	return v->frag_offset != 0 ? 0 : lengths[v->kind];
}

static bool inner_fits(const struct pkt *p)
{
	const struct view *in = &p->in;

	if (in->version != p->v.version || in->l3_off != p->v.l4_off + ICMP_HDR_LEN ||
		in->kind == L4_ICMP_ERROR)
		return false;
	if (!view_fits(in, p->len))
		return false;
	return in->l4_len >= (header_min(in) > 8 ? 8 : header_min(in));
}

bool pkt_validate(const struct pkt *p)
{
	if (!p->head || p->head > p->data || p->data > p->end || p->len > (size_t)(p->end - p->data))
		return false;
	if (p->v.l3_off != 0 || !view_fits(&p->v, p->len) || p->v.l4_off + p->v.l4_len != p->len)
		return false;
	if (p->v.l4_full_len != p->v.l4_len || p->v.l4_len < header_min(&p->v) || !offload_fits(p, &p->v))
		return false;
	if (p->has_inner != (p->v.kind == L4_ICMP_ERROR))
		return false;
	return !p->has_inner || inner_fits(p);
}
