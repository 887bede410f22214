/*
 * tls.h - TLS, the server's side and the client's: certificates, and the bytes of one connection
 *
 * OpenSSL's own types are named here but not included, as loop.h does with libevent's. A connection keeps what its
 * certificate came with alive, so a new certificate is for new connections and ends none.
 */
#ifndef ISTHMUS_NET_TLS_H
#define ISTHMUS_NET_TLS_H

#include "base/bytes.h"
#include "base/compiler.h"

#include <sys/types.h>

struct ssl_ctx_st; /* a certificate, its key, and the settings */
struct ssl_st;	   /* one connection */

/**
 * tls_context_new() - make a context of a certificate, the certificates above it, and its key
 * @pem:	@len bytes of text with all of them, in any order but the certificate first of the certificates
 * @protocols:	of ALPN (RFC 7301), the best one first: "h2", "h2 http/1.1"; a client that offers only others is refused; ""
 *		takes every client
 * @fault:	on failure a sentence for the user
 *
 * Spec:    RFC 9325 s3.1.1 (TLS 1.2 and 1.3), s3.1.2, s4.2; RFC 8446 s8 (no early data: a replayed query is a query)
 * Return:  0; -EINVAL; -ENOMEM
 * Context: opens no file, except OpenSSL's configuration at the first call of the process
 */
MUST_CHECK int tls_context_new(const char *pem, size_t len, const char *protocols, struct ssl_ctx_st **ret,
	char *fault, size_t fault_size);
void tls_context_free(struct ssl_ctx_st *ctx); /* connections live on; NULL is fine */

/** tls_context_expires() - until when the server's own certificate is good: seconds since 1970; 0: it does not say */
int64_t tls_context_expires(const struct ssl_ctx_st *ctx);

/** tls_context_share() - @ctx once more, for another thread; each is given to tls_context_free() */
struct ssl_ctx_st *tls_context_share(struct ssl_ctx_st *ctx);

/**
 * tls_context_read_ahead() - take all that the socket has with one system call instead of two for each record
 *
 * For users that read until -EAGAIN: tls_has_pending() is then also true of a part of a record.
 */
void tls_context_read_ahead(struct ssl_ctx_st *ctx);

/** tls_accept() - begin a connection on a socket that does not block; NULL without memory. The handshake is done
 * by the first reads */
struct ssl_st *tls_accept(struct ssl_ctx_st *ctx, int fd);
/**
 * tls_client_context_new() - make a context for connections to servers whose certificates are checked
 * @authorities:	path of a file (PEM) with the certificates that are trusted
 * @fault:		on failure a sentence for the user
 *
 * Spec:    RFC 8310 s5, s8.1: the strict profile; a server that does not prove its name is not asked
 * Return:  0; -EINVAL; -ENOMEM
 * Context: reads the file; nothing is opened later
 */
MUST_CHECK int tls_client_context_new(
	const char *authorities, struct ssl_ctx_st **ret, char *fault, size_t fault_size);

/**
 * tls_client_context_new_of() - the same, of certificates that are in memory already, or for servers that need not prove
 * who they are
 * @authorities:	PEM; NULL: any certificate will do, so only who listens is kept out, not who intercepts
 * @protocol:		of ALPN, told to the server: "http/1.1"; "": none
 */
MUST_CHECK int tls_client_context_new_of(const char *authorities, size_t len, const char *protocol,
	struct ssl_ctx_st **ret, char *fault, size_t fault_size);

/** tls_connect() - begin TLS on a connected socket that does not block, to a server whose certificate must be for
 * @name, a host name or an address; NULL without memory. The handshake is done by the first reads */
struct ssl_st *tls_connect(struct ssl_ctx_st *ctx, int fd, const char *name);
/** tls_refusal() - why the server's certificate was refused; NULL if it was not */
const char *tls_refusal(const struct ssl_st *tls);

/** tls_end() - tell the peer, if the socket takes it at once, and free; the socket stays open; NULL is fine */
void tls_end(struct ssl_st *tls);

/** tls_drop() - free without a word to the peer; the socket stays open; NULL is fine */
void tls_drop(struct ssl_st *tls);
/** tls_shut() - say that nothing more will be sent (close_notify, RFC 8446 s6.1); reading goes on. 0: it is said, or there is
 * nobody to say it to; -EAGAIN: again, when the socket takes bytes */
MUST_CHECK int tls_shut(struct ssl_st *tls);

/** tls_read(), tls_write() - as recv() and send(): the number of bytes; 0: the client has ended; -EAGAIN; -EPROTO;
 * -errno */
ssize_t tls_read(struct ssl_st *tls, void *to, size_t room);
ssize_t tls_write(struct ssl_st *tls, const void *from, size_t len);

/** tls_wants_write() - whether the last read waits until the socket takes bytes */
bool tls_wants_write(const struct ssl_st *tls);
/** tls_has_pending() - whether bytes can be read that the socket does not know of any more */
bool tls_has_pending(const struct ssl_st *tls);
/** tls_is_drained() - whether the last tls_read() has emptied the socket, and all that it brought was read: there is nothing to
 * read until the socket says so */
bool tls_is_drained(const struct ssl_st *tls);
/** tls_is_established() - whether the handshake is over */
bool tls_is_established(const struct ssl_st *tls);
/** tls_protocol() - what both sides have agreed on (ALPN): "h2", "http/1.1"; "": nothing, or the handshake is not over */
const char *tls_protocol(const struct ssl_st *tls);
/** tls_context_of() - the context that it began with */
const struct ssl_ctx_st *tls_context_of(const struct ssl_st *tls);

#endif
