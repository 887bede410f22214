/* icmp_map.h - types, codes, pointers and MTUs of ICMP in both families; private to xlat */
#ifndef ISTHMUS_XLAT_ICMP_MAP_H
#define ISTHMUS_XLAT_ICMP_MAP_H

#include "xlat/pkt.h"

/** icmp_query_64(), icmp_query_46() - the type of an echo message in the other family (RFC 7915 s4.2, s5.2)
 */
uint8_t icmp_query_64(uint8_t type);
uint8_t icmp_query_46(uint8_t type);

/* The first 8 bytes of a translated ICMP error, but for the checksum. */
struct icmp_head {
	uint8_t type, code;
	uint32_t word;	     /* bytes 4 to 7: pointer, MTU or zero, as on the wire in host order */
	bool has_extensions; /* the translated message has the length attribute of RFC 4884 in its word */
};

/**
 * icmp_error_64(), icmp_error_46() - map the head of an ICMP error
 * @head:	8 bytes of the ICMP message
 * @in:		the packet inside, before translation
 * @ret:	untouched on failure
 *
 * The MTUs of the translator's own links, which the RFC's formulas name too, are not known here; the path MTU
 * that the message tells is the tighter bound whenever the message came over one of them.
 *
 * Spec:   RFC 7915 s4.2 (figure 3), s5.2 (figure 6); RFC 1191 s7.1 (plateaus)
 * Return: DROP_NONE; DROP_ICMP_TYPE if the message has no counterpart.
 */
MUST_CHECK enum drop_reason icmp_error_64(const uint8_t *head, const struct view *in, struct icmp_head *ret);
MUST_CHECK enum drop_reason icmp_error_46(const uint8_t *head, const struct view *in, struct icmp_head *ret);

/**
 * icmp_datagram_len6(), icmp_datagram_len4() - bytes of the original datagram in front of RFC 4884 extensions
 * @head:	8 bytes of the ICMP message
 *
 * Spec:   RFC 4884 s4
 * Return: bytes, padding included; 0 if the type has no length attribute or it is zero.
 */
uint32_t icmp_datagram_len6(const uint8_t *head);
uint32_t icmp_datagram_len4(const uint8_t *head);

#endif
