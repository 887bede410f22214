/* dial_socket.h - one attempt of a dial: a socket on its way to one address, and whether it got where it may be */
#ifndef ISTHMUS_RELAY_DIAL_SOCKET_H
#define ISTHMUS_RELAY_DIAL_SOCKET_H

#include "relay/dial.h"

/** dial_socket_fault() - what an errno of a connection says of the way or of the peer */
enum dial_fault dial_socket_fault(int err);

/** dial_socket_judge() - DIAL_OK, or why an address may not be dialled; @access as in struct dial_plan */
enum dial_fault dial_socket_judge(struct own *own, const struct access *access, const struct endpoint *at);

/** dial_socket_bind_free() - let an IPv6 socket be bound to an address that is not this host's; 0, -errno */
MUST_CHECK int dial_socket_bind_free(int fd);

/**
 * dial_socket_open() - begin to connect
 * @from:	address to bind to, which need not be this host's (IPV6_FREEBIND); NULL: the kernel chooses
 * @ret_fd:	does not block; untouched on failure
 *
 * Return: 0: the socket is writable when it is connected, or has failed; -errno
 */
MUST_CHECK int dial_socket_open(
	enum dial_kind kind, const struct endpoint *to, const struct endpoint *from, int *ret_fd);

/** dial_socket_error() - what has broken a socket; DIAL_OK: nothing */
enum dial_fault dial_socket_error(int fd);

/**
 * dial_socket_check() - whether a socket that is connected to @to may be used
 *
 * An address that turns out to be this host's, because both ends have it, is noticed (own.h) before it is judged. The
 * kernel is not asked for the peer: connect() has connected to what it was told, or it has not.
 *
 * Return: DIAL_OK; why it may not
 */
enum dial_fault dial_socket_check(
	int fd, const struct endpoint *to, struct own *own, const struct access *access);

#endif
