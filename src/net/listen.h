/* listen.h - sockets bound to an address, made by the supervisor before it gives up its rights */
#ifndef ISTHMUS_NET_LISTEN_H
#define ISTHMUS_NET_LISTEN_H

#include "addr/endpoint.h"
#include "base/compiler.h"

/* Whether other sockets of ours are bound to the same address: one for each thread. */
enum sharing { BOUND_ALONE, BOUND_TOGETHER };

/**
 * listen_open() - one socket, bound to an address; of TCP it listens
 * @at:		where; IPv6 sockets take IPv6 only (IPV6_V6ONLY), so no mapped address is ever seen
 * @type:	SOCK_STREAM or SOCK_DGRAM; a datagram socket bound to every address tells the destination of each datagram
 *
 * Return:  the descriptor, which does not block; -errno: -EADDRINUSE, -EACCES (low port), -EADDRNOTAVAIL (not ours), ...
 * Context: a port below 1024 needs CAP_NET_BIND_SERVICE
 */
MUST_CHECK int listen_open(const struct endpoint *at, int type, enum sharing sharing);

/**
 * listen_open_all() - a socket for each of some threads, of which the kernel picks one for each client's port
 * @ret_fds:	@len of them, open until the caller closes them; of no value on failure
 *
 * With SO_REUSEPORT, a bind() beside another program's that has it too works, and the kernel gives each a part of the
 * clients. So the address is first bound without, which fails if anybody is there.
 *
 * Return: 0; -errno, as listen_open()
 */
MUST_CHECK int listen_open_all(const struct endpoint *at, int type, unsigned len, int *ret_fds);

#endif
