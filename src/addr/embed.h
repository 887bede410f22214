/* embed.h - IPv4 addresses inside IPv6 addresses (RFC 6052) */
#ifndef ISTHMUS_ADDR_EMBED_H
#define ISTHMUS_ADDR_EMBED_H

#include "addr/addr.h"

/* 64:ff9b::/96 (RFC 6052 s2.1) and 64:ff9b:1::/48 (RFC 8215) */
#define WELL_KNOWN_PREFIX ((struct prefix6){ { UINT64_C(0x0064ff9b00000000), 0 }, 96 })
#define LOCAL_USE_PREFIX ((struct prefix6){ { UINT64_C(0x0064ff9b00010000), 0 }, 48 })

/**
 * embed_prefix_fault() - why a prefix cannot be a translation prefix
 *
 * Spec: RFC 6052 s2.2 (length 32, 40, 48, 56, 64 or 96; bits 64 to 71 zero)
 * Return: NULL if it can; else a sentence fragment for the user, such as "length must be 32, 40, 48, 56, 64 or 96".
 */
const char *embed_prefix_fault(struct prefix6 p);

/**
 * embed_addr() - put an IPv4 address into a prefix; suffix bits and bits 64 to 71 are zero
 * @p:		embed_prefix_fault(p) == NULL
 *
 * Spec: RFC 6052 s2.2, s2.3
 */
struct addr6 embed_addr(struct prefix6 p, struct addr4 a);

/**
 * embed_extract() - take the IPv4 address out again
 * @p:		embed_prefix_fault(p) == NULL
 * @ret:	untouched on failure
 *
 * Suffix bits are ignored, as RFC 6052 s2.2 asks of a receiver; bits 64 to 71 are not.
 *
 * Spec: RFC 6052 s2.2, s2.3
 * Return: 0; -ENOENT if @a is not in @p; -EDOM if bits 64 to 71 are not zero.
 */
MUST_CHECK int embed_extract(struct prefix6 p, struct addr6 a, struct addr4 *ret);

#endif
