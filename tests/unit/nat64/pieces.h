/*
 * pieces.h - a packet cut into fragments, and fragments put together again, byte by byte
 *
 * Nothing here uses the code under test.
 */
#ifndef ISTHMUS_TESTS_NAT64_PIECES_H
#define ISTHMUS_TESTS_NAT64_PIECES_H

#include "bench.h"

#include <string.h>

#define PIECES_MAX 160

struct pieces {
	unsigned len;
	struct craft p[PIECES_MAX];
};

static inline void pieces_put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline size_t pieces_get16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static inline void pieces_sum4(uint8_t *ip)
{
	size_t sum = 0;

	pieces_put16(ip + 10, 0);
	for (size_t i = 0; i < 20; i += 2)
		sum += pieces_get16(ip + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	pieces_put16(ip + 10, 0xffff - sum);
}

/* One fragment of a whole packet: bytes @from to @to of its transport part. */
static inline void piece_make(
	struct craft *piece, struct craft *whole, uint32_t id, size_t from, size_t to, bool more)
{
	const uint8_t *w = craft_data(whole);
	uint8_t *p = craft_data(piece);
	bool is6 = w[0] >> 4 == 6;
	size_t header = is6 ? 40 : 20, front = is6 ? 48 : 20;

	memcpy(p, w, header);
	memcpy(p + front, w + header + from, to - from);
	piece->len = front + to - from;
	if (is6) {
		pieces_put16(p + 4, 8 + to - from);
		p[6] = 44;
		p[40] = w[6];
		p[41] = 0;
		pieces_put16(p + 42, from | more);
		pieces_put16(p + 44, id >> 16);
		pieces_put16(p + 46, id & 0xffff);
		return;
	}
	pieces_put16(p + 2, piece->len);
	pieces_put16(p + 4, id & 0xffff);
	pieces_put16(p + 6, (w[6] & 0x40u) << 8 | (more ? 0x2000u : 0) | from / 8);
	pieces_sum4(p);
}

/* Cuts a whole packet so that each fragment has @size bytes of transport part, the last one what is left. */
static inline void pieces_cut(struct pieces *ret, struct craft *whole, uint32_t id, size_t size)
{
	size_t header = craft_data(whole)[0] >> 4 == 6 ? 40 : 20, len = whole->len - header;

	REQUIRE(size % 8 == 0 && size > 0);
	ret->len = 0;
	for (size_t at = 0; at < len; at += size) {
		bool more = at + size < len;

		REQUIRE(ret->len < PIECES_MAX);
		piece_make(&ret->p[ret->len++], whole, id, at, more ? at + size : len, more);
	}
}

/* Where the transport part of a fragment stands, and where in the datagram. */
struct place {
	size_t header, offset;
	bool more;
	uint32_t id;
	uint8_t proto;
};

static inline struct place place_of(const uint8_t *p)
{
	if (p[0] >> 4 == 4)
		return (struct place){ 20, (pieces_get16(p + 6) & 0x1fff) * 8, (p[6] & 0x20) != 0,
			(uint32_t)pieces_get16(p + 4), p[9] };
	REQUIRE(p[6] == 44);
	return (struct place){ 48, pieces_get16(p + 42) & 0xfff8u, (p[43] & 1) != 0,
		(uint32_t)(pieces_get16(p + 44) << 16 | pieces_get16(p + 46)), p[40] };
}

/*
 * Puts together packets @from to @to of what the bench captured. They must be all fragments of one datagram, each byte
 * there once. Gives the packet as it would have come in one piece.
 */
static inline void pieces_join(struct bench *b, unsigned from, unsigned to, struct craft *ret)
{
	static bool has[65536];
	uint8_t *p = craft_data(ret);
	size_t total = 0, seen = 0;
	bool is6 = craft_data(&b->out[from])[0] >> 4 == 6;
	size_t header = is6 ? 40 : 20;

	memset(has, 0, sizeof(has));
	memcpy(p, craft_data(&b->out[from]), header);
	for (unsigned i = from; i < to; i++) {
		const uint8_t *f = craft_data(&b->out[i]);
		struct place at = place_of(f), first = place_of(craft_data(&b->out[from]));
		size_t len = b->out[i].len - at.header;

		CHECK_INT(b->out[i].len, is6 ? 40 + pieces_get16(f + 4) : pieces_get16(f + 2));
		CHECK_INT(at.id, first.id);
		CHECK_INT(at.proto, first.proto);
		CHECK(at.more ? len % 8 == 0 : total == 0);
		CHECK(memcmp(f + (is6 ? 8 : 12), p + (is6 ? 8 : 12), is6 ? 32 : 8) == 0);
		REQUIRE(at.offset + len <= 65535);
		for (size_t k = 0; k < len; k++) {
			CHECK(!has[at.offset + k]);
			has[at.offset + k] = true;
		}
		memcpy(p + header + at.offset, f + at.header, len);
		seen += len;
		if (!at.more)
			total = at.offset + len;
	}
	REQUIRE(total > 0 && seen == total);
	ret->len = header + total;
	if (is6) {
		pieces_put16(p + 4, total);
		p[6] = place_of(craft_data(&b->out[from])).proto;
		return;
	}
	pieces_put16(p + 2, ret->len);
	pieces_put16(p + 6, 0);
	pieces_sum4(p);
}

#endif
