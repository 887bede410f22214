/*
 * http2.c - clients that speak HTTP/2 (RFC 9113; nghttp2 knows the frames): their connections
 *
 * Each stream is an exchange (http2_request.c, http2_answer.c). Whatever the client sends is given to nghttp2 as it comes, and
 * what nghttp2 has to say to it is written at the end of the client's turn. What happens in the turn of a server waits for the
 * client's, which comes as soon as all servers that are ready have had theirs.
 *
 * Limits: HTTP2_STREAMS_MAX streams, each with HTTP2_WINDOW bytes and one head; nghttp2 ends connections that flood it with
 * pings, settings, resets or header fields.
 */
#include "relay/http2.h"

#include <errno.h>
#include <stdlib.h>

#define HTTP2_STREAMS_MAX 100
#define HTTP2_WINDOW 65535

void http2_run_soon(struct http2 *t)
{
	if (!t->is_running)
		stream_again(&t->c->stream);
}

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
		http2_watch_requests(c);
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
		http2_stream_free(t->streams);
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
			http2_stream_finish(s);
		else
			continue;
		s->must_reset = false;
		has_any = true;
	}
	return has_any;
}

/* Fill the writer's buffer with frames, one behind the other, so that it goes out as one record over TLS, and a full one as the
 * longest that there is; false: the session is over. */
static bool collect(struct http2 *t)
{
	struct http_out *o = &t->c->writer.out;

	while (!o->u || buffer_room(o->u) > 0) {
		if (t->frame_len == 0) {
			ssize_t len = nghttp2_session_mem_send(t->session, &t->frame);

			if (len <= 0)
				return len == 0;
			t->frame_len = (size_t)len;
		}
		size_t room = o->u ? buffer_room(o->u) : BUFFER_SIZE;
		size_t n = t->frame_len < room ? t->frame_len : room;

		http_put(o, t->frame, n);
		if (o->is_short)
			return false;
		t->frame += n;
		t->frame_len -= n;
	}
	return true;
}

/* Write what nghttp2 has to say; false: the connection is over. */
static bool give(struct http2 *t)
{
	struct http_client *c = t->c;

	for (size_t n = 0; n < HTTP_TURN_BYTES;) {
		if (!collect(t))
			return false;
		size_t waits = http_out_waits(&c->writer.out);

		if (waits == 0)
			return true;
		int err = http_writer_flush(&c->writer);

		if (err < 0)
			return err == -EAGAIN;
		n += waits;
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
	if (t->frame_len > 0 || t->c->writer.out.u) /* it is to hear that */
		return false;
	if (t->is_leaving && !t->streams)
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
