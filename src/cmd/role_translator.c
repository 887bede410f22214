/*
 * role_translator.c - the translator's process: one packet worker per TUN queue, and answers about their
 * tables
 *
 * The packet threads run in dataplane/worker.c; this file is the control side of the process. It never
 * touches a table itself: it asks the worker to copy some rows between two packets (worker_call()) and
 * formats the copies here.
 */
#include "cmd/role.h"
#include "cmd/show_trace.h"
#include "cmd/show_translator.h"

#include "ctl/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The descriptors begin with the TUN queues, the only character devices among them; of several workers the words that
 * they share with the kernel's program come next.
 */
static unsigned queues_in(const struct role_start *s)
{
	struct stat st;
	unsigned n = 0;

	while (n < s->fds_len && fstat(s->fds[n], &st) == 0 && S_ISCHR(st.st_mode))
		n++;
	return n;
}

/* How many descriptors belong to the workers. */
static unsigned words_at(unsigned queues)
{
	return queues > 1 ? queues + 1 : queues;
}

static int translator_start(const struct role_start *s, void **ret_ctx, struct role_fault *fault)
{
	unsigned queues = queues_in(s);

	if (queues < 1 || queues > TRANSLATOR_WORKERS_MAX || s->fds_len < words_at(queues)) {
		snprintf(fault->text, sizeof(fault->text), "%u TUN queues came with the start message",
			queues);
		return -EBADMSG;
	}
	struct translator *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->loop = s->loop;
	t->conf = s->conf;
	t->since = clock_now();
	t->workers_len = queues;
	int err = crew_new(
		&t->conf->nat64, s->fds, queues, queues > 1 ? s->fds[words_at(queues) - 1] : -1, &t->crew);

	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "cannot prepare %u workers: %s", queues,
			strerror(-err));
		free(t);
		return err;
	}
	*ret_ctx = t;
	return 0;
}

/* Threads start inside the sandbox, so that its filter holds for them too. */
static int translator_serve(void *ctx, struct role_fault *fault)
{
	struct translator *t = ctx;

	unsigned failed = 0;
	int err = crew_start(t->crew, &failed);

	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "worker %u cannot start: %s", failed,
			strerror(-err));
		return err;
	}
	for (unsigned i = 0; i < t->workers_len; i++)
		t->workers[i] = crew_worker(t->crew, i);
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

MUST_CHECK static int update_one(struct translator *t, unsigned i, const struct nat64_config *c)
{
	struct update u = { .config = c };

	worker_call(t->workers[i], update_worker, &u);
	return u.err;
}

static int translator_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	struct translator *t = ctx;

	unsigned taken = 0;
	int err = 0;

	while (taken < t->workers_len && err == 0) {
		err = update_one(t, taken, &c->nat64);
		taken += err == 0;
	}
	if (err < 0) {
		/* All or none: those that have taken it get back what they had. */
		while (taken > 0)
			(void)!update_one(t, --taken, &t->conf->nat64);
		snprintf(fault->text, sizeof(fault->text), "the translator refuses the change: %s",
			strerror(-err));
		return err;
	}
	t->conf = c;
	return 0;
}

static void translator_stop(void *ctx)
{
	struct translator *t = ctx;

	crew_free(t->crew);
	free(t);
}

static const struct role_command commands[] = {
	{ "status", show_status },
	{ "counters", show_counters },
	{ "sessions", show_sessions },
	{ "bib", show_bib },
	{ "pool", show_pool },
	{ "who", show_who },
	{ "trace", show_trace },
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
