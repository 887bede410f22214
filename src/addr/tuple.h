/* tuple.h - the addresses and ports of a packet, and the protocols that have them (RFC 6146 s2), or have none */
#ifndef ISTHMUS_ADDR_TUPLE_H
#define ISTHMUS_ADDR_TUPLE_H

#include "addr/addr.h"

/*
 * The protocols with a BIB and a session table of their own (RFC 6146 s3.1, s3.2), and all others, which have no ports that
 * a translator could lend: where a tuple wants a port, both hold the protocol's IANA number, so that one host's GRE and
 * another's SCTP are as different as two ports.
 */
enum proto {
	PROTO_TCP,
	PROTO_UDP,
	PROTO_ICMP,
	PROTO_COUNT, /* of those that have ports */
	PROTO_OTHER = PROTO_COUNT,
	PROTO_KINDS,
};

/** proto_name() - "tcp", "udp", "icmp", "other" */
const char *proto_name(enum proto p);

#define PROTOCOL_TEXT 12

/**
 * protocol_text() - the name of a protocol that Isthmus carries by address, or its number
 * @number:	IANA protocol number
 */
const char *protocol_text(uint8_t number, char buf[static PROTOCOL_TEXT]);

/** protocol_parse() - the number of such a name, or of "47"; false with *ret untouched if it is neither */
MUST_CHECK bool protocol_parse(const char *text, uint8_t *ret);

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
