/* test_text.c - addresses and prefixes in text form */
#include "addr/addr.h"
#include "addr/tuple.h"
#include "base/random.h"
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>

#define POISON4 ((struct addr4){ 0xdeadbeef })
#define POISON6 ((struct addr6){ UINT64_C(0xdeadbeefdeadbeef), UINT64_C(0xdeadbeefdeadbeef) })

TEST(ipv4_text_is_strict)
{
	static const struct {
		const char *text;
		bool ok;
		uint32_t want;
	} rows[] = {
		{ "192.0.2.1", true, 0xc0000201 },
		{ "0.0.0.0", true, 0 },
		{ "255.255.255.255", true, 0xffffffff },
		{ "", false, 0 },
		{ "192.0.2", false, 0 },
		{ "192.0.2.1.1", false, 0 },
		{ "192.0.2.256", false, 0 },
		{ "192.0.2.01", false, 0 },
		{ "192.0.2.0x1", false, 0 },
		{ " 192.0.2.1", false, 0 },
		{ "192.0.2.1 ", false, 0 },
		{ "192.0.2.1\n", false, 0 },
		{ "192.0.2.1/24", false, 0 },
		{ "192.0.2.-1", false, 0 },
		{ "2001:db8::1", false, 0 },
		{ "3221225985", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr4 a = POISON4;

		test_row(rows[i].text);
		CHECK_INT(addr4_parse(rows[i].text, &a), rows[i].ok);
		CHECK_INT(a.v, rows[i].ok ? rows[i].want : 0xdeadbeef);
	}
	test_row(NULL);
}

/* The right column is what addr6_text() writes (RFC 5952 s4); NULL: refused. */
TEST(ipv6_text_is_strict_and_canonical)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "2001:db8::1", "2001:db8::1" },
		{ "2001:0DB8:0:0:0:0:0:1", "2001:db8::1" },	    /* s4.1, s4.2.1, s4.3 */
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* s4.2.2: one field is not shortened */
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },	    /* s4.2.3: the longest run */
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },    /* s4.2.3: the first of equals */
		{ "::", "::" },
		{ "::1", "::1" },
		{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "", NULL },
		{ ":", NULL },
		{ "2001:db8::1::", NULL },
		{ "2001:db8:::1", NULL },
		{ "12345::", NULL },
		{ "1:2:3:4:5:6:7", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "fe80::1%eth0", NULL },
		{ " ::1", NULL },
		{ "::1 ", NULL },
		{ "[::1]", NULL },
		{ "::1/128", NULL },
		{ "::g", NULL },
		{ "::192.0.2.256", NULL },
		{ "192.0.2.1", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr6 a = POISON6;
		char buf[ADDR6_TEXT];

		test_row(rows[i].text);
		CHECK_INT(addr6_parse(rows[i].text, &a), rows[i].want != NULL);
		if (rows[i].want)
			CHECK_TEXT(addr6_text(a, buf), rows[i].want);
		else
			CHECK(addr6_eq(a, POISON6));
	}
	test_row(NULL);
}

TEST(prefixes_are_strict)
{
	static const struct {
		const char *text;
		int want; /* of prefix4_parse() */
		const char *back;
	} rows[] = {
		{ "192.0.2.0/24", 0, "192.0.2.0/24" },
		{ "0.0.0.0/0", 0, "0.0.0.0/0" },
		{ "192.0.2.1/32", 0, "192.0.2.1/32" },
		{ "192.0.2.1", 0, "192.0.2.1/32" },
		{ "192.0.2.1/31", -EDOM, NULL },
		{ "192.0.2.1/0", -EDOM, NULL },
		{ "192.0.2.0/33", -EINVAL, NULL },
		{ "192.0.2.0/", -EINVAL, NULL },
		{ "192.0.2.0/024", -EINVAL, NULL },
		{ "192.0.2.0/+24", -EINVAL, NULL },
		{ "192.0.2.0/-1", -EINVAL, NULL },
		{ "192.0.2.0/24 ", -EINVAL, NULL },
		{ "192.0.2.0/ 24", -EINVAL, NULL },
		{ "192.0.2.0/24x", -EINVAL, NULL },
		{ "192.0.2.0/24/24", -EINVAL, NULL },
		{ "192.0.2.0/4294967320", -EINVAL, NULL },
		{ "192.0.2.0/255.255.255.0", -EINVAL, NULL },
		{ "192.0.2/24", -EINVAL, NULL },
		{ "/24", -EINVAL, NULL },
		{ "", -EINVAL, NULL },
		{ "2001:db8::/32", -EINVAL, NULL },
		{ "0000000000000000000000000000000000000000000000000000/1", -EINVAL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix4 p = { POISON4, 0xaa };
		char buf[PREFIX4_TEXT];

		test_row(rows[i].text);
		CHECK_INT(prefix4_parse(rows[i].text, &p), rows[i].want);
		if (rows[i].want == 0)
			CHECK_TEXT(prefix4_text(p, buf), rows[i].back);
		else
			CHECK(p.addr.v == 0xdeadbeef && p.len == 0xaa);
	}
	test_row(NULL);
}

TEST(ipv6_prefixes_are_strict)
{
	static const struct {
		const char *text;
		int want;
		const char *back;
	} rows[] = {
		{ "64:ff9b::/96", 0, "64:ff9b::/96" },
		{ "2001:db8::/32", 0, "2001:db8::/32" },
		{ "::/0", 0, "::/0" },
		{ "2001:db8::1/128", 0, "2001:db8::1/128" },
		{ "2001:db8::1", 0, "2001:db8::1/128" },
		{ "2001:db8:0:0:8000::/65", 0, "2001:db8:0:0:8000::/65" },
		{ "2001:db8:0:0:8000::/64", -EDOM, NULL },
		{ "2001:db8::1/127", -EDOM, NULL },
		{ "2001:db8::/129", -EINVAL, NULL },
		{ "2001:db8::/", -EINVAL, NULL },
		{ "2001:db8::/0x20", -EINVAL, NULL },
		{ "2001:db8:/32", -EINVAL, NULL },
		{ "192.0.2.0/24", -EINVAL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix6 p = { POISON6, 0xaa };
		char buf[PREFIX6_TEXT];

		test_row(rows[i].text);
		CHECK_INT(prefix6_parse(rows[i].text, &p), rows[i].want);
		if (rows[i].want == 0)
			CHECK_TEXT(prefix6_text(p, buf), rows[i].back);
		else
			CHECK(addr6_eq(p.addr, POISON6) && p.len == 0xaa);
	}
	test_row(NULL);
}

TEST(text_and_back_is_the_same_for_random_addresses)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 20000; n++) {
		struct addr4 a4 = { (uint32_t)rng_next(&g) }, b4;
		struct addr6 a6 = { rng_next(&g) & rng_next(&g), rng_next(&g) & rng_next(&g) }, b6;
		char buf[ADDR6_TEXT];

		REQUIRE(addr4_parse(addr4_text(a4, buf), &b4) && addr4_eq(a4, b4));
		REQUIRE(addr6_parse(addr6_text(a6, buf), &b6) && addr6_eq(a6, b6));
	}
}

/* Groups that are zero are frequent, and so are those at the edges of a digit. */
static uint64_t random_half(struct rng *g)
{
	static const uint64_t groups[] = { 0, 0, 0, 0, 1, 0xf, 0x10, 0xfff, 0x1000, 0xffff };
	uint64_t half = 0;

	for (unsigned i = 0; i < 4; i++)
		half = half << 16 | groups[rng_next(g) % ARRAY_LEN(groups)];
	return half;
}

TEST(text_is_what_the_c_library_makes_of_it)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 20000; n++) {
		struct addr4 a4 = { (uint32_t)rng_next(&g) & (uint32_t)rng_next(&g) };
		struct addr6 a6 = { n % 4 ? random_half(&g) : 0, random_half(&g) };
		char buf[ADDR6_TEXT], want[ADDR6_TEXT];
		uint8_t b[16];

		addr4_put(b, a4);
		REQUIRE(inet_ntop(AF_INET, b, want, sizeof(want)));
		CHECK_TEXT(addr4_text(a4, buf), want);
		addr6_put(b, a6);
		REQUIRE(inet_ntop(AF_INET6, b, want, sizeof(want)));
		CHECK_TEXT(addr6_text(a6, buf), want);
	}
}

TEST(the_longest_texts_fit)
{
	char p4[PREFIX4_TEXT], p6[PREFIX6_TEXT], e4[ENDPOINT4_TEXT], e6[ENDPOINT6_TEXT];
	struct addr4 a4 = { 0xffffffff };
	struct addr6 a6 = { UINT64_MAX, UINT64_MAX };

	CHECK_TEXT(prefix4_text((struct prefix4){ a4, 32 }, p4), "255.255.255.255/32");
	CHECK_TEXT(
		prefix6_text((struct prefix6){ a6, 128 }, p6), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	CHECK_TEXT(endpoint4_text(a4, 65535, e4), "255.255.255.255:65535");
	CHECK_TEXT(endpoint6_text(a6, 65535, e6), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	CHECK_TEXT(endpoint4_text((struct addr4){ 0 }, 0, e4), "0.0.0.0:0");
	CHECK_TEXT(endpoint6_text((struct addr6){ 0, 1 }, 1050, e6), "[::1]:1050");
}

/* Bit by bit, unlike the masks under test. */
static bool slow_contains(struct prefix6 p, struct addr6 a)
{
	for (unsigned bit = 0; bit < p.len; bit++) {
		uint64_t x = bit < 64 ? p.addr.hi : p.addr.lo, y = bit < 64 ? a.hi : a.lo;

		if (((x ^ y) >> (63 - bit % 64)) & 1)
			return false;
	}
	return true;
}

TEST(a_prefix_contains_what_shares_its_bits)
{
	struct rng g;

	rng_init(&g, test_seed());
	for (int n = 0; n < 20000; n++) {
		struct addr6 a = { rng_next(&g), rng_next(&g) };
		struct prefix6 p = { a, (uint8_t)rng_below(&g, 129) };

		p.addr = addr6_truncate(p.addr, p.len);
		REQUIRE(prefix6_validate(p) && prefix6_contains(p, a));
		unsigned flip = rng_below(&g, 128);

		if (flip < 64)
			a.hi ^= UINT64_C(1) << (63 - flip);
		else
			a.lo ^= UINT64_C(1) << (127 - flip);
		REQUIRE(prefix6_contains(p, a) == slow_contains(p, a));
		REQUIRE(prefix6_contains(p, a) == (flip >= p.len));
	}
	CHECK(!prefix6_validate((struct prefix6){ { 0, 0 }, 129 }));
	CHECK(!prefix4_validate((struct prefix4){ { 0 }, 33 }));
	CHECK(prefix4_contains((struct prefix4){ { 0xc0000200 }, 24 }, (struct addr4){ 0xc00002ff }));
	CHECK(!prefix4_contains((struct prefix4){ { 0xc0000200 }, 24 }, (struct addr4){ 0xc0000300 }));
	CHECK(prefix4_contains((struct prefix4){ { 0 }, 0 }, (struct addr4){ 0xc0000300 }));
}

TEST(wire_order_is_big_endian)
{
	uint8_t b[16];
	struct addr6 a;

	addr4_put(b, (struct addr4){ 0xc0000221 });
	CHECK_BYTES(b, 4, "\xc0\x00\x02\x21", 4);
	REQUIRE(addr6_parse("102:304:506:708:90a:b0c:d0e:f10", &a));
	addr6_put(b, a);
	CHECK_BYTES(b, 16, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);
	CHECK(addr6_eq(addr6_at(b), a));
}

TEST(protocols_have_names)
{
	CHECK_TEXT(proto_name(PROTO_TCP), "tcp");
	CHECK_TEXT(proto_name(PROTO_UDP), "udp");
	CHECK_TEXT(proto_name(PROTO_ICMP), "icmp");
}
