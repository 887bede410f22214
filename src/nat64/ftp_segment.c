/* ftp_segment.c - see ftp_segment.h */
#include "nat64/ftp_segment.h"

#include "base/compiler.h"
#include "xlat/checksum.h"
#include "xlat/header.h"

#define CSUM_AT 16 /* RFC 9293 s3.1, as all offsets here */
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SACK 5 /* RFC 2018 s3 */
#define OPTION_TIME 8 /* RFC 7323 s3.2 */
#define OPTION_TIME_LEN 10
#define SACK_BLOCK 8
#define HOPS 64
#define DONT_FRAGMENT 0x4000
#define SURE_BYTES                                                                                           \
	500 /* with all headers and options within 576 bytes, which every IPv4 path takes (RFC 791 s3.1) */

static uint32_t header_len(const uint8_t *tcp)
{
	return (uint32_t)(tcp[12] >> 4) * 4;
}

/* The next option, its length included; NULL at the end, and if the rest is malformed. */
static uint8_t *option_next(uint8_t **at, const uint8_t *end)
{
	while (*at < end && **at == OPTION_NOP)
		(*at)++;
	uint8_t *option = *at;

	if (option == end || *option == OPTION_END || end - option < 2 || option[1] < 2 ||
		option[1] > end - option)
		return NULL;
	*at += option[1];
	return option;
}

struct ftp_segment ftp_segment_of(const struct pkt *p)
{
	uint8_t *tcp = p->data + p->v.l4_off, *at = tcp + TCP_HDR_LEN, *option;
	uint32_t header = header_len(tcp);
	struct ftp_segment g = {
		.payload = tcp + header,
		.len = p->v.l4_len - header,
		.seq = be32_at(tcp + 4),
		.ack = be32_at(tcp + 8),
		.flags = tcp[13],
		.window = be16_at(tcp + 14),
		.urgent = be16_at(tcp + 18),
	};

	while ((option = option_next(&at, tcp + header))) {
		if (option[0] != OPTION_TIME || option[1] != OPTION_TIME_LEN)
			continue;
		g.has_time = true;
		g.time = be32_at(option + 2);
	}
	return g;
}

/* Blocks that say nothing in the other numbers leave the option; where it stood are no-operations then. */
static void sack_translate(uint8_t *option, const struct ftp_stream *acks)
{
	unsigned len = option[1], kept = 2;

	for (unsigned at = 2; at + SACK_BLOCK <= len; at += SACK_BLOCK) {
		uint32_t left = be32_at(option + at), right = be32_at(option + at + 4);

		if (!ftp_stream_sack(acks, &left, &right))
			continue;
		be32_put(option + kept, left);
		be32_put(option + kept + 4, right);
		kept += SACK_BLOCK;
	}
	if (kept == 2)
		kept = 0;
	else
		option[1] = (uint8_t)kept;
	for (unsigned at = kept; at < len; at++)
		option[at] = OPTION_NOP;
}

static void sacks_translate(uint8_t *tcp, uint32_t header, const struct ftp_stream *acks)
{
	uint8_t *at = tcp + TCP_HDR_LEN, *option;

	while ((option = option_next(&at, tcp + header))) {
		if (option[0] == OPTION_SACK)
			sack_translate(option, acks);
	}
}

static csum pseudo(const struct pkt *p)
{
	const struct view *v = &p->v;

	return v->version == 6 ? csum_pseudo6(v->src6, v->dst6, IPPROTO_TCP_NR, v->l4_len)
			       : csum_pseudo4(v->src4, v->dst4, IPPROTO_TCP_NR, v->l4_len);
}

/* All that a checksum covers but the addresses; the payload only if it is going to change. */
static csum covered(const struct pkt *p, bool with_payload)
{
	const uint8_t *tcp = p->data + p->v.l4_off;

	return csum_bytes(tcp, with_payload ? p->v.l4_len : header_len(tcp)) + p->v.l4_len;
}

static void checksum_change(struct pkt *p, csum before, csum after, uint32_t len_before)
{
	uint8_t *field = p->data + p->v.l4_off + CSUM_AT;
	csum length = (csum)p->v.l4_len + (uint16_t)~csum_fold(len_before);

	if (p->off.csum_partial)
		be16_put(field, csum_update_partial(be16_at(field), length));
	else
		be16_put(field, csum_update(be16_at(field), after + (uint16_t)~csum_fold(before)));
}

/* One packet that is too long becomes a train: the kernel cuts it, and sums up what it cuts. */
static enum drop_reason make_train(struct pkt *p, uint32_t segment)
{
	uint8_t *tcp = p->data + p->v.l4_off;

	if (!p->off.csum_partial) {
		if (csum_fold(pseudo(p) + csum_bytes(tcp, p->v.l4_len)) != UINT16_MAX)
			return DROP_FTP_CHECKSUM;
		be16_put(tcp + CSUM_AT, csum_fold(pseudo(p)));
	}
	p->off.csum_partial = true;
	p->off.csum_valid = false;
	p->off.csum_start = p->v.l4_off;
	p->off.csum_offset = CSUM_AT;
	p->off.gso = p->v.version == 6 ? GSO_TCP6 : GSO_TCP4;
	p->off.gso_size = (uint16_t)segment;
	return DROP_NONE;
}

static enum drop_reason train_fit(struct pkt *p, uint32_t payload, uint32_t payload_before)
{
	uint32_t sure = payload_before > SURE_BYTES ? payload_before : SURE_BYTES;

	if (p->off.gso == GSO_NONE)
		return payload > sure ? make_train(p, sure) : DROP_NONE;
	if (payload <= p->off.gso_size) {
		p->off.gso = GSO_NONE;
		p->off.gso_size = 0;
		p->off.gso_ecn = false;
	}
	return DROP_NONE;
}

enum drop_reason ftp_segment_write(struct pkt *p, const struct ftp_segment *g, const struct ftp_stream *acks)
{
	uint8_t *tcp = p->data + p->v.l4_off;
	uint32_t header = header_len(tcp), before_len = p->v.l4_len;
	bool is_own = g->payload == tcp + header && g->len == before_len - header;

	if (p->v.l4_off + header + g->len > (size_t)(p->end - p->data))
		return DROP_NO_HEADROOM;
	csum before = covered(p, !is_own);

	be32_put(tcp + 4, g->seq);
	be32_put(tcp + 8, g->ack);
	tcp[13] = g->flags;
	be16_put(tcp + 18, g->urgent);
	sacks_translate(tcp, header, acks);
	if (!is_own)
		bytes_move(tcp + header, g->payload, g->len);
	p->v.l4_len = p->v.l4_full_len = header + g->len;
	p->len = p->v.l4_off + p->v.l4_len;
	p->v.tcp_flags = g->flags;
	checksum_change(p, before, covered(p, !is_own), before_len);
	return is_own ? DROP_NONE : train_fit(p, g->len, before_len - header);
}

static void ip_put(uint8_t *at, const struct view *v, uint16_t len)
{
	if (v->version == 6)
		header6_put(at, &(struct header6){ .src = v->dst6,
					.dst = v->src6,
					.payload_len = len,
					.hop_limit = HOPS,
					.next = IPPROTO_TCP_NR });
	else
		header4_put(at, &(struct header4){ .src = v->dst4,
					.dst = v->src4,
					.total_len = (uint16_t)(IP4_HDR_LEN + len),
					.flags = DONT_FRAGMENT,
					.ttl = HOPS,
					.protocol = IPPROTO_TCP_NR });
}

bool ftp_segment_acknowledge(const struct pkt *p, const struct ftp_segment *g,
	uint8_t memory[static PKT_HEADROOM + FTP_ACK_BYTES + PKT_TAILROOM], struct pkt *ret)
{
	struct ftp_segment asked = ftp_segment_of(p);
	uint16_t ip = p->v.version == 6 ? IP6_HDR_LEN : IP4_HDR_LEN;
	uint16_t len = TCP_HDR_LEN + (asked.has_time && g->has_time ? OPTION_TIME_LEN + 2 : 0);
	uint8_t *tcp = memory + PKT_HEADROOM + ip;

	bytes_zero(memory, PKT_HEADROOM + FTP_ACK_BYTES + PKT_TAILROOM);
	ip_put(memory + PKT_HEADROOM, &p->v, len);
	be16_put(tcp, p->v.dport);
	be16_put(tcp + 2, p->v.sport);
	be32_put(tcp + 4, g->seq);
	be32_put(tcp + 8, g->ack);
	tcp[12] = (uint8_t)(len / 4 << 4);
	tcp[13] = TCP_ACK;
	be16_put(tcp + 14, g->window);
	if (len > TCP_HDR_LEN) {
		tcp[20] = tcp[21] = OPTION_NOP;
		tcp[22] = OPTION_TIME;
		tcp[23] = OPTION_TIME_LEN;
		be32_put(tcp + 24, g->time);
		be32_put(tcp + 28, asked.time);
	}
	struct pkt made = {
		.head = memory,
		.data = memory + PKT_HEADROOM,
		.len = (uint32_t)ip + len,
		.end = memory + PKT_HEADROOM + FTP_ACK_BYTES + PKT_TAILROOM,
	};

	if (pkt_parse(&made) != DROP_NONE)
		return false;
	be16_put(tcp + CSUM_AT, (uint16_t)~csum_fold(pseudo(&made) + csum_bytes(tcp, len)));
	*ret = made;
	return true;
}
