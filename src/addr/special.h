/* special.h - special-purpose addresses: what an address is for, and whether it may be translated */
#ifndef ISTHMUS_ADDR_SPECIAL_H
#define ISTHMUS_ADDR_SPECIAL_H

#include "addr/addr.h"

struct special4 {
	struct prefix4 prefix;
	bool is_global;	  /* globally reachable, by the registry */
	const char *name; /* "private use", ... */
	const char *spec; /* "RFC 1918" */
};

struct special6 {
	struct prefix6 prefix;
	bool is_global; /* globally reachable, by the registry */
	const char *name;
	const char *spec;
};

/** special4_find(), special6_find() - the most specific entry of the registry (RFC 6890) that holds @a, or
 * NULL */
const struct special4 *special4_find(struct addr4 a);
const struct special6 *special6_find(struct addr6 a);

/**
 * special4_is_global() - whether the well-known prefix may represent @a
 *
 * Spec: RFC 6052 s3.1 (not the addresses of RFC 1918 nor of section 3 of RFC 5735), multicast excepted too
 */
bool special4_is_global(struct addr4 a);

/** special4_is_unicast_source() - whether @a can be the source of a packet: not 0/8, 127/8, 224/4 or 240/4 */
bool special4_is_unicast_source(struct addr4 a);

/** special6_is_unicast_source() - not ::, ::1, ff00::/8 or ::ffff:0:0/96 */
bool special6_is_unicast_source(struct addr6 a);

#endif
