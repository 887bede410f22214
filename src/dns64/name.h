/*
 * name.h - domain names as values, in uncompressed wire form (RFC 1035 s3.1)
 *
 * A name that exists as a struct dns_name is well formed: labels of 1 to 63 bytes, the root label last, 255
 * bytes at most. Names are compared without regard to ASCII case (RFC 4343) and keep the case that they
 * arrived with.
 */
#ifndef ISTHMUS_DNS64_NAME_H
#define ISTHMUS_DNS64_NAME_H

#include "base/bytes.h"
#include "base/compiler.h"

#define DNS_NAME_MAX 255		  /* RFC 1035 s2.3.4, bytes, root label included */
#define DNS_HEADER_LEN 12		  /* RFC 1035 s4.1.1, bytes; of a message, before its first name */
#define DNS_LABEL_MAX 63		  /* RFC 1035 s2.3.4, bytes */
#define DNS_LABELS_MAX (DNS_NAME_MAX / 2) /* labels of one byte each, root label not counted */
#define DNS_NAME_TEXT (4 * DNS_NAME_MAX + 2)

struct dns_name {
	uint8_t len; /* bytes of wire in use, root label included; 1 to 255 */
	uint8_t wire[DNS_NAME_MAX];
};

/**
 * dns_name_read() - read a name, compressed or not
 * @msg:	the whole message; compression pointers count from here
 * @len:	bytes at @msg
 * @at:		where the name starts; moved past it, untouched on failure
 * @ret:	the name; contents undefined on failure
 *
 * A pointer must lead to a place before the one that it was reached from, so that no chain of pointers can
 * loop, and behind the header: that is no name, and changes when a message is sent on.
 *
 * Spec: RFC 1035 s3.1, s4.1.4
 * Return: false if the name is cut, too long, or uses an undefined label type or a pointer that does not lead
 * back.
 */
MUST_CHECK bool dns_name_read(const uint8_t *msg, size_t len, size_t *at, struct dns_name *ret);

/**
 * dns_name_parse() - read a name such as "www.example.net" or "www.example.net."; "." is the root; no escapes
 *
 * Return: false, with *ret untouched, if a label is empty or too long, or the name is.
 */
MUST_CHECK bool dns_name_parse(const char *text, struct dns_name *ret);

/**
 * dns_name_text() - write a name as text, with a dot at its end
 *
 * Bytes other than letters, digits, '-' and '_' become "\DDD" (RFC 1035 s5.1). Returns @buf.
 */
const char *dns_name_text(const struct dns_name *n, char buf[static DNS_NAME_TEXT]);

/** dns_name_equal() - the same name; case does not count */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/** dns_name_is_under() - @n is @zone, or below it */
bool dns_name_is_under(const struct dns_name *n, const struct dns_name *zone);

/**
 * dns_name_labels() - where the labels of a name start
 * @ret:	offsets into n->wire, the leftmost label first; the root label is left out
 *
 * Return: number of labels.
 */
unsigned dns_name_labels(const struct dns_name *n, uint8_t ret[static DNS_LABELS_MAX]);

/** dns_name_push() - append a label; false, with *n unusable, if the name becomes too long. Start from len ==
 * 0 */
MUST_CHECK bool dns_name_push(struct dns_name *n, const void *label, size_t len);

/** dns_name_close() - append the root label; dns_name_push() left room for it */
void dns_name_close(struct dns_name *n);

static inline uint8_t dns_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

#endif
