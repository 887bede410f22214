/* tcp.h - the TCP machine of RFC 6146 s3.5.2.2 as a table */
#ifndef ISTHMUS_STATE_TCP_H
#define ISTHMUS_STATE_TCP_H

#include "state/state.h"

/* What a segment means to the machine: by side, and by its strongest flag (RST, then SYN, then FIN). */
enum tcp_event {
	TCP_V6_DATA,
	TCP_V6_FIN_IN,
	TCP_V6_SYN_IN,
	TCP_V6_RST_IN,
	TCP_V4_DATA,
	TCP_V4_FIN_IN,
	TCP_V4_SYN_IN,
	TCP_V4_RST_IN,
	TCP_EVENT_COUNT
};

enum tcp_side { TCP_SIDE_V6 = TCP_V6_DATA, TCP_SIDE_V4 = TCP_V4_DATA };

#define TCP_KEEP LIFETIME_COUNT /* the lifetime stays as it is */

struct tcp_step {
	uint8_t next; /* enum tcp_state */
	uint8_t life; /* enum lifetime to set, or TCP_KEEP */
};

/** tcp_event_of() - the event of a segment with these flags (byte 13 of the TCP header) */
enum tcp_event tcp_event_of(enum tcp_side side, uint8_t flags);

/** tcp_step() - where the machine goes; in TCP_CLOSED, next == TCP_CLOSED says that no session begins */
struct tcp_step tcp_step(enum tcp_state state, enum tcp_event event);

/** tcp_is_open() - whether every packet gives the session its time anew: it is established, or one side alone has closed it */
static inline bool tcp_is_open(enum tcp_state s)
{
	return s == TCP_ESTABLISHED || s == TCP_V4_FIN || s == TCP_V6_FIN;
}

/** tcp_step_expired() - where silence takes it: TCP_CLOSED, the session is deleted; else TCP_TRANS, after a
 * probe */
struct tcp_step tcp_step_expired(enum tcp_state state);

#endif
