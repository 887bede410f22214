/* http_body.c - see http_body.h */
#include "relay/http_body.h"

#include "base/bytes.h"

#include <strings.h>

void http_body_begin(struct http_body *b, const struct http_head *h)
{
	*b = (struct http_body){ .framing = h->framing,
		.left = h->framing == HTTP_BODY_LENGTH ? h->length : 0,
		.is_over =
			h->framing == HTTP_BODY_NONE || (h->framing == HTTP_BODY_LENGTH && h->length == 0) };
}

void http_body_took(struct http_body *b, size_t len)
{
	if (b->framing == HTTP_BODY_CLOSE)
		return;
	ASSERT(len <= b->left);
	b->left -= len;
	if (b->left > 0)
		return;
	if (b->framing == HTTP_BODY_LENGTH)
		b->is_over = true;
	else
		b->state = HTTP_CHUNK_END;
}

bool http_body_ended(struct http_body *b)
{
	if (b->framing == HTTP_BODY_CLOSE)
		b->is_over = true;
	return b->is_over;
}

/* --- chunks (RFC 9112 s7.1) --- */

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* What may be in an extension, which nobody reads: anything that a field's value may have. */
static bool is_extension(const char *at, size_t len)
{
	if (len > 0 && at[0] != ';')
		return false;
	for (size_t i = 0; i < len; i++)
		if (((uint8_t)at[i] < 32 && at[i] != '\t') || at[i] == 127)
			return false;
	return true;
}

/* The line before a chunk; its end is at @end, a CR. */
static bool chunk_size(const char *at, const char *end, uint64_t *ret)
{
	uint64_t size = 0;
	unsigned digits = 0;

	for (; at < end && hex_of(*at) >= 0; at++) {
		if (++digits > 15)
			return false;
		size = size << 4 | (uint64_t)hex_of(*at);
	}
	*ret = size;
	return digits > 0 && is_extension(at, (size_t)(end - at));
}

/* Each of these looks at the bytes after ret->skip, and says whether the next state has to be looked at too. */
enum turn { TURN_ON, TURN_MORE, TURN_DATA, TURN_END, TURN_MALFORMED };

static enum turn take_line(struct http_body *b, const char *at, size_t len, struct http_piece *ret)
{
	const char *lf =
		len > 0 ? memchr(at, '\n', len < HTTP_CHUNK_LINE_MAX ? len : HTTP_CHUNK_LINE_MAX) : NULL;

	if (!lf)
		return len < HTTP_CHUNK_LINE_MAX ? TURN_MORE : TURN_MALFORMED;
	if (lf == at || lf[-1] != '\r' || !chunk_size(at, lf - 1, &b->left))
		return TURN_MALFORMED;
	b->state = b->left > 0 ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILERS;
	ret->skip += (size_t)(lf - at) + 1;
	return TURN_ON;
}

static enum turn take_data(struct http_body *b, const char *at, size_t len, struct http_piece *ret)
{
	ret->len = b->left < len ? (size_t)b->left : len;
	return ret->len > 0 ? TURN_DATA : TURN_MORE;
}

static enum turn take_end(struct http_body *b, const char *at, size_t len, struct http_piece *ret)
{
	if (!bytes_equal(at, "\r\n", len < 2 ? len : 2))
		return TURN_MALFORMED;
	if (len < 2)
		return TURN_MORE;
	b->state = HTTP_CHUNK_LINE;
	ret->skip += 2;
	return TURN_ON;
}

static enum turn take_trailers(struct http_body *b, const char *at, size_t len, struct http_piece *ret)
{
	struct http_head h;
	struct http_fault fault;
	enum http_progress p = HTTP_WHOLE;

	if (len >= 2 && bytes_equal(at, "\r\n", 2)) /* as nearly always */
		h.size = 2;
	else
		p = http_trailers_parse(at, len, &h, &fault);
	if (p != HTTP_WHOLE)
		return p == HTTP_MORE ? TURN_MORE : TURN_MALFORMED;
	b->is_over = true;
	ret->skip += h.size;
	ret->trailers = (struct http_text){ at, h.size - 2 };
	return TURN_END;
}

static enum http_step chunked_next(struct http_body *b, const char *bytes, size_t len, struct http_piece *ret)
{
	static enum turn (*const take[])(
		struct http_body * b, const char *at, size_t len, struct http_piece *ret) = {
		[HTTP_CHUNK_LINE] = take_line,
		[HTTP_CHUNK_DATA] = take_data,
		[HTTP_CHUNK_END] = take_end,
		[HTTP_CHUNK_TRAILERS] = take_trailers,
	};
	static const enum http_step steps[] = { HTTP_STEP_MORE, HTTP_STEP_MORE, HTTP_STEP_DATA, HTTP_STEP_END,
		HTTP_STEP_MALFORMED };
	enum turn t;

	do /* at most three turns: the end of a chunk, the line of the next one, its data or the trailers */
		t = take[b->state](b, bytes + ret->skip, len - ret->skip, ret);
	while (t == TURN_ON);
	return steps[t];
}

enum http_step http_body_next(struct http_body *b, const char *bytes, size_t len, struct http_piece *ret)
{
	*ret = (struct http_piece){ .trailers = { NULL, 0 } };
	if (b->is_over)
		return HTTP_STEP_END;
	if (b->framing == HTTP_BODY_CHUNKED)
		return chunked_next(b, bytes, len, ret);
	ret->len = b->framing == HTTP_BODY_LENGTH && b->left < len ? (size_t)b->left : len;
	return ret->len > 0 ? HTTP_STEP_DATA : HTTP_STEP_MORE;
}
