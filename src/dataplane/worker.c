/*
 * worker.c - the packet thread: read, translate, write, and between two bursts expire and answer questions
 *
 * Purpose. One @worker owns one TUN queue and one struct nat64, and nobody else touches either. It reads
 * packets until none waits or BURST_PKTS or BURST_BYTES have come, translates them as one burst (nat64_burst() says why),
 * then gives expiry its share, then runs a waiting call, and sleeps in poll() only when the queue was empty.
 *
 * Calls. Another thread that wants to look at the tables puts a @call into the worker's only slot and waits
 * on its semaphore; the worker reads the slot between two bursts. On the path of a packet this is one load.
 * The eventfd wakes a worker that sleeps.
 *
 * Failure. A packet that the kernel refuses is counted (TUN_WRITE). A queue that cannot be read any more (the
 * device was deleted) ends the process after one log line: the supervisor starts the role anew.
 */
#include "dataplane/worker.h"

#include "base/log.h"
#include "dataplane/tun.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define BURST_PKTS NAT64_BURST_MAX /* packets between two looks at the clock */
#define BURST_BYTES (64 * 1024) /* and no more to read before they are written again, out of the near cache */
#define HUGE_BYTES (2 * 1024 * 1024)
#define SLEEP_MAX_MS 1000 /* a worker looks at its timers at least this often */

struct call {
	void (*fn)(void *ctx, struct nat64 *n);
	void *ctx;
	sem_t done;
};

struct worker {
	struct nat64 *nat64;
	int queue;
	int wake; /* eventfd */
	unsigned index;
	bool is_stopping; /* worker thread only */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t callers; /* one caller at a time */
	_Atomic(struct call *) call;
	uint8_t buffers[BURST_PKTS][TUN_BUFFER_BYTES];
};

static void send_packet(void *ctx, const struct pkt *p)
{
	struct worker *w = ctx;

	if (tun_write(w->queue, p) < 0)
		nat64_drop(w->nat64, DROP_TUN_WRITE, p);
}

_Noreturn static void die(const struct worker *w, int err)
{
	log_error("worker %u: cannot read its TUN queue: %s; the translator ends and is started anew",
		w->index, strerror(-err));
	_exit(EXIT_FAILURE);
}

/* Returns whether more may be waiting. */
static bool drain_queue(struct worker *w, nsec now, const struct nat64_out *out)
{
	struct pkt burst[BURST_PKTS];
	unsigned frames = 0, len = 0;
	uint32_t bytes = 0;
	int r = 1;

	while (frames < BURST_PKTS && bytes < BURST_BYTES) {
		enum drop_reason reason = DROP_NONE;

		r = tun_read(w->queue, w->buffers[len], &burst[len], &reason);
		if (r <= 0)
			break;
		frames++;
		if (reason != DROP_NONE)
			nat64_drop(w->nat64, reason, NULL);
		else
			bytes += burst[len++].len;
	}
	nat64_burst(w->nat64, burst, len, now, out);
	if (r < 0)
		die(w, r);
	return r > 0;
}

static void run_call(struct worker *w)
{
	struct call *call = atomic_load_explicit(&w->call, memory_order_acquire);

	if (!call)
		return;
	call->fn(call->ctx, w->nat64);
	atomic_store_explicit(&w->call, NULL, memory_order_relaxed);
	sem_post(&call->done);
}

static void sleep_until(struct worker *w, nsec now, nsec deadline)
{
	struct pollfd fds[] = { { .fd = w->queue, .events = POLLIN }, { .fd = w->wake, .events = POLLIN } };
	nsec wait_ms = deadline > now ? (deadline - now + MSEC - 1) / MSEC : 0;

	if (poll(fds, ARRAY_LEN(fds), wait_ms < SLEEP_MAX_MS ? (int)wait_ms : SLEEP_MAX_MS) <= 0)
		return;
	if (fds[1].revents) {
		uint64_t count;

		if (read(w->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
			die(w, -errno);
	}
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct nat64_out out = { .send = send_packet, .ctx = w };
	char name[16];

	snprintf(name, sizeof(name), "worker/%u", w->index);
	pthread_setname_np(pthread_self(), name);
	while (!w->is_stopping) {
		nsec now = clock_now();
		bool has_more = drain_queue(w, now, &out);
		nsec next = nat64_tick(w->nat64, now, &out);

		run_call(w);
		if (!has_more && !w->is_stopping)
			sleep_until(w, clock_now(), next);
	}
	return NULL;
}

/* A packet in a large table costs a walk of the page table, too, unless the pages are huge. Only advice: see madvise(2). */
static void advise_huge(void *ctx, void *table, size_t bytes)
{
	if (bytes >= HUGE_BYTES)
		(void)madvise(table, bytes & ~(size_t)(HUGE_BYTES - 1), MADV_HUGEPAGE);
}

int worker_start(const struct nat64_config *c, int queue, unsigned index, struct worker **ret)
{
	uint8_t seed[32];
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->queue = queue;
	w->index = index;
	w->wake = -1;
	pthread_mutex_init(&w->callers, NULL);
	int r = random_seed(seed, sizeof(seed));

	if (r == 0)
		r = nat64_new(c, seed, clock_now(), &w->nat64);
	if (r == 0) {
		state_each_table(nat64_state(w->nat64), advise_huge, NULL);
		w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = w->wake < 0 ? -errno : 0;
	}
	if (r == 0)
		r = -pthread_create(&w->thread, NULL, run, w);
	if (r < 0) {
		worker_stop(w);
		return r;
	}
	w->has_thread = true;
	*ret = w;
	return 0;
}

void worker_call(struct worker *w, void (*fn)(void *ctx, struct nat64 *n), void *ctx)
{
	struct call call = { .fn = fn, .ctx = ctx };
	uint64_t one = 1;

	sem_init(&call.done, 0, 0);
	pthread_mutex_lock(&w->callers);
	atomic_store_explicit(&w->call, &call, memory_order_release);
	if (write(w->wake, &one, sizeof(one)) < 0)
		log_error("worker %u: cannot be woken: %s; it will answer within a second", w->index,
			strerror(errno));
	while (sem_wait(&call.done) < 0 && errno == EINTR)
		continue;
	pthread_mutex_unlock(&w->callers);
	sem_destroy(&call.done);
}

static void stop(void *ctx, struct nat64 *n)
{
	struct worker *w = ctx;

	ASSERT(w->nat64 == n);
	w->is_stopping = true;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	if (w->has_thread) {
		worker_call(w, stop, w);
		pthread_join(w->thread, NULL);
	}
	if (w->wake >= 0)
		close(w->wake);
	nat64_free(w->nat64);
	pthread_mutex_destroy(&w->callers);
	free(w);
}
