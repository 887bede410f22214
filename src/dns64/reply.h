/* reply.h - whole replies as bytes (pure) */
#ifndef ISTHMUS_DNS64_REPLY_H
#define ISTHMUS_DNS64_REPLY_H

#include "dns64/answers.h"
#include "dns64/query.h"

struct reply {
	const struct query *query;
	uint16_t rcode;			     /* extended code; used if verdict and kept are NULL */
	bool is_cut;			     /* TC is set, whatever fits */
	const struct synth_input *in;	     /* with verdict */
	const struct synth_verdict *verdict; /* NULL: no more than header, question and OPT */
	const struct answer *kept;	     /* from the cache instead of a verdict */
	uint32_t now;			     /* with kept: the moment, of answers_now() */
	uint16_t
		keepalive; /* the idle time of the connection, in 100 ms (RFC 7828), for who wants to know; 0: none */
	bool is_confidential; /* nobody reads along: for who pads, it is padded (RFC 7830 s6) */
};

/** reply_limit() - how long a reply over UDP may be: what the client takes, at most SERVER_UDP_MAX */
size_t reply_limit(const struct query *q);

/**
 * reply_build() - write a reply
 * @buf:	@limit bytes; @limit is at least 512
 * @ret_cut:	the reply did not fit and became header, question and OPT with TC set
 *
 * Spec: RFC 1035 s4.1.1, RFC 2181 s9, RFC 4035 s3.2, RFC 6891 s6.1 and s7, RFC 8914, RFC 7828 s3.3.2, RFC 8467 s4.1
 * Return: length of the reply.
 */
size_t reply_build(const struct reply *r, uint8_t *buf, size_t limit, bool *ret_cut);

#endif
