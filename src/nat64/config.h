/* config.h - what the pipeline needs to know; conf/ fills it */
#ifndef ISTHMUS_NAT64_CONFIG_H
#define ISTHMUS_NAT64_CONFIG_H

#include "addr/addr.h"
#include "addr/eam.h"
#include "addr/lent46.h"
#include "state/state.h"

struct flow_maps;

#define NAT64_DENY_MAX 64
#define SIIT_PREFIXES_MAX 8
#define SIIT_ICMP_SOURCES_MAX 64
#define SIIT_TRANSLATABLE_MAX 64
#define NAT64_FRAGMENTS_MAX 2730 /* that one worker stores at a time, at most; 4 MiB */

/* What becomes of a UDP datagram over IPv4 that has no checksum (RFC 7915 s4.5). */
enum udp_zero { UDP_ZERO_COMPUTE, UDP_ZERO_DROP };

/* How packets between two IPv6 hosts that both have mappings are turned around (RFC 7757 s4.2). */
enum siit_hairpin {
	SIIT_HAIRPIN_INTRINSIC, /* at once, inside (s4.2.2) */
	SIIT_HAIRPIN_SIMPLE, /* the IPv4 network sends them back (s4.2.1); IPv4 sources have no mapping then */
	SIIT_HAIRPIN_OFF,
};

/*
 * Stateless translation (RFC 7915, RFC 7757). It is on if there is a prefix or a mapping. An address is translated by
 * the mapping with the longest match, else by a prefix; a packet whose both addresses are translated by a prefix, only
 * if the IPv6 host's address is translatable: this is what keeps strangers from making up IPv4 sources.
 */
struct siit_config {
	struct prefix6 prefixes
		[SIIT_PREFIXES_MAX]; /* RFC 6052; the first makes IPv6 addresses, all are understood */
	unsigned prefixes_len;
	const struct eam *mappings; /* borrowed for the call; may be NULL if mappings_len is 0 */
	unsigned mappings_len;	    /* at most EAM_MAX */
	struct prefix4
		translatable[SIIT_TRANSLATABLE_MAX]; /* of IPv6 hosts whose addresses lie under a prefix */
	unsigned translatable_len;
	struct prefix4 deny[NAT64_DENY_MAX]; /* IPv4 destinations that a prefix never stands for */
	unsigned deny_len;
	bool allow_non_global; /* the well-known prefix may stand for private IPv4 (RFC 6052 s3.1) */
	struct addr4 icmp4
		[SIIT_ICMP_SOURCES_MAX]; /* sources of ICMPv4 errors for hops without mapping (RFC 6791) */
	unsigned icmp4_len;		 /* 0: 192.0.0.8 (RFC 7600) */
	bool names_routers; /* an ICMPv4 error with such a source says whose it is (RFC 6791 s4) */
	struct addr6
		icmp6; /* source of the ICMPv6 errors that the translator makes; ::, derived from the prefix */
	unsigned lowest_ipv6_mtu; /* bytes; IPv4 packets without DF are cut to it (RFC 7915 s4); 0: 1280 */
	enum udp_zero udp_zero;
	enum siit_hairpin hairpin;
	struct prefix4 lent_pool; /* of DNS46, for the host's routes; length 0: none */
	struct lent46 *lent; /* DNS46: IPv4 addresses that are lent to IPv6 hosts for a while; needs a prefix;
				borrowed as long as the translator lives; NULL: none are */
};

/*
 * One worker's translator. Stateful translation is on if there is a prefix (nat64_is_stateful()); else @state, @deny and
 * what else concerns it are not looked at. Stateless translation comes first where both could take a packet.
 */
struct nat64_config {
	struct prefix6 prefixes[STATE_PREFIXES_MAX]; /* RFC 6052; none contains another */
	unsigned prefixes_len;
	struct prefix4 deny[NAT64_DENY_MAX]; /* IPv4 destinations never translated to */
	unsigned deny_len;
	bool ftp_alg;		  /* follow FTP control connections that begin (RFC 6384) */
	bool allow_non_global;	  /* the well-known prefix may stand for private IPv4 (RFC 6052 s3.1) */
	unsigned lowest_ipv6_mtu; /* as that of siit_config */
	enum udp_zero udp_zero;
	struct state_config state;
	struct siit_config siit;
	const struct flow_maps
		*flows; /* the kernel's programs translate flows (flowcache.h); shared by all workers,
					  borrowed as long as one lives; NULL: they do not */
};

static inline bool nat64_is_stateful(const struct nat64_config *c)
{
	return c->prefixes_len > 0;
}

static inline bool siit_is_on(const struct siit_config *c)
{
	return c->prefixes_len > 0 || c->mappings_len > 0;
}

/** siit_config_validate() - whether @c keeps the invariants above */
bool siit_config_validate(const struct siit_config *c);

#endif
