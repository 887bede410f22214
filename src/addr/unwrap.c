/*
 * unwrap.c - the IPv4 addresses that an IPv6 address may stand for
 *
 * Each form is a row of forms[]: where the prefix is, and where in the address the 32 bits stand. @unwrap_forms are
 * told apart by their prefixes, which do not overlap, so at most one row of them holds an address; Teredo has two
 * addresses inside. ISATAP is told by the interface identifier, whatever the prefix, and may be there beside another.
 */
#include "addr/unwrap.h"

#include "addr/embed.h"

/* Bits of the address that hold the IPv4 address: the lowest bit's distance from the address's end. */
struct form {
	struct prefix6 prefix;
	unsigned shift; /* 0: the last 32 bits; 80: those behind 2002::/16 */
	uint32_t flip;	/* bits that are sent inverted */
};

static const struct form unwrap_forms[] = {
	{ { { 0, UINT64_C(0x0000ffff00000000) }, 96 }, 0, 0 },	/* mapped: RFC 4291 s2.5.5.2 */
	{ { { 0, 0 }, 96 }, 0, 0 },				/* compatible: RFC 4291 s2.5.5.1 */
	{ { { 0, UINT64_C(0xffff000000000000) }, 96 }, 0, 0 },	/* translated: RFC 2765 s2.1 */
	{ { { UINT64_C(0x0064ff9b00000000), 0 }, 96 }, 0, 0 },	/* RFC 6052 s2.1 */
	{ { { UINT64_C(0x0064ff9b00010000), 0 }, 48 }, 0, 0 },	/* RFC 8215; /96s of it are what is used */
	{ { { UINT64_C(0x2002000000000000), 0 }, 16 }, 80, 0 }, /* 6to4: RFC 3056 s2 */
	{ { { UINT64_C(0x2001000000000000), 0 }, 32 }, 64, 0 }, /* Teredo's server: RFC 4380 s4 */
	{ { { UINT64_C(0x2001000000000000), 0 }, 32 }, 0, UINT32_MAX }, /* Teredo's client: RFC 4380 s4 */
};

/* Interface identifiers 0000:5efe:a.b.c.d and 0200:5efe:a.b.c.d (RFC 5214 s6.1: the bit "u" says whether global). */
#define ISATAP_IDENTIFIER UINT64_C(0x00005efe)
#define ISATAP_IGNORED UINT64_C(0x02000000)

struct found {
	struct addr4 *list;
	unsigned len;
};

static void found_add(struct found *f, uint32_t v)
{
	for (unsigned i = 0; i < f->len; i++)
		if (f->list[i].v == v)
			return;
	ASSERT(f->len <
		UNWRAP_MAX); /* two of forms, one of ISATAP, one of translation prefixes (see below) */
	f->list[f->len++] = (struct addr4){ v };
}

static uint32_t bits_at(struct addr6 a, unsigned shift)
{
	return shift >= 64 ? (uint32_t)(a.hi >> (shift - 64)) : (uint32_t)(a.lo >> shift);
}

/* :: and ::1 have a meaning of their own (RFC 4291 s2.5.2, s2.5.3). */
static bool is_only_ipv6(struct addr6 a)
{
	return a.hi == 0 && a.lo <= 1;
}

/* No translation prefix contains another (nat64/config.h), so an address is in one at most. If it were in more, the
 * longest one would be the one that translates. */
static const struct prefix6 *prefix_of(struct addr6 a, const struct prefix6 *prefixes, unsigned len)
{
	const struct prefix6 *best = NULL;

	for (unsigned i = 0; i < len; i++)
		if (prefix6_contains(prefixes[i], a) && (!best || prefixes[i].len > best->len))
			best = &prefixes[i];
	return best;
}

unsigned addr_unwrap(struct addr6 a, const struct prefix6 *prefixes, unsigned prefixes_len,
	struct addr4 ret[static UNWRAP_MAX])
{
	struct found f = { ret, 0 };
	const struct prefix6 *p = prefix_of(a, prefixes, prefixes_len);
	struct addr4 translated;

	if (is_only_ipv6(a))
		return 0;
	if (p && embed_extract(*p, a, &translated) == 0)
		found_add(&f, translated.v);
	for (size_t i = 0; i < ARRAY_LEN(unwrap_forms); i++)
		if (prefix6_contains(unwrap_forms[i].prefix, a))
			found_add(&f, bits_at(a, unwrap_forms[i].shift) ^ unwrap_forms[i].flip);
	if ((a.lo >> 32 & ~ISATAP_IGNORED) == ISATAP_IDENTIFIER)
		found_add(&f, (uint32_t)a.lo);
	return f.len;
}
