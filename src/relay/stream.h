/*
 * stream.h - one connected socket that does not block: bytes in and out, plain or over TLS
 *
 * Edges. The socket is watched once, for both directions, and only edges are told; the stream remembers what they
 * said, so reading and writing may stop at any time and go on later. Whoever stops although there is more (can_read,
 * can_write) must come back by himself: when the other side takes bytes again, or by stream_again().
 */
#ifndef ISTHMUS_RELAY_STREAM_H
#define ISTHMUS_RELAY_STREAM_H

#include "base/compiler.h"
#include "relay/edges.h"
#include "relay/lane.h"

#include <sys/types.h>
#include <sys/uio.h>

struct ssl_st;

struct stream {
	struct edge edge; /* edges.h: what the kernel says */
	struct lane *lane;
	int fd;
	struct ssl_st *tls;	  /* NULL: plain */
	bool can_read, can_write; /* as far as is known: no -EAGAIN since the last edge */
	bool has_ended;		  /* the peer has sent all it had, and all of it was read */
	bool is_shut;		  /* so have we */
	bool is_last;		  /* the peer's end has arrived, maybe behind bytes that are not read yet */
	bool may_be_reset;	  /* an error may wait there too */
	bool is_broken;		  /* a read or write has failed */
	bool must_shut;		  /* close_notify waits until the socket takes bytes */
	void (*ready)(void *ctx); /* something may be possible that was not; may free the stream */
	void *ctx;
};

/**
 * stream_init() - begin with a connected socket
 * @fd:		taken over, also on failure
 * @tls:	of net/tls.h on the same socket, taken over too; its handshake may be yet to be done, then the first reads
 *		and writes do it; NULL: plain
 *
 * Return: 0; -ENOMEM, -ENOSPC
 */
MUST_CHECK int stream_init(struct stream *s, struct lane *l, int fd, struct ssl_st *tls);

/** stream_init_dialled() - the same with the socket that dial's done() or reach's done() was called with, inside that call:
 * cannot fail, and costs no system call */
void stream_init_dialled(struct stream *s, struct lane *l, int fd, struct ssl_st *tls);

/** stream_watch() - whom to tell; may change at any time. Nobody is told before the next turn of the loop */
void stream_watch(struct stream *s, void (*ready)(void *ctx), void *ctx);

/** stream_again() - call ready() in the next turn of the loop, so that others have theirs before */
void stream_again(struct stream *s);

/**
 * stream_read(), stream_write() - as recv() and send()
 *
 * Return: bytes (at least 1); 0 (of a read): the peer has ended; -EAGAIN: ready() will be called; another -errno: it is
 * broken, and nothing else can be done with it but stream_fini()
 */
MUST_CHECK ssize_t stream_read(struct stream *s, void *to, size_t room);
MUST_CHECK ssize_t stream_write(struct stream *s, const void *from, size_t len);
/** stream_write_last() - the same of the last bytes: they may wait for stream_shut() or stream_fini(), which comes at once, so
 * that bytes and FIN are one segment, and the peer is woken once */
MUST_CHECK ssize_t stream_write_last(struct stream *s, const void *from, size_t len);
/** stream_writev() - several pieces at once; over TLS one after the other */
MUST_CHECK ssize_t stream_writev(struct stream *s, const struct iovec *pieces, unsigned len);

/**
 * stream_splice_in(), stream_splice_out() - bytes from the socket into a pipe, and out of one; plain only
 *
 * Return: as stream_read() and stream_write(); -EAGAIN of the first may also mean that the pipe is full
 */
MUST_CHECK ssize_t stream_splice_in(struct stream *s, int pipe, size_t room);
MUST_CHECK ssize_t stream_splice_out(struct stream *s, int pipe, size_t len);

/** stream_shut() - we have nothing more to send: FIN, or over TLS close_notify and FIN; once is enough */
void stream_shut(struct stream *s);

/** stream_fini() - close the socket; a zeroed or closed stream is fine. A broken one is reset, so that the peer knows */
void stream_fini(struct stream *s);
/** stream_reset() - the same, but the peer gets a RST: what was sent is not all there is */
void stream_reset(struct stream *s);

/** stream_take_fd() - give up the socket, to another owner; the stream is closed, without a word to the peer. Plain only */
MUST_CHECK int stream_take_fd(struct stream *s);

#endif
