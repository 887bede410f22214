/* test_aside.c - names that only libunbound can answer */
#include "harness.h"

#include "dns64/aside.h"

#include <stdio.h>

static struct dns_name name_of(const char *text)
{
	struct dns_name n;

	REQUIRE(dns_name_parse(text, &n));
	return n;
}

static const struct dns64_local locals[] = {
	{ .name = { 10, "\003nas\004home" }, .address = { .is4 = true, .a4 = { 0xc0a80105 } } },
	{ .name = { 10, "\003nas\004home" }, .address = { .a6 = { UINT64_C(0x20010db800000000), 5 } } },
};

static struct dns64_config config(void)
{
	struct dns64_config c = { .local = locals, .local_len = ARRAY_LEN(locals) };

	c.forward[c.forward_len++].domain = name_of("corp.example");
	c.block.nxdomain[c.block.nxdomain_len++] = name_of("ads.example");
	c.block.refuse[c.block.refuse_len++] = name_of("bad.example");
	return c;
}

static const struct {
	const char *name;
	bool is_aside;
} rows[] = {
	{ "www.example", false },
	{ "example", false },
	{ ".", false },
	{ "corp.example", true },
	{ "www.CORP.example", true },
	{ "xcorp.example", false },
	{ "ads.example", true },
	{ "a.b.c.ads.example", true },
	{ "bad.example", true },
	{ "x.bad.example", true },
	{ "nas.home", true },
	{ "NAS.home", true },
	{ "www.nas.home", false }, /* names below a local one are looked up as any other */
	{ "home", false },
	{ "5.1.168.192.in-addr.arpa", true },
	{ "6.1.168.192.in-addr.arpa", false },
	{ "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", true },
	{ "6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", false },
	/* what libunbound answers itself */
	{ "localhost", true },
	{ "a.localhost", true },
	{ "localhost.example", false },
	{ "invalid", true },
	{ "x.onion", true },
	{ "_dns.resolver.arpa", true },
	{ "1.0.0.127.in-addr.arpa", true },
	{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", true },
	/* what is forwarded nevertheless */
	{ "1.0.0.10.in-addr.arpa", false },
	{ "host.home.arpa", false },
	{ "x.test", false },
	{ "x.internal", false },
};

TEST(names_of_libunbound_are_told_from_others)
{
	struct dns64_config c = config();
	struct aside *a;

	for (uint64_t secret = 1; secret < 20; secret++) {
		REQUIRE(aside_new(&c, secret * UINT64_C(0x9e3779b97f4a7c15), &a) == 0);
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct dns_name n = name_of(rows[i].name);

			test_row(rows[i].name);
			CHECK_INT(aside_holds(a, &n), rows[i].is_aside);
		}
		aside_free(a);
	}
	test_row(NULL);
}

TEST(thousands_of_local_names_are_all_found_and_no_others)
{
	static struct dns64_local many[DNS64_LOCAL_MAX];
	struct dns64_config c = { .local = many, .local_len = DNS64_LOCAL_MAX };
	char text[64];
	struct aside *a;

	for (unsigned i = 0; i < DNS64_LOCAL_MAX; i++) {
		snprintf(text, sizeof(text), "h%u.lan", i);
		many[i].name = name_of(text);
		many[i].address = (struct endpoint){ .is4 = true, .a4 = { 0x0a000000 + i } };
	}
	REQUIRE(aside_new(&c, 7, &a) == 0);
	for (unsigned i = 0; i < 2 * DNS64_LOCAL_MAX; i++) {
		snprintf(text, sizeof(text), "h%u.lan", i);
		struct dns_name n = name_of(text);

		CHECK_INT(aside_holds(a, &n), i < DNS64_LOCAL_MAX);
	}
	aside_free(a);
}

TEST(a_root_that_is_forwarded_elsewhere_is_every_name)
{
	struct dns64_config c = { .forward_len = 1 };
	struct dns_name www = name_of("www.example");
	struct aside *a;

	c.forward[0].domain = name_of(".");
	REQUIRE(aside_new(&c, 7, &a) == 0);
	CHECK(aside_holds(a, &www));
	aside_free(a);
}
