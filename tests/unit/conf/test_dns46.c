/* test_dns46.c - the section dns46: values, faults with line, key and remedy, and what needs a restart */
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

#define SIIT "siit:\n  prefix: 2001:db8:46::/96\n"
#define DNS64 "dns64:\n  upstream: [192.0.2.53]\n"
#define DNS46 "dns46:\n  domains: [six.example]\n"

TEST(the_section_is_read_with_its_defaults)
{
	struct conf *c = must_parse(SIIT DNS64 DNS46);
	char pool[PREFIX4_TEXT], name[DNS_NAME_TEXT];

	CHECK(c->has_dns46 && conf_has_translator(c));
	CHECK_TEXT(prefix4_text(c->nat64.siit.lent_pool, pool), "198.18.0.0/16");
	CHECK_INT(c->dns64.lend_linger / NSEC, 7440);
	REQUIRE(c->dns64.policy.lend_len == 1);
	CHECK_TEXT(dns_name_text(&c->dns64.policy.lend[0], name), "six.example.");
	CHECK_INT(c->warnings.len, 0);
	CHECK(siit_config_validate(&c->nat64.siit));
	conf_free(c);
}

TEST(without_it_nothing_is_lent)
{
	struct conf *c = must_parse(SIIT "  translatable: [192.0.2.0/24]\n" DNS64);

	CHECK(!c->has_dns46);
	CHECK_INT(c->nat64.siit.lent_pool.len, 0);
	CHECK_INT(c->dns64.policy.lend_len, 0);
	conf_free(c);
}

TEST(views_lend_as_all_do)
{
	struct conf *c = must_parse(SIIT DNS64 "  views: [{ clients: [\"::1/128\"], prefixes: [] }]\n" DNS46);

	REQUIRE(c->dns64.views_len == 1);
	CHECK_INT(c->dns64.views[0].policy.lend_len, 1);
	CHECK_INT(c->dns64.views[0].policy.prefixes_len, 0);
	conf_free(c);
}

TEST(what_is_printed_reads_back_equal)
{
	struct conf *c =
		must_parse(SIIT DNS64 "dns46:\n  pool: 10.46.0.0/20\n  domains: [\".\"]\n  linger: 30m\n");
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	REQUIRE(f != NULL);
	REQUIRE(conf_print(c, f) == 0);
	fclose(f);
	struct conf *again = must_parse(text);

	CHECK(same_conf(c, again));
	CHECK(strstr(text, "pool: 10.46.0.0/20\n") && strstr(text, "linger: 30m\n"));
	free(text);
	conf_free(again);
	conf_free(c);
}

static const struct {
	const char *name, *text, *fault;
} faults[] = {
	{ "no domains", SIIT DNS64 "dns46:\n  pool: 10.46.0.0/16\n",
		"f.yaml:5: dns46.domains: the key is missing, write domains: and a list" },
	{ "no resolver", SIIT DNS46,
		"f.yaml:3: dns46: addresses are lent by the resolver, which is missing, write dns64: too" },
	{ "no siit", DNS64 DNS46,
		"f.yaml:3: dns46: servers see IPv4 clients under siit.prefix, which is missing, write siit: "
		"with a "
		"prefix of its own such as 2001:db8:46::/96" },
	{ "siit without prefix",
		"siit:\n  mappings: [{ ipv4: 192.0.2.9, ipv6: \"2001:db8::9\", hosts: ipv4 }]\n" DNS64 DNS46,
		"f.yaml:5: dns46: servers see IPv4 clients under siit.prefix, which is missing, write siit: "
		"with a "
		"prefix of its own such as 2001:db8:46::/96" },
	{ "the prefix of nat64, taken over",
		"nat64:\n  pool: [{ address: 192.0.2.2 }]\nsiit:\n  mappings: []\n" DNS64 DNS46,
		"f.yaml:7: dns46: siit.prefix 64:ff9b::/96 is in nat64.prefixes, so hosts that are lent an "
		"address "
		"could not use NAT64 any more, write another siit.prefix" },
	{ "large pool", SIIT DNS64 DNS46 "  pool: 10.0.0.0/15\n",
		"f.yaml:7: dns46.pool: the prefix has more than 65536 addresses, write one of /16 or "
		"longer" },
	{ "loopback", SIIT DNS64 DNS46 "  pool: 127.0.0.0/16\n",
		"f.yaml:7: dns46.pool: it is no unicast address, write a prefix that is routed to this "
		"host" },
	{ "an address of nat64.pool",
		"nat64:\n  pool: [{ address: 10.46.0.7 }]\n" SIIT DNS64 DNS46 "  pool: 10.46.0.0/24\n",
		"f.yaml:2: dns46.pool: it has addresses of nat64.pool[0], write others" },
	{ "an address of a mapping",
		SIIT "  mappings: [{ ipv4: 10.46.0.7, ipv6: \"2001:db8::9\" }]\n" DNS64 DNS46
		     "  pool: 10.46.0.0/24\n",
		"f.yaml:8: dns46.pool: it has addresses of siit.mappings[0], write others" },
	{ "a translatable address",
		SIIT "  translatable: [10.46.0.0/28]\n" DNS64 DNS46 "  pool: 10.46.0.0/24\n",
		"f.yaml:8: dns46.pool: it has addresses of siit.translatable[0], write others" },
	{ "short linger", SIIT DNS64 DNS46 "  linger: 10s\n",
		"f.yaml:7: dns46.linger: 10s is less than the 1m that the life of a record demands, write 1m "
		"or more" },
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

TEST(the_well_known_prefix_is_warned_of)
{
	struct conf *c = must_parse("siit:\n  prefix: 64:ff9b::/96\n" DNS64 DNS46);

	REQUIRE(c->warnings.len == 1);
	CHECK(strstr(c->warnings.lines[0], "f.yaml:5: dns46: siit.prefix is 64:ff9b::/96") != NULL);
	conf_free(c);
}

TEST(pool_linger_and_the_section_itself_need_a_restart_and_domains_do_not)
{
	static const struct {
		const char *text, *key;
	} rows[] = {
		{ SIIT DNS64 DNS46 "  pool: 10.46.0.0/24\n", "dns46.pool" },
		{ SIIT DNS64 DNS46 "  linger: 1h\n", "dns46.linger" },
		{ SIIT DNS64 "dns46:\n  domains: [\".\"]\n", NULL },
		{ SIIT "  translatable: [192.0.2.0/24]\n" DNS64, "dns46" },
	};
	struct conf *old = must_parse(SIIT DNS64 DNS46);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf *new = must_parse(rows[i].text);
		const char *key = conf_changes_needing_restart(old, new);

		test_row(rows[i].text);
		CHECK_TEXT(key ? key : "none", rows[i].key ? rows[i].key : "none");
		conf_free(new);
	}
	conf_free(old);
}
