/*
 * role_resolver.c - the process that answers DNS queries
 *
 * It gets, per listen address and in the order of dns64.listen, a bound UDP socket and a listening TCP
 * socket; then the listening sockets of dns64.tls.listen and a memory file with certificate and key, if there are any,
 * and such a file again with each reload. The resolver is made before the sandbox is entered, because libunbound reads files when it is made.
 */
#include "cmd/dns_secure.h"
#include "cmd/role.h"
#include "cmd/show_lookup.h"

#include "base/clock.h"
#include "ctl/channel.h"
#include "ctl/reply.h"
#include "dns64/resolver.h"
#include "dns64/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct resolver_role {
	struct loop *loop;
	struct resolver *resolver;
	struct resolver_socket sockets[DNS64_LISTEN_MAX];
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

static int serve_secure(struct resolver_role *rr, const struct role_start *s, struct role_fault *fault)
{
	const struct dns64_config *c = &s->conf->dns64;
	struct ssl_ctx_st *contexts[DNS_SECURE_PARTS];
	const int *fds = s->fds + 2 * c->listen_len;
	unsigned sockets = dns_secure_sockets(c);
	int err = read_contexts(c, fds + sockets, s->fds_len - 2 * c->listen_len - sockets, contexts, fault);

	for (unsigned i = 0; err == 0 && i < DNS_SECURE_PARTS; i++) {
		unsigned len = dns_secure_of(c, &dns_secure_parts[i])->listen_len;

		if (len > 0)
			err = resolver_serve_tls(
				rr->resolver, dns_secure_parts[i].transport, contexts[i], fds, len);
		fds += len;
	}
	return err;
}

/* --- start, reload, stop --- */

static int resolver_role_start(const struct role_start *s, void **ret_ctx, struct role_fault *fault)
{
	unsigned sockets_len = s->conf->dns64.listen_len;

	if (s->fds_len < 2 * sockets_len + dns_secure_sockets(&s->conf->dns64)) {
		snprintf(fault->text, sizeof(fault->text),
			"%u descriptors came, not enough for %u listen addresses", s->fds_len, sockets_len);
		return -EBADMSG;
	}
	struct resolver_role *rr = calloc(1, sizeof(*rr));
	if (!rr)
		return -ENOMEM;
	rr->loop = s->loop;
	rr->started = clock_now();
	for (unsigned i = 0; i < sockets_len; i++)
		rr->sockets[i] = (struct resolver_socket){ .udp = s->fds[2 * i], .tcp = s->fds[2 * i + 1] };
	int err = resolver_new(&s->conf->dns64, s->loop, rr->sockets, sockets_len, &rr->resolver, fault->text,
		sizeof(fault->text));
	if (err == 0)
		err = serve_secure(rr, s, fault);
	if (err < 0) {
		resolver_free(rr->resolver);
		free(rr);
		return err;
	}
	*ret_ctx = rr;
	return 0;
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
	err = resolver_update(rr->resolver, &c->dns64);
	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the resolver refuses the new configuration: %s",
			strerror(-err));
	for (unsigned i = 0; i < DNS_SECURE_PARTS; i++) {
		if (err < 0)
			tls_context_free(contexts[i]);
		else if (contexts[i])
			resolver_renew_tls(rr->resolver, dns_secure_parts[i].transport, contexts[i]);
	}
	return err;
}

static void resolver_role_stop(void *ctx)
{
	struct resolver_role *rr = ctx;

	resolver_free(rr->resolver);
	free(rr);
}

/* add_counters() - put every counter of the resolver into a row, under its own name */
static void add_counters(json_t *row, const struct dns64_counters *c)
{
	const char *name, *text;
	unsigned long value;

	for (unsigned i = 0; dns64_counter_at(c, i, &name, &text, &value); i++)
		json_object_set_new(row, name, json_integer((json_int_t)value));
}

static void answer_status(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;
	struct resolver_status st;
	struct reply *r;

	if (reply_start(rr->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	resolver_status(rr->resolver, &st);
	json_t *row = json_pack("{s:s, s:i, s:f, s:i, s:i, s:i, s:i, s:s}", "role", "resolver", "pid",
		(int)getpid(), "uptime_s", (double)((clock_now() - rr->started) / MSEC) / 1000,
		"queries_open", (int)st.queries_open, "queries_open_max", (int)st.queries_open_max,
		"tcp_clients", (int)st.tcp_clients, "tcp_clients_max", (int)st.tcp_clients_max, "validation",
		st.validation);
	if (row)
		add_counters(row, resolver_counters(rr->resolver));
	reply_row(r, row);
	reply_end(r);
}

static void answer_counters(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;
	const struct dns64_counters *c = resolver_counters(rr->resolver);
	const char *name, *text;
	unsigned long value;
	struct reply *r;

	if (reply_start(rr->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	for (unsigned i = 0; dns64_counter_at(c, i, &name, &text, &value); i++)
		reply_row(r, json_pack("{s:s, s:s, s:I, s:s}", "group", "dns64", "name", name, "value",
				     (json_int_t)value, "text", text));
	reply_end(r);
}

static void answer_lookup(void *ctx, const json_t *args, int fd)
{
	struct resolver_role *rr = ctx;

	show_lookup(rr->resolver, rr->loop, args, fd);
}

static const struct role_command commands[] = {
	{ "lookup", answer_lookup },
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
		.reload = resolver_role_reload,
		.renew = resolver_role_renew,
		.stop = resolver_role_stop,
		.commands = commands,
	};

	return role_main(&ops);
}
