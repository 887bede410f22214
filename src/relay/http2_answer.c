/*
 * http2_answer.c - the answers to requests that came over HTTP/2
 *
 * An answer's body is pulled by nghttp2 when window and socket have room. A tunnel (CONNECT, RFC 9113 s8.5) is an exchange
 * whose bodies are bytes as they are.
 */
#include "base/bytes.h"
#include "relay/http2.h"

#include <string.h>

static nghttp2_nv pair(struct http_text name, struct http_text value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name.at, (uint8_t *)(uintptr_t)value.at, name.len,
		value.len, NGHTTP2_NV_FLAG_NONE };
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
			nv[n++] = pair(h.fields[i].name, h.fields[i].value);
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

/* nghttp2 writes names in small letters (s8.2.1). */
static size_t answer_fields(struct http2_stream *s, const struct http_head *a, nghttp2_nv *nv)
{
	size_t n = 0;

	for (unsigned i = 0; i < a->fields_len; i++) {
		const struct http_field *f = &a->fields[i];

		if (http_fields_passes(f) && f->id != HTTP_FIELD_TRAILER)
			nv[n++] = pair(f->name, f->value);
	}
	return n;
}

static void submit(struct http2_stream *s, const struct http_head *a, bool has_body)
{
	nghttp2_nv nv[HTTP_FIELDS_MAX + 3];
	nghttp2_data_provider from = { .source = { .ptr = s }, .read_callback = read_body };
	static const struct http_text status = { ":status", 7 }, content_length = { "content-length", 14 },
				      via = { "via", 3 };
	const char *gateway = s->x->h->via[a->minor];
	char digits[HTTP_NUMBER_TEXT], length[HTTP_NUMBER_TEXT];
	uint64_t bytes;
	size_t n = 0;
	int err;

	nv[n++] = pair(status, http_number(a->status, digits)); /* of three digits */
	n += answer_fields(s, a, nv + n);
	if (!s->x->is_rewritten && http_fields_has_length(s->x, a, &bytes))
		nv[n++] = pair(content_length, http_number(bytes, length));
	nv[n++] = pair(via, (struct http_text){ gateway, strlen(gateway) });
	if (a->status / 100 == 1)
		err = nghttp2_submit_headers(s->two->session, NGHTTP2_FLAG_NONE, s->id, NULL, nv, n, NULL);
	else
		err = nghttp2_submit_response(s->two->session, s->id, nv, n, has_body ? &from : NULL);
	s->must_reset |= err != 0;
}

static void front_interim(struct http_exchange *x, const struct http_head *a)
{
	submit(http2_stream_of(x), a, false);
}

static void front_answer(struct http_exchange *x, const struct http_head *a)
{
	struct http2_stream *s = http2_stream_of(x);
	bool has_body = a->framing != HTTP_BODY_NONE && !(a->framing == HTTP_BODY_LENGTH && a->length == 0);

	submit(s, a, has_body);
}

static void front_ready(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);

	if (s->is_deferred) {
		s->is_deferred = false;
		(void)nghttp2_session_resume_data(s->two->session, s->id);
	}
	http2_run_soon(s->two);
}

static void front_abort(struct http_exchange *x)
{
	struct http2_stream *s = http2_stream_of(x);

	s->must_reset = true;
	http2_run_soon(s->two);
}

static void front_tunnel(struct http_exchange *x, const struct http_head *a)
{
	struct http2_stream *s = http2_stream_of(x);
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

const struct http_front http2_front = {
	.peek = http2_body_peek,
	.took = http2_body_took,
	.interim = front_interim,
	.answer = front_answer,
	.ready = front_ready,
	.tunnel = front_tunnel,
	.abort = front_abort,
};
