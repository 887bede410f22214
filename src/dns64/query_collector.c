/*
 * query_collector.c - frame streams for a collector; see query_collector.h
 *
 * libfstrm keeps the rules of the stream (who says what, the parser of what the collector says). Below it is our own
 * transport, @struct query_collector, since libfstrm's would open a path, which this process may not, and would wait for as
 * long as the collector likes. Every step has an end, @COLLECTOR_PATIENCE from its start; what fails once fails from then on.
 *
 * A frame that the connection took only a part of is worth nothing to a collector, so it goes to the next one as a whole.
 * What lies in the kernel's buffer when a collector dies is lost, and nobody can count it.
 */
#include "dns64/query_collector.h"

#include <errno.h>
#include <fstrm.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64 /* frames in one system call */

static const char content_type[] = "protobuf:dnstap.Dnstap";

struct query_collector {
	int fd;
	int err;	/* 0, or -errno of what broke it */
	nsec until;	/* of the present step */
	size_t written; /* bytes, in the present step */
	struct fstrm_writer *writer;
};

/* --- the transport below libfstrm --- */

static fstrm_res broken(struct query_collector *c, int err)
{
	c->err = err;
	return fstrm_res_failure;
}

/* Waits until the collector is ready; 0 or -errno. */
static int await(struct query_collector *c, short events)
{
	for (;;) {
		nsec now = clock_now();
		struct pollfd p = { .fd = c->fd, .events = events };

		if (now >= c->until)
			return -ETIMEDOUT;
		int n = poll(&p, 1, (int)((c->until - now) / MSEC) + 1);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* What to do after a call that did not go through: 0 to try again, or -errno. */
static int after(struct query_collector *c, short events)
{
	if (errno == EINTR)
		return 0;
	return errno == EAGAIN ? await(c, events) : -errno;
}

static fstrm_res read_all(void *ctx, void *to, size_t len)
{
	struct query_collector *c = ctx;
	uint8_t *at = to;

	while (c->err == 0 && len > 0) {
		ssize_t n = read(c->fd, at, len);

		if (n == 0)
			return broken(c, -EPIPE);
		if (n < 0) {
			c->err = after(c, POLLIN);
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
	return c->err < 0 ? fstrm_res_failure : fstrm_res_success;
}

/* What is left of @iov after @sent bytes of it; returns how many pieces. */
static size_t skip_sent(struct iovec *iov, size_t len, size_t sent)
{
	size_t gone = 0;

	while (gone < len && sent >= iov[gone].iov_len)
		sent -= iov[gone++].iov_len;
	for (size_t i = gone; i < len; i++)
		iov[i - gone] = iov[i];
	if (gone < len) {
		iov[0].iov_base = (uint8_t *)iov[0].iov_base + sent;
		iov[0].iov_len -= sent;
	}
	return len - gone;
}

static fstrm_res write_all(void *ctx, const struct iovec *iov, int len)
{
	struct query_collector *c = ctx;
	struct iovec left[2 * BATCH];
	struct msghdr m = { .msg_iov = left, .msg_iovlen = (size_t)len };

	if (len < 0 || (size_t)len > ARRAY_LEN(left))
		return broken(c, -EPROTO);
	bytes_copy(left, iov, (size_t)len * sizeof(*iov));
	m.msg_iovlen = skip_sent(left, m.msg_iovlen, 0);
	while (c->err == 0 && m.msg_iovlen > 0) {
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);

		if (n < 0) {
			c->err = after(c, POLLOUT);
			continue;
		}
		c->written += (size_t)n;
		m.msg_iovlen = skip_sent(left, m.msg_iovlen, (size_t)n);
	}
	return c->err < 0 ? fstrm_res_failure : fstrm_res_success;
}

static fstrm_res already(void *ctx)
{
	return fstrm_res_success; /* open before, closed after libfstrm has it */
}

/* --- the stream --- */

static void begin_step(struct query_collector *c)
{
	c->until = clock_now() + COLLECTOR_PATIENCE;
	c->written = 0;
}

static struct fstrm_writer *writer_of(struct query_collector *c)
{
	struct fstrm_writer_options *o = fstrm_writer_options_init();
	struct fstrm_rdwr *t = fstrm_rdwr_init(c);

	fstrm_rdwr_set_open(t, already);
	fstrm_rdwr_set_close(t, already);
	fstrm_rdwr_set_read(t, read_all);
	fstrm_rdwr_set_write(t, write_all);
	(void)fstrm_writer_options_add_content_type(o, content_type, sizeof(content_type) - 1);
	struct fstrm_writer *w = fstrm_writer_init(o, &t);

	fstrm_writer_options_destroy(&o);
	return w;
}

int query_collector_new(int fd, struct query_collector **ret)
{
	struct query_collector *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	begin_step(c);
	c->writer = writer_of(c);
	if (fstrm_writer_open(c->writer) != fstrm_res_success) {
		int err = c->err < 0 ? c->err : -EPROTO;

		c->err = err;
		query_collector_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void query_collector_free(struct query_collector *c)
{
	if (!c)
		return;
	begin_step(c);
	(void)fstrm_writer_destroy(&c->writer);
	close(c->fd);
	free(c);
}

/* How long the frame at @at is, with its length. Frames are written by query_dnstap(), never by a stranger. */
static size_t frame_len(const uint8_t *frames, size_t len, size_t at)
{
	size_t left = len - at;

	ASSERT(left >= 4 && be32_at(frames + at) <= left - 4);
	return 4 + (size_t)be32_at(frames + at);
}

static bool write_batch(struct query_collector *c, const uint8_t *frames, size_t len, size_t *sent)
{
	struct iovec iov[BATCH];
	size_t at = *sent;
	int n = 0;

	while (n < BATCH && at < len) {
		size_t step = frame_len(frames, len, at);

		iov[n++] = (struct iovec){ (void *)(uintptr_t)(frames + at + 4), step - 4 };
		at += step;
	}
	begin_step(c);
	bool is_sent = fstrm_writer_writev(c->writer, iov, n) == fstrm_res_success;
	size_t left = c->written; /* the bytes of the stream are those of @frames */

	while (*sent < at && left >= frame_len(frames, at, *sent)) {
		size_t step = frame_len(frames, at, *sent);

		left -= step;
		*sent += step;
	}
	return is_sent;
}

int query_collector_write(struct query_collector *c, const uint8_t *frames, size_t len, size_t *sent)
{
	nsec end = clock_now() + COLLECTOR_PATIENCE;

	while (*sent < len && clock_now() < end)
		if (!write_batch(c, frames, len, sent))
			return c->err < 0 ? c->err : -EPROTO;
	return 0;
}
