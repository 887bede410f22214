/* engine_config.h - the text that configures libunbound; private to the engine */
#ifndef ISTHMUS_DNS64_ENGINE_CONFIG_H
#define ISTHMUS_DNS64_ENGINE_CONFIG_H

#include "dns64/config.h"

#include <stdio.h>

/* Installed by Debian's dns-root-data and ca-certificates. */
#define ROOT_KEY_PATH "/usr/share/dns/root.key"
#define ROOT_HINTS_PATH "/usr/share/dns/root.hints"
#define RESERVED_PORTS_PATH "/proc/sys/net/ipv4/ip_local_reserved_ports"

/* A name that the text makes local, so that asking for it builds everything and sends nothing. */
#define WARM_UP_NAME "warm-up.isthmus.invalid."

#define DIRECT_PERCENT                                                                                       \
	75 /* of the memory for caches, if upstreams are asked directly (direct.h); libunbound has the rest */

#define STALE_TTL 29 /* seconds; of records beyond their time */

/**
 * engine_config_check() - whether the configuration can be turned into text
 * @fault:	on failure, a sentence for the user
 *
 * Return: 0; -EINVAL; -ENOENT if a file that it needs is missing.
 */
MUST_CHECK int engine_config_check(const struct dns64_config *c, char *fault, size_t fault_size);

/* For each server over TLS the port of the carrier on 127.0.0.1; those of others are not looked at. */
struct engine_config_ports {
	uint16_t upstream[DNS64_UPSTREAM_MAX];
	uint16_t forward[DNS64_FORWARD_MAX][DNS64_FORWARD_TO_MAX];
};

/* What the text depends on beside the configuration. */
struct engine_config_host {
	unsigned threads; /* how many engines share the memory of the caches; at least 1 */
	const char
		*reserved; /* the kernel's list of reserved ports, such as "49152-65535,8080"; "" for none */
	const struct engine_config_ports *ports;
	unsigned cache_percent; /* of dns64.cache-size that is for libunbound */
	bool is_uncached; /* answers of servers that are forwarded to are neither kept nor given again */
};

/** engine_config_write() - write the text */
void engine_config_write(FILE *f, const struct dns64_config *c, const struct engine_config_host *h);

/** engine_config_share() - of the configured memory for caches, the bytes of one of @threads engines */
uint64_t engine_config_share(const struct dns64_config *c, unsigned threads);

/** engine_config_has_tls() - whether any server is asked over TLS */
bool engine_config_has_tls(const struct dns64_config *c);

#endif
