/* advert.h - router advertisements that tell the NAT64 prefix (RFC 4861 s4.2, RFC 8781 s4) */
#ifndef ISTHMUS_PREF64_ADVERT_H
#define ISTHMUS_PREF64_ADVERT_H

#include "addr/addr.h"

#define ADVERT_OFFERS_MAX 8 /* PREF64 options taken of one advertisement; more are left alone */

/* One PREF64 option. */
struct advert_offer {
	struct prefix6 prefix; /* fit for RFC 6052, and pref64_is_usable() */
	uint32_t lifetime_s;   /* 0: not to be used any more; else 8 to 65528 */
};

struct advert {
	struct advert_offer offers[ADVERT_OFFERS_MAX]; /* in the order of the advertisement */
	unsigned len;
};

/* What the IP header of a message said. */
struct advert_origin {
	struct addr6 source;
	int hop_limit;
};

enum advert_result {
	ADVERT_TAKEN,	  /* a valid advertisement, with any number of offers */
	ADVERT_NOT_MINE,  /* another ICMPv6 message */
	ADVERT_MALFORMED, /* not valid by RFC 4861 s6.1.2: to be ignored as a whole */
};

/**
 * advert_parse() - read the PREF64 options of a router advertisement
 * @bytes:	the ICMPv6 message, from its type on; its checksum has been verified by the kernel
 * @ret:	untouched unless the result is ADVERT_TAKEN
 *
 * An option whose length or prefix length code RFC 8781 does not define, or whose prefix cannot be used, is left out.
 *
 * Spec: RFC 4861 s6.1.2; RFC 8781 s4, s4.1
 */
enum advert_result advert_parse(
	const uint8_t *bytes, size_t len, const struct advert_origin *origin, struct advert *ret);

#endif
