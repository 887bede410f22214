/* test_clat_config.c - the section clat as stateless translation: what is translated, and what is refused */
#include "harness.h"

#include "cmd/clat_config.h"
#include "nat64/nat64.h"

#include <string.h>

static struct conf_clat section(void)
{
	struct conf_clat c = { .prefix.is_auto = true, .address = { 0xc0000001 } };

	REQUIRE(addr6_parse("2001:db8:1::464", &c.ipv6.value));
	return c;
}

static struct prefix6 prefix_of(const char *text)
{
	struct prefix6 p = { { 0, 0 }, 0 };

	REQUIRE(prefix6_parse(text, &p) == 0);
	return p;
}

/* The pipeline takes it. */
static bool is_valid(const struct siit_config *s)
{
	static struct nat64_config c;
	uint8_t seed[32] = { 1 };
	struct nat64 *n = NULL;

	c = (struct nat64_config){ .siit = *s };
	if (nat64_new(&c, seed, 0, &n) < 0)
		return false;
	nat64_free(n);
	return true;
}

TEST(rfc_6877_s6_3_the_host_is_mapped_and_the_rest_lies_under_the_prefix)
{
	struct eam room[CLAT_MAPPINGS_MAX];
	struct conf_clat c = section();
	struct prefix6 p = prefix_of("64:ff9b::/96");
	struct siit_config s = clat_config(&c, &p, room);

	CHECK_INT(s.mappings_len, 1);
	CHECK(addr4_eq(s.mappings[0].v4.addr, c.address) && s.mappings[0].v4.len == 32);
	CHECK(addr6_eq(s.mappings[0].v6.addr, c.ipv6.value) && s.mappings[0].v6.len == 128);
	CHECK(s.prefixes_len == 1 && addr6_eq(s.prefixes[0].addr, p.addr) && s.prefixes[0].len == 96);
	CHECK(!s.allow_non_global && s.icmp4_len == 0 && s.translatable_len == 0);
	CHECK(is_valid(&s));
}

TEST(networks_behind_have_mappings_of_their_own)
{
	struct eam room[CLAT_MAPPINGS_MAX];
	struct conf_clat c = section();
	struct prefix6 p = prefix_of("64:ff9b::/96");

	for (c.lan_len = 0; c.lan_len < CONF_CLAT_LANS_MAX; c.lan_len++)
		c.lan[c.lan_len] = (struct eam){ { { 0x0a000000 + (c.lan_len << 8) }, 24 },
			{ { 0x20010db8000a0000 + c.lan_len, 0 }, 64 }, EAM_HOSTS_IPV4 };
	struct siit_config s = clat_config(&c, &p, room);

	CHECK_INT(s.mappings_len, CLAT_MAPPINGS_MAX);
	CHECK(s.mappings[CONF_CLAT_LANS_MAX].v4.addr.v == 0x0a000f00);
	CHECK(is_valid(&s));
}

TEST(without_a_prefix_or_an_address_nothing_is_translated_and_the_pipeline_still_runs)
{
	struct eam room[CLAT_MAPPINGS_MAX];
	struct conf_clat c = section();
	struct prefix6 p = prefix_of("64:ff9b::/96");
	struct siit_config s = clat_config(&c, NULL, room);

	CHECK_INT(s.prefixes_len, 0);
	CHECK(is_valid(&s));
	c.ipv6.is_auto = true;
	s = clat_config(&c, &p, room);
	CHECK_INT(s.prefixes_len, 0);
	CHECK(s.mappings[0].v6.addr.hi == 0x0100000000000000 && s.mappings[0].v6.addr.lo == 0); /* RFC 6666 */
	CHECK(is_valid(&s));
}

TEST(addresses_that_no_nat64_leads_to_are_denied)
{
	static const char *const denied[] = { "0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.251",
		"255.255.255.255" };
	struct eam room[CLAT_MAPPINGS_MAX];
	struct conf_clat c = section();
	struct siit_config s = clat_config(&c, NULL, room);

	for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
		struct addr4 a = { 0 };
		bool is_denied = false;

		test_row(denied[i]);
		REQUIRE(addr4_parse(denied[i], &a));
		for (unsigned k = 0; k < s.deny_len; k++)
			is_denied = is_denied || prefix4_contains(s.deny[k], a);
		CHECK(is_denied);
	}
	test_row(NULL);
}
