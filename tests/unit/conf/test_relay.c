/* The section relay: what is read, what services take over from it, what is refused, and that it reads back equal. */
#include "base/bytes.h"
#include "conf/conf.h"
#include "conf/resolve.h"
#include "harness.h"
#include "same.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct conf *must_parse_as(const char *name, const char *text)
{
	struct conf *c = NULL;
	struct conf_errors e;
	int r = conf_parse(name, text, strlen(text), &c, &e);

	test_row(text);
	if (r == -EINVAL)
		CHECK_TEXT(e.lines[0], "no fault");
	REQUIRE(r == 0);
	return c;
}

static struct conf *must_parse(const char *text)
{
	return must_parse_as("f.yaml", text);
}

/* The contract of the project's example, but for what comes later. */
static const char contract[] =
	"relay:\n"
	"  allow: [\"2001:db8::/32\", 10.0.0.0/8]\n"
	"  services:\n"
	"    - { type: http-forward, listen: \"[::]:3128\" }\n"
	"    - { type: socks5, listen: \"[::]:1080\" }\n"
	"    - { type: pac, listen: \"[::]:80\", proxy: \"proxy.example.net:3128\" }\n"
	"    - type: http-reverse\n"
	"      listen: [\"[::]:443\", \"0.0.0.0:443\"]\n"
	"      routes:\n"
	"        - { host: www.example.net, to: [\"10.0.0.10:80\", \"10.0.0.11:80\"], tls: { certificate: "
	"a.pem, key: "
	"a.key } }\n"
	"        - { host: \"*.example.org\", to: [\"[2001:db8::10]:443\"], tls: passthrough }\n"
	"    - { type: tcp, listen: \"0.0.0.0:5432\", to: [\"[2001:db8::20]:5432\"], proxy-protocol: v2 }\n"
	"    - { type: udp, listen: \"[::]:5000\", to: [\"10.0.0.30:5000\"] }\n";

TEST(the_contract_is_read_as_it_is_written)
{
	struct conf *c = must_parse_as("/etc/isthmus/f.yaml", contract);
	const struct relay_service *s = c->relay.services;

	CHECK(c->has_relay && !c->has_nat64);
	REQUIRE(c->relay.services_len == 6);
	CHECK(s[0].type == RELAY_HTTP_FORWARD && s[0].listen_len == 1 && s[0].listen[0].port == 3128);
	CHECK_INT(s[0].clients_len, 2);
	CHECK_TEXT(s[1].name, "socks5-1080");
	CHECK_TEXT(s[2].proxy, "proxy.example.net:3128");
	REQUIRE(s[3].routes_len == 2 && s[3].listen_len == 2);
	CHECK(s[3].routes[0].tls == RELAY_TLS_TERMINATE && s[3].routes[0].to_len == 2);
	CHECK_TEXT(s[3].routes[0].certificate, "/etc/isthmus/a.pem");
	CHECK_TEXT(s[3].routes[0].key, "/etc/isthmus/a.key");
	CHECK(s[3].routes[0].health.interval == 5 * NSEC && s[3].routes[1].health.interval == 0);
	CHECK(s[3].routes[1].tls == RELAY_TLS_PASSTHROUGH && !s[3].routes[1].to[0].at.is4);
	CHECK_TEXT(s[3].routes[1].host, "*.example.org");
	CHECK(s[4].proxy_head == RELAY_PROXY_HEAD_V2 && s[4].to[0].at.port == 5432 && s[4].listen[0].is4);
	CHECK(s[5].type == RELAY_UDP && s[5].to[0].at.a4.v == 0x0a00001e);
	CHECK_INT(c->warnings.len, 0);
	conf_free(c);
}

TEST(a_service_has_what_the_section_says_unless_it_says_otherwise)
{
	struct conf *c = must_parse(
		"relay:\n"
		"  services:\n"
		"  - { type: socks5, listen: \"[::]:1\" }\n"
		"  - { type: tcp, listen: \"[::]:2\", to: \"A.Example.:80\", family: ipv4-only, allow: ::1,"
		" timeouts: { idle: 1m }, client-prefix: none, health: { rise: 7 } }\n"
		"  - { type: transparent, listen: \"[::]:3\", destinations: { ports: [1-2] } }\n"
		"  - type: http-reverse\n"
		"    listen: \"[::]:4\"\n"
		"    routes: [{ host: W, to: \"[2001:db8::1]:80\", health: { path: /x } }, { host: v, to: "
		"\"a:1\" }]\n"
		"    health: { fall: 9 }\n"
		"    balance: hash\n"
		"  allow: [192.0.2.0/24]\n"
		"  family: ipv6-only\n"
		"  timeouts: { connect: 3s }\n"
		"  client-prefix: 2001:db8:46::/96\n"
		"  destinations: { allow: [127.0.0.1/32], deny: [10.0.0.0/8], ports: 443 }\n");
	const struct relay_service *s = c->relay.services;

	REQUIRE(c->relay.services_len == 4);
	CHECK(s[0].family == RELAY_FAMILY_IPV6_ONLY && s[0].clients_len == 1 && s[0].clients[0].is4);
	CHECK(s[0].timeouts.connect == 3 * NSEC && s[0].timeouts.head == 10 * NSEC && s[0].has_client_prefix);
	CHECK(s[0].destinations.allow_len == 1 && s[0].destinations.deny_len == 1 &&
		s[0].destinations.ports_len == 1 && s[0].destinations.ports[0].last == 443);
	CHECK(s[1].family == RELAY_FAMILY_IPV4_ONLY && !s[1].clients[0].is4 && !s[1].has_client_prefix);
	CHECK(s[1].timeouts.connect == 3 * NSEC && s[1].timeouts.idle == 60 * NSEC);
	CHECK(s[1].destinations.deny_len == 0); /* the operator named the target */
	CHECK_TEXT(s[1].to[0].host, "a.example");
	CHECK(s[1].health.rise == 7 && s[1].health.fall == 3 && s[1].health.interval == 5 * NSEC);
	CHECK(s[2].destinations.deny_len == 1 && s[2].destinations.ports[0].last == 2);
	CHECK_TEXT(s[3].routes[0].host, "w");
	CHECK(s[3].routes[0].health.fall == 9 && s[3].routes[0].health.interval == 5 * NSEC);
	CHECK_TEXT(s[3].routes[0].health.path, "/x");
	CHECK(s[3].routes[1].health.interval == 0 && s[3].routes[1].balance == RELAY_BALANCE_HASH);
	conf_free(c);
}

TEST(a_transparent_service_takes_the_web_if_no_ports_are_written)
{
	struct conf *c = must_parse("relay: { services: [{ type: transparent, listen: \"[::]:3\" }] }\n");
	const struct relay_destinations *d = &c->relay.services[0].destinations;

	REQUIRE(d->ports_len == 2);
	CHECK(d->ports[0].first == 80 && d->ports[1].last == 443);
	conf_free(c);
}

TEST(the_prefixes_of_all_sections_hide_addresses)
{
	struct conf *c =
		must_parse("nat64: { prefixes: [2001:db8:64::/96] }\nsiit: { prefix: 2001:db8:46::/96, "
			   "translatable: [192.0.2.0/24] }\n"
			   "dns64: { prefixes: [2001:db8:65::/96] }\n"
			   "relay: { services: [{ type: udp, listen: \"[::]:3\", to: \"a:1\" }] }\n");

	CHECK_INT(c->relay.translation_len, 4);
	CHECK(c->relay.translation[0].addr.hi == 0x0064ff9b00000000);
	conf_free(c);
}

/* --- faults --- */

static const struct {
	const char *text, *want;
} fault_cases[] = {
	{ "relay: { services: [{ type: smtp, listen: \"[::]:25\", to: \"10.0.0.40:25\" }] }",
		"relay.services[0].type: the relay for mail (smtp) comes in a later version, remove the "
		"entry" },
	{ "relay: { services: [{ type: imap }] }", "relay.services[0].type: the relay for mail boxes (imap) "
						   "comes in a later version, remove the entry" },
	{ "relay: { services: [{ type: sip }] }", "relay.services[0].type: the relay for telephony (sip) "
						  "comes in a later version, remove the entry" },
	{ "relay: { services: [{ type: ftp }] }", "relay.services[0].type: the relay for files (ftp) comes "
						  "in a later version, remove the entry" },
	{ "relay: { services: [{ listen: \"[::]:25\" }] }",
		"relay.services[0].type: the key is missing, write one such as type: http-forward" },
	{ "relay: { services: [tcp] }", "relay.services[0]: an entry is a mapping, write { type: "
					"http-forward, listen: \"[::]:3128\" }" },
	{ "relay: { services: [] }", "relay.services: the list is empty, write at least one entry, such as "
				     "[{ type: socks5, listen: \"[::]:1080\" }]" },
	{ "relay: { services: [{ type: pac, listen: \"[::]:80\", proxy: \"a:1\", to: \"b:1\" }] }",
		"relay.services[0].to: a service of type pac has no such key, remove it" },
	{ "relay: { services: [{ type: pac, listen: \"[::]:80\", proxi: \"a:1\", proxy: \"b:1\" }] }",
		"relay.services[0].proxi: the key is not known, did you mean proxy?" },
	{ "relay: { services: [{ type: tcp, listen: \"[::]:80\", to: \"10.1:80\" }] }",
		"relay.services[0].to: \"10.1:80\" is no destination, write an address or a name with a "
		"port, such as "
		"\"10.0.0.1:80\", \"[2001:db8::1]:443\" or \"host.example:80\"" },
	{ "relay: { services: [{ type: tcp, listen: \"[::]:80\", to: \"[::]:80\" }] }",
		"relay.services[0].to: \"[::]:80\" is no destination, write an address or a name with a "
		"port, such as "
		"\"10.0.0.1:80\", \"[2001:db8::1]:443\" or \"host.example:80\"" },
	{ "relay: { services: [{ type: tcp, listen: \"[::]:80\", to: \"[2001:db8::1]:80\" },"
	  " { type: socks5, listen: \"[2001:db8::2]:80\" }] }",
		"relay.services[1]: the service tcp-80 listens at [::]:80 already, write another address or "
		"port" },
	{ "relay: { services: [{ type: tcp, listen: \"[::1]:80\", to: \"[::1]:80\" }] }",
		"relay.services[0]: [::1]:80 is where the service listens itself, write the address of the "
		"server" },
	{ "relay: { services: [{ type: tcp, listen: [\"[::1]:80\", \"[::]:80\"], to: \"a:1\" }] }",
		"relay.services[0]: [::]:80 holds the other address of that port, keep one of them" },
	{ "relay: { services: [{ type: tcp, listen: \"[::1]:9964\", to: \"a:1\" }] }",
		"relay.services[0]: [::1]:9964 is in control.metrics too, write another address or port" },
	{ "dns64:\nrelay: { services: [{ type: udp, listen: \"10.0.0.1:53\", to: \"a:1\" }] }",
		"relay.services[0]: 10.0.0.1:53 is in dns64.listen too, write another address or port" },
	{ "relay: { services: [{ type: udp, listen: \"[::]:5\", to: \"a:1\", name: x },"
	  " { type: tcp, listen: \"[::]:5\", to: \"a:1\", name: x }] }",
		"relay.services[1]: the name x is taken by another service, write another one" },
	{ "relay: { services: [{ type: http-reverse, listen: \"[::]:5\", routes: [{ host: a, to: \"b:1\" },"
	  " { host: A, to: \"c:1\" }] }] }",
		"relay.services[0]: a has two routes, write their servers to one" },
	{ "relay: { services: [{ type: http-reverse, listen: \"[::]:5\", routes: [{ host: a, to: \"b:1\","
	  " tls: { certificate: x } }] }] }",
		"relay.services[0].routes[0].tls.key: the key is missing, write key: and the path of a "
		"file" },
	{ "relay: { services: [{ type: http-reverse, listen: \"[::]:5\", routes: [{ host: a, to: \"b:1\","
	  " tls: passthrough, to-tls: true }] }] }",
		"relay.services[0]: the route of a passes TLS through, so that it is TLS to the servers too; "
		"remove "
		"to-tls" },
	{ "relay: { services: [{ type: http-reverse, listen: \"[::]:5\", routes: [{ host: \"a.*\", to: "
	  "\"b:1\" }] }] }",
		"relay.services[0].routes[0].host: \"a.*\" is no host, write a name such as www.example.net, "
		"\"*.example.org\" for all names below, or \"*\" for all others" },
	{ "nat64: { prefixes: [2001:db8::/96] }\nrelay: { client-prefix: 2001:db8::/96,"
	  " services: [{ type: socks5, listen: \"[::]:5\" }] }",
		"relay.services[0]: client-prefix lies in nat64.prefixes, write a prefix of its own such as "
		"2001:db8:46::/96" },
	{ "relay: { client-prefix: 2001:db8::/64, services: [{ type: socks5, listen: \"[::]:5\" }] }",
		"relay.client-prefix: the prefix has 64 bits, write one of 96, behind which an IPv4 address "
		"fits" },
	{ "relay: { resolver: x, services: [{ type: socks5, listen: \"[::]:5\" }] }",
		"relay.resolver: \"x\" is no name server, write auto, or an address such as 192.0.2.53" },
	{ "relay: { destinations: { ports: 9-8 }, services: [{ type: socks5, listen: \"[::]:5\" }] }",
		"relay.destinations.ports: \"9-8\" is no port and no range, write one such as 443 or "
		"8000-8999" },
	{ "relay: { services: [{ type: http-forward, listen: \"[::]:5\", tls: { key: k } }] }",
		"relay.services[0]: tls has a key, but no certificate; write both" },
	{ "relay: { services: [{ type: socks5, listen: \"[::]:5\", name: \"a b\" }] }",
		"relay.services[0].name: \"a b\" is no name, write 1 to 31 letters, digits, - _ and dots, "
		"such as web" },
	{ "relay: { services: [{ type: http-forward, listen: \"[::]:5\", literal-zone: 1.2 }] }",
		"relay.services[0].literal-zone: \"1.2\" is no domain, write one such as ip4.example.net, or "
		"none" },
	{ "relay: { timeouts: { connect: 0s }, services: [{ type: socks5, listen: \"[::]:5\" }] }",
		"relay.timeouts.connect: 0s is less than the 1s that a slow network demands, write 1s or "
		"more" },
};

TEST(what_cannot_be_is_refused_with_its_line)
{
	for (size_t i = 0; i < ARRAY_LEN(fault_cases); i++) {
		struct conf *c = NULL;
		struct conf_errors e;
		char want[600];

		test_row(fault_cases[i].text);
		CHECK_INT(conf_parse("f", fault_cases[i].text, strlen(fault_cases[i].text), &c, &e), -EINVAL);
		snprintf(want, sizeof(want), "f:%d: %s", strchr(fault_cases[i].text, '\n') ? 2 : 1,
			fault_cases[i].want);
		CHECK_INT(e.len, 1);
		CHECK_TEXT(e.len > 0 ? e.lines[0] : "", want);
		conf_errors_fini(&e);
	}
}

TEST(an_open_proxy_is_warned_of)
{
	static const struct {
		const char *entry;
		unsigned warnings;
	} cases[] = {
		{ "{ type: socks5, listen: \"[::]:1\", allow: ::/0 }", 1 },
		{ "{ type: http-forward, listen: \"[::]:1\", allow: [10.0.0.0/8, 0.0.0.0/0] }", 1 },
		{ "{ type: socks5, listen: \"[::]:1\", allow: ::/0, users: /u }", 0 },
		{ "{ type: socks5, listen: \"[::]:1\", allow: 2001:db8::/32 }", 0 },
		{ "{ type: tcp, listen: \"[::]:1\", to: \"a:1\", allow: ::/0 }", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[200];

		snprintf(text, sizeof(text), "relay: { services: [%s] }", cases[i].entry);
		struct conf *c = must_parse(text);

		CHECK_INT(c->warnings.len, cases[i].warnings);
		conf_free(c);
	}
}

/* --- reading back --- */

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

static const char *const printed_cases[] = {
	contract,
	"relay: { threads: 3, connections: 77, connections-per-client: 5, resolver: [192.0.2.53, "
	"\"[2001:db8::53]:5353\"],"
	" family: ipv4-first, client-prefix: \"2001:db8:1::/96\", timeouts: { connect: 1s, idle: 2s, head: "
	"3s, keep-alive: 4s,"
	" drain: 0s, udp: 6s }, destinations: { allow: [::1], deny: [\"::/0\"], ports: [1, 2-65535] },"
	" health: { interval: 1m, timeout: 100ms, fall: 9, rise: 8, path: \"/a?b=#c\" }, services: ["
	" { type: tcp, name: a.B-c_1, listen: [\"[::1]:1\", \"127.0.0.1:1\"], to: [\"x.y:1\", \"[::1]:2\", "
	"\"1.2.3.4:5\"],"
	" balance: hash, proxy-protocol: v1, accept-proxy-protocol: [\"::/0\", 10.0.0.7], family: ipv6-only "
	"},"
	" { type: tcp, listen: \"[::1]:2\", to: \"x:1\", health: {} },"
	" { type: http-forward, listen: \"[::1]:3\", users: \"/with space\", tls: { certificate: c, key: /k }, literal-zone: 4.Example. },"
	" { type: socks5, listen: \"[::1]:4\", users: rel/users, destinations: { ports: [] } },"
	" { type: transparent, listen: \"[::1]:5\" },"
	" { type: http-reverse, listen: \"[::1]:6\", routes: [{ host: \"*\", to: \"a:1\", to-tls: true, tls: "
	"none },"
	" { host: \"*\", to: \"a:1\", tls: passthrough, health: { path: / }, balance: hash }], health: { "
	"interval: 0s } },"
	" { type: udp, listen: \"[::1]:7\", to: [\"x:1\", \"y:1\"] } ] }",
};

TEST(what_is_printed_reads_back_equal)
{
	for (size_t i = 0; i < ARRAY_LEN(printed_cases); i++) {
		struct conf *c = must_parse_as("dir/f.yaml", printed_cases[i]);
		char *text = print(c);
		struct conf *again = must_parse_as("effective configuration", text);
		char *text_again = print(again);

		CHECK(same_conf(c, again));
		CHECK_TEXT(text_again, text);
		CHECK(conf_changes_needing_restart(c, again) == NULL);
		conf_free(c);
		conf_free(again);
		free(text);
		free(text_again);
	}
}

TEST(only_the_threads_and_the_section_itself_need_a_restart)
{
	static const struct {
		const char *old, *new, *want;
	} cases[] = {
		{ "socks5, listen: \"[::]:1\" }]", "socks5, listen: \"[::]:2\" }]", "none" },
		{ "socks5, listen: \"[::]:1\" }]",
			"socks5, listen: \"[::]:1\" }], family: ipv4-only, allow: ::1,"
			" timeouts: { idle: 1m }, connections: 99",
			"none" },
		{ "socks5, listen: \"[::]:1\" }]", "socks5, listen: \"[::]:1\" }], threads: 2",
			"relay.threads" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char a[300], b[300];

		snprintf(a, sizeof(a), "relay: { services: [{ type: %s }", cases[i].old);
		snprintf(b, sizeof(b), "relay: { services: [{ type: %s }", cases[i].new);
		struct conf *old = must_parse(a), *new = must_parse(b);
		const char *key = conf_changes_needing_restart(old, new);

		CHECK_TEXT(key ? key : "none", cases[i].want);
		conf_free(old);
		conf_free(new);
	}
}

/* --- on the host --- */

static int no_facts(struct host_facts *ret)
{
	*ret = (struct host_facts){ .has_route4 = false };
	return 0;
}

static int no_interface(const char *ifname, struct addr4 *ret)
{
	return -ENODEV;
}

static const struct {
	const char *text, *resolv, *want;
	unsigned warnings;
} resolver_cases[] = {
	{ "relay: { services: [{ type: socks5, listen: \"[::]:1\" }] }",
		"nameserver 192.0.2.1\nnameserver fe80::1%a\n"
		"nameserver 2001:db8::1\n",
		"192.0.2.1:53 [2001:db8::1]:53", 0 },
	{ "relay: { services: [{ type: socks5, listen: \"[::]:1\" }] }", NULL, "", 1 },
	{ "relay: { services: [{ type: tcp, listen: \"[::]:1\", to: \"[::1]:2\" }] }", NULL, "", 0 },
	{ "relay: { services: [{ type: tcp, listen: \"[::]:1\", to: \"a:2\" }] }", NULL, "", 1 },
	{ "relay: { resolver: 192.0.2.9, services: [{ type: socks5, listen: \"[::]:1\" }] }",
		"nameserver 192.0.2.1\n", "192.0.2.9:53", 0 },
	{ "dns64: { upstream: recursive, listen: [\"[::]:53\", \"0.0.0.0:54\", \"192.0.2.7:53\"] }\n"
	  "relay: { services: [{ type: socks5, listen: \"[::]:1\" }] }",
		"nameserver 192.0.2.1\n", "[::1]:53 127.0.0.1:54 192.0.2.7:53", 0 },
};

TEST(our_own_resolver_is_asked_or_the_systems)
{
	for (size_t i = 0; i < ARRAY_LEN(resolver_cases); i++) {
		struct conf_host host = { no_facts, no_interface, "resolv.conf", resolver_cases[i].resolv,
			NULL };
		struct conf *c = must_parse(resolver_cases[i].text);
		struct conf_errors e;
		char got[300] = "", text[ENDPOINT6_TEXT];

		CHECK_INT(conf_resolve_with(c, &host, &e), 0);
		for (unsigned k = 0; k < c->relay.resolvers_len; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", k > 0 ? " " : "",
				endpoint_text(&c->relay.resolvers[k], text));
		CHECK_TEXT(got, resolver_cases[i].want);
		CHECK_INT(c->warnings.len, resolver_cases[i].warnings);
		conf_errors_fini(&e);
		conf_free(c);
	}
}

TEST(literal_zones_are_known_to_the_resolver_in_every_view)
{
	struct conf *c =
		must_parse("relay:\n"
			   "  allow: ::/0\n"
			   "  services:\n"
			   "  - { type: transparent, listen: \"[::]:3\", literal-zone: v4.example }\n"
			   "  - { type: transparent, listen: \"[::]:4\", literal-zone: V4.example }\n"
			   "dns64:\n"
			   "  views: [{ clients: 192.0.2.0/24 }]\n");

	REQUIRE(c->dns64.views_len == 1);
	CHECK(c->dns64.policy.literals_len == 1 && c->dns64.views[0].policy.literals_len == 1);
	conf_free(c);
}
