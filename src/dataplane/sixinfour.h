/*
 * sixinfour.h - IPv6 packets inside IPv4 packets of protocol 41: what is taken out, and what is refused (pure)
 *
 * The kernel makes and reads the IPv4 header on a raw socket; here is what RFC 4213 and RFC 6040 want beside that.
 */
#ifndef ISTHMUS_DATAPLANE_SIXINFOUR_H
#define ISTHMUS_DATAPLANE_SIXINFOUR_H

#include "addr/addr.h"

#include <stddef.h>

enum sixinfour_drop {
	SIXINFOUR_OK,
	SIXINFOUR_MALFORMED,   /* no whole IPv4 packet of protocol 41 with a whole IPv6 packet in it */
	SIXINFOUR_SOURCE,      /* the IPv4 source is not the other end (RFC 4213 s3.6) */
	SIXINFOUR_IPV6_SOURCE, /* the IPv6 source is none that can come out of a tunnel (s3.6) */
	SIXINFOUR_CONGESTED,   /* marked on its way, but its sender could not be told (RFC 6040 s4.2) */
	SIXINFOUR_DROP_COUNT
};

/** sixinfour_drop_name() - "malformed", "source", ...: for counters; sixinfour_drop_text(): what is counted */
const char *sixinfour_drop_name(enum sixinfour_drop d);
const char *sixinfour_drop_text(enum sixinfour_drop d);

/**
 * sixinfour_decapsulate() - the IPv6 packet inside an IPv4 packet
 * @packet:	@len bytes, with the IPv4 header, reassembled; a congestion mark is copied to the IPv6 header in place
 * @remote:	the other end
 * @ret_at:	where the IPv6 packet begins; @ret_len: its length, without what follows it; untouched on failure
 *
 * Spec: RFC 4213 s3.6; RFC 6040 s4.2
 */
MUST_CHECK enum sixinfour_drop sixinfour_decapsulate(
	uint8_t *packet, size_t len, struct addr4 remote, size_t *ret_at, size_t *ret_len);

/**
 * sixinfour_encapsulate() - see whether a packet of the device can be sent, and what its IPv4 header has
 * @ret_tos:	type of service: the traffic class of the IPv6 header (RFC 6040 s4.1, RFC 2983 s3.1); untouched on failure
 *
 * Return: SIXINFOUR_OK or SIXINFOUR_MALFORMED
 */
MUST_CHECK enum sixinfour_drop sixinfour_encapsulate(const uint8_t *packet, size_t len, uint8_t *ret_tos);

#endif
