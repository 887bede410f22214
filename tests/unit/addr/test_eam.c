/* test_eam.c - RFC 7757 section 3: what a mapping is, which one counts, and what it makes of an address */
#include "addr/eam.h"
#include "base/random.h"
#include "harness.h"

#include <stdlib.h>

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

static struct eam eam_of(const char *v4, const char *v6)
{
	struct eam e = { .hosts = EAM_HOSTS_IPV6 };

	REQUIRE(prefix4_parse(v4, &e.v4) == 0);
	REQUIRE(prefix6_parse(v6, &e.v6) == 0);
	return e;
}

struct pair {
	const char *v4, *v6;
};

static struct eam_table *table_of(const struct pair *pairs, unsigned len)
{
	struct eam_table *t = calloc(1, sizeof(*t));
	struct eam rows[32];

	REQUIRE(t && len <= ARRAY_LEN(rows));
	for (unsigned i = 0; i < len; i++)
		rows[i] = eam_of(pairs[i].v4, pairs[i].v6);
	eam_table_fill(t, rows, len);
	return t;
}

/* Translates by the table; "-" if no mapping matches. */
static const char *to6(const struct eam_table *t, const char *v4, char buf[static ADDR6_TEXT])
{
	const struct eam *e = eam_find4(t, addr4_of(v4));

	return e ? addr6_text(eam_to6(e, addr4_of(v4)), buf) : "-";
}

static const char *to4(const struct eam_table *t, const char *v6, char buf[static ADDR4_TEXT])
{
	const struct eam *e = eam_find6(t, addr6_of(v6));

	return e ? addr4_text(eam_to4(e, addr6_of(v6)), buf) : "-";
}

/* RFC 7757 figure 1 */
static const struct pair figure1[] = {
	{ "192.0.2.1", "2001:db8:aaaa::" },
	{ "192.0.2.2/32", "2001:db8:bbbb::b/128" },
	{ "192.0.2.16/28", "2001:db8:cccc::/124" },
	{ "192.0.2.128/26", "2001:db8:dddd::/64" },
	{ "192.0.2.192/29", "2001:db8:eeee:8::/62" },
	{ "192.0.2.224/31", "64:ff9b::/127" },
};

TEST(mappings_of_rfc7757_figure_1_are_valid)
{
	for (size_t i = 0; i < ARRAY_LEN(figure1); i++) {
		struct eam e = eam_of(figure1[i].v4, figure1[i].v6);

		test_row(figure1[i].v4);
		CHECK(eam_fault(&e) == NULL);
	}
	test_row(NULL);
}

TEST(translations_of_rfc7757_figure_7_go_both_ways)
{
	static const struct pair rows[] = {
		{ "192.0.2.1", "2001:db8:aaaa::" },
		{ "192.0.2.2", "2001:db8:bbbb::b" },
		{ "192.0.2.16", "2001:db8:cccc::" },
		{ "192.0.2.24", "2001:db8:cccc::8" },
		{ "192.0.2.31", "2001:db8:cccc::f" },
		{ "192.0.2.128", "2001:db8:dddd::" },
		{ "192.0.2.152", "2001:db8:dddd:0:6000::" },
		{ "192.0.2.183", "2001:db8:dddd:0:dc00::" },
		{ "192.0.2.191", "2001:db8:dddd:0:fc00::" },
		{ "192.0.2.195", "2001:db8:eeee:9:8000::" },
		{ "192.0.2.225", "64:ff9b::1" },
	};
	struct eam_table *t = table_of(figure1, ARRAY_LEN(figure1));
	char text6[ADDR6_TEXT], text4[ADDR4_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].v4);
		CHECK_TEXT(to6(t, rows[i].v4, text6), rows[i].v6);
		CHECK_TEXT(to4(t, rows[i].v6, text4), rows[i].v4);
	}
	test_row(NULL);
	free(t);
}

TEST(an_address_without_mapping_is_left_to_rfc6052)
{
	static const char *const none4[] = { "192.0.2.0", "192.0.2.3", "192.0.2.15", "192.0.2.32",
		"192.0.2.248", "0.0.0.0", "255.255.255.255" };
	static const char *const none6[] = { "64:ff9b::c000:2f8", "::", "2001:db8:aaaa::1",
		"2001:db8:cccc::10",
		"2001:db8:dddd:1::", "2001:db8:eeee:c::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	struct eam_table *t = table_of(figure1, ARRAY_LEN(figure1));
	char text6[ADDR6_TEXT], text4[ADDR4_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(none4); i++) {
		test_row(none4[i]);
		CHECK_TEXT(to6(t, none4[i], text6), "-");
	}
	for (size_t i = 0; i < ARRAY_LEN(none6); i++) {
		test_row(none6[i]);
		CHECK_TEXT(to4(t, none6[i], text4), "-");
	}
	test_row(NULL);
	free(t);
}

TEST(what_is_behind_the_ipv4_suffix_is_discarded_rfc7757_s3_3_2)
{
	struct eam_table *t = table_of(figure1, ARRAY_LEN(figure1));
	char text[ADDR4_TEXT];

	CHECK_TEXT(to4(t, "2001:db8:dddd:0:6123:4567:89ab:cdef", text), "192.0.2.152");
	CHECK_TEXT(to4(t, "2001:db8:eeee:b:ffff:ffff:ffff:ffff", text), "192.0.2.199");
	free(t);
}

TEST(the_longest_prefix_decides_rfc7757_s5)
{
	static const struct pair figure2[] = {
		{ "0.0.0.0/0", "2001:db8:ff00::/40" },
		{ "198.51.100.64/32", "2001:db8::abcd/128" },
	};
	struct eam_table *t = table_of(figure2, ARRAY_LEN(figure2));
	char text6[ADDR6_TEXT], text4[ADDR4_TEXT];

	CHECK_TEXT(to4(t, "2001:db8:ffc6:3364:4000::", text4), "198.51.100.64");
	CHECK_TEXT(to6(t, "198.51.100.64", text6), "2001:db8::abcd");
	CHECK_TEXT(to6(t, "198.51.100.63", text6), "2001:db8:ffc6:3364:3f00::");
	CHECK_TEXT(to6(t, "255.255.255.255", text6), "2001:db8:ffff:ffff:ff00::");
	CHECK_TEXT(to4(t, "2001:db8::abcd", text4), "198.51.100.64");
	CHECK_TEXT(to4(t, "2001:db8:ff00::", text4), "0.0.0.0");
	free(t);
}

TEST(an_address_beside_a_nested_prefix_finds_the_one_around_it)
{
	static const struct pair nested[] = {
		{ "10.0.0.0/8", "2001:db8:8::/56" },
		{ "10.1.0.0/16", "2001:db8:16::/64" },
		{ "10.1.1.0/24", "2001:db8:24::/72" },
		{ "10.1.1.1/32", "2001:db8:32::/128" },
		{ "10.1.1.3/32", "2001:db8:33::/128" },
		{ "11.0.0.0/8", "2001:db8:11::/56" },
	};
	static const struct {
		const char *addr;
		unsigned row;
	} rows[] = {
		{ "10.1.1.0", 2 },
		{ "10.1.1.1", 3 },
		{ "10.1.1.2", 2 },
		{ "10.1.1.3", 4 },
		{ "10.1.1.255", 2 },
		{ "10.1.2.0", 1 },
		{ "10.1.255.255", 1 },
		{ "10.0.255.255", 0 },
		{ "10.2.0.0", 0 },
		{ "10.255.255.255", 0 },
		{ "11.0.0.0", 5 },
	};
	struct eam_table *t = table_of(nested, ARRAY_LEN(nested));

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].addr);
		CHECK(eam_find4(t, addr4_of(rows[i].addr)) == &t->rows[rows[i].row]);
	}
	test_row(NULL);
	CHECK(eam_find4(t, addr4_of("9.255.255.255")) == NULL);
	CHECK(eam_find4(t, addr4_of("12.0.0.0")) == NULL);
	free(t);
}

TEST(of_equal_prefixes_the_first_given_counts)
{
	static const struct pair figure3[] = {
		{ "198.51.100.8/32", "2001:db8::1/128" },
		{ "198.51.100.9/32", "2001:db8::1/128" },
		{ "198.51.100.8/32", "2001:db8::2/128" },
	};
	struct eam_table *t = table_of(figure3, ARRAY_LEN(figure3));
	char text6[ADDR6_TEXT], text4[ADDR4_TEXT];

	CHECK_TEXT(to4(t, "2001:db8::1", text4), "198.51.100.8");
	CHECK_TEXT(to6(t, "198.51.100.8", text6), "2001:db8::1");
	CHECK_TEXT(to6(t, "198.51.100.9", text6), "2001:db8::1");
	free(t);
}

TEST(an_ipv4_suffix_longer_than_the_ipv6_suffix_is_refused_rfc7757_s3_2)
{
	static const struct {
		const char *v4, *v6;
		bool is_valid;
	} rows[] = {
		{ "192.0.2.0/28", "2001:db8::/124", true },
		{ "192.0.2.0/28", "2001:db8::/125", false },
		{ "192.0.2.0/28", "2001:db8::/128", false },
		{ "192.0.2.0/31", "2001:db8::/128", false },
		{ "192.0.2.1/32", "2001:db8::/128", true },
		{ "192.0.2.1/32", "::/0", true },
		{ "0.0.0.0/0", "2001:db8::/96", true },
		{ "0.0.0.0/0", "2001:db8::/97", false },
		{ "0.0.0.0/0", "::/0", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct eam e = eam_of(rows[i].v4, rows[i].v6);

		test_row(rows[i].v6);
		CHECK((eam_fault(&e) == NULL) == rows[i].is_valid);
	}
	test_row(NULL);
	struct eam stray = eam_of("192.0.2.0/28", "2001:db8::/124");

	stray.v6.addr.lo |= 1;
	CHECK(eam_fault(&stray) != NULL);
	stray = eam_of("192.0.2.0/28", "2001:db8::/124");
	stray.v4.addr.v |= 1;
	CHECK(eam_fault(&stray) != NULL);
}

/* --- against a walk over all of them --- */

static const struct eam *slow_find4(const struct eam *e, unsigned len, struct addr4 a)
{
	const struct eam *best = NULL;

	for (unsigned i = 0; i < len; i++)
		if (prefix4_contains(e[i].v4, a) && (!best || e[i].v4.len > best->v4.len))
			best = &e[i];
	return best;
}

static const struct eam *slow_find6(const struct eam *e, unsigned len, struct addr6 a)
{
	const struct eam *best = NULL;

	for (unsigned i = 0; i < len; i++)
		if (prefix6_contains(e[i].v6, a) && (!best || e[i].v6.len > best->v6.len))
			best = &e[i];
	return best;
}

/* Few values for the upper bits, so that prefixes nest and meet. */
static struct addr4 random4(struct rng *r)
{
	return (struct addr4){ (uint32_t)(0x0a000000 | (rng_next(r) & 0x00030307)) };
}

static struct addr6 random6(struct rng *r)
{
	return (struct addr6){ UINT64_C(0x20010db800000000) | (rng_next(r) & 0x0003000000000003),
		rng_next(r) & UINT64_C(0xc000000000030003) };
}

static struct eam random_mapping(struct rng *r)
{
	struct eam e = { .v4.len = (uint8_t)(rng_next(r) % 33) };

	e.v4.addr.v = random4(r).v & mask4(e.v4.len);
	e.v6.len = (uint8_t)(rng_next(r) % (96u + e.v4.len + 1));
	e.v6.addr = addr6_truncate(random6(r), e.v6.len);
	return e;
}

static uint8_t bit_of6(struct addr6 a, unsigned i)
{
	return (uint8_t)(i < 64 ? a.hi >> (63 - i) & 1 : a.lo >> (127 - i) & 1);
}

/* RFC 7757 s3.3.1, bit by bit */
static bool is_right6(const struct eam *e, struct addr4 a, struct addr6 to)
{
	unsigned suffix = 32u - e->v4.len;

	for (unsigned i = 0; i < 128; i++) {
		uint8_t want = 0;

		if (i < e->v6.len)
			want = bit_of6(e->v6.addr, i);
		else if (i - e->v6.len < suffix)
			want = a.v >> (31 - (e->v4.len + i - e->v6.len)) & 1;
		if (bit_of6(to, i) != want)
			return false;
	}
	return true;
}

static void check_table(struct rng *r, struct eam_table *t, struct eam *rows, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		rows[i] = random_mapping(r);
		REQUIRE(eam_fault(&rows[i]) == NULL);
	}
	eam_table_fill(t, rows, len);
	for (unsigned i = 0; i < 200; i++) {
		struct addr4 a4 = random4(r);
		struct addr6 a6 = random6(r);
		const struct eam *got4 = eam_find4(t, a4), *want4 = slow_find4(rows, len, a4);
		const struct eam *got6 = eam_find6(t, a6), *want6 = slow_find6(rows, len, a6);

		CHECK((got4 ? got4 - t->rows : -1) == (want4 ? want4 - rows : -1));
		CHECK((got6 ? got6 - t->rows : -1) == (want6 ? want6 - rows : -1));
		if (!got4)
			continue;
		struct addr6 to = eam_to6(got4, a4);

		CHECK(is_right6(got4, a4, to));
		CHECK(prefix6_contains(got4->v6, to));
		CHECK_INT(eam_to4(got4, to).v, a4.v);
	}
}

TEST(random_tables_find_what_a_walk_finds_and_addresses_come_back)
{
	struct rng r;
	struct eam_table *t = calloc(1, sizeof(*t));
	struct eam *rows = calloc(EAM_MAX, sizeof(*rows));

	REQUIRE(t && rows);
	rng_init(&r, test_seed());
	for (unsigned round = 0; round < 300; round++)
		check_table(&r, t, rows, (unsigned)(rng_next(&r) % 40));
	check_table(&r, t, rows, EAM_MAX);
	free(rows);
	free(t);
}
