/* discovery.h - asking another DNS64 for its prefix: the question for ipv4only.arpa, and its answer (RFC 7050 s3) */
#ifndef ISTHMUS_DNS64_DISCOVERY_H
#define ISTHMUS_DNS64_DISCOVERY_H

#include "pref64/known.h"

#define DISCOVERY_QUERY_BYTES 31 /* header, name, type and class */

/** discovery_write() - the question for AAAA records, with recursion desired and checking not disabled */
void discovery_write(uint16_t id, uint8_t ret[static DISCOVERY_QUERY_BYTES]);

enum discovery_result {
	DISCOVERY_NOT_OURS, /* no answer to this question: wait on */
	DISCOVERY_FAILED,   /* the server cannot answer it */
	DISCOVERY_DENIED,   /* there is no prefix: no AAAA record, or none with a well-known IPv4 address */
	DISCOVERY_FOUND,
};

struct discovery_answer {
	struct prefix6 prefixes[KNOWN_MAX]; /* in the order of the answer, each once */
	unsigned len;
	nsec ttl; /* for how long this may be believed */
};

/**
 * discovery_read() - what a datagram says
 * @bytes:	from the server that was asked, and anything at all
 * @id:		of the question
 * @ret:	untouched unless the result is DISCOVERY_FOUND or DISCOVERY_DENIED
 *
 * Spec: RFC 7050 s3; RFC 2308 s5 (how long a "no" holds)
 */
enum discovery_result discovery_read(
	const uint8_t *bytes, size_t len, uint16_t id, struct discovery_answer *ret);

#endif
