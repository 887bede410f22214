/*
 * record.h - one entry of the binding log, as it is written and as it is read back
 *
 * The text form is one line per record, documented in docs/binding-log.md:
 *
 *	2026-11-25T14:03:05.123Z block-lent subscriber=2001:db8:0:7::/64 address=192.0.2.2 ports=2048-2559
 *
 * Words and no JSON: half the bytes, greppable as they stand, and no value has a blank or a quote that would need
 * escaping. A reader passes over keys and records that it does not know.
 */
#ifndef ISTHMUS_BINDLOG_RECORD_H
#define ISTHMUS_BINDLOG_RECORD_H

#include "state/event.h"

enum record_kind {
	RECORD_START, /* the translator begins with empty tables: what was open before has ended */
	RECORD_STOP,  /* it ends in order, and with it all that is open */
	RECORD_ALIVE, /* nothing happened, and the log goes on */
	RECORD_LOST,  /* records that could not be written */
	RECORD_BLOCK_LENT,
	RECORD_BLOCK_RETURNED,
	RECORD_BLOCK_HELD, /* lent before this file began */
	RECORD_BINDING_MADE,
	RECORD_BINDING_ENDED,
	RECORD_SESSION_MADE,
	RECORD_SESSION_ENDED,
	RECORD_LIMIT,
	RECORD_PORTS_EXHAUSTED,
	RECORD_COUNT
};

typedef uint64_t unix_ms; /* milliseconds since 1970, UTC */

struct record {
	enum record_kind kind;
	unix_ms when;
	struct prefix6 subscriber; /* of a block */
	struct addr4 address;	   /* the pool's; of a block, binding, session or exhausted address */
	uint16_t port, last_port;  /* of a block first and last; of a binding or session both the same */
	enum proto proto;	   /* of a binding, session or limit */
	struct addr6 client;	   /* of a binding, session or limit */
	uint16_t client_port;	   /* of a binding or session */
	bool is_static;		   /* of a binding */
	struct addr4 remote;	   /* of a session */
	uint16_t remote_port;	   /* of a session; 0 for ICMP */
	enum drop_reason reason;   /* of a limit */
	uint64_t count;		   /* of a limit flows refused; of RECORD_LOST records lost */
	unix_ms since;		   /* of RECORD_LOST: they were lost between this and `when` */
	enum state_detail detail;  /* of RECORD_START */
};

#define RECORD_TEXT 256 /* a line with its newline always fits */

/** record_of_event() - the record of what the tables told, which happened at @when */
struct record record_of_event(const struct state_event *e, unix_ms when);

/** record_write() - write a line, newline included; its length in bytes, which is below RECORD_TEXT */
size_t record_write(const struct record *r, char text[static RECORD_TEXT]);

enum record_read {
	RECORD_TAKEN,
	RECORD_UNKNOWN,	  /* well-formed, but of a kind that this version does not know */
	RECORD_MALFORMED, /* no line of a binding log */
};

/**
 * record_read() - read a line
 * @text:	without the newline; any bytes
 * @ret:	untouched unless taken
 */
enum record_read record_read(const char *text, size_t len, struct record *ret);

/** unix_ms_text() - such as 2026-11-25T14:03:05.123Z (RFC 3339) */
#define UNIX_MS_TEXT 32
const char *unix_ms_text(unix_ms t, char buf[static UNIX_MS_TEXT]);

/** unix_ms_parse() - read exactly that form; false with *ret untouched if it is not */
MUST_CHECK bool unix_ms_parse(const char *text, size_t len, unix_ms *ret);

#endif
