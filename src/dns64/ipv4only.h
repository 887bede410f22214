/* ipv4only.h - the name by which clients learn the prefix (RFC 7050, RFC 8880) */
#ifndef ISTHMUS_DNS64_IPV4ONLY_H
#define ISTHMUS_DNS64_IPV4ONLY_H

#include "addr/addr.h"
#include "dns64/name.h"

#define IPV4ONLY_TTL 600 /* seconds; a changed prefix is noticed after this time. The RFCs name none */

static const struct dns_name ipv4only_arpa = { 15, "\010ipv4only\004arpa" };

/* RFC 7050 s2.2: its two addresses */
static const struct addr4 ipv4only_addrs[2] = { { 0xc00000aa }, { 0xc00000ab } };

static inline bool ipv4only_is_address(struct addr4 a)
{
	return addr4_eq(a, ipv4only_addrs[0]) || addr4_eq(a, ipv4only_addrs[1]);
}

#endif
