/*
 * pump.h - two streams, and every byte of each goes to the other
 *
 * Half-closes are passed on (RFC 9293 s3.6): when one side has ended, the other is shut after the last byte, and the
 * other direction goes on. Bulk goes through pipes (splice) if both streams are plain; a connection that is idle holds
 * neither buffer nor pipe.
 */
#ifndef ISTHMUS_RELAY_PUMP_H
#define ISTHMUS_RELAY_PUMP_H

#include "relay/stream.h"
#include "relay/visit.h"

enum pump_end {
	PUMP_ENDED,	   /* both sides had ended */
	PUMP_IDLE,	   /* nothing came for too long */
	PUMP_CLIENT_BROKE, /* a read or write of that stream failed */
	PUMP_SERVER_BROKE,
};

struct pump; /* opaque */

struct pump_plan {
	struct stream *client, *server; /* borrowed until done(); nobody else watches them */
	struct visit *visit;		/* counts the bytes */
	nsec idle;			/* without a byte in either direction */
	/* What was read already, and must be sent on first; copied. */
	const void *early_up, *early_down;
	size_t early_up_len, early_down_len;
	/** done() - it is over, and the pump is freed; not called from pump_start(). The caller closes the streams:
	 * those of a broken one with stream_reset() */
	void (*done)(void *ctx, enum pump_end how);
	void *ctx;
};

/** pump_start() - 0; -ENOMEM */
MUST_CHECK int pump_start(const struct pump_plan *plan, struct pump **ret);
/** pump_cancel() - give it up without done(), before the streams or after them; NULL is fine */
void pump_cancel(struct pump *p);

#endif
