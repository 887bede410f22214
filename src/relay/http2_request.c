/*
 * http2_request.c - the streams of HTTP/2 and their requests, as nghttp2 finds them among the frames
 *
 * A head is collected as text in a buffer, which is given back once the service has decided. A body waits in buffers, and
 * the window of the stream opens as they are taken (the connection's window opens at once, so a stream whose server is slow
 * does not hold up the others).
 *
 * Limits: by the counts of on_closed() also CVE-2023-44487 and its kind.
 */
#include "base/bytes.h"
#include "net/tls.h"
#include "relay/http2.h"

#include <stdlib.h>

#define HTTP2_EARLY_ENDS_MAX                                                                                 \
	200 /* streams that a client has reset before their answer, more than it has let be */

/* --- streams --- */

static void body_drop(struct http2_stream *s)
{
	while (s->first) {
		struct buffer *u = s->first;

		s->first = u->next;
		buffer_give(s->two->c->h->lane->buffers, u);
	}
	s->last = NULL;
}

void http2_stream_free(struct http2_stream *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->two->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	if (s->x)
		http_exchange_cancel(s->x);
	body_drop(s);
	http_out_fini(&s->text);
	free(s);
}

static struct http2_stream *stream_new(struct http2 *t, int32_t id)
{
	struct http2_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->x = http_exchange_new(t->c->h, &http2_front, s);
	if (!s->x) {
		free(s);
		return NULL;
	}
	s->two = t;
	s->id = id;
	s->text.lender = t->c->h->lane->buffers;
	s->next = t->streams;
	if (s->next)
		s->next->prev = s;
	t->streams = s;
	s->x->visit = &t->c->visit;
	s->x->who = t->c->visit.client;
	s->x->local = t->c->local;
	s->x->via_version = "2.0";
	s->x->q.is_tls = t->c->stream.tls != NULL;
	s->x->q.context = t->c->stream.tls ? tls_context_of(t->c->stream.tls) : NULL;
	http_head_begin(s->x->head);
	return s;
}

void http2_stream_finish(struct http2_stream *s)
{
	bool has_rest = !s->has_ended;

	http_exchange_finish(s->x);
	s->x = NULL;
	body_drop(s);
	if (has_rest)
		(void)nghttp2_submit_rst_stream(s->two->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

/* --- the request's body --- */

enum http_step http2_body_peek(struct http_exchange *x, struct http_text *ret)
{
	struct http2_stream *s = http2_stream_of(x);

	*ret = (struct http_text){ NULL, 0 };
	if (s->first) {
		*ret = (struct http_text){ (const char *)s->first->data + s->first->from,
			buffer_left(s->first) };
		return HTTP_STEP_DATA;
	}
	return s->has_ended ? HTTP_STEP_END : HTTP_STEP_MORE;
}

void http2_body_took(struct http_exchange *x, size_t len)
{
	struct http2_stream *s = http2_stream_of(x);
	struct buffer *u = s->first;

	u->from += (unsigned)len;
	if (buffer_left(u) == 0) {
		s->first = u->next;
		if (!s->first)
			s->last = NULL;
		buffer_give(s->two->c->h->lane->buffers, u);
	}
	/* It may be the server's turn, in which nobody writes to the client: WINDOW_UPDATE must not wait for the client, who may
	 * be waiting for it. */
	(void)nghttp2_session_consume_stream(s->two->session, s->id, len);
	if (nghttp2_session_want_write(s->two->session))
		http2_run_soon(s->two);
}

static bool body_add(struct http2_stream *s, const uint8_t *data, size_t len)
{
	while (len > 0) {
		if (!s->last || buffer_room(s->last) == 0) {
			struct buffer *u = buffer_borrow(s->two->c->h->lane->buffers);

			if (!u)
				return false;
			u->next = NULL;
			if (s->last)
				s->last->next = u;
			else
				s->first = u;
			s->last = u;
		}
		size_t n = len < buffer_room(s->last) ? len : buffer_room(s->last);

		bytes_copy(s->last->data + s->last->to, data, n);
		s->last->to += (unsigned)n;
		data += n;
		len -= n;
	}
	return true;
}

/* --- what nghttp2 has found --- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
	struct http2 *t = user;

	if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct http2_stream *s = stream_new(t, f->hd.stream_id);

	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	t->c->requests++;
	nghttp2_session_set_stream_user_data(session, f->hd.stream_id, s);
	return 0;
}

/* A copy of a text that stays where it is until the stream's head is done. */
static struct http_text keep(struct http2_stream *s, const uint8_t *text, size_t len)
{
	http_put(&s->text, text, len);
	if (s->text.is_short)
		return (struct http_text){ NULL, 0 };
	return (struct http_text){ (const char *)s->text.u->data + s->text.u->to - len, len };
}

static bool is_name(const uint8_t *name, size_t len, const char *want)
{
	return len == strlen(want) && bytes_equal(name, want, len);
}

/* The first fault counts. */
static void add_field(struct http2_stream *s, struct http_text name, struct http_text value)
{
	struct http_fault fault;

	if (s->fault.status == 0 && !http_head_add(s->x->head, name, value, &fault))
		s->fault = fault;
}

static void take_field(struct http2_stream *s, struct http_text name, struct http_text value)
{
	struct http_head *h = s->x->head;

	if (http_text_equal(name, ":method"))
		h->method = value;
	else if (http_text_equal(name, ":path"))
		h->target = value;
	else if (http_text_equal(name, ":scheme"))
		s->scheme = value;
	else if (http_text_equal(name, ":authority"))
		s->authority = value;
	else if (name.len > 0 && name.at[0] != ':')
		add_field(s, name, value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);

	if (!s || !s->x || s->has_begun) /* trailers of a request are not passed on */
		return 0;
	if (is_name(name, name_len, "host") && s->authority.at) /* RFC 9113 s8.3.1: the authority counts */
		return 0;
	struct http_text n = keep(s, name, name_len), v = keep(s, value, value_len);

	if (s->text.is_short)
		s->fault = (struct http_fault){ 431, "the header fields are too long" };
	else
		take_field(s, n, v);
	return 0;
}

/* The head is whole: the fields that HTTP/1.1 has and HTTP/2 has not are made of what it has instead. */
static void begin(struct http2_stream *s, bool has_body)
{
	struct http_exchange *x = s->x;
	bool is_connect = http_text_equal(x->head->method, "CONNECT");
	static const struct http_text host = { "host", 4 };

	s->has_begun = true;
	s->has_ended = !has_body;
	if (is_connect)
		x->head->target = s->authority;
	if (s->authority.at)
		add_field(s, host, s->authority);
	if (s->fault.status == 0 && (x->head->target.len == 0 || !http_head_finish(x->head, &s->fault)))
		s->fault = s->fault.status ? s->fault : (struct http_fault){ 400, "there is no target" };
	if (s->fault.status) {
		x->minor = 1;
		http_exchange_fail(x, &s->fault);
		return;
	}
	if (has_body && !is_connect && x->head->framing == HTTP_BODY_NONE)
		x->head->framing = HTTP_BODY_CHUNKED;
	http_exchange_begin(x, s->scheme.at || is_connect ? s->scheme : (struct http_text){ "", 0 });
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
	struct http2_stream *s;
	bool is_end = f->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA)
		return 0;
	s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
	if (!s || !s->x)
		return 0;
	if (f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST) {
		begin(s, !is_end);
		return 0;
	}
	if (is_end) {
		s->has_ended = true;
		http_exchange_run(s->x);
	}
	return 0;
}

static int on_data(
	nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)nghttp2_session_consume_connection(session, len);
	if (!s || !s->x) {
		(void)nghttp2_session_consume_stream(session, id, len);
		return 0;
	}
	if (!body_add(s, data, len))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	http_exchange_run(s->x);
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *f, void *user)
{
	struct http2_stream *s;

	if ((f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) ||
		!(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
	if (s)
		s->is_answered = true;
	return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct http2 *t = user;

	if (!s)
		return 0;
	/* CVE-2023-44487: to ask and to reset at once costs a client nothing. */
	if (s->x && !s->is_answered && error != NGHTTP2_NO_ERROR && ++t->early_ends > HTTP2_EARLY_ENDS_MAX)
		(void)nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
	else if (s->is_answered && t->early_ends > 0)
		t->early_ends--;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	if (s->x && s->is_answered) {
		s->has_ended = true;
		http2_stream_finish(s);
	}
	http2_stream_free(s);
	return 0;
}

void http2_watch_requests(nghttp2_session_callbacks *c)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_closed);
}
