/*
 * resolver.h - DNS64: listeners, libunbound, synthesis, answers (RFC 6147)
 *
 * Runs on one event loop, in one thread, in the resolver's process.
 */
#ifndef ISTHMUS_DNS64_RESOLVER_H
#define ISTHMUS_DNS64_RESOLVER_H

#include "dns64/config.h"
#include "loop/loop.h"

struct resolver; /* opaque */

/* One listen address of the configuration and its sockets, bound by the supervisor. */
struct resolver_socket {
	int udp; /* bound */
	int tcp; /* listening */
};

/* Every counter of the resolver: counters.def generates the fields, names and texts. */
struct dns64_counters {
#define DNS_COUNTER(name, text) unsigned long name;
#include "dns64/counters.def"
#undef DNS_COUNTER
};

/**
 * resolver_new() - make a resolver and start to serve
 * @sockets:	@sockets_len of them, borrowed; parallel to c->listen
 * @fault:	on failure a sentence for the user
 *
 * Opens what libunbound will need later (trust anchor, root hints, random device), so that the process can be
 * sandboxed afterwards.
 *
 * Return: 0; -errno.
 */
MUST_CHECK int resolver_new(const struct dns64_config *c, struct loop *l,
	const struct resolver_socket *sockets, unsigned sockets_len, struct resolver **ret, char *fault,
	size_t fault_size);
void resolver_free(struct resolver *r);

/** resolver_update() - new allow list, prefixes, exclusions; -EBUSY if listen, upstream or dnssec differ */
MUST_CHECK int resolver_update(struct resolver *r, const struct dns64_config *c);

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
