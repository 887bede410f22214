/*
 * fragments.h - datagrams in fragments: which of them are known, what their first fragment said, and what waits for it
 *
 * Private to nat64. The table knows nothing of bindings: it says which datagram a fragment belongs to, keeps fragments
 * that came too early, and hands them out again. pipe_fragment.c decides when.
 */
#ifndef ISTHMUS_NAT64_FRAGMENTS_H
#define ISTHMUS_NAT64_FRAGMENTS_H

#include "base/hash.h"
#include "nat64/nat64.h"
#include "xlat/checksum.h"

/* Limits of one worker (RFC 6146 s3.4 "MUST limit the amount of resources"). */
#define FRAGMENT_DATAGRAMS_MAX 1024	  /* datagrams followed at a time */
#define FRAGMENT_SOURCE_DATAGRAMS_MAX 256 /* of one source: an IPv4 address or an IPv6 subscriber */
#define FRAGMENT_PIECES_MAX 128	  /* fragments of one datagram; 64 KiB over a link of 576 bytes are 119 */
#define FRAGMENT_CHUNK_BYTES 1536 /* unit of storage; most fragments need one */
#define FRAGMENT_CHUNKS_MAX NAT64_FRAGMENTS_MAX
#define FRAGMENT_SOURCE_CHUNKS_MAX 682 /* 1 MiB of them of one source */

/* What the first fragment says about all fragments of its datagram. */
struct fragment_head {
	bool is_known;
	enum l4_kind kind;
	uint8_t next; /* IANA number of the transport protocol */
	uint16_t sport, dport;
	uint8_t tcp_flags, icmp_type, icmp_code;
	bool lacks_checksum; /* UDP over IPv4 with a checksum of zero */
	uint16_t udp_len;    /* UDP: what its header says about the whole datagram */
};

/* One datagram. Fields below the blank line are the table's own. */
struct datagram {
	struct fragment_head head;
	uint32_t total;	  /* transport bytes of the whole; 0 until the last fragment has come */
	uint32_t covered; /* transport bytes that have come; pieces do not overlap, so this is their sum */
	csum sum;	  /* of the transport bytes that were stored; kept of UDP over IPv4 only */
	enum drop_reason refused; /* not DROP_NONE: this and every further fragment of it is dropped */

	uint64_t key[5];
	nsec expires;
	uint32_t bucket, source;	     /* index into the table's heads */
	uint16_t bucket_next;		     /* all these are indices of datagrams, or none */
	uint16_t older, newer;		     /* by age, of all */
	uint16_t source_older, source_newer; /* by age, of its source */
	uint16_t stored_first,
		stored_last; /* chunks: waiting fragments, in order of arrival, the first fragment first */
	uint16_t pieces_len;
	struct piece {
		uint16_t start, end; /* bytes of the datagram's transport part */
	} pieces[FRAGMENT_PIECES_MAX];
};

struct fragments; /* opaque */

/**
 * fragments_new() - make an empty table
 * @key:	secret, random
 * @count:	counters that fragments which are given up are counted in; outlives the table
 *
 * Cost: allocates about 5.3 MiB, and nothing afterwards. Pages that no fragment ever used stay untouched.
 */
MUST_CHECK int fragments_new(
	const struct hash_key *key, struct nat64_counters *count, struct fragments **ret);
void fragments_free(struct fragments *f);

/**
 * fragments_enter() - find or make the datagram of a fragment, and note which part of it has come
 * @p:		parsed, a fragment
 * @subscriber_len: prefix length by which IPv6 sources are counted
 * @lifetime:	how long a new datagram is followed, from now
 * @ret:	the datagram; valid until fragments_enter(), fragments_store(), fragments_expire() or fragments_forget()
 *
 * Sources and all together have limits; a datagram too many displaces the oldest one.
 *
 * Spec: RFC 6146 s3.4, RFC 5722 s4, RFC 8200 s4.5
 * Drops: FRAGMENT_OVERLAP, FRAGMENT_DUPLICATE, FRAGMENT_PIECES
 * Cost: one keyed look-up, and a walk over at most FRAGMENT_PIECES_MAX pieces.
 */
MUST_CHECK enum drop_reason fragments_enter(struct fragments *f, const struct pkt *p, unsigned subscriber_len,
	nsec now, nsec lifetime, struct datagram **ret);

/** fragments_displaced() - the limit for which fragments were given up for others since the last call; DROP_NONE if none */
enum drop_reason fragments_displaced(struct fragments *f);

/** fragments_refuse() - give up what is stored of a datagram, and every further fragment of it, under @reason */
void fragments_refuse(struct fragments *f, struct datagram *d, enum drop_reason reason);

/** fragments_store() - keep a copy of a fragment of @d; older datagrams are given up where the room does not suffice */
void fragments_store(struct fragments *f, struct datagram *d, const struct pkt *p);

/**
 * fragments_next() - take out the next stored fragment of @d
 * @ret:	parsed; in the table's own memory, valid until the next call; the caller may change it
 *
 * Return: false if there is none.
 */
bool fragments_next(struct fragments *f, struct datagram *d, struct pkt *ret);

/** fragments_forget() - the datagram is through; what is stored of it is dropped without being counted, so be done */
void fragments_forget(struct fragments *f, struct datagram *d);

/** datagram_is_complete() - whether every fragment has come */
static inline bool datagram_is_complete(const struct datagram *d)
{
	return d->total != 0 && d->covered == d->total;
}

#define FRAGMENTS_NEVER UINT64_MAX

/** fragments_expire() - give up what is due; returns when the next is, or FRAGMENTS_NEVER */
nsec fragments_expire(struct fragments *f, nsec now);

/** fragments_validate() - check every invariant of the table; slow, for tests and fuzzers */
bool fragments_validate(const struct fragments *f);

#endif
