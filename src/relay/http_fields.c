/* http_fields.c - heads as they are passed on: what is left out, and what a proxy adds (RFC 9110 s7.6, RFC 7239) */
#include "base/bytes.h"
#include "relay/http_authority.h"
#include "relay/http_engine.h"

#include <strings.h>

#define PUT(o, literal) http_put(o, literal, sizeof(literal) - 1)

static void put(struct http_out *o, struct http_text t)
{
	http_put(o, t.at, t.len);
}

/* --- loops --- */

static bool contains(struct http_text t, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= t.len; i++)
		if (bytes_equal(t.at + i, word, len))
			return true;
	return false;
}

bool http_fields_is_loop(const struct http_exchange *x)
{
	for (unsigned i = 0; i < x->head->fields_len; i++)
		if (x->head->fields[i].id == HTTP_FIELD_VIA &&
			contains(x->head->fields[i].value, x->h->pseudonym))
			return true;
	return false;
}

/* --- requests --- */

/* Those that are written anew, or only if they are meant for the next one. */
static bool is_left_out(const struct http_exchange *x, const struct http_field *f)
{
	switch (f->id) {
	case HTTP_FIELD_HOST:
	case HTTP_FIELD_CONTENT_LENGTH:
	case HTTP_FIELD_MAX_FORWARDS:
		return true;
	case HTTP_FIELD_EXPECT: /* RFC 9110 s10.1.1: without a body there is nothing to expect */
		return x->is_body_over;
	case HTTP_FIELD_TRAILER:
		return !x->is_chunked;
	case HTTP_FIELD_X_FORWARDED_FOR:
	case HTTP_FIELD_X_FORWARDED_HOST:
	case HTTP_FIELD_X_FORWARDED_PROTO: /* put_forwarded() */
		return x->h->user.role == HTTP_ROLE_REVERSE;
	case HTTP_FIELD_ACCEPT_ENCODING:
		return x->way.literal_zone;
	default:
		return f->is_hop;
	}
}

/* HTTP/2 may bring a cookie in pieces (RFC 9113 s8.2.3), and HTTP/1.1 has one field (RFC 6265 s5.4). */
static void put_cookies(struct http_out *o, const struct http_head *h, unsigned first)
{
	PUT(o, "Cookie: ");
	put(o, h->fields[first].value);
	for (unsigned i = first + 1; i < h->fields_len; i++)
		if (http_text_is(h->fields[i].name, "cookie")) {
			PUT(o, "; ");
			put(o, h->fields[i].value);
		}
	PUT(o, "\r\n");
}

static void put_passed(struct http_exchange *x, struct http_out *o)
{
	const struct http_head *h = x->head;
	bool has_cookie = false;

	for (unsigned i = 0; i < h->fields_len; i++) {
		const struct http_field *f = &h->fields[i];

		if (f->id == HTTP_FIELD_OTHER && http_text_is(f->name, "cookie")) {
			if (!has_cookie)
				put_cookies(o, h, i);
			has_cookie = true;
			continue;
		}
		if (!is_left_out(x, f))
			http_put_field(o, f->name, f->value);
	}
}

/* RFC 7239 s6: an IPv6 address is in brackets and quotes; a port is nobody's business. */
static void put_node(struct http_out *o, const struct endpoint *e, const char *text)
{
	if (!e->is4)
		PUT(o, "\"[");
	http_put_text(o, text);
	if (!e->is4)
		PUT(o, "]\"");
}

static void put_forwarded(struct http_exchange *x, struct http_out *o)
{
	const char *scheme = x->q.is_tls ? "https" : "http";
	char who[ADDR6_TEXT], local[ADDR6_TEXT];

	endpoint_address_text(&x->who, who);
	PUT(o, "Forwarded: for=");
	put_node(o, &x->who, who);
	if (x->h->user.role == HTTP_ROLE_FORWARD) {
		PUT(o, ";proto=http\r\n"); /* of the request's URI: the only one that is not a tunnel */
		return;
	}
	PUT(o, ";by=");
	put_node(o, &x->local, endpoint_address_text(&x->local, local));
	if (x->head->host.len > 0 && x->head->host.len < 300 &&
		!memchr(x->head->host.at, '"', x->head->host.len) &&
		!memchr(x->head->host.at, '\\', x->head->host.len)) {
		PUT(o, ";host=\"");
		put(o, x->head->host);
		PUT(o, "\"");
	}
	PUT(o, ";proto=");
	http_put_text(o, scheme);
	PUT(o, "\r\nX-Forwarded-For: "); /* one field, because many read only the first */
	for (unsigned i = 0; i < x->head->fields_len; i++)
		if (x->head->fields[i].id == HTTP_FIELD_X_FORWARDED_FOR) {
			put(o, x->head->fields[i].value);
			PUT(o, ", ");
		}
	http_put_text(o, who);
	PUT(o, "\r\nX-Forwarded-Proto: ");
	http_put_text(o, scheme);
	PUT(o, "\r\n");
	if (x->head->host.len > 0) {
		PUT(o, "X-Forwarded-Host: ");
		put(o, x->head->host);
		PUT(o, "\r\n");
	}
}

/* RFC 9110 s7.6.2: of OPTIONS and TRACE; 0 was not passed on (http_exchange.c). */
static void put_max_forwards(struct http_exchange *x, struct http_out *o)
{
	const struct http_field *f = http_head_find(x->head, HTTP_FIELD_MAX_FORWARDS);
	unsigned long n = 0;

	if (!f || f->value.len == 0 || f->value.len > 9)
		return;
	for (size_t i = 0; i < f->value.len; i++) {
		if (f->value.at[i] < '0' || f->value.at[i] > '9')
			return;
		n = n * 10 + (unsigned long)(f->value.at[i] - '0');
	}
	http_put_format(o, "Max-Forwards: %lu\r\n", n > 0 ? n - 1 : 0);
}

static void put_length(struct http_out *o, uint64_t length)
{
	PUT(o, "Content-Length: ");
	http_put_number(o, length);
	PUT(o, "\r\n");
}

static void put_framing(struct http_exchange *x, struct http_out *o)
{
	if (x->is_chunked)
		PUT(o, "Transfer-Encoding: chunked\r\n");
	else if (x->head->framing == HTTP_BODY_LENGTH)
		put_length(o, x->head->length);
}

static void put_connection(struct http_exchange *x, struct http_out *o)
{
	const struct http_field *te = http_head_find(x->head, HTTP_FIELD_TE);

	if (x->has_upgrade) {
		PUT(o, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
		return;
	}
	bool has_te = te && http_list_has(te->value, "trailers"); /* RFC 9110 s10.1.4 */
	bool is_last =
		x->h->config->proxy_head != RELAY_PROXY_HEAD_OFF; /* RFC 9112 s9.6; http_exchange_finish() */

	if (has_te)
		PUT(o, "TE: trailers\r\n");
	if (has_te || is_last)
		http_put_format(o, "Connection: %s%s%s\r\n", is_last ? "close" : "",
			is_last && has_te ? ", " : "", has_te ? "TE" : "");
}

static void put_host(struct http_exchange *x, struct http_out *o)
{
	char text[RELAY_HOST + 16];

	PUT(o, "Host: ");
	/* RFC 9112 s3.2.2; a gateway's client says the same in Host, but one of HTTP/1.0 may leave that out. */
	if (x->h->user.role == HTTP_ROLE_FORWARD)
		http_put(o, text, http_authority_text(&x->q.to, 80, text, sizeof(text)));
	else if (!x->head->host.at && x->q.to.at.port != 0)
		http_put(o, text, http_authority_text(&x->q.to, x->q.is_tls ? 443 : 80, text, sizeof(text)));
	else
		put(o, x->head->host);
	PUT(o, "\r\n");
}

void http_fields_ask(struct http_exchange *x)
{
	struct http_out *o = &x->ask;

	put(o, x->head->method);
	PUT(o, " ");
	if (x->q.path.len == 0 || x->q.path.at[0] == '?') /* RFC 9112 s3.2.1 */
		http_put_text(
			o, http_text_equal(x->head->method, "OPTIONS") && x->q.path.len == 0 ? "*" : "/");
	put(o, x->q.path);
	PUT(o, " HTTP/1.1\r\n");
	put_host(x, o);
	put_passed(x, o);
	put_framing(x, o);
	put_max_forwards(x, o);
	put_connection(x, o);
	if (x->way.literal_zone)
		PUT(o, "Accept-Encoding: identity\r\n");
	if (x->h->user.role != HTTP_ROLE_TRANSPARENT)
		put_forwarded(x, o);
	PUT(o, "Via: ");
	http_put_text(o, x->via_version);
	PUT(o, " ");
	http_put_text(o, x->h->pseudonym);
	PUT(o, "\r\n\r\n");
}

/* --- answers --- */

bool http_fields_passes(const struct http_field *f)
{
	return !f->is_hop && f->id != HTTP_FIELD_CONTENT_LENGTH;
}

bool http_fields_has_length(const struct http_exchange *x, const struct http_head *a, uint64_t *ret)
{
	/* RFC 9110 s8.6: not with 1xx and 204, nor with a tunnel; of HEAD and 304 it is what the body would be. */
	if (a->status / 100 == 1 || a->status == 204 || !http_head_find(a, HTTP_FIELD_CONTENT_LENGTH))
		return false;
	if (a->framing == HTTP_BODY_NONE && !x->is_asked_head && a->status != 304)
		return false;
	*ret = a->length;
	return true;
}

static void put_answer_connection(struct http_out *o, enum http_connection c)
{
	static const char *const lines[] = {
		[HTTP_CONNECTION_PLAIN] = "",
		[HTTP_CONNECTION_CLOSE] = "Connection: close\r\n",
		[HTTP_CONNECTION_KEEP] = "Connection: keep-alive\r\n",
		[HTTP_CONNECTION_UPGRADE] = "Connection: Upgrade\r\nUpgrade: websocket\r\n",
	};

	http_put_text(o, lines[c]);
}

void http_fields_answer(struct http_out *o, const struct http_exchange *x, const struct http_head *a,
	enum http_framing framing, enum http_connection connection)
{
	uint64_t length;

	PUT(o, "HTTP/1.1 ");
	http_put_number(o, a->status); /* of three digits */
	PUT(o, " ");
	put(o, a->reason);
	PUT(o, "\r\n");
	for (unsigned i = 0; i < a->fields_len; i++) {
		const struct http_field *f = &a->fields[i];

		if (http_fields_passes(f) && (f->id != HTTP_FIELD_TRAILER || framing == HTTP_BODY_CHUNKED))
			http_put_field(o, f->name, f->value);
	}
	if (framing == HTTP_BODY_CHUNKED)
		PUT(o, "Transfer-Encoding: chunked\r\n");
	else if (!x->is_rewritten && http_fields_has_length(x, a, &length))
		put_length(o, length);
	put_answer_connection(o, connection);
	PUT(o, "Via: ");
	http_put_text(o, x->h->via[a->minor]);
	PUT(o, "\r\n\r\n");
}
