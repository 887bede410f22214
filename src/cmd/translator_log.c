/*
 * translator_log.c - see translator_log.h
 *
 * When the file is opened anew, it begins without the blocks that were lent before. So the workers tell them again, some
 * at a time between two packets, and each file answers for itself, however long ago a block was lent.
 *
 * After a restart with saved sessions the same is done, and their bindings and sessions are told too, if those are logged: the
 * log's `start` has ended all that was told before.
 */
#include "cmd/translator_log.h"

#include "base/log.h"
#include "bindlog/bindlog.h"
#include "ctl/channel.h"
#include "ctl/reply.h"
#include "nat64/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TELL_PAUSE (5 * MSEC) /* between two steps of telling, so that no burst of them fills a ring */

struct translator_log {
	struct bindlog *log;
	struct loop_watch *telling;
	bool has_file;	 /* a descriptor for the file came already */
	unsigned worker; /* whose blocks are being told */
	uint32_t from;	 /* where that goes on */
	bool is_telling;
	bool is_past_blocks; /* of this worker bindings and sessions are told now */
	nsec restored;	     /* bindings and sessions that began before are told, too; 0: they are not */
};

/* On the logging thread. One that cannot be asked now is asked again by the log. */
static void on_want(void *ctx, enum bindlog_sink sink)
{
	const char *name = bindlog_sink_name(sink);

	if (channel_send(CHANNEL_FD, CHANNEL_SINK, name, strlen(name), NULL, 0) < 0)
		log_debug("binding log: the supervisor does not take the request for %s", name);
}

static struct bindlog_config config_of(const struct translator *t)
{
	const struct conf_bindings *b = &t->conf->log.bindings;
	const struct nat64_config *n = &t->conf->nat64;
	struct bindlog_config c = {
		.sinks = b->sinks,
		.workers = t->workers_len,
		.detail = n->state.watch.detail,
		.buffer = b->buffer,
		.is_tcp = b->is_tcp,
		.refresh = b->refresh,
		.facts = {
			.domain = b->domain,
			.max_sessions = n->state.max_sessions,
			.max_bindings = n->state.max_sessions,
			.max_subscribers = n->state.max_sessions,
			.max_fragments = NAT64_FRAGMENTS_MAX * t->workers_len,
			.max_per_subscriber = n->state.max_blocks_per_subscriber * n->state.ports_per_block,
		},
	};

	_Static_assert(IPFIX_PREFIXES_MAX >= STATE_PREFIXES_MAX, "every prefix has its place");
	for (unsigned i = 0; i < n->prefixes_len; i++)
		c.facts.prefixes[i] = n->prefixes[i];
	return c;
}

/* --- telling again what is lent --- */

struct step {
	uint32_t from;
	nsec now, restored;
};

static void tell_step(void *ctx, struct nat64 *n)
{
	struct step *s = ctx;

	s->from = nat64_tell_held(n, s->from, s->now);
}

static void tell_adopted_step(void *ctx, struct nat64 *n)
{
	struct step *s = ctx;

	s->from = nat64_tell_adopted(n, s->from, s->restored, s->now);
}

/* The next worker, or what of this one comes after the blocks. */
static void tell_next(struct translator_log *l)
{
	l->from = 0;
	l->is_past_blocks = l->restored > 0 && !l->is_past_blocks;
	l->worker += !l->is_past_blocks;
}

static void on_telling(void *ctx)
{
	struct translator *t = ctx;
	struct translator_log *l = t->log;
	struct step s = { .from = l->from, .now = clock_now(), .restored = l->restored };

	worker_call(t->workers[l->worker], l->is_past_blocks ? tell_adopted_step : tell_step, &s);
	l->from = s.from;
	if (l->from == STATE_END)
		tell_next(l);
	l->is_telling = l->worker < t->workers_len;
	if (l->is_telling)
		loop_timer_set(l->telling, TELL_PAUSE);
	else
		l->restored = 0;
}

/* Whatever had been told was told to the file before. */
static void tell_all(struct translator_log *l)
{
	l->worker = 0;
	l->from = 0;
	l->is_past_blocks = false;
	l->is_telling = true;
	loop_timer_set(l->telling, TELL_PAUSE);
}

void translator_log_restored(struct translator *t)
{
	if (!t->log)
		return;
	t->log->restored = clock_now();
	tell_all(t->log);
}

void translator_log_take(void *ctx, const char *name, int fd)
{
	struct translator *t = ctx;
	enum bindlog_sink sink = bindlog_sink_find(name);

	if (!t->log || sink == BINDLOG_SINKS) {
		close(fd);
		return;
	}
	bindlog_give(t->log->log, sink, fd);
	if (sink != BINDLOG_FILE)
		return;
	if (t->log->has_file)
		tell_all(t->log);
	t->log->has_file = true;
}

/* --- start and end --- */

int translator_log_new(struct translator *t)
{
	const struct bindlog_host host = { .want = on_want };

	if (t->conf->log.bindings.sinks == 0 || !t->conf->has_nat64)
		return 0;
	struct bindlog_config c = config_of(t);

	t->log = calloc(1, sizeof(*t->log));
	if (!t->log)
		return -ENOMEM;
	int err = bindlog_new(&c, &host, &t->log->log);

	return err < 0 ? err : loop_watch_timer(t->loop, on_telling, t, &t->log->telling);
}

int translator_log_start(struct translator *t)
{
	return t->log ? bindlog_start(t->log->log) : 0;
}

struct state_watch translator_log_watch(const struct translator *t, unsigned worker)
{
	enum state_detail detail = t->conf->nat64.state.watch.detail;

	return t->log ? bindlog_watch(t->log->log, worker, detail) : (struct state_watch){ .detail = detail };
}

void translator_log_stop(struct translator *t)
{
	if (!t->log)
		return;
	loop_unwatch(t->log->telling);
	bindlog_stop(t->log->log);
	free(t->log);
	t->log = NULL;
}

/* --- figures --- */

static void add_row(struct reply *r, const char *name, uint64_t value, const char *text)
{
	reply_row(r, json_pack("{s:s, s:s, s:I, s:s, s:s}", "group", "binding_log", "name", name, "value",
			     (json_int_t)value, "text", text, "spec", ""));
}

void translator_log_rows(const struct translator *t, struct reply *r)
{
	struct bindlog_stats s;
	char name[32], text[96];

	if (!t->log)
		return;
	bindlog_stats(t->log->log, &s);
	add_row(r, "events", s.told, "events that the binding log was told");
	add_row(r, "lost_buffer_full", s.lost_full, "events lost because the buffer of a worker was full");
	for (enum bindlog_sink i = 0; i < BINDLOG_SINKS; i++) {
		if (!s.sinks[i].is_on)
			continue;
		snprintf(name, sizeof(name), "written_%s", bindlog_sink_name(i));
		snprintf(text, sizeof(text), "records of the binding log that went to %s",
			bindlog_sink_name(i));
		add_row(r, name, s.sinks[i].written, text);
		snprintf(name, sizeof(name), "lost_%s", bindlog_sink_name(i));
		snprintf(text, sizeof(text), "records of the binding log that %s did not get",
			bindlog_sink_name(i));
		add_row(r, name, s.sinks[i].lost, text);
	}
}
