/*
 * query_log.c - who asked what, and was told what; see query_log.h
 *
 * Structure. Two areas of memory: threads append whole records to one, under a lock, while the other is written to the file;
 * when it is written, they change places. So no record is ever cut, and the lock is held for a copy only.
 *
 * A collector at a unix socket gets the same records by query_collector.h. One that went away or takes nothing is let go, and
 * the caller finds that there is nothing to write to and asks for a new connection; what waits in memory goes there.
 *
 * Limits. QUERY_LOG_BYTES in each area; what finds no room is lost, and the caller counts it.
 *
 * Privacy. What dns64_query_log hides is never copied: an address becomes its prefix (/48, /24) or nothing, a name nothing.
 */
#include "dns64/query_log.h"

#include "base/log.h"
#include "dns64/query_collector.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct area {
	size_t len;
	uint8_t bytes[QUERY_LOG_BYTES];
};

struct query_log {
	bool is_dnstap;
	pthread_mutex_t lock; /* of `fill`, what it points to, and `next` */
	struct area *fill, *draft;
	size_t sent; /* of the draft */
	int fd;	     /* of a file; -1: none */
	struct query_collector *collector; /* NULL: none */
	int next;    /* what the writer takes instead; -1: nothing */
	uint8_t head[DNSTAP_START_LEN];
	size_t head_len, head_sent; /* what goes to the file before the draft */
	bool is_faulty;		    /* the operator has been told */
};

int query_log_new(bool is_dnstap, struct query_log **ret)
{
	struct query_log *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->is_dnstap = is_dnstap;
	l->fd = l->next = -1;
	pthread_mutex_init(&l->lock, NULL);
	l->fill = calloc(1, sizeof(*l->fill));
	l->draft = calloc(1, sizeof(*l->draft));
	if (!l->fill || !l->draft) {
		query_log_free(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

static void let_go(struct query_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	query_collector_free(l->collector);
	l->fd = -1;
	l->collector = NULL;
}

void query_log_free(struct query_log *l)
{
	if (!l)
		return;
	let_go(l);
	if (l->next >= 0)
		close(l->next);
	pthread_mutex_destroy(&l->lock);
	free(l->fill);
	free(l->draft);
	free(l);
}

bool query_log_put(struct query_log *l, const struct dns64_query_log *c, const struct query_note *n)
{
	uint8_t record[QUERY_RECORD_MAX];
	size_t len = l->is_dnstap ? query_dnstap(c, n, record, sizeof(record))
				  : query_text(c, n, (char *)record, sizeof(record));

	pthread_mutex_lock(&l->lock);
	bool fits = len > 0 && len <= sizeof(l->fill->bytes) - l->fill->len;

	if (fits) {
		bytes_copy(l->fill->bytes + l->fill->len, record, len);
		l->fill->len += len;
	}
	pthread_mutex_unlock(&l->lock);
	return fits;
}

/* --- the file, or the collector --- */

static void say_fault(struct query_log *l, const char *what, int err)
{
	if (!l->is_faulty)
		log_warning("query log: %s: %s; it is tried again, and what does not fit into memory "
			    "meanwhile is "
			    "lost (log_lost)",
			what, strerror(-err));
	l->is_faulty = true;
}

static void say_works(struct query_log *l)
{
	if (l->is_faulty)
		log_info("query log: it is written again");
	l->is_faulty = false;
}

static void meet(struct query_log *l, int fd)
{
	int err = query_collector_new(fd, &l->collector);

	if (err < 0)
		say_fault(l, "the collector does not agree on dnstap", err);
}

void query_log_attach(struct query_log *l, int fd)
{
	pthread_mutex_lock(&l->lock);
	int before = l->next;

	l->next = fd;
	pthread_mutex_unlock(&l->lock);
	if (before >= 0)
		close(before);
}

/* A draft that the old file has a part of goes to the new one as a whole; a collector gets what is left of it. */
static void take_next(struct query_log *l)
{
	pthread_mutex_lock(&l->lock);
	int fd = l->next;

	l->next = -1;
	pthread_mutex_unlock(&l->lock);
	if (fd < 0)
		return;
	struct stat st;
	bool is_known = fstat(fd, &st) == 0;

	let_go(l);
	l->head_len = l->head_sent = 0;
	if (is_known && S_ISSOCK(st.st_mode)) {
		meet(l, fd);
		return;
	}
	l->fd = fd;
	l->sent = 0;
	if (l->is_dnstap && (!is_known || st.st_size == 0))
		l->head_len = query_dnstap_start(l->head);
}

/* Writes on; true when all is written. */
static bool write_on(struct query_log *l, const uint8_t *bytes, size_t len, size_t *sent)
{
	while (*sent < len) {
		ssize_t n = write(l->fd, bytes + *sent, len - *sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			say_fault(l, "it cannot be written", -errno);
		if (n <= 0)
			return false;
		*sent += (size_t)n;
	}
	return true;
}

/* As write_on(), to the collector. */
static bool hand_over(struct query_log *l)
{
	int err = query_collector_write(l->collector, l->draft->bytes, l->draft->len, &l->sent);

	if (err == 0)
		return l->sent == l->draft->len;
	say_fault(l, "the collector is let go", err);
	let_go(l);
	return false;
}

static bool write_draft(struct query_log *l)
{
	bool is_whole = l->collector ? hand_over(l) : write_on(l, l->draft->bytes, l->draft->len, &l->sent);

	if (!is_whole)
		return false;
	if (l->draft->len > 0)
		say_works(l);
	l->draft->len = 0; /* else a new file would get it again */
	l->sent = 0;
	return true;
}

static void change_places(struct query_log *l)
{
	pthread_mutex_lock(&l->lock);
	struct area *full = l->fill;

	l->fill = l->draft;
	l->draft = full;
	pthread_mutex_unlock(&l->lock);
}

bool query_log_write(struct query_log *l)
{
	take_next(l);
	if (l->fd < 0 && !l->collector)
		return false;
	if (write_on(l, l->head, l->head_len, &l->head_sent) && write_draft(l)) {
		change_places(l);
		(void)write_draft(l);
	}
	return l->fd >= 0 || l->collector;
}
