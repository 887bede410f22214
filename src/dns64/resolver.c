/*
 * resolver.c - DNS64: a resolver that synthesizes AAAA records (RFC 6147)
 *
 * Purpose. IPv6-only hosts ask here; names that have only IPv4 addresses get IPv6 addresses that lead to the
 * translator.
 *
 * The way of a query, one file each:
 *
 *	udp.c, tcp.c	bytes from a client, and the way back to it; tls.c is between
 *	query.c		checked, or refused				pure
 *	admit.c		beyond its rate or not; gate.c, cookie.c, clients.c	pure but for the clock and a lock
 *	view.c		which policy its client gets			pure
 *	answers.c	given again, if the same was answered before
 *	offers.c	and offered to the XDP program, which then answers before all this
 *	synth_plan.c	what to ask for it				pure
 *	habit.c		A with AAAA, or after it			pure
 *	engine.c	asked: direct.c and what it has kept, or libunbound: its cache, or the world
 *	synth.c		what the answer is				pure
 *	synth_write.c	the answer's records				pure
 *	reply.c		the whole reply					pure
 *	serve.c		brings the above together, with time limits
 *
 * with name.c, wire.c, wire_write.c and reverse.c (names, messages, reverse names; pure) underneath. Policy
 * is applied after the cache: libunbound and messages.c hold what the world said, and what a client is given is decided for
 * each policy. A new policy takes effect with the next reply (resolver_update()): the written replies of answers.c are
 * dropped then, what is known of the world stays.
 *
 * Life cycle: resolver_new() opens everything and serves from then on; the process may be sandboxed after it;
 * resolver_free() closes clients, and leaves the sockets that it was lent to whoever lent them.
 *
 * Threads. resolvers.c runs one resolver in each thread, whole, with sockets, caches and counters of its own. They share
 * the gate only, which has its own locks.
 *
 * Limits: QUERIES_OPEN_MAX, dns64.connections, ENGINE_HELD_MAX; each has a counter that says when it was met.
 *
 * Deliberately not done here: service for anybody but the configured clients; authoritative zones, apart from
 * ipv4only.arpa and the reverse zones of the prefixes; classes other than IN; zone transfer; dynamic update.
 *
 * Standards: RFC 6147, RFC 8880, RFC 1034, RFC 1035, RFC 2181, RFC 2308, RFC 4035 s3.2, RFC 6891, RFC 7766.
 */
#include "dns64/serve.h"

#include "base/log.h"
#include "base/random.h"
#include "net/tls.h"
#include "dns64/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

unsigned resolver_connections_max(const struct resolver *r)
{
	return (r->config.connections + r->threads - 1) / r->threads;
}

bool resolver_allows(const struct resolver *r, const struct endpoint *client)
{
	for (unsigned i = 0; i < r->config.allow_len; i++)
		if (prefix_contains(&r->config.allow[i], client))
			return true;
	return false;
}

/* What conf/ has checked already; the counts are bounds of our arrays, so they are checked again. */
static int check_config(const struct dns64_config *c, char *fault, size_t fault_size)
{
	bool fits = c->listen_len <= DNS64_LISTEN_MAX && c->allow_len <= DNS64_ALLOW_MAX &&
		    c->upstream_len <= DNS64_UPSTREAM_MAX;
	const char *why = fits ? view_fault(c) : "too many entries in a list";

	if (!why)
		return 0;
	snprintf(fault, fault_size, "the configuration of DNS64 cannot be used: %s", why);
	return -EINVAL;
}

static int start_sockets(struct resolver *r, const struct resolver_socket *sockets, unsigned sockets_len)
{
	for (unsigned i = 0; i < sockets_len; i++) {
		r->sockets_len = i + 1;
		int err = udp_start(r, &r->udp[i], sockets[i].udp);

		if (err == 0)
			err = tcp_start(r, OVER_TCP, sockets[i].tcp);
		if (err < 0)
			return err;
	}
	return 0;
}

/* *ret stays NULL if the configuration wants none. */
static int new_answers(const struct dns64_config *c, unsigned threads, struct answers **ret)
{
	unsigned share = c->answer_cache / threads;

	if (c->answer_cache == 0)
		return 0;
	return answers_new(share > 0 ? share : 1, ret);
}

/* RFC 7646 s6: what is not validated must not be forgotten. */
static void log_anchors(const struct dns64_config *c)
{
	char name[DNS_NAME_TEXT];

	for (unsigned i = 0; i < c->anchors_len; i++)
		log_warning("dns64: answers for %s and below are not validated (negative-trust-anchors)",
			dns_name_text(&c->anchors[i], name));
	for (unsigned i = 0; i < c->forward_len; i++)
		if (!c->forward[i].is_validated)
			log_info("dns64: answers for %s and below are not validated (forward, dnssec: off)",
				dns_name_text(&c->forward[i].domain, name));
}

/* Everything that needs memory only. */
static int make_parts(struct resolver *r, struct gate *gate)
{
	int err = random_seed(&r->habits.key, sizeof(r->habits.key));

	if (err == 0)
		err = udp_new(r);
	if (err == 0 && !gate)
		err = gate_new(&r->own_gate);
	r->gate = gate ? gate : r->own_gate;
	if (err == 0)
		err = serve_start(r);
	if (err == 0)
		err = new_answers(&r->config, r->threads, &r->answers);
	return err;
}

static int start(struct resolver *r, const struct resolver_plan *p, char *fault, size_t fault_size)
{
	int err = make_parts(r, p->gate);

	if (err < 0) {
		snprintf(fault, fault_size, "%s", err == -ENOMEM ? "out of memory" : "no randomness");
		return err;
	}
	err = engine_new(&r->config, r->threads, r->loop, &r->counters, &r->engine, fault, fault_size);
	if (err < 0)
		return err;
	err = start_sockets(r, p->sockets, p->sockets_len);
	if (err < 0) {
		snprintf(fault, fault_size, "cannot watch a socket: %s", strerror(-err));
		return err;
	}
	if (!p->config->dnssec_validate || p->is_quiet)
		return 0;
	log_anchors(p->config);
	return trial_start(&r->trial, r->engine, r->loop);
}

int resolver_new(const struct resolver_plan *plan, struct resolver **ret, char *fault, size_t fault_size)
{
	int err = check_config(plan->config, fault, fault_size);

	if (err < 0)
		return err;
	ASSERT(plan->sockets_len <= DNS64_LISTEN_MAX);
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	r->config = *plan->config;
	r->loop = plan->loop;
	r->lender = plan->lender;
	r->threads = plan->threads > 0 ? plan->threads : 1;
	err = start(r, plan, fault, fault_size);
	if (err < 0) {
		resolver_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

void resolver_renew_tls(struct resolver *r, enum dns_transport transport, struct ssl_ctx_st *context)
{
	tls_context_free(r->tls[transport]);
	r->tls[transport] = context;
}

int resolver_serve_tls(struct resolver *r, enum dns_transport transport, struct ssl_ctx_st *context,
	const int *fds, unsigned fds_len)
{
	int err = 0;

	resolver_renew_tls(r, transport, context);
	for (unsigned i = 0; err == 0 && i < fds_len; i++)
		err = tcp_start(r, transport, fds[i]);
	return err;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->sockets_len; i++)
		udp_stop(&r->udp[i]);
	tcp_stop(r); /* first, so that the end of a query does not start to read the next one */
	serve_stop(r);
	trial_stop(&r->trial);
	engine_free(r->engine);
	udp_free(r);
	gate_free(r->own_gate);
	for (unsigned i = 0; i < TRANSPORT_COUNT; i++)
		tls_context_free(r->tls[i]);
	answers_free(r->answers);
	free(r);
}

static bool same_forward(const struct dns64_forward *a, const struct dns64_forward *b)
{
	if (!dns_name_equal(&a->domain, &b->domain) || a->to_len != b->to_len ||
		a->is_validated != b->is_validated)
		return false;
	for (unsigned i = 0; i < a->to_len; i++)
		if (!upstream_equal(&a->to[i], &b->to[i]))
			return false;
	return true;
}

/* What libunbound is told of domains when it starts. */
static bool same_domains(const struct dns64_config *a, const struct dns64_config *b)
{
	if (a->forward_len != b->forward_len || a->anchors_len != b->anchors_len ||
		a->stale.keep != b->stale.keep || a->stale.answer_after != b->stale.answer_after)
		return false;
	for (unsigned i = 0; i < a->forward_len; i++)
		if (!same_forward(&a->forward[i], &b->forward[i]))
			return false;
	for (unsigned i = 0; i < a->anchors_len; i++)
		if (!dns_name_equal(&a->anchors[i], &b->anchors[i]))
			return false;
	return true;
}

/* Whether everything that is fixed at start stays as it is. */
static bool same_service(const struct dns64_config *a, const struct dns64_config *b)
{
	if (a->listen_len != b->listen_len || a->upstream_mode != b->upstream_mode ||
		a->upstream_len != b->upstream_len || a->dnssec_validate != b->dnssec_validate ||
		a->random_case != b->random_case || strcmp(a->upstream_ca, b->upstream_ca) != 0)
		return false;
	for (unsigned i = 0; i < a->listen_len; i++)
		if (!endpoint_equal(&a->listen[i], &b->listen[i]))
			return false;
	for (unsigned i = 0; i < a->upstream_len; i++)
		if (!upstream_equal(&a->upstream[i], &b->upstream[i]))
			return false;
	return same_domains(a, b);
}

void resolver_share(struct resolver *r, struct offers *o)
{
	r->offers = o;
	r->offers_epoch = o ? offers_epoch(o) : 0;
}

int resolver_prepare(const struct resolver *r, const struct dns64_config *c, struct answers **ret_fresh)
{
	char fault[128];
	struct answers *fresh = NULL;
	int err = check_config(c, fault, sizeof(fault));

	if (err == 0 && !same_service(&r->config, c))
		err = -EBUSY;
	if (err == 0)
		err = new_answers(c, r->threads, &fresh);
	if (err < 0)
		return err;
	*ret_fresh = fresh;
	return 0;
}

void resolver_commit(struct resolver *r, const struct dns64_config *c, struct answers *fresh)
{
	engine_update_local(r->engine, &r->config, c);
	answers_free(r->answers);
	r->answers = fresh;
	r->config = *c;
	r->generation++;
	resolver_share(r, r->offers);
}

int resolver_update(struct resolver *r, const struct dns64_config *c)
{
	struct answers *fresh;
	int err = resolver_prepare(r, c, &fresh);

	if (err < 0)
		return err;
	resolver_commit(r, c, fresh);
	return 0;
}

/*
 * Queries under way were asked before, and are answered by what came, but not kept. What is offered is common to all
 * threads, and the last one to forget leaves nothing that another one has offered meanwhile.
 */
static unsigned forget(struct resolver *r, const struct dns_name *name, enum name_scope scope)
{
	unsigned n = r->answers ? answers_forget(r->answers, name, scope) : 0;

	r->generation++;
	if (r->offers)
		offers_forget(r->offers, name);
	return n;
}

int resolver_flush(
	struct resolver *r, const struct dns_name *name, enum name_scope scope, unsigned *ret_answers)
{
	int err = engine_flush(r->engine, name, scope);

	if (err < 0)
		return err;
	*ret_answers = forget(r, name, scope);
	return 0;
}

int resolver_flush_all(struct resolver *r, unsigned *ret_answers)
{
	const struct dns_name root = { .len = 1 };
	int err = engine_flush_all(r->engine);

	if (err < 0)
		return err;
	*ret_answers = forget(r, &root, SCOPE_BELOW);
	return 0;
}

void resolver_log_to(struct resolver *r, struct query_log *l)
{
	r->query_log = l;
}

const struct answers *resolver_answers(const struct resolver *r)
{
	return r->answers;
}

const struct direct *resolver_direct(const struct resolver *r)
{
	return engine_direct(r->engine);
}

const struct dns64_config *resolver_config(const struct resolver *r)
{
	return &r->config;
}

const struct dns64_counters *resolver_counters(const struct resolver *r)
{
	return &r->counters;
}

void resolver_status(const struct resolver *r, struct resolver_status *ret)
{
	*ret = (struct resolver_status){
		.queries_open = r->open_len,
		.tcp_clients = r->clients_len,
		.queries_open_max = QUERIES_OPEN_MAX,
		.tcp_clients_max = resolver_connections_max(r),
		.validation = r->config.dnssec_validate ? trial_name(r->trial.outcome) : "off",
	};
}
