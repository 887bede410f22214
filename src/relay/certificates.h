/*
 * certificates.h - the certificates that are shown to clients, the keys of their session tickets, and those that servers'
 * certificates are checked with
 *
 * Common to all lanes, and outliving a configuration: the same certificate in the next one is the same context here, and a
 * client's session is resumed on every thread. A context is never changed, so a renewed certificate is for new
 * connections and ends none.
 */
#ifndef ISTHMUS_RELAY_CERTIFICATES_H
#define ISTHMUS_RELAY_CERTIFICATES_H

#include "base/compiler.h"
#include "relay/config.h"

struct certificates; /* opaque: all of the process */
struct ssl_ctx_st;
struct ssl_st;

MUST_CHECK int certificates_new(struct certificates **ret);
void certificates_free(struct certificates *c); /* all were given back; NULL is fine */

/**
 * certificates_take() - the context of a certificate and its key, made or found; any thread
 * @fault:	on failure a sentence for the user
 *
 * Return: 0, *ret is for certificates_give(); -EINVAL; -ENOMEM
 */
MUST_CHECK int certificates_take(struct certificates *c, const struct relay_text *pem,
	struct ssl_ctx_st **ret, char *fault, size_t fault_size);
/**
 * certificates_take_trusted() - the context of connections to servers, over HTTP/1.1; any thread
 * @pem:	who certifies them; NULL: any certificate will do
 *
 * Return: as certificates_take()
 */
MUST_CHECK int certificates_take_trusted(struct certificates *c, const struct relay_text *pem,
	struct ssl_ctx_st **ret, char *fault, size_t fault_size);
void certificates_give(struct certificates *c, struct ssl_ctx_st *ctx); /* NULL is fine */

/** certificates_accept() - tls_accept() (net/tls.h) with a context that was taken, and see to the age of the tickets' key */
struct ssl_st *certificates_accept(struct certificates *c, struct ssl_ctx_st *ctx, int fd);

#endif
