/*
 * carrier.h - how libunbound reaches upstreams that are asked over TLS
 *
 * Debian's libunbound does not check the name in a server's certificate, or has no TLS at all. So it asks a socket of
 * ours on the loopback, one for each such server, over UDP; behind it is dot.c.
 */
#ifndef ISTHMUS_DNS64_CARRIER_H
#define ISTHMUS_DNS64_CARRIER_H

#include "dns64/resolver.h"
#include "dns64/wire.h"

struct carrier; /* opaque */

/**
 * carrier_new() - open the sockets, one for each different server over TLS that @config has
 * @counters:	borrowed
 * @fault:	on failure, a sentence for the user
 *
 * A server that stands in the configuration more than once has one connection.
 *
 * Return: 0; -EINVAL: the authorities of upstream_ca; -ENOSPC: DNS64_TLS_SERVERS_MAX; -errno
 * Context: start-up; reads a file
 */
MUST_CHECK int carrier_new(const struct dns64_config *config, struct loop *l, struct dns64_counters *counters,
	struct carrier **ret, char *fault, size_t fault_size);
void carrier_free(struct carrier *c); /* NULL is fine */

/** carrier_port() - the port on 127.0.0.1 that leads to @server, host order; 0 if none does */
uint16_t carrier_port(const struct carrier *c, const struct upstream *server);

/**
 * carrier_pad() - lengthen a query so that its length says little about its name
 * @query:	the bytes of @m, in @room bytes
 *
 * Up to the next multiple of 128 bytes; one without an OPT record as its last stays as it is.
 *
 * Spec:   RFC 7830 s3, RFC 8467 s4.1
 * Return: the length; @m is not valid any more
 */
size_t carrier_pad(const struct dns_msg *m, uint8_t *query, size_t room);

#endif
