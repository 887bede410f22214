/* stateless.h - packets that are translated by their addresses alone (RFC 7915, RFC 7757); private to nat64 */
#ifndef ISTHMUS_NAT64_STATELESS_H
#define ISTHMUS_NAT64_STATELESS_H

#include "nat64/pipeline.h"

/**
 * stateless_take64(), stateless_take46() - translate a packet without state, if both its addresses say how
 * @ret:	what became of it; untouched if it is not taken
 *
 * Return: false if the packet is none for stateless translation: the stateful pipeline looks at it next.
 *
 * Drops:  64_NO_MAPPING, 46_NO_MAPPING, 46_NOT_LENT, LENT_BUSY, 64_SUFFIX, 64_DENIED, 64_NON_GLOBAL, 46_NON_GLOBAL, HOP_LIMIT,
 *	   UDP46_CHECKSUM_ZERO, and those of xlat_64() and xlat_46()
 */
bool stateless_take64(struct job *j, enum verdict *ret);
bool stateless_take46(struct job *j, enum verdict *ret);

/**
 * stateless_may_take() - whether packets of a flow with state, the one way or the other, may be taken without state or
 * turned around; now, or when DNS46 lends an address
 * @t6:		from the host to the peer, in IPv6
 * @t4:		the same in IPv4; ports are not looked at
 */
bool stateless_may_take(const struct nat64 *n, struct tuple6 t6, struct tuple4 t4);

/**
 * stateless_turns() - whether a translated IPv4 packet belongs to an IPv6 host that has a mapping
 *
 * Spec: RFC 7757 s4.2.2 (condition sets A and B)
 */
bool stateless_turns(const struct job *j);

/**
 * stateless_source4(), stateless_source6() - an address for an ICMP error whose sender has none of that family
 *
 * Spec: RFC 6791 s5 (one of several at random), RFC 7600 (192.0.0.8 if there is none)
 * Return: an address; stateless_source6(): :: if neither icmp6 nor a prefix is configured.
 */
struct addr4 stateless_source4(struct nat64 *n);
struct addr6 stateless_source6(struct nat64 *n);

#endif
