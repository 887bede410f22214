/*
 * query_log.h - who asked what, and was told what: text, or dnstap, for a file or a collector
 *
 * One log for all threads of the resolver. A thread that has something to say copies it into memory and goes on; one
 * thread writes. A file that is slow costs records, which are counted, and nothing else.
 */
#ifndef ISTHMUS_DNS64_QUERY_LOG_H
#define ISTHMUS_DNS64_QUERY_LOG_H

#include "dns64/config.h"
#include "dns64/resolver.h"
#include "dns64/wire.h"

#define QUERY_LOG_BYTES (1u << 20) /* that wait for the file, at most */
#define QUERY_RECORD_MAX 2560 /* bytes; room for a reply over UDP; of a longer one dnstap has no message */

struct query_log; /* opaque */

/* A query and what it was told. */
struct query_note {
	uint64_t unix_ns; /* when it was answered */
	struct endpoint client, server;
	enum dns_transport over;
	bool has_question;
	struct dns_question question; /* if so */
	unsigned view;
	unsigned rcode;
	unsigned records;     /* in the answer section */
	bool is_kept;	      /* from the cache of written answers */
	const uint8_t *reply; /* reply_len bytes */
	size_t reply_len;
};

/** query_log_new() - a log without a file; 0 or -ENOMEM */
MUST_CHECK int query_log_new(bool is_dnstap, struct query_log **ret);
void query_log_free(struct query_log *l);

/** query_log_put() - say something; false if there is no room, and it is lost. Any thread */
bool query_log_put(struct query_log *l, const struct dns64_query_log *c, const struct query_note *n);

/** query_log_attach() - write to @fd from now on, a file, or a connection to a collector of dnstap; it is taken over. Any thread */
void query_log_attach(struct query_log *l, int fd);

/**
 * query_log_write() - give the file or the collector what it takes; false if there is none, or no more
 *
 * Context: one thread, which a slow disk may hold up, and a slow collector for seconds (query_collector.h).
 */
bool query_log_write(struct query_log *l);

/* --- pure --- */

/** query_text() - one line; its length, 0 if it does not fit */
size_t query_text(const struct dns64_query_log *c, const struct query_note *n, char *buf, size_t room);

/** query_dnstap() - one data frame; its length, 0 if it does not fit. Spec: dnstap.proto (Message, CLIENT_RESPONSE) */
size_t query_dnstap(const struct dns64_query_log *c, const struct query_note *n, uint8_t *buf, size_t room);

/** query_dnstap_start() - the frame that a file begins with; its length */
#define DNSTAP_START_LEN 42
size_t query_dnstap_start(uint8_t buf[static DNSTAP_START_LEN]);

#endif
