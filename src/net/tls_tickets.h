/*
 * tls_tickets.h - the keys that session tickets are sealed with, for every context that shares them
 *
 * A ticket lets a client that comes back do without the certificate's signature, on whatever thread it arrives. Its key
 * changes every TICKETS_LIFE, and the one before is still good for as long; then it is forgotten, so that who steals a
 * key later cannot read what was said before (of TLS 1.2; TLS 1.3 makes new secrets anyway).
 */
#ifndef ISTHMUS_NET_TLS_TICKETS_H
#define ISTHMUS_NET_TLS_TICKETS_H

#include "base/clock.h"
#include "base/compiler.h"

#define TICKETS_LIFE (2 * 3600 * NSEC) /* a session may be resumed for two hours after it began */

struct ssl_ctx_st;
struct tls_tickets; /* opaque */

MUST_CHECK int tls_tickets_new(nsec now, struct tls_tickets **ret); /* 0; -ENOMEM; -EIO: no randomness */
void tls_tickets_free(struct tls_tickets *t); /* no context or connection has it any more; NULL is fine */

/** tls_tickets_tick() - change the key if it is old enough; any thread. Without randomness the old one stays */
void tls_tickets_tick(struct tls_tickets *t, nsec now);

/**
 * tls_tickets_use() - tickets of a context are sealed with these keys
 * @scope:	what a session is bound to: it is resumed under a context of the same scope only
 *
 * Spec:    RFC 5077 s4, s5.5; RFC 8446 s4.6.1
 * Return:  0; -EINVAL
 */
MUST_CHECK int tls_tickets_use(
	struct tls_tickets *t, struct ssl_ctx_st *ctx, const unsigned char scope[static 32]);

#endif
