/*
 * sink.h - one place that the binding log goes to: a file, the system's log, or a collector
 *
 * A sink formats records into parcels, keeps them in its outbox until the descriptor takes them, and counts what finds no
 * room. It never waits. Private to bindlog/; one thread uses it, and others may read its counts.
 */
#ifndef ISTHMUS_BINDLOG_SINK_H
#define ISTHMUS_BINDLOG_SINK_H

#include "bindlog/bindlog.h"
#include "bindlog/ipfix.h"
#include "bindlog/outbox.h"

#include <stdatomic.h>

#define DRAFT_BYTES 16384 /* lines that are written together */

struct sink {
	enum bindlog_sink kind;
	const struct bindlog_config *config;
	int fd; /* -1: none */
	struct outbox box;

	/* The parcel that is being written. */
	uint8_t draft[DRAFT_BYTES];
	size_t draft_len;
	uint32_t draft_records;
	struct ipfix_message message; /* in the draft, if draft_records > 0 */

	/* IPFIX: templates go before the parcels, on each connection and then and again. */
	uint8_t head[IPFIX_TEMPLATES_BYTES];
	size_t head_len, head_sent;
	nsec templates_at;
	uint32_t sequence;
	uint32_t last_records; /* of the datagram sent last: a refusal is about that one */

	uint64_t untold; /* lost, and not yet said so in the log */
	unix_ms untold_since;

	bool is_blocked; /* the descriptor takes nothing now: wait until it is writable */
	bool is_faulty;	 /* the operator has been warned */
	nsec retry_at;	 /* nothing is tried before */
	nsec want_at;	 /* when a descriptor may be asked for again */
	nsec want_pause;
	_Atomic uint64_t written, lost;
	_Atomic bool is_open; /* there is a descriptor */
};

MUST_CHECK int sink_init(struct sink *s, enum bindlog_sink kind, const struct bindlog_config *c);
void sink_fini(struct sink *s);

/** sink_name() - "file", "syslog", "ipfix" */
const char *sink_name(enum bindlog_sink kind);

/** sink_take_event() - what the tables told; @r: the same as a record */
void sink_take_event(struct sink *s, const struct state_event *e, const struct record *r);

/** sink_take_record() - start, stop, alive, lost; a collector is not told of the first three */
void sink_take_record(struct sink *s, const struct record *r);

/** sink_flush() - what was formatted may go; @now_ms: the time that a message is sent at */
void sink_flush(struct sink *s, unix_ms now_ms);

/** sink_send() - give the descriptor as much as it takes without waiting */
void sink_send(struct sink *s, nsec now, unix_ms now_ms);

/** sink_attach() - use this descriptor from now on; it is taken over, and the one before is closed */
void sink_attach(struct sink *s, int fd, nsec now, unix_ms now_ms);

/** sink_hung_up() - the other end has closed the connection */
void sink_hung_up(struct sink *s, nsec now);

/** sink_wants() - whether to ask for a descriptor now: there is none, and it was not asked for lately */
bool sink_wants(struct sink *s, nsec now);

/** sink_is_idle() - nothing waits to be sent */
bool sink_is_idle(const struct sink *s);

#endif
