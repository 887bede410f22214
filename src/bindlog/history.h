/*
 * history.h - who had an IPv4 address and port at a time, by the records of a binding log
 *
 * Fed with the records of all files, the oldest first, it keeps what concerns one address, one port (or the address as a
 * whole) and one moment: who
 * may have had it then, how sure that is, and what the log does not know. Its memory is bounded however long the log is.
 */
#ifndef ISTHMUS_BINDLOG_HISTORY_H
#define ISTHMUS_BINDLOG_HISTORY_H

#include "bindlog/record.h"

#define HISTORY_ROWS_MAX                                                                                     \
	16384 /* rows at a time; a port has one block, and as many sessions as it has remotes */

enum history_end {
	HISTORY_OPEN,	  /* the log has no end of it: it may go on */
	HISTORY_ENDED,	  /* the log says when it ended */
	HISTORY_CUT,	  /* the gateway began anew; it ended at some time after the record before that */
	HISTORY_REPLACED, /* somebody else has it without its end being in the log: that was lost */
};

/* Somebody who had it, at the moment that was asked about. */
struct history_row {
	enum record_kind kind; /* RECORD_BLOCK_LENT, RECORD_BINDING_MADE or RECORD_SESSION_MADE */
	struct record record;  /* its beginning, or its end if the log has no beginning */
	bool has_start; /* `start` is known; else it began before the log, or before a part that is missing */
	unix_ms start, end; /* end: of HISTORY_CUT the last moment at which the gateway was seen alive */
	enum history_end how;
};

struct history; /* opaque */

#define HISTORY_NO_PORT UINT32_MAX

/**
 * history_new() - ask about an address and port at a moment
 * @port:	or HISTORY_NO_PORT: who had the address as a whole, for protocols without ports (PROTO_OTHER)
 *
 * Return: 0 or -ENOMEM.
 */
MUST_CHECK int history_new(struct addr4 address, uint32_t port, unix_ms at, struct history **ret);
void history_free(struct history *h);

/** history_take() - the next record of the log */
void history_take(struct history *h, const struct record *r);

/** history_row() - the answer, row by row: blocks first; false past the last */
bool history_row(const struct history *h, unsigned i, struct history_row *ret);

/* What the log says about itself, as far as it concerns the moment. */
struct history_cover {
	bool has_records;
	unix_ms first, last;	  /* of all records */
	bool is_before, is_after; /* the moment lies outside of them */
	bool is_down; /* the gateway had stopped then, or had died some time before: see down_since */
	unix_ms down_since;
	uint64_t
		lost; /* records that were lost from the beginning of the run, or of the file, to the moment */
	unix_ms lost_since, lost_until;
	bool is_cut; /* there were more rows than HISTORY_ROWS_MAX */
};
void history_cover(const struct history *h, struct history_cover *ret);

#endif
