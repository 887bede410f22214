/*
 * unwrap.h - the IPv4 addresses that an IPv6 address may stand for (pure)
 *
 * A rule about IPv4 addresses that looks at IPv6 addresses only as they are written lets through whoever writes the
 * forbidden one in another form. This lists every form that some host on the way may take for an IPv4 address.
 */
#ifndef ISTHMUS_ADDR_UNWRAP_H
#define ISTHMUS_ADDR_UNWRAP_H

#include "addr/addr.h"

#define UNWRAP_MAX 4 /* IPv4 addresses in one IPv6 address: of a translation prefix, and of the forms below */

/**
 * addr_unwrap() - the IPv4 addresses inside an IPv6 address
 * @prefixes:	translation prefixes in use (RFC 6052), beside the well-known 64:ff9b::/96
 * @ret:	each once
 *
 * Mapped (::ffff:0:0/96), compatible (::/96, but not :: and ::1), translated (::ffff:0:0:0/96, RFC 2765), 64:ff9b::/96, 64:ff9b:1::/48
 * as /96 (RFC 8215), 6to4 (2002::/16, RFC 3056), Teredo's client and server (2001::/32, RFC 4380), ISATAP (RFC 5214 s6.1).
 *
 * Return: how many; 0: it is nothing but IPv6
 */
unsigned addr_unwrap(struct addr6 a, const struct prefix6 *prefixes, unsigned prefixes_len,
	struct addr4 ret[static UNWRAP_MAX]);

#endif
