/*
 * http2.c - clients that speak HTTP/2 (RFC 9113; nghttp2 knows the frames)
 *
 * Each stream is an exchange. Its request's head is collected as text in a buffer, which is given back once the service has
 * decided; its body waits in buffers, and the window of the stream opens as they are taken (the connection's window opens
 * at once, so a stream whose server is slow does not hold up the others). The answer's body is pulled by nghttp2 when
 * window and socket have room.
 *
 * A tunnel (CONNECT, s8.5) is an exchange whose bodies are bytes as they are.
 *
 * Limits: HTTP2_STREAMS_MAX streams, each with HTTP2_WINDOW bytes and one head; nghttp2 ends connections that flood it with
 * pings, settings, resets or header fields (also CVE-2023-44487 and its kind, by the counts in on_begin()).
 */
#include "base/bytes.h"
#include "net/tls.h"
#include "relay/http_engine.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#define HTTP2_STREAMS_MAX 100
#define HTTP2_WINDOW 65535
#define HTTP2_EARLY_ENDS_MAX                                                                                 \
	200 /* streams that a client has reset before their answer, more than it has let be */

struct http2_stream {
	struct http2_stream *next, *prev; /* of its connection */
	struct http2 *two;
	struct http_exchange *x; /* NULL: over, or not yet */
	int32_t id;
	struct http_out text; /* the head's fields, and then nothing */
	struct http_text scheme, authority;
	struct http_fault fault;     /* status 0: none */
	struct buffer *first, *last; /* of the request's body */
	bool has_ended;		     /* the request's body */
	bool is_deferred;	     /* the answer's body has said that it has nothing yet */
	bool is_answered;	     /* the whole answer has been sent */
	bool must_reset;	     /* the answer was broken off */
	size_t trailers_len;
	bool has_begun; /* the exchange has been begun */
};

struct http2 {
	struct http_client *c;
	nghttp2_session *session;
	struct http2_stream *streams;
	unsigned early_ends;
	const uint8_t *frame; /* frame_len bytes of nghttp2's that are too many for a buffer */
	size_t frame_len;
	bool is_running; /* up the stack */
	bool is_leaving; /* nothing new begins */
	struct http_wait leaving;
};

static const struct http_front front;
static void run(struct http2 *t);

static struct http2_stream *stream_of(const struct http_exchange *x)
{
	return x->client;
}

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

static void stream_free(struct http2_stream *s)
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
	s->x = http_exchange_new(t->c->h, &front, s);
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

/* --- the request's body --- */

static enum http_step front_peek(struct http_exchange *x, struct http_text *ret)
{
	struct http2_stream *s = stream_of(x);

	*ret = (struct http_text){ NULL, 0 };
	if (s->first) {
		*ret = (struct http_text){ (const char *)s->first->data + s->first->from,
			buffer_left(s->first) };
		return HTTP_STEP_DATA;
	}
	return s->has_ended ? HTTP_STEP_END : HTTP_STEP_MORE;
}

static void front_took(struct http_exchange *x, size_t len)
{
	struct http2_stream *s = stream_of(x);
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
		stream_again(&s->two->c->stream);
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

/* --- the answer --- */

/* The request is not wanted any more, or was none: what is left of it is thrown away (RFC 9113 s8.1). */
static void finish(struct http2_stream *s)
{
	bool has_rest = !s->has_ended;

	http_exchange_finish(s->x);
	s->x = NULL;
	body_drop(s);
	if (has_rest)
		(void)nghttp2_submit_rst_stream(s->two->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

static void submit_trailers(struct http2_stream *s, struct http_text trailers)
{
	struct http_head h;
	struct http_fault fault;
	nghttp2_nv nv[HTTP_FIELDS_MAX];
	size_t n = 0;

	if (http_trailers_parse(trailers.at, trailers.len + 2, &h, &fault) != HTTP_WHOLE)
		return;
	for (unsigned i = 0; i < h.fields_len; i++)
		if (!h.fields[i].is_hop)
			nv[n++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)h.fields[i].name.at,
				(uint8_t *)(uintptr_t)h.fields[i].value.at, h.fields[i].name.len,
				h.fields[i].value.len, NGHTTP2_NV_FLAG_NONE };
	s->trailers_len = n;
	if (n > 0)
		(void)nghttp2_submit_trailer(s->two->session, s->id, nv, n);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct http2_stream *s = source->ptr;
	struct http_text data;

	if (!s->x)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	switch (http_exchange_peek(s->x, &data)) {
	case HTTP_STEP_MORE:
		s->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	case HTTP_STEP_MALFORMED:
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	case HTTP_STEP_END:
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (data.len > 0)
			submit_trailers(s, data);
		if (s->trailers_len > 0)
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		return 0;
	case HTTP_STEP_DATA:
		break;
	}
	if (data.len > room)
		data.len = room;
	bytes_copy(to, data.at, data.len);
	http_exchange_took(s->x, data.len);
	if (http_exchange_is_over(s->x)) /* with these bytes, and not in a frame of its own */
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)data.len;
}

static nghttp2_nv pair(const char *name, size_t name_len, const char *value, size_t len)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, name_len, len,
		NGHTTP2_NV_FLAG_NONE };
}

/* nghttp2 writes names in small letters (s8.2.1). */
static size_t answer_fields(struct http2_stream *s, const struct http_head *a, nghttp2_nv *nv)
{
	size_t n = 0;

	for (unsigned i = 0; i < a->fields_len; i++) {
		const struct http_field *f = &a->fields[i];

		if (http_fields_passes(f) && f->id != HTTP_FIELD_TRAILER)
			nv[n++] = pair(f->name.at, f->name.len, f->value.at, f->value.len);
	}
	return n;
}

static void submit(struct http2_stream *s, const struct http_head *a, bool has_body)
{
	nghttp2_nv nv[HTTP_FIELDS_MAX + 3];
	nghttp2_data_provider from = { .source = { .ptr = s }, .read_callback = read_body };
	char status[8], length[24], via[HTTP_PSEUDONYM + 8];
	uint64_t bytes;
	size_t n = 0;
	int err;

	snprintf(status, sizeof(status), "%03u", a->status);
	nv[n++] = pair(":status", 7, status, 3);
	n += answer_fields(s, a, nv + n);
	if (!s->x->is_rewritten && http_fields_has_length(s->x, a, &bytes))
		nv[n++] = pair("content-length", 14, length,
			(size_t)snprintf(length, sizeof(length), "%llu", (unsigned long long)bytes));
	nv[n++] = pair(
		"via", 3, via, (size_t)snprintf(via, sizeof(via), "1.%u %s", a->minor, s->x->h->pseudonym));
	if (a->status / 100 == 1)
		err = nghttp2_submit_headers(s->two->session, NGHTTP2_FLAG_NONE, s->id, NULL, nv, n, NULL);
	else
		err = nghttp2_submit_response(s->two->session, s->id, nv, n, has_body ? &from : NULL);
	s->must_reset |= err != 0;
}

static void front_interim(struct http_exchange *x, const struct http_head *a)
{
	submit(stream_of(x), a, false);
}

static void front_answer(struct http_exchange *x, const struct http_head *a)
{
	struct http2_stream *s = stream_of(x);
	bool has_body = a->framing != HTTP_BODY_NONE && !(a->framing == HTTP_BODY_LENGTH && a->length == 0);

	submit(s, a, has_body);
}

static void front_ready(struct http_exchange *x)
{
	struct http2_stream *s = stream_of(x);

	if (s->is_deferred) {
		s->is_deferred = false;
		(void)nghttp2_session_resume_data(s->two->session, s->id);
	}
	run(s->two);
}

static void front_abort(struct http_exchange *x)
{
	struct http2_stream *s = stream_of(x);

	s->must_reset = true;
	run(s->two);
}

static void front_tunnel(struct http_exchange *x, const struct http_head *a)
{
	struct http2_stream *s = stream_of(x);
	struct http_head h;

	if (a) { /* RFC 9113 s8.6: there is no Upgrade in HTTP/2, so none was asked for */
		front_abort(x);
		return;
	}
	http_head_begin(&h);
	h.status = 200;
	h.framing = HTTP_BODY_CLOSE;
	http_body_begin(&x->up->reader.body, &h);
	x->is_tunnel = true;
	x->is_body_over = false;
	submit(s, &h, true);
	http_exchange_run(x);
}

static const struct http_front front = {
	.peek = front_peek,
	.took = front_took,
	.interim = front_interim,
	.answer = front_answer,
	.ready = front_ready,
	.tunnel = front_tunnel,
	.abort = front_abort,
};

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
		finish(s);
	}
	stream_free(s);
	return 0;
}

/* --- the connection --- */

static int session_new(struct http2 *t)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX },
	};
	nghttp2_session_callbacks *c = NULL;
	nghttp2_option *o = NULL;
	int r = -ENOMEM;

	if (nghttp2_session_callbacks_new(&c) == 0 && nghttp2_option_new(&o) == 0) {
		nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
		nghttp2_session_callbacks_set_on_header_callback(c, on_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
		nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
		nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
		nghttp2_session_callbacks_set_on_stream_close_callback(c, on_closed);
		nghttp2_option_set_no_auto_window_update(o, 1);
		if (nghttp2_session_server_new2(&t->session, c, t, o) == 0 &&
			nghttp2_submit_settings(
				t->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0)
			r = 0;
	}
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(c);
	return r;
}

void http2_free(struct http2 *t)
{
	if (!t)
		return;
	while (t->streams)
		stream_free(t->streams);
	http_wait_end(&t->leaving);
	nghttp2_session_del(t->session);
	free(t);
}

/* Give nghttp2 what the client has sent; false: the connection is over. */
static bool take(struct http2 *t)
{
	struct http_client *c = t->c;

	for (size_t n = 0; n < HTTP_TURN_BYTES;) {
		struct http_text waits = http_reader_bytes(&c->reader);
		ssize_t r = waits.len > 0 ? (ssize_t)waits.len : http_reader_fill(&c->reader);

		if (r == -EAGAIN)
			return true;
		if (r <= 0)
			return false;
		waits = http_reader_bytes(&c->reader);
		ssize_t taken = nghttp2_session_mem_recv(t->session, (const uint8_t *)waits.at, waits.len);

		if (c->grave.is_dead)
			return false;
		if (taken != (ssize_t)waits.len)
			return false;
		http_reader_took(&c->reader, waits.len);
		n += waits.len;
	}
	stream_again(&c->stream);
	return true;
}

/* Streams whose answers were broken off, or that are answered although their requests go on; whether there were any. */
static bool sweep(struct http2 *t)
{
	bool has_any = false;

	for (struct http2_stream *s = t->streams; s; s = s->next) {
		if (s->must_reset)
			(void)nghttp2_submit_rst_stream(
				t->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
		else if (s->x && s->is_answered && (!s->x->is_tunnel || s->has_ended))
			finish(s);
		else
			continue;
		s->must_reset = false;
		has_any = true;
	}
	return has_any;
}

/* Write what nghttp2 has to say, many frames at once; false: the connection is over. */
static bool give(struct http2 *t)
{
	struct http_client *c = t->c;
	struct http_out *o = &c->writer.out;

	for (size_t n = 0; n < HTTP_TURN_BYTES;) {
		while (t->frame_len == 0 && http_out_waits(o) < BUFFER_SIZE / 2) {
			ssize_t len = nghttp2_session_mem_send(t->session, &t->frame);

			if (len < 0)
				return false;
			if (len == 0)
				break;
			n += (size_t)len;
			if (o->u ? (size_t)len <= buffer_room(o->u) : len <= BUFFER_SIZE)
				http_put(o, t->frame, (size_t)len);
			else
				t->frame_len = (size_t)len;
		}
		if (!o->u && t->frame_len == 0)
			return !o->is_short;
		int err = http_writer_flush(&c->writer);
		ssize_t went =
			err == 0 && t->frame_len > 0 ? stream_write(&c->stream, t->frame, t->frame_len) : err;

		if (went == -EAGAIN)
			return true;
		if (went < 0)
			return false;
		t->frame += went;
		t->frame_len -= (size_t)went;
	}
	stream_again(&c->stream);
	return true;
}

static void wait_on(struct http2 *t)
{
	http_wait_begin(&t->c->h->waits, &t->c->wait, t->streams ? HTTP_WAIT_IDLE : HTTP_WAIT_KEEP_ALIVE);
}

static bool is_over(struct http2 *t)
{
	if (t->is_leaving && !t->streams && !t->c->writer.out.u)
		return true;
	return !nghttp2_session_want_read(t->session) && !nghttp2_session_want_write(t->session);
}

/* @t may be gone when this returns. */
static void run(struct http2 *t)
{
	struct http_client *c = t->c;

	if (t->is_running || c->grave.is_dead)
		return;
	t->is_running = true;
	bool is_open = take(t);

	if (is_open) {
		sweep(t);
		is_open = give(t);
	}
	if (is_open && sweep(t)) /* what was answered just now */
		is_open = give(t);
	t->is_running = false;
	if (!is_open || is_over(t))
		http_client_close(c);
	else
		wait_on(t);
}

static void on_ready(void *ctx)
{
	struct http2 *t = ctx;
	struct http *h = t->c->h;

	http_enter(h);
	run(t);
	http_leave(h);
}

bool http2_start(struct http_client *c)
{
	struct http2 *t = calloc(1, sizeof(*t));

	if (!t)
		return false;
	t->c = c;
	if (session_new(t) < 0) {
		http2_free(t);
		return false;
	}
	c->two = t;
	stream_watch(&c->stream, on_ready, t);
	run(t);
	return true;
}

/* The client has heard that it should go elsewhere: what has begun goes on, and nothing new begins. */
static void on_leave_due(struct http_wait *w)
{
	struct http2 *t = HOLDER_OF(w, struct http2, leaving);
	struct http *h = t->c->h;

	http_enter(h);
	t->is_leaving = true;
	(void)nghttp2_submit_goaway(t->session, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(t->session), NGHTTP2_NO_ERROR, NULL, 0);
	run(t);
	http_leave(h);
}

/* RFC 9113 s6.8: first a GOAWAY that takes nothing away, as streams may be on their way. */
void http2_leave(struct http_client *c)
{
	struct http2 *t = c->two;

	(void)nghttp2_submit_shutdown_notice(t->session);
	t->leaving.due_fn = on_leave_due;
	http_wait_begin(&c->h->waits, &t->leaving, HTTP_WAIT_LEAVE);
	run(t);
}
