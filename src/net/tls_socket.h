/*
 * tls_socket.h - the socket under a TLS connection, as OpenSSL's own but for what it tells of each read
 */
#ifndef ISTHMUS_NET_TLS_SOCKET_H
#define ISTHMUS_NET_TLS_SOCKET_H

#include "base/compiler.h"

#include <stdbool.h>

struct ssl_st;

/** tls_socket_attach() - have @tls read from and write to @fd, which stays the caller's; false without memory */
MUST_CHECK bool tls_socket_attach(struct ssl_st *tls, int fd);
/** tls_socket_forget() - what was read until now does not count for tls_socket_is_empty() */
void tls_socket_forget(struct ssl_st *tls);
/** tls_socket_is_empty() - whether the last read since tls_socket_forget() has brought less than there was room for, or nothing */
bool tls_socket_is_empty(const struct ssl_st *tls);

#endif
