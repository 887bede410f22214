/* query.h - what a client sent: checked, or refused with the code that fits (pure) */
#ifndef ISTHMUS_DNS64_QUERY_H
#define ISTHMUS_DNS64_QUERY_H

#include "dns64/cookie.h"
#include "dns64/synth.h"

#define QUERY_LEN_MAX 4096 /* bytes; a query holds one name and a few options, so this is plenty */
#define SERVER_UDP_MAX                                                                                       \
	1232 /* bytes of a UDP message, either way; never fragmented on a path of 1280 bytes                 \
	      */

/* What is wrong with a message from a client; QUERY_OK: nothing. */
enum query_fault {
	QUERY_OK,
	QUERY_SHORT,	   /* no whole header: not answered */
	QUERY_RESPONSE,	   /* QR set: not answered, or two servers could talk to each other for ever */
	QUERY_OPCODE,	   /* not a standard query: NOTIMP */
	QUERY_MALFORMED,   /* FORMERR */
	QUERY_BAD_VERSION, /* EDNS version above 0: BADVERS (RFC 6891 s6.1.3) */
	QUERY_CLASS,	   /* not IN: NOTIMP */
	QUERY_TRANSFER,	   /* AXFR, IXFR: REFUSED */
	QUERY_META_TYPE,   /* a type that is no data: NOTIMP */
	QUERY_COOKIE_ONLY, /* no question, only a cookie: NOERROR with a cookie (RFC 7873 s5.4) */
	QUERY_FAULT_COUNT
};

struct query {
	struct synth_query ask;
	uint16_t id;
	uint16_t flags;	   /* of the header */
	bool has_question; /* ask.question can be repeated in the reply */
	bool has_edns;
	uint8_t cookie_len;	    /* bytes; 0: none */
	uint8_t cookie[COOKIE_MAX]; /* as it came (RFC 7873 s4), or as the reply will say */
	bool wants_keepalive;	    /* to be told the idle time of its connection (RFC 7828) */
	bool wants_padding;	    /* it pads, and so shall we (RFC 7830 s4) */
	uint16_t udp_size; /* bytes that the client takes over UDP; 512 without EDNS */
};

/**
 * query_parse() - read a message from a client
 * @ret:	as far as it could be read; always written except for QUERY_SHORT
 *
 * Spec: RFC 1035 s4.1, RFC 6891 s6.1.1 and s7, RFC 7873 s5.2 and s5.4, RFC 7828 s3.2, RFC 7830 s4, RFC 4035 s3.2, RFC 9619 (one question)
 */
enum query_fault query_parse(const uint8_t *bytes, size_t len, struct query *ret);

/** query_is_answered() - whether a message with this fault gets a reply, and which code it says */
bool query_is_answered(enum query_fault f, enum dns_rcode *ret);

#endif
