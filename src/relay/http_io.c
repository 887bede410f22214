/* http_io.c - see http_io.h */
#include "relay/http_io.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* --- reading --- */

static void give_if_empty(struct http_reader *r)
{
	if (!r->in || buffer_left(r->in) > 0)
		return;
	buffer_give(r->stream->lane->buffers, r->in);
	r->in = NULL;
}

/* Room behind what waits: a part of the buffer's is enough, unless what waits is in the way. */
static void make_room(struct buffer *u)
{
	if (u->from == 0 || buffer_room(u) >= BUFFER_SIZE / 2)
		return;
	bytes_move(u->data, u->data + u->from, u->to - u->from);
	u->to -= u->from;
	u->from = 0;
}

ssize_t http_reader_fill(struct http_reader *r)
{
	if (!r->stream->can_read)
		return r->stream->has_ended ? 0 : -EAGAIN;
	if (!r->in)
		r->in = buffer_borrow(r->stream->lane->buffers);
	if (!r->in)
		return -ENOMEM;
	make_room(r->in);
	if (buffer_room(r->in) == 0)
		return -ENOBUFS;
	ssize_t n = stream_read(r->stream, r->in->data + r->in->to, buffer_room(r->in));

	if (n > 0)
		r->in->to += (unsigned)n;
	give_if_empty(r);
	return n;
}

void http_reader_took(struct http_reader *r, size_t len)
{
	if (len == 0)
		return;
	ASSERT(r->in && len <= buffer_left(r->in));
	r->in->from += (unsigned)len;
	give_if_empty(r);
}

enum http_step http_reader_peek(struct http_reader *r, struct http_text *ret)
{
	for (;;) {
		struct http_text waits = http_reader_bytes(r);
		struct http_piece piece;
		enum http_step step = http_body_next(&r->body, waits.at, waits.len, &piece);

		if (step == HTTP_STEP_END) {
			*ret = piece.trailers; /* stay where they are until something is read */
			if (r->in)
				r->in->from += (unsigned)piece.skip;
			return step;
		}
		http_reader_took(r, piece.skip);
		*ret = (struct http_text){ waits.at + piece.skip, piece.len };
		if (step != HTTP_STEP_MORE)
			return step;
		ssize_t n = http_reader_fill(r);

		if (n == -EAGAIN)
			return HTTP_STEP_MORE;
		if (n == 0 && http_body_ended(&r->body))
			continue;
		if (n <= 0)
			return HTTP_STEP_MALFORMED;
	}
}

void http_reader_body_took(struct http_reader *r, size_t len)
{
	http_body_took(&r->body, len);
	http_reader_took(r, len);
}

void http_reader_settle(struct http_reader *r)
{
	give_if_empty(r);
}

void http_reader_fini(struct http_reader *r)
{
	if (r->in)
		buffer_give(r->stream->lane->buffers, r->in);
	r->in = NULL;
}

/* --- writing --- */

void http_put(struct http_out *o, const void *from, size_t len)
{
	if (!o->u)
		o->u = buffer_borrow(o->lender);
	if (!o->u || len > buffer_room(o->u)) {
		o->is_short = true;
		return;
	}
	bytes_copy(o->u->data + o->u->to, from, len);
	o->u->to += (unsigned)len;
}

void http_put_text(struct http_out *o, const char *text)
{
	http_put(o, text, strlen(text));
}

void http_put_format(struct http_out *o, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		o->is_short = true;
	else
		http_put(o, text, (size_t)n);
}

struct http_text http_number(uint64_t n, char buf[static HTTP_NUMBER_TEXT])
{
	size_t at = HTTP_NUMBER_TEXT;

	do
		buf[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return (struct http_text){ buf + at, HTTP_NUMBER_TEXT - at };
}

void http_put_number(struct http_out *o, uint64_t n)
{
	char buf[HTTP_NUMBER_TEXT];
	struct http_text text = http_number(n, buf);

	http_put(o, text.at, text.len);
}

void http_put_field(struct http_out *o, struct http_text name, struct http_text value)
{
	http_put(o, name.at, name.len);
	http_put(o, ": ", 2);
	http_put(o, value.at, value.len);
	http_put(o, "\r\n", 2);
}

void http_out_fini(struct http_out *o)
{
	if (o->u)
		buffer_give(o->lender, o->u);
	o->u = NULL;
}

void http_writer_init(struct http_writer *w, struct stream *s)
{
	*w = (struct http_writer){ .stream = s, .out = { .lender = s->lane->buffers } };
}

static void sent(struct http_writer *w, size_t len)
{
	w->out.u->from += (unsigned)len;
	if (buffer_left(w->out.u) == 0)
		http_out_fini(&w->out);
}

int http_writer_flush(struct http_writer *w)
{
	while (w->out.u) {
		ssize_t n = stream_write(w->stream, w->out.u->data + w->out.u->from, buffer_left(w->out.u));

		if (n < 0)
			return (int)n;
		sent(w, (size_t)n);
	}
	return 0;
}

/*
 * Over TLS each piece would be a record, which costs more than a copy: a head and a small body go together. What the
 * socket does not take of it waits, all of it. Return: as http_writer_data().
 */
static ssize_t send_copied(struct http_writer *w, struct http_text data, struct http_text behind)
{
	http_put(&w->out, data.at, data.len);
	http_put(&w->out, behind.at, behind.len);
	int err = http_writer_flush(w);

	return err == 0 || err == -EAGAIN ? (ssize_t)data.len : err;
}

static bool fits_behind(const struct http_writer *w, size_t len)
{
	return w->stream->tls && w->out.u && len <= buffer_room(w->out.u);
}

/* What waits, then @data, then @behind, of which what was not sent waits; how much of @data went, at least 1. */
static ssize_t send_all(struct http_writer *w, struct http_text data, struct http_text behind)
{
	if (fits_behind(w, data.len + behind.len))
		return send_copied(w, data, behind);
	for (;;) {
		size_t before = http_out_waits(&w->out);
		const struct iovec pieces[] = {
			{ before > 0 ? w->out.u->data + w->out.u->from : NULL, before },
			{ (void *)(uintptr_t)data.at, data.len },
			{ (void *)(uintptr_t)behind.at, behind.len },
		};
		ssize_t n = before + behind.len == 0 ? stream_write(w->stream, data.at, data.len)
						     : stream_writev(w->stream, pieces, ARRAY_LEN(pieces));

		if (n < 0)
			return n;
		if (before > 0)
			sent(w, (size_t)n < before ? (size_t)n : before);
		if ((size_t)n <= before) /* over TLS it may go on at once; if not, that is said */
			continue;
		size_t went = (size_t)n - before, extra = went > data.len ? went - data.len : 0;

		if (went >= data.len && extra < behind.len)
			http_put(&w->out, behind.at + extra, behind.len - extra);
		return (ssize_t)(went - extra);
	}
}

ssize_t http_writer_data(struct http_writer *w, struct http_text data)
{
	static const struct http_text nothing = { "", 0 }, line_end = { "\r\n", 2 };

	if (!w->is_chunked)
		return send_all(w, data, nothing);
	if (w->chunk_left == 0) { /* RFC 9112 s7.1 */
		int err = w->out.u && buffer_room(w->out.u) < 32 ? http_writer_flush(w) : 0;

		if (err < 0)
			return err;
		http_put_format(&w->out, "%zx\r\n", data.len);
		if (w->out.is_short)
			return -ENOMEM;
		w->chunk_left = data.len;
	}
	if (data.len > w->chunk_left)
		data.len = (size_t)w->chunk_left;
	ssize_t n = send_all(w, data, data.len == w->chunk_left ? line_end : nothing);

	if (n > 0)
		w->chunk_left -= (uint64_t)n;
	return n;
}

static void put_trailers(struct http_writer *w, struct http_text trailers)
{
	struct http_head h;
	struct http_fault fault;

	/* They were read before, with the empty line behind them. */
	if (trailers.len == 0 || http_trailers_parse(trailers.at, trailers.len + 2, &h, &fault) != HTTP_WHOLE)
		return;
	for (unsigned i = 0; i < h.fields_len; i++)
		if (!h.fields[i].is_hop)
			http_put_field(&w->out, h.fields[i].name, h.fields[i].value);
}

void http_writer_end(struct http_writer *w, struct http_text trailers)
{
	if (!w->is_chunked)
		return;
	http_put_text(&w->out, "0\r\n");
	put_trailers(w, trailers);
	http_put_text(&w->out, "\r\n");
	w->is_chunked = false;
}

void http_writer_fini(struct http_writer *w)
{
	http_out_fini(&w->out);
}
