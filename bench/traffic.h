/*
 * traffic.h - the packets of many sessions, made beforehand: only their headers, since nothing else differs
 *
 * Session number i belongs to binding i / per_binding, that to a host, that to a subscriber (a /64). All payloads are
 * zero bytes: they add nothing to a checksum, and one buffer serves all packets.
 */
#ifndef ISTHMUS_BENCH_TRAFFIC_H
#define ISTHMUS_BENCH_TRAFFIC_H

#include "state/state.h"
#include "xlat/pkt.h"

#define FRAME_BYTES 64 /* one cache line: the longest is an IPv6 and a TCP header, 60 bytes */
#define BINDINGS_PER_SUBSCRIBER 100
#define BINDINGS_PER_HOST 10

/* The headers of one packet. */
struct frame {
	_Alignas(FRAME_BYTES) uint8_t at[FRAME_BYTES];
};

/* What all packets of one stream have in common. */
struct shape {
	enum proto proto;
	uint8_t tcp_flags;
	uint16_t l4_len; /* bytes of transport header and payload */
	bool is_train;	 /* a GSO train: the checksum is partial */
	uint32_t per_binding;
};

/* Where the translator put a binding, as its packets showed. */
struct outside {
	struct addr4 addr;
	uint16_t port;
};

/** traffic_flow64(), traffic_flow46() - what the packet of session @i asks for, as the pipeline would say it */
struct flow64 traffic_flow64(const struct shape *s, uint32_t i);
struct flow46 traffic_flow46(const struct shape *s, uint32_t i, struct outside o);

/** traffic_frame64(), traffic_frame46() - the headers of that packet, with right checksums */
void traffic_frame64(const struct shape *s, uint32_t i, struct frame *ret);
void traffic_frame46(const struct shape *s, uint32_t i, struct outside o, struct frame *ret);

/**
 * traffic_others() - static bindings of other subscribers, one in each block of the pool but @left of them
 * @c:		the pool is one entry
 * @ret:	room for one for each block
 *
 * What is left is spread over the addresses. Return: how many.
 */
uint32_t traffic_others(const struct state_config *c, uint32_t left, struct static_binding *ret);

#endif
