/* siit.h - which address of the other family an address has, without state (RFC 7757, RFC 6052) */
#ifndef ISTHMUS_NAT64_SIIT_H
#define ISTHMUS_NAT64_SIIT_H

#include "nat64/config.h"

/* The IPv4 dummy address (RFC 7600): for a node that has to send an ICMPv4 error and has no IPv4 address of its own. */
#define IPV4_DUMMY_ADDRESS ((struct addr4){ 0xc0000008 }) /* 192.0.0.8 */

/* By which rule an address was translated. */
enum siit_rule {
	SIIT_NONE,   /* it has no address in the other family */
	SIIT_EAM,    /* explicit mapping */
	SIIT_PREFIX, /* RFC 6052 */
	SIIT_SUFFIX, /* in a prefix, but with bits that no translated address has (RFC 6052 s2.2) */
	SIIT_LENT,   /* an address that is lent by DNS46 */
	SIIT_UNLENT, /* it would be one, but is lent to nobody */
	SIIT_BUSY,   /* whether it is one cannot be said right now */
};

struct siit_addr4 {
	enum siit_rule rule;
	uint8_t prefix; /* of SIIT_PREFIX: index into siit_config.prefixes */
	struct addr4 addr;
};

struct siit_addr6 {
	enum siit_rule rule;
	struct addr6 addr;
};

/* Whether the mappings may be used for an address; the rules on hairpins forbid it for some (RFC 7757 s4.2.1). */
enum siit_use { SIIT_USE_ALL, SIIT_USE_PREFIX };

/** siit_map6() - the IPv4 address of an IPv6 address (RFC 7757 s3.3.2, then RFC 6052 s2.3) */
struct siit_addr4 siit_map6(const struct siit_config *c, const struct eam_table *t, struct addr6 a);

/** siit_map4() - the IPv6 address of an IPv4 address (RFC 7757 s3.3.1, then RFC 6052 s2.3) */
struct siit_addr6 siit_map4(
	const struct siit_config *c, const struct eam_table *t, struct addr4 a, enum siit_use use);

/**
 * siit_host6(), siit_host4() - the same for the address of a host, which DNS46 may have lent one, and that this one is used
 *
 * Of siit_config.lent nothing is believed: what it gives is the address of a single host outside of all prefixes, or
 * SIIT_UNLENT.
 */
struct siit_addr4 siit_host6(
	const struct siit_config *c, const struct eam_table *t, struct addr6 a, nsec now);
struct siit_addr6 siit_host4(
	const struct siit_config *c, const struct eam_table *t, struct addr4 a, nsec now);

/** siit_is_translatable() - whether IPv6 hosts of this IPv4 address may have it in a prefix */
bool siit_is_translatable(const struct siit_config *c, struct addr4 a);

/** siit_is_denied() - whether a prefix never stands for this IPv4 destination */
bool siit_is_denied(const struct siit_config *c, struct addr4 a);

/** siit_is_forbidden() - whether this prefix must not stand for the address, which is not global (RFC 6052 s3.1) */
bool siit_is_forbidden(const struct siit_config *c, uint8_t prefix, struct addr4 a);

#endif
