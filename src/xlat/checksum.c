/* checksum.c - sums over bytes and pseudo-headers */
#include "xlat/checksum.h"

/* Adds with the carry brought back in, which keeps a ones-complement sum in 64 bits (RFC 1071 s2 (B), (C)).
 */
static inline uint64_t add_carry(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static inline uint64_t word_at(const uint8_t *p)
{
	uint64_t w;

	bytes_copy(&w, p, sizeof(w));
	return w;
}

/*
 * The sum is taken in the machine's byte order, eight bytes at a time, and turned at the end: the
 * ones-complement sum of swapped words is the swapped sum (RFC 1071 s2 (B)). A short tail is padded with
 * zeros behind, which makes an odd last byte the high one.
 */
csum csum_bytes(const uint8_t *p, size_t len)
{
	uint64_t a = 0, b = 0;

	for (; len >= 32; p += 32, len -= 32) {
		a = add_carry(a, word_at(p));
		b = add_carry(b, word_at(p + 8));
		a = add_carry(a, word_at(p + 16));
		b = add_carry(b, word_at(p + 24));
	}
	for (; len >= 8; p += 8, len -= 8)
		a = add_carry(a, word_at(p));

	uint8_t tail[8] = { 0 };
	bytes_copy(tail, p, len);
	a = add_carry(a, word_at(tail));

	uint16_t folded = csum_fold(add_carry(a, b));
	uint8_t wire[2];
	bytes_copy(wire, &folded, sizeof(wire));
	return be16_at(wire);
}

/* The pseudo-header's length field has 32 bits in IPv6 (RFC 8200 s8.1); in IPv4 its upper half is zero. */
static csum pseudo_tail(uint8_t proto, uint32_t len)
{
	return (csum)proto + (len >> 16) + (len & 0xffff);
}

csum csum_pseudo4(struct addr4 src, struct addr4 dst, uint8_t proto, uint32_t len)
{
	return csum_addr4(src) + csum_addr4(dst) + pseudo_tail(proto, len);
}

csum csum_pseudo6(struct addr6 src, struct addr6 dst, uint8_t proto, uint32_t len)
{
	return csum_addr6(src) + csum_addr6(dst) + pseudo_tail(proto, len);
}
