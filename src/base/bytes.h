/*
 * bytes.h - wire memory: bounded reading and writing, byte order
 *
 * Bytes that came from outside are a `uint8_t *` and a length, held by struct rd (reading) or struct wr (writing).
 * Every function checks the bound before it touches memory, in the form `need > left`. Values inside the program
 * are in host order; be16_at() and its twins are the only way from and to wire order.
 */
#ifndef ISTHMUS_BASE_BYTES_H
#define ISTHMUS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* --- fields at a pointer; the caller has checked the bound --- */

static inline uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t be64_at(const uint8_t *p)
{
	return (uint64_t)be32_at(p) << 32 | be32_at(p + 4);
}

static inline void be16_put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void be32_put(uint8_t *p, uint32_t v)
{
	be16_put(p, (uint16_t)(v >> 16));
	be16_put(p + 2, (uint16_t)v);
}

static inline void be64_put(uint8_t *p, uint64_t v)
{
	be32_put(p, (uint32_t)(v >> 32));
	be32_put(p + 4, (uint32_t)v);
}

/* --- raw copies: the only places outside tests that may call memcpy and its like --- */

static inline void bytes_copy(void *to, const void *from, size_t len)
{
	if (len > 0)
		memcpy(to, from, len);
}

static inline void bytes_move(void *to, const void *from, size_t len)
{
	if (len > 0)
		memmove(to, from, len);
}

static inline void bytes_zero(void *p, size_t len)
{
	if (len > 0)
		memset(p, 0, len);
}

static inline bool bytes_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || memcmp(a, b, len) == 0;
}

/**
 * text_copy() - copy a string into a fixed array, always terminated
 * @to:		destination
 * @size:	bytes at @to, at least 1
 * @from:	string
 *
 * Return: true if all of @from fitted; false if it was cut.
 */
bool text_copy(char *to, size_t size, const char *from);

/* --- struct rd: what is left to read; it only ever shrinks --- */

struct rd {
	const uint8_t *at;  /* next byte */
	const uint8_t *end; /* one past the last byte; at <= end */
};

static inline struct rd rd_of(const void *p, size_t len)
{
	const uint8_t *b = p;

	return (struct rd){ .at = b, .end = b + len };
}

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->at);
}

/** rd_take() - consume @need bytes; NULL, and nothing consumed, if fewer are left */
static inline const uint8_t *rd_take(struct rd *r, size_t need)
{
	const uint8_t *p = r->at;

	if (need > rd_left(r))
		return NULL;
	r->at += need;
	return p;
}

/** rd_trim() - forget all but the first @len of the bytes left; no effect if fewer are left */
static inline void rd_trim(struct rd *r, size_t len)
{
	if (len < rd_left(r))
		r->end = r->at + len;
}

/** rd_u8(), rd_be16(), rd_be32() - consume one field; false, and nothing consumed or written, if too short */
static inline bool rd_u8(struct rd *r, uint8_t *ret)
{
	const uint8_t *p = rd_take(r, 1);

	if (!p)
		return false;
	*ret = *p;
	return true;
}

static inline bool rd_be16(struct rd *r, uint16_t *ret)
{
	const uint8_t *p = rd_take(r, 2);

	if (!p)
		return false;
	*ret = be16_at(p);
	return true;
}

static inline bool rd_be32(struct rd *r, uint32_t *ret)
{
	const uint8_t *p = rd_take(r, 4);

	if (!p)
		return false;
	*ret = be32_at(p);
	return true;
}

/* --- struct wr: room left to write; the first write that does not fit sets `full` and all later ones do nothing --- */

struct wr {
	uint8_t *start; /* first byte written */
	uint8_t *at;	/* next byte */
	uint8_t *end;	/* one past the last byte of room */
	bool full;	/* a write did not fit */
};

static inline struct wr wr_of(void *p, size_t room)
{
	uint8_t *b = p;

	return (struct wr){ .start = b, .at = b, .end = b + room, .full = false };
}

static inline size_t wr_len(const struct wr *w)
{
	return (size_t)(w->at - w->start);
}

/** wr_room() - reserve @need bytes for the caller to fill; NULL, and full set, if there is no room */
static inline uint8_t *wr_room(struct wr *w, size_t need)
{
	uint8_t *p = w->at;

	if (w->full || need > (size_t)(w->end - w->at)) {
		w->full = true;
		return NULL;
	}
	w->at += need;
	return p;
}

static inline void wr_bytes(struct wr *w, const void *from, size_t len)
{
	uint8_t *p = wr_room(w, len);

	if (p)
		bytes_copy(p, from, len);
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

static inline void wr_be16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_room(w, 2);

	if (p)
		be16_put(p, v);
}

static inline void wr_be32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 4);

	if (p)
		be32_put(p, v);
}

#endif
