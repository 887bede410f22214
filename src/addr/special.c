/*
 * special.c - the registries of special-purpose addresses
 *
 * The tables are those of RFC 6890 with the entries that IANA has registered since, plus multicast. Each is
 * sorted by falling prefix length, so that the first entry that holds an address is the most specific one.
 */
#include "addr/special.h"

/* "Globally reachable" as the registry has it (RFC 8190 s2.1); entries where it says "not applicable" count
 * as local. */
enum reach { LOCAL = false, GLOBAL = true };

#define NET4(a, b, c, d, len, reach, name, spec)                                                             \
	{                                                                                                    \
		{ { (uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d) }, len }, reach, name, spec             \
	}
#define NET6(hi, lo, len, reach, name, spec)                                                                 \
	{                                                                                                    \
		{ { UINT64_C(hi), UINT64_C(lo) }, len }, reach, name, spec                                   \
	}

/* clang-format off */
static const struct special4 table4[] = {
	NET4(255, 255, 255, 255, 32, LOCAL, "limited broadcast", "RFC 8190, RFC 919"),
	NET4(192, 0, 0, 171, 32, LOCAL, "NAT64/DNS64 discovery", "RFC 8880, RFC 7050"),
	NET4(192, 0, 0, 170, 32, LOCAL, "NAT64/DNS64 discovery", "RFC 8880, RFC 7050"),
	NET4(192, 0, 0, 10, 32, GLOBAL, "TURN anycast", "RFC 8155"),
	NET4(192, 0, 0, 9, 32, GLOBAL, "Port Control Protocol anycast", "RFC 7723"),
	NET4(192, 0, 0, 8, 32, LOCAL, "IPv4 dummy address", "RFC 7600"),
	NET4(0, 0, 0, 0, 32, LOCAL, "this host on this network", "RFC 1122 s3.2.1.3"),
	NET4(192, 0, 0, 0, 29, LOCAL, "IPv4 service continuity (464XLAT, DS-Lite)", "RFC 7335"),
	NET4(233, 252, 0, 0, 24, LOCAL, "multicast documentation (MCAST-TEST-NET)", "RFC 6676"),
	NET4(203, 0, 113, 0, 24, LOCAL, "documentation (TEST-NET-3)", "RFC 5737"),
	NET4(198, 51, 100, 0, 24, LOCAL, "documentation (TEST-NET-2)", "RFC 5737"),
	NET4(192, 175, 48, 0, 24, GLOBAL, "direct delegation AS112 service", "RFC 7534"),
	NET4(192, 88, 99, 0, 24, LOCAL, "6to4 relay anycast, deprecated", "RFC 7526"),
	NET4(192, 52, 193, 0, 24, GLOBAL, "automatic multicast tunnelling", "RFC 7450"),
	NET4(192, 31, 196, 0, 24, GLOBAL, "AS112-v4", "RFC 7535"),
	NET4(192, 0, 2, 0, 24, LOCAL, "documentation (TEST-NET-1)", "RFC 5737"),
	NET4(192, 0, 0, 0, 24, LOCAL, "IETF protocol assignments", "RFC 6890 s2.1"),
	NET4(192, 168, 0, 0, 16, LOCAL, "private use", "RFC 1918"),
	NET4(169, 254, 0, 0, 16, LOCAL, "link-local", "RFC 3927"),
	NET4(198, 18, 0, 0, 15, LOCAL, "benchmarking", "RFC 2544"),
	NET4(172, 16, 0, 0, 12, LOCAL, "private use", "RFC 1918"),
	NET4(100, 64, 0, 0, 10, LOCAL, "shared address space of carriers", "RFC 6598"),
	NET4(127, 0, 0, 0, 8, LOCAL, "loopback", "RFC 1122 s3.2.1.3"),
	NET4(10, 0, 0, 0, 8, LOCAL, "private use", "RFC 1918"),
	NET4(0, 0, 0, 0, 8, LOCAL, "this network", "RFC 791 s3.2"),
	NET4(240, 0, 0, 0, 4, LOCAL, "reserved for future use", "RFC 1112 s4"),
	NET4(224, 0, 0, 0, 4, LOCAL, "multicast", "RFC 5771"),
};

static const struct special6 table6[] = {
	NET6(0x2001000100000000, 3, 128, GLOBAL, "DNS-SD service registration anycast", "RFC 9665"), /* 2001:1::3/128 */
	NET6(0x2001000100000000, 2, 128, GLOBAL, "TURN anycast", "RFC 8155"), /* 2001:1::2/128 */
	NET6(0x2001000100000000, 1, 128, GLOBAL, "Port Control Protocol anycast", "RFC 7723"), /* 2001:1::1/128 */
	NET6(0, 1, 128, LOCAL, "loopback", "RFC 4291 s2.5.3"), /* ::1/128 */
	NET6(0, 0, 128, LOCAL, "unspecified", "RFC 4291 s2.5.2"), /* ::/128 */
	NET6(0x0064ff9b00000000, 0, 96, GLOBAL, "IPv4/IPv6 translation, well-known prefix", "RFC 6052"), /* 64:ff9b::/96 */
	NET6(0, 0x0000ffff00000000, 96, LOCAL, "IPv4-mapped", "RFC 4291 s2.5.5.2"), /* ::ffff:0:0/96 */
	NET6(0x0100000000000001, 0, 64, LOCAL, "dummy prefix", "RFC 9780"), /* 100:0:0:1::/64 */
	NET6(0x0100000000000000, 0, 64, LOCAL, "discard only", "RFC 6666"), /* 100::/64 */
	NET6(0x2620004f80000000, 0, 48, GLOBAL, "direct delegation AS112 service", "RFC 7534"), /* 2620:4f:8000::/48 */
	NET6(0x2001000401120000, 0, 48, GLOBAL, "AS112-v6", "RFC 7535"), /* 2001:4:112::/48 */
	NET6(0x2001000200000000, 0, 48, LOCAL, "benchmarking", "RFC 5180"), /* 2001:2::/48 */
	NET6(0x0064ff9b00010000, 0, 48, LOCAL, "IPv4/IPv6 translation, local use", "RFC 8215"), /* 64:ff9b:1::/48 */
	NET6(0x20010db800000000, 0, 32, LOCAL, "documentation", "RFC 3849"), /* 2001:db8::/32 */
	NET6(0x2001000300000000, 0, 32, GLOBAL, "automatic multicast tunnelling", "RFC 7450"), /* 2001:3::/32 */
	NET6(0x2001000000000000, 0, 32, LOCAL, "Teredo", "RFC 4380"), /* 2001::/32 */
	NET6(0x2001003000000000, 0, 28, GLOBAL, "drone remote identification", "RFC 9374"), /* 2001:30::/28 */
	NET6(0x2001002000000000, 0, 28, GLOBAL, "ORCHIDv2", "RFC 7343"), /* 2001:20::/28 */
	NET6(0x2001001000000000, 0, 28, LOCAL, "ORCHID, deprecated", "RFC 4843"), /* 2001:10::/28 */
	NET6(0x2001000000000000, 0, 23, LOCAL, "IETF protocol assignments", "RFC 2928"), /* 2001::/23 */
	NET6(0x3fff000000000000, 0, 20, LOCAL, "documentation", "RFC 9637"), /* 3fff::/20 */
	NET6(0x5f00000000000000, 0, 16, LOCAL, "segment routing identifiers", "RFC 9602"), /* 5f00::/16 */
	NET6(0x2002000000000000, 0, 16, LOCAL, "6to4", "RFC 3056"), /* 2002::/16 */
	NET6(0xfe80000000000000, 0, 10, LOCAL, "link-local unicast", "RFC 4291 s2.5.6"), /* fe80::/10 */
	NET6(0xff00000000000000, 0, 8, LOCAL, "multicast", "RFC 4291 s2.7"), /* ff00::/8 */
	NET6(0xfc00000000000000, 0, 7, LOCAL, "unique local", "RFC 4193"), /* fc00::/7 */
};
/* clang-format on */

const struct special4 *special4_find(struct addr4 a)
{
	for (size_t i = 0; i < ARRAY_LEN(table4); i++)
		if (prefix4_contains(table4[i].prefix, a))
			return &table4[i];
	return NULL;
}

const struct special6 *special6_find(struct addr6 a)
{
	for (size_t i = 0; i < ARRAY_LEN(table6); i++)
		if (prefix6_contains(table6[i].prefix, a))
			return &table6[i];
	return NULL;
}

bool special4_is_global(struct addr4 a)
{
	const struct special4 *s = special4_find(a);

	return !s || s->is_global;
}

/* These two are asked for every packet, so they look at the few blocks themselves instead of searching the
 * tables. */
bool special4_is_unicast_source(struct addr4 a)
{
	uint8_t first = (uint8_t)(a.v >> 24);

	return first != 0 && first != 127 && first < 224;
}

bool special6_is_unicast_source(struct addr6 a)
{
	bool is_multicast = a.hi >> 56 == 0xff;
	bool is_mapped = a.hi == 0 && a.lo >> 32 == 0xffff;
	bool is_unspecified_or_loopback = a.hi == 0 && a.lo <= 1;

	return !is_multicast && !is_mapped && !is_unspecified_or_loopback;
}
