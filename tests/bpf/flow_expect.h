/* flow_expect.h - which packets the programs of bpf/flow.bpf.c take, said once more in the words of src/xlat/pkt.h */
#ifndef ISTHMUS_TESTS_FLOW_EXPECT_H
#define ISTHMUS_TESTS_FLOW_EXPECT_H

#include "xlat/pkt.h"

/* Of a packet that parsing has refused for its checksum: whether it is an echo message. Its headers are whole. */
static inline bool is_echo(const struct pkt *p)
{
	if (p->data[0] >> 4 == 6)
		return p->data[6] == IPPROTO6_ICMP && p->data[IP6_HDR_LEN] >= 128 &&
		       p->data[IP6_HDR_LEN] <= 129;
	return (p->data[0] & 15) == 5 && p->data[9] == IPPROTO4_ICMP &&
	       (p->data[IP4_HDR_LEN] == 0 || p->data[IP4_HDR_LEN] == 8);
}

static inline bool is_plain_transport(const struct pkt *p, bool is_syn_awaited)
{
	const struct view *v = &p->v;

	if (v->kind == L4_TCP)
		return !(v->tcp_flags & (TCP_FIN | (is_syn_awaited ? 0 : TCP_SYN) | TCP_RST));
	if (v->kind == L4_UDP)
		return be16_at(p->data + v->l4_off + UDP_CSUM_AT) != 0;
	return v->kind == L4_ICMP_QUERY;
}

/* Transport bytes of what goes on the wire: of one segment, if the packet is a train. */
static inline uint32_t segment_len(const struct pkt *p)
{
	if (p->off.gso == GSO_NONE)
		return p->v.l4_len;
	return p->off.gso_size +
	       (p->v.kind == L4_TCP ? (p->data[p->v.l4_off + 12] >> 4) * UINT32_C(4) : UDP_HDR_LEN);
}

/* Whether a parsed packet is of the plain form that docs/fastpath.md tells of. */
static inline bool is_plain(const struct pkt *p, bool is_syn_awaited)
{
	const struct view *v = &p->v;

	if (v->l4_off != (v->version == 6 ? IP6_HDR_LEN : IP4_HDR_LEN) || v->is_fragment || v->hop_limit < 2)
		return false;
	if (v->version == 4 && !v->df && segment_len(p) + IP6_HDR_LEN > IP6_MIN_MTU)
		return false;
	return is_plain_transport(p, is_syn_awaited);
}

#endif
