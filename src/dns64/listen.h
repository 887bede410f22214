/* listen.h - the sockets of one listen address, made by the supervisor before it gives up its rights */
#ifndef ISTHMUS_DNS64_LISTEN_H
#define ISTHMUS_DNS64_LISTEN_H

#include "dns64/resolver.h"

/**
 * resolver_sockets_open() - for each of some threads a UDP socket and a listening TCP socket, bound to one address
 * @at:		where to listen; IPv6 sockets take IPv6 only
 * @len:	threads, 1 to DNS64_THREADS_MAX; of several sockets the kernel picks one for each client's port
 * @ret:	@len of them, untouched on failure; close the descriptors when done
 *
 * Return: 0; -errno: -EADDRINUSE (another resolver), -EACCES (low port), -EADDRNOTAVAIL (not ours), ...
 * Context: start-up; a port below 1024 needs CAP_NET_BIND_SERVICE.
 */
MUST_CHECK int resolver_sockets_open(const struct endpoint *at, unsigned len, struct resolver_socket *ret);

#endif
