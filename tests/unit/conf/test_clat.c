/* test_clat.c - the section clat: what it means, what is refused, and the name servers of a resolv.conf */
#include "base/bytes.h"
#include "conf/conf.h"
#include "harness.h"
#include "same.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int parse(const char *text, struct conf **ret, struct conf_errors *e)
{
	return conf_parse("f.yaml", text, strlen(text), ret, e);
}

static struct conf *must_parse(const char *text)
{
	struct conf *c = NULL;
	struct conf_errors e;
	int r = parse(text, &c, &e);

	if (r == -EINVAL)
		CHECK_TEXT(e.lines[0], "no fault");
	REQUIRE(r == 0);
	return c;
}

TEST(the_section_alone_is_a_whole_configuration)
{
	static const char *const texts[] = { "clat:\n", "clat: {}\n" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf *c = must_parse(texts[i]);
		char text[ADDR4_TEXT];

		CHECK(c->has_clat && !c->has_nat64 && !c->has_dns64 && conf_has_translator(c));
		CHECK(c->clat.prefix.is_auto && c->clat.ipv6.is_auto && !c->clat.allow_non_global);
		CHECK_TEXT(addr4_text(c->clat.address, text), "192.0.0.1");
		CHECK_TEXT(c->clat.uplink, "auto");
		CHECK_INT(c->clat.lan_len, 0);
		CHECK_INT(c->clat.discover, CONF_DISCOVER_ADVERT | CONF_DISCOVER_DNS);
		CHECK(c->clat.resolvers_len == 1 && c->clat.resolvers[0].is_system);
		conf_free(c);
	}
	struct conf *without = must_parse("nat64:\n");

	CHECK(!without->has_clat);
	conf_free(without);
}

TEST(the_contracts_keys_work_as_written)
{
	struct conf *c = must_parse("clat:\n  prefix: auto\n  address: 192.0.0.1\n");

	CHECK(c->clat.prefix.is_auto && c->clat.address.v == 0xc0000001);
	conf_free(c);
}

static const char whole[] = "clat:\n"
			    "  prefix: 2001:db8:64::/96\n"
			    "  address: 192.0.0.2\n"
			    "  ipv6: 2001:db8:1::464\n"
			    "  uplink: wan0\n"
			    "  lan:\n"
			    "    - { ipv4: 192.168.1.0/24, ipv6: \"2001:db8:a::/64\" }\n"
			    "    - { ipv4: 10.0.0.1, ipv6: 2001:db8:b::1 }\n"
			    "  discover: dns\n"
			    "  resolvers: [\"2001:db8::53\", \"[fe80::1%7]:5353\", 192.0.2.53, system]\n"
			    "  allow-non-global: true\n";

TEST(every_key_is_read)
{
	struct conf *c = must_parse(whole);
	const struct conf_clat *k = &c->clat;

	CHECK(!k->prefix.is_auto && k->prefix.value.len == 96 &&
		k->prefix.value.addr.hi == 0x20010db800640000);
	CHECK(k->address.v == 0xc0000002 && !k->ipv6.is_auto && k->ipv6.value.lo == 0x464);
	CHECK_TEXT(k->uplink, "wan0");
	CHECK_INT(k->lan_len, 2);
	CHECK(k->lan[0].v4.len == 24 && k->lan[0].v6.len == 64 && k->lan[0].hosts == EAM_HOSTS_IPV4);
	CHECK(k->lan[1].v4.len == 32 && k->lan[1].v6.len == 128);
	CHECK_INT(k->discover, CONF_DISCOVER_DNS);
	CHECK_INT(k->resolvers_len, 4);
	CHECK(k->resolvers[0].at.port == 53 && k->resolvers[0].scope == 0);
	CHECK(k->resolvers[1].at.port == 5353 && k->resolvers[1].scope == 7 && k->resolvers[1].at.a6.lo == 1);
	CHECK(k->resolvers[2].at.is4 && k->resolvers[3].is_system);
	CHECK(k->allow_non_global);
	conf_free(c);
}

TEST(what_is_printed_reads_back_to_the_same)
{
	static const char *const texts[] = { "clat:\n", whole, "clat:\n  resolvers: []\ndns64:\n" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf *c = must_parse(texts[i]);
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		REQUIRE(f != NULL);
		REQUIRE(conf_print(c, f) == 0);
		fclose(f);
		struct conf *again = must_parse(text);

		CHECK(same_conf(c, again));
		CHECK(conf_changes_needing_restart(c, again) == NULL);
		conf_free(again);
		conf_free(c);
		free(text);
	}
}

static const struct {
	const char *name, *text, *want;
} faults[] = {
	{ "RFC 6052 s2.2: length", "clat:\n  prefix: 2001:db8::/95\n",
		"f.yaml:2: clat.prefix: \"2001:db8::/95\" is no translation prefix: length must be 32, 40, "
		"48, 56, "
		"64 or 96; write one such as 64:ff9b::/96" },
	{ "no prefix leads there", "clat:\n  prefix: fe80::/96\n",
		"f.yaml:2: clat.prefix: \"fe80::/96\" cannot lead to a translator, write auto, or the prefix "
		"of one, "
		"such as 64:ff9b::/96" },
	{ "no address", "clat:\n  address: auto\n",
		"f.yaml:2: clat.address: \"auto\" is no IPv4 address of a host, write one such "
		"as 203.0.113.8" },
	{ "loopback", "clat:\n  address: 127.0.0.1\n",
		"f.yaml:2: clat.address: \"127.0.0.1\" is no IPv4 address of a host, write one such "
		"as 203.0.113.8" },
	{ "link-local", "clat:\n  ipv6: fe80::1\n",
		"f.yaml:2: clat.ipv6: \"fe80::1\" is no IPv6 address that is routed to this host, write "
		"auto, or one "
		"such as 2001:db8::464" },
	{ "inside the prefix", "clat:\n  prefix: 64:ff9b::/96\n  ipv6: 64:ff9b::1\n",
		"f.yaml:3: clat.ipv6: it lies inside clat.prefix 64:ff9b::/96, write an address of this "
		"host" },
	{ "no word", "clat:\n  discover: [ra, pcp]\n",
		"f.yaml:2: clat.discover[1]: \"pcp\" is not known, write one of ra, dns" },
	{ "link-local server without its link", "clat:\n  resolvers: fe80::1\n",
		"f.yaml:2: clat.resolvers: \"fe80::1\" is no name server, write system, an address such as "
		"2001:db8::53, or one such as \"[fe80::1%2]:53\" with the number of its interface" },
	{ "a link of another server", "clat:\n  resolvers: \"2001:db8::53%2\"\n",
		"f.yaml:2: clat.resolvers: \"2001:db8::53%2\" is no name server, write system, an address "
		"such as "
		"2001:db8::53, or one such as \"[fe80::1%2]:53\" with the number of its interface" },
	{ "a link by name", "clat:\n  resolvers: \"fe80::1%eth0\"\n",
		"f.yaml:2: clat.resolvers: \"fe80::1%eth0\" is no name server, write system, an address such "
		"as "
		"2001:db8::53, or one such as \"[fe80::1%2]:53\" with the number of its interface" },
	{ "half a network", "clat:\n  lan: [{ ipv4: 192.168.1.0/24 }]\n",
		"f.yaml:2: clat.lan[0].ipv6: the key is missing, write ipv6: and a value" },
	{ "RFC 7757 s3.1: too few addresses",
		"clat:\n  lan: [{ ipv4: 192.168.1.0/24, ipv6: \"2001:db8::/121\" }]\n",
		"f.yaml:2: clat.lan[0]: the IPv4 prefix has more addresses than the IPv6 prefix, write an "
		"IPv6 prefix "
		"of /120 or shorter" },
	{ "multicast", "clat:\n  lan: [{ ipv4: 224.0.0.0/24, ipv6: \"2001:db8::/64\" }]\n",
		"f.yaml:2: clat.lan[0]: these are no addresses of hosts, write prefixes of unicast" },
	{ "twice",
		"clat:\n  lan:\n    - { ipv4: 10.0.0.0/8, ipv6: \"2001:db8:a::/64\" }\n    - { ipv4: "
		"10.1.0.0/16, ipv6: "
		"\"2001:db8:b::/64\" }\n",
		"f.yaml:2: clat.lan[1]: it overlaps with entry 0, keep one of them" },
	{ "the host's own address in a network",
		"clat:\n  lan: [{ ipv4: 192.0.0.0/29, ipv6: \"2001:db8::/64\" }]\n",
		"f.yaml:2: clat.lan[0]: it holds clat.address, which needs no entry, write another "
		"clat.address" },
	{ "the prefix in a network",
		"clat:\n  prefix: 2001:db8::/96\n  lan: [{ ipv4: 10.0.0.0/24, ipv6: \"2001:db8::/64\" }]\n",
		"f.yaml:3: clat.lan[0]: its IPv6 prefix and clat.prefix overlap, write a prefix of this "
		"network" },
	{ "a value for a list", "clat:\n  lan: 10.0.0.0/8\n",
		"f.yaml:2: clat.lan: a single value stands where a list belongs, write - ipv4: "
		"192.168.1.0/24" },
	{ "stateless translation, too",
		"clat:\nsiit:\n  prefix: 2001:db8:100::/40\n  mappings: [{ ipv4: 192.0.2.1, ipv6: "
		"\"2001:db8::1\" }]\n",
		"f.yaml:1: clat: siit and clat would both say what is translated without state, keep one of "
		"the "
		"sections" },
	{ "a NAT64, too", "clat:\nnat64:\n",
		"f.yaml:1: clat: one host cannot be a NAT64 and the client of one, remove the section nat64 "
		"or the "
		"section clat" },
};

TEST(every_fault_has_its_line_key_and_remedy)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct conf *poison = (struct conf *)1, *c = poison;
		struct conf_errors e;

		test_row(faults[i].name);
		if (!CHECK_INT(parse(faults[i].text, &c, &e), -EINVAL)) {
			conf_free(c);
			continue;
		}
		CHECK(c == poison);
		CHECK_TEXT(e.lines[0], faults[i].want);
		CHECK_INT(e.len, 1);
		conf_errors_fini(&e);
	}
	test_row(NULL);
}

static unsigned index_of(const char *interface)
{
	return strcmp(interface, "eth0") == 0 ? 3 : 0;
}

TEST(the_name_servers_of_the_host_are_taken_with_their_links)
{
	struct conf_resolver got[CONF_CLAT_RESOLVERS_MAX];
	unsigned n = clat_take_resolv(
		"# comment\nsearch example.net\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\n"
		"nameserver fe80::2%gone\nnameserver fe80::3\nnameserver system\nnameserver x\n"
		"nameserver 2001:db8::53 # more\nnameserver\n",
		index_of, got);

	CHECK_INT(n, 3);
	CHECK(got[0].at.is4 && got[0].at.a4.v == 0x7f000035 && got[0].at.port == 53 && got[0].scope == 0);
	CHECK(got[1].at.a6.lo == 1 && got[1].scope == 3);
	CHECK(got[2].at.a6.lo == 0x53);
	CHECK_INT(clat_take_resolv(NULL, index_of, got), 0);
	CHECK_INT(
		clat_take_resolv(
			"nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n"
			"nameserver 10.0.0.5\nnameserver 10.0.0.6\nnameserver 10.0.0.7\nnameserver 10.0.0.8\n"
			"nameserver 10.0.0.9\n",
			index_of, got),
		CONF_CLAT_RESOLVERS_MAX);
}
