/*
 * event.h - what happens to addresses and ports, told to whoever logs it (RFC 6888 s4, RFC 8158 s4)
 *
 * The tables report events through one function that they are given with their configuration, and know nothing of
 * logs. The function is called between two steps of a packet, so it must be short, must not block, and must not
 * call the state.
 */
#ifndef ISTHMUS_STATE_EVENT_H
#define ISTHMUS_STATE_EVENT_H

#include "addr/tuple.h"
#include "base/clock.h"
#include "base/verdict.h"

enum state_event_kind {
	STATE_BLOCK_LENT,
	STATE_BLOCK_RETURNED,
	STATE_BLOCK_HELD, /* was lent before and is so still; see state_tell_held() */
	STATE_BINDING_MADE,
	STATE_BINDING_ENDED,
	STATE_SESSION_MADE,
	STATE_SESSION_ENDED,
	STATE_LIMIT,	       /* a new flow was refused, or fragments given up */
	STATE_PORTS_EXHAUSTED, /* an address has no free block for a subscriber that borrows from it */
	STATE_EVENT_COUNT
};

/* One event; at most a cache line, since a busy worker keeps many. Fields that a kind does not name are zero. */
struct state_event {
	nsec when;	     /* as the state was given the time */
	struct addr6
		in; /* the IPv6 host; of a block the subscriber's prefix; of a limit an IPv4 host as ::ffff:0:0/96 */
	struct addr4 out;    /* the pool's address; not of a limit */
	uint16_t out_port;   /* of a block its first port; of PROTO_OTHER the protocol's number, as in_port */
	uint16_t last_port;  /* of a block */
	struct addr4 remote; /* of a session */
	uint16_t remote_port;	 /* of a session; 0 if it is of ICMP */
	uint16_t in_port;	 /* of a binding or session */
	uint8_t kind;		 /* enum state_event_kind */
	uint8_t proto;		 /* enum proto; of a binding, session, limit or exhausted address */
	uint8_t prefix;		 /* index of the translation prefix; of a binding or session */
	uint8_t subscriber_len;	 /* length of a subscriber's prefix, of every event */
	bool is_static;		 /* a binding that the operator wrote down */
	enum drop_reason reason; /* of a limit: which one */
	uint32_t
		count; /* of a limit or exhausted address: how often since the event before, this time included */
};

/* How much is told. Each includes the ones before, but bindings are not told where sessions are (RFC 8158 s4.6.1). */
enum state_detail { STATE_TELL_BLOCKS, STATE_TELL_BINDINGS, STATE_TELL_SESSIONS };

/*
 * Whom to tell; event NULL: nobody. Bindings that the operator wrote down are told whatever the detail, and those by
 * address (PROTO_OTHER) with the blocks, since they have none.
 */
struct state_watch {
	void (*event)(void *ctx, const struct state_event *e);
	void *ctx;
	enum state_detail detail;
};

/* A limit is told at most this often (RFC 8158 s5.2); what was not told is in the next event's count. */
#define STATE_LIMIT_PAUSE NSEC

#endif
