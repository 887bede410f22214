/*
 * dot.h - one server that is asked over TLS (RFC 7858, the client's side)
 *
 * Queries of many askers share one connection, which is made when there is something to ask and closed when there has
 * been nothing for a while. Runs on one loop, in one thread.
 */
#ifndef ISTHMUS_DNS64_DOT_H
#define ISTHMUS_DNS64_DOT_H

#include "dns64/resolver.h"
#include "dns64/wire.h"

#define DOT_OPEN_MAX 1024 /* queries that wait for one server */
#define DOT_QUERY_MAX 640 /* bytes of a query: a name, and an OPT record with its padding */

struct dot; /* opaque */

/* What dot_ask() needs to give an answer back. */
struct dot_asker {
	void (*answered)(void *ctx, uint16_t from, const uint8_t *reply, size_t len);
	void *ctx;
};

/**
 * dot_new() - a server, not yet asked
 * @u:		its address and its name; copied
 * @tls:	of tls_client_context_new(), borrowed
 * @counters:	those that start with upstream_tls_ are added to; borrowed
 * @asker:	told of each reply, with the identifier that the query had; maybe inside of dot_ask()
 *
 * Return: 0; -ENOMEM
 */
MUST_CHECK int dot_new(const struct upstream *u, struct loop *l, struct ssl_ctx_st *tls,
	struct dns64_counters *counters, struct dot_asker asker, struct dot **ret);
void dot_free(struct dot *d); /* NULL is fine */

/**
 * dot_ask() - ask
 * @q:		the query, not longer than DOT_QUERY_MAX
 * @from:	given back with the reply
 *
 * Every query is answered once: by the server, or with SERVFAIL when it cannot be reached, does not prove its name, or
 * is silent (RFC 7858 s3.1: nothing is ever asked in the clear instead).
 */
void dot_ask(struct dot *d, const struct dns_msg *q, uint16_t from);

#endif
