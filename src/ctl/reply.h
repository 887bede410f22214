/* reply.h - answering one request on a control connection: rows of JSON, written as fast as the client reads
 */
#ifndef ISTHMUS_CTL_REPLY_H
#define ISTHMUS_CTL_REPLY_H

#include "base/compiler.h"
#include "loop/loop.h"

#include <jansson.h>
#include <stdbool.h>

struct reply; /* opaque */

/**
 * reply_start() - take over a connection and answer on it
 * @fd:		connection, taken over; closed at the end, on error and when the client is slow for 30 s
 * @more:	called when there is room for rows; adds some with reply_row(), or ends with reply_end() or
 *		reply_error(). NULL if the caller adds a bounded number of rows itself right away.
 * @done:	called once when the connection is closed, for whatever reason; may be NULL
 *
 * Return: 0; -ENOMEM with @fd closed.
 */
MUST_CHECK int reply_start(struct loop *l, int fd, void (*more)(void *ctx, struct reply *r),
	void (*done)(void *ctx), void *ctx, struct reply **ret);

/** reply_row() - add one row; @row is consumed (json_decref'ed). NULL @row (no memory) ends with an error
 * line. */
void reply_row(struct reply *r, json_t *row);

/** reply_end(), reply_error() - the last line; the connection closes when the client has read it */
void reply_end(struct reply *r);
void reply_error(struct reply *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** reply_has_room() - false once enough is buffered (64 KiB): return from @more and wait to be called again
 */
bool reply_has_room(const struct reply *r);

#endif
