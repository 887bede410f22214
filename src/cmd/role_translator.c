/*
 * role_translator.c - the translator's process: one packet worker per TUN queue, and answers about their
 * tables
 *
 * The packet threads run in dataplane/worker.c; this file is the control side of the process. It never
 * touches a table itself: it asks the worker to copy some rows between two packets (worker_call()) and
 * formats the copies here. Only before the workers run and after they have ended it has the tables to itself: then sessions
 * are restored, and saved (translator_state.c), and packets wait in the queues.
 */
#include "cmd/clat_config.h"
#include "cmd/lent_memory.h"
#include "cmd/pool_watch.h"
#include "cmd/role.h"
#include "cmd/show_trace.h"
#include "cmd/show_translator.h"
#include "cmd/translator_log.h"
#include "cmd/translator_state.h"

#include "base/log.h"
#include "ctl/reply.h"
#include "dataplane/upring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what the workers do --- */

/* The configuration, with what was found out since. */
static void config_make(struct translator *t, const struct conf *c)
{
	struct prefix6 prefix;

	*t->config = c->nat64;
	t->config->flows = t->flows.maps.claims ? &t->flows.maps : NULL;
	if (c->has_dns46)
		t->config->siit.lent = &t->lent;
	if (t->discovery)
		t->config->siit = clat_config(
			&c->clat, discovery_prefix(t->discovery, &prefix) ? &prefix : NULL, t->mappings);
}

/* All or none; of a refusal @fault says why, and what @before says stays. */
static int workers_update(
	struct translator *t, const struct conf *c, const struct conf *before, struct role_fault *fault)
{
	config_make(t, c);
	int err = translator_take(t, t->config, fault);

	if (err < 0)
		config_make(t, before);
	return err;
}

/* The workers run by then: the search begins with the event loop. */
static void on_prefix_changed(void *ctx)
{
	struct translator *t = ctx;
	struct role_fault fault = { "" };

	if (workers_update(t, t->conf, t->conf, &fault) < 0)
		log_error("clat: the translator refuses the prefix: %s; it goes on with the one before",
			fault.text);
}

/* --- life --- */

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

/* The last two descriptors, for clat (ctl/channel.h). */
#define CLAT_SOCKETS 2

static int translator_discover(struct translator *t, const struct role_start *s)
{
	struct discovery_plan plan = {
		.loop = s->loop,
		.clat = &s->conf->clat,
		.adverts = s->fds[s->fds_len - 2],
		.queries = s->fds[s->fds_len - 1],
		.changed = on_prefix_changed,
		.ctx = t,
	};

	t->mappings = calloc(CLAT_MAPPINGS_MAX, sizeof(*t->mappings));
	return t->mappings ? discovery_new(&plan, &t->discovery) : -ENOMEM;
}

static void translator_stop(void *ctx);

/* Rings at the end of the descriptors. */
static unsigned rings_in(const struct role_start *s)
{
	unsigned n = 0;

	while (n < s->fds_len && upring_is(s->fds[s->fds_len - n - 1]))
		n++;
	return n;
}

static int translator_ups(struct translator *t, const struct role_start *all)
{
	unsigned rings = rings_in(all);
	int err = 0;

	for (unsigned i = 0; i < rings && i < t->workers_len && i < t->flows.bells_len && err == 0; i++) {
		err = upring_new(all->fds[all->fds_len - rings + i], &t->flows.bells[i], &t->ups[i]);
		if (err == 0)
			crew_up(t->crew, i, t->ups[i]);
	}
	return err;
}

/* @all: with the descriptors that are not in @s any more */
static int translator_prepare(struct translator *t, const struct role_start *all, const struct role_start *s)
{
	unsigned queues = t->workers_len;
	int err = 0;

	t->config = calloc(1, sizeof(*t->config));
	if (!t->config)
		return -ENOMEM;
	if (s->conf->has_clat)
		err = translator_discover(t, s);
	if (err == 0 && t->flows.maps.head)
		err = flow_claims_new(&t->flows.maps, FLOW_START_ADOPT);
	if (err < 0)
		return err;
	config_make(t, s->conf);
	err = crew_new(t->config, s->fds, queues, queues > 1 ? s->fds[words_at(queues) - 1] : -1, &t->crew);
	return err == 0 ? translator_ups(t, all) : err;
}

/* The descriptors end with the tables of the flow programs, if there are any: that is the supervisor's to find out. */
static int flows_take(
	const struct role_start *s, struct role_start *rest, struct flowmemory *ret, struct role_fault *fault)
{
	unsigned len = FLOWPATH_FDS + rings_in(s);

	*rest = *s;
	if (s->fds_len < len || !flowmemory_is(s->fds[s->fds_len - len]))
		return 0;
	rest->fds_len -= len;
	int err = flowmemory_map(s->fds + rest->fds_len, ret);

	if (err < 0)
		snprintf(fault->text, sizeof(fault->text), "the tables of the fast path cannot be mapped: %s",
			strerror(-err));
	return err;
}

static int translator_start(const struct role_start *all, void **ret_ctx, struct role_fault *fault)
{
	struct role_start nearly_all, most, rest;
	const struct role_start *s = &rest;
	struct flowmemory flows = { 0 };
	struct lent46 lent = { 0 };
	int err = flows_take(all, &nearly_all, &flows, fault);
	int saved = translator_saved_take(&nearly_all, &most);

	if (err == 0)
		err = lent_memory_take(&most, &rest, &lent, fault);
	if (err < 0)
		return err; /* the process ends, and its memory with it */
	unsigned queues = queues_in(s), sockets = s->conf->has_clat ? CLAT_SOCKETS : 0;

	if (queues < 1 || queues > TRANSLATOR_WORKERS_MAX || s->fds_len < words_at(queues) + sockets) {
		snprintf(fault->text, sizeof(fault->text),
			"%u descriptors came with the start message, %u of them TUN queues", s->fds_len,
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
	t->lent = lent;
	t->saved = saved;
	t->flows = flows;
	err = translator_prepare(t, all, s);

	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "cannot prepare %u workers: %s", queues,
			strerror(-err));
		translator_stop(t);
		return err;
	}
	err = translator_log_new(t);
	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "the binding log cannot be made: %s",
			strerror(-err));
		translator_stop(t);
		return err;
	}
	*ret_ctx = t;
	return 0;
}

/* Threads start inside the sandbox, so that its filter holds for them too. */
static int translator_serve(void *ctx, struct role_fault *fault)
{
	struct translator *t = ctx;
	int err = translator_log_start(t);

	if (err < 0)
		return err;
	unsigned failed = 0;

	for (unsigned i = 0; i < t->workers_len; i++)
		crew_watch(t->crew, i, translator_log_watch(t, i));
	err = crew_make(t->crew, &failed);
	if (err == 0) {
		translator_restore(t);
		translator_adopt(t);
		err = crew_start(t->crew, &failed);
	}
	if (err < 0) {
		snprintf(fault->text, sizeof(fault->text), "worker %u cannot start: %s", failed,
			strerror(-err));
		return err;
	}
	for (unsigned i = 0; i < t->workers_len; i++)
		t->workers[i] = crew_worker(t->crew, i);
	if (t->restored || t->flows_adopted > 0)
		translator_log_restored(t);
	return pool_watch_new(t, &t->pools);
}

static int translator_reload(void *ctx, const struct conf *c, struct role_fault *fault)
{
	struct translator *t = ctx;
	int err = workers_update(t, c, t->conf, fault);

	if (err < 0)
		return err;
	t->conf = c;
	pool_watch_reset(t->pools);
	if (t->discovery)
		discovery_update(t->discovery, &c->clat);
	return 0;
}

static void translator_stop(void *ctx)
{
	struct translator *t = ctx;

	pool_watch_free(t->pools);
	crew_free(t->crew);
	for (unsigned i = 0; i < t->workers_len; i++)
		upring_free(t->ups[i]);
	translator_log_stop(t);
	discovery_free(t->discovery);
	free(t->restored);
	flow_claims_free(&t->flows.maps);
	flowmemory_unmap(&t->flows);
	free(t->mappings);
	free(t->config);
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
	.take_sink = translator_log_take,
	.save = translator_save,
	.stop = translator_stop,
	.commands = commands,
};

int role_translator_main(void)
{
	return role_main(&ops);
}
