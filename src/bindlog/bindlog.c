/*
 * bindlog.c - the binding log: from the packet threads to files, the system's log and collectors
 *
 * Purpose. Whoever shares IPv4 addresses is asked, months later, who had one of them (RFC 6269 s13, RFC 6888 REQ-12). The
 * log answers, and it must not cost what it is about: no packet waits for a disk or a collector.
 *
 *	worker 0 --ring--\                            /-- outbox --> file
 *	worker 1 --ring----> logging thread --record-+--- outbox --> syslog
 *	    ...  --ring--/                            \-- outbox --> IPFIX collector
 *
 * Central structure. @bindlog owns one ring for each worker (events.h) and one @sink for each place that the log goes to
 * (sink.h). The thread makes a @bindlog_pass every few hundredths of a second: takes descriptors that came, empties the
 * rings, formats, sends what the sinks take, asks for descriptors that are missing.
 *
 * Limits. A ring holds config.buffer events, and an outbox 16 bytes for each of them. What finds one full is lost, is
 * counted, and the log itself says how many were lost between when and when, as soon as there is room. So a reader knows
 * what he cannot know. A file on a disk that hangs holds up the other sinks too, as writing to a disk cannot be made not
 * to wait; the rings bridge some seconds of it, and traffic does not notice.
 *
 * Time. Events carry the monotonic time of their packet; the log has UTC. The difference is taken anew in each pass, so
 * that a clock that is set shows in the log from then on.
 *
 * Rights. The process is sandboxed and opens nothing: descriptors come from the supervisor, on demand (bindlog_host), and
 * a reload brings the file anew, for whoever rotates it.
 *
 * Nothing is synced to the disk: what was written survives any death of this program, and a loss of power costs what the
 * kernel had not written back, some 30 s. A log that waited for the disk would lose more.
 *
 * Records: docs/binding-log.md. Standards: RFC 8158, RFC 7011; RFC 6888 REQ-12, RFC 6302 (time and port).
 */
#include "bindlog/bindlog.h"

#include "base/log.h"
#include "bindlog/events.h"
#include "bindlog/sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PASS_BUSY_MS 20
#define PASS_IDLE_MS 100
#define TAKE_MAX                                                                                             \
	256 /* events of one ring between two looks at the sinks: they fit into the smallest outbox */
#define ALIVE_EVERY_MS UINT64_C(60000)
#define STOP_PATIENCE NSEC

struct bindlog {
	struct bindlog_config config;
	struct bindlog_host host;
	struct events *rings[BINDLOG_WORKERS_MAX];
	uint64_t lost_seen[BINDLOG_WORKERS_MAX];
	struct sink *sinks[BINDLOG_SINKS]; /* NULL: off */
	unix_ms pass_before, last_record;
	_Atomic uint64_t told;
	int wake; /* eventfd */
	_Atomic bool is_stopping;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;	  /* of given[] */
	int given[BINDLOG_SINKS]; /* descriptors that wait to be taken; -1: none */
};

const char *bindlog_sink_name(enum bindlog_sink sink)
{
	return sink_name(sink);
}

enum bindlog_sink bindlog_sink_find(const char *name)
{
	enum bindlog_sink s = 0;

	while (s < BINDLOG_SINKS && strcmp(sink_name(s), name) != 0)
		s++;
	return s;
}

/* --- records --- */

static void record_all(struct bindlog *b, const struct record *r)
{
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		if (b->sinks[i])
			sink_take_record(b->sinks[i], r);
	}
	b->last_record = r->when;
}

static void mark(struct bindlog *b, enum record_kind kind, unix_ms now_ms)
{
	struct record r = { .kind = kind, .when = now_ms, .detail = b->config.detail };

	record_all(b, &r);
}

static unix_ms time_of(const struct state_event *e, nsec now, unix_ms now_ms)
{
	return now > e->when ? now_ms - (now - e->when) / MSEC : now_ms;
}

static bool empty_ring(struct bindlog *b, unsigned worker, nsec now, unix_ms now_ms)
{
	struct state_event e;
	unsigned n = 0;

	while (n < TAKE_MAX && events_take(b->rings[worker], &e)) {
		struct record r = record_of_event(&e, time_of(&e, now, now_ms));

		for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
			if (b->sinks[i])
				sink_take_event(b->sinks[i], &e, &r);
		}
		b->last_record = now_ms;
		n++;
	}
	atomic_store_explicit(
		&b->told, atomic_load_explicit(&b->told, memory_order_relaxed) + n, memory_order_relaxed);
	return n == TAKE_MAX;
}

/* Events that found the ring full did so since the pass before: it was emptied then. */
static void tell_full(struct bindlog *b, unsigned worker, unix_ms now_ms)
{
	uint64_t lost = events_lost(b->rings[worker]);
	struct record r = { .kind = RECORD_LOST,
		.when = now_ms,
		.count = lost - b->lost_seen[worker],
		.since = b->pass_before };

	if (r.count == 0)
		return;
	b->lost_seen[worker] = lost;
	record_all(b, &r);
}

/* --- one pass --- */

static void take_given(struct bindlog *b, nsec now, unix_ms now_ms)
{
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		pthread_mutex_lock(&b->lock);
		int fd = b->given[i];

		b->given[i] = -1;
		pthread_mutex_unlock(&b->lock);
		if (fd >= 0)
			sink_attach(b->sinks[i], fd, now, now_ms);
	}
}

static void send_all(struct bindlog *b, nsec now, unix_ms now_ms)
{
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		if (!b->sinks[i])
			continue;
		sink_flush(b->sinks[i], now_ms);
		sink_send(b->sinks[i], now, now_ms);
		if (sink_wants(b->sinks[i], now))
			b->host.want(b->host.ctx, (enum bindlog_sink)i);
	}
}

bool bindlog_pass(struct bindlog *b, nsec now, unix_ms now_ms)
{
	bool has_more = false;

	if (b->pass_before == 0) {
		b->pass_before = now_ms;
		mark(b, RECORD_START, now_ms);
	}
	take_given(b, now, now_ms);
	for (unsigned i = 0; i < b->config.workers; i++) {
		has_more |= empty_ring(b, i, now, now_ms);
		tell_full(b, i, now_ms);
		send_all(b, now, now_ms);
	}
	if (now_ms - b->last_record >= ALIVE_EVERY_MS)
		mark(b, RECORD_ALIVE, now_ms);
	b->pass_before = now_ms;
	return has_more;
}

/* --- the thread --- */

static unix_ms clock_unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (unix_ms)ts.tv_sec * 1000 + (unix_ms)ts.tv_nsec / 1000000;
}

/* Waits until there is something to do: a descriptor came, a blocked sink takes more, a connection has ended, or time. */
static void wait_for_work(struct bindlog *b, int timeout_ms)
{
	struct pollfd fds[1 + BINDLOG_SINKS] = { { .fd = b->wake, .events = POLLIN } };
	uint64_t count;

	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		const struct sink *s = b->sinks[i];

		fds[1 + i].fd = s ? s->fd : -1;
		if (s && i == BINDLOG_IPFIX && b->config.is_tcp)
			fds[1 + i].events |= POLLRDHUP;
		if (s && s->is_blocked)
			fds[1 + i].events |= POLLOUT;
		if (fds[1 + i].events == 0)
			fds[1 + i].fd = -1; /* else an error that nobody handles would keep us busy */
	}
	if (poll(fds, ARRAY_LEN(fds), timeout_ms) <= 0)
		return;
	if (fds[0].revents && read(b->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_error("binding log: the wake-up cannot be read: %s", strerror(errno));
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		if (fds[1 + i].revents & (POLLRDHUP | POLLERR | POLLHUP) && i == BINDLOG_IPFIX)
			sink_hung_up(b->sinks[i], clock_now());
	}
}

static bool is_all_sent(const struct bindlog *b)
{
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		if (b->sinks[i] && !sink_is_idle(b->sinks[i]))
			return false;
	}
	return true;
}

/* The packet threads have ended; what they told goes out, as far as the sinks take it soon. */
static void finish(struct bindlog *b)
{
	nsec deadline = clock_now() + STOP_PATIENCE;

	while (bindlog_pass(b, clock_now(), clock_unix_ms()))
		continue;
	mark(b, RECORD_STOP, clock_unix_ms());
	(void)bindlog_pass(b, clock_now(), clock_unix_ms());
	while (!is_all_sent(b) && clock_now() < deadline) {
		wait_for_work(b, PASS_BUSY_MS);
		(void)bindlog_pass(b, clock_now(), clock_unix_ms());
	}
}

static void *run(void *arg)
{
	struct bindlog *b = arg;

	pthread_setname_np(pthread_self(), "bindlog");
	while (!atomic_load(&b->is_stopping)) {
		uint64_t before = atomic_load_explicit(&b->told, memory_order_relaxed);
		bool has_more = bindlog_pass(b, clock_now(), clock_unix_ms());
		bool was_busy = before != atomic_load_explicit(&b->told, memory_order_relaxed);

		wait_for_work(b, has_more ? 0 : was_busy ? PASS_BUSY_MS : PASS_IDLE_MS);
	}
	finish(b);
	return NULL;
}

/* --- start and end --- */

static int make_parts(struct bindlog *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->config.workers && err == 0; i++)
		err = events_new(b->config.buffer, &b->rings[i]);
	for (unsigned i = 0; i < BINDLOG_SINKS && err == 0; i++) {
		if (!(b->config.sinks & 1u << i))
			continue;
		b->sinks[i] = calloc(1, sizeof(*b->sinks[i]));
		err = b->sinks[i] ? sink_init(b->sinks[i], (enum bindlog_sink)i, &b->config) : -ENOMEM;
	}
	b->wake = err == 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	return err < 0 ? err : b->wake < 0 ? -errno : 0;
}

int bindlog_new(const struct bindlog_config *c, const struct bindlog_host *host, struct bindlog **ret)
{
	if (c->workers > BINDLOG_WORKERS_MAX || c->buffer == 0 || (c->buffer & (c->buffer - 1)) != 0)
		return -EINVAL;
	struct bindlog *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->config = *c;
	b->host = *host;
	b->wake = -1;
	pthread_mutex_init(&b->lock, NULL);
	for (unsigned i = 0; i < BINDLOG_SINKS; i++)
		b->given[i] = -1;
	int err = make_parts(b);
	if (err < 0) {
		bindlog_stop(b);
		return err;
	}
	*ret = b;
	return 0;
}

struct state_watch bindlog_watch(struct bindlog *b, unsigned worker, enum state_detail detail)
{
	return (struct state_watch){ .event = events_put, .ctx = b->rings[worker], .detail = detail };
}

int bindlog_start(struct bindlog *b)
{
	int err = -pthread_create(&b->thread, NULL, run, b);

	b->has_thread = err == 0;
	return err;
}

static void wake(struct bindlog *b)
{
	uint64_t one = 1;

	if (write(b->wake, &one, sizeof(one)) < 0)
		log_error("binding log: the thread cannot be woken: %s; it looks by itself soon",
			strerror(errno));
}

void bindlog_give(struct bindlog *b, enum bindlog_sink sink, int fd)
{
	if (!b->sinks[sink]) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&b->lock);
	if (b->given[sink] >= 0)
		close(b->given[sink]);
	b->given[sink] = fd;
	pthread_mutex_unlock(&b->lock);
	wake(b);
}

void bindlog_stop(struct bindlog *b)
{
	if (!b)
		return;
	if (b->has_thread) {
		atomic_store(&b->is_stopping, true);
		wake(b);
		pthread_join(b->thread, NULL);
	}
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		if (b->given[i] >= 0)
			close(b->given[i]);
		if (b->sinks[i])
			sink_fini(b->sinks[i]);
		free(b->sinks[i]);
	}
	for (unsigned i = 0; i < b->config.workers; i++)
		events_free(b->rings[i]);
	if (b->wake >= 0)
		close(b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void bindlog_stats(const struct bindlog *b, struct bindlog_stats *ret)
{
	*ret = (struct bindlog_stats){ .told = atomic_load_explicit(&b->told, memory_order_relaxed) };
	for (unsigned i = 0; i < b->config.workers; i++)
		ret->lost_full += events_lost(b->rings[i]);
	for (unsigned i = 0; i < BINDLOG_SINKS; i++) {
		const struct sink *s = b->sinks[i];

		if (!s)
			continue;
		ret->sinks[i] = (struct bindlog_sink_stats){
			.is_on = true,
			.is_open = atomic_load_explicit(&s->is_open, memory_order_relaxed),
			.written = atomic_load_explicit(&s->written, memory_order_relaxed),
			.lost = atomic_load_explicit(&s->lost, memory_order_relaxed),
		};
	}
}
