/*
 * fuzz_xlat.c - any bytes as a packet, translated in the direction that its version says
 *
 * Input: one byte of offload flags and shortage of headroom, one of segment size, then the packet. Seeds are
 * the conformance vectors (`conformance --seeds`). What comes out must hold together, and a checksum is right
 * afterwards if and only if it was right before.
 */
#include "slow_sum.h"
#include "xlat/xlat.h"

#include <stdlib.h>

#define MTU 1280

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct addr4 pool4 = { 0xc0000201 }, server4 = { 0xc6336407 };
static const struct addr6 client6 = { 0x20010db800010000, 0x100 },
			  server6 = { 0x0064ff9b00000000, 0xc6336407 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct offload read_offload(const uint8_t *head)
{
	struct offload off = {
		.csum_partial = head[0] & 1,
		.csum_valid = head[0] & 2,
		.gso_ecn = head[0] & 4,
		.gso = (enum gso)(head[0] >> 3 & 3),
		.gso_size = (uint16_t)(head[1] * 16),
	};

	return off;
}

/* A driver that lies about the place is parse.c's business; here it tells the truth, so that more packets get
 * through. */
static void place_checksum(struct pkt *p)
{
	struct pkt probe = *p;

	probe.off = (struct offload){ .csum_valid = true };
	if (!p->off.csum_partial || pkt_parse(&probe) != DROP_NONE)
		return;
	p->off.csum_start = probe.v.l4_off;
	p->off.csum_offset = probe.v.kind == L4_TCP ? 16 : 6;
}

/* A fragment has no checksum of its own, so nothing is known of it. */
static bool checksum_right(const struct pkt *p)
{
	if (p->v.is_fragment)
		return true;
	return slow_transport_ok(p->data, p->v.next, p->data + p->v.l4_off, p->v.l4_len);
}

/* Reads every byte, for the sanitizers. */
static void read_all(const struct pkt *p)
{
	volatile uint64_t sum = slow_sum(p->data, p->len);

	(void)sum;
}

static void check_fragment(void *ctx, struct pkt *f)
{
	(void)ctx;
	require(pkt_validate(f) && f->len <= MTU);
	read_all(f);
	require(pkt_parse(f) == DROP_NONE && pkt_validate(f));
}

static void translate(struct pkt *p)
{
	struct xlat_to4 to4 = { { pool4, server4, 40000, 80 }, { server4, pool4, 80, 40000 },
		.names_router = p->len % 4 < 2 };
	struct xlat_to6 to6 = { { server6, client6, 80, 1024 }, { client6, server6, 1024, 80 } };
	bool was_right = p->off.csum_partial || checksum_right(p);
	bool has_ports = p->v.kind == L4_TCP || p->v.kind == L4_UDP;
	uint8_t version = p->v.version;
	uint16_t offset = p->v.frag_offset;
	bool more = p->v.more_fragments;

	/* Odd inputs know how long the datagram is, even ones do not. */
	if (p->v.is_fragment && p->len % 2 == 1)
		p->v.datagram_len = p->v.frag_offset + p->v.l4_len + (more ? 8 : 0);
	if ((version == 6 ? xlat_64(p, &to4, 0x1234) : xlat_46(p, &to6)) != DROP_NONE)
		return;
	require(pkt_validate(p) && p->v.version != version);
	require(p->v.frag_offset == offset && p->v.more_fragments == more);
	read_all(p);
	if (version == 6)
		require(slow_header4_ok(p->data));
	if (!p->off.csum_partial && (was_right || has_ports))
		require(checksum_right(p) == was_right);

	struct pkt again = *p;

	enum drop_reason reason = pkt_parse(&again);

	/* In IPv4 a header like AH may be in fragments; IPv6 does not want it so (RFC 7915 s5.1.1). */
	require(reason == DROP_NONE || !was_right || (version == 4 && reason == DROP_FRAGMENT_EXTENSION));
	if (version == 4 && p->off.gso == GSO_NONE && p->len > MTU)
		xlat_split6(p, 0x12345678, MTU, check_fragment, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2 || len - 2 > 65575)
		return 0;

	size_t headroom = PKT_HEADROOM - 8u * (data[0] >> 5), packet = len - 2;
	uint8_t *memory = malloc(headroom + packet);

	require(memory != NULL);
	memcpy(memory + headroom, data + 2, packet);

	struct pkt p = {
		.head = memory,
		.data = memory + headroom,
		.len = (uint32_t)packet,
		.end = memory + headroom + packet,
		.off = read_offload(data),
	};

	place_checksum(&p);
	if (pkt_parse(&p) == DROP_NONE) {
		require(pkt_validate(&p));
		translate(&p);
	}
	free(memory);
	return 0;
}
