/* http_authority.c - see http_authority.h */
#include "relay/http_authority.h"

#include "base/bytes.h"

#include <stdio.h>
#include <strings.h>

/* --- ports --- */

/* RFC 3986 s3.2.3: digits; an empty port is the scheme's. 0: it is none. */
static uint16_t port_of(struct http_text t, uint16_t without)
{
	uint32_t n = 0;

	if (t.len == 0)
		return without;
	if (t.len > 5)
		return 0;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return 0;
		n = n * 10 + (uint32_t)(t.at[i] - '0');
	}
	return n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* --- hosts --- */

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The last label tells whether a reader may take the whole for an IPv4 address (the URL standard's "ends in a number"). */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *last = dot ? dot + 1 : host;
	size_t digits = strspn(last, "0123456789");

	if (last[digits] == '\0')
		return true;
	return last[0] == '0' && last[1] == 'x' && last[2 + strspn(last + 2, "0123456789abcdef")] == '\0';
}

/* RFC 1123 s2.1, with the underscore that names in use have; labels of at most 63 bytes, none empty. */
static bool is_name(const char *host)
{
	unsigned label = 0;

	for (const char *c = host; *c; c++) {
		if (*c == '.' ? label == 0 : !is_letter_or_digit(*c) && *c != '-' && *c != '_')
			return false;
		label = *c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

static bool take_name(struct http_text t, struct relay_target *to)
{
	if (t.len > 1 && t.at[t.len - 1] == '.')
		t.len--;
	if (t.len == 0 || t.len > 253)
		return false;
	for (size_t i = 0; i < t.len; i++)
		to->host[i] = t.at[i] >= 'A' && t.at[i] <= 'Z' ? (char)(t.at[i] | 32) : t.at[i];
	to->host[t.len] = '\0';
	if (!is_name(to->host))
		return false;
	if (!ends_in_number(to->host))
		return true;
	if (!addr4_parse(to->host, &to->at.a4))
		return false;
	to->at.is4 = true;
	to->host[0] = '\0';
	return true;
}

/* Between brackets; IPvFuture and zone identifiers are not taken (RFC 3986 s3.2.2, RFC 6874). */
static bool take_literal6(struct http_text t, struct relay_target *to)
{
	char text[ADDR6_TEXT];

	if (t.len == 0 || t.len >= sizeof(text))
		return false;
	bytes_copy(text, t.at, t.len);
	text[t.len] = '\0';
	if (strspn(text, "0123456789abcdefABCDEF:.") != t.len || !addr6_parse(text, &to->at.a6))
		return false;
	if (to->at.a6.hi == 0 && to->at.a6.lo >> 32 == 0xffff) { /* mapped (RFC 4291 s2.5.5.2): it is IPv4 */
		to->at.is4 = true;
		to->at.a4.v = (uint32_t)to->at.a6.lo;
		to->at.a6.lo = 0;
	}
	return true;
}

bool http_authority_parse(struct http_text t, uint16_t port, struct relay_target *ret)
{
	struct relay_target to = { .at = { .port = port } };
	bool is_literal6 = t.len > 0 && t.at[0] == '[';
	const char *close = is_literal6 ? memchr(t.at, ']', t.len) : NULL, *end = t.at + t.len;

	if (is_literal6 && !close)
		return false;
	const char *after = is_literal6 ? close + 1 : t.len > 0 ? memchr(t.at, ':', t.len) : NULL;

	if (!after)
		after = end;
	if (after < end && *after != ':')
		return false;
	if (after < end)
		to.at.port = port_of((struct http_text){ after + 1, (size_t)(end - after) - 1 }, port);
	if (to.at.port == 0)
		return false;
	if (is_literal6 ? !take_literal6((struct http_text){ t.at + 1, (size_t)(close - t.at) - 1 }, &to)
			: !take_name((struct http_text){ t.at, (size_t)(after - t.at) }, &to))
		return false;
	*ret = to;
	return true;
}

/* --- URIs --- */

bool http_uri_parse(struct http_text t, struct http_uri *ret)
{
	const char *end = t.at + t.len, *colon = t.len > 0 ? memchr(t.at, ':', t.len) : NULL;

	if (!colon || end - colon < 3 || !bytes_equal(colon, "://", 3) || memchr(t.at, '#', t.len))
		return false;
	const char *from = colon + 3;
	size_t len = 0;

	while (from + len < end && from[len] != '/' && from[len] != '?')
		len++;
	if (colon == t.at || len == 0)
		return false;
	*ret = (struct http_uri){ { t.at, (size_t)(colon - t.at) }, { from, len },
		{ from + len, (size_t)(end - from) - len } };
	return true;
}

size_t http_authority_text(const struct relay_target *t, uint16_t port, char *to, size_t size)
{
	char address[ADDR6_TEXT], after[8] = "";
	bool is6 = !t->host[0] && !t->at.is4;
	const char *host = t->host[0] ? t->host : endpoint_address_text(&t->at, address);

	if (t->at.port != port)
		snprintf(after, sizeof(after), ":%u", t->at.port);
	int n = snprintf(to, size, "%s%s%s%s", is6 ? "[" : "", host, is6 ? "]" : "", after);

	ASSERT(n > 0 && (size_t)n < size);
	return (size_t)n;
}

bool http_authority_same(const struct relay_target *a, const struct relay_target *b)
{
	if (a->at.port != b->at.port || strcmp(a->host, b->host) != 0)
		return false;
	return a->host[0] || endpoint_same_address(&a->at, &b->at);
}
