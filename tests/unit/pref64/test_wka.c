/* test_wka.c - RFC 7050 s3: the prefix in a synthesized address */
#include "harness.h"

#include "addr/embed.h"
#include "base/random.h"
#include "pref64/wka.h"

#include <stdio.h>

static const struct {
	const char *address, *prefix; /* NULL: none to be found */
	const char *why;
} cases[] = {
	{ "64:ff9b::192.0.0.170", "64:ff9b::/96", "RFC 7050 s3.4" },
	{ "64:ff9b::192.0.0.171", "64:ff9b::/96", "RFC 7050 s2.2: the other address" },
	{ "2001:db8:42::192.0.0.170", "2001:db8:42::/96", "RFC 7050 s3.4" },
	{ "2001:db8:c000:aa::", "2001:db8::/32", "RFC 6052 s2.2, /32" },
	{ "2001:db8:1c0:0:aa::", "2001:db8:100::/40", "RFC 6052 s2.2, /40" },
	{ "2001:db8:122:c000:0:aa00::", "2001:db8:122::/48", "RFC 6052 s2.2, /48" },
	{ "2001:db8:122:3c0:0:aa::", "2001:db8:122:300::/56", "RFC 6052 s2.2, /56" },
	{ "2001:db8:122:344:c0:0:aa00::", "2001:db8:122:344::/64", "RFC 6052 s2.2, /64" },
	{ "2001:db8:122:344:c0:0:aa00:7", "2001:db8:122:344::/64", "RFC 6052 s2.2: a suffix is ignored" },
	{ "64:ff9b::192.0.0.169", NULL, "neither address" },
	{ "2001:db8::1", NULL, "RFC 7050 s3: hijacked, without a well-known address" },
	{ "2001:db8:0:c000:aa::", NULL, "at an octet where RFC 6052 puts none" },
	{ "2001:db8:c000:aa::192.0.0.170", NULL, "RFC 7050 s3: present twice, and the other one nowhere" },
	{ "2001:db8:c000:aa::192.0.0.171", "2001:db8::/32",
		"RFC 7050 s3: 170 is looked for first, and is there once" },
	{ "c000:aa:c000:aa::192.0.0.171", "c000:aa:c000:aa::/96", "RFC 7050 s3: 170 twice, so 171 decides" },
	{ "2001:db8:c000:ab::192.0.0.170", "2001:db8:c000:ab::/96", "170 is once and first" },
	{ "2001:db8:122:344:1c0:0:aa00::", NULL, "RFC 6052 s2.2: bits 64 to 71 are not zero" },
	{ "2001:db8:0:0:100::192.0.0.170", NULL, "bits 64 to 71 of a /96 are not zero" },
	{ "::192.0.0.170", NULL, "an IPv4-compatible address" },
	{ "::ffff:192.0.0.170", NULL, "an IPv4-mapped address" },
	{ "fe80::192.0.0.170", NULL, "link-local" },
	{ "ff02::192.0.0.170", NULL, "multicast" },
};

TEST(the_prefix_is_found_at_the_places_of_rfc_6052_only)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct prefix6 poison = { { 7, 7 }, 7 };
		struct prefix6 p = poison;
		struct addr6 a;
		char text[PREFIX6_TEXT], row[160];

		snprintf(row, sizeof(row), "%s: %s", cases[i].address, cases[i].why);
		test_row(row);
		REQUIRE(addr6_parse(cases[i].address, &a));
		CHECK_INT(wka_find_prefix(a, &p), cases[i].prefix != NULL);
		CHECK_TEXT(prefix6_text(p, text), cases[i].prefix ? cases[i].prefix : "::7:0:0:0:7/7");
	}
	test_row(NULL);
}

/* Random prefixes of every length: what was embedded is found, unless the prefix itself has such octets. */
TEST(what_a_dns64_embeds_is_found_again)
{
	static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };
	struct rng g;

	rng_init(&g, test_seed());
	for (unsigned i = 0; i < 60000; i++) {
		struct addr6 bits = { rng_next(&g), rng_next(&g) & ~(UINT64_C(0xff) << 56) };
		struct prefix6 p = { addr6_truncate(bits, lengths[i % 6]), lengths[i % 6] }, found;
		struct addr4 wka = { i % 12 < 6 ? 0xc00000aa : 0xc00000ab };

		if (!pref64_is_usable(p))
			continue;
		REQUIRE(wka_find_prefix(embed_addr(p, wka), &found));
		REQUIRE(found.len == p.len && addr6_eq(found.addr, p.addr));
	}
}
