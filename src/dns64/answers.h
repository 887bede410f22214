/*
 * answers.h - replies kept as bytes, and given again while their TTLs last
 *
 * The key is all that a reply depends on: the question, the client's view, DO and CD. What differs between two
 * clients with the same key (identifier, case of the name, EDNS, length limit) is written anew for each reply.
 */
#ifndef ISTHMUS_DNS64_ANSWERS_H
#define ISTHMUS_DNS64_ANSWERS_H

#include "dns64/flushed.h"
#include "dns64/synth.h"

#define ANSWER_LEN_MAX 1232 /* bytes of a kept reply with its OPT record; longer ones are not kept */

struct answers; /* opaque */

struct answer_key {
	const struct synth_query *ask; /* borrowed; class IN */
	unsigned view;		       /* whose policy made the answer */
};

struct answer {
	uint64_t hash;
	uint32_t born, dies; /* seconds of the clock; given while now < dies */
	uint32_t used;	     /* when it was last given */
	uint32_t given;	     /* how often */
	uint16_t type;
	uint16_t view;
	bool dnssec_ok, checking_disabled;
	bool is_authentic, has_excluded; /* of the verdict, as the next three */
	uint8_t rcode;
	enum synth_kind kind;
	enum synth_note note;
	uint16_t count[SECTION_COUNT]; /* records of the body; none of them OPT */
	uint8_t name_len;
	uint8_t ttls_len;
	uint16_t body_len;
	uint16_t additional_at; /* where its additional section starts */
	uint16_t ttl_at[]; /* offsets of all TTLs into the body; then the name in lower case, then the body:
			      everything after the question, up to OPT */
};

/**
 * answers_new() - an empty cache
 * @max:	answers that it may hold
 *
 * Return: 0; -errno.
 */
MUST_CHECK int answers_new(unsigned max, struct answers **ret);
void answers_free(struct answers *a);

/** answers_now() - the clock of this module, in seconds */
uint32_t answers_now(void);

/** answers_find() - the answer for @k, or NULL; valid until the next call that changes the cache */
const struct answer *answers_find(struct answers *a, const struct answer_key *k, uint32_t now);

/**
 * answers_keep() - keep a reply for as long as its lowest TTL says
 * @v:		what it was made from
 * @reply:	a whole message as reply_build() made it, not cut; @len bytes
 * @now:	when its TTLs were right
 *
 * Not kept: what is too long, what has a TTL of 0, what has no record to take a TTL from (RFC 2308 s5: a "no" without
 * SOA is not to be cached).
 *
 * Return: true if another answer whose time was not over had to go.
 */
bool answers_keep(struct answers *a, const struct answer_key *k, const struct synth_verdict *v,
	const uint8_t *reply, size_t len, uint32_t now);

/** answers_forget() - drop what is kept for @name, or for it and all names below it; returns how many answers that were */
unsigned answers_forget(struct answers *a, const struct dns_name *name, enum name_scope scope);

/** answers_visit() - call @fn for each answer for @name and the names below it whose time is not over */
void answers_visit(const struct answers *a, const struct dns_name *name, uint32_t now,
	void (*fn)(void *ctx, const struct answer *answer, uint32_t now), void *ctx);

unsigned answers_len(const struct answers *a);

/** answer_name() - the name that was asked, in lower case */
void answer_name(const struct answer *a, struct dns_name *ret);

/** answer_body() - the three sections after the question, without OPT, as they were at a->born; a->body_len bytes */
const uint8_t *answer_body(const struct answer *a);

/**
 * answer_write() - write the three sections after the question, TTLs counted down to @now
 * @d:	after the question; d->w.full if even without the additional section it does not fit (RFC 2181 s9)
 */
void answer_write(const struct answer *a, uint32_t now, struct dns_wr *d);

#endif
