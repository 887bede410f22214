/*
 * role_resolver.c - the process that answers DNS queries
 *
 * It gets, per listen address in the order of dns64.listen and per thread, a bound UDP socket and a listening TCP
 * socket; then the listening sockets of dns64.tls.listen and dns64.https.listen and a memory file with certificate and
 * key, if there are any, and such a file again with each reload; last the table of the XDP program (dns64/offers.h), if
 * dns64.fastpath is not off, and the table of DNS46. How many threads there are is what the number of sockets
 * says. The resolvers are made before the sandbox is entered, because libunbound reads files when it is made, and the
 * threads start inside, so that its filter holds for them too.
 */
#include "cmd/certificates.h"
#include "cmd/dns_secure.h"
#include "cmd/lent_memory.h"
#include "cmd/resolver_log.h"
#include "cmd/role.h"
#include "cmd/show_cache.h"
#include "cmd/show_direct.h"
#include "cmd/show_dns46.h"
#include "cmd/show_lookup.h"

#include "base/clock.h"
#include "ctl/channel.h"
#include "ctl/reply.h"
#include "dns64/offers.h"
#include "dns64/resolvers.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct resolver_role {
	struct resolver_log *log; /* NULL: queries are not logged */
	struct loop *loop;
	struct resolvers *resolvers;
	const struct dns64_config *config; /* in force */
	struct dns_certificates *certificates;
	struct offers *offers; /* NULL: none */
	struct lent46 lent;    /* len 0: DNS46 is off */
	nsec linger;	       /* of DNS46 */
	nsec started;
	const int *renewal; /* during a reload: memory files with certificates */
	unsigned renewal_len;
};

/* --- certificates --- */

/* A context of the certificate and the key in a memory file. */
static int read_context(
	const struct dns_secure_part *p, int memfd, struct ssl_ctx_st **ret, struct role_fault *fault)
{
	char *pem, why[200] = "";
	size_t len;
	int err = channel_take_text(memfd, &pem, &len);

	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "%s: the certificate does not come: %s", p->key,
			strerror(-err));
		return err;
	}
	err = tls_context_new(pem, len, p->protocol, ret, why, sizeof(why));
	explicit_bzero(pem, len);
	free(pem);
	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "%s: certificate and key: %s", p->key, why);
	return err;
}

/* The contexts of all parts that are on, from @fds in their order; those of the others are NULL. */
static int read_contexts(const struct dns64_config *c, const int *fds, unsigned fds_len,
	struct ssl_ctx_st *ret[static DNS_SECURE_PARTS], struct role_fault *fault)
{
	struct ssl_ctx_st *fresh[DNS_SECURE_PARTS] = { NULL };
	unsigned used = 0;
	int err = 0;

	for (unsigned i = 0; err == 0 && i < DNS_SECURE_PARTS; i++) {
		if (dns_secure_of(c, &dns_secure_parts[i])->listen_len == 0)
			continue;
		if (used == fds_len) {
			snprintf(fault->text, sizeof(fault->text), "a certificate is missing");
			err = -EBADMSG;
		} else {
			err = read_context(&dns_secure_parts[i], fds[used++], &fresh[i], fault);
		}
	}
	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++) {
		if (err < 0)
			tls_context_free(fresh[i]);
		else
			ret[i] = fresh[i];
	}
	return err;
}

/* How the descriptors of the start message are laid out. */
struct layout {
	unsigned threads;
	unsigned plain;	       /* sockets of dns64.listen, two for each address and thread */
	unsigned certificates; /* memory files behind all sockets */
	unsigned offers;       /* descriptors at the end */
};

static unsigned certificates_of(const struct dns64_config *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++)
		n += dns_secure_of(c, &dns_secure_parts[i])->listen_len > 0;
	return n;
}

static int read_layout(const struct role_start *s, struct layout *ret, struct role_fault *fault)
{
	const struct dns64_config *c = &s->conf->dns64;
	unsigned each = 2 * c->listen_len + dns_secure_sockets(c), certificates = certificates_of(c);
	unsigned offers = c->fastpath == DNS64_FASTPATH_OFF ? 0 : OFFERS_FDS;
	unsigned sockets = s->fds_len < certificates + offers ? 0 : s->fds_len - certificates - offers;
	unsigned threads = each > 0 && sockets % each == 0 ? sockets / each : 0;

	if (threads < 1 || threads > DNS64_THREADS_MAX) {
		snprintf(fault->text, sizeof(fault->text),
			"%u descriptors came, which is no number for %u listen addresses", s->fds_len,
			c->listen_len);
		return -EBADMSG;
	}
	*ret = (struct layout){ threads, 2 * c->listen_len * threads, certificates, offers };
	return 0;
}

static int serve_secure(struct resolver_role *rr, const struct role_start *s, const struct layout *l,
	struct role_fault *fault)
{
	const struct dns64_config *c = &s->conf->dns64;
	struct ssl_ctx_st *contexts[DNS_SECURE_PARTS];
	const int *files = s->fds + (s->fds_len - l->offers - l->certificates);
	int err = read_contexts(c, files, l->certificates, contexts, fault);
	const int *fds = s->fds + l->plain;

	for (unsigned i = 0; err == 0 && i < DNS_SECURE_PARTS; i++) {
		unsigned len = dns_secure_of(c, &dns_secure_parts[i])->listen_len;

		if (len > 0)
			dns_certificates_set(rr->certificates, i, tls_context_expires(contexts[i]));
		if (len > 0)
			err = resolvers_serve_tls(
				rr->resolvers, dns_secure_parts[i].transport, contexts[i], fds, len);
		fds += len * l->threads;
	}
	return err;
}

/* --- start, reload, stop --- */

static int make_resolvers(struct resolver_role *rr, const struct role_start *s, const struct layout *l,
	struct role_fault *fault)
{
	struct resolver_socket *sockets = calloc(l->plain / 2, sizeof(*sockets));

	if (!sockets)
		return -ENOMEM;
	for (unsigned i = 0; i < l->plain / 2; i++)
		sockets[i] = (struct resolver_socket){ .udp = s->fds[2 * i], .tcp = s->fds[2 * i + 1] };
	struct resolvers_plan plan = {
		.config = &s->conf->dns64,
		.loop = s->loop,
		.threads = l->threads,
		.sockets = sockets,
		.lent = s->conf->has_dns46 ? &rr->lent : NULL,
	};
	int err = resolvers_new(&plan, &rr->resolvers, fault->text, sizeof(fault->text));

	free(sockets);
	return err;
}

static void share(struct resolver *r, void *ctx)
{
	resolver_share(r, ctx);
}

static int share_offers(struct resolver_role *rr, const struct role_start *s, const struct layout *l,
	struct role_fault *fault)
{
	if (l->offers == 0)
		return 0;
	int err = offers_new(s->fds + (s->fds_len - l->offers), &rr->offers);

	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the table of the XDP program cannot be used: %s",
			strerror(-err));
	else
		resolvers_each(rr->resolvers, share, rr->offers);
	return err;
}

static void resolver_role_stop(void *ctx)
{
	struct resolver_role *rr = ctx;

	resolvers_free(rr->resolvers);
	resolver_log_free(rr->log);
	offers_free(rr->offers);
	dns_certificates_free(rr->certificates);
	free(rr);
}

static int resolver_role_start(const struct role_start *all, void **ret_ctx, struct role_fault *fault)
{
	struct role_start rest;
	const struct role_start *s = &rest;
	struct lent46 lent = { 0 };
	struct layout l;
	int err = lent_memory_take(all, &rest, &lent, fault);

	if (err == 0)
		err = read_layout(s, &l, fault);
	if (err < 0)
		return err;
	struct resolver_role *rr = calloc(1, sizeof(*rr));
	if (!rr)
		return -ENOMEM;
	rr->loop = s->loop;
	rr->started = clock_now();
	rr->lent = lent;
	rr->linger = s->conf->dns64.lend_linger;
	rr->config = &s->conf->dns64;
	err = dns_certificates_new(s->loop, &rr->certificates);
	if (err == 0)
		err = make_resolvers(rr, s, &l, fault);
	if (err == 0)
		err = serve_secure(rr, s, &l, fault);
	if (err == 0)
		err = share_offers(rr, s, &l, fault);
	if (err == 0)
		err = resolver_log_new(rr->resolvers, &s->conf->dns64, &rr->log);
	if (err < 0) {
		resolver_role_stop(rr);
		return err;
	}
	*ret_ctx = rr;
	return 0;
}

static void resolver_role_take_sink(void *ctx, const char *name, int fd)
{
	struct resolver_role *rr = ctx;

	resolver_log_take(rr->log, fd);
}

static int resolver_role_serve(void *ctx, struct role_fault *fault)
{
	struct resolver_role *rr = ctx;
	int err = resolvers_start(rr->resolvers);

	if (err == 0)
		err = resolver_log_start(rr->log);
	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "a thread cannot start: %s", strerror(-err));
	return err;
}

static void resolver_role_renew(void *ctx, const int *fds, unsigned fds_len)
{
	struct resolver_role *rr = ctx;

	rr->renewal = fds;
	rr->renewal_len = fds_len;
}

/* The certificates are read first, so that a bad one changes nothing. */
static int resolver_role_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	struct resolver_role *rr = ctx;
	struct ssl_ctx_st *contexts[DNS_SECURE_PARTS];
	int err = read_contexts(&c->dns64, rr->renewal, rr->renewal_len, contexts, fault);

	if (err < 0)
		return err;
	if (rr->offers)
		offers_clear(
			rr->offers); /* before any thread has the new one: what the old one made counts no more */
	err = resolvers_update(rr->resolvers, &c->dns64);
	if (rr->offers)
		resolvers_each(
			rr->resolvers, share, rr->offers); /* if refused, they go on with the old one */
	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the resolver refuses the new configuration: %s",
			strerror(-err));
	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++) {
		if (err < 0) {
			tls_context_free(contexts[i]);
		} else if (contexts[i]) {
			dns_certificates_set(rr->certificates, i, tls_context_expires(contexts[i]));
			resolvers_renew_tls(rr->resolvers, dns_secure_parts[i].transport, contexts[i]);
		}
	}
	if (err == 0)
		rr->config = &c->dns64;
	return err;
}

/* The sums over all threads, and what the XDP program has done in their place. */
static void count_all(const struct resolver_role *rr, struct dns64_counters *ret)
{
	resolvers_counters(rr->resolvers, ret);
	if (rr->offers)
		offers_count(rr->offers, ret);
}

/* add_counters() - put every counter of the resolver into a row, under its own name */
static void add_counters(json_t *row, const struct dns64_counters *c)
{
	const char *name, *text;
	unsigned long value;

	for (unsigned i = 0; dns64_counter_at(c, i, &name, &text, &value); i++)
		json_object_set_new(row, name, json_integer((json_int_t)value));
}

/* What each thread has done, so that an operator sees whether the kernel spreads the queries. */
static void add_thread(struct resolver *r, void *ctx)
{
	const struct dns64_counters *c = resolver_counters(r);
	struct resolver_status st;

	resolver_status(r, &st);
	json_array_append_new(
		ctx, json_pack("{s:I, s:I, s:i, s:i}", "queries_udp", (json_int_t)c->queries_udp, "answered",
			     (json_int_t)c->answered, "queries_open", (int)st.queries_open, "tcp_clients",
			     (int)st.tcp_clients));
}

static json_t *threads_row(struct resolver_role *rr)
{
	json_t *rows = json_array();

	if (rows)
		resolvers_each(rr->resolvers, add_thread, rows);
	return rows;
}

static void add_name(json_t *names, const struct dns_name *name)
{
	char text[DNS_NAME_TEXT];

	json_array_append_new(names, json_string(dns_name_text(name, text)));
}

/* The domains that are believed without signatures, although dnssec is validate. */
static json_t *not_validated(const struct dns64_config *c)
{
	json_t *names = json_array();

	for (unsigned i = 0; c->dnssec_validate && i < c->anchors_len; i++)
		add_name(names, &c->anchors[i]);
	for (unsigned i = 0; c->dnssec_validate && i < c->forward_len; i++)
		if (!c->forward[i].is_validated)
			add_name(names, &c->forward[i].domain);
	return names;
}

static void answer_status(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;
	struct resolver_status st;
	struct dns64_counters c;
	struct reply *r;

	if (reply_start(rr->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	resolvers_status(rr->resolvers, &st);
	count_all(rr, &c);
	json_t *row = json_pack("{s:s, s:i, s:f, s:i, s:i, s:i, s:i, s:s, s:o, s:o}", "role", "resolver",
		"pid", (int)getpid(), "uptime_s", (double)((clock_now() - rr->started) / MSEC) / 1000,
		"queries_open", (int)st.queries_open, "queries_open_max", (int)st.queries_open_max,
		"tcp_clients", (int)st.tcp_clients, "tcp_clients_max", (int)st.tcp_clients_max, "validation",
		st.validation, "threads", threads_row(rr), "secure",
		dns_certificates_rows(rr->certificates, rr->config));
	if (row) {
		add_counters(row, &c);
		show_direct_add(rr->resolvers, row);
		if (rr->lent.len > 0)
			show_dns46_add(&rr->lent, rr->linger, row);
		json_object_set_new(
			row, "not_validated", not_validated(resolver_config(resolvers_first(rr->resolvers))));
	}
	reply_row(r, row);
	reply_end(r);
}

static void answer_counters(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;
	struct dns64_counters c;
	const char *name, *text;
	unsigned long value;
	struct reply *r;

	if (reply_start(rr->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	count_all(rr, &c);
	for (unsigned i = 0; dns64_counter_at(&c, i, &name, &text, &value); i++)
		reply_row(r, json_pack("{s:s, s:s, s:I, s:s}", "group", "dns64", "name", name, "value",
				     (json_int_t)value, "text", text));
	reply_end(r);
}

static void answer_lookup(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;

	show_lookup(rr->resolvers, rr->loop, args, fd);
}

static void answer_cache(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;

	show_cache(rr->resolvers, rr->loop, args, fd);
}

static void answer_flush(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;

	show_flush(rr->resolvers, rr->loop, args, fd);
}

static void answer_dns46(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;

	if (rr->lent.len == 0)
		role_refuse(rr->loop, fd, "no address is lent: the configuration has no dns46 section");
	else
		show_dns46(&rr->lent, rr->linger, rr->loop, args, fd);
}

static const struct role_command commands[] = {
	{ "dns46", answer_dns46 },
	{ "lookup", answer_lookup },
	{ "cache", answer_cache },
	{ "flush", answer_flush },
	{ "status", answer_status },
	{ "counters", answer_counters },
	{ NULL, NULL },
};

int role_resolver_main(void)
{
	static const struct role_ops ops = {
		.name = "resolver",
		.sandbox = SANDBOX_RESOLVER,
		.start = resolver_role_start,
		.serve = resolver_role_serve,
		.reload = resolver_role_reload,
		.renew = resolver_role_renew,
		.take_sink = resolver_role_take_sink,
		.stop = resolver_role_stop,
		.commands = commands,
	};

	return role_main(&ops);
}
