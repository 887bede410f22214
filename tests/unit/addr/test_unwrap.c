/* test_unwrap.c - IPv4 addresses in disguise */
#include "addr/unwrap.h"
#include "base/random.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define POISON 0xdeadbeef

static struct prefix6 prefix_of(const char *text)
{
	struct prefix6 p = { { 0, 0 }, 0 };

	REQUIRE(prefix6_parse(text, &p) == 0);
	return p;
}

/* "127.0.0.1 192.0.2.1": what is inside, in the order of the result. */
static void check_inside(
	const char *address, const char *want, const struct prefix6 *prefixes, unsigned prefixes_len)
{
	struct addr4 inside[UNWRAP_MAX + 1];
	struct addr6 a = { 0, 0 };
	char got[UNWRAP_MAX * ADDR4_TEXT] = "", one[ADDR4_TEXT];

	for (unsigned i = 0; i <= UNWRAP_MAX; i++)
		inside[i].v = POISON;
	REQUIRE(addr6_parse(address, &a));
	unsigned len = addr_unwrap(a, prefixes, prefixes_len, inside);
	REQUIRE(len <= UNWRAP_MAX);
	for (unsigned i = 0; i < len; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i > 0 ? " " : "",
			addr4_text(inside[i], one));
	for (unsigned i = len; i <= UNWRAP_MAX; i++)
		CHECK_INT(inside[i].v, POISON);
	CHECK_TEXT(got, want);
}

TEST(every_form_that_holds_an_ipv4_address_is_seen_through)
{
	static const struct {
		const char *address, *want;
	} rows[] = {
		{ "::ffff:127.0.0.1", "127.0.0.1" },	     /* mapped */
		{ "::127.0.0.1", "127.0.0.1" },		     /* compatible */
		{ "::2", "0.0.0.2" },			     /* compatible, and no special one */
		{ "::ffff:0:127.0.0.1", "127.0.0.1" },	     /* translated */
		{ "64:ff9b::127.0.0.1", "127.0.0.1" },	     /* well-known */
		{ "64:ff9b:1::10.0.0.1", "10.0.0.1" },	     /* local use */
		{ "64:ff9b:1:2:3:4:10.0.0.1", "10.0.0.1" },  /* any /96 of it */
		{ "2002:7f00:1::1", "127.0.0.1" },	     /* 6to4 */
		{ "2002:c000:0201:1:2:3:4:5", "192.0.2.1" }, /* 6to4, with anything behind it */
		{ "2001:0:c000:201:8000:1234:80ff:fffe", "192.0.2.1 127.0.0.1" }, /* Teredo: server, client */
		{ "2001:0:c000:201::3fff:fdfe", "192.0.2.1" }, /* Teredo: both the same, told once */
		{ "2001:db8::5efe:127.0.0.1", "127.0.0.1" },   /* ISATAP, private address */
		{ "fe80::200:5efe:8.8.8.8", "8.8.8.8" },       /* ISATAP, global address */
		{ "2002:c000:201::5efe:127.0.0.1", "192.0.2.1 127.0.0.1" }, /* ISATAP over 6to4 */
		{ "::", "" },
		{ "::1", "" },
		{ "2001:db8::1", "" },
		{ "64:ff9b:2::127.0.0.1", "" },
		{ "64:ff9b:0:0:0:1:127.0.0.1", "" },
		{ "2001:1::7f00:1", "" },
		{ "2001:db8::100:5efe:127.0.0.1", "" },
		{ "::fffe:127.0.0.1", "" },
		{ "1::ffff:127.0.0.1", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].address);
		check_inside(rows[i].address, rows[i].want, NULL, 0);
	}
	test_row(NULL);
}

TEST(translation_prefixes_of_every_length_are_seen_through)
{
	static const struct {
		const char *prefix, *address, *want;
	} rows[] = {
		{ "2001:db8::/32", "2001:db8:7f00:1::", "127.0.0.1" },
		{ "2001:db8:100::/40", "2001:db8:17f:0:1::", "127.0.0.1" },
		{ "2001:db8:122::/48", "2001:db8:122:7f00:0:100::", "127.0.0.1" },
		{ "2001:db8:122:300::/56", "2001:db8:122:37f:0:1::", "127.0.0.1" },
		{ "2001:db8:122:344::/64", "2001:db8:122:344:7f:0:100:0", "127.0.0.1" },
		{ "2001:db8:122:344::/96", "2001:db8:122:344::127.0.0.1", "127.0.0.1" },
		/* RFC 6052 s2.2: suffix bits are ignored, bits 64 to 71 are not. */
		{ "2001:db8:122::/48", "2001:db8:122:7f00:0:1ff:ffff:ffff", "127.0.0.1" },
		{ "2001:db8:122::/48", "2001:db8:122:7f00:8000:100::", "" },
		/* An address of a translation prefix may have another one in its identifier. */
		{ "2001:db8:122::/48", "2001:db8:122:c000:2:100:5efe:5efe", "192.0.2.1" },
		{ "2001:db8::/32", "2001:db8:c000:201:0:5efe:7f00:1", "192.0.2.1 127.0.0.1" },
		{ "64:ff9b::/96", "64:ff9b::192.0.2.1", "192.0.2.1" },
		/* Configured as /48, it is one: but whoever takes it for /96 sees the other. */
		{ "64:ff9b:1::/48", "64:ff9b:1:7f00:0:100:c000:201", "127.0.0.1 192.0.2.1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix6 p = prefix_of(rows[i].prefix);

		test_row(rows[i].address);
		check_inside(rows[i].address, rows[i].want, &p, 1);
	}
	test_row(NULL);
}

TEST(no_address_has_more_inside_than_fits)
{
	struct prefix6 prefixes[] = { prefix_of("2001::/32"), prefix_of("2002::/32"),
		prefix_of("2001::/40") };
	static const uint64_t heads[] = { 0, UINT64_C(0x2001000000000000), UINT64_C(0x2002000000000000),
		UINT64_C(0x0064ff9b00000000), UINT64_C(0x0064ff9b00010000) };
	struct rng random;

	rng_init(&random, test_seed());
	for (unsigned i = 0; i < 200000; i++) {
		struct addr4 inside[UNWRAP_MAX];
		struct addr6 a = { heads[i % ARRAY_LEN(heads)] | (rng_next(&random) & 0xffffffff),
			rng_next(&random) };

		if (i & 8)
			a.lo = (a.lo & 0xffffffff) | UINT64_C(0x5efe00000000);
		unsigned len = addr_unwrap(a, prefixes, ARRAY_LEN(prefixes), inside);

		REQUIRE(len <= UNWRAP_MAX);
		for (unsigned k = 1; k < len; k++)
			for (unsigned m = 0; m < k; m++)
				REQUIRE(inside[k].v != inside[m].v);
	}
}
