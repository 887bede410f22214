/*
 * role_relay.c - the process that relays connections and requests (src/relay)
 *
 * It gets, per listen address in the order of relay.services and of their listen, a bound socket for each thread, and
 * last a memory file with the files that the services name (relay_files.h); the same again with each reload. How many
 * threads there are is what the number of sockets says. Everything is made before the sandbox is entered; the threads
 * start inside.
 *
 * At the end nobody new is let in, and who is there has DRAIN_PATIENCE to finish.
 */
#include "cmd/lent_memory.h"
#include "cmd/relay_files.h"
#include "cmd/role.h"
#include "cmd/show_relay.h"

#include "base/clock.h"
#include "base/log.h"
#include "ctl/channel.h"
#include "ctl/reply.h"
#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_PATIENCE (2 * NSEC) /* less than the supervisor's before it kills */
#define PER_CONNECTION 2	  /* descriptors: to the client and to the server */
#define DESCRIPTORS_BESIDE 2048	  /* pipes, pools of connections, questions to name servers, listeners */

struct relay_role {
	struct loop *loop;
	struct relay *relay;
	struct loop_watch *patience;
	struct lent46 lent; /* len 0: DNS46 is off */
	unsigned threads;
	nsec started;
	const int *renewal; /* during a reload: sockets and files */
	unsigned renewal_len;
};

static unsigned listens_of(const struct relay_config *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->services_len; i++)
		n += c->services[i].listen_len;
	return n;
}

/* --- the limit of descriptors --- */

static void raise_limit(const struct relay_config *c)
{
	rlim_t want = (rlim_t)c->connections * PER_CONNECTION + DESCRIPTORS_BESIDE;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	if (files.rlim_max != RLIM_INFINITY && files.rlim_max < want) {
		struct rlimit more = { want, want };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
		log_warning(
			"relay.connections: %u connections want %lu descriptors, and this host allows %lu "
			"(LimitNOFILE=, "
			"ulimit -n): beyond that clients are turned away",
			c->connections, (unsigned long)want, (unsigned long)files.rlim_max);
	}
}

/* --- start, reload, stop --- */

/* What came in a message, as relay.h wants it; @config is owned by the caller. */
static int make_plan(const struct relay_role *rr, const struct conf *c, const int *fds, unsigned fds_len,
	struct relay_config *config, struct relay_plan *ret, struct role_fault *fault)
{
	unsigned listens = listens_of(&c->relay), sockets = fds_len > 0 ? fds_len - 1 : 0;
	unsigned threads = listens > 0 && sockets % listens == 0 ? sockets / listens : 0;

	if (threads < 1 || threads > RELAY_THREADS_MAX || (rr->threads > 0 && threads != rr->threads)) {
		snprintf(fault->text, sizeof(fault->text),
			"%u descriptors came, which is no number for %u listen addresses", fds_len, listens);
		return -EBADMSG;
	}
	int err = relay_config_copy(&c->relay, config);

	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "out of memory");
		return err;
	}
	err = relay_files_take(fds[fds_len - 1], config, fault->text, sizeof(fault->text));
	if (err < 0) {
		relay_config_fini(config);
		return err;
	}
	*ret = (struct relay_plan){
		.config = config, .loop = rr->loop, .threads = threads, .sockets = fds, .sockets_len = sockets
	};
	return 0;
}

static void relay_role_stop(void *ctx)
{
	struct relay_role *rr = ctx;

	relay_free(rr->relay);
	loop_unwatch(rr->patience);
	free(rr);
}

static void on_patience_over(void *ctx)
{
	struct relay_role *rr = ctx;

	log_info("not everybody has finished in time; their connections end now");
	loop_stop(rr->loop);
}

/* The sockets are taken over by the relay, so that one that is given up later is closed for good. */
static int relay_role_start(const struct role_start *all, void **ret_ctx, struct role_fault *fault)
{
	struct role_start rest;
	const struct role_start *s = &rest;
	struct relay_role *rr = calloc(1, sizeof(*rr));
	struct relay_config config;
	struct relay_plan plan;

	if (!rr)
		return -ENOMEM;
	rr->loop = all->loop;
	rr->started = clock_now();
	raise_limit(&all->conf->relay);
	int err = lent_memory_take(all, &rest, &rr->lent, fault);

	if (err == 0)
		err = loop_watch_timer(s->loop, on_patience_over, rr, &rr->patience);
	if (err == 0)
		err = make_plan(rr, s->conf, s->fds, s->fds_len, &config, &plan, fault);
	if (err == 0) {
		rr->threads = plan.threads;
		plan.lent = rr->lent.len > 0 ? &rr->lent : NULL;
		err = relay_new(&plan, &rr->relay, fault->text, sizeof(fault->text));
		relay_config_fini(&config); /* empty if it was taken over */
	}
	if (err < 0) {
		relay_role_stop(rr);
		return err;
	}
	*ret_ctx = rr;
	return 0;
}

static int relay_role_serve(void *ctx, struct role_fault *fault)
{
	struct relay_role *rr = ctx;
	int err = relay_start(rr->relay);

	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "a thread cannot start: %s", strerror(-err));
	return err;
}

static void relay_role_renew(void *ctx, const int *fds, unsigned fds_len)
{
	struct relay_role *rr = ctx;

	rr->renewal = fds;
	rr->renewal_len = fds_len;
}

/* The message keeps its descriptors, and the relay takes over these. */
static int copy_sockets(const struct relay_plan *plan, int *to)
{
	for (unsigned i = 0; i < plan->sockets_len; i++) {
		to[i] = fcntl(plan->sockets[i], F_DUPFD_CLOEXEC, 0);
		if (to[i] < 0) {
			int err = -errno;

			while (i > 0)
				close(to[--i]);
			return err;
		}
	}
	return 0;
}

static int relay_role_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	struct relay_role *rr = ctx;
	struct relay_config config;
	struct relay_plan plan;
	int sockets[CHANNEL_FDS_MAX];
	int err = make_plan(rr, c, rr->renewal, rr->renewal_len, &config, &plan, fault);

	if (err < 0)
		return err;
	err = copy_sockets(&plan, sockets);
	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "the sockets cannot be kept: %s", strerror(-err));
	} else {
		plan.sockets = sockets;
		err = relay_update(rr->relay, &plan, fault->text, sizeof(fault->text));
	}
	relay_config_fini(&config);
	return err;
}

static void on_drained(void *ctx)
{
	struct relay_role *rr = ctx;

	loop_stop(rr->loop);
}

static void relay_role_drain(void *ctx)
{
	struct relay_role *rr = ctx;

	loop_timer_set(rr->patience, DRAIN_PATIENCE);
	relay_drain(rr->relay, on_drained, rr);
}

/* --- commands --- */

static void answer_status(void *ctx, const json_t *args, int fd)
{
	struct relay_role *rr = ctx;
	struct reply *r;

	if (reply_start(rr->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	json_t *row = json_pack("{s:s, s:i, s:f}", "role", "relay", "pid", (int)getpid(), "uptime_s",
		(double)((clock_now() - rr->started) / MSEC) / 1000);

	if (row)
		show_relay_add(rr->relay, row);
	reply_row(r, row);
	reply_end(r);
}

static void answer_counters(void *ctx, const json_t *args, int fd)
{
	struct relay_role *rr = ctx;
	struct reply *r;

	if (reply_start(rr->loop, fd, NULL, NULL, NULL, &r) < 0)
		return;
	show_relay_counters(rr->relay, r);
	reply_end(r);
}

static void answer_relay(void *ctx, const json_t *args, int fd)
{
	struct relay_role *rr = ctx;

	show_relay(rr->relay, rr->loop, args, fd);
}

static const struct role_command commands[] = {
	{ "relay", answer_relay },
	{ "status", answer_status },
	{ "counters", answer_counters },
	{ NULL, NULL },
};

int role_relay_main(void)
{
	static const struct role_ops ops = {
		.name = "relay",
		.sandbox = SANDBOX_RELAY,
		.start = relay_role_start,
		.serve = relay_role_serve,
		.reload = relay_role_reload,
		.renew = relay_role_renew,
		.drain = relay_role_drain,
		.stop = relay_role_stop,
		.commands = commands,
	};

	return role_main(&ops);
}
