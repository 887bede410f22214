/*
 * http_head.c - see http_head.h
 *
 * A head is read from its first byte each time more of it has come, and nothing is remembered between: it is at most one
 * buffer long. Each line is judged as soon as it is whole, and the characters of one that is not yet whole too, so that
 * what will never be HTTP is refused at once.
 *
 * First the lines become fields (take_request_line, take_status_line, take_field), then the fields are given a meaning
 * (finish): which are for this connection only, how the body ends, whether another message may follow.
 *
 * Why not llhttp: it is more lenient than a proxy may be, and what it lets through would have to be looked for again.
 */
#include "relay/http_head.h"

#include "base/bytes.h"

#include <strings.h>

/* --- characters --- */

/* Which of the 256 there can be: one bit each. */
struct charset {
	uint64_t bits[4];
};

/* RFC 9110 s5.6.2: tchar. */
static const struct charset token_chars = { { 0x3ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0 } };
/* What can be seen in ASCII; a URI has less (RFC 3986 s2), but browsers send "|" and its like. */
static const struct charset target_chars = { { 0xfffffffe00000000, 0x7fffffffffffffff, 0, 0 } };
/* RFC 9110 s5.5: field-content, space and tab. */
static const struct charset value_chars = { { 0xffffffff00000200, 0x7fffffffffffffff, UINT64_MAX,
	UINT64_MAX } };

static bool is_in(const struct charset *set, char c)
{
	uint8_t u = (uint8_t)c;

	return set->bits[u >> 6] >> (u & 63) & 1;
}

static size_t span_of(const struct charset *set, const char *at, size_t len)
{
	size_t n = 0;

	while (n < len && is_in(set, at[n]))
		n++;
	return n;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool http_text_is(struct http_text t, const char *word)
{
	return t.len == strlen(word) && strncasecmp(t.at, word, t.len) == 0;
}

bool http_text_equal(struct http_text t, const char *word)
{
	return t.len == strlen(word) && bytes_equal(t.at, word, t.len);
}

static struct http_text trim(struct http_text t)
{
	while (t.len > 0 && (t.at[0] == ' ' || t.at[0] == '\t'))
		t = (struct http_text){ t.at + 1, t.len - 1 };
	while (t.len > 0 && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* The next member of a comma-separated list, which is taken away from it; empty ones too. */
static bool list_take(struct http_text *list, struct http_text *ret)
{
	if (!list->at)
		return false;
	const char *comma = memchr(list->at, ',', list->len);
	size_t len = comma ? (size_t)(comma - list->at) : list->len;

	*ret = trim((struct http_text){ list->at, len });
	*list = comma ? (struct http_text){ comma + 1, list->len - len - 1 } : (struct http_text){ NULL, 0 };
	return true;
}

bool http_list_has(struct http_text list, const char *word)
{
	struct http_text t;

	while (list_take(&list, &t))
		if (http_text_is(t, word))
			return true;
	return false;
}

/* --- faults --- */

static enum http_progress malformed(struct http_fault *f, unsigned status, const char *text)
{
	*f = (struct http_fault){ status, text };
	return HTTP_MALFORMED;
}

/* --- lines --- */

struct lines {
	const char *at, *end;
};

/*
 * Take one line, without its CRLF (RFC 9112 s2.2: a bare CR is an error; a bare LF, which a recipient may take for the
 * end of a line, is one here too).
 */
static enum http_progress line_take(struct lines *l, struct http_text *ret, struct http_fault *fault)
{
	size_t left = (size_t)(l->end - l->at), len = span_of(&value_chars, l->at, left);

	if (len == left || (len + 1 == left && l->at[len] == '\r'))
		return HTTP_MORE;
	if (l->at[len] == '\n')
		return malformed(fault, 400, "a line ends in LF without CR");
	if (l->at[len] != '\r')
		return malformed(fault, 400, "a control character is where none may be");
	if (l->at[len + 1] != '\n')
		return malformed(fault, 400, "CR without LF");
	*ret = (struct http_text){ l->at, len };
	l->at += len + 2;
	return HTTP_WHOLE;
}

/* "HTTP/1.1": the minor version; -1: not HTTP; -2: another major version. */
static int minor_of(struct http_text t)
{
	if (t.len != 8 || !bytes_equal(t.at, "HTTP/", 5) || !is_digit(t.at[5]) || t.at[6] != '.' ||
		!is_digit(t.at[7]))
		return -1;
	if (t.at[5] != '1')
		return -2;
	return t.at[7] == '0' ? 0 : 1; /* RFC 9110 s2.5: as the highest minor version that we know */
}

static enum http_progress take_request_line(
	struct http_head *h, struct http_text line, struct http_fault *fault)
{
	size_t method = span_of(&token_chars, line.at, line.len);

	if (method == 0 || method == line.len || line.at[method] != ' ')
		return malformed(fault, 400, "the request does not begin with a method and one space");
	const char *target = line.at + method + 1;
	size_t left = line.len - method - 1, len = span_of(&target_chars, target, left);

	if (len > HTTP_TARGET_MAX)
		return malformed(fault, 414, "the target is too long");
	if (len == 0 || len == left || target[len] != ' ')
		return malformed(fault, 400, "there is no target between two single spaces");
	int minor = minor_of((struct http_text){ target + len + 1, left - len - 1 });

	if (minor == -2)
		return malformed(fault, 505, "only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here");
	if (minor < 0)
		return malformed(fault, 400, "the request's first line does not end in HTTP/1.1");
	h->method = (struct http_text){ line.at, method };
	h->target = (struct http_text){ target, len };
	h->minor = (unsigned)minor;
	return HTTP_WHOLE;
}

/* The reason, and the space before it, may be missing: nobody reads it (RFC 9112 s4). */
static enum http_progress take_status_line(
	struct http_head *h, struct http_text line, struct http_fault *fault)
{
	int minor = line.len >= 12 ? minor_of((struct http_text){ line.at, 8 }) : -1;
	const char *s = line.at + 9;

	if (minor < 0 || line.at[8] != ' ' || !is_digit(s[0]) || !is_digit(s[1]) || !is_digit(s[2]) ||
		(line.len > 12 && s[3] != ' '))
		return malformed(fault, 502, "the server's answer does not begin as HTTP/1.1 does");
	h->minor = (unsigned)minor;
	h->status = (unsigned)((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
	h->reason = line.len > 13 ? (struct http_text){ s + 4, line.len - 13 } : (struct http_text){ s, 0 };
	if (h->status < 100 || h->status > 599)
		return malformed(fault, 502, "the server's status is none of 100 to 599");
	return HTTP_WHOLE;
}

/* --- fields --- */

enum { HOP = 1, PINNED = 2, NOT_TRAILER = 4 };

/*
 * HOP is for this connection only (RFC 9110 s7.6.1). PINNED is not, whatever Connection says: whoever could have it removed
 * would change what the next server makes of the message.
 */
static const struct {
	const char *name;
	uint8_t len, traits;
	enum http_field_id id;
} known_fields[] = {
#define FIELD(name, traits, id)                                                                              \
	{                                                                                                    \
		name, sizeof(name) - 1, traits, HTTP_FIELD_##id                                              \
	}
	FIELD("accept-encoding", 0, ACCEPT_ENCODING),
	FIELD("authorization", PINNED | NOT_TRAILER, OTHER),
	FIELD("connection", HOP | NOT_TRAILER, CONNECTION),
	FIELD("content-encoding", PINNED | NOT_TRAILER, CONTENT_ENCODING),
	FIELD("content-length", PINNED | NOT_TRAILER, CONTENT_LENGTH),
	FIELD("content-range", PINNED | NOT_TRAILER, OTHER),
	FIELD("content-type", PINNED | NOT_TRAILER, CONTENT_TYPE),
	FIELD("cookie", PINNED | NOT_TRAILER, OTHER),
	FIELD("date", PINNED | NOT_TRAILER, DATE),
	FIELD("expect", PINNED | NOT_TRAILER, EXPECT),
	FIELD("forwarded", PINNED | NOT_TRAILER, FORWARDED),
	FIELD("host", PINNED | NOT_TRAILER, HOST),
	FIELD("keep-alive", HOP | NOT_TRAILER, KEEP_ALIVE),
	FIELD("max-forwards", PINNED | NOT_TRAILER, MAX_FORWARDS),
	FIELD("proxy-authenticate", HOP | NOT_TRAILER, PROXY_AUTHENTICATE),
	FIELD("proxy-authorization", HOP | NOT_TRAILER, PROXY_AUTHORIZATION),
	FIELD("proxy-connection", HOP | NOT_TRAILER, PROXY_CONNECTION),
	FIELD("set-cookie", PINNED | NOT_TRAILER, OTHER),
	FIELD("te", HOP | NOT_TRAILER, TE),
	FIELD("trailer", NOT_TRAILER, TRAILER),
	FIELD("transfer-encoding", HOP | NOT_TRAILER, TRANSFER_ENCODING),
	FIELD("upgrade", HOP | NOT_TRAILER, UPGRADE),
	FIELD("via", PINNED | NOT_TRAILER, VIA),
	FIELD("x-forwarded-for", PINNED | NOT_TRAILER, X_FORWARDED_FOR),
	FIELD("x-forwarded-host", PINNED | NOT_TRAILER, X_FORWARDED_HOST),
	FIELD("x-forwarded-proto", PINNED | NOT_TRAILER, X_FORWARDED_PROTO),
#undef FIELD
};

static unsigned traits_of(struct http_text name, enum http_field_id *ret_id)
{
	for (size_t i = 0; i < ARRAY_LEN(known_fields); i++)
		if (known_fields[i].len == name.len && (name.at[0] | 32) == known_fields[i].name[0] &&
			strncasecmp(known_fields[i].name, name.at, name.len) == 0) {
			*ret_id = known_fields[i].id;
			return known_fields[i].traits;
		}
	*ret_id = HTTP_FIELD_OTHER;
	return 0;
}

static bool add_field(
	struct http_head *h, struct http_text name, struct http_text value, struct http_fault *fault)
{
	struct http_field *f = &h->fields[h->fields_len];

	if (h->fields_len == HTTP_FIELDS_MAX) {
		*fault = (struct http_fault){ 431, "there are too many header fields" };
		return false;
	}
	f->name = name;
	f->value = trim(value);
	f->is_hop = (traits_of(name, &f->id) & HOP) != 0;
	h->fields_len++;
	return true;
}

static enum http_progress take_field(struct http_head *h, struct http_text line, struct http_fault *fault)
{
	size_t name = span_of(&token_chars, line.at, line.len);

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return malformed(fault, 400, "a header field is folded over lines, or spaces are before it");
	if (name == 0 || name == line.len || line.at[name] != ':')
		return malformed(fault, 400, "a header field is not a name with a colon directly behind it");
	return add_field(h, (struct http_text){ line.at, name },
		       (struct http_text){ line.at + name + 1, line.len - name - 1 }, fault)
		       ? HTTP_WHOLE
		       : HTTP_MALFORMED;
}

/* Up to the empty line. */
static enum http_progress take_fields(struct http_head *h, struct lines *l, struct http_fault *fault)
{
	struct http_text line;

	for (;;) {
		enum http_progress p = line_take(l, &line, fault);

		if (p != HTTP_WHOLE || line.len == 0)
			return p;
		p = take_field(h, line, fault);
		if (p != HTTP_WHOLE)
			return p;
	}
}

const struct http_field *http_head_find(const struct http_head *h, enum http_field_id id)
{
	for (unsigned i = 0; i < h->fields_len; i++)
		if (h->fields[i].id == id)
			return &h->fields[i];
	return NULL;
}

/* --- what the fields mean --- */

/* Fields that Connection names are for this connection only, unless they cannot be. */
static void mark_named(
	struct http_head *h, struct http_text list, bool *ret_close, bool *ret_keep, bool *ret_upgrade)
{
	struct http_text t;

	while (list_take(&list, &t)) {
		enum http_field_id id;

		if (t.len == 0)
			continue;
		*ret_close |= http_text_is(t, "close");
		*ret_keep |= http_text_is(t, "keep-alive");
		*ret_upgrade |= http_text_is(t, "upgrade");
		if (traits_of(t, &id) & PINNED)
			continue;
		for (unsigned i = 0; i < h->fields_len; i++)
			if (h->fields[i].name.len == t.len &&
				strncasecmp(h->fields[i].name.at, t.at, t.len) == 0)
				h->fields[i].is_hop = true;
	}
}

static void finish_connection(struct http_head *h)
{
	bool close = false, keep = false, upgrade = false;

	for (unsigned i = 0; i < h->fields_len; i++)
		if (h->fields[i].id == HTTP_FIELD_CONNECTION)
			mark_named(h, h->fields[i].value, &close, &keep, &upgrade);
	h->is_persistent = !close && (h->minor > 0 || keep); /* RFC 9112 s9.3 */
	h->has_upgrade = upgrade && h->minor > 0 && http_head_find(h, HTTP_FIELD_UPGRADE);
}

static bool length_of(struct http_text t, uint64_t *ret)
{
	uint64_t n = 0;

	if (t.len == 0 || t.len > 18)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (!is_digit(t.at[i]))
			return false;
		n = n * 10 + (uint64_t)(t.at[i] - '0');
	}
	*ret = n;
	return true;
}

/* Of a coding that is not understood: without chunked behind it nobody knows where the body ends (RFC 9112 s6.3). */
static unsigned status_of_coding(struct http_text codings)
{
	unsigned status = 400;
	struct http_text t;

	while (list_take(&codings, &t))
		if (t.len > 0)
			status = http_text_is(t, "chunked") ? 501 : 400;
	return status;
}

/* RFC 9112 s6.3: the fields that say how the body ends, none of which may leave a doubt. NULL, or what is wrong. */
static const char *read_framing(struct http_head *h, unsigned *ret_status)
{
	bool has_length = false, is_chunked = false;

	*ret_status = 400;
	for (unsigned i = 0; i < h->fields_len; i++) {
		const struct http_field *f = &h->fields[i];
		uint64_t length;

		if (f->id == HTTP_FIELD_TRANSFER_ENCODING) {
			if (is_chunked)
				return "there is more than one Transfer-Encoding";
			if (!http_text_is(f->value, "chunked")) {
				*ret_status = status_of_coding(f->value);
				return "a Transfer-Encoding other than chunked is not understood";
			}
			is_chunked = true;
		}
		if (f->id != HTTP_FIELD_CONTENT_LENGTH)
			continue;
		if (!length_of(f->value, &length))
			return "Content-Length is not a number";
		if (has_length && length != h->length)
			return "there are two lengths";
		has_length = true;
		h->length = length;
	}
	if (has_length && is_chunked)
		return "there are both Content-Length and Transfer-Encoding";
	if (is_chunked && h->minor == 0)
		return "there is a Transfer-Encoding in HTTP/1.0";
	h->framing = is_chunked ? HTTP_BODY_CHUNKED : has_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	return NULL;
}

static const char *read_host(struct http_head *h)
{
	for (unsigned i = 0; i < h->fields_len; i++) {
		if (h->fields[i].id != HTTP_FIELD_HOST)
			continue;
		if (h->host.at)
			return "there is more than one Host";
		h->host = h->fields[i].value;
	}
	return h->host.at || h->minor == 0 ? NULL : "there is no Host"; /* RFC 9112 s3.2 */
}

static bool finish_request(struct http_head *h, struct http_fault *fault)
{
	unsigned status;
	const char *why = read_framing(h, &status);
	const struct http_field *expect = http_head_find(h, HTTP_FIELD_EXPECT);

	if (!why)
		why = read_host(h);
	if (why) {
		*fault = (struct http_fault){ status, why };
		return false;
	}
	finish_connection(h);
	if (http_text_equal(h->method, "CONNECT"))
		h->framing = HTTP_BODY_NONE; /* RFC 9110 s9.3.6: what follows is the tunnel's */
	h->expects_continue = expect && h->minor > 0 && http_text_is(expect->value, "100-continue");
	return true;
}

/* RFC 9112 s6.3, rules 1, 2 and 8. */
static bool finish_answer(struct http_head *h, enum http_asked asked, struct http_fault *fault)
{
	unsigned status;
	const char *why = read_framing(h, &status);
	bool is_tunnel = asked == HTTP_ASKED_CONNECT && h->status / 100 == 2;

	if (why) {
		*fault = (struct http_fault){ 502, why };
		return false;
	}
	finish_connection(h);
	if (asked == HTTP_ASKED_HEAD || h->status / 100 == 1 || h->status == 204 || h->status == 304 ||
		is_tunnel)
		h->framing = HTTP_BODY_NONE;
	else if (h->framing == HTTP_BODY_NONE)
		h->framing = HTTP_BODY_CLOSE;
	if (h->framing == HTTP_BODY_CLOSE)
		h->is_persistent = false;
	return true;
}

/* --- whole heads --- */

static void begin(struct http_head *h)
{
	h->size = 0;
	h->minor = 1;
	h->status = 0;
	h->method = h->target = h->reason = h->host = (struct http_text){ NULL, 0 };
	h->framing = HTTP_BODY_NONE;
	h->length = 0;
	h->is_persistent = h->has_upgrade = h->expects_continue = false;
	h->fields_len = 0;
}

static enum http_progress full(enum http_progress p, size_t len, bool has_line, struct http_fault *fault)
{
	if (p != HTTP_MORE || len < HTTP_HEAD_MAX)
		return p;
	return has_line ? malformed(fault, 431, "the header fields are too long")
			: malformed(fault, 414, "the first line is too long");
}

enum http_progress http_request_parse(
	const char *bytes, size_t len, struct http_head *ret, struct http_fault *fault)
{
	struct lines l = { bytes, bytes + len };
	struct http_text line;

	begin(ret);
	if (len >= 2 && bytes[0] == '\r' && bytes[1] == '\n')
		l.at += 2;
	enum http_progress p = line_take(&l, &line, fault);

	if (p != HTTP_WHOLE)
		return full(p, len, false, fault);
	p = take_request_line(ret, line, fault);
	if (p == HTTP_WHOLE)
		p = take_fields(ret, &l, fault);
	if (p != HTTP_WHOLE)
		return full(p, len, true, fault);
	ret->size = (size_t)(l.at - bytes);
	return finish_request(ret, fault) ? HTTP_WHOLE : HTTP_MALFORMED;
}

enum http_progress http_answer_parse(
	const char *bytes, size_t len, enum http_asked asked, struct http_head *ret, struct http_fault *fault)
{
	struct lines l = { bytes, bytes + len };
	struct http_text line;

	begin(ret);
	enum http_progress p = line_take(&l, &line, fault);

	if (p == HTTP_WHOLE)
		p = take_status_line(ret, line, fault);
	if (p == HTTP_WHOLE)
		p = take_fields(ret, &l, fault);
	p = full(p, len, true, fault);
	if (p == HTTP_MALFORMED)
		fault->status = 502;
	if (p != HTTP_WHOLE)
		return p;
	ret->size = (size_t)(l.at - bytes);
	return finish_answer(ret, asked, fault) ? HTTP_WHOLE : HTTP_MALFORMED;
}

enum http_progress http_trailers_parse(
	const char *bytes, size_t len, struct http_head *ret, struct http_fault *fault)
{
	struct lines l = { bytes, bytes + len };

	begin(ret);
	enum http_progress p = full(take_fields(ret, &l, fault), len, true, fault);

	ret->size = (size_t)(l.at - bytes);
	for (unsigned i = 0; p == HTTP_WHOLE && i < ret->fields_len; i++) {
		enum http_field_id id;

		ret->fields[i].is_hop = (traits_of(ret->fields[i].name, &id) & NOT_TRAILER) != 0;
	}
	return p;
}

/* --- heads of fields --- */

void http_head_begin(struct http_head *h)
{
	begin(h);
}

static bool has_only(const struct charset *set, struct http_text t)
{
	return span_of(set, t.at, t.len) == t.len;
}

bool http_head_add(
	struct http_head *h, struct http_text name, struct http_text value, struct http_fault *fault)
{
	if (name.len == 0 || !has_only(&token_chars, name) || !has_only(&value_chars, value)) {
		*fault = (struct http_fault){ 400, "a header field has characters that it may not have" };
		return false;
	}
	return add_field(h, name, value, fault);
}

bool http_head_finish(struct http_head *h, struct http_fault *fault)
{
	bool is_token = h->method.len > 0 && has_only(&token_chars, h->method);

	if (!is_token || !has_only(&target_chars, h->target)) {
		*fault = (struct http_fault){ 400,
			"the method or the target has characters that it may not have" };
		return false;
	}
	return finish_request(h, fault);
}
