/*
 * slow_sum.h - the Internet checksum by long division, to check the one that is under test
 *
 * A ones-complement sum of 16-bit words is their sum modulo 65535, with 65535 itself in place of 0 (unless
 * all words are 0). Bytes are added one by one. Nothing of src/ is used but byte order.
 */
#ifndef ISTHMUS_TESTS_SLOW_SUM_H
#define ISTHMUS_TESTS_SLOW_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** slow_sum() - plain sum of big-endian words, an odd last byte as the high one */
uint64_t slow_sum(const uint8_t *p, size_t len);

/** slow_ones() - a plain sum as a ones-complement sum of 16 bits */
uint16_t slow_ones(uint64_t sum);

/**
 * slow_pseudo() - plain sum of the pseudo-header of the IP packet at @ip, by its version; 0 for ICMPv4
 * @ip:		an IP header
 * @proto:	transport protocol
 * @len:	bytes of the transport part
 */
uint64_t slow_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len);

/**
 * slow_transport_ok() - whether the checksum of a transport part is right
 * @ip:		the IP header before it
 * @l4:		@len bytes, from the transport header to the end of the packet
 *
 * UDP sums as far as its own length says, and over IPv4 may have no checksum. DCCP and UDP-Lite sum as much as they
 * say. All other protocols are right, whatever they carry.
 */
bool slow_transport_ok(const uint8_t *ip, uint8_t proto, const uint8_t *l4, uint32_t len);

/** slow_header4_ok() - whether the checksum of an IPv4 header is right */
bool slow_header4_ok(const uint8_t *ip);

#endif
