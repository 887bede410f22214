/* tuple.h - the addresses and ports of a packet, and the three protocols that have them (RFC 6146 s2) */
#ifndef ISTHMUS_ADDR_TUPLE_H
#define ISTHMUS_ADDR_TUPLE_H

#include "addr/addr.h"

/* The protocols with a BIB and a session table of their own (RFC 6146 s3.1, s3.2). */
enum proto { PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_COUNT };

/** proto_name() - "tcp", "udp", "icmp" */
const char *proto_name(enum proto p);

/*
 * A tuple of one family. For an ICMP query (echo) both ports hold the identifier, as RFC 6146 s2 says for its
 * 3-tuple; whoever compares tuples need not know.
 */
struct tuple4 {
	struct addr4 src, dst;
	uint16_t sport, dport; /* host order */
};

struct tuple6 {
	struct addr6 src, dst;
	uint16_t sport, dport; /* host order */
};

#endif
