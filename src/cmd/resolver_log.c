/*
 * resolver_log.c - the log of queries in the resolver's process; see resolver_log.h
 *
 * A thread of its own writes what the resolver's threads said, so that a slow disk holds up nobody who answers. The process
 * may open nothing, so it asks the supervisor for the file until it has it.
 */
#include "cmd/resolver_log.h"

#include "base/log.h"
#include "ctl/channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK (50 * MSEC)
#define WANT_PAUSE NSEC

struct resolver_log {
	struct query_log *log;
	pthread_t writer;
	bool is_running;
	pthread_mutex_t lock; /* of is_over */
	pthread_cond_t end;
	bool is_over;
};

static void ask_for_file(void)
{
	if (channel_send(CHANNEL_FD, CHANNEL_SINK, "queries", strlen("queries"), NULL, 0) < 0)
		log_debug("query log: the supervisor does not take the request for the file");
}

/* Waits for a tick, or the end; false at the end. */
static bool wait_tick(struct resolver_log *k)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)TICK;
	until.tv_sec += until.tv_nsec / (long)NSEC;
	until.tv_nsec %= (long)NSEC;
	pthread_mutex_lock(&k->lock);
	if (!k->is_over)
		(void)pthread_cond_timedwait(&k->end, &k->lock, &until);
	bool goes_on = !k->is_over;

	pthread_mutex_unlock(&k->lock);
	return goes_on;
}

static void *write_always(void *ctx)
{
	struct resolver_log *k = ctx;
	nsec want_at = 0;

	while (wait_tick(k)) {
		nsec now = clock_now();

		if (query_log_write(k->log) || now < want_at)
			continue;
		want_at = now + WANT_PAUSE;
		ask_for_file();
	}
	(void)query_log_write(k->log);
	return NULL;
}

static void log_to(struct resolver *r, void *ctx)
{
	resolver_log_to(r, ctx);
}

int resolver_log_new(struct resolvers *all, const struct dns64_config *c, struct resolver_log **ret)
{
	if (!c->query_log.is_on)
		return 0;
	struct resolver_log *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->end, NULL);
	int err = query_log_new(c->query_log.is_dnstap, &k->log);

	if (err < 0) {
		resolver_log_free(k);
		return err;
	}
	resolvers_each(all, log_to, k->log);
	*ret = k;
	return 0;
}

int resolver_log_start(struct resolver_log *k)
{
	if (!k)
		return 0;
	int err = pthread_create(&k->writer, NULL, write_always, k);

	k->is_running = err == 0;
	return -err;
}

void resolver_log_free(struct resolver_log *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->is_over = true;
	pthread_cond_signal(&k->end);
	pthread_mutex_unlock(&k->lock);
	if (k->is_running)
		pthread_join(k->writer, NULL);
	pthread_cond_destroy(&k->end);
	pthread_mutex_destroy(&k->lock);
	query_log_free(k->log);
	free(k);
}

void resolver_log_take(struct resolver_log *k, int fd)
{
	if (k)
		query_log_attach(k->log, fd);
	else
		close(fd);
}
