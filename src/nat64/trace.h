/*
 * trace.h - following packets through one worker: who looks, at which packets, and where the steps are kept
 *
 * A trace belongs to whoever looks: it is made and freed outside, and hangs on a worker's translator meanwhile. All of its
 * functions but trace_new() and trace_free() run on the worker's thread, between two packets.
 */
#ifndef ISTHMUS_NAT64_TRACE_H
#define ISTHMUS_NAT64_TRACE_H

#include "nat64/nat64.h"
#include "nat64/steps.h"

#define TRACES_MAX 4	     /* at one worker at a time */
#define TRACE_STEPS_MAX 2048 /* kept until they are taken; 160 KiB */
#define TRACE_PACKET_STEPS_MAX                                                                               \
	128 /* of one packet; a datagram of many fragments may have more, and loses the rest */

/* Which packets; what is not set matches all. An ICMP error is as the packet inside it. */
struct trace_filter {
	bool has_client, has_client_port, has_address, has_port, has_remote, has_remote_port, has_proto;
	enum proto proto;
	uint8_t number;	       /* of PROTO_OTHER: this protocol; 0: all of them */
	struct prefix6 client; /* the IPv6 side */
	uint16_t client_port;
	struct addr4 address; /* the pool's address and port that stand for the client */
	uint16_t port;
	struct prefix4 remote; /* the IPv4 host that it talks with */
	uint16_t remote_port;
};

struct trace_step {
	nsec at;	 /* when the packet came */
	uint32_t packet; /* counts from 1; all steps of a packet stand together */
	struct step step;
};

struct trace; /* opaque */

/** trace_new() - allocate a trace; 0 or -ENOMEM */
MUST_CHECK int trace_new(const struct trace_filter *f, struct trace **ret);

/** trace_free() - free one that hangs on no translator (any more); NULL is fine */
void trace_free(struct trace *t);

/** nat64_trace() - begin to follow packets; 0, or -EBUSY if TRACES_MAX do already */
MUST_CHECK int nat64_trace(struct nat64 *n, struct trace *t);

/**
 * nat64_trace_sees_all() - whether the translator's traces miss no packet that comes from now on
 *
 * Flows that they may be about are taken out of the tables of the kernel's programs first, which may be many: by parts, one with
 * each nat64_tick(). What was seen until then may have gaps. True without such tables, and again for ever once all is done.
 */
bool nat64_trace_sees_all(const struct nat64 *n);

/** nat64_trace_end() - the translator forgets the trace; fine if it does not know it */
void nat64_trace_end(struct nat64 *n, struct trace *t);

/**
 * trace_take() - take out the oldest steps
 * @ret:	room for @max
 * @ret_lost:	packets since the last call that matched, but for whose steps there was no room
 *
 * Return: how many steps; whole packets, unless @max is too small for one.
 */
unsigned trace_take(struct trace *t, struct trace_step *ret, unsigned max, uint64_t *ret_lost);

#endif
