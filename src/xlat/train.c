/*
 * train.c - the datagrams of a UDP train, where they cannot stay together
 *
 * The kernel joins datagrams of a flow into trains (UDP GRO), also such that their sender left to be fragmented (DF clear).
 * If these are too long for an IPv6 path that may be no wider than 1280 bytes, each must be cut by itself (RFC 7915 s4), so
 * the train is taken apart first. As in split.c nothing but headers is copied: each datagram gets its own right in front
 * of its payload, over the end of the datagram before it, which is sent by then.
 */
#include "xlat/header.h"
#include "xlat/transport.h"
#include "xlat/xlat.h"

#define FRONT_LEN (IP6_HDR_LEN + UDP_HDR_LEN)

static struct pkt datagram_make(const struct pkt *train, uint32_t at, uint32_t len)
{
	uint8_t *payload = train->data + FRONT_LEN + at, *udp = payload - UDP_HDR_LEN;
	uint16_t udp_len = (uint16_t)(UDP_HDR_LEN + len);
	struct pkt d = {
		.head = train->head,
		.data = udp - IP6_HDR_LEN,
		.len = FRONT_LEN + len,
		.end = payload + len, /* what follows is not sent yet */
		.off = { .csum_valid = train->off.csum_valid },
		.v = train->v,
	};

	d.v.l4_len = d.v.l4_full_len = udp_len;
	header6_put(d.data, &(struct header6){
				    .src = d.v.src6,
				    .dst = d.v.dst6,
				    .payload_len = udp_len,
				    .traffic_class = d.v.tos,
				    .hop_limit = d.v.hop_limit,
				    .next = IPPROTO_UDP_NR,
			    });
	be16_put(udp, d.v.sport);
	be16_put(udp + 2, d.v.dport);
	be16_put(udp + 4, udp_len);
	be16_put(udp + UDP_CSUM_AT, 0);
	transport_complete(udp, udp_len, L4_UDP, csum_pseudo6(d.v.src6, d.v.dst6, IPPROTO_UDP_NR, udp_len));
	return d;
}

unsigned xlat_cut_train6(struct pkt *p, void (*emit)(void *ctx, struct pkt *datagram), void *ctx)
{
	uint32_t payload = p->v.l4_len - UDP_HDR_LEN, each = p->off.gso_size;
	unsigned count = 0;

	ASSERT(p->v.version == 6 && p->off.gso == GSO_UDP && p->v.l4_off == IP6_HDR_LEN);
	for (uint32_t at = 0; at < payload; at += each, count++) {
		struct pkt d = datagram_make(p, at, payload - at < each ? payload - at : each);

		emit(ctx, &d);
	}
	return count;
}
