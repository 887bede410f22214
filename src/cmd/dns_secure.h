/* dns_secure.h - what the resolver serves over TLS, in the order of the descriptors that it is given */
#ifndef ISTHMUS_CMD_DNS_SECURE_H
#define ISTHMUS_CMD_DNS_SECURE_H

#include "dns64/resolver.h"

struct dns_secure_part {
	enum dns_transport transport;
	size_t at;	      /* in struct dns64_config: a struct dns64_secure */
	const char *key;      /* of the configuration */
	const char *protocol; /* for tls_context_new() */
};

#define DNS_SECURE_PARTS 2
extern const struct dns_secure_part dns_secure_parts[DNS_SECURE_PARTS];

/** dns_secure_of() - the settings of a part; it is on if it listens somewhere */
const struct dns64_secure *dns_secure_of(const struct dns64_config *c, const struct dns_secure_part *p);

/** dns_secure_sockets() - how many listening sockets all parts have */
unsigned dns_secure_sockets(const struct dns64_config *c);

/**
 * dns_secure_open() - read the certificates and keys of all parts that are on
 * @ret_fds:	a sealed memory file each, which the caller closes; untouched on failure
 * @fault:	on failure a sentence for the user
 *
 * They are not looked into: this process is privileged, the resolver is not.
 *
 * Return: how many; -errno.
 */
MUST_CHECK int dns_secure_open(
	const struct dns64_config *c, int ret_fds[static DNS_SECURE_PARTS], char *fault, size_t fault_size);

#endif
