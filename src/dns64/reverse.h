/* reverse.h - names of the reverse tree: ip6.arpa (RFC 3596 s2.5) and in-addr.arpa (RFC 1035 s3.5) */
#ifndef ISTHMUS_DNS64_REVERSE_H
#define ISTHMUS_DNS64_REVERSE_H

#include "addr/addr.h"
#include "dns64/name.h"

#define REVERSE6_NIBBLES 32

/* What a name below ip6.arpa says. */
struct reverse6 {
	struct addr6 addr; /* its first `nibbles` nibbles; the rest is zero */
	unsigned nibbles;  /* labels that are one hexadecimal digit, counted from ip6.arpa; 0 to 32 */
	bool has_more;	   /* labels follow that are no nibbles of an address: too many, or not one digit */
};

/** reverse6_read() - read a name at or below ip6.arpa; false, with *ret untouched, if it is not there */
MUST_CHECK bool reverse6_read(const struct dns_name *n, struct reverse6 *ret);

/** reverse6_zone() - the name under ip6.arpa that stands for a prefix; p.len is a multiple of 4 */
void reverse6_zone(struct prefix6 p, struct dns_name *ret);

/** reverse4_name() - the name under in-addr.arpa that stands for an address */
void reverse4_name(struct addr4 a, struct dns_name *ret);

#endif
