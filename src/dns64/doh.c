/*
 * doh.c - see doh.h
 *
 * A request is collected in a struct doh_stream: what its header says as it comes, the query from the path (GET) or
 * the body (POST). When it is whole it is either refused with a status, or served; the stream then waits for
 * doh_reply(). The client may end it at any time (on_closed), and a reply that comes later finds nothing.
 *
 * Limits: DOH_STREAMS_MAX streams, each with a query of at most QUERY_LEN_MAX bytes and one reply; nghttp2 bounds
 * headers, and ends connections that flood it with pings, settings or resets.
 */
#include "dns64/doh.h"

#include "dns64/query.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADERS_BYTES_MAX 16384 /* told to the client; a query of 4096 bytes has 5462 characters in a path */
#define MEDIA_TYPE "application/dns-message"

enum method { METHOD_OTHER, METHOD_GET, METHOD_POST };

struct doh_stream {
	struct doh_stream *prev, *next; /* of its connection */
	enum method method;
	bool is_right_path, is_right_type, is_too_long;
	int path_query; /* bytes of the query in the path; -1: none, or it cannot be read */
	size_t query_len;
	uint8_t query[QUERY_LEN_MAX];
	uint8_t *body; /* the reply, body_len bytes, of which body_at are written */
	size_t body_len, body_at;
};

struct doh {
	struct doh_user user;
	nghttp2_session *session;
	struct doh_stream *streams; /* nghttp2 does not say which are open when it ends */
};

/* --- pure --- */

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int doh_decode(const char *text, size_t len, uint8_t *to, size_t room)
{
	uint32_t bits = 0;
	size_t n = 0;

	if (len % 4 == 1 || len / 4 * 3 + len % 4 * 3 / 4 > room)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(text[i]);

		if (digit < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 != 0)
			to[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return (int)n;
}

uint32_t doh_max_age(const uint8_t *msg, size_t len)
{
	uint32_t age = UINT32_MAX;
	struct dns_msg m;
	struct dns_rr rr;

	if (!dns_msg_parse(msg, len, &m))
		return 0;
	struct dns_walk answers = dns_walk_section(&m, SECTION_ANSWER);
	struct dns_walk authority = dns_walk_section(&m, SECTION_AUTHORITY);

	while (dns_walk_next(&answers, &rr))
		age = rr.ttl < age ? rr.ttl : age;
	while (m.count[SECTION_ANSWER] == 0 && dns_walk_next(&authority, &rr))
		if (rr.type == TYPE_SOA && dns_rr_negative_ttl(&m, &rr) < age)
			age = dns_rr_negative_ttl(&m, &rr);
	return age == UINT32_MAX ? 0 : age;
}

/* --- replies --- */

static ssize_t read_body(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct doh_stream *st = source->ptr;
	size_t n = st->body_len - st->body_at < room ? st->body_len - st->body_at : room;

	bytes_copy(to, st->body + st->body_at, n);
	st->body_at += n;
	if (st->body_at == st->body_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define HEADER(name, value, value_len)                                                                       \
	{                                                                                                    \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, value_len,    \
			NGHTTP2_NV_FLAG_NONE                                                                 \
	}

static int submit_status(struct doh *h, int32_t id, int status)
{
	char text[8];
	nghttp2_nv nv[] = { HEADER(":status", text, 3), HEADER("content-length", "0", 1) };

	snprintf(text, sizeof(text), "%03d", status);
	h->user.refused(h->user.ctx);
	return nghttp2_submit_response(h->session, id, nv, ARRAY_LEN(nv), NULL);
}

bool doh_reply(struct doh *h, int32_t id, const uint8_t *msg, size_t len)
{
	struct doh_stream *st = nghttp2_session_get_stream_user_data(h->session, id);
	nghttp2_data_provider from = { .source = { .ptr = st }, .read_callback = read_body };
	char length[24], age[32];

	if (!st || st->body)
		return false;
	st->body = malloc(len);
	if (!st->body)
		return false;
	bytes_copy(st->body, msg, len);
	st->body_len = len;
	int length_len = snprintf(length, sizeof(length), "%zu", len);
	int age_len = snprintf(age, sizeof(age), "max-age=%u", doh_max_age(msg, len));
	nghttp2_nv nv[] = { HEADER(":status", "200", 3),
		HEADER("content-type", MEDIA_TYPE, sizeof(MEDIA_TYPE) - 1),
		HEADER("content-length", length, (size_t)length_len),
		HEADER("cache-control", age, (size_t)age_len) };

	return nghttp2_submit_response(h->session, id, nv, ARRAY_LEN(nv), &from) == 0;
}

/* --- requests --- */

static void stream_free(struct doh *h, struct doh_stream *st)
{
	if (st->prev)
		st->prev->next = st->next;
	else
		h->streams = st->next;
	if (st->next)
		st->next->prev = st->prev;
	free(st->body);
	free(st);
}

static int on_begin(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct doh_stream *st = calloc(1, sizeof(*st));

	if (!st)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	struct doh *h = user;

	st->path_query = -1;
	st->next = h->streams;
	if (st->next)
		st->next->prev = st;
	h->streams = st;
	nghttp2_session_set_stream_user_data(s, f->hd.stream_id, st);
	return 0;
}

static bool is_text(const uint8_t *bytes, size_t len, const char *text)
{
	return len == strlen(text) && bytes_equal(bytes, text, len);
}

/* The value of the variable dns in the query part of a path (RFC 8484 s4.1.1); NULL if there is none. */
static const char *find_variable(const char *at, const char *end, size_t *ret_len)
{
	while (at < end) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		const char *stop = next ? next : end;

		if (stop - at >= 4 && bytes_equal(at, "dns=", 4)) {
			*ret_len = (size_t)(stop - at) - 4;
			return at + 4;
		}
		at = next ? next + 1 : end;
	}
	return NULL;
}

static void take_path(const struct doh *h, struct doh_stream *st, const char *path, size_t len)
{
	const char *end = path + len, *mark = memchr(path, '?', len), *value;
	size_t value_len;

	st->is_right_path = is_text((const uint8_t *)path, mark ? (size_t)(mark - path) : len, h->user.path);
	value = mark ? find_variable(mark + 1, end, &value_len) : NULL;
	if (value)
		st->path_query = doh_decode(value, value_len, st->query, sizeof(st->query));
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len,
	const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct doh_stream *st = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);

	if (!st || f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (is_text(name, name_len, ":method"))
		st->method = is_text(value, value_len, "GET")	 ? METHOD_GET
			     : is_text(value, value_len, "POST") ? METHOD_POST
								 : METHOD_OTHER;
	else if (is_text(name, name_len, ":path"))
		take_path(user, st, (const char *)value, value_len);
	else if (is_text(name, name_len, "content-type"))
		st->is_right_type = is_text(value, value_len, MEDIA_TYPE);
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct doh_stream *st = nghttp2_session_get_stream_user_data(s, id);

	if (!st || st->method != METHOD_POST)
		return 0;
	if (len > sizeof(st->query) - st->query_len) {
		st->is_too_long = true;
		return 0;
	}
	bytes_copy(st->query + st->query_len, data, len);
	st->query_len += len;
	return 0;
}

/* The status that a whole request deserves; 200: it holds something that may be a query. */
static int judge(struct doh_stream *st)
{
	if (!st->is_right_path)
		return 404;
	if (st->method == METHOD_OTHER)
		return 405;
	if (st->method == METHOD_POST && !st->is_right_type)
		return 415;
	if (st->is_too_long)
		return 413;
	if (st->method == METHOD_GET && st->path_query < 0)
		return 400;
	if (st->method == METHOD_GET)
		st->query_len = (size_t)st->path_query;
	/* What serve would not answer at all: no whole header, or a response. */
	return st->query_len < DNS_HEADER_LEN || (be16_at(st->query + 2) & DNS_QR) ? 400 : 200;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct doh *h = user;
	struct doh_stream *st;

	if ((f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) ||
		!(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	st = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);
	if (!st)
		return 0;
	int status = judge(st);

	if (status != 200)
		return submit_status(h, f->hd.stream_id, status) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
	h->user.serve(h->user.ctx, f->hd.stream_id, st->query, st->query_len);
	return 0;
}

static int on_closed(nghttp2_session *s, int32_t id, uint32_t error, void *user)
{
	struct doh_stream *st = nghttp2_session_get_stream_user_data(s, id);

	if (!st)
		return 0;
	nghttp2_session_set_stream_user_data(s, id, NULL);
	stream_free(user, st);
	return 0;
}

/* --- the connection --- */

static int session_new(struct doh *h)
{
	nghttp2_session_callbacks *c;

	if (nghttp2_session_callbacks_new(&c) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_closed);
	int r = nghttp2_session_server_new(&h->session, c, h);

	nghttp2_session_callbacks_del(c);
	return r == 0 ? 0 : -ENOMEM;
}

int doh_new(const struct doh_user *u, struct doh **ret)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, DOH_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_BYTES_MAX },
	};
	struct doh *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->user = *u;
	if (session_new(h) < 0 ||
		nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings))) {
		doh_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void doh_free(struct doh *h)
{
	if (!h)
		return;
	nghttp2_session_del(h->session);
	while (h->streams)
		stream_free(h, h->streams);
	free(h);
}

bool doh_take(struct doh *h, const uint8_t *bytes, size_t len)
{
	return nghttp2_session_mem_recv(h->session, bytes, len) == (ssize_t)len;
}

size_t doh_give(struct doh *h, const uint8_t **ret)
{
	ssize_t n = nghttp2_session_mem_send(h->session, ret);

	return n > 0 ? (size_t)n : 0;
}

bool doh_is_over(struct doh *h)
{
	return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}
