/*
 * resolvers.h - the resolver's threads: one whole resolver in each, seen from outside as one
 *
 * All calls are made by one thread, the one that made the group. The first resolver runs on that thread's loop; the
 * others have threads and loops of their own.
 */
#ifndef ISTHMUS_DNS64_RESOLVERS_H
#define ISTHMUS_DNS64_RESOLVERS_H

#include "addr/lent46.h"
#include "dns64/resolver.h"

struct resolvers; /* opaque */

/* What the group is made of. */
struct resolvers_plan {
	const struct dns64_config *config;
	struct loop *loop;		       /* of the thread that calls */
	unsigned threads;		       /* 1 to DNS64_THREADS_MAX */
	const struct resolver_socket *sockets; /* borrowed; for each config->listen one for each thread */
	const struct lent46 *lent; /* the table of DNS46, to be written; copied; NULL: there is none */
};

/**
 * resolvers_new() - make all resolvers; the first serves as soon as its loop runs, the others after resolvers_start()
 * @fault:	on failure a sentence for the user
 *
 * Return: 0; -errno.
 * Context: start-up; reads files.
 */
MUST_CHECK int resolvers_new(
	const struct resolvers_plan *plan, struct resolvers **ret, char *fault, size_t fault_size);
void resolvers_free(struct resolvers *k); /* ends the threads; NULL is fine */

/** resolvers_start() - start the threads, inside the sandbox; 0 or -errno */
MUST_CHECK int resolvers_start(struct resolvers *k);

unsigned resolvers_len(const struct resolvers *k);

/**
 * resolvers_each() - call @fn for each resolver in turn, on its own thread, and wait for it
 *
 * So @fn may use whatever belongs to the resolver, and @ctx without a lock. Queries wait meanwhile, so it is short.
 */
void resolvers_each(struct resolvers *k, void (*fn)(struct resolver *r, void *ctx), void *ctx);

/** resolvers_first() - the resolver on the caller's own thread */
struct resolver *resolvers_first(struct resolvers *k);

/**
 * resolvers_serve_tls() - serve over TLS, too; before resolvers_start()
 * @context:	of tls_context_new(); taken over, also on failure
 * @fds:	listening sockets, borrowed: of each of @listen_len addresses one for each thread
 */
MUST_CHECK int resolvers_serve_tls(struct resolvers *k, enum dns_transport transport,
	struct ssl_ctx_st *context, const int *fds, unsigned listen_len);

/** resolvers_renew_tls() - as resolver_renew_tls(), for all */
void resolvers_renew_tls(struct resolvers *k, enum dns_transport transport, struct ssl_ctx_st *context);

/** resolvers_update() - as resolver_update(): all take the new configuration, or none does */
MUST_CHECK int resolvers_update(struct resolvers *k, const struct dns64_config *c);

/** resolvers_counters() - the sums over all threads */
void resolvers_counters(struct resolvers *k, struct dns64_counters *ret);

/** resolvers_status() - the sums over all threads, limits included */
void resolvers_status(struct resolvers *k, struct resolver_status *ret);

#endif
