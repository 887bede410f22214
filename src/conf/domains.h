/* domains.h - the keys of dns64 that are about single domains: forward, local, block, serve-stale */
#ifndef ISTHMUS_CONF_DOMAINS_H
#define ISTHMUS_CONF_DOMAINS_H

#include "conf/item.h"
#include "conf/key.h"

extern const struct conf_keys conf_dns64_forward_keys, conf_dns64_local_keys, conf_dns64_block_keys,
	conf_dns64_stale_keys;

extern const struct conf_item item_local_address; /* struct endpoint: of a host, of either family */

/* One entry of dns64.local as it is written; base of conf_dns64_local_keys. */
struct local_draft {
	struct dns_name name;
	struct endpoint addresses[DNS64_LOCAL_ADDRESSES_MAX];
	unsigned addresses_len;
};

enum locals_outcome { LOCALS_ADDED, LOCALS_KNOWN, LOCALS_FULL, LOCALS_NOMEM };

/**
 * locals_add() - give a name an address more
 *
 * Return: LOCALS_KNOWN if it has it already; LOCALS_FULL at DNS64_LOCAL_MAX.
 */
MUST_CHECK enum locals_outcome locals_add(
	struct conf *c, const struct dns_name *name, const struct endpoint *address);

/**
 * domains_check() - a fault for each server of dns64.forward that is ourselves
 * @host4:	the host's own IPv4 address, or NULL if it is not known
 */
void domains_check(struct conf_reading *r, const struct addr4 *host4);

/** domains_check_block() - a fault for each domain that is blocked in two ways; a conf_key's check() */
void domains_check_block(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base);

/**
 * hosts_take() - add the names of a file in the form of /etc/hosts to dns64.local, and forget the file's name
 * @text:	NULL if it cannot be read
 *
 * Lines with addresses that mean nothing to others (loopback, link-local, unspecified, multicast) are passed over
 * silently; what is no address or no name of a host, with a warning.
 */
void hosts_take(struct conf_reading *r, const char *text);

#endif
