/*
 * fuzz_parse.c - any bytes with any offload state: parsing, its invariants, and the errors about the packet
 *
 * Input: one byte of flags, one of gso kind (low 2 bits) and error cause, gso_size, csum_start and
 * csum_offset of two bytes each, then the packet. A flag lets the checksum fields that parsing verifies be
 * mended first, so that inputs get past them.
 */
#include "base/bytes.h"
#include "xlat/checksum.h"
#include "xlat/icmp.h"

#include <stdlib.h>

#define STATE_LEN 8
#define FLAG_PARTIAL 1
#define FLAG_VALID 2
#define FLAG_ECN 4
#define FLAG_MEND 8
#define FLAG_AIM 16 /* csum_start and csum_offset are right for TCP or UDP directly behind the IP header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint64_t sink;

static void read_view(const struct view *v)
{
	sink += (uint64_t)v->version + v->tos + v->hop_limit + v->next + (unsigned)v->kind + (unsigned)v->df +
		(unsigned)v->is_fragment + (unsigned)v->has_frag_header + (unsigned)v->more_fragments +
		v->frag_offset + v->frag_id + v->l3_off + v->l4_off + v->l4_len + v->l4_full_len +
		v->frag_off_hdr + v->src6.hi + v->src6.lo + v->dst6.hi + v->dst6.lo + v->src4.v + v->dst4.v +
		v->sport + v->dport + v->tcp_flags + v->icmp_type + v->icmp_code;
}

static void read_packet(const struct pkt *p)
{
	if (!pkt_validate(p))
		abort();
	read_view(&p->v);
	if (p->has_inner)
		read_view(&p->in);
	for (uint32_t i = 0; i < p->len; i++)
		sink += p->data[i];
}

static struct offload offload_of(const uint8_t *state, const uint8_t *packet, size_t len)
{
	struct offload o = {
		.csum_partial = state[0] & FLAG_PARTIAL,
		.csum_valid = state[0] & FLAG_VALID,
		.gso_ecn = state[0] & FLAG_ECN,
		.gso = (enum gso)(state[1] & 3),
		.gso_size = be16_at(state + 2),
		.csum_start = be16_at(state + 4),
		.csum_offset = be16_at(state + 6),
	};

	if ((state[0] & FLAG_AIM) && len >= IP6_HDR_LEN) {
		bool is6 = packet[0] >> 4 == 6;

		o.csum_start = is6 ? IP6_HDR_LEN : (uint16_t)((packet[0] & 15) * 4);
		o.csum_offset = (is6 ? packet[6] : packet[9]) == IPPROTO_TCP_NR ? 16 : 6;
	}
	return o;
}

static void mend(uint8_t *p, size_t len)
{
	if (len < IP4_HDR_LEN || p[0] >> 4 != 4)
		return;
	size_t header = (p[0] & 15u) * 4u;

	if (header < IP4_HDR_LEN || header > len)
		return;
	be16_put(p + 10, 0);
	be16_put(p + 10, (uint16_t)~csum_fold(csum_bytes(p, header)));
}

static void answer(struct pkt *p, uint8_t choice)
{
	enum icmp_cause cause = (enum icmp_cause)(choice % ICMP_CAUSE_COUNT);
	bool allowed = icmp_error_allowed(p);
	enum drop_reason why;

	if (p->v.version == 4)
		why = icmp4_error(p, cause, (struct addr4){ 0xc0000201 }, 1280);
	else
		why = icmp6_error(p, cause, (struct addr6){ UINT64_C(0x20010db800000000), 1 }, 1280);
	if ((why == DROP_NONE) != allowed)
		abort(); /* there is headroom, so the two must agree */
	read_packet(p);
	if (allowed && (p->v.kind != L4_ICMP_ERROR || icmp_error_allowed(p)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < STATE_LEN || len > UINT16_MAX)
		return 0;
	size_t packet_len = len - STATE_LEN;
	uint8_t *memory = malloc(PKT_HEADROOM + packet_len);

	if (!memory)
		return 0;
	struct pkt p = {
		.head = memory,
		.data = memory + PKT_HEADROOM,
		.len = (uint32_t)packet_len,
		.end = memory + PKT_HEADROOM + packet_len,
		.off = offload_of(data, data + STATE_LEN, packet_len),
	};

	bytes_zero(memory, PKT_HEADROOM);
	bytes_copy(p.data, data + STATE_LEN, packet_len);
	if (data[0] & FLAG_MEND)
		mend(p.data, packet_len);
	if (pkt_parse(&p) == DROP_NONE) {
		read_packet(&p);
		answer(&p, data[1] >> 2);
	}
	free(memory);
	return 0;
}
