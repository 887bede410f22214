/*
 * role_translator.c - the translator's process: one packet worker per TUN queue, and answers about their
 * tables
 *
 * The packet threads run in dataplane/worker.c; this file is the control side of the process. It never
 * touches a table itself: it asks the worker to copy some rows between two packets (worker_call()) and
 * formats the copies here.
 */
#include "cmd/role.h"
#include "cmd/show_translator.h"

#include "ctl/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int translator_start(const struct role_start *s, void **ret_ctx, struct role_fault *fault)
{
	if (s->fds_len < 1 || s->fds_len > TRANSLATOR_WORKERS_MAX) {
		snprintf(fault->text, sizeof(fault->text), "%u TUN queues came with the start message",
			s->fds_len);
		return -EBADMSG;
	}
	struct translator *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->loop = s->loop;
	t->conf = s->conf;
	t->since = clock_now();
	t->workers_len = s->fds_len;
	for (unsigned i = 0; i < s->fds_len; i++)
		t->queues[i] = s->fds[i];
	*ret_ctx = t;
	return 0;
}

/* Threads start inside the sandbox, so that its filter holds for them too. */
static int translator_serve(void *ctx, struct role_fault *fault)
{
	struct translator *t = ctx;

	for (unsigned i = 0; i < t->workers_len; i++) {
		int err = worker_start(&t->conf->nat64, t->queues[i], i, &t->workers[i]);

		if (err < 0) {
			snprintf(fault->text, sizeof(fault->text), "worker %u cannot start: %s", i,
				strerror(-err));
			return err;
		}
	}
	return 0;
}

struct update {
	const struct nat64_config *config;
	int err;
};

static void update_worker(void *ctx, struct nat64 *n)
{
	struct update *u = ctx;

	u->err = nat64_update(n, u->config);
}

static int translator_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	struct translator *t = ctx;

	/* All workers have the same configuration, so the first one speaks for all: nothing is half taken. */
	for (unsigned i = 0; i < t->workers_len; i++) {
		struct update u = { .config = &c->nat64 };

		worker_call(t->workers[i], update_worker, &u);
		if (u.err < 0) {
			snprintf(fault->text, sizeof(fault->text), "the translator refuses the change: %s",
				strerror(-u.err));
			return u.err;
		}
	}
	t->conf = c;
	return 0;
}

static void translator_stop(void *ctx)
{
	struct translator *t = ctx;

	for (unsigned i = 0; i < t->workers_len; i++)
		worker_stop(t->workers[i]);
	free(t);
}

static const struct role_command commands[] = {
	{ "status", show_status },
	{ "counters", show_counters },
	{ "sessions", show_sessions },
	{ "bib", show_bib },
	{ "pool", show_pool },
	{ "who", show_who },
	{ NULL, NULL },
};

static const struct role_ops ops = {
	.name = "translator",
	.sandbox = SANDBOX_TRANSLATOR,
	.start = translator_start,
	.serve = translator_serve,
	.reload = translator_reload,
	.stop = translator_stop,
	.commands = commands,
};

int role_translator_main(void)
{
	return role_main(&ops);
}
