/*
 * http_request.c - the head of an HTTP/1 request
 *
 * Two pages are all there is to ask for, so this reads the request line and sees to it that the rest is what
 * RFC 9112 calls a head; no field's value is used. The name in Host least of all: whoever sends the request
 * chooses it, so it is only counted.
 */
#include "cmd/http_request.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Part of the head; never terminated by a zero. */
struct text {
	const char *at;
	size_t len;
};

/* RFC 9110 s5.6.2 */
static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_len(struct text t)
{
	size_t n = 0;

	while (n < t.len && is_token_char(t.at[n]))
		n++;
	return n;
}

static bool is_text(struct text t, const char *what)
{
	return t.len == strlen(what) && bytes_equal(t.at, what, t.len);
}

static bool begins_with(struct text t, const char *what)
{
	size_t len = strlen(what);

	return t.len >= len && strncasecmp(t.at, what, len) == 0;
}

static struct text text_after(struct text t, size_t n)
{
	return (struct text){ t.at + n, t.len - n };
}

/* take_line() - the next line without its end (RFC 9112 s2.2: a line feed alone will do); false if it is not
 * whole yet */
static bool take_line(struct text *from, struct text *ret)
{
	const char *end = from->len > 0 ? memchr(from->at, '\n', from->len) : NULL;

	if (!end)
		return false;
	size_t len = (size_t)(end - from->at);
	*ret = (struct text){ from->at, len > 0 && end[-1] == '\r' ? len - 1 : len };
	*from = text_after(*from, len + 1);
	return true;
}

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{ "GET", HTTP_GET },
	{ "HEAD", HTTP_HEAD },
};

static enum http_method method_of(struct text name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (is_text(name, methods[i].name))
			return methods[i].method;
	}
	return HTTP_OTHER;
}

/* take_path() - the path of a target in origin form or absolute form (RFC 9112 s3.2); "" for the others,
 * which belong to methods that are refused */
static void take_path(struct text target, struct http_request *ret)
{
	static const char scheme[] = "http://";

	ret->path[0] = '\0';
	if (begins_with(target, scheme)) {
		target = text_after(target, sizeof(scheme) - 1);
		while (target.len > 0 && target.at[0] != '/' && target.at[0] != '?')
			target = text_after(target, 1);
		if (target.len == 0 || target.at[0] == '?')
			target = (struct text){ "/", 1 };
	}
	const char *query = target.len > 0 ? memchr(target.at, '?', target.len) : NULL;
	size_t len = query ? (size_t)(query - target.at) : target.len;
	if (len == 0 || target.at[0] != '/' || len >= sizeof(ret->path))
		return;
	bytes_copy(ret->path, target.at, len);
	ret->path[len] = '\0';
}

static size_t target_len(struct text t)
{
	size_t n = 0;

	while (n < t.len && t.at[n] > ' ' && t.at[n] != 0x7f)
		n++;
	return n;
}

/* RFC 9112 s3: method SP request-target SP HTTP-version */
static enum http_progress parse_request_line(struct text line, struct http_request *ret)
{
	size_t method = token_len(line);

	if (method == 0 || method == line.len || line.at[method] != ' ')
		return HTTP_MALFORMED;
	struct text rest = text_after(line, method + 1);
	size_t target = target_len(rest);
	if (target == 0 || target == rest.len || rest.at[target] != ' ')
		return HTTP_MALFORMED;
	struct text version = text_after(rest, target + 1);
	if (!begins_with(version, "HTTP/"))
		return HTTP_MALFORMED;
	if (!is_text(version, "HTTP/1.1") && !is_text(version, "HTTP/1.0"))
		return HTTP_VERSION;
	ret->method = method_of((struct text){ line.at, method });
	take_path((struct text){ rest.at, target }, ret);
	return HTTP_WHOLE;
}

/* is_field() - RFC 9112 s5: field-name ":" field-value, without blanks before the colon and without folding */
static bool is_field(struct text line)
{
	size_t name = token_len(line);

	if (name == 0 || name == line.len || line.at[name] != ':')
		return false;
	for (size_t i = name; i < line.len; i++) {
		if ((line.at[i] >= 0 && line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 0x7f)
			return false;
	}
	return true;
}

static bool is_host_field(struct text line)
{
	return begins_with(line, "host:");
}

/* is_11() - whether the request line that was accepted ends with this version */
static bool is_11(struct text request_line)
{
	return request_line.at[request_line.len - 1] == '1';
}

enum http_progress page_request_parse(const char *head, size_t len, struct http_request *ret)
{
	struct text from = { head, len }, line, first;
	struct http_request r;
	unsigned hosts = 0;

	/* RFC 9112 s2.2: an empty line before the request line is passed over. */
	do {
		if (!take_line(&from, &line))
			return HTTP_MORE;
	} while (line.len == 0);
	first = line;
	enum http_progress p = parse_request_line(first, &r);
	if (p != HTTP_WHOLE)
		return p;
	while (take_line(&from, &line)) {
		if (line.len == 0) {
			/* RFC 9112 s3.2: one Host, but for HTTP/1.0, which has none. */
			if (hosts > 1 || (hosts == 0 && is_11(first)))
				return HTTP_MALFORMED;
			*ret = r;
			return HTTP_WHOLE;
		}
		if (!is_field(line))
			return HTTP_MALFORMED;
		hosts += is_host_field(line);
	}
	return HTTP_MORE;
}
