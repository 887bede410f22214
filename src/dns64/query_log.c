/*
 * query_log.c - who asked what, and was told what; see query_log.h
 *
 * Structure. Two areas of memory: threads append whole records to one, under a lock, while the other is written to the file;
 * when it is written, they change places. So no record is ever cut, and the lock is held for a copy only.
 *
 * Limits. QUERY_LOG_BYTES in each area; what finds no room is lost, and the caller counts it.
 *
 * Privacy. What dns64_query_log hides is never copied: an address becomes its prefix (/48, /24) or nothing, a name nothing.
 */
#include "dns64/query_log.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
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
	int fd;	     /* -1: none */
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

void query_log_free(struct query_log *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
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

/* --- the file --- */

static bool is_empty(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_size == 0;
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

/* A draft that the old file has a part of goes to the new one as a whole. */
static void take_next(struct query_log *l)
{
	pthread_mutex_lock(&l->lock);
	int fd = l->next;

	l->next = -1;
	pthread_mutex_unlock(&l->lock);
	if (fd < 0)
		return;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	l->sent = 0;
	l->head_sent = 0;
	l->head_len = l->is_dnstap && is_empty(fd) ? query_dnstap_start(l->head) : 0;
}

/* Writes on; true when all is written. */
static bool write_on(struct query_log *l, const uint8_t *bytes, size_t len, size_t *sent)
{
	while (*sent < len) {
		ssize_t n = write(l->fd, bytes + *sent, len - *sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && !l->is_faulty) {
			l->is_faulty = true;
			log_warning("query log: it cannot be written: %s; queries are lost to it (log_lost)",
				strerror(errno));
		}
		if (n <= 0)
			return false;
		*sent += (size_t)n;
	}
	return true;
}

static bool write_draft(struct query_log *l)
{
	if (!write_on(l, l->draft->bytes, l->draft->len, &l->sent))
		return false;
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
	if (l->fd < 0)
		return false;
	if (!write_on(l, l->head, l->head_len, &l->head_sent) || !write_draft(l))
		return true;
	change_places(l);
	if (write_draft(l))
		l->is_faulty = false;
	return true;
}
