/*
 * worker.c - the packet thread: read, translate, write, and between two bursts expire and answer questions
 *
 * Purpose. One @worker owns one TUN queue and one struct nat64, and nobody else touches either. It takes what stands in the ring of
 * the XDP program (upring.h), which has up to half a burst, and reads
 * packets until none waits or BURST_PKTS or BURST_BYTES have come, translates them as one burst (nat64_burst() says why),
 * then takes over what other workers handed to it, gives expiry its share, runs a waiting call, and sleeps in poll() only
 * when the queue and the rings were empty.
 *
 * Several workers. What nat64/ finds to be another worker's is copied into the ring to it (@hand_over), parsed as it is;
 * the other one translates it in the ring's memory (@take_over). A full ring drops, and the drop is counted. Workers that
 * sleep are woken once after a burst (bell.h). Between two workers there is nothing else.
 *
 * A worker is not tied to a processor: the gateway shares them with the resolver, with interrupts and with whatever else
 * the host does, and the scheduler knows of all that.
 *
 * Calls. Another thread that wants to look at the tables puts a @call into the worker's only slot and waits
 * on its semaphore; the worker reads the slot between two bursts. On the path of a packet this is one load.
 * The bell wakes a worker that sleeps.
 *
 * Failure. A packet that the kernel refuses is counted (TUN_WRITE). A queue that cannot be read any more (the
 * device was deleted) ends the process after one log line: the supervisor starts the role anew.
 */
#include "dataplane/worker.h"

#include "base/log.h"
#include "dataplane/bell.h"
#include "dataplane/ring.h"
#include "dataplane/tun.h"
#include "dataplane/upring.h"
#include "state/owner.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BURST_PKTS NAT64_BURST_MAX /* packets between two looks at the clock */
#define BURST_UP (BURST_PKTS / 2)  /* of them from the ring; neither is kept waiting by the other */
#define BURST_BYTES (64 * 1024) /* and no more to read before they are written again, out of the near cache */
#define HUGE_BYTES (2 * 1024 * 1024)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#define SLEEP_MAX_MS 1000 /* a worker looks at its timers at least this often */
#define RING_BURST 64	  /* packets taken over from one ring before the own queue is read again */

struct call {
	void (*fn)(void *ctx, struct nat64 *n);
	void *ctx;
	sem_t done;
};

struct worker {
	struct nat64 *nat64;
	int queue;
	struct worker_peers peers;
	bool has_rung[OWNERS_MAX]; /* what was put into rings since bells were rung last */
	bool is_stopping;	   /* worker thread only */
	int error;		   /* of the queue */
	bool is_quiet;		   /* poll() said just now that the queue has nothing */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t callers; /* one caller at a time */
	_Atomic(struct call *) call;
	uint8_t buffers[BURST_PKTS][TUN_BUFFER_BYTES];
};

static void send_packet(void *ctx, const struct pkt *p)
{
	struct worker *w = ctx;

	if (!p->is_sent && tun_write(w->queue, p) < 0)
		nat64_drop(w->nat64, DROP_TUN_WRITE, p);
}

_Noreturn static void die(const struct worker *w, int err)
{
	log_error("worker %u: cannot read its TUN queue: %s; the translator ends and is started anew",
		w->peers.index, strerror(-err));
	_exit(EXIT_FAILURE);
}

/* Reads packets behind the first @len of a burst; returns how many there are then. *ret_more: whether more may be waiting. */
static unsigned read_queue(struct worker *w, struct pkt *burst, unsigned len, bool *ret_more)
{
	unsigned frames = len;
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
	if (r < 0)
		w->error = r;
	*ret_more = r > 0;
	return len;
}

/* Returns whether more may be waiting. */
static bool drain_packets(struct worker *w, nsec now, const struct nat64_out *out)
{
	struct pkt burst[BURST_PKTS];
	unsigned len = w->peers.up ? upring_take(w->peers.up, w->buffers, burst, BURST_UP) : 0;
	bool has_more = len == BURST_UP, has_read = false;

	if (!w->is_quiet)
		len = read_queue(w, burst, len, &has_read);
	w->is_quiet = false;
	nat64_burst(w->nat64, burst, len, now, out);
	if (w->error < 0)
		die(w, w->error);
	return has_more || has_read;
}

/* --- other workers --- */

/* What stands in a ring. A packet's memory follows directly, with room in front and behind as translation wants it. */
struct letter {
	enum { LETTER_PACKET, LETTER_LOAN } kind;
	unsigned from;
	union {
		struct {
			struct pkt p;
			struct nat64_handover h;
		};
		struct state_loan loan;
	};
};

static struct letter *letter_begin(struct worker *w, unsigned to, uint32_t room)
{
	struct letter *l = ring_reserve(w->peers.out[to], (uint32_t)sizeof(*l) + room);

	if (l)
		l->from = w->peers.index;
	return l;
}

static void letter_send(struct worker *w, unsigned to)
{
	ring_commit(w->peers.out[to]);
	w->has_rung[to] = true;
}

static bool hand_over(void *ctx, unsigned worker, const struct pkt *p, const struct nat64_handover *h)
{
	struct worker *w = ctx;
	uint32_t room = PKT_HEADROOM + p->len + PKT_TAILROOM;
	struct letter *to = letter_begin(w, worker, room);

	if (!to)
		return false;
	uint8_t *memory = (uint8_t *)(to + 1);

	to->kind = LETTER_PACKET;
	to->p = *p;
	to->h = *h;
	to->p.head = memory;
	to->p.data = memory + PKT_HEADROOM;
	to->p.end = memory + room;
	bytes_copy(to->p.data, p->data, p->len);
	letter_send(w, worker);
	return true;
}

static bool lend(void *ctx, unsigned worker, const struct state_loan *m)
{
	struct worker *w = ctx;
	struct letter *to = letter_begin(w, worker, 0);

	if (!to)
		return false;
	to->kind = LETTER_LOAN;
	to->loan = *m;
	letter_send(w, worker);
	return true;
}

/* Returns whether more may be waiting. */
static bool take_over(struct worker *w, struct ring *from, nsec now, const struct nat64_out *out)
{
	struct letter *it;
	uint32_t len;

	for (unsigned i = 0; i < RING_BURST; i++) {
		it = ring_peek(from, &len);
		if (!it)
			return false;
		if (it->kind == LETTER_PACKET)
			(void)nat64_take_over(w->nat64, &it->p, &it->h, now, out);
		else
			nat64_lend(w->nat64, it->from, &it->loan, now, out);
		ring_release(from);
	}
	return true;
}

static bool drain_rings(struct worker *w, nsec now, const struct nat64_out *out)
{
	bool has_more = false;

	for (unsigned i = 0; i < w->peers.len; i++) {
		if (w->peers.in[i])
			has_more |= take_over(w, w->peers.in[i], now, out);
	}
	return has_more;
}

static bool rings_are_empty(const struct worker *w)
{
	for (unsigned i = 0; i < w->peers.len; i++) {
		if (w->peers.in[i] && !ring_is_empty(w->peers.in[i]))
			return false;
	}
	return true;
}

static void ring_bells(struct worker *w)
{
	for (unsigned i = 0; i < w->peers.len; i++) {
		if (!w->has_rung[i])
			continue;
		int r = bell_ring(&w->peers.bells[i]);

		if (r < 0)
			log_error("worker %u: cannot be woken: %s; it will look within a second", i,
				strerror(-r));
		w->has_rung[i] = false;
	}
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

/* A ring that has something is found by poll(); the queue, if poll() was called at all, need not be read to see that it is empty. */
static void sleep_until(struct worker *w, nsec now, nsec deadline)
{
	struct bell *bell = &w->peers.bells[w->peers.index];
	struct pollfd fds[] = { { .fd = w->queue, .events = POLLIN }, { .fd = bell->fd, .events = POLLIN },
		{ .fd = w->peers.up ? upring_fd(w->peers.up) : -1, .events = POLLIN } };
	nsec wait_ms = deadline > now ? (deadline - now + MSEC - 1) / MSEC : 0;

	bell_doze(bell);
	if (w->peers.up)
		upring_doze(w->peers.up);
	if (rings_are_empty(w) && !atomic_load_explicit(&w->call, memory_order_acquire))
		w->is_quiet = poll(fds, ARRAY_LEN(fds),
				      wait_ms < SLEEP_MAX_MS ? (int)wait_ms : SLEEP_MAX_MS) >= 0 &&
			      fds[0].revents == 0;
	if (w->peers.up)
		upring_rise(w->peers.up);
	int r = bell_rise(bell);

	if (r < 0)
		die(w, r);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct nat64_out out = { .send = send_packet, .ctx = w, .hand_over = hand_over, .lend = lend };
	char name[16];

	snprintf(name, sizeof(name), "worker/%u", w->peers.index);
	pthread_setname_np(pthread_self(), name);
	while (!w->is_stopping) {
		nsec now = clock_now();
		bool has_more = drain_packets(w, now, &out);

		has_more |= drain_rings(w, now, &out);
		nsec next = nat64_tick(w->nat64, now, &out);

		ring_bells(w);
		run_call(w);
		if (!has_more && !w->is_stopping)
			sleep_until(w, clock_now(), next);
	}
	return NULL;
}

/*
 * A packet in a large table costs a walk of the page table, too, unless the pages are huge. Where all pages are touched soon
 * anyway they are taken now: a huge page is cleared when it is first written, which takes as long as ten packets, at the worst time.
 * Only advice: see madvise(2).
 */
static void advise_huge(void *ctx, void *table, size_t bytes, bool is_scattered)
{
	size_t whole = bytes & ~(size_t)(HUGE_BYTES - 1);

	if (whole == 0)
		return;
	(void)madvise(table, whole, MADV_HUGEPAGE);
	if (is_scattered)
		(void)madvise(table, whole, MADV_POPULATE_WRITE);
}

int worker_new(const struct nat64_config *c, int queue, const struct worker_peers *peers, struct worker **ret)
{
	uint8_t seed[32];
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->queue = queue;
	w->peers = *peers;
	pthread_mutex_init(&w->callers, NULL);
	int r = random_seed(seed, sizeof(seed));

	if (r == 0)
		r = nat64_new(c, seed, clock_now(), &w->nat64);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	state_each_table(nat64_state(w->nat64), advise_huge, NULL);
	*ret = w;
	return 0;
}

int worker_start(struct worker *w)
{
	int r = -pthread_create(&w->thread, NULL, run, w);

	w->has_thread = r == 0;
	return r;
}

void worker_call(struct worker *w, void (*fn)(void *ctx, struct nat64 *n), void *ctx)
{
	struct call call = { .fn = fn, .ctx = ctx };
	sem_init(&call.done, 0, 0);
	pthread_mutex_lock(&w->callers);
	atomic_store_explicit(&w->call, &call, memory_order_release);
	int r = bell_ring(&w->peers.bells[w->peers.index]);

	if (r < 0)
		log_error("worker %u: cannot be woken: %s; it will answer within a second", w->peers.index,
			strerror(-r));
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

void worker_halt(struct worker *w)
{
	if (!w->has_thread)
		return;
	worker_call(w, stop, w);
	pthread_join(w->thread, NULL);
	w->has_thread = false;
}

struct nat64 *worker_nat64(const struct worker *w)
{
	ASSERT(!w->has_thread);
	return w->nat64;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_halt(w);
	nat64_free(w->nat64);
	pthread_mutex_destroy(&w->callers);
	free(w);
}
