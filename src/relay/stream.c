/*
 * stream.c - one connected socket that does not block
 *
 * What is known. @can_read and @can_write are true until a call says -EAGAIN, and again after an edge (edges.h). A read
 * that brings less than it had room for has emptied the socket, so no further call is needed to hear -EAGAIN; nor to hear of
 * the peer's end, if an edge has told of it before (@is_last). Only an error that may wait there must be asked for.
 *
 * TLS. A read may wait until the socket takes bytes, and a write until bytes come (a handshake is done by both), so
 * whatever edge comes makes both possible; a call too many is harmless. Bytes that OpenSSL has and the socket does not
 * are no danger, because @can_read stays true until tls_read() itself has nothing more.
 *
 * Ends. @is_broken is set by the first failure, and stream_fini() resets such a connection: the peer must not take for
 * whole what is not.
 */
#include "relay/stream.h"

#include "base/bytes.h"
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

static struct stream *stream_of(struct edge *w)
{
	return HOLDER_OF(w, struct stream, edge);
}

/* Says the farewell that waited, if the socket takes it now. */
static void shut_now(struct stream *s)
{
	if (s->tls && tls_shut(s->tls) == -EAGAIN) {
		s->must_shut = true;
		return;
	}
	s->must_shut = false;
	(void)shutdown(s->fd, SHUT_WR); /* fails if the peer is gone; who reads will notice */
}

static void note_events(struct stream *s, unsigned events)
{
	if (events == 0) /* stream_again(): nothing has happened */
		return;
	if (events & (EDGE_END | EDGE_BROKEN))
		s->is_last = true;
	if (events & EDGE_BROKEN)
		s->may_be_reset = true;
	if (s->tls || (events & (EDGE_READ | EDGE_END | EDGE_BROKEN)))
		s->can_read = true;
	if (s->tls || (events & (EDGE_WRITE | EDGE_BROKEN)))
		s->can_write = true;
}

static void on_edge(struct edge *w, unsigned events)
{
	struct stream *s = stream_of(w);

	note_events(s, events);
	if (s->must_shut)
		shut_now(s);
	if (s->ready)
		s->ready(s->ctx);
}

int stream_init(struct stream *s, struct lane *l, int fd, struct ssl_st *tls)
{
	*s = (struct stream){ .edge = { .fn = on_edge },
		.lane = l,
		.fd = fd,
		.tls = tls,
		.can_read = true,
		.can_write = true };
	int err = edges_add(l->edges, fd, &s->edge);

	if (err < 0)
		stream_reset(s);
	return err;
}

void stream_init_dialled(struct stream *s, struct lane *l, int fd, struct ssl_st *tls)
{
	*s = (struct stream){ .edge = { .fn = on_edge }, .lane = l, .fd = fd, .tls = tls, .can_write = true };
	unsigned told = edges_adopt(l->edges, fd, &s->edge);

	note_events(s, told);
}

void stream_watch(struct stream *s, void (*ready)(void *ctx), void *ctx)
{
	s->ready = ready;
	s->ctx = ctx;
}

void stream_again(struct stream *s)
{
	edges_again(s->lane->edges, &s->edge);
}

/* --- bytes --- */

/* What a call means that moved bytes, none, or failed. */
static ssize_t outcome(struct stream *s, ssize_t n, bool *can)
{
	if (n >= 0)
		return n;
	if (n == -EAGAIN)
		*can = false;
	else
		s->is_broken = true;
	return n;
}

static ssize_t system_outcome(ssize_t n)
{
	return n < 0 ? -errno : n;
}

/* Whether the read that has brought @n bytes has emptied the socket. The end of a peer over TLS must be asked for, as it is told by
 * more than the socket. */
static bool is_emptied(const struct stream *s, ssize_t n, size_t room)
{
	if (n <= 0 || s->may_be_reset)
		return false;
	return s->tls ? !s->is_last && tls_is_drained(s->tls) : (size_t)n < room;
}

/* What a read has brought. If the peer's end has arrived before the socket was emptied, that is all there ever was, and there is no
 * need to ask for it. */
static ssize_t has_read(struct stream *s, ssize_t n, size_t room)
{
	bool is_empty = is_emptied(s, n, room);

	if (n == 0 || (is_empty && s->is_last))
		s->has_ended = true;
	if (n == 0 || is_empty)
		s->can_read = false;
	return outcome(s, n, &s->can_read);
}

ssize_t stream_read(struct stream *s, void *to, size_t room)
{
	ssize_t n;

	if (s->tls)
		n = tls_read(s->tls, to, room);
	else
		do
			n = system_outcome(recv(s->fd, to, room, 0));
		while (n == -EINTR);
	return has_read(s, n, room);
}

static ssize_t write_with(struct stream *s, const void *from, size_t len, int flags)
{
	ssize_t n;

	if (s->tls)
		n = tls_write(s->tls, from, len);
	else
		do
			n = system_outcome(send(s->fd, from, len, MSG_NOSIGNAL | flags));
		while (n == -EINTR);
	return outcome(s, n, &s->can_write);
}

ssize_t stream_write(struct stream *s, const void *from, size_t len)
{
	return write_with(s, from, len, 0);
}

ssize_t stream_write_last(struct stream *s, const void *from, size_t len)
{
	return write_with(s, from, len, MSG_MORE);
}

/* As much as goes; a failure behind bytes that went is told by the next call. */
static ssize_t write_pieces(struct stream *s, const struct iovec *pieces, unsigned len)
{
	ssize_t sum = 0;

	for (unsigned i = 0; i < len; i++) {
		if (pieces[i].iov_len == 0)
			continue;
		ssize_t n = tls_write(s->tls, pieces[i].iov_base, pieces[i].iov_len);

		if (n < 0)
			return sum > 0 ? sum : n;
		sum += n;
		if ((size_t)n < pieces[i].iov_len)
			break;
	}
	return sum;
}

ssize_t stream_writev(struct stream *s, const struct iovec *pieces, unsigned len)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = len };
	ssize_t n;

	if (s->tls)
		n = write_pieces(s, pieces, len);
	else
		do
			n = system_outcome(sendmsg(s->fd, &m, MSG_NOSIGNAL));
		while (n == -EINTR);
	return outcome(s, n, &s->can_write);
}

ssize_t stream_splice_in(struct stream *s, int pipe, size_t room)
{
	ssize_t n;

	do
		n = system_outcome(splice(s->fd, NULL, pipe, NULL, room, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
	while (n == -EINTR);
	/* A pipe has room for so many segments, not bytes, so less than asked for does not say that the socket is empty. */
	return has_read(s, n, 0);
}

ssize_t stream_splice_out(struct stream *s, int pipe, size_t len)
{
	ssize_t n;

	do
		n = system_outcome(splice(pipe, NULL, s->fd, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
	while (n == -EINTR);
	return outcome(s, n, &s->can_write);
}

/* --- ends --- */

void stream_shut(struct stream *s)
{
	if (s->is_shut || s->is_broken)
		return;
	s->is_shut = true;
	shut_now(s);
}

static bool is_open(const struct stream *s)
{
	return s->lane; /* a zeroed one has no lane, and its descriptor 0 is somebody else's */
}

/* What the stream has in the loop; the socket is left to the caller. */
static void leave_loop(struct stream *s)
{
	edges_forget(s->lane->edges, s->fd);
}

void stream_fini(struct stream *s)
{
	if (!is_open(s))
		return;
	if (s->is_broken) {
		stream_reset(s);
		return;
	}
	leave_loop(s);
	tls_end(s->tls);
	close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

void stream_reset(struct stream *s)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (!is_open(s))
		return;
	leave_loop(s);
	(void)setsockopt(
		s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)); /* else a FIN, which is less */
	tls_drop(s->tls);
	close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

int stream_take_fd(struct stream *s)
{
	int fd = s->fd;

	ASSERT(is_open(s) && !s->tls);
	edges_drop(s->lane->edges, fd);
	*s = (struct stream){ .fd = -1 };
	return fd;
}
