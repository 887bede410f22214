/* test_siit.c - the section siit: values, faults with line, key and remedy, and what it takes over from nat64 */
#include "base/bytes.h"
#include "conf/conf.h"
#include "harness.h"
#include "same.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct conf *must_parse(const char *text)
{
	struct conf *c = NULL;
	struct conf_errors e;
	int r = conf_parse("f.yaml", text, strlen(text), &c, &e);

	if (r == -EINVAL)
		CHECK_TEXT(e.lines[0], "no fault");
	REQUIRE(r == 0);
	return c;
}

#define PREFIX "siit:\n  prefix: 2001:db8:100::/40\n"
#define ONE "  mappings:\n    - { ipv4: 198.51.100.0/28, ipv6: \"2001:db8:3::/124\" }\n"

TEST(the_section_of_the_contract_is_read)
{
	struct conf *c =
		must_parse(PREFIX ONE "  icmp-source: { ipv4: [203.0.113.8], ipv6: \"2001:db8:fff::8\" }\n"
				      "  lowest-ipv6-mtu: 1400\n"
				      "  udp-zero-checksum: compute\n");
	const struct siit_config *s = &c->nat64.siit;
	char text[ADDR6_TEXT], prefix[PREFIX6_TEXT];

	CHECK(c->has_siit && !c->has_nat64 && !c->has_dns64);
	CHECK(conf_has_translator(c));
	REQUIRE(s->prefixes_len == 1);
	CHECK_TEXT(prefix6_text(s->prefixes[0], prefix), "2001:db8:100::/40");
	REQUIRE(s->mappings_len == 1);
	CHECK_TEXT(prefix4_text(s->mappings[0].v4, text), "198.51.100.0/28");
	CHECK_TEXT(prefix6_text(s->mappings[0].v6, prefix), "2001:db8:3::/124");
	CHECK_INT(s->mappings[0].hosts, EAM_HOSTS_IPV6);
	REQUIRE(s->icmp4_len == 1);
	CHECK_TEXT(addr4_text(s->icmp4[0], text), "203.0.113.8");
	CHECK_TEXT(addr6_text(s->icmp6, text), "2001:db8:fff::8");
	CHECK_INT(s->lowest_ipv6_mtu, 1400);
	CHECK_INT(s->udp_zero, UDP_ZERO_COMPUTE);
	CHECK_INT(s->hairpin, SIIT_HAIRPIN_INTRINSIC);
	CHECK_INT(s->deny_len, 5);
	CHECK(siit_config_validate(s));
	CHECK_INT(c->warnings.len, 0);
	conf_free(c);
}

TEST(there_is_one_fast_path_whoever_says_so)
{
	static const struct {
		const char *text;
		enum conf_fastpath is;
	} cases[] = {
		{ PREFIX ONE, CONF_FASTPATH_AUTO },
		{ PREFIX ONE "  fastpath: off\n", CONF_FASTPATH_OFF },
		{ "nat64: { fastpath: off }\n" PREFIX ONE, CONF_FASTPATH_OFF },
		{ "nat64: { fastpath: tc }\n" PREFIX ONE "  fastpath: tc\n", CONF_FASTPATH_TC },
		{ "clat:\n", CONF_FASTPATH_AUTO },
		{ "clat: { fastpath: off }\n", CONF_FASTPATH_OFF },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = must_parse(cases[i].text);

		test_row(cases[i].text);
		CHECK_INT(c->flowpath.fastpath, cases[i].is);
		if (c->has_siit)
			CHECK_INT(c->flowpath.siit, cases[i].is);
		conf_free(c);
	}
	test_row(NULL);
}

TEST(what_is_left_out_follows_nat64)
{
	struct conf *c = must_parse("nat64:\n  prefixes: [2001:db8:64::/96]\n  allow-non-global: true\n"
				    "  pool: [{ address: 192.0.2.2 }]\nsiit:\n" ONE);
	char text[PREFIX6_TEXT];

	REQUIRE(c->nat64.siit.prefixes_len == 1);
	CHECK_TEXT(prefix6_text(c->nat64.siit.prefixes[0], text), "2001:db8:64::/96");
	CHECK(c->nat64.siit.allow_non_global);
	CHECK_INT(c->nat64.siit.udp_zero, UDP_ZERO_DROP);
	CHECK_INT(c->nat64.udp_zero, UDP_ZERO_COMPUTE);
	conf_free(c);
}

TEST(without_nat64_dns64_synthesizes_for_the_mapped_hosts)
{
	struct conf *c = must_parse(PREFIX ONE "dns64:\n  upstream: [192.0.2.53]\n");
	char text[PREFIX6_TEXT];

	REQUIRE(c->dns64.policy.prefixes_len == 1);
	CHECK_TEXT(prefix6_text(c->dns64.policy.prefixes[0], text), "2001:db8:100::/40");
	conf_free(c);
}

static const struct {
	const char *name, *text, *fault;
} faults[] = {
	{ "nothing to translate", PREFIX,
		"f.yaml:1: siit.mappings: no IPv6 host has an IPv4 address, write mappings, or translatable "
		"for hosts "
		"under siit.prefix" },
	{ "translatable without prefix", "siit:\n  translatable: [203.0.113.0/24]\n",
		"f.yaml:2: siit.translatable: there is no siit.prefix that these addresses lie under, write "
		"it" },
	{ "prefix length", "siit:\n  prefix: 2001:db8::/41\n" ONE,
		"f.yaml:2: siit.prefix: \"2001:db8::/41\" is no translation prefix: length must be 32, 40, "
		"48, 56, 64 or "
		"96; write one such as 64:ff9b::/96" },
	{ "suffix bits", PREFIX "  mappings:\n    - { ipv4: 198.51.100.0/24, ipv6: \"2001:db8:3::/124\" }\n",
		"f.yaml:4: siit.mappings[0]: the IPv4 prefix leaves 8 bits for hosts and the IPv6 prefix "
		"only 4, write an "
		"IPv6 prefix of /120 or shorter" },
	{ "host bits", PREFIX "  mappings:\n    - { ipv4: 198.51.100.1/28, ipv6: \"2001:db8:3::/124\" }\n",
		"f.yaml:4: siit.mappings[0].ipv4: \"198.51.100.1/28\" has bits set beyond its length, write "
		"198.51.100.0/28" },
	{ "no ipv6", PREFIX "  mappings:\n    - { ipv4: 198.51.100.1 }\n",
		"f.yaml:4: siit.mappings[0].ipv6: the key is missing, write ipv6: and a value" },
	{ "no mapping at all", PREFIX "  mappings:\n    - 198.51.100.1\n",
		"f.yaml:4: siit.mappings[0]: an entry is a mapping, write { ipv4: 198.51.100.0/28, ipv6: "
		"\"2001:db8:3::/124\" }" },
	{ "a single value", PREFIX "  mappings: 198.51.100.1\n",
		"f.yaml:3: siit.mappings: a single value stands where a list belongs, write a list of { "
		"ipv4, ipv6 }" },
	{ "same IPv4",
		PREFIX "  mappings:\n    - { ipv4: 198.51.100.1, ipv6: \"2001:db8:3::1\" }\n    - { ipv4: "
		       "198.51.100.1, "
		       "ipv6: \"2001:db8:3::2\" }\n",
		"f.yaml:5: siit.mappings[1]: it has the IPv4 prefix 198.51.100.1/32 of siit.mappings[0], "
		"write another" },
	{ "same IPv6",
		PREFIX "  mappings:\n    - { ipv4: 198.51.100.1, ipv6: \"2001:db8:3::1\" }\n    - { ipv4: "
		       "198.51.100.2, "
		       "ipv6: \"2001:db8:3::1\" }\n",
		"f.yaml:5: siit.mappings[1]: it has the IPv6 prefix 2001:db8:3::1/128 of siit.mappings[0], "
		"write another" },
	{ "the whole internet",
		PREFIX "  mappings:\n    - { ipv4: 0.0.0.0/0, ipv6: \"2001:db8:ff00::/40\" }\n",
		"f.yaml:4: siit.mappings[0]: 0.0.0.0/0 would lead a part of the internet to this host, write "
		"a longer IPv4 "
		"prefix, or hosts: ipv4 if the hosts are on the IPv4 side" },
	{ "loopback", PREFIX "  mappings:\n    - { ipv4: 127.0.0.1, ipv6: \"2001:db8:3::1\" }\n",
		"f.yaml:4: siit.mappings[0]: 127.0.0.1/32 has addresses that no host can have, write "
		"addresses that are "
		"routed to this host" },
	{ "multicast", PREFIX "  mappings:\n    - { ipv4: 198.51.100.1, ipv6: \"ff02::1\" }\n",
		"f.yaml:4: siit.mappings[0]: ff02::1/128 has addresses that no host can have, write the "
		"addresses of IPv6 "
		"hosts" },
	{ "link-local", PREFIX "  mappings:\n    - { ipv4: 198.51.100.1, ipv6: \"fe80::1\" }\n",
		"f.yaml:4: siit.mappings[0]: fe80::1/128 is link-local, which routers do not forward, write "
		"addresses that "
		"are routed" },
	{ "an address of the pool",
		"nat64:\n  pool: [{ address: 192.0.2.0/28 }]\n" PREFIX
		"  mappings:\n    - { ipv4: 192.0.2.5, ipv6: \"2001:db8:3::1\" }\n",
		"f.yaml:6: siit.mappings[0]: 192.0.2.5/32 has addresses of nat64.pool[0], which are lent "
		"out; write others" },
	{ "icmp source of IPv4", PREFIX ONE "  icmp-source: { ipv4: [224.0.0.1] }\n",
		"f.yaml:5: siit.icmp-source.ipv4[0]: \"224.0.0.1\" is no IPv4 address of a host, write one "
		"such as "
		"203.0.113.8" },
	{ "icmp source of IPv6", PREFIX ONE "  icmp-source: { ipv6: \"fe80::1\" }\n",
		"f.yaml:5: siit.icmp-source.ipv6: \"fe80::1\" is no IPv6 address that is routed, write one "
		"such as "
		"2001:db8:fff::8, or auto" },
	{ "small MTU", PREFIX ONE "  lowest-ipv6-mtu: 1279\n",
		"f.yaml:5: siit.lowest-ipv6-mtu: \"1279\" is no number from 1280 to 65535, write one such as "
		"1280" },
	{ "checksum policy", PREFIX ONE "  udp-zero-checksum: pass\n",
		"f.yaml:5: siit.udp-zero-checksum: \"pass\" is not known, write one of compute, drop" },
	{ "hairpinning", PREFIX ONE "  hairpinning: maybe\n",
		"f.yaml:5: siit.hairpinning: \"maybe\" is not known, write one of intrinsic, simple, off" },
	{ "near key", PREFIX ONE "  translateable: []\n",
		"f.yaml:5: siit.translateable: the key is not known, did you mean translatable?" },
	{ "two fast paths", "nat64: { fastpath: off }\n" PREFIX ONE "  fastpath: tc\n",
		"f.yaml:6: siit.fastpath: nat64.fastpath says something else, and there is one fast path: "
		"write it "
		"there only" },
};

TEST(faults_name_line_key_and_remedy)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct conf *c = NULL;
		struct conf_errors e;

		test_row(faults[i].name);
		int r = conf_parse("f.yaml", faults[i].text, strlen(faults[i].text), &c, &e);

		CHECK_INT(r, -EINVAL);
		CHECK_INT(e.len, 1);
		if (e.len > 0)
			CHECK_TEXT(e.lines[0], faults[i].fault);
		conf_errors_fini(&e);
		if (r == 0)
			conf_free(c);
	}
	test_row(NULL);
}

static const struct {
	const char *name, *text, *warning; /* NULL: none */
} warnings[] = {
	{ "one inside the other in both families",
		PREFIX "  mappings:\n    - { ipv4: 198.51.100.0/24, ipv6: \"2001:db8:3::/120\" }\n"
		       "    - { ipv4: 198.51.100.7, ipv6: \"2001:db8:3::77\" }\n",
		NULL },
	{ "one inside the other in IPv4 only (RFC 7757 s5)",
		PREFIX "  mappings:\n    - { ipv4: 198.51.100.0/24, ipv6: \"2001:db8:3::/120\" }\n"
		       "    - { ipv4: 198.51.100.7, ipv6: \"2001:db8:4::7\" }\n",
		"f.yaml:5: siit.mappings[1]: it takes 198.51.100.7/32 out of siit.mappings[0] in one "
		"direction only, so "
		"some addresses of that have no way back; keep them apart" },
	{ "one inside the other in IPv6 only, the inner one first",
		PREFIX "  mappings:\n    - { ipv4: 192.0.2.7, ipv6: \"2001:db8:3::7\" }\n"
		       "    - { ipv4: 198.51.100.0/24, ipv6: \"2001:db8:3::/120\" }\n",
		"f.yaml:4: siit.mappings[1]: it takes 2001:db8:3::7/128 out of siit.mappings[1] in one "
		"direction only, so "
		"some addresses of that have no way back; keep them apart" },
	{ "no prefix", "siit:\n" ONE,
		"f.yaml:1: siit.prefix: without it the mapped hosts reach no IPv4 host but each other, write "
		"a prefix such "
		"as 64:ff9b::/96" },
	{ "IVI needs none (RFC 7757 A.2)",
		"siit:\n  mappings: [{ ipv4: 0.0.0.0/0, ipv6: \"2001:db8:ff00::/40\", hosts: ipv4 }]\n",
		NULL },
	{ "private icmp source", PREFIX ONE "  icmp-source: { ipv4: [10.0.0.1] }\n",
		"f.yaml:5: siit.icmp-source.ipv4: 10.0.0.1 (private use) is likely to be filtered on the way "
		"(RFC 6791 "
		"s3.1), write a public address" },
};

TEST(what_is_suspicious_is_a_warning)
{
	for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
		struct conf *c = must_parse(warnings[i].text);

		test_row(warnings[i].name);
		CHECK_INT(c->warnings.len, warnings[i].warning ? 1 : 0);
		if (c->warnings.len > 0)
			CHECK_TEXT(c->warnings.lines[0], warnings[i].warning ? warnings[i].warning : "none");
		conf_free(c);
	}
	test_row(NULL);
}

TEST(what_is_printed_reads_back_to_the_same)
{
	static const char *const texts[] = {
		PREFIX ONE,
		"siit:\n" ONE
		"  translatable: []\n  hairpinning: \"off\"\n  deny: []\n  allow-non-global: true\n",
		PREFIX "  translatable: [203.0.113.0/24, 192.0.2.0/25]\n  icmp-source: { ipv4: [203.0.113.8, "
		       "203.0.113.9] "
		       "}\n",
		"siit:\n  prefix: [2001:db8:100::/40, 2001:db8:64::/96]\n"
		"  mappings: [{ ipv4: 192.0.2.1, ipv6: \"2001:db8::1\", hosts: ipv4 }]\n",
		"nat64:\n  pool: [{ address: 192.0.2.2 }]\n  lowest-ipv6-mtu: 1500\n  udp-zero-checksum: "
		"drop\nsiit:\n" ONE,
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf *a = must_parse(texts[i]);
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		test_row(texts[i]);
		REQUIRE(f && conf_print(a, f) == 0);
		fclose(f);
		struct conf *b = must_parse(text);

		CHECK(same_conf(a, b));
		CHECK(conf_changes_needing_restart(a, b) == NULL);
		conf_free(a);
		conf_free(b);
		free(text);
	}
	test_row(NULL);
}

TEST(mappings_change_without_a_restart)
{
	struct conf *a = must_parse(PREFIX ONE);
	struct conf *b = must_parse(
		"siit:\n  prefix: 64:ff9b::/96\n  mappings: [{ ipv4: 192.0.2.1, ipv6: \"2001:db8::1\" }]\n"
		"  lowest-ipv6-mtu: 1500\n");

	CHECK(conf_changes_needing_restart(a, b) == NULL);
	conf_free(a);
	conf_free(b);
}

TEST(four_thousand_mappings_are_read_and_one_more_is_refused)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	REQUIRE(f);
	fputs(PREFIX "  mappings:\n", f);
	for (unsigned i = 0; i < EAM_MAX; i++)
		fprintf(f, "  - { ipv4: 198.18.%u.%u, ipv6: \"2001:db8:3::%x\" }\n", i / 256, i % 256, i);
	fflush(f);
	struct conf *c = must_parse(text);

	CHECK_INT(c->nat64.siit.mappings_len, EAM_MAX);
	CHECK(siit_config_validate(&c->nat64.siit));
	conf_free(c);
	fputs("  - { ipv4: 198.19.0.1, ipv6: \"2001:db8:3::f001\" }\n", f);
	fclose(f);
	struct conf_errors e;

	CHECK_INT(conf_parse("f.yaml", text, len, &c, &e), -EINVAL);
	REQUIRE(e.len == 1);
	CHECK_TEXT(e.lines[0], "f.yaml:4: siit.mappings: the list has 4097 entries, write at most 4096");
	conf_errors_fini(&e);
	free(text);
}
