/* name.c - reading, comparing and printing domain names */
#include "dns64/name.h"

#include "base/bytes.h"

#include <stdio.h>

#define LABEL_KIND 0xc0	   /* RFC 1035 s4.1.4: the two high bits of a length byte */
#define LABEL_POINTER 0xc0 /* both set: a pointer; one set: undefined */

bool dns_name_push(struct dns_name *n, const void *label, size_t len)
{
	if (len == 0 || len > DNS_LABEL_MAX || (size_t)n->len + 1 + len + 1 > DNS_NAME_MAX)
		return false;
	n->wire[n->len] = (uint8_t)len;
	bytes_copy(n->wire + n->len + 1, label, len);
	n->len = (uint8_t)(n->len + 1 + len);
	return true;
}

void dns_name_close(struct dns_name *n)
{
	n->wire[n->len++] = 0;
}

bool dns_name_read(const uint8_t *msg, size_t len, size_t *at, struct dns_name *ret)
{
	size_t pos = *at, before = *at, after = 0;

	/* Ends: a label lengthens *ret, which is bounded; a pointer lowers `before`, which is too. */
	for (ret->len = 0;;) {
		if (pos >= len)
			return false;
		uint8_t b = msg[pos];

		if ((b & LABEL_KIND) == LABEL_POINTER) {
			if (len - pos < 2)
				return false;
			size_t target = (size_t)(be16_at(msg + pos) & 0x3fff);

			if (target < DNS_HEADER_LEN || target >= before)
				return false;
			after = after ? after : pos + 2;
			pos = before = target;
			continue;
		}
		if (b == 0)
			break;
		if ((b & LABEL_KIND) != 0 || b >= len - pos || !dns_name_push(ret, msg + pos + 1, b))
			return false;
		pos += 1u + b;
	}
	dns_name_close(ret);
	*at = after ? after : pos + 1;
	return true;
}

bool dns_name_parse(const char *text, struct dns_name *ret)
{
	struct dns_name n = { .len = 0 };

	if (text[0] == '.' && text[1] == '\0')
		text++;
	else if (text[0] == '\0')
		return false;
	while (*text) {
		const char *dot = strchr(text, '.');
		size_t len = dot ? (size_t)(dot - text) : strlen(text);

		if (!dns_name_push(&n, text, len))
			return false;
		text += len + (dot ? 1 : 0);
	}
	dns_name_close(&n);
	*ret = n;
	return true;
}

static bool is_plain(uint8_t c)
{
	return (dns_lower(c) >= 'a' && dns_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

const char *dns_name_text(const struct dns_name *n, char buf[static DNS_NAME_TEXT])
{
	size_t out = 0;

	for (size_t at = 0; n->wire[at] != 0; at += 1u + n->wire[at]) {
		for (unsigned i = 1; i <= n->wire[at]; i++) {
			uint8_t c = n->wire[at + i];

			if (is_plain(c))
				buf[out++] = (char)c;
			else
				out += (size_t)snprintf(
					buf + out, DNS_NAME_TEXT - out, "\\%03u", (unsigned)c);
		}
		buf[out++] = '.';
	}
	if (out == 0)
		buf[out++] = '.';
	buf[out] = '\0';
	return buf;
}

/* Length bytes are below 64, so dns_lower() leaves them alone and whole names can be compared byte by byte.
 */
static bool equal_wire(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (dns_lower(a[i]) != dns_lower(b[i]))
			return false;
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && equal_wire(a->wire, b->wire, a->len);
}

bool dns_name_is_under(const struct dns_name *n, const struct dns_name *zone)
{
	size_t at = 0;

	if (zone->len > n->len)
		return false;
	while ((size_t)n->len - at > zone->len)
		at += 1u + n->wire[at];
	return (size_t)n->len - at == zone->len && equal_wire(n->wire + at, zone->wire, zone->len);
}

unsigned dns_name_labels(const struct dns_name *n, uint8_t ret[static DNS_LABELS_MAX])
{
	unsigned count = 0;

	for (size_t at = 0; n->wire[at] != 0; at += 1u + n->wire[at])
		ret[count++] = (uint8_t)at;
	return count;
}
