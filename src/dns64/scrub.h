/*
 * scrub.h - what of an upstream's reply is used (pure)
 *
 * A reply may hold anything; what was asked for is all that anybody is told or that is kept of it.
 */
#ifndef ISTHMUS_DNS64_SCRUB_H
#define ISTHMUS_DNS64_SCRUB_H

#include "dns64/wire.h"

#define SCRUBBED_MAX 4096		/* bytes of what is left of a reply */
#define SCRUB_TTL_MAX UINT32_C(86400)	/* seconds; libunbound's cache-max-ttl */
#define SCRUB_TTL_NO_MAX UINT32_C(3600) /* seconds, of a "no"; cache-max-negative-ttl of engine_config.c */

enum scrub {
	SCRUB_TAKEN,
	SCRUB_CUT,    /* TC */
	SCRUB_FAILED, /* SERVFAIL: the server is there, this question fails */
	SCRUB_REFUSED, /* another response code than NOERROR and NXDOMAIN: the server does not like us, or EDNS */
	SCRUB_ODD, /* a referral, a chain that does not end here, DNAME, a contradiction: libunbound asks for itself */
};

/**
 * scrub_reply() - write what of a reply answers its question
 * @m:		a reply to a question of class IN that was asked with RD
 * @out:	SCRUBBED_MAX bytes
 * @ret_len:	the length of a message with the same question; untouched unless it is taken
 *
 * What stays: the CNAME chain from the question's name, the records that were asked for at its end, and, if there are
 * none, the SOA record; with the signatures of these, and proofs of absence of the same zone. TTLs are bounded.
 *
 * Spec:   RFC 5452 s6, RFC 2308 s2 and s5, RFC 2181 s5.4.1
 */
enum scrub scrub_reply(const struct dns_msg *m, uint8_t out[static SCRUBBED_MAX], size_t *ret_len);

#endif
