/* checksum.h - the Internet checksum, updated by differences (RFC 1071, RFC 1624) */
#ifndef ISTHMUS_XLAT_CHECKSUM_H
#define ISTHMUS_XLAT_CHECKSUM_H

#include "addr/addr.h"

/*
 * A ones-complement sum in progress, not folded. Sums add with +; to take a field out of a checksum add its complement
 * with csum_sub16(). 64 bits hold any sum over a packet without overflow.
 */
typedef uint64_t csum;

static inline uint16_t csum_fold(csum s)
{
	s = (s >> 32) + (s & 0xffffffff);
	s = (s >> 32) + (s & 0xffffffff);
	s = (s >> 16) + (s & 0xffff);
	s = (s >> 16) + (s & 0xffff);
	s = (s >> 16) + (s & 0xffff);
	return (uint16_t)s;
}

static inline csum csum_add16(csum s, uint16_t v)
{
	return s + v;
}

static inline csum csum_sub16(csum s, uint16_t v)
{
	return s + (uint16_t)~v;
}

/** csum_less() - what to add to a sum so that @gone leaves it */
static inline csum csum_less(csum gone)
{
	return (uint16_t)~csum_fold(gone);
}

static inline csum csum_addr4(struct addr4 a)
{
	return (csum)(a.v >> 16) + (a.v & 0xffff);
}

static inline csum csum_addr6(struct addr6 a)
{
	return (a.hi >> 48) + (a.hi >> 32 & 0xffff) + (a.hi >> 16 & 0xffff) + (a.hi & 0xffff) + (a.lo >> 48) +
	       (a.lo >> 32 & 0xffff) + (a.lo >> 16 & 0xffff) + (a.lo & 0xffff);
}

/** csum_bytes() - sum of @len bytes as big-endian 16-bit words; an odd last byte counts as the high one */
csum csum_bytes(const uint8_t *p, size_t len);

/** csum_pseudo4(), csum_pseudo6() - sum of the pseudo-header (RFC 9293 s3.1, RFC 8200 s8.1); @len: transport bytes */
csum csum_pseudo4(struct addr4 src, struct addr4 dst, uint8_t proto, uint32_t len);
csum csum_pseudo6(struct addr6 src, struct addr6 dst, uint8_t proto, uint32_t len);

/**
 * csum_update() - the checksum field after a change
 * @field:	the complete checksum as in the packet
 * @change:	sum of (new words) and (complements of old words)
 *
 * Spec: RFC 1624 eqn. 3, which never turns a valid checksum into 0xffff by mistake as eqn. 4 can
 */
static inline uint16_t csum_update(uint16_t field, csum change)
{
	return (uint16_t)~csum_fold((uint16_t)~field + change);
}

/** csum_update_partial() - the same for a field that holds only the pseudo-header's sum, not complemented */
static inline uint16_t csum_update_partial(uint16_t field, csum change)
{
	return csum_fold(field + change);
}

#endif
