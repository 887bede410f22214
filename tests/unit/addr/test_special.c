/* test_special.c - special-purpose addresses (RFC 6890 and its registries) */
#include "addr/embed.h"
#include "addr/special.h"
#include "base/random.h"
#include "harness.h"

#include <string.h>

static struct addr4 addr4_of(const char *text)
{
	struct addr4 a = { 0 };

	REQUIRE(addr4_parse(text, &a));
	return a;
}

static struct addr6 addr6_of(const char *text)
{
	struct addr6 a = { 0, 0 };

	REQUIRE(addr6_parse(text, &a));
	return a;
}

/* First and last address of each block, and the neighbours outside. */
static const struct {
	const char *addr, *prefix; /* NULL: not special */
	bool is_global;
} rows4[] = {
	{ "0.0.0.0", "0.0.0.0/32", false },
	{ "0.0.0.1", "0.0.0.0/8", false },
	{ "0.255.255.255", "0.0.0.0/8", false },
	{ "1.0.0.0", NULL, true },
	{ "9.255.255.255", NULL, true },
	{ "10.0.0.0", "10.0.0.0/8", false },
	{ "10.255.255.255", "10.0.0.0/8", false },
	{ "11.0.0.0", NULL, true },
	{ "100.63.255.255", NULL, true },
	{ "100.64.0.0", "100.64.0.0/10", false },
	{ "100.127.255.255", "100.64.0.0/10", false },
	{ "100.128.0.0", NULL, true },
	{ "127.0.0.1", "127.0.0.0/8", false },
	{ "169.254.1.1", "169.254.0.0/16", false },
	{ "172.15.255.255", NULL, true },
	{ "172.16.0.0", "172.16.0.0/12", false },
	{ "172.31.255.255", "172.16.0.0/12", false },
	{ "172.32.0.0", NULL, true },
	{ "192.0.0.1", "192.0.0.0/29", false },
	{ "192.0.0.7", "192.0.0.0/29", false },
	{ "192.0.0.8", "192.0.0.8/32", false },
	{ "192.0.0.9", "192.0.0.9/32", true },
	{ "192.0.0.10", "192.0.0.10/32", true },
	{ "192.0.0.11", "192.0.0.0/24", false },
	{ "192.0.0.169", "192.0.0.0/24", false },
	{ "192.0.0.170", "192.0.0.170/32", false },
	{ "192.0.0.171", "192.0.0.171/32", false },
	{ "192.0.0.172", "192.0.0.0/24", false },
	{ "192.0.1.0", NULL, true },
	{ "192.0.2.33", "192.0.2.0/24", false },
	{ "192.31.196.1", "192.31.196.0/24", true },
	{ "192.52.193.1", "192.52.193.0/24", true },
	{ "192.88.99.1", "192.88.99.0/24", false },
	{ "192.168.0.0", "192.168.0.0/16", false },
	{ "192.169.0.0", NULL, true },
	{ "192.175.48.1", "192.175.48.0/24", true },
	{ "198.17.255.255", NULL, true },
	{ "198.18.0.0", "198.18.0.0/15", false },
	{ "198.19.255.255", "198.18.0.0/15", false },
	{ "198.20.0.0", NULL, true },
	{ "198.51.100.7", "198.51.100.0/24", false },
	{ "203.0.113.7", "203.0.113.0/24", false },
	{ "8.8.8.8", NULL, true },
	{ "223.255.255.255", NULL, true },
	{ "224.0.0.1", "224.0.0.0/4", false },
	{ "233.252.0.1", "233.252.0.0/24", false },
	{ "239.255.255.255", "224.0.0.0/4", false },
	{ "240.0.0.0", "240.0.0.0/4", false },
	{ "255.255.255.254", "240.0.0.0/4", false },
	{ "255.255.255.255", "255.255.255.255/32", false },
};

TEST(ipv4_registry_gives_the_most_specific_entry)
{
	for (size_t i = 0; i < ARRAY_LEN(rows4); i++) {
		const struct special4 *s = special4_find(addr4_of(rows4[i].addr));
		char buf[PREFIX4_TEXT];

		test_row(rows4[i].addr);
		CHECK_TEXT(s ? prefix4_text(s->prefix, buf) : "none",
			rows4[i].prefix ? rows4[i].prefix : "none");
		CHECK_INT(special4_is_global(addr4_of(rows4[i].addr)), rows4[i].is_global);
	}
	test_row(NULL);
}

TEST(ipv6_registry_gives_the_most_specific_entry)
{
	static const struct {
		const char *addr, *prefix;
		bool is_global;
	} rows[] = {
		{ "::", "::/128", false },
		{ "::1", "::1/128", false },
		{ "::2", NULL, false },
		{ "::ffff:192.0.2.1", "::ffff:0.0.0.0/96", false },
		{ "64:ff9b::192.0.2.1", "64:ff9b::/96", true },
		{ "64:ff9b::1:0:0", NULL, false },
		{ "64:ff9b:1::192.0.2.1", "64:ff9b:1::/48", false },
		{ "64:ff9b:1:ffff::", "64:ff9b:1::/48", false },
		{ "64:ff9b:2::", NULL, false },
		{ "100::1", "100::/64", false },
		{ "100:0:0:1::1", "100:0:0:1::/64", false },
		{ "100:0:0:2::1", NULL, false },
		{ "2001::1", "2001::/32", false },
		{ "2001:1::1", "2001:1::1/128", true },
		{ "2001:1::2", "2001:1::2/128", true },
		{ "2001:1::3", "2001:1::3/128", true },
		{ "2001:1::4", "2001::/23", false },
		{ "2001:2::1", "2001:2::/48", false },
		{ "2001:2:1::1", "2001::/23", false },
		{ "2001:3::1", "2001:3::/32", true },
		{ "2001:4:112::1", "2001:4:112::/48", true },
		{ "2001:1f::1", "2001:10::/28", false },
		{ "2001:20::1", "2001:20::/28", true },
		{ "2001:30::1", "2001:30::/28", true },
		{ "2001:1ff::1", "2001::/23", false },
		{ "2001:200::1", NULL, false },
		{ "2001:db8::1", "2001:db8::/32", false },
		{ "2001:db9::1", NULL, false },
		{ "2002:c000:201::1", "2002::/16", false },
		{ "2620:4f:8000::1", "2620:4f:8000::/48", true },
		{ "2a00::1", NULL, false },
		{ "3fff:fff::1", "3fff::/20", false },
		{ "3fff:1000::1", NULL, false },
		{ "5f00::1", "5f00::/16", false },
		{ "fc00::1", "fc00::/7", false },
		{ "fdff::1", "fc00::/7", false },
		{ "fe00::1", NULL, false },
		{ "fe80::1", "fe80::/10", false },
		{ "febf::1", "fe80::/10", false },
		{ "fec0::1", NULL, false },
		{ "ff02::1", "ff00::/8", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct special6 *s = special6_find(addr6_of(rows[i].addr));
		char buf[PREFIX6_TEXT];

		test_row(rows[i].addr);
		CHECK_TEXT(
			s ? prefix6_text(s->prefix, buf) : "none", rows[i].prefix ? rows[i].prefix : "none");
		if (s)
			CHECK_INT(s->is_global, rows[i].is_global);
	}
	test_row(NULL);
}

TEST(every_entry_that_is_found_is_well_formed)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 100000; n++) {
		struct addr4 a4 = { (uint32_t)rng_next(&g) };
		const struct special4 *s = special4_find(a4);

		if (!s)
			continue;
		REQUIRE(prefix4_validate(s->prefix) && prefix4_contains(s->prefix, a4));
		REQUIRE(strlen(s->name) > 0 && strncmp(s->spec, "RFC ", 4) == 0);
	}
}

/* RFC 6052 s3.1: RFC 1918 and everything in section 3 of RFC 5735. */
TEST(the_well_known_prefix_excludes_all_of_rfc5735_s3)
{
	static const char *const blocks[] = { "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32" };
	struct rng g;

	rng_init(&g, test_seed());
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		struct prefix4 p = { { 0 }, 0 };

		REQUIRE(prefix4_parse(blocks[i], &p) == 0);
		test_row(blocks[i]);
		for (int n = 0; n < 100; n++)
			REQUIRE(!special4_is_global(
				(struct addr4){ p.addr.v | ((uint32_t)rng_next(&g) & ~mask4(p.len)) }));
	}
	test_row(NULL);
}

TEST(sources_are_unicast)
{
	static const char *const good4[] = { "1.0.0.0", "10.0.0.1", "126.255.255.255", "128.0.0.0",
		"192.0.2.1", "100.64.0.1", "223.255.255.255" };
	static const char *const bad4[] = { "0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255",
		"224.0.0.0", "239.1.1.1", "240.0.0.0", "255.255.255.255" };
	static const char *const good6[] = { "2001:db8::1", "64:ff9b::1", "fe80::1", "fc00::1", "::2",
		"::fffe:0:0", "::1:0:0:0", "1::", "feff::1", "1::1", "::1:ffff:0:0" };
	static const char *const bad6[] = { "::", "::1", "::ffff:0:0", "::ffff:255.255.255.255",
		"ff00::", "ff02::1", "ffff::" };

	for (size_t i = 0; i < ARRAY_LEN(good4); i++)
		CHECK(special4_is_unicast_source(addr4_of(good4[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad4); i++)
		CHECK(!special4_is_unicast_source(addr4_of(bad4[i])));
	for (size_t i = 0; i < ARRAY_LEN(good6); i++)
		CHECK(special6_is_unicast_source(addr6_of(good6[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad6); i++)
		CHECK(!special6_is_unicast_source(addr6_of(bad6[i])));
}
