/*
 * split.c - fragments of an IPv6 packet, or of a fragment, that is too long (RFC 8200 s4.5)
 *
 * The fragments are made one after the other in the packet's own memory: each gets its headers right in front
 * of its part of the payload, over the end of the fragment before it, which is sent by then. Nothing is
 * copied but headers.
 */
#include "xlat/header.h"
#include "xlat/transport.h"
#include "xlat/xlat.h"

#define FRONT_LEN (IP6_HDR_LEN + IP6_FRAG_LEN)

/* The part of the payload that one fragment carries. */
struct part {
	uint32_t at, len; /* bytes; from the start of the packet's transport part */
	uint32_t
		offset; /* bytes, in the datagram; multiple of 8. Differs from @at if the packet is a fragment. */
	uint16_t more; /* IP6_FRAG_MORE, or 0 in the last one */
};

/* The NIC would sum one fragment, not the datagram. */
static void checksum_finish(struct pkt *p)
{
	if (!p->off.csum_partial)
		return;
	transport_complete(p->data + p->v.l4_off, p->v.l4_len, p->v.kind, 0);
	p->off = (struct offload){ .csum_valid = p->off.csum_valid };
}

static struct view fragment_view(const struct view *whole, const struct part *part, uint32_t id)
{
	struct view v = *whole;

	v.is_fragment = part->more || part->offset != 0;
	v.has_frag_header = true;
	v.more_fragments = part->more;
	v.frag_offset = (uint16_t)part->offset;
	v.frag_id = id;
	v.frag_off_hdr = IP6_HDR_LEN;
	v.l4_off = FRONT_LEN;
	v.l4_len = v.l4_full_len = part->len;
	if (part->offset == 0)
		return v;
	v.sport = v.dport = 0; /* the transport header is in the first one */
	v.tcp_flags = v.icmp_type = v.icmp_code = 0;
	if (v.kind == L4_ICMP_QUERY)
		v.kind = L4_ICMP_OTHER;
	return v;
}

static struct pkt fragment_make(const struct pkt *whole, const struct part *part, uint32_t id)
{
	uint8_t *payload = whole->data + whole->v.l4_off + part->at;
	struct pkt f = {
		.head = whole->head,
		.data = payload - FRONT_LEN,
		.len = FRONT_LEN + part->len,
		.end = payload + part->len, /* what follows is not sent yet */
		.off = whole->off,
		.v = fragment_view(&whole->v, part, id),
	};

	header6_put(f.data, &(struct header6){
				    .src = f.v.src6,
				    .dst = f.v.dst6,
				    .payload_len = (uint16_t)(IP6_FRAG_LEN + part->len),
				    .traffic_class = f.v.tos,
				    .hop_limit = f.v.hop_limit,
				    .next = IPPROTO6_FRAGMENT,
			    });
	fragment6_put(f.data + IP6_HDR_LEN, f.v.next, (uint16_t)part->offset, part->more, id);
	return f;
}

unsigned xlat_split6(
	struct pkt *p, uint32_t id, unsigned mtu, void (*emit)(void *ctx, struct pkt *fragment), void *ctx)
{
	uint32_t most = (mtu - FRONT_LEN) & ~UINT32_C(7);
	unsigned count = 0;

	ASSERT(mtu >= IP6_MIN_MTU && p->off.gso == GSO_NONE);
	if (p->v.is_fragment)
		id = p->v.frag_id;
	if (FRONT_LEN - p->v.l4_off > p->data - p->head)
		return 0;
	checksum_finish(p);
	for (uint32_t at = 0; at < p->v.l4_len; at += most, count++) {
		uint32_t left = p->v.l4_len - at;
		struct part part = {
			.at = at, .len = left < most ? left : most, .offset = p->v.frag_offset + at
		};

		part.more = part.len < left || p->v.more_fragments ? IP6_FRAG_MORE : 0;
		struct pkt fragment = fragment_make(p, &part, id);

		emit(ctx, &fragment);
	}
	return count;
}
