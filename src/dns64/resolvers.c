/*
 * resolvers.c - the resolver's threads
 *
 * Purpose. One processor's worth of answers is not enough for a large network. Each thread runs a resolver of its own,
 * from sockets to caches, so that nothing is locked on the way of a query but the gate (who may ask how much).
 *
 * Who gets a query. Each thread has sockets of its own, bound to the same addresses (SO_REUSEPORT, listen.c); the kernel
 * picks one by a hash of the addresses and ports of both ends, for UDP packets and new connections. So one client's queries are
 * spread over the threads too, and its limits and cookies are of all threads (gate.h).
 *
 * Caches. Each thread has a part of the configured sizes, so memory does not grow with the threads. A name is asked for
 * once by each thread that is asked for it.
 *
 *	calling thread: loop --- resolver 0          the channel, the operator's questions
 *	       |  resolvers_each(): bell, call, done
 *	thread 1:       loop --- resolver 1
 *	...
 *
 * A call. resolvers_each() leaves a function and rings the bell (eventfd) that the thread's loop watches; the caller
 * sleeps until it is done. A thread calls nobody, so there is no cycle. Whatever the caller does between two calls, other
 * threads serve; so a group cannot be read without calls, only each resolver alone.
 *
 * Life cycle of a thread: made (everything opened, before the sandbox) -> resolvers_start() -> running -> a call that
 * stops its loop -> joined -> freed by the calling thread. A thread whose loop fails ends the process: its sockets would
 * go on taking queries that nobody answers, and the supervisor starts the process again with the same sockets.
 *
 * Deliberately not done: sharing caches between threads (libunbound's contexts cannot), moving clients between threads.
 */
#include "dns64/resolvers.h"

#include "base/log.h"
#include "dns64/answers.h"
#include "dns64/gate.h"
#include "dns64/lender.h"
#include "net/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct thread {
	struct resolvers *all;
	unsigned index;
	struct loop *loop; /* borrowed for the first */
	struct resolver *resolver;
	int bell; /* eventfd; -1: none */
	struct loop_watch *watch;
	pthread_t id;
	bool is_running;
};

struct call {
	void (*fn)(struct resolver *r, void *ctx);
	void *ctx;
};

struct resolvers {
	struct gate *gate;
	struct lender *lender; /* NULL: nothing is lent */
	pthread_mutex_t lock; /* of the call and is_done */
	pthread_cond_t done;
	struct call call; /* under way; fn NULL: end your loop */
	bool is_done;
	unsigned len;
	struct thread threads[DNS64_THREADS_MAX];
};

/* --- calls --- */

static void on_bell(void *ctx, unsigned ready)
{
	struct thread *t = ctx;
	struct resolvers *k = t->all;
	uint64_t rings;

	if (read(t->bell, &rings, sizeof(rings)) < 0)
		return;
	pthread_mutex_lock(&k->lock);
	if (k->call.fn)
		k->call.fn(t->resolver, k->call.ctx);
	else
		loop_stop(t->loop);
	k->is_done = true;
	pthread_cond_signal(&k->done);
	pthread_mutex_unlock(&k->lock);
}

/* Has a running thread make a call, and waits for it. */
static void ring(struct resolvers *k, struct thread *t, struct call call)
{
	const uint64_t once = 1;

	pthread_mutex_lock(&k->lock);
	k->call = call;
	k->is_done = false;
	ssize_t n = write(t->bell, &once, sizeof(once));

	ASSERT(n == sizeof(once)); /* at most one ring waits, so the counter cannot be full */
	while (!k->is_done)
		pthread_cond_wait(&k->done, &k->lock);
	pthread_mutex_unlock(&k->lock);
}

void resolvers_each(struct resolvers *k, void (*fn)(struct resolver *r, void *ctx), void *ctx)
{
	for (unsigned i = 0; i < k->len; i++) {
		struct thread *t = &k->threads[i];

		if (t->is_running)
			ring(k, t, (struct call){ fn, ctx });
		else
			fn(t->resolver, ctx); /* the caller's own, or not started: nobody else uses it */
	}
}

/* --- threads --- */

static void *run(void *arg)
{
	struct thread *t = arg;
	char name[16];

	snprintf(name, sizeof(name), "resolver %u", t->index);
	pthread_setname_np(pthread_self(), name);
	int err = loop_run(t->loop);

	if (err < 0) {
		log_error("dns64: thread %u of %u cannot go on (%s); this process ends", t->index + 1,
			t->all->len, strerror(-err));
		_exit(EXIT_FAILURE);
	}
	return NULL;
}

static int open_bell(struct thread *t)
{
	t->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->bell < 0 ? -errno : loop_watch_fd(t->loop, t->bell, LOOP_READ, on_bell, t, &t->watch);
}

static int make_thread(
	struct resolvers *k, unsigned i, const struct resolvers_plan *p, char *fault, size_t size)
{
	struct thread *t = &k->threads[i];
	struct resolver_socket sockets[DNS64_LISTEN_MAX];
	unsigned sockets_len = p->config->listen_len;
	int err = 0;

	*t = (struct thread){ .all = k, .index = i, .loop = i == 0 ? p->loop : NULL, .bell = -1 };
	k->len = i + 1;
	if (i > 0)
		err = loop_new(&t->loop);
	if (err == 0 && i > 0)
		err = open_bell(t);
	if (err < 0) {
		snprintf(fault, size, "cannot make thread %u: %s", i + 1, strerror(-err));
		return err;
	}
	for (unsigned s = 0; s < sockets_len; s++)
		sockets[s] = p->sockets[s * p->threads + i];
	struct resolver_plan plan = {
		.config = p->config,
		.loop = t->loop,
		.sockets = sockets,
		.sockets_len = sockets_len,
		.gate = k->gate,
		.lender = k->lender,
		.threads = p->threads,
		.is_quiet = i > 0,
	};

	return resolver_new(&plan, &t->resolver, fault, size);
}

int resolvers_new(const struct resolvers_plan *p, struct resolvers **ret, char *fault, size_t fault_size)
{
	struct resolvers *k = calloc(1, sizeof(*k));

	ASSERT(p->threads >= 1 && p->threads <= DNS64_THREADS_MAX &&
		p->config->listen_len <= DNS64_LISTEN_MAX);
	if (!k) {
		snprintf(fault, fault_size, "out of memory");
		return -ENOMEM;
	}
	pthread_mutex_init(&k->lock, NULL); /* cannot fail: no attributes */
	pthread_cond_init(&k->done, NULL);
	int err = gate_new(&k->gate);

	if (err < 0)
		snprintf(fault, fault_size, "%s", err == -ENOMEM ? "out of memory" : "no randomness");
	if (err == 0 && p->lent) {
		err = lender_new(p->lent, p->config->lend_linger, &k->lender);
		if (err < 0)
			snprintf(fault, fault_size, "out of memory");
	}
	for (unsigned i = 0; err == 0 && i < p->threads; i++)
		err = make_thread(k, i, p, fault, fault_size);
	if (err < 0) {
		resolvers_free(k);
		return err;
	}
	*ret = k;
	return 0;
}

int resolvers_start(struct resolvers *k)
{
	for (unsigned i = 1; i < k->len; i++) {
		struct thread *t = &k->threads[i];
		int err = pthread_create(&t->id, NULL, run, t);

		if (err != 0)
			return -err;
		t->is_running = true;
	}
	return 0;
}

static void free_thread(struct resolvers *k, struct thread *t)
{
	resolver_free(t->resolver);
	loop_unwatch(t->watch);
	if (t->bell >= 0)
		close(t->bell);
	if (t->index > 0)
		loop_free(t->loop);
}

void resolvers_free(struct resolvers *k)
{
	if (!k)
		return;
	/* All are ended before the first is freed: libunbound's log is that of one of them. */
	for (unsigned i = 1; i < k->len; i++) {
		struct thread *t = &k->threads[i];

		if (!t->is_running)
			continue;
		ring(k, t, (struct call){ .fn = NULL });
		pthread_join(t->id, NULL);
		t->is_running = false;
	}
	for (unsigned i = 0; i < k->len; i++)
		free_thread(k, &k->threads[i]);
	gate_free(k->gate);
	lender_free(k->lender);
	pthread_cond_destroy(&k->done);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

unsigned resolvers_len(const struct resolvers *k)
{
	return k->len;
}

struct resolver *resolvers_first(struct resolvers *k)
{
	return k->threads[0].resolver;
}

/* --- TLS --- */

struct renewal {
	enum dns_transport transport;
	struct ssl_ctx_st *context;
};

static void renew_one(struct resolver *r, void *ctx)
{
	const struct renewal *n = ctx;

	resolver_renew_tls(r, n->transport, tls_context_share(n->context));
}

void resolvers_renew_tls(struct resolvers *k, enum dns_transport transport, struct ssl_ctx_st *context)
{
	struct renewal n = { transport, context };

	resolvers_each(k, renew_one, &n);
	tls_context_free(context);
}

int resolvers_serve_tls(struct resolvers *k, enum dns_transport transport, struct ssl_ctx_st *context,
	const int *fds, unsigned listen_len)
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < k->len; i++) {
		int mine[DNS64_LISTEN_MAX];

		for (unsigned s = 0; s < listen_len; s++)
			mine[s] = fds[s * k->len + i];
		err = resolver_serve_tls(
			k->threads[i].resolver, transport, tls_context_share(context), mine, listen_len);
	}
	tls_context_free(context);
	return err;
}

/* --- reload --- */

struct update {
	const struct dns64_config *config;
	struct answers *fresh[DNS64_THREADS_MAX];
	unsigned len; /* of fresh: made, then: still to be taken */
	int err;
};

/* All have the same configuration, so what one refuses, all refuse; memory may be short for any of them. */
static void prepare_one(struct resolver *r, void *ctx)
{
	struct update *u = ctx;

	if (u->err == 0)
		u->err = resolver_prepare(r, u->config, &u->fresh[u->len]);
	u->len += u->err == 0;
}

static void commit_one(struct resolver *r, void *ctx)
{
	struct update *u = ctx;

	resolver_commit(r, u->config, u->fresh[--u->len]);
}

int resolvers_update(struct resolvers *k, const struct dns64_config *c)
{
	struct update u = { .config = c };

	resolvers_each(k, prepare_one, &u);
	if (u.err == 0) {
		resolvers_each(k, commit_one, &u);
		return 0;
	}
	while (u.len > 0)
		answers_free(u.fresh[--u.len]);
	return u.err;
}

/* --- for an operator --- */

static void add_counters(struct resolver *r, void *ctx)
{
	const struct dns64_counters *from = resolver_counters(r);
	struct dns64_counters *to = ctx;

#define DNS_COUNTER(name, text) to->name += from->name;
#include "dns64/counters.def"
#undef DNS_COUNTER
}

void resolvers_counters(struct resolvers *k, struct dns64_counters *ret)
{
	struct dns64_counters sum = { 0 };

	resolvers_each(k, add_counters, &sum);
	*ret = sum;
}

static void add_status(struct resolver *r, void *ctx)
{
	struct resolver_status one, *to = ctx;

	resolver_status(r, &one);
	to->queries_open += one.queries_open;
	to->queries_open_max += one.queries_open_max;
	to->tcp_clients += one.tcp_clients;
	to->tcp_clients_max += one.tcp_clients_max;
}

void resolvers_status(struct resolvers *k, struct resolver_status *ret)
{
	struct resolver_status sum = { 0 }, first;

	resolver_status(resolvers_first(k), &first);
	sum.validation = first.validation; /* only the first looks */
	resolvers_each(k, add_status, &sum);
	*ret = sum;
}
