/*
 * embed.c - IPv4 addresses inside IPv6 addresses
 *
 * Purpose: the algorithm of RFC 6052 s2.2 and s2.3, which is the whole address plan of a translator: an IPv4
 * host is shown to IPv6 hosts as prefix + its 32 bits + suffix.
 *
 *	length	prefix bytes	IPv4 bytes at		suffix from
 *	32	0..3		4 5 6 7			9
 *	40	0..4		5 6 7 . 9		10
 *	48	0..5		6 7 . 9 10		11
 *	56	0..6		7 . 9 10 11		12
 *	64	0..7		. 9 10 11 12		13
 *	96	0..11		12 13 14 15		none
 *
 * Byte 8 (bits 64 to 71, the "u" octet) is always zero and is stepped over; with that one rule all six
 * lengths are the same loop. struct layout is the table above.
 *
 * Life cycle: none; prefixes and addresses are values. A prefix is checked once, by embed_prefix_fault(),
 * when it is configured; the other two functions rely on that.
 *
 * Deliberately not done: suffixes that carry something (port ranges, checksum neutrality; RFC 6052 s4.1
 * leaves them to the future). Which IPv4 addresses a prefix may represent is the matter of special.c and of
 * the configuration.
 *
 * Standards: RFC 6052; RFC 8215 for the local-use prefix.
 */
#include "addr/embed.h"

#include <errno.h>

/* Where the four octets of the IPv4 address stand. */
struct layout {
	uint8_t len; /* of the prefix, bits */
	uint8_t octet_at[4];
};

static const struct layout layouts[] = {
	{ 32, { 4, 5, 6, 7 } },
	{ 40, { 5, 6, 7, 9 } },
	{ 48, { 6, 7, 9, 10 } },
	{ 56, { 7, 9, 10, 11 } },
	{ 64, { 9, 10, 11, 12 } },
	{ 96, { 12, 13, 14, 15 } },
};

static const struct layout *layout_find(uint8_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
		if (layouts[i].len == len)
			return &layouts[i];
	return NULL;
}

static uint8_t u_octet(struct addr6 a)
{
	return (uint8_t)(a.lo >> 56);
}

const char *embed_prefix_fault(struct prefix6 p)
{
	if (!layout_find(p.len))
		return "length must be 32, 40, 48, 56, 64 or 96";
	if (!prefix6_validate(p))
		return "bits after the prefix length must be zero";
	if (u_octet(p.addr) != 0)
		return "bits 64 to 71 must be zero";
	return NULL;
}

struct addr6 embed_addr(struct prefix6 p, struct addr4 a)
{
	const struct layout *l = layout_find(p.len);
	uint8_t b[16], octets[4];

	ASSERT(l);
	addr6_put(b, p.addr);
	addr4_put(octets, a);
	for (unsigned i = 0; i < 4; i++)
		b[l->octet_at[i]] = octets[i];
	return addr6_at(b);
}

int embed_extract(struct prefix6 p, struct addr6 a, struct addr4 *ret)
{
	const struct layout *l = layout_find(p.len);
	uint8_t b[16], octets[4];

	ASSERT(l);
	if (!prefix6_contains(p, a))
		return -ENOENT;
	if (u_octet(a) != 0)
		return -EDOM;
	addr6_put(b, a);
	for (unsigned i = 0; i < 4; i++)
		octets[i] = b[l->octet_at[i]];
	*ret = addr4_at(octets);
	return 0;
}
