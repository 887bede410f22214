/*
 * messages.h - what upstreams said, kept while its TTLs last; private to the direct way (direct.h)
 *
 * As libunbound's cache: what the world said, before any policy. One message for each name and type, of class IN.
 */
#ifndef ISTHMUS_DNS64_MESSAGES_H
#define ISTHMUS_DNS64_MESSAGES_H

#include "dns64/flushed.h"
#include "dns64/scrub.h"

struct messages; /* opaque */
struct message;	 /* opaque: one that is kept */

/**
 * messages_new() - an empty cache
 * @bytes_max:	memory that it may take, all included
 *
 * Return: 0; -errno.
 */
MUST_CHECK int messages_new(size_t bytes_max, struct messages **ret);
void messages_free(struct messages *m);

/** messages_now() - the clock of this module, in seconds */
uint32_t messages_now(void);

/** messages_hash() - of a name and a type; keyed, as strangers choose names */
uint64_t messages_hash(const struct messages *m, const struct dns_question *q);

/** messages_find() - the message for @q whose hash is @hash, or NULL; valid until the next call that changes the cache */
const struct message *messages_find(
	struct messages *m, const struct dns_question *q, uint64_t hash, uint32_t now);

/** message_is_mark() - whether it was left by messages_mark() */
bool message_is_mark(const struct message *m);

/**
 * message_write() - the message as it is at @now: its TTLs counted down
 * @out:	SCRUBBED_MAX bytes
 *
 * Return: its length.
 */
size_t message_write(const struct message *m, uint32_t now, uint8_t out[static SCRUBBED_MAX]);

/**
 * messages_keep() - keep a message for as long as its lowest TTL says
 * @said:	as scrub_reply() writes them; its question is the key
 * @now:	when its TTLs were right
 *
 * Not kept: what has a TTL of 0, a "no" without an SOA record (RFC 2308 s5), what has too many records.
 *
 * Return: how many others had to go before their time.
 */
unsigned messages_keep(struct messages *m, const struct dns_msg *said, uint64_t hash, uint32_t now);

/** messages_mark() - note for @seconds that there is something about the question; replaces what is kept for it */
void messages_mark(
	struct messages *m, const struct dns_question *q, uint64_t hash, uint32_t now, uint32_t seconds);

/** messages_forget() - drop what is kept for @name, or for it and all names below it */
void messages_forget(struct messages *m, const struct dns_name *name, enum name_scope scope);

unsigned messages_len(const struct messages *m);
size_t messages_bytes(const struct messages *m); /* never more than bytes_max */

#endif
