/* clat_config.h - a customer-side translator is stateless translation with one mapping (RFC 6877, RFC 7757) */
#ifndef ISTHMUS_CMD_CLAT_CONFIG_H
#define ISTHMUS_CMD_CLAT_CONFIG_H

#include "conf/conf.h"

#define CLAT_MAPPINGS_MAX (1 + CONF_CLAT_LANS_MAX)

/**
 * clat_config() - what the pipeline shall do for the section clat
 * @c:		the effective section; while its ipv6 is auto, the host has no address for us yet
 * @prefix:	of the NAT64; NULL: none is known
 * @room:	keeps the mappings that the result points to
 *
 * While the prefix or the host's address is not known, nothing is translated: the pipeline refuses every packet
 * (DROP_46_NO_MAPPING), and tells IPv4 senders by ICMP.
 *
 * Spec: RFC 6877 s6.3 (two prefixes); RFC 7600 (the source of errors from IPv6 routers)
 */
struct siit_config clat_config(
	const struct conf_clat *c, const struct prefix6 *prefix, struct eam room[static CLAT_MAPPINGS_MAX]);

#endif
