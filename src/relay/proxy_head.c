/*
 * proxy_head.c - see proxy_head.h
 *
 * Spec: "The PROXY protocol, versions 1 & 2" (HAProxy, 2020), s2.1 and s2.2. A receiver waits for the whole header
 * and never guesses: whoever must send one and begins with anything else is refused.
 */
#include "relay/proxy_head.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define V1_MAX 107  /* s2.1: the longest line, with CRLF */
#define V2_FIXED 16 /* s2.2: signature, version and command, family, length */
#define V2_ADDRESSES4 12
#define V2_ADDRESSES6 36

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum v2_command { V2_LOCAL = 0x20, V2_PROXY = 0x21 }; /* with the version in the upper half */
enum v2_family { V2_TCP4 = 0x11, V2_UDP4 = 0x12, V2_TCP6 = 0x21, V2_UDP6 = 0x22 };

/* --- addresses --- */

#define MAPPED_LOW UINT64_C(0xffff00000000) /* ::ffff:0:0/96 */

static struct endpoint endpoint_of6(struct addr6 a, uint16_t port)
{
	if (a.hi == 0 && a.lo >> 32 == MAPPED_LOW >> 32)
		return (struct endpoint){ .is4 = true, .a4 = { (uint32_t)a.lo }, .port = port };
	return (struct endpoint){ .a6 = a, .port = port };
}

static struct addr6 addr6_of(const struct endpoint *e)
{
	return e->is4 ? (struct addr6){ 0, MAPPED_LOW | e->a4.v } : e->a6;
}

/* --- version 1: one line of text --- */

static bool read_address(const char *text, bool is4, struct endpoint *ret)
{
	struct addr4 a4;
	struct addr6 a6;

	if (is4 && addr4_parse(text, &a4))
		*ret = (struct endpoint){ .is4 = true, .a4 = a4 };
	else if (!is4 && addr6_parse(text, &a6))
		*ret = endpoint_of6(a6, 0);
	else
		return false;
	return true;
}

static bool read_port(const char *text, uint16_t *ret)
{
	unsigned v = 0;
	size_t len = strlen(text);

	if (len < 1 || len > 5 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	if (v > UINT16_MAX)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* The words of a line, which are separated by one space each; 0 if there are more than there is room for. */
static unsigned split(char *line, char **words, unsigned most)
{
	unsigned n = 0;

	for (char *at = line; at; n++) {
		if (n == most)
			return 0;
		words[n] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = '\0';
	}
	return n;
}

/* The line between "PROXY " and CRLF. */
static bool v1_line(char *line, struct proxy_head *h)
{
	char *w[5];

	if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0) {
		h->is_local = true;
		return true;
	}
	if (split(line, w, ARRAY_LEN(w)) != ARRAY_LEN(w))
		return false;
	bool is4 = strcmp(w[0], "TCP4") == 0;

	if (!is4 && strcmp(w[0], "TCP6") != 0)
		return false;
	return read_address(w[1], is4, &h->client) && read_address(w[2], is4, &h->local) &&
	       read_port(w[3], &h->client.port) && read_port(w[4], &h->local.port);
}

static enum proxy_head_progress v1_parse(const char *bytes, size_t len, struct proxy_head *ret)
{
	size_t most = len < V1_MAX ? len : V1_MAX;
	const char *lf = memchr(bytes, '\n', most);
	struct proxy_head h = { .is_local = false };
	char line[V1_MAX];

	if (!lf)
		return len < V1_MAX ? PROXY_HEAD_MORE : PROXY_HEAD_MALFORMED;
	h.len = (size_t)(lf - bytes) + 1;
	if (h.len < 8 || lf[-1] != '\r' || memchr(bytes, '\0', h.len))
		return PROXY_HEAD_MALFORMED;
	size_t n = h.len - 8; /* without "PROXY " and CRLF */

	bytes_copy(line, bytes + 6, n);
	line[n] = '\0';
	if (!v1_line(line, &h))
		return PROXY_HEAD_MALFORMED;
	*ret = h;
	return PROXY_HEAD_WHOLE;
}

/* --- version 2: binary --- */

/* s2.2: a family that the receiver does not know, or that cannot be a client's here, is as if nothing was said. */
static enum proxy_head_progress v2_addresses(uint8_t family, struct rd *r, struct proxy_head *h)
{
	const uint8_t *p;

	switch (family) {
	case V2_TCP4:
	case V2_UDP4:
		p = rd_take(r, V2_ADDRESSES4);
		if (!p)
			return PROXY_HEAD_MALFORMED;
		h->client = (struct endpoint){ .is4 = true, .a4 = addr4_at(p), .port = be16_at(p + 8) };
		h->local = (struct endpoint){ .is4 = true, .a4 = addr4_at(p + 4), .port = be16_at(p + 10) };
		break;
	case V2_TCP6:
	case V2_UDP6:
		p = rd_take(r, V2_ADDRESSES6);
		if (!p)
			return PROXY_HEAD_MALFORMED;
		h->client = endpoint_of6(addr6_at(p), be16_at(p + 32));
		h->local = endpoint_of6(addr6_at(p + 16), be16_at(p + 34));
		break;
	default:
		h->is_local = true;
	}
	return PROXY_HEAD_WHOLE;
}

static enum proxy_head_progress v2_parse(const uint8_t *b, size_t len, struct proxy_head *ret)
{
	struct proxy_head h = { .is_local = false };

	if (len > 12 && b[12] != V2_LOCAL && b[12] != V2_PROXY)
		return PROXY_HEAD_MALFORMED;
	if (len < V2_FIXED)
		return PROXY_HEAD_MORE;
	h.len = (size_t)V2_FIXED + be16_at(b + 14);
	if (h.len > PROXY_HEAD_MAX)
		return PROXY_HEAD_MALFORMED;
	struct rd r = rd_of(b + V2_FIXED, h.len - V2_FIXED);

	if (len < h.len)
		return PROXY_HEAD_MORE;
	h.is_local = b[12] == V2_LOCAL;
	if (!h.is_local && v2_addresses(b[13], &r, &h) != PROXY_HEAD_WHOLE)
		return PROXY_HEAD_MALFORMED;
	*ret = h;
	return PROXY_HEAD_WHOLE;
}

static bool begins(const void *bytes, size_t len, const void *with, size_t with_len)
{
	return bytes_equal(bytes, with, len < with_len ? len : with_len);
}

enum proxy_head_progress proxy_head_parse(const void *bytes, size_t len, struct proxy_head *ret)
{
	if (len == 0)
		return PROXY_HEAD_MORE;
	if (begins(bytes, len, signature, sizeof(signature)))
		return v2_parse(bytes, len, ret);
	if (begins(bytes, len, "PROXY ", 6))
		return v1_parse(bytes, len, ret);
	return PROXY_HEAD_MALFORMED;
}

/* --- writing --- */

static size_t v1_write(const struct endpoint *client, const struct endpoint *local, uint8_t *to)
{
	char a[ADDR6_TEXT], b[ADDR6_TEXT], line[PROXY_HEAD_WRITE_MAX];
	int n;

	if (client->is4 != local->is4)
		n = snprintf(line, sizeof(line), "PROXY UNKNOWN\r\n");
	else
		n = snprintf(line, sizeof(line), "PROXY %s %s %s %u %u\r\n", client->is4 ? "TCP4" : "TCP6",
			endpoint_address_text(client, a), endpoint_address_text(local, b), client->port,
			local->port);
	bytes_copy(to, line, (size_t)n);
	return (size_t)n;
}

static size_t v2_write(const struct endpoint *client, const struct endpoint *local, uint8_t *to)
{
	bool is4 = client->is4 && local->is4;
	struct wr w = wr_of(to, PROXY_HEAD_WRITE_MAX);

	wr_bytes(&w, signature, sizeof(signature));
	wr_u8(&w, V2_PROXY);
	wr_u8(&w, is4 ? V2_TCP4 : V2_TCP6);
	wr_be16(&w, is4 ? V2_ADDRESSES4 : V2_ADDRESSES6);
	const struct endpoint *both[2] = { client, local };

	for (unsigned i = 0; i < 2; i++) {
		uint8_t *p = wr_room(&w, is4 ? 4 : 16);

		if (is4)
			addr4_put(p, both[i]->a4);
		else
			addr6_put(p, addr6_of(both[i]));
	}
	wr_be16(&w, client->port);
	wr_be16(&w, local->port);
	return wr_len(&w);
}

size_t proxy_head_write(enum relay_proxy_head version, const struct endpoint *client,
	const struct endpoint *local, unsigned char to[static PROXY_HEAD_WRITE_MAX])
{
	switch (version) {
	case RELAY_PROXY_HEAD_V1:
		return v1_write(client, local, to);
	case RELAY_PROXY_HEAD_V2:
		return v2_write(client, local, to);
	case RELAY_PROXY_HEAD_OFF:
		break;
	}
	return 0;
}
