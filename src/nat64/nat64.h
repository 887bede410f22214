/*
 * nat64.h - the pipeline of RFC 6146 section 3: packet in, what to send out
 *
 * One struct nat64 is one worker: its tables, its counters, its rate limits. No system call, no log, no allocation
 * after nat64_new().
 */
#ifndef ISTHMUS_NAT64_NAT64_H
#define ISTHMUS_NAT64_NAT64_H

#include "nat64/config.h"
#include "state/loan.h"
#include "nat64/ftp_event.h"
#include "xlat/pkt.h"

enum direction { DIR_64, DIR_46, DIR_COUNT };

/* What a dropped packet was, as far as that could be seen: drops are counted apart by it. */
#define DIR_UNKNOWN DIR_COUNT /* neither IPv6 nor IPv4, or not even a header */
#define DROP_DIRS (DIR_COUNT + 1)
#define DROP_PROTOS PROTO_KINDS /* what could not be read counts as PROTO_OTHER */

struct nat64_counters {
	/* [DIR_64] of IPv6 packets, whatever became of them */
	uint64_t drop[DROP_COUNT][DROP_DIRS][DROP_PROTOS];
	uint64_t pkts[DIR_COUNT][PROTO_KINDS]; /* translated; packets inside a GSO train counted one by one */
	uint64_t bytes[DIR_COUNT][PROTO_KINDS]; /* translated; length of the IP packets that came in */
	uint64_t errors[DIR_COUNT];		/* ICMP errors translated */
	uint64_t trains[DIR_COUNT];		/* GSO trains translated whole */
	uint64_t hairpins;			/* packets turned around inside (RFC 6146 s3.8) */
	uint64_t icmp_sent[DIR_COUNT];		/* ICMP errors originated; [DIR_64] about IPv6 packets */
	uint64_t split;				/* IPv4 packets cut into IPv6 fragments */
	uint64_t fragments[DIR_COUNT];		/* fragments translated; [DIR_64] includes hairpins */
	uint64_t fragments_held;		/* fragments stored until the first one, or all, had come */
	uint64_t datagrams;			/* datagrams of which every fragment came */
	uint64_t datagrams_lost;		/* datagrams given up before */
	uint64_t syns_held;			/* SYNs from IPv4 kept until their sender may be told */
	uint64_t syns_not_held;			/* the same, but too long, or there was no room */
	uint64_t stateless_pkts[DIR_COUNT][DROP_PROTOS];  /* translated without state */
	uint64_t stateless_bytes[DIR_COUNT][DROP_PROTOS]; /* the same, as @bytes; ICMP errors count as ICMP */
	uint64_t
		sources_replaced; /* ICMP errors of routers that have no address of the other family (RFC 6791) */
	uint64_t passed;	  /* given back to the host */
	uint64_t handed_over, taken_over; /* packets that came to another worker than their own */
	uint64_t probes;		  /* TCP probes sent */
	uint64_t ftp[FTP_EVENT_COUNT];	  /* on FTP control connections */
	uint64_t ftp_followed;		  /* FTP control connections whose beginning was seen */
	uint64_t ftp_not_followed;	  /* the same, but one too many at a time */
	uint64_t ftp_acks;		  /* acknowledgments sent for bytes that are held back */
};

struct nat64; /* opaque */

/* What is known of a fragment's datagram; the fragment's view has its ports already. */
struct nat64_datagram {
	bool is_known;	     /* else the packet is no fragment, or its ports are to be found out yet */
	bool lacks_checksum; /* UDP over IPv4 with a checksum of zero */
	uint32_t total;	     /* transport bytes of the whole; 0: not known */
	uint64_t sum;	     /* of the transport bytes, if it lacks a checksum */
};

/* What goes with a packet to the worker that owns it. */
struct nat64_handover {
	bool is_hairpin;		  /* it was turned around already (RFC 6146 s3.8) */
	bool is_stateless, is_by_mapping; /* how it came to be turned around; see stateless.c */
	struct nat64_datagram datagram;
};

/* Where packets go. Called during nat64_packet() and nat64_tick(); the packet's memory is valid during the call. */
struct nat64_out {
	void (*send)(void *ctx, const struct pkt *p);
	void *ctx;
	/**
	 * hand_over() - copy a packet for another worker, which is to call nat64_take_over() with the copy
	 *
	 * Called only if the configuration names owners. Return: false if there is no room.
	 */
	bool (*hand_over)(void *ctx, unsigned worker, const struct pkt *p, const struct nat64_handover *h);
	/** lend() - carry a message to another worker, which is to call nat64_lend() with it; false if there is no room */
	bool (*lend)(void *ctx, unsigned worker, const struct state_loan *m);
};

/**
 * nat64_new() - make one worker's translator
 * @seed:	32 random bytes
 *
 * Return: 0; -ENOMEM; -EINVAL if the configuration breaks an invariant.
 */
MUST_CHECK int nat64_new(const struct nat64_config *c, const uint8_t seed[32], nsec now, struct nat64 **ret);
void nat64_free(struct nat64 *n);

struct nat64_change; /* opaque: another configuration, prepared; afterwards what it replaced */

/** nat64_change_fault() - why a change cannot be made while running; a sentence that names the key, or NULL */
const char *nat64_change_fault(const struct nat64 *n, const struct nat64_config *c);

/**
 * nat64_prepare() - make what a new configuration needs, beside what is in use
 * @c:		copied, but for the mappings of siit, which must stay until nat64_commit()
 *
 * As state_prepare(): another thread may do it while packets flow, one change at a time.
 *
 * Return: 0; -EINVAL, -EBUSY (see nat64_change_fault()), -ENOMEM: nothing has changed.
 */
MUST_CHECK int nat64_prepare(
	const struct nat64 *n, const struct nat64_config *c, uint64_t seed, struct nat64_change **ret);

/** nat64_commit() - take it, between two packets; what it still allows goes on. As state_commit(). */
void nat64_commit(struct nat64 *n, struct nat64_change *ch, nsec now, struct state_report *ret);

/** nat64_change_free() - free a change that was not made, or what a change has replaced; NULL is fine */
void nat64_change_free(struct nat64_change *ch);

/** nat64_update() - prepare, commit and free in one; errors as nat64_prepare() */
MUST_CHECK int nat64_update(struct nat64 *n, const struct nat64_config *c);

/** nat64_prefix() - the translation prefix of a binding's number, which is not always its place in the configuration */
struct prefix6 nat64_prefix(const struct nat64 *n, uint8_t number);

/**
 * nat64_packet() - translate one packet
 * @p:		head, data, len, end and off set, with PKT_HEADROOM before data and PKT_TAILROOM after it; changed
 * @out:	gets the translated packet, its fragments, an ICMP error, or the packet itself if it is the host's
 *
 * Spec: RFC 6146 s3.4 to s3.8
 * Return: what became of it; the counters say why.
 */
enum verdict nat64_packet(struct nat64 *n, struct pkt *p, nsec now, const struct nat64_out *out);

#define NAT64_BURST_MAX 32

/**
 * nat64_burst() - translate packets that came together, in their order
 * @p:		@len packets, at most NAT64_BURST_MAX, each as nat64_packet() wants it and with memory of its own
 *
 * Does what nat64_packet() does for each, but fetches what they need from the tables for all of them first.
 */
void nat64_burst(struct nat64 *n, struct pkt *p, unsigned len, nsec now, const struct nat64_out *out);

/**
 * nat64_take_over() - translate a packet that another worker found to be this one's
 * @p:		as it was parsed there, with memory of its own as nat64_packet() wants it
 */
enum verdict nat64_take_over(struct nat64 *n, struct pkt *p, const struct nat64_handover *h, nsec now,
	const struct nat64_out *out);

/** nat64_tell_held() - as state_tell_held(); STATE_END if the translator has no tables */
uint32_t nat64_tell_held(struct nat64 *n, uint32_t from, nsec now);

/** nat64_lend() - another worker asks for blocks or sessions, or gives some */
void nat64_lend(
	struct nat64 *n, unsigned from, const struct state_loan *m, nsec now, const struct nat64_out *out);

/** nat64_tick() - expire what is due, and ask other workers for what runs low; returns when to call again at the latest */
nsec nat64_tick(struct nat64 *n, nsec now, const struct nat64_out *out);

/**
 * nat64_drop() - count a drop that the data plane decided (a short read, a refused write)
 * @p:		what was to be written, not what it was translated from; NULL if there is no packet
 */
void nat64_drop(struct nat64 *n, enum drop_reason reason, const struct pkt *p);

/** nat64_drops() - the drops of one reason, all directions and protocols together */
uint64_t nat64_drops(const struct nat64_counters *c, enum drop_reason reason);

const struct nat64_counters *nat64_counters(const struct nat64 *n);
const struct state *nat64_state(const struct nat64 *n);

/** nat64_validate() - check every invariant of the tables; slow, for tests and fuzzers */
bool nat64_validate(const struct nat64 *n);

#endif
