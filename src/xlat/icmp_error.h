/* icmp_error.h - translating an ICMP error with the packet inside it; private to xlat */
#ifndef ISTHMUS_XLAT_ICMP_ERROR_H
#define ISTHMUS_XLAT_ICMP_ERROR_H

#include "xlat/xlat.h"

/**
 * icmp_error_xlat_64(), icmp_error_xlat_46() - translate a whole ICMP error, outer header included, in place
 * @p:		parsed, kind ICMP_ERROR, hop limit at least 2
 *
 * Spec:   RFC 7915 s4.2, s4.3, s5.2, s5.3; RFC 4884 (extensions)
 * Return: DROP_NONE with *p parsed anew; else the reason.
 * Drops:  ICMP_TYPE, ICMP_INNER_MALFORMED (inner length beyond what IPv4 can say), NO_HEADROOM
 */
MUST_CHECK enum drop_reason icmp_error_xlat_64(struct pkt *p, const struct xlat_to4 *to, uint16_t ipv4_id);
MUST_CHECK enum drop_reason icmp_error_xlat_46(struct pkt *p, const struct xlat_to6 *to);

#endif
