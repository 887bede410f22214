/*
 * ipfix.h - events as IPFIX messages: the information elements and templates of RFC 8158 in the form of RFC 7011
 *
 * Pure: bytes are written into memory that the caller has. A collector knows a record's fields from its template, so
 * templates are sent first on every connection, and over UDP again and again (RFC 7011 s8.1).
 */
#ifndef ISTHMUS_BINDLOG_IPFIX_H
#define ISTHMUS_BINDLOG_IPFIX_H

#include "bindlog/record.h"

#define IPFIX_PREFIXES_MAX 8
#define IPFIX_TEMPLATES_BYTES 768 /* a message with all templates always fits */
#define IPFIX_MESSAGE_BYTES 1400  /* one datagram without fragments (RFC 7011 s10.3.3), tunnels considered */

/* What records say that events do not: where we are, and how large the tables are. */
struct ipfix_facts {
	uint32_t domain; /* observation domain */
	struct prefix6 prefixes[IPFIX_PREFIXES_MAX];
	uint32_t max_sessions, max_bindings, max_subscribers;
	uint32_t max_fragments;	     /* stored at a time */
	uint32_t max_per_subscriber; /* bindings of one protocol that a subscriber may have */
};

/* A message being written. */
struct ipfix_message {
	struct wr w;
	uint8_t *set;	   /* header of the set being written; NULL: none yet */
	uint16_t template; /* of that set */
	uint32_t records;
};

/** ipfix_begin() - begin a message in @room bytes, at most 65535 */
void ipfix_begin(struct ipfix_message *m, uint8_t *at, size_t room);

enum ipfix_added {
	IPFIX_ADDED,
	IPFIX_FULL,	/* no room: end this message, and begin another with the event */
	IPFIX_NOT_MINE, /* RFC 8158 has no record for it */
};
enum ipfix_added ipfix_add(
	struct ipfix_message *m, const struct state_event *e, unix_ms when, const struct ipfix_facts *f);

/** ipfix_add_lost() - how many records were not sent since the start, as a record of options (RFC 7011 s4.3) */
enum ipfix_added ipfix_add_lost(struct ipfix_message *m, uint64_t lost, unix_ms when);

/** ipfix_end() - fill in the header; the message's length */
size_t ipfix_end(struct ipfix_message *m, uint32_t domain, unix_ms now);

/** ipfix_number() - set the sequence number of a whole message: the records that were sent before it */
void ipfix_number(uint8_t *message, uint32_t sequence);

/** ipfix_templates() - write a message with all templates; its length */
size_t ipfix_templates(uint8_t at[static IPFIX_TEMPLATES_BYTES], uint32_t domain, unix_ms now);

#endif
