/* conf_resolve(): the host's own address and resolvers, on hosts made up here. */
#include "base/bytes.h"
#include "conf/resolve.h"
#include "harness.h"
#include "same.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct host_facts facts;
static int facts_outcome;

static int fake_facts(struct host_facts *ret)
{
	if (facts_outcome == 0)
		*ret = facts;
	return facts_outcome;
}

/* wan0 and lan0 have addresses, bare0 none, broken0 cannot be asked; others do not exist. */
static int fake_interface_addr4(const char *ifname, struct addr4 *ret)
{
	static const struct {
		const char *name;
		uint32_t addr;
		int outcome;
	} interfaces[] = {
		{ "wan0", 0xc6336407, 0 },
		{ "lan0", 0xc0a80001, 0 },
		{ "lo", 0x7f000001, 0 },
		{ "bare0", 0, -EADDRNOTAVAIL },
		{ "broken0", 0, -EPERM },
	};

	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++) {
		if (strcmp(interfaces[i].name, ifname) != 0)
			continue;
		if (interfaces[i].outcome == 0)
			ret->v = interfaces[i].addr;
		return interfaces[i].outcome;
	}
	return -ENODEV;
}

static struct conf_host usual_host(const char *resolv)
{
	facts = (struct host_facts){
		.has_route4 = true, .uplink4 = "wan0", .addr4.v = 0xc6336407, .has_addr4 = true
	};
	facts_outcome = 0;
	return (struct conf_host){ fake_facts, fake_interface_addr4, "/etc/resolv.conf", resolv, NULL };
}

static struct conf *must_parse(const char *text)
{
	struct conf *c = NULL;
	struct conf_errors e;

	REQUIRE(conf_parse("f.yaml", text, strlen(text), &c, &e) == 0);
	return c;
}

static char *print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	REQUIRE(f != NULL);
	REQUIRE(conf_print(c, f) == 0);
	fclose(f);
	return text;
}

/* What the roles get: the printed configuration, which resolves to itself. */
static void check_reads_back(const struct conf *c)
{
	char *text = print(c);
	struct conf *again = must_parse(text);
	struct conf_errors e;
	struct conf_host nothing = usual_host(NULL);

	facts_outcome = -ENODATA;
	CHECK(same_conf(c, again));
	CHECK_INT(conf_resolve_with(again, &nothing, &e), 0);
	CHECK(same_conf(c, again));
	conf_free(again);
	free(text);
}

TEST(the_built_in_configuration_shares_the_address_of_the_default_route)
{
	struct conf_host host = usual_host("nameserver 192.0.2.53\nnameserver 2001:db8::53\n");
	struct conf_errors e;
	struct conf *c;

	REQUIRE(conf_default(&c) == 0);
	REQUIRE(conf_resolve_with(c, &host, &e) == 0);
	const struct pool_entry *p = &c->nat64.state.pool[0];

	CHECK(p->prefix.addr.v == 0xc6336407 && p->prefix.len == 32 && p->is_shared && p->lo == 49152);
	CHECK_TEXT(c->pool_source[0].interface, "");
	CHECK_INT(c->dns64.upstream_mode, UPSTREAM_FORWARD);
	CHECK_INT(c->dns64.upstream_len, 2);
	CHECK(c->dns64.upstream[0].to.is4 && c->dns64.upstream[0].to.a4.v == 0xc0000235);
	CHECK(!c->dns64.upstream[1].to.is4 && c->dns64.upstream[1].to.port == 53 &&
		!c->dns64.upstream[1].tls);
	CHECK(state_config_validate(&c->nat64.state));
	check_reads_back(c);
	conf_free(c);
}

TEST(an_interface_becomes_its_shared_address)
{
	struct conf_host host = usual_host(NULL);
	struct conf_errors e;
	struct conf *c = must_parse(
		"nat64:\n  pool:\n    - { interface: lan0, ports: 2048-4095 }\n    - interface: auto\n"
		"  static:\n    - { protocol: tcp, outside: \"192.168.0.1:80\", inside: \"[2001:db8::5]:80\" "
		"}\n");

	REQUIRE(conf_resolve_with(c, &host, &e) == 0);
	CHECK_INT(c->nat64.state.pool[0].prefix.addr.v, 0xc0a80001);
	CHECK_INT(c->nat64.state.pool[1].prefix.addr.v, 0xc6336407);
	REQUIRE(c->nat64.state.pool_len == 3);
	CHECK(c->pool_source[2].is_implied && c->nat64.state.pool[2].is_shared &&
		c->nat64.state.pool[2].lo == 80);
	CHECK(state_config_validate(&c->nat64.state));
	check_reads_back(c);
	conf_free(c);
}

struct fault_case {
	const char *name, *text, *resolv, *want;
	bool no_route, no_address;
	int facts_outcome;
};

static const struct fault_case fault_cases[] = {
	{ .name = "no such interface",
		.text = "nat64:\n  pool:\n    - interface: eth7\n",
		.want = "f.yaml:3: nat64.pool[0].interface: this host has no interface eth7, write the name "
			"of another" },
	{ .name = "no address",
		.text = "nat64:\n  pool:\n    - interface: bare0\n",
		.want = "f.yaml:3: nat64.pool[0].interface: interface bare0 has no IPv4 address, set one up, "
			"or write a pool with an address to nat64.pool" },
	{ .name = "not allowed",
		.text = "nat64:\n  pool:\n    - interface: broken0\n",
		.want = "f.yaml:3: nat64.pool[0].interface: the address of interface broken0 cannot be read "
			"(Operation not permitted), write a pool with an address to nat64.pool" },
	{ .name = "loopback",
		.text = "nat64:\n  pool:\n    - interface: lo\n",
		.want = "f.yaml:3: nat64.pool[0].interface: its address 127.0.0.1 is no unicast address, "
			"write a pool with an address to nat64.pool" },
	{ .name = "no default route",
		.text = "nat64:\n",
		.no_route = true,
		.want = "f.yaml:1: nat64.pool[0].interface: this host has no IPv4 default route, set one up, "
			"or write a pool with an address to nat64.pool" },
	{ .name = "default route without address",
		.text = "nat64:\n",
		.no_address = true,
		.want = "f.yaml:1: nat64.pool[0].interface: interface wan0 of the IPv4 default route has no "
			"IPv4 address, set one up, or write a pool with an address to nat64.pool" },
	{ .name = "no facts",
		.text = "nat64:\n",
		.facts_outcome = -EPERM,
		.want = "f.yaml:1: nat64.pool[0].interface: the host's routes cannot be read (Operation not "
			"permitted), write a pool with an address to nat64.pool" },
	{ .name = "overlap after all",
		.text = "nat64:\n  pool:\n    - { address: 198.51.100.0/24 }\n    - interface: auto\n",
		.want = "f.yaml:4: nat64.pool[1]: it shares addresses and ports with nat64.pool[0], keep "
			"them apart" },
	{ .name = "static elsewhere",
		.text = "nat64:\n  static:\n    - { protocol: tcp, outside: \"192.0.2.1:50000\", inside: "
			"\"[2001:db8::5]:80\" }\n",
		.want = "f.yaml:3: nat64.static[0]: outside 192.0.2.1 is not in nat64.pool, write one of its "
			"addresses" },
	{ .name = "no resolv.conf",
		.text = "dns64:\n",
		.want = "f.yaml:1: dns64.upstream: /etc/resolv.conf, which lists the system's name servers, "
			"cannot be read, write the addresses of other servers to dns64.upstream" },
	{ .name = "no name server",
		.text = "dns64:\n  upstream: [system]\n",
		.resolv = "# nameserver 192.0.2.53\nsearch example.net\nnameserver\n",
		.want = "f.yaml:2: dns64.upstream: /etc/resolv.conf names no name server, write the "
			"addresses of other servers to dns64.upstream" },
	{ .name = "ourselves",
		.text = "dns64:\n",
		.resolv = "nameserver 127.0.0.1\n",
		.want = "f.yaml:1: dns64.upstream: /etc/resolv.conf names 127.0.0.1, which is this resolver "
			"itself (it listens on 0.0.0.0:53), write the addresses of other servers to "
			"dns64.upstream" },
	{ .name = "ourselves by IPv6",
		.text = "dns64:\n",
		.resolv = "nameserver 192.0.2.53\nnameserver ::1\n",
		.want = "f.yaml:1: dns64.upstream: /etc/resolv.conf names ::1, which is this resolver itself "
			"(it listens on [::]:53), write the addresses of other servers to dns64.upstream" },
	{ .name = "unspecified means loopback",
		.text = "dns64:\n",
		.resolv = "nameserver 0.0.0.0\n",
		.want = "f.yaml:1: dns64.upstream: /etc/resolv.conf names 0.0.0.0, which is this resolver "
			"itself (it listens on 0.0.0.0:53), write the addresses of other servers to "
			"dns64.upstream" },
	{ .name = "the host's own address",
		.text = "dns64:\n",
		.resolv = "nameserver 198.51.100.7\n",
		.want = "f.yaml:1: dns64.upstream: /etc/resolv.conf names 198.51.100.7, which is this "
			"resolver itself (it listens on 0.0.0.0:53), write the addresses of other servers to "
			"dns64.upstream" },
	{ .name = "a listening address",
		.text = "dns64: { listen: [\"192.0.2.1:53\"] }\n",
		.resolv = "nameserver 192.0.2.1\n",
		.want = "f.yaml:1: dns64.upstream: /etc/resolv.conf names 192.0.2.1, which is this resolver "
			"itself (it listens on 192.0.2.1:53), write the addresses of other servers to "
			"dns64.upstream" },
	{ .name = "the host's own address as written",
		.text = "dns64:\n  upstream: [198.51.100.7]\n",
		.want = "f.yaml:2: dns64.upstream: 198.51.100.7:53 is this resolver itself (it listens on "
			"0.0.0.0:53), write the addresses of other servers to dns64.upstream" },
};

TEST(what_the_host_lacks_is_a_fault_and_changes_nothing)
{
	for (size_t i = 0; i < ARRAY_LEN(fault_cases); i++) {
		const struct fault_case *f = &fault_cases[i];
		struct conf_host host = usual_host(f->resolv);
		struct conf *c = must_parse(f->text), *before = must_parse(f->text);
		struct conf_errors e;

		test_row(f->name);
		facts.has_route4 = !f->no_route;
		facts.has_addr4 = !f->no_address;
		facts_outcome = f->facts_outcome;
		CHECK_INT(conf_resolve_with(c, &host, &e), -EINVAL);
		REQUIRE(e.len == 1);
		CHECK_TEXT(e.lines[0], f->want);
		CHECK(same_conf(c, before));
		conf_errors_fini(&e);
		conf_free(c);
		conf_free(before);
	}
}

TEST(without_a_file_the_fault_names_the_built_in_configuration)
{
	struct conf_host host = usual_host("nameserver 192.0.2.53\n");
	struct conf_errors e;
	struct conf *c;

	REQUIRE(conf_default(&c) == 0);
	facts.has_route4 = false;
	CHECK_INT(conf_resolve_with(c, &host, &e), -EINVAL);
	REQUIRE(e.len == 1);
	CHECK_TEXT(e.lines[0], "built-in configuration: nat64.pool[0].interface: this host has no IPv4 "
			       "default route, set one up, or write a pool with an address to nat64.pool");
	conf_errors_fini(&e);
	conf_free(c);
}

static const struct {
	const char *name, *resolv;
	unsigned servers, warnings;
	const char *warning;
} resolv_cases[] = {
	{ "plain", "nameserver 192.0.2.1\n", 1, 0, NULL },
	{ "no newline at the end", "nameserver 192.0.2.1", 1, 0, NULL },
	{ "blanks, tabs and carriage returns", " \tnameserver\t 192.0.2.1 \r\n\r\nnameserver 2001:db8::1\r\n",
		2, 0, NULL },
	{ "comment after it", "nameserver 192.0.2.1 # one\n;nameserver 192.0.2.2\n", 1, 0, NULL },
	{ "same server twice", "nameserver 192.0.2.1\nnameserver 192.0.2.1\n", 1, 0, NULL },
	{ "another word", "nameservers 192.0.2.9\noptions edns0\nnameserver 192.0.2.1\n", 1, 0, NULL },
	{ "stub of systemd-resolved", "nameserver 127.0.0.53\noptions edns0 trust-ad\n", 1, 0, NULL },
	{ "scope", "nameserver fe80::1%eth0\nnameserver 192.0.2.1\n", 1, 1,
		"f.yaml:1: dns64.upstream: /etc/resolv.conf names fe80::1%eth0, a link-local server, which "
		"is left out; write the addresses of other servers to dns64.upstream" },
	{ "link-local without scope", "nameserver fe80::1\nnameserver 192.0.2.1\n", 1, 1,
		"f.yaml:1: dns64.upstream: /etc/resolv.conf names fe80::1, which cannot be asked and is left "
		"out; write the addresses of other servers to dns64.upstream" },
	{ "a name", "nameserver dns.example.net\nnameserver 192.0.2.1\n", 1, 1,
		"f.yaml:1: dns64.upstream: /etc/resolv.conf names \"dns.example.net\", which is no address "
		"and is left out; write the addresses of other servers to dns64.upstream" },
	{ "seventeen",
		"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver "
		"192.0.2.4\nnameserver 192.0.2.5\n"
		"nameserver 192.0.2.6\nnameserver 192.0.2.7\nnameserver 192.0.2.8\nnameserver "
		"192.0.2.9\nnameserver 192.0.2.10\n"
		"nameserver 192.0.2.11\nnameserver 192.0.2.12\nnameserver 192.0.2.13\nnameserver "
		"192.0.2.14\nnameserver 192.0.2.15\n"
		"nameserver 192.0.2.16\nnameserver 192.0.2.17\n",
		16, 1,
		"f.yaml:1: dns64.upstream: /etc/resolv.conf names more than 16 servers, 192.0.2.17 is left "
		"out" },
};

TEST(name_servers_are_read_from_resolv_conf)
{
	for (size_t i = 0; i < ARRAY_LEN(resolv_cases); i++) {
		struct conf_host host = usual_host(resolv_cases[i].resolv);
		struct conf *c = must_parse("dns64:\n");
		struct conf_errors e;

		test_row(resolv_cases[i].name);
		REQUIRE(conf_resolve_with(c, &host, &e) == 0);
		CHECK_INT(c->dns64.upstream_len, resolv_cases[i].servers);
		CHECK_INT(c->warnings.len, resolv_cases[i].warnings);
		if (c->warnings.len > 0)
			CHECK_TEXT(c->warnings.lines[0], resolv_cases[i].warning);
		check_reads_back(c);
		conf_free(c);
	}
}

TEST(a_server_on_the_loopback_is_fine_where_we_do_not_listen)
{
	struct conf_host host = usual_host("nameserver 127.0.0.1\nnameserver ::1\n");
	struct conf *c = must_parse("dns64: { listen: [\"192.0.2.1:53\", \"[::]:5353\"] }\n");
	struct conf_errors e;

	CHECK_INT(conf_resolve_with(c, &host, &e), 0);
	CHECK_INT(c->dns64.upstream_len, 2);
	conf_free(c);
}

TEST(every_truncation_of_a_resolv_conf_is_taken_or_refused)
{
	static const char whole[] = "# made up\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver "
				    "2001:db8::1\nsearch a.example\n";

	for (size_t n = 0; n < sizeof(whole); n++) {
		char *text = strndup(whole, n);
		struct conf_host host = usual_host(text);
		struct conf *c = must_parse("dns64:\n");
		struct conf_errors e;
		int r = conf_resolve_with(c, &host, &e);

		CHECK(r == 0 ? c->dns64.upstream_len > 0 : r == -EINVAL && e.len == 1);
		conf_errors_fini(&e);
		conf_free(c);
		free(text);
	}
}

/* --- hosts-file --- */

#define HOSTS                                                                                                \
	"127.0.0.1 localhost\n127.0.1.1 me\n::1 ip6-localhost\nff02::1 ip6-allnodes\nfe80::1%eth0 near\n"    \
	"# 192.0.2.9 commented\n\n192.168.1.5\tprinter.home.arpa printer # and so on\r\n"                    \
	"  2001:db8::5 printer.home.arpa\n192.168.1.5 Printer"

static void check_local(const struct conf *c, unsigned i, const char *name, const char *address)
{
	char n[DNS_NAME_TEXT], a[ADDR6_TEXT];
	const struct dns64_local *l = &c->dns64.local[i];

	CHECK_TEXT(dns_name_text(&l->name, n), name);
	CHECK_TEXT(l->address.is4 ? addr4_text(l->address.a4, a) : addr6_text(l->address.a6, a), address);
}

TEST(names_of_a_file_of_hosts_are_local_names_after_those_that_are_written)
{
	struct conf *c = must_parse("dns64: { upstream: recursive, hosts-file: /etc/hosts, local: [{ name: "
				    "a, addresses: 10.0.0.1 }] }");
	struct conf_host host = usual_host(NULL);
	struct conf_errors e;

	host.hosts_text = HOSTS;
	REQUIRE(conf_resolve_with(c, &host, &e) == 0);
	CHECK_INT(c->warnings.len, 0);
	REQUIRE(c->dns64.local_len == 4);
	check_local(c, 0, "a.", "10.0.0.1");
	check_local(c, 1, "printer.home.arpa.", "192.168.1.5");
	check_local(c, 2, "printer.", "192.168.1.5");
	check_local(c, 3, "printer.home.arpa.", "2001:db8::5");
	CHECK_TEXT(c->dns64.hosts_file, "");
	check_reads_back(c);
	conf_free(c);
}

TEST(what_is_no_line_of_a_file_of_hosts_is_left_out_with_one_warning)
{
	static const char text[] =
		"192.0.2.1 good\n192.0.2.300 bad\n192.0.2.2 ba\"d b*d\nnonsense\n\xff\xfe x\n";

	for (size_t len = 0; len <= sizeof(text) - 1; len++) {
		struct conf *c = must_parse("dns64: { upstream: recursive, hosts-file: /h }");
		struct conf_host host = usual_host(NULL);
		struct conf_errors e;
		char *cut = strndup(text, len);

		host.hosts_text = cut;
		CHECK_INT(conf_resolve_with(c, &host, &e), 0);
		CHECK(c->dns64.local_len <= 2); /* good; of a cut line, perhaps another name */
		if (len == sizeof(text) - 1) {
			REQUIRE(c->warnings.len == 1);
			CHECK_TEXT(c->warnings.lines[0], "f.yaml:1: dns64.hosts-file: /h has 5 words that "
							 "are no address and no name of a "
							 "host, the first in line 2; they are left out");
			CHECK_INT(c->dns64.local_len, 1);
		}
		conf_free(c);
		free(cut);
	}
}

TEST(a_file_of_hosts_that_cannot_be_read_or_is_too_long_changes_nothing)
{
	struct conf_host host = usual_host(NULL);
	struct conf *c = must_parse(
		"dns64: { upstream: recursive, hosts-file: /h, local: [{ name: a, addresses: 10.0.0.1 }] }");
	struct conf_errors e;
	char *text = NULL;
	size_t len;

	CHECK_INT(conf_resolve_with(c, &host, &e), -EINVAL);
	CHECK_TEXT(e.lines[0],
		"f.yaml:1: dns64.hosts-file: /h cannot be read, write the path of a readable file, or none");
	conf_errors_fini(&e);
	FILE *f = open_memstream(&text, &len);

	for (unsigned i = 0; i < DNS64_LOCAL_MAX; i++)
		fprintf(f, "10.1.%u.%u h%u\n", i / 256, i % 256, i);
	fclose(f);
	host.hosts_text = text;
	CHECK_INT(conf_resolve_with(c, &host, &e), -EINVAL);
	CHECK_TEXT(e.lines[0], "f.yaml:1: dns64.hosts-file: with /h there are more than 4096 addresses of "
			       "local names, write fewer");
	conf_errors_fini(&e);
	CHECK_INT(c->dns64.local_len, 1);
	check_local(c, 0, "a.", "10.0.0.1");
	conf_free(c);
	free(text);
}
