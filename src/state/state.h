/*
 * state.h - RFC 6146 tables: bindings (BIB), sessions, the IPv4 pool, the TCP machine, expiry, filtering, limits
 *
 * One struct state is one worker's slice: it shares nothing with the others and has no lock. It makes no system call,
 * allocates nothing after state_new(), and is given the time and its randomness.
 *
 * A binding belongs to (protocol, translation prefix, IPv6 address, port); a session to (binding, IPv4 remote, port).
 * The prefix is part of the binding so that a reply always comes from the prefix that the client used.
 */
#ifndef ISTHMUS_STATE_STATE_H
#define ISTHMUS_STATE_STATE_H

#include "addr/tuple.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/verdict.h"
#include "state/event.h"

#include <stddef.h>

#define POOL_ENTRIES_MAX 64  /* entries of nat64.pool */
#define STATE_PREFIXES_MAX 8 /* entries of nat64.prefixes */
#define STATE_MEMBERS_MAX 256 /* prefixes in all nat64.pool[].subscribers together */
#define STATE_POOLS_MAX (POOL_ENTRIES_MAX + 1)
#define STATE_PROTOCOLS_MAX 16 /* entries of nat64.protocols */
#define STATE_HOSTS_MAX 16     /* of nat64.protocol-hosts-per-subscriber */

struct index_bucket; /* opaque */
struct owners;	     /* owner.h */

/* Lifetimes, one per class of session (RFC 6146 s4). */
enum lifetime {
	LIFETIME_UDP,		   /* at least 2 min, default 5 min */
	LIFETIME_TCP_ESTABLISHED,  /* 2 h 4 min */
	LIFETIME_TCP_TRANSITORY,   /* 4 min */
	LIFETIME_TCP_INCOMING_SYN, /* 6 s */
	LIFETIME_ICMP,		   /* 60 s */
	LIFETIME_OTHER,		   /* 5 min; of protocols without ports */
	LIFETIME_FRAGMENT,	   /* 2 s; not a session's, used by reassembly */
	LIFETIME_COUNT
};

enum filtering { FILTER_ENDPOINT_INDEPENDENT, FILTER_ADDRESS_DEPENDENT };

/* TCP states (RFC 6146 s3.5.2.1), in the RFC's order. UDP and ICMP sessions are always TCP_NONE. */
enum tcp_state {
	TCP_NONE,
	TCP_CLOSED,
	TCP_V4_INIT,
	TCP_V6_INIT,
	TCP_ESTABLISHED,
	TCP_V4_FIN,
	TCP_V6_FIN,
	TCP_V4_V6_FIN,
	TCP_TRANS,
	TCP_STATE_COUNT
};

const char *tcp_state_name(enum tcp_state s);

/* A run of IPv4 transport addresses that may be lent out. Invariant: lo <= hi, prefix4_validate(prefix). */
struct pool_entry {
	struct prefix4
		prefix;	 /* every address of it, network and broadcast address too if length is below 31 */
	uint16_t lo, hi; /* ports and ICMP identifiers, both included */
	bool is_shared;	 /* the address is the host's own; what has no binding belongs to the host */
	uint8_t pool; /* entries of one number lend to the same subscribers; 0: to all that have no pool of their own */
};

/*
 * A prefix whose subscribers borrow from one pool only; the longest that holds a subscriber decides. Invariant: each
 * prefix once, at most subscriber_len long, pool > 0.
 */
struct pool_member {
	struct prefix6 prefix;
	uint8_t pool;
};

/*
 * A binding that the operator wrote down (RFC 6146 s3.1 "manually configured"). Never expires. Of PROTO_OTHER both ports are
 * the protocol's number.
 */
struct static_binding {
	enum proto proto;
	struct addr4 out;
	uint16_t out_port;
	struct addr6 in;
	uint16_t in_port;
};

struct state_config {
	struct pool_entry pool[POOL_ENTRIES_MAX];
	unsigned pool_len;
	struct pool_member members[STATE_MEMBERS_MAX];
	unsigned members_len;
	/* By pool: blocks that each subscriber of its members has by computation (fixed.h), and nobody else; 0: none. */
	uint16_t fixed_blocks[STATE_POOLS_MAX];
	unsigned ports_per_block;	    /* power of two, 64 to 32768 */
	unsigned subscriber_len;	    /* prefix length of a subscriber, 32 to 128 */
	unsigned max_blocks_per_subscriber; /* at least 1 */
	unsigned max_sessions;		    /* at least 16; bindings and subscribers are bounded by it too */
	unsigned max_sessions_per_subscriber; /* 0: as many as there is room for */
	unsigned new_sessions_per_second;     /* of one subscriber; 0: no limit, at most NSEC; see quota.h */
	uint8_t protocols
		[STATE_PROTOCOLS_MAX]; /* IANA numbers of those that are bound by address; see other.h */
	unsigned protocols_len;
	unsigned
		hosts_per_subscriber; /* at most so many of a subscriber's hosts use each of them at a time; 1 to
					  STATE_HOSTS_MAX */
	enum filtering filtering;
	nsec lifetime[LIFETIME_COUNT];
	const struct static_binding *statics; /* borrowed for the call; may be NULL if statics_len is 0 */
	unsigned statics_len;
	/* Of several workers with one pool: who owns what (borrowed as long as the state lives), and which one this is.
	 * NULL: this one owns all. Not the operator's; state_update() keeps it. */
	const struct owners *owners;
	unsigned worker;
	struct state_watch watch; /* who is told what happens; state_update() changes the detail only */
};

/** state_config_default() - the values of the configuration contract, with an empty pool */
void state_config_default(struct state_config *c);

/** state_config_validate() - whether @c keeps the invariants above (pool entries, ranges, lifetimes) */
bool state_config_validate(const struct state_config *c);

/** state_lifetime_min() - the least that state_config_validate() allows (RFC 6146 s4; RFC 7857 s2.1) */
nsec state_lifetime_min(enum lifetime l);

struct state; /* opaque */

/* Whom a binding lets begin a session from the IPv4 side, if not those whom filtering lets (RFC 6384 s7.2). */
enum guard {
	GUARD_NONE,   /* whom filtering lets */
	GUARD_EXPECT, /* addresses that it has a session with: the one named to state_expect() */
	GUARD_NARROW, /* nobody: the connection that was expected is there */
};

struct binding {
	enum proto proto;
	uint8_t prefix; /* index of the translation prefix */
	bool is_static;
	uint8_t guard;	    /* enum guard */
	struct addr6 in;    /* X' */
	uint16_t in_port;   /* x */
	struct addr4 out;   /* T */
	uint16_t out_port;  /* t */
	uint32_t sessions;  /* how many sessions use it */
};

#define SESSION_IS_CACHED 255

struct session {
	uint32_t binding;     /* id, see state_binding() */
	struct addr4 remote;  /* Z */
	uint16_t remote_port; /* z; of ICMP (RFC 6146 s3.5.3 has a 3-tuple) and of PROTO_OTHER 0 */
	bool is_filtered;     /* V4 INIT by a SYN that filtering holds back; see state_take46() */
	uint8_t cached; /* SESSION_IS_CACHED: struct state_cache knows more of it; else its owner's (nat64/flowcache.c) */
	enum tcp_state tcp;
	nsec expires; /* absolute */
	nsec created;
	uint64_t pkts_64, pkts_46, bytes_64,
		bytes_46; /* as translated packets count, GSO trains as their segments */
};

/* What an IPv6 packet asks for: its tuple with the destination already taken out of the prefix. */
struct flow64 {
	enum proto proto;
	uint8_t prefix;	   /* index of the translation prefix that holds the destination */
	uint8_t tcp_flags; /* TCP_* bits of xlat/pkt.h's byte 13; 0 for UDP and ICMP */
	struct addr6 src;
	uint16_t sport;
	struct addr4 dst;
	uint16_t dport; /* of an ICMP query the identifier, of PROTO_OTHER the protocol's number, as sport */
};

/* What an IPv4 packet asks for. */
struct flow46 {
	enum proto proto;
	uint8_t tcp_flags;
	struct addr4 src;
	uint16_t sport;
	struct addr4 dst; /* T */
	uint16_t dport;	  /* t */
};

/*
 * A session and its binding; valid until the next state_* call that may change the tables. A TCP segment without SYN
 * that matches a binding but no session gets a session of state TCP_CLOSED that is in no table and dies with the next
 * call: it is to be translated, and leaves no trace (RFC 6146 s3.5.2.2, CLOSED, "any other packet").
 */
struct mapping {
	struct session *session;
	const struct binding *binding;
};

/**
 * state_new() - make the tables
 * @c:		copied
 * @seed:	of the port choice; secret hash key comes from it too, so it must be random (tests print it)
 * @now:	the current time
 *
 * Of several workers each has the blocks that owner.h gives it, and the static bindings in them.
 *
 * Return: 0; -ENOMEM; -EINVAL if state_config_validate() fails, a static binding lies outside the pool, or two static
 * bindings share a transport address on either side.
 * Cost: allocates everything that the limits of @c allow, once.
 */
MUST_CHECK int state_new(const struct state_config *c, const uint8_t seed[32], nsec now, struct state **ret);
void state_free(struct state *s);

/* --- another configuration while flows go on (reload.c) --- */

/* What a reload has ended and made. */
struct state_report {
	uint32_t sessions_ended, bindings_ended,
		blocks_ended; /* not allowed any more; static ones not counted */
	uint32_t statics_added, statics_removed;
};

struct state_change; /* opaque: a prepared change, and afterwards what it replaced */

/**
 * state_change_fault() - why a change cannot be made while running; a sentence that names the key, or NULL
 *
 * Context: as state_prepare().
 */
const char *state_change_fault(const struct state *s, const struct state_config *c);

/**
 * state_prepare() - make the tables that a new configuration needs, beside those in use
 * @c:			copied, statics too; owners and worker are not looked at
 * @prefixes_gone:	bit i: translation prefix i is no more, and its bindings with it
 * @seed:		of the order of free blocks
 *
 * Reads of @s only what packets do not change, so another thread may call it while the worker goes on; but one change at a
 * time, from preparing to freeing.
 *
 * Return: 0; -EINVAL if @c breaks an invariant; -EBUSY if state_change_fault() has a sentence; -ENOMEM. @s is unchanged.
 * Cost: grows with the pool's blocks.
 */
MUST_CHECK int state_prepare(const struct state *s, const struct state_config *c, unsigned prefixes_gone,
	uint64_t seed, struct state_change **ret);

/**
 * state_commit() - take the new configuration; what it still allows goes on, what it does not is ended
 *
 * Cannot fail. Lifetimes: sessions get them at their next packet. A lower limit refuses new flows and ends none; a static
 * binding that needs room in full tables takes that of the session which was to end first.
 *
 * Cost: with an unchanged pool that of the static bindings that changed. With a changed pool one step per address and per
 * lent block, and per block of the addresses whose ports changed; if that ends bindings, and if prefixes are gone, one
 * walk of the sessions. docs/performance.md has figures. Allocates nothing.
 */
void state_commit(struct state *s, struct state_change *ch, nsec now, struct state_report *ret);

/** state_change_free() - free a change that was not made, or what a change has replaced; NULL is fine */
void state_change_free(struct state_change *ch);

/** state_update() - prepare, commit and free in one; for whoever has no packets to keep waiting. As state_prepare(). */
MUST_CHECK int state_update(struct state *s, const struct state_config *c);

/*
 * Whoever lets packets of sessions pass without telling the tables of each, and has marked these sessions SESSION_IS_CACHED.
 * The functions are called for marked sessions only, with the session's number; they must not call the state but for
 * state_session_at() and what only looks.
 */
struct state_cache {
	/** ask() - when such a packet last passed; 0: none did. Asked when the session is due. */
	nsec (*ask)(void *ctx, uint32_t session, nsec now);
	/** answered() - of a session in V4 INIT or V6 INIT: when the other side's SYN passed; 0: it did not */
	nsec (*answered)(void *ctx, uint32_t session, nsec now);
	/** moves() - the connection is over: it just got another state than that of an open one (tcp_is_open()) */
	void (*moves)(void *ctx, uint32_t session, nsec now);
	/** ends() - the session is going to be removed */
	void (*ends)(void *ctx, uint32_t session, nsec now);
	void *ctx;
};

/** state_cache_set() - from now on; before the first session is marked */
void state_cache_set(struct state *s, const struct state_cache *c);

/** state_session_number(), state_session_at() - the number of a session of the tables, and back; it must be live */
uint32_t state_session_number(const struct state *s, const struct session *e);
struct session *state_session_at(struct state *s, uint32_t id);

/**
 * state_session_used() - a packet of the session passed at @when, which the tables were not told
 *
 * If the session's state has a lifetime that every packet begins anew (RFC 6146 s3.5.2.2, s3.5.1, s3.5.3), it lasts at least as
 * long as that packet made it; it never ends sooner.
 */
void state_session_used(struct state *s, uint32_t id, nsec when);

/**
 * state_session_catch_up() - let the TCP machine take a SYN that passed without it, if struct state_cache says that one did
 *
 * Context: the session is marked.
 */
void state_session_catch_up(struct state *s, uint32_t id, nsec now);

/** state_session_life() - when the session ends if a packet passed at @when and none since; 0: it has no say in that */
nsec state_session_life(const struct state *s, const struct session *e, nsec when);

/**
 * state_take64() - account for an IPv6 packet: find or make its binding and session, run the TCP machine
 * @ret:	untouched on failure
 *
 * A new binding keeps the port's parity and its range (0-1023, 1024-65535) where the pool has one, and the subscriber's
 * blocks come from one IPv4 address as long as it has any (paired pooling). Of a pool with fixed blocks a subscriber's own
 * are used up first (RFC 7422 s2).
 *
 * A TCP segment without SYN needs a binding; see struct mapping for the one that has no session.
 *
 * Spec: RFC 6146 s3.5.1.1, s3.5.2.2, s3.5.3, s3.5.1; RFC 4787 REQ-1, REQ-3, REQ-4; RFC 5382 REQ-1; RFC 5508 REQ-1
 * Drops: TCP_NOT_SYN, POOL_EXHAUSTED, NO_POOL, SUBSCRIBER_BLOCKS, SUBSCRIBER_SESSIONS, SUBSCRIBER_RATE, SESSIONS_FULL,
 *	   BINDINGS_FULL, SUBSCRIBERS_FULL; of PROTO_OTHER PROTOCOL, PROTOCOL_NO_ADDRESS, PROTOCOL_HOSTS
 * Cost: two bounded hash look-ups for an established flow; allocates nothing.
 */
MUST_CHECK enum drop_reason state_take64(
	struct state *s, const struct flow64 *f, nsec now, struct mapping *ret);

/**
 * state_take46() - account for an IPv4 packet: find its binding, find or make its session, run the TCP machine
 *
 * A SYN that address-dependent filtering refuses leaves a session in V4 INIT for LIFETIME_TCP_INCOMING_SYN, so that the
 * inside host's own SYN completes a simultaneous open; until then is_filtered says that it lets nothing in.
 *
 * Spec: RFC 6146 s3.5.1, s3.5.2.2, s3.5.3 (filtering included)
 * Drops: 46_NO_BINDING, 46_FILTERED, TCP_SYN46_FILTERED, SESSIONS_FULL, SUBSCRIBER_SESSIONS
 */
MUST_CHECK enum drop_reason state_take46(
	struct state *s, const struct flow46 *f, nsec now, struct mapping *ret);

/**
 * state_expect() - let an IPv4 host open one TCP connection to a port of an IPv6 host, as an ALG has heard announced
 * @f:		TCP; source: the port that will be connected to; destination address: who will connect; dport is not used
 * @out:	the pool address that it must be on
 * @wait:	how long to wait for the connection
 * @ret_port:	the port of @out to connect to; untouched on failure
 *
 * The port has the binding that it would have for any other use. A binding made here lets in @f->dst alone, whatever
 * nat64.filtering says, and once a connection that began there is established, no further one. Until then it lives by a
 * session in V4 INIT with remote port 0, which no packet can have.
 *
 * Spec: RFC 6384 s7.2 and s12
 * Drops: POOL_EXHAUSTED if the binding would be, or is, on another address; else as state_take64()
 */
MUST_CHECK enum drop_reason state_expect(
	struct state *s, const struct flow64 *f, struct addr4 out, nsec now, nsec wait, uint16_t *ret_port);

/**
 * state_find64(), state_find46() - find the session of a packet inside an ICMP error; change and refresh nothing
 *
 * Spec: RFC 6146 s3.5 (ICMP errors do not refresh), RFC 5508 REQ-3
 * Return: true, or false with *ret untouched.
 */
bool state_find64(const struct state *s, const struct flow64 *f, struct mapping *ret);
bool state_find46(const struct state *s, const struct flow46 *f, struct mapping *ret);

/* Where the binding of a packet to come stands, if it has one. */
struct state_ahead {
	const struct index_bucket *bucket;
	uint8_t tag;
};

/**
 * state_look_ahead64(), state_look_ahead46() - begin to fetch what a packet that comes next needs from memory
 *
 * A packet of a flow among a million waits for memory twice in a row, for the index and then for the binding with its
 * session. For packets that came together the waits overlap: look ahead for each of them, then fetch ahead for each,
 * then take them one by one. Only a hint: nothing changes, and a wrong guess costs a line.
 *
 * Cost: one hash each; does not wait for memory.
 */
struct state_ahead state_look_ahead64(const struct state *s, const struct flow64 *f);
struct state_ahead state_look_ahead46(const struct state *s, const struct flow46 *f);

/** state_fetch_ahead() - the second step: reads the index, and begins to fetch the binding and its session */
void state_fetch_ahead(const struct state *s, const struct state_ahead *a);

/** state_binding_of64(), state_binding_of46() - the binding of a packet, whether or not it has a session; or NULL */
const struct binding *state_binding_of64(const struct state *s, const struct flow64 *f);
const struct binding *state_binding_of46(const struct state *s, const struct flow46 *f);

/** state_can_carry() - whether this IANA number may be in the list: neither one with ports, nor one that IPv6 reads itself */
bool state_can_carry(unsigned number);

/** state_carries() - whether this protocol is in the configuration's list, or has a static binding */
bool state_carries(const struct state *s, uint8_t number);

/** state_binds_address() - whether other protocols are bound on this address: it is in the pool, and not the host's own */
bool state_binds_address(const struct state *s, struct addr4 a);

/** state_pool_find() - the pool entry that holds this address and port, or -1 */
int state_pool_find(const struct state *s, struct addr4 a, uint16_t port);

/** state_pool_has_address() - whether any entry of the pool holds this address, whatever the port */
bool state_pool_has_address(const struct state *s, struct addr4 a);

/*
 * A probe that expiry asks for: an established TCP session was silent for its lifetime. The caller sends an empty TCP
 * segment with ACK to the IPv6 host (RFC 6146 s3.5.2.2, ESTABLISHED); the session is already in TRANS.
 */
struct state_probe {
	struct tuple4 tuple; /* as an IPv4 packet from the remote to the pool address would have it */
	struct addr6 in;
	uint16_t in_port;
	uint8_t prefix;
};

/**
 * state_expire() - remove what is due, at most @budget timers' worth of work
 * @probe:	called for each session that becomes TRANS by silence; may be NULL; must not call the state
 *
 * Nothing is removed before its time, and nothing later than about 134 ms after it if the calls come when asked for.
 *
 * Return: the time at which to call again at the latest; @now if the budget did not suffice.
 * Cost: bounded by @budget; never a walk of the table.
 */
nsec state_expire(struct state *s, nsec now, unsigned budget,
	void (*probe)(void *ctx, const struct state_probe *p), void *ctx);

/* --- looking at it; each is bounded, so a worker can answer between two packets --- */

#define STATE_END UINT32_MAX

/** state_binding() - the binding of that id, or NULL if there is none */
const struct binding *state_binding(const struct state *s, uint32_t id);

/**
 * state_next_binding(), state_next_session() - the first live id at or after @from, or STATE_END
 *
 * Looks at 4096 slots at most; *ret_next is where to go on, STATE_END when the table is done.
 */
uint32_t state_next_binding(const struct state *s, uint32_t from, uint32_t *ret_next);
uint32_t state_next_session(const struct state *s, uint32_t from, uint32_t *ret_next);
const struct session *state_session(const struct state *s, uint32_t id);

/* One row of `isthmus pool`: an address of the pool. */
struct pool_row {
	struct addr4 addr;
	uint16_t lo, hi;
	bool is_shared;
	uint32_t blocks,
		blocks_lent; /* blocks of ports_per_block ports (the first and last may be cut by lo, hi) */
	uint32_t ports_used[PROTO_COUNT]; /* bindings on it */
};

/** state_pool_row() - row number @i of the pool's addresses; false past the last */
bool state_pool_row(const struct state *s, uint32_t i, struct pool_row *ret);

/* How much of one pool this worker has lent, without the blocks that are fixed to subscribers. */
struct state_pool_use {
	uint32_t blocks, blocks_lent;
	uint32_t subscribers; /* that borrow from the pool */
};

/** state_pool_use() - of pool number @pool (struct pool_entry), below STATE_POOLS_MAX; zeros if there is no such pool */
struct state_pool_use state_pool_use(const struct state *s, uint8_t pool);

/* Who has a port of the pool: the subscriber that its block is lent to, and what it is used for. */
struct state_lease {
	struct prefix6 subscriber;
	uint16_t lo, hi;			/* the ports of the block that the pool has, both included */
	const struct binding *use[PROTO_COUNT]; /* the binding of the very port; NULL if there is none */
};

/**
 * state_lease_at() - find out who has this address and port
 *
 * Return: true; false with *ret untouched if the port is not in the pool, or its block is not lent.
 */
bool state_lease_at(const struct state *s, struct addr4 a, uint16_t port, struct state_lease *ret);

/**
 * state_tell_held() - tell the watcher of blocks that are lent now, as STATE_BLOCK_HELD
 * @from:	0 to begin, then what the call before returned
 *
 * So a log that begins anew has what began in the log before. A bounded number of them per call.
 *
 * Return: where to go on; STATE_END when all have been told.
 */
uint32_t state_tell_held(struct state *s, uint32_t from, nsec now);

/**
 * state_tell_limit() - tell the watcher of a limit that is met outside of the tables (fragments that are given up)
 * @source:	whose packet it was; an IPv4 host as ::ffff:0:0/96
 */
void state_tell_limit(
	struct state *s, enum drop_reason reason, enum proto proto, struct addr6 source, nsec now);

struct state_stats {
	uint32_t bindings[PROTO_KINDS], sessions[PROTO_KINDS];
	uint32_t tcp[TCP_STATE_COUNT]; /* TCP sessions by state */
	uint32_t subscribers, blocks, blocks_lent;
	uint32_t max_sessions, max_bindings, max_subscribers;
	uint64_t bindings_made, sessions_made, bindings_expired, sessions_expired, blocks_taken,
		blocks_returned, probes;
	uint64_t blocks_given; /* free ones, to other workers (loan.h) */
	uint64_t bytes_of_memory;
};

void state_stats(const struct state *s, struct state_stats *ret);

/**
 * state_each_table() - name the memory of every table, for a caller that may advise the kernel about it (huge pages)
 * @fn:		called for each; the table starts at a multiple of 2 MiB if it is at least that long. @is_scattered: a few
 *		sessions touch all of its pages
 *
 * Context: start-up; the pages need not have been touched.
 */
void state_each_table(const struct state *s,
	void (*fn)(void *ctx, void *table, size_t bytes, bool is_scattered), void *ctx);

/** state_validate() - check every invariant of the tables against each other; slow, for tests and fuzzers */
bool state_validate(const struct state *s);

#endif
