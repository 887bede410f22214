/* probe.c - the TCP segment that asks whether a silent connection still lives (RFC 6146 s3.5.2.2) */
#include "nat64/pipeline.h"

#include "addr/embed.h"
#include "xlat/checksum.h"

#define PROBE_HOP_LIMIT 64
#define TCP_FIRST_FLAGS_BYTE (TCP_HDR_LEN / 4 << 4)

void nat64_probe(struct nat64 *n, const struct state_probe *probe, const struct nat64_out *out)
{
	uint8_t memory[PKT_HEADROOM + IP6_HDR_LEN + TCP_HDR_LEN + PKT_TAILROOM];
	uint8_t *h = memory + PKT_HEADROOM;
	struct addr6 src = embed_addr(n->cfg.prefixes[probe->prefix], probe->tuple.src);
	struct wr w = wr_of(h, IP6_HDR_LEN + TCP_HDR_LEN);

	bytes_zero(memory, sizeof(memory));
	wr_be32(&w, UINT32_C(6) << 28);
	wr_be16(&w, TCP_HDR_LEN);
	wr_u8(&w, IPPROTO_TCP_NR);
	wr_u8(&w, PROBE_HOP_LIMIT);
	addr6_put(h + 8, src);
	addr6_put(h + 24, probe->in);

	uint8_t *tcp = h + IP6_HDR_LEN;

	be16_put(tcp, probe->tuple.sport);
	be16_put(tcp + 2, probe->in_port);
	/* Sequence and acknowledgment numbers are zero, and so is every flag but ACK: the RFC wants it so. */
	tcp[12] = TCP_FIRST_FLAGS_BYTE;
	tcp[13] = TCP_ACK;
	csum sum = csum_pseudo6(src, probe->in, IPPROTO_TCP_NR, TCP_HDR_LEN) + csum_bytes(tcp, TCP_HDR_LEN);

	be16_put(tcp + 16, (uint16_t)~csum_fold(sum));

	struct pkt p = {
		.head = memory,
		.data = h,
		.len = IP6_HDR_LEN + TCP_HDR_LEN,
		.end = memory + sizeof(memory),
	};

	if (pkt_parse(&p) != DROP_NONE)
		return; /* the address that a session was made with is always one that parses */
	n->count.probes++;
	out->send(out->ctx, &p);
}
