/*
 * resolver.h - DNS64: listeners, libunbound, synthesis, answers (RFC 6147)
 *
 * One resolver runs on one event loop, in one thread. resolvers.h makes one service of several.
 */
#ifndef ISTHMUS_DNS64_RESOLVER_H
#define ISTHMUS_DNS64_RESOLVER_H

#include "dns64/config.h"
#include "dns64/flushed.h"
#include "loop/loop.h"

struct resolver; /* opaque */
struct query_log;  /* query_log.h */
struct ssl_ctx_st; /* tls.h */

/* One listen address of the configuration and its sockets, bound by the supervisor. */
struct resolver_socket {
	int udp; /* bound */
	int tcp; /* listening */
};

enum dns_transport { OVER_UDP, OVER_TCP, OVER_TLS, OVER_HTTPS, TRANSPORT_COUNT };

/* Every counter of the resolver: counters.def generates the fields, names and texts. */
struct dns64_counters {
#define DNS_COUNTER(name, text) unsigned long name;
#include "dns64/counters.def"
#undef DNS_COUNTER
};

struct gate; /* gate.h */
struct lender; /* lender.h */

/* What one resolver is made of. */
struct resolver_plan {
	const struct dns64_config *config;
	struct loop *loop;
	const struct resolver_socket *sockets; /* borrowed; parallel to config->listen */
	unsigned sockets_len;
	struct gate *gate; /* shared with the other threads, outlives the resolver; NULL: one of its own */
	struct lender *lender; /* shared, too; NULL: nothing is lent (DNS46) */
	unsigned threads;  /* how many resolvers share the memory that the configuration gives; 0 is 1 */
	bool is_quiet;	   /* another one looks whether the upstream can be validated */
};

/**
 * resolver_new() - make a resolver and start to serve
 * @fault:	on failure a sentence for the user
 *
 * Opens what libunbound will need later (trust anchor, root hints, random device), so that the process can be
 * sandboxed afterwards.
 *
 * Return: 0; -errno.
 */
MUST_CHECK int resolver_new(
	const struct resolver_plan *plan, struct resolver **ret, char *fault, size_t fault_size);
void resolver_free(struct resolver *r);

/**
 * resolver_serve_tls() - serve over TLS, too, from now on
 * @context:	of tls_context_new(); taken over, also on failure
 * @fds:	@fds_len listening sockets, borrowed
 *
 * Return: 0; -ENOMEM, and nothing is served over it.
 */
MUST_CHECK int resolver_serve_tls(struct resolver *r, enum dns_transport transport,
	struct ssl_ctx_st *context, const int *fds, unsigned fds_len);

/** resolver_renew_tls() - take over a new certificate, for connections that begin from now on */
void resolver_renew_tls(struct resolver *r, enum dns_transport transport, struct ssl_ctx_st *context);

struct answers; /* answers.h */

/**
 * resolver_prepare(), resolver_commit() - take over a new configuration, in two steps of which the second cannot fail
 * @ret_fresh:	what resolver_commit() takes over, or answers_free() frees; may be NULL
 *
 * Return: as resolver_update().
 * Context: prepare: any thread, while nobody commits; commit: the resolver's.
 */
MUST_CHECK int resolver_prepare(
	const struct resolver *r, const struct dns64_config *c, struct answers **ret_fresh);
void resolver_commit(struct resolver *r, const struct dns64_config *c, struct answers *fresh);

struct offers; /* offers.h */

/** resolver_share() - offer answers to the XDP program from now on; @o is borrowed, and outlives the resolver */
void resolver_share(struct resolver *r, struct offers *o);

/**
 * resolver_update() - another allow list, other prefixes, exclusions, views, limits, local names, blocked domains
 * @c:	its local names are borrowed until the next update, or the end
 *
 * Return: 0; -EBUSY if something differs that is fixed at start; another -errno.
 */
MUST_CHECK int resolver_update(struct resolver *r, const struct dns64_config *c);

/** resolver_log_to() - log queries; @l is borrowed, and may be shared with other threads */
void resolver_log_to(struct resolver *r, struct query_log *l);

/**
 * resolver_flush(), resolver_flush_all() - use no answer that was had before now, for a name or for any
 * @ret_answers:	how many written answers were dropped
 *
 * Return: 0; -ENOSPC, with nothing dropped, if libunbound's cache cannot be kept from being used; see engine.h.
 */
MUST_CHECK int resolver_flush(
	struct resolver *r, const struct dns_name *name, enum name_scope scope, unsigned *ret_answers);
MUST_CHECK int resolver_flush_all(struct resolver *r, unsigned *ret_answers);

/** resolver_answers() - the written answers that are kept; NULL if none are */
const struct answers *resolver_answers(const struct resolver *r);

struct direct; /* direct.h */

/** resolver_direct() - the way to upstreams without libunbound; NULL if there is none */
const struct direct *resolver_direct(const struct resolver *r);

const struct dns64_config *resolver_config(const struct resolver *r);
const struct dns64_counters *resolver_counters(const struct resolver *r);
/** dns64_counter_at() - name, text and value of counter @i; false past the last */
bool dns64_counter_at(const struct dns64_counters *c, unsigned i, const char **ret_name,
	const char **ret_text, unsigned long *ret_value);

/* For `isthmus status`. */
struct resolver_status {
	unsigned queries_open;	   /* being resolved now */
	unsigned tcp_clients;	   /* connections open now */
	unsigned queries_open_max; /* limit */
	unsigned tcp_clients_max;  /* limit */
	const char *validation;	   /* "off", "untried", "works", "fails" or "no answer": see trial.h */
};
void resolver_status(const struct resolver *r, struct resolver_status *ret);

#endif
