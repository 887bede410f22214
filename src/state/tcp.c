/*
 * tcp.c - RFC 6146 s3.5.2.2, state by state in the RFC's order
 *
 * The RFC speaks of one flag per packet. A segment with several is taken by the strongest: RST says that
 * there is no connection, whatever else it says; a SYN opens one even if it carries a FIN.
 */
#include "state/tcp.h"

#define FLAG_FIN 0x01 /* RFC 9293 s3.1 */
#define FLAG_SYN 0x02
#define FLAG_RST 0x04

const char *tcp_state_name(enum tcp_state s)
{
	static const char *const names[TCP_STATE_COUNT] = {
		[TCP_NONE] = "-",
		[TCP_CLOSED] = "CLOSED",
		[TCP_V4_INIT] = "V4_INIT",
		[TCP_V6_INIT] = "V6_INIT",
		[TCP_ESTABLISHED] = "ESTABLISHED",
		[TCP_V4_FIN] = "V4_FIN_RCV",
		[TCP_V6_FIN] = "V6_FIN_RCV",
		[TCP_V4_V6_FIN] = "V4_V6_FIN_RCV",
		[TCP_TRANS] = "TRANS",
	};

	return s < TCP_STATE_COUNT ? names[s] : "?";
}

enum tcp_event tcp_event_of(enum tcp_side side, uint8_t flags)
{
	static const uint8_t by_flags[8] = {
		[0] = TCP_V6_DATA,
		[FLAG_FIN] = TCP_V6_FIN_IN,
		[FLAG_SYN] = TCP_V6_SYN_IN,
		[FLAG_SYN | FLAG_FIN] = TCP_V6_SYN_IN,
		[FLAG_RST] = TCP_V6_RST_IN,
		[FLAG_RST | FLAG_FIN] = TCP_V6_RST_IN,
		[FLAG_RST | FLAG_SYN] = TCP_V6_RST_IN,
		[FLAG_RST | FLAG_SYN | FLAG_FIN] = TCP_V6_RST_IN,
	};

	return (enum tcp_event)((unsigned)side + by_flags[flags & (FLAG_FIN | FLAG_SYN | FLAG_RST)]);
}

#define EST LIFETIME_TCP_ESTABLISHED
#define TRANS LIFETIME_TCP_TRANSITORY

static const struct tcp_step steps[TCP_STATE_COUNT][TCP_EVENT_COUNT] = {
	/* UDP and ICMP have no machine; the row keeps the table total. */
	[TCP_NONE] = {
		[TCP_V6_DATA]   = { TCP_NONE, TCP_KEEP },
		[TCP_V6_FIN_IN] = { TCP_NONE, TCP_KEEP },
		[TCP_V6_SYN_IN] = { TCP_NONE, TCP_KEEP },
		[TCP_V6_RST_IN] = { TCP_NONE, TCP_KEEP },
		[TCP_V4_DATA]   = { TCP_NONE, TCP_KEEP },
		[TCP_V4_FIN_IN] = { TCP_NONE, TCP_KEEP },
		[TCP_V4_SYN_IN] = { TCP_NONE, TCP_KEEP },
		[TCP_V4_RST_IN] = { TCP_NONE, TCP_KEEP },
	},
	/* "For any other packet ...: the state remains unchanged." */
	[TCP_CLOSED] = {
		[TCP_V6_DATA]   = { TCP_CLOSED, TCP_KEEP },
		[TCP_V6_FIN_IN] = { TCP_CLOSED, TCP_KEEP },
		[TCP_V6_SYN_IN] = { TCP_V6_INIT, TRANS },
		[TCP_V6_RST_IN] = { TCP_CLOSED, TCP_KEEP },
		[TCP_V4_DATA]   = { TCP_CLOSED, TCP_KEEP },
		[TCP_V4_FIN_IN] = { TCP_CLOSED, TCP_KEEP },
		[TCP_V4_SYN_IN] = { TCP_V4_INIT, TRANS },
		[TCP_V4_RST_IN] = { TCP_CLOSED, TCP_KEEP },
	},
	[TCP_V4_INIT] = {
		[TCP_V6_DATA]   = { TCP_V4_INIT, TCP_KEEP },
		[TCP_V6_FIN_IN] = { TCP_V4_INIT, TCP_KEEP },
		[TCP_V6_SYN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V6_RST_IN] = { TCP_V4_INIT, TCP_KEEP },
		[TCP_V4_DATA]   = { TCP_V4_INIT, TCP_KEEP },
		[TCP_V4_FIN_IN] = { TCP_V4_INIT, TCP_KEEP },
		[TCP_V4_SYN_IN] = { TCP_V4_INIT, TCP_KEEP },
		[TCP_V4_RST_IN] = { TCP_V4_INIT, TCP_KEEP },
	},
	[TCP_V6_INIT] = {
		[TCP_V6_DATA]   = { TCP_V6_INIT, TCP_KEEP },
		[TCP_V6_FIN_IN] = { TCP_V6_INIT, TCP_KEEP },
		[TCP_V6_SYN_IN] = { TCP_V6_INIT, TRANS },
		[TCP_V6_RST_IN] = { TCP_V6_INIT, TCP_KEEP },
		[TCP_V4_DATA]   = { TCP_V6_INIT, TCP_KEEP },
		[TCP_V4_FIN_IN] = { TCP_V6_INIT, TCP_KEEP },
		[TCP_V4_SYN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V4_RST_IN] = { TCP_V6_INIT, TCP_KEEP },
	},
	/* A FIN moves the state and says nothing of the lifetime. */
	[TCP_ESTABLISHED] = {
		[TCP_V6_DATA]   = { TCP_ESTABLISHED, EST },
		[TCP_V6_FIN_IN] = { TCP_V6_FIN, TCP_KEEP },
		[TCP_V6_SYN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V6_RST_IN] = { TCP_TRANS, TRANS },
		[TCP_V4_DATA]   = { TCP_ESTABLISHED, EST },
		[TCP_V4_FIN_IN] = { TCP_V4_FIN, TCP_KEEP },
		[TCP_V4_SYN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V4_RST_IN] = { TCP_TRANS, TRANS },
	},
	/* "any packet other than the V6 FIN": a RST too refreshes and moves nothing. */
	[TCP_V4_FIN] = {
		[TCP_V6_DATA]   = { TCP_V4_FIN, EST },
		[TCP_V6_FIN_IN] = { TCP_V4_V6_FIN, TRANS },
		[TCP_V6_SYN_IN] = { TCP_V4_FIN, EST },
		[TCP_V6_RST_IN] = { TCP_V4_FIN, EST },
		[TCP_V4_DATA]   = { TCP_V4_FIN, EST },
		[TCP_V4_FIN_IN] = { TCP_V4_FIN, EST },
		[TCP_V4_SYN_IN] = { TCP_V4_FIN, EST },
		[TCP_V4_RST_IN] = { TCP_V4_FIN, EST },
	},
	[TCP_V6_FIN] = {
		[TCP_V6_DATA]   = { TCP_V6_FIN, EST },
		[TCP_V6_FIN_IN] = { TCP_V6_FIN, EST },
		[TCP_V6_SYN_IN] = { TCP_V6_FIN, EST },
		[TCP_V6_RST_IN] = { TCP_V6_FIN, EST },
		[TCP_V4_DATA]   = { TCP_V6_FIN, EST },
		[TCP_V4_FIN_IN] = { TCP_V4_V6_FIN, TRANS },
		[TCP_V4_SYN_IN] = { TCP_V6_FIN, EST },
		[TCP_V4_RST_IN] = { TCP_V6_FIN, EST },
	},
	/* "All packets are translated and forwarded": the last four minutes run. */
	[TCP_V4_V6_FIN] = {
		[TCP_V6_DATA]   = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V6_FIN_IN] = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V6_SYN_IN] = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V6_RST_IN] = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V4_DATA]   = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V4_FIN_IN] = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V4_SYN_IN] = { TCP_V4_V6_FIN, TCP_KEEP },
		[TCP_V4_RST_IN] = { TCP_V4_V6_FIN, TCP_KEEP },
	},
	[TCP_TRANS] = {
		[TCP_V6_DATA]   = { TCP_ESTABLISHED, EST },
		[TCP_V6_FIN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V6_SYN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V6_RST_IN] = { TCP_TRANS, TCP_KEEP },
		[TCP_V4_DATA]   = { TCP_ESTABLISHED, EST },
		[TCP_V4_FIN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V4_SYN_IN] = { TCP_ESTABLISHED, EST },
		[TCP_V4_RST_IN] = { TCP_TRANS, TCP_KEEP },
	},
};

struct tcp_step tcp_step(enum tcp_state state, enum tcp_event event)
{
	return steps[state][event];
}

struct tcp_step tcp_step_expired(enum tcp_state state)
{
	if (state == TCP_ESTABLISHED)
		return (struct tcp_step){ TCP_TRANS, TRANS };
	return (struct tcp_step){ TCP_CLOSED, TCP_KEEP };
}
