/* wka.h - the prefix in an IPv6 address that was synthesized from a well-known IPv4 address (RFC 7050 s3) */
#ifndef ISTHMUS_PREF64_WKA_H
#define ISTHMUS_PREF64_WKA_H

#include "addr/addr.h"

/**
 * pref64_is_usable() - whether packets for a prefix could lead to a translator
 *
 * A translation prefix (RFC 6052 s2.2) that is neither multicast nor link-local, nor among the addresses that begin
 * with 32 zero bits (unspecified, loopback, IPv4-mapped): whoever announces one of these wants something else.
 */
bool pref64_is_usable(struct prefix6 p);

/**
 * wka_find_prefix() - the translation prefix of an AAAA record of ipv4only.arpa
 * @ret:	pref64_is_usable(); untouched on failure
 *
 * Looks for 192.0.0.170, and if that does not decide, for 192.0.0.171. The value must stand in the address exactly once,
 * counted at every octet, and that at one of the six places of RFC 6052 s2.2.
 *
 * Spec: RFC 7050 s3
 * Return: false if there is no prefix to be found.
 */
MUST_CHECK bool wka_find_prefix(struct addr6 a, struct prefix6 *ret);

#endif
