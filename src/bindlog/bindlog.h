/*
 * bindlog.h - the binding log: who had which IPv4 address and ports, when
 *
 * Packet threads put events into rings (bindlog_watch()), one thread writes them to the sinks. See bindlog.c.
 */
#ifndef ISTHMUS_BINDLOG_BINDLOG_H
#define ISTHMUS_BINDLOG_BINDLOG_H

#include "bindlog/ipfix.h"

#define BINDLOG_WORKERS_MAX 64

enum bindlog_sink { BINDLOG_FILE, BINDLOG_SYSLOG, BINDLOG_IPFIX, BINDLOG_SINKS };

struct bindlog_config {
	unsigned sinks; /* mask of 1 << enum bindlog_sink; not 0 */
	unsigned workers;
	enum state_detail detail;
	uint32_t buffer; /* events that a ring holds, a power of two; bounds the outboxes of the sinks too */
	bool is_tcp;	 /* to the collector, instead of UDP */
	nsec refresh;	 /* of the templates, over UDP */
	struct ipfix_facts facts;
};

/* What the process does for the log, which cannot open anything itself. */
struct bindlog_host {
	/* want() - a descriptor for this sink is wanted: bindlog_give() it, now or later; the logging thread calls */
	void (*want)(void *ctx, enum bindlog_sink sink);
	void *ctx;
};

struct bindlog; /* opaque */

/** bindlog_new() - take the memory; @c is copied; 0 or -errno. Nothing is written before bindlog_start(). */
MUST_CHECK int bindlog_new(
	const struct bindlog_config *c, const struct bindlog_host *host, struct bindlog **ret);

/** bindlog_watch() - what to give the tables of this worker as state_config.watch, with this detail */
struct state_watch bindlog_watch(struct bindlog *b, unsigned worker, enum state_detail detail);

/** bindlog_start() - begin to write, on a thread of its own; inside the sandbox */
MUST_CHECK int bindlog_start(struct bindlog *b);

/** bindlog_give() - a descriptor for a sink, taken over; non-blocking if it can block; any thread */
void bindlog_give(struct bindlog *b, enum bindlog_sink sink, int fd);

/** bindlog_stop() - write what is left, within a second, and that the log ends; free everything; NULL is fine */
void bindlog_stop(struct bindlog *b);

/** bindlog_sink_name(), bindlog_sink_find() - "file", "syslog", "ipfix", and back; BINDLOG_SINKS if it is none */
const char *bindlog_sink_name(enum bindlog_sink sink);
enum bindlog_sink bindlog_sink_find(const char *name);

struct bindlog_stats {
	uint64_t told;	    /* events that the packet threads told, but for those that found a ring full */
	uint64_t lost_full; /* events that found a ring full */
	struct bindlog_sink_stats {
		bool is_on, is_open;
		uint64_t written; /* records */
		uint64_t lost; /* records that this sink did not get, those that found a ring full included */
	} sinks[BINDLOG_SINKS];
};
void bindlog_stats(const struct bindlog *b, struct bindlog_stats *ret);

/* --- for tests --- */

/** bindlog_pass() - what the thread does again and again, at this time; whether there was anything to do */
bool bindlog_pass(struct bindlog *b, nsec now, unix_ms now_ms);

#endif
