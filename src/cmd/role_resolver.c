/*
 * role_resolver.c - the process that answers DNS queries
 *
 * It gets, per listen address and in the order of dns64.listen, a bound UDP socket and a listening TCP
 * socket. The resolver is made before the sandbox is entered, because libunbound reads files when it is made.
 */
#include "cmd/role.h"

#include "base/clock.h"
#include "ctl/reply.h"
#include "dns64/resolver.h"

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
};

static int resolver_role_start(const struct role_start *s, void **ret_ctx, struct role_fault *fault)
{
	unsigned sockets_len = s->conf->dns64.listen_len;

	if (s->fds_len != 2 * sockets_len || sockets_len > DNS64_LISTEN_MAX) {
		snprintf(fault->text, sizeof(fault->text), "%u sockets came for %u listen addresses",
			s->fds_len, sockets_len);
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
	if (err < 0) {
		free(rr);
		return err;
	}
	*ret_ctx = rr;
	return 0;
}

static int resolver_role_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	struct resolver_role *rr = ctx;
	int err = resolver_update(rr->resolver, &c->dns64);

	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the resolver refuses the new configuration: %s",
			strerror(-err));
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

static const struct role_command commands[] = {
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
		.stop = resolver_role_stop,
		.commands = commands,
	};

	return role_main(&ops);
}
