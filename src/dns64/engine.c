/*
 * engine.c - questions put to the world
 *
 * Purpose. libunbound resolves, validates and caches; this file gives it questions on our event loop and
 * takes the answers. Only this file and local.c include libunbound's headers. The event interface is used
 * because the others cost a thread or a process and are many times slower.
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
 * Sandbox. After engine_new() no file is opened any more: the trust anchor, the root hints, the certificate
 * bundle and the configuration are read while the context is finalized, which the first question does;
 * engine_new() asks one for a name that is configured to be local.
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
#include "dns64/engine_config.h"
#include "dns64/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unbound-event.h>
#include <unistd.h>

#define LOG_PAUSE NSEC /* at least this long between two lines that libunbound writes */

/* What libunbound knows of a question. It outlives the asker, because libunbound cannot be told to forget. */
struct question {
	struct question *prev, *next;
	struct engine *engine;
	struct engine_ask *ask; /* NULL: dropped, the answer goes to the cache only */
};

struct engine {
	struct ub_ctx *ctx;
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
	ub_ctx_debugout(e->ctx, e->log);
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

static void on_wake(void *ctx)
{
	struct engine *e = ctx;

	/* done() may start and drop any question, so the ring is looked at anew each time. */
	while (e->ready.next != &e->ready) {
		struct engine_ask *a = e->ready.next;

		ring_remove(a);
		a->done(a->ctx);
	}
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

static struct question *question_new(struct engine_ask *a)
{
	struct engine *e = a->engine;
	struct question *q = e->under_way_len < ENGINE_UNDER_WAY_MAX ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	*q = (struct question){ .engine = e, .ask = a, .next = e->under_way };
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
	if (q->ask)
		q->ask->question = NULL;
	free(q);
}

static void on_answer(
	void *ctx, int rcode, void *packet, int len, int sec, char *why_bogus, int was_ratelimited)
{
	struct question *q = ctx;
	struct engine_ask *a = q->ask;

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

/* Gives the question to libunbound; whatever goes wrong becomes a failed answer. */
static void ask_libunbound(struct engine_ask *a, const struct dns_question *q)
{
	struct engine *e = a->engine;
	char name[DNS_NAME_TEXT];

	a->question = question_new(a);
	if (!a->question) {
		e->counters->upstream_full++;
		settle(a, RCODE_SERVFAIL, NULL, 0, TRUST_INSECURE);
		return;
	}
	int r = ub_resolve_event(
		e->ctx, dns_name_text(&q->name, name), q->type, q->class, a->question, on_answer, NULL);

	if (r != 0 && a->question) {
		question_free(a->question);
		settle(a, RCODE_SERVFAIL, NULL, 0, TRUST_INSECURE);
	}
}

void engine_start(struct engine *e, struct engine_ask *a, const struct dns_question *q,
	void (*done)(void *ctx), void *ctx)
{
	*a = (struct engine_ask){ .engine = e, .done = done, .ctx = ctx, .is_starting = true };
	e->counters->upstream_asked++;
	ask_libunbound(a, q);
	a->is_starting = false;
}

void engine_drop(struct engine_ask *a)
{
	if (!a->engine)
		return;
	if (a->question)
		a->question->ask = NULL;
	if (a->is_ready)
		ring_remove(a);
	if (a->bytes)
		a->engine->held -= a->result.msg.len;
	free(a->bytes);
	*a = (struct engine_ask){ .engine = NULL };
}

/* --- start --- */

static void read_reserved_ports(char *buf, size_t size)
{
	int fd = open(RESERVED_PORTS_PATH, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Writes the configuration into memory and lets libunbound read it from there. */
static int load_config(struct engine *e, const struct dns64_config *c, char *fault, size_t fault_size)
{
	char reserved[4096], path[64];
	uint16_t carried[DNS64_UPSTREAM_MAX] = { 0 };
	int fd = memfd_create("isthmus-dns64", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		snprintf(fault, fault_size, "cannot make a file in memory: %s", strerror(-err));
		return err;
	}
	read_reserved_ports(reserved, sizeof(reserved));
	for (unsigned i = 0; e->carrier && i < c->upstream_len; i++)
		carried[i] = carrier_port(e->carrier, i);
	engine_config_write(f, c, e->threads, reserved, carried);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int r = fflush(f) != 0 ? UB_READFILE : ub_ctx_config(e->ctx, path);

	fclose(f);
	if (r == 0)
		return 0;
	snprintf(fault, fault_size, "libunbound refuses its configuration: %s", ub_strerror(r));
	return -EIO;
}

static void ignore_answer(void *ctx)
{
}

/* The first question makes libunbound build everything; this one is answered from a local zone. */
static int warm_up(struct engine *e, char *fault, size_t fault_size)
{
	struct dns_question q = { .type = TYPE_A, .class = CLASS_IN };
	struct engine_ask a = { .engine = NULL };
	bool sound = dns_name_parse(WARM_UP_NAME, &q.name);

	ASSERT(sound);
	engine_start(e, &a, &q, ignore_answer, NULL);
	bool works = a.result.is_done && a.result.has_msg;

	engine_drop(&a);
	e->counters->upstream_asked = 0; /* this one was not a client's */
	if (works)
		return 0;
	snprintf(fault, fault_size, "libunbound does not start (a line above may say why)");
	return -EIO;
}

static int engine_init(
	struct engine *e, const struct dns64_config *c, struct loop *l, char *fault, size_t fault_size)
{
	e->ctx = ub_ctx_create_event(loop_base(l));
	if (!e->ctx) {
		snprintf(fault, fault_size, "libunbound cannot make a context");
		return -ENOMEM;
	}
	int r = open_log(e);

	if (r == 0)
		r = loop_watch_timer(l, on_wake, e, &e->wake);
	if (r < 0) {
		snprintf(fault, fault_size, "out of memory");
		return r;
	}
	if (engine_config_is_tls(c))
		r = carrier_new(c->upstream, c->upstream_len, c->upstream_ca, l, e->counters, &e->carrier,
			fault, fault_size);
	if (r == 0)
		r = load_config(e, c, fault, fault_size);
	return r < 0 ? r : warm_up(e, fault, fault_size);
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
	if (local_update(e->ctx, old, new) < 0)
		log_error(
			"dns64: libunbound does not take all local names; some are missing until a restart");
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->ctx) {
		ub_ctx_debugout(e->ctx, NULL); /* its log outlives the context otherwise */
		ub_ctx_delete(e->ctx);	       /* calls nobody back */
	}
	while (e->under_way)
		question_free(e->under_way);
	carrier_free(e->carrier);
	loop_unwatch(e->wake);
	if (e->log)
		fclose(e->log);
	free(e);
}
