/*
 * engine.c - questions put to the world
 *
 * Purpose. libunbound resolves, validates and caches; this file gives it questions on our event loop and
 * takes the answers. Only this file, context.c and local.c include libunbound's headers. The event interface is used
 * because the others cost a thread or a process and are many times slower.
 *
 * Two ways. What is simple is asked directly (direct.c), if the configuration has nothing that only libunbound can do:
 * direct_is_possible(). libunbound is asked everything else, and whatever the direct way does not get an answer to.
 *
 * Life cycle of a struct engine_ask:
 *
 *	zeroed --engine_start()--> asked --answer--> ready --from the loop--> done() called
 *	                        \--answer at once--> answered; done() is never called
 *	any state --engine_drop()--> zeroed
 *
 * libunbound calls back either inside ub_resolve_event() (answers from its cache) or later, from deep inside
 * its own state machine. In the second case the caller is told from a timer of our own instead, so that
 * whatever it does next (ask another question, drop this one) never happens inside libunbound.
 *
 * An answer's bytes belong to libunbound only during the call, so they are copied; ENGINE_HELD_MAX bounds the
 * sum of the copies. They are checked by our own reader before anybody looks at them: an answer that it
 * refuses counts as a failure of the upstream.
 *
 * Flushing. libunbound cannot be told to forget a name, nor everything. So a name that is flushed is asked of a context of
 * its own, UNCACHED, for as long as an answer of before could be used. It forwards without a cache; the cache of written
 * answers, in front of all, is enough. Recursion cannot go without one: then, and if everything is flushed, a spare
 * context takes over, and the old one is deleted when it has answered what it was asked. No context can be made later,
 * because it reads files; so there are ENGINE_SPARES of them.
 *
 * Sandbox. After engine_new() no file is opened any more: the trust anchor, the root hints, the certificate
 * bundle and the configuration are read while a context is finalized (context.c).
 *
 * Limits. Time is not limited here: the server drops what takes too long. libunbound's work on the question
 * goes on after that and fills the cache, so a struct question of ours stays with it. ENGINE_UNDER_WAY_MAX
 * bounds how many there are; beyond that a question fails at once.
 *
 * Threads. Each thread has an engine, and its context is used by no other: made and ended while no other thread runs,
 * used by its own. What libunbound logs goes to one place for the whole process, that of the engine made last.
 *
 * Deliberately not done: the resolver's own DNS64 module, because it stores synthesized records in the cache
 * that all clients share; RFC 5011 updates of the trust anchor, because a sandboxed process has nowhere to
 * keep them: the anchor is what the package dns-root-data brings.
 */
#include "dns64/engine.h"

#include "base/log.h"
#include "dns64/carrier.h"
#include "dns64/context.h"
#include "dns64/engine_config.h"
#include "dns64/local.h"

#include <errno.h>
#include <stdlib.h>
#include <unbound.h>
#include <unbound-event.h>

#define LOG_PAUSE NSEC /* at least this long between two lines that libunbound writes */

#define CONTEXTS (1 + ENGINE_SPARES + 1)
#define UNCACHED (CONTEXTS - 1)
#define LONGEST_TTL (86400 * NSEC) /* libunbound's cache-max-ttl */

/* What libunbound knows of a question. It outlives the asker, because libunbound cannot be told to forget. */
struct question {
	struct question *prev, *next;
	struct engine *engine;
	unsigned context;	/* index */
	struct engine_ask *ask; /* NULL: dropped, the answer goes to the cache only */
	unsigned generation;	/* of the direct way, which is to learn the answer; 0: it is not */
};

struct engine {
	struct ub_ctx *at[CONTEXTS]; /* NULL: retired and deleted; of UNCACHED, while nothing is forwarded */
	unsigned asked[CONTEXTS];    /* questions that each of them works on */
	unsigned main;		     /* the one that is used; those before are retired, those behind spare */
	struct flushed flushed;	     /* names that UNCACHED is asked for */
	nsec flushed_for;	     /* how long an answer may be used at most, and thus a name is in there */
	struct direct *direct;	     /* NULL: libunbound is asked everything */
	struct carrier *carrier; /* NULL without upstreams over TLS */
	struct loop_watch *wake;
	struct question *under_way; /* a list */
	unsigned under_way_len;
	struct engine_ask ready; /* head of a ring; only prev and next are used */
	unsigned threads;	 /* engines that share memory, this one included */
	size_t held;		 /* bytes of answers kept for callers */
	FILE *log;
	nsec logged; /* when the last line of libunbound was passed on */
	struct dns64_counters *counters;
	bool may_be_stale; /* answers beyond their time are used */
};

/* --- libunbound's own messages --- */

/* "[1700000000] libunbound[123:0] error: text": our log has its own time and name. */
static ssize_t take_log_line(void *cookie, const char *buf, size_t len)
{
	struct engine *e = cookie;
	nsec now = clock_now();
	const char *text = memmem(buf, len, ":0] ", 4);
	size_t skip = text ? (size_t)(text - buf) + 4 : 0;
	size_t end = len > 0 && buf[len - 1] == '\n' ? len - 1 : len;

	if (end > skip && (e->logged == 0 || now - e->logged >= LOG_PAUSE)) {
		e->logged = now;
		log_warning("dns64: libunbound: %.*s", (int)(end - skip), buf + skip);
	}
	return (ssize_t)len;
}

static int open_log(struct engine *e)
{
	e->log = fopencookie(e, "w", (cookie_io_functions_t){ .write = take_log_line });
	if (!e->log)
		return -ENOMEM;
	setvbuf(e->log, NULL, _IOLBF, BUFSIZ);
	return 0;
}

/* --- answers --- */

static void ring_init(struct engine_ask *head)
{
	head->prev = head->next = head;
}

static void ring_add(struct engine_ask *head, struct engine_ask *a)
{
	a->prev = head->prev;
	a->next = head;
	a->prev->next = a;
	head->prev = a;
	a->is_ready = true;
}

static void ring_remove(struct engine_ask *a)
{
	a->prev->next = a->next;
	a->next->prev = a->prev;
	a->is_ready = false;
}

static void delete_context(struct engine *e, unsigned i)
{
	ub_ctx_delete(e->at[i]); /* calls nobody back */
	e->at[i] = NULL;
}

static void delete_retired(struct engine *e)
{
	for (unsigned i = 0; i < e->main; i++)
		if (e->at[i] && e->asked[i] == 0) {
			delete_context(e, i);
			ub_ctx_debugout(e->at[e->main], e->log);
		}
}

/* Calls those whose answers are there. */
static void tell_ready(void *ctx)
{
	struct engine *e = ctx;

	/* done() may start and drop any question, so the ring is looked at anew each time. */
	while (e->ready.next != &e->ready) {
		struct engine_ask *a = e->ready.next;

		ring_remove(a);
		a->done(a->ctx);
	}
}

static void on_wake(void *ctx)
{
	delete_retired(ctx);
	tell_ready(ctx);
}

/* Keeps a copy of the answer; false if it is too much or unsound. */
static bool keep_answer(struct engine_ask *a, const uint8_t *packet, size_t len)
{
	struct engine *e = a->engine;

	if (e->held + len > ENGINE_HELD_MAX / e->threads) {
		e->counters->upstream_held_full++;
		return false;
	}
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (!copy)
		return false;
	bytes_copy(copy, packet, len);
	if (!dns_msg_parse(copy, len, &a->result.msg)) {
		e->counters->upstream_unsound++;
		free(copy);
		return false;
	}
	a->bytes = copy;
	e->held += len;
	return true;
}

static void settle(struct engine_ask *a, int rcode, const void *packet, size_t len, enum trust trust)
{
	struct lookup *l = &a->result;

	l->is_done = true;
	l->trust = trust;
	l->has_msg = rcode == RCODE_NOERROR && packet && keep_answer(a, packet, len);
	l->rcode = l->has_msg ? l->msg.flags & DNS_RCODE : RCODE_SERVFAIL;
	a->engine->counters->upstream_bogus += trust == TRUST_BOGUS;
	a->engine->counters->upstream_failed += l->rcode == RCODE_SERVFAIL && trust != TRUST_BOGUS;
}

/* Records beyond their time are told by the time that they are said to have left; see engine_config.c. */
static bool is_stale(const struct dns_msg *m)
{
	unsigned records = 0;
	struct dns_rr rr;

	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(m, s);

		while (dns_walk_next(&w, &rr)) {
			if (rr.type != TYPE_OPT && rr.ttl != STALE_TTL)
				return false;
			records += rr.type != TYPE_OPT;
		}
	}
	return records > 0;
}

/* The values are those of unbound-event.h. */
static enum trust trust_of(int sec)
{
	return sec == 2 ? TRUST_SECURE : sec == 1 ? TRUST_BOGUS : TRUST_INSECURE;
}

static struct question *question_new(struct engine_ask *a, unsigned context, unsigned generation)
{
	struct engine *e = a->engine;
	struct question *q = e->under_way_len < ENGINE_UNDER_WAY_MAX ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	*q = (struct question){
		.engine = e, .context = context, .ask = a, .next = e->under_way, .generation = generation
	};
	e->asked[context]++;
	if (q->next)
		q->next->prev = q;
	e->under_way = q;
	e->under_way_len++;
	return q;
}

static void question_free(struct question *q)
{
	if (q->prev)
		q->prev->next = q->next;
	else
		q->engine->under_way = q->next;
	if (q->next)
		q->next->prev = q->prev;
	q->engine->under_way_len--;
	if (--q->engine->asked[q->context] == 0 && q->context < q->engine->main)
		loop_timer_set(q->engine->wake, 0); /* the context can be deleted, but not from inside */
	if (q->ask)
		q->ask->question = NULL;
	free(q);
}

static void on_answer(
	void *ctx, int rcode, void *packet, int len, int sec, char *why_bogus, int was_ratelimited)
{
	struct question *q = ctx;
	struct engine_ask *a = q->ask;

	if (q->generation != 0 && rcode == RCODE_NOERROR && packet && len > 0)
		direct_learn(q->engine->direct, q->generation, packet, (size_t)len);
	question_free(q);
	if (!a)
		return;
	settle(a, rcode, packet, len > 0 ? (size_t)len : 0, trust_of(sec));
	if (a->is_starting)
		return;
	if (a->engine->may_be_stale && a->result.has_msg && is_stale(&a->result.msg))
		a->engine->counters->upstream_stale++;
	ring_add(&a->engine->ready, a);
	loop_timer_set(a->engine->wake, 0);
}

/* Gives the question to libunbound; whatever goes wrong becomes a failed answer. @generation: as of struct question. */
static void ask_libunbound(struct engine_ask *a, const struct dns_question *q, unsigned generation)
{
	struct engine *e = a->engine;
	char name[DNS_NAME_TEXT];

	unsigned context = flushed_holds(&e->flushed, &q->name, clock_now()) ? UNCACHED : e->main;

	a->question = question_new(a, context, generation);
	if (!a->question) {
		e->counters->upstream_full++;
		settle(a, RCODE_SERVFAIL, NULL, 0, TRUST_INSECURE);
		return;
	}
	int r = ub_resolve_event(e->at[context], dns_name_text(&q->name, name), q->type, q->class,
		a->question, on_answer, NULL);

	if (r != 0 && a->question) {
		question_free(a->question);
		settle(a, RCODE_SERVFAIL, NULL, 0, TRUST_INSECURE);
	}
}

/* --- the direct way --- */

static void on_direct(
	void *ctx, struct direct_wait *w, const struct dns_question *q, const uint8_t *msg, size_t len)
{
	struct engine_ask *a = w->ctx;
	struct engine *e = ctx;

	if (!msg) {
		ask_libunbound(a, q, direct_generation(e->direct));
		/* What libunbound knew at once is here; nobody else will say so. */
		if (a->result.is_done && !a->is_ready)
			ring_add(&e->ready, a);
		return;
	}
	a->result.way = WAY_DIRECT;
	settle(a, RCODE_NOERROR, msg, len, TRUST_INSECURE);
	ring_add(&e->ready, a);
}

static void wake_soon(void *ctx)
{
	struct engine *e = ctx;

	loop_timer_set(e->wake, 0);
}

/* True if it is on that way, or answered; @ret_generation is for ask_libunbound() otherwise. */
static bool ask_directly(struct engine_ask *a, const struct dns_question *q, unsigned *ret_generation)
{
	struct engine *e = a->engine;
	const uint8_t *msg;
	size_t len;

	a->wait.ctx = a;
	switch (direct_ask(e->direct, q, &a->wait, &msg, &len)) {
	case DIRECT_ASKED:
		return true;
	case DIRECT_KEPT:
		a->result.way = WAY_KEPT;
		settle(a, RCODE_NOERROR, msg, len, TRUST_INSECURE);
		return true;
	case DIRECT_HANDED:
		*ret_generation = direct_generation(e->direct);
		return false;
	case DIRECT_NOT:
		return false;
	}
	return false;
}

void engine_start(struct engine *e, struct engine_ask *a, const struct dns_question *q,
	void (*done)(void *ctx), void *ctx)
{
	unsigned generation = 0;

	*a = (struct engine_ask){ .engine = e, .done = done, .ctx = ctx, .is_starting = true };
	e->counters->upstream_asked++;
	if (!e->direct || !ask_directly(a, q, &generation))
		ask_libunbound(a, q, generation);
	a->is_starting = false;
}

const struct direct *engine_direct(const struct engine *e)
{
	return e->direct;
}

void engine_drop(struct engine_ask *a)
{
	if (!a->engine)
		return;
	if (a->question)
		a->question->ask = NULL;
	direct_leave(&a->wait);
	if (a->is_ready)
		ring_remove(a);
	if (a->bytes)
		a->engine->held -= a->result.msg.len;
	free(a->bytes);
	*a = (struct engine_ask){ .engine = NULL };
}

/* --- start --- */

static int make_contexts(
	struct engine *e, const struct dns64_config *c, struct loop *l, char *fault, size_t fault_size)
{
	const struct context_plan p = {
		.config = c,
		.threads = e->threads,
		.cache_percent = e->direct ? 100 - DIRECT_PERCENT : 100,
		.carrier = e->carrier,
		.loop = l,
		.log = e->log,
	};
	int err = 0;

	for (unsigned i = 0; err == 0 && i < UNCACHED; i++)
		err = context_new(&p, CACHE_LASTING, &e->at[i], fault, fault_size);
	if (err == 0 && c->upstream_mode == UPSTREAM_FORWARD)
		err = context_new(&p, CACHE_NONE, &e->at[UNCACHED], fault, fault_size);
	return err;
}

static int make_direct(struct engine *e, const struct dns64_config *c, struct loop *l)
{
	size_t bytes = (size_t)(engine_config_share(c, e->threads) / 100 * DIRECT_PERCENT);
	char reserved[RESERVED_PORTS_TEXT];

	if (!direct_is_possible(c))
		return 0;
	context_reserved_ports(reserved);
	return direct_new(c, bytes, reserved, l, e->counters,
		(struct direct_owner){
			.answered = on_direct, .settled = tell_ready, .soon = wake_soon, .ctx = e },
		&e->direct);
}

static int engine_init(
	struct engine *e, const struct dns64_config *c, struct loop *l, char *fault, size_t fault_size)
{
	int r = open_log(e);

	if (r == 0)
		r = loop_watch_timer(l, on_wake, e, &e->wake);
	if (r == 0)
		r = make_direct(e, c, l);
	if (r < 0) {
		snprintf(fault, fault_size, "out of memory");
		return r;
	}
	if (engine_config_has_tls(c))
		r = carrier_new(c, l, e->counters, &e->carrier, fault, fault_size);
	return r < 0 ? r : make_contexts(e, c, l, fault, fault_size);
}

int engine_new(const struct dns64_config *c, unsigned threads, struct loop *l,
	struct dns64_counters *counters, struct engine **ret, char *fault, size_t fault_size)
{
	int r = engine_config_check(c, fault, fault_size);

	if (r < 0)
		return r;
	struct engine *e = calloc(1, sizeof(*e));

	if (!e) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	e->counters = counters;
	e->threads = threads;
	e->may_be_stale = c->stale.keep > 0;
	e->flushed_for = LONGEST_TTL + c->stale.keep;
	ring_init(&e->ready);
	r = engine_init(e, c, l, fault, fault_size);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void engine_update_local(struct engine *e, const struct dns64_config *old, const struct dns64_config *new)
{
	int failed = 0;

	if (e->direct)
		direct_update_local(e->direct, new);
	for (unsigned i = 0; i < CONTEXTS; i++)
		if (e->at[i])
			failed |= local_update(e->at[i], old, new);
	if (failed)
		log_error(
			"dns64: libunbound does not take all local names; some are missing until a restart");
}

static void forget_directly(struct engine *e, const struct dns_name *name, enum name_scope scope)
{
	if (e->direct)
		direct_forget(e->direct, name, scope);
}

int engine_flush_all(struct engine *e)
{
	const struct dns_name root = { .len = 1 };

	if (e->main == ENGINE_SPARES)
		return -ENOSPC;
	e->main++;
	e->flushed.len = 0;
	forget_directly(e, &root, SCOPE_BELOW);
	loop_timer_set(e->wake, 0);
	return 0;
}

int engine_flush(struct engine *e, const struct dns_name *name, enum name_scope scope)
{
	nsec now = clock_now();

	if (!e->at[UNCACHED])
		return engine_flush_all(e);
	int err = flushed_add(&e->flushed, name, scope, now, now + e->flushed_for);

	if (err == 0)
		forget_directly(e, name, scope);
	return err;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->at[e->main])
		ub_ctx_debugout(e->at[e->main], NULL); /* its log outlives the context otherwise */
	for (unsigned i = 0; i < CONTEXTS; i++)
		if (e->at[i])
			delete_context(e, i);
	while (e->under_way)
		question_free(e->under_way);
	direct_free(e->direct);
	carrier_free(e->carrier);
	loop_unwatch(e->wake);
	if (e->log)
		fclose(e->log);
	free(e);
}
