/*
 * reply.c - one answer on a control connection (docs/control.md)
 *
 * Purpose. A listing of a million sessions must not stand in memory, and a client that stops reading must not
 * stop the role. So rows are made as the client takes them: @struct_reply holds a bounded buffer, asks its
 * owner for more rows when the buffer has drained, and gives up on a client that takes nothing for STALL_NS.
 *
 * Life cycle: open (rows may be added) -> ended (last line buffered, the rest is written) -> closed (freed).
 * Any error on the connection, lack of memory included, goes straight to closed; the client then sees no last
 * line and knows that it was cut. A reply is only ever closed from the loop, never inside reply_row(),
 * reply_end() or reply_error(), so an owner may call any number of them in a row without looking.
 *
 * Limits. ROOM_BYTES of buffer are a promise that the owner keeps by asking reply_has_room(); the buffer
 * grows past it only by what the owner adds in one go.
 */
#include "ctl/reply.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM_BYTES ((size_t)64 * 1024)
#define STALL_NS (30 * NSEC)
#define ERROR_BYTES 512

struct reply {
	struct loop *loop;
	int fd;			     /* owned */
	struct loop_watch *writable; /* NULL while there is nothing to do */
	struct loop_watch *stall;    /* runs while the client owes us a read */
	void (*more)(void *ctx, struct reply *r);
	void (*done)(void *ctx);
	void *ctx;
	char *buf; /* owned; bytes [sent, len) are to be written */
	size_t size, sent, len;
	bool is_ended;	/* the last line is in the buffer, or was */
	bool is_broken; /* no memory, or the connection failed: close as soon as the loop runs */
};

static void reply_close(struct reply *r)
{
	void (*done)(void *ctx) = r->done;
	void *ctx = r->ctx;

	loop_unwatch(r->writable);
	loop_unwatch(r->stall);
	close(r->fd);
	free(r->buf);
	free(r);
	if (done)
		done(ctx);
}

static void on_stall(void *ctx)
{
	reply_close(ctx);
}

static void on_writable(void *ctx, unsigned ready);

/* wake() - have the loop call on_writable(); without memory for that, the stall timer cleans up */
static void wake(struct reply *r)
{
	if (!r->writable && loop_watch_fd(r->loop, r->fd, LOOP_WRITE, on_writable, r, &r->writable) < 0)
		r->is_broken = true;
}

/* flush() - write what the client takes; false if the connection failed */
static bool flush(struct reply *r)
{
	while (r->sent < r->len) {
		ssize_t n = send(r->fd, r->buf + r->sent, r->len - r->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		r->sent += (size_t)n;
		loop_timer_set(r->stall, STALL_NS);
	}
	r->sent = 0;
	r->len = 0;
	return true;
}

static void on_writable(void *ctx, unsigned ready)
{
	struct reply *r = ctx;

	if (r->is_broken || !flush(r)) {
		reply_close(r);
		return;
	}
	if (!r->is_ended && r->more && reply_has_room(r))
		r->more(r->ctx, r);
	if (r->is_broken || !flush(r) || (r->is_ended && r->len == 0)) {
		reply_close(r);
		return;
	}
	if (r->len == 0 && !r->more) {
		/* An owner without @more adds rows when it has them; waiting for "writable" would spin until
		 * then. */
		loop_unwatch(r->writable);
		r->writable = NULL;
	}
}

int reply_start(struct loop *l, int fd, void (*more)(void *ctx, struct reply *r), void (*done)(void *ctx),
	void *ctx, struct reply **ret)
{
	struct reply *r = calloc(1, sizeof(*r));

	if (!r) {
		close(fd);
		return -ENOMEM;
	}
	*r = (struct reply){ .loop = l, .fd = fd, .more = more, .ctx = ctx };
	if (loop_watch_timer(l, on_stall, r, &r->stall) < 0) {
		reply_close(r);
		return -ENOMEM;
	}
	loop_timer_set(r->stall, STALL_NS);
	wake(r);
	if (r->is_broken) {
		reply_close(r);
		return -ENOMEM;
	}
	r->done = done;
	*ret = r;
	return 0;
}

/* add_bytes() - append to the buffer, growing it; without memory the reply is broken */
static void add_bytes(struct reply *r, const char *from, size_t len)
{
	if (r->is_broken)
		return;
	if (len > r->size - r->len) {
		size_t size = r->size + len + ROOM_BYTES;
		char *buf = realloc(r->buf, size);

		if (!buf) {
			r->is_broken = true;
			wake(r);
			return;
		}
		r->buf = buf;
		r->size = size;
	}
	bytes_copy(r->buf + r->len, from, len);
	r->len += len;
	wake(r);
}

/* add_line() - append a document and a newline, and forget the document */
static void add_line(struct reply *r, json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	if (!text) {
		r->is_broken = true;
		wake(r);
		return;
	}
	add_bytes(r, text, strlen(text));
	add_bytes(r, "\n", 1);
	free(text);
}

void reply_row(struct reply *r, json_t *row)
{
	if (r->is_ended) {
		json_decref(row);
		return;
	}
	if (!row) {
		reply_error(r, "out of memory");
		return;
	}
	add_line(r, row);
}

void reply_end(struct reply *r)
{
	static const char last[] = "{\"end\":true}\n";

	if (r->is_ended)
		return;
	r->is_ended = true;
	add_bytes(r, last, sizeof(last) - 1);
}

void reply_error(struct reply *r, const char *fmt, ...)
{
	char why[ERROR_BYTES];
	va_list ap;

	if (r->is_ended)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	r->is_ended = true;
	/* json_stringn_nocheck() takes any bytes, but would then write what is not UTF-8; the texts are ours
	 * or come from a parsed document, and a cut in the middle of a character is the only exception: "%s"
	 * escapes it. */
	json_t *text = json_string(why);
	add_line(r,
		json_pack("{s:o}", "error", text ? text : json_string("an error whose text is not UTF-8")));
}

bool reply_has_room(const struct reply *r)
{
	return !r->is_broken && !r->is_ended && r->len - r->sent < ROOM_BYTES;
}
