/* listen.h - the sockets of one listen address, made by the supervisor before it gives up its rights */
#ifndef ISTHMUS_DNS64_LISTEN_H
#define ISTHMUS_DNS64_LISTEN_H

#include "dns64/resolver.h"

/**
 * resolver_socket_open() - bind a UDP socket and a listening TCP socket to one address
 * @at:		where to listen; IPv6 sockets take IPv6 only
 * @ret:	untouched on failure; close both descriptors when done
 *
 * Return: 0; -errno: -EADDRINUSE (another resolver), -EACCES (low port), -EADDRNOTAVAIL (not ours), ...
 * Context: start-up; a port below 1024 needs CAP_NET_BIND_SERVICE.
 */
MUST_CHECK int resolver_socket_open(const struct dns_endpoint *at, struct resolver_socket *ret);

/** dns_endpoint_text() - "192.0.2.1:53" or "[2001:db8::1]:53"; returns @buf */
const char *dns_endpoint_text(const struct dns_endpoint *e, char buf[static ENDPOINT6_TEXT]);

/** resolver_stream_open() - a listening TCP socket alone, for DNS over TLS; the descriptor, or -errno */
MUST_CHECK int resolver_stream_open(const struct dns_endpoint *at);

#endif
