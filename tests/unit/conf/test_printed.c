/* conf_print() and conf_changes_needing_restart(): what is printed reads back equal, whatever was configured.
 */
#include "base/bytes.h"
#include "base/random.h"
#include "conf/conf.h"
#include "harness.h"
#include "same.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct conf *must_parse(const char *text)
{
	struct conf *c = NULL;
	struct conf_errors e;
	int r = conf_parse("f.yaml", text, strlen(text), &c, &e);

	if (r == -EINVAL) {
		printf("%s\n", text);
		CHECK_TEXT(e.lines[0], "no fault");
	}
	REQUIRE(r == 0);
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

/* --- random valid configurations --- */

struct maker {
	struct rng rng;
	char text[65536];
	size_t len;
};

static void PRINTF_LIKE(2, 3) say(struct maker *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	m->len += (size_t)vsnprintf(m->text + m->len, sizeof(m->text) - m->len, fmt, args);
	va_end(args);
	REQUIRE(m->len < sizeof(m->text));
}

static uint32_t below(struct maker *m, uint32_t n)
{
	return rng_below(&m->rng, n);
}

static const char *pick(struct maker *m, const char *const *words, size_t n)
{
	return words[below(m, (uint32_t)n)];
}

#define PICK(m, ...)                                                                                         \
	pick(m, (const char *const[]){ __VA_ARGS__ }, ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })))

static void make_prefixes(struct maker *m, const char *key)
{
	static const unsigned lengths[] = { 32, 40, 48, 56, 64, 96 };
	unsigned n = 1 + below(m, 8);

	say(m, "  %s: [", key);
	for (unsigned i = 0; i < n; i++)
		say(m, "%s\"2001:%x::/%u\"", i > 0 ? ", " : "", 0x100 + i, lengths[below(m, 6)]);
	say(m, "]\n");
}

static void make_prefixes4(struct maker *m, const char *key, unsigned max)
{
	unsigned n = below(m, max + 1);

	say(m, "  %s: [", key);
	for (unsigned i = 0; i < n; i++)
		say(m, "%s10.%u.%u.0/24", i > 0 ? ", " : "", i, below(m, 256));
	say(m, "]\n");
}

static void make_pool(struct maker *m)
{
	unsigned n = 1 + below(m, 6);

	say(m, "  pool:\n");
	for (unsigned i = 0; i < n; i++) {
		unsigned lo = 1 + below(m, 1000), hi = lo + 600 + below(m, 60000);
		unsigned kind = below(m, 4);

		if (kind == 0)
			say(m, "  - { interface: %s%u", PICK(m, "eth", "wan-", "br.", "~a", "0x"), i);
		else if (kind == 1)
			say(m, "  - { address: 198.51.%u.7, shared: true", i);
		else
			say(m, "  - { address: 192.%u.2.0/%u", i, 24 + below(m, 9));
		if (below(m, 2))
			say(m, ", ports: %u-%u", lo, hi);
		if (below(m, 2))
			say(m, ", subscribers: [\"2001:%x::/32\", \"2001:%x::/31\"]", 0x100 + 2 * (i / 2),
				0x200 + 2 * (i / 2));
		say(m, " }\n");
	}
}

static void make_statics(struct maker *m)
{
	unsigned n = below(m, 5);

	say(m,
		"  pool: [{ address: 192.0.2.0/24, ports: 1024-65535 }, { address: 198.51.100.7, shared: "
		"true }]\n  static:%s\n",
		n == 0 ? " []" : "");
	for (unsigned i = 0; i < n; i++)
		say(m, "  - { protocol: %s, outside: \"%s:%u\", inside: \"[2001:db8::%x]:%u\" }\n",
			PICK(m, "tcp", "udp", "icmp"), PICK(m, "192.0.2.1", "192.0.2.255", "198.51.100.7"),
			1 + i + 1000 * below(m, 60), i + 1, 1 + below(m, 65535));
}

static void make_lifetimes(struct maker *m)
{
	say(m, "  lifetimes:\n    udp: %us\n    icmp: %ums\n", 120 + below(m, 10000),
		60000 + below(m, 100000));
	if (below(m, 2))
		say(m, "    tcp-established: %uh4m\n    tcp-transitory: %um1s\n", 2 + below(m, 20),
			4 + below(m, 100));
	if (below(m, 2))
		say(m, "    tcp-incoming-syn: %us\n    fragment: %us%ums\n", 6 + below(m, 55),
			2 + below(m, 50), 1 + below(m, 999));
}

static void make_nat64(struct maker *m)
{
	say(m, "nat64:\n  filtering: %s\n", PICK(m, "endpoint-independent", "address-dependent"));
	if (below(m, 2))
		make_prefixes(m, "prefixes");
	if (below(m, 2))
		make_pool(m);
	else if (below(m, 2))
		make_statics(m);
	if (below(m, 2))
		say(m, "  ports-per-block: %u\n  subscriber: %u\n", 64u << below(m, 4), 32 + below(m, 97));
	if (below(m, 2))
		say(m, "  max-blocks-per-subscriber: %u\n  max-sessions: %u\n", 1 + below(m, 65535),
			16 + below(m, 1000000));
	if (below(m, 2))
		make_lifetimes(m);
	if (below(m, 2))
		make_prefixes4(m, "deny", 20);
	if (below(m, 2))
		say(m, "  allow-non-global: %s\n  ftp-alg: %s\n", PICK(m, "true", "false"),
			PICK(m, "true", "false"));
	if (below(m, 2))
		say(m, "  state-file: %s\n", PICK(m, "none", "/s", "\"/var/lib/two words\""));
	if (below(m, 2))
		say(m, "  workers: %s\n  fastpath: %s\n", PICK(m, "auto", "1", "7"),
			PICK(m, "auto", "off", "tc", "xdp"));
	if (below(m, 2))
		say(m, "  fastpath-mode: %s\n  fastpath-flows: %s\n", PICK(m, "auto", "redirect", "route"),
			PICK(m, "auto", "1", "100000"));
	if (below(m, 2))
		say(m, "  fastpath-interfaces: [eth%u, \"wan.7\"]\n", below(m, 10));
}

static void make_views(struct maker *m)
{
	unsigned n = below(m, 4);

	say(m, "  views:%s\n", n == 0 ? " []" : "");
	for (unsigned i = 0; i < n; i++) {
		say(m, "  - clients: [\"2001:%x::/32\", 10.%u.0.0/16]\n", 0x100 + i, i);
		if (below(m, 2))
			say(m, "    prefixes: [%s]\n    exclude-a: [10.0.0.0/8]\n",
				PICK(m, "", "64:ff9b::/96", "2001:db8::/32, 2001:db8:1::/48"));
		if (below(m, 2))
			say(m, "    ranges: [%s]\n    never-synthesize: [%s]\n",
				PICK(m, "", "10.0.0.0/8 via 2001:db8::/32"),
				PICK(m, "", "a.example", "c, d"));
		if (below(m, 2))
			say(m, "    ptr: %s\n    allow-non-global: %s\n    exclude-aaaa: []\n",
				PICK(m, "cname", "direct"), PICK(m, "true", "false"));
	}
}

static void make_dns64(struct maker *m)
{
	say(m, "dns64:\n  dnssec: %s\n", PICK(m, "validate", "off"));
	if (below(m, 2))
		say(m, "  answer-cache: %u\n", below(m, 1u << 24));
	if (below(m, 2))
		say(m, "  random-case: %s\n", PICK(m, "true", "false"));
	if (below(m, 2))
		say(m, "  connections: %u\n", 16 + below(m, 11985));
	if (below(m, 2))
		say(m, "  cache-size: %u\n", 8 + below(m, 4096));
	if (below(m, 2))
		say(m, "  threads: %s\n", PICK(m, "auto", "1", "16"));
	if (below(m, 2))
		say(m, "  fastpath: %s\n  fastpath-interfaces: [eth%u, \"lan.7\"]\n",
			PICK(m, "off", "auto", "xdp"), below(m, 10));
	if (below(m, 2))
		say(m, "  listen: [\"[2001:db8::%x]:%u\", \"192.0.2.%u:53\"]\n", 2 + below(m, 65534),
			1024 + below(m, 64512), 2 + below(m, 254)); /* 853 is for TLS only */
	if (below(m, 2))
		say(m, "  allow: [\"2001:db8:%x::/48\", 10.%u.0.0/16, ::/0]\n", below(m, 65536),
			below(m, 256));
	if (below(m, 2))
		say(m, "  upstream: [%s]\n",
			PICK(m, "system", "recursive", "198.51.100.53, \"[2001:db8::53]:5353\"",
				"9.9.9.9, \"[2620:fe::9]:8853\"",
				"\"tls://9.9.9.9#dns.quad9.net\", \"tls://[2620:fe::9]:8853#a.example\""));
	if (below(m, 2))
		say(m, "  upstream-ca: /etc/authority%u.pem\n", below(m, 100));
	if (below(m, 2))
		make_prefixes(m, "prefixes");
	if (below(m, 2))
		make_prefixes4(m, "exclude-a", 20);
	if (below(m, 2))
		say(m, "  exclude-aaaa: [%s]\n",
			PICK(m, "", "::ffff:0:0/96", "\"::/0\"", "2001:db8::/32, fc00::/7"));
	if (below(m, 2))
		say(m, "  allow-non-global: %s\n  ptr: %s\n", PICK(m, "true", "false"),
			PICK(m, "cname", "direct"));
	if (below(m, 2))
		say(m, "  ranges: [%s]\n  never-synthesize: [%s]\n  always-synthesize: [%s]\n",
			PICK(m, "", "10.0.0.0/8 via 2001:db8::/32, 10.0.0.0/8 via 2001:db8:1::/48"),
			PICK(m, "", ".", "A.example, _b.c-d"), PICK(m, "", "e", "\"0.f\""));
	if (below(m, 2))
		say(m, "  forward: [%s]\n  negative-trust-anchors: [%s]\n  serve-stale: { keep: %us }\n",
			PICK(m, "", "{ domain: corp.example, to: 203.0.113.1 }",
				"{ domain: b, to: \"tls://203.0.113.1:8853#dns.b\" }",
				"{ domain: ., to: [\"192.0.2.1:5353\", \"2001:db8::1\"], dnssec: off }, { "
				"domain: a, "
				"to: 203.0.113.1 }"),
			PICK(m, "", "Broken.example, b"), below(m, 86400));
	if (below(m, 2))
		say(m, "  local: [%s]\n  block: { nxdomain: [%s], refuse: [%s] }\n  hosts-file: %s\n",
			PICK(m, "", "{ name: a.b, addresses: [192.168.1.5, \"2001:db8::5\"] }",
				"{ name: a, addresses: 10.0.0.1 }, { name: a, addresses: 10.0.0.2 }, { name: "
				"A, "
				"addresses: 10.0.0.1 }"),
			PICK(m, "", "ads.example, x"), PICK(m, "", "y.ads.example"),
			PICK(m, "none", "/etc/hosts", "\"/with space\""));
	if (below(m, 2))
		make_views(m);
}

static void make_service(struct maker *m)
{
	if (below(m, 2))
		say(m, "control: { socket: %s, metrics: %s }\n",
			PICK(m, "/s", "\"/with space\"", "\"/quote\\\"and\\\\slash: #\"", "\"/null\"",
				"'/{}[]&*!'"),
			PICK(m, "off", "\"off\"", "\"[::1]:9964\"", "\"[::]:1\"", "\"192.0.2.1:65535\""));
	if (below(m, 2))
		say(m,
			"log: { level: %s, to: [%s], queries: { %s, client: %s, names: %s "
			"} }\n",
			PICK(m, "error", "warning", "info", "debug"),
			PICK(m, "stderr", "journal, syslog", "stderr, syslog, journal"),
			PICK(m, "to: []", "to: file", "to: [file], format: dnstap",
				"to: collector, format: dnstap, collector: /run/x.sock"),
			PICK(m, "full", "prefix", "none"), PICK(m, "full", "none"));
}

static void make_conf(struct maker *m)
{
	unsigned parts = below(m, 3);

	m->len = 0;
	if (parts != 1)
		make_nat64(m);
	make_service(m);
	if (parts != 0)
		make_dns64(m);
}

TEST(random_configurations_read_back_equal)
{
	static struct maker m;

	rng_init(&m.rng, test_seed());
	for (unsigned i = 0; i < 1500; i++) {
		make_conf(&m);
		struct conf *c = must_parse(m.text);
		char *text = print(c);
		struct conf *again = must_parse(text);
		char *text_again = print(again);

		if (!CHECK(same_conf(c, again)))
			printf("%s\n---\n%s\n", m.text, text);
		CHECK_TEXT(text_again, text);
		CHECK(conf_changes_needing_restart(c, again) == NULL);
		bool has_interface = false;

		for (unsigned p = 0; p < c->nat64.state.pool_len; p++)
			has_interface = has_interface || c->pool_source[p].interface[0];
		/* What check accepts, the translator accepts. */
		if (c->has_nat64 && !has_interface && !CHECK(state_config_validate(&c->nat64.state)))
			printf("%s\n", m.text);
		conf_free(c);
		conf_free(again);
		free(text);
		free(text_again);
	}
}

TEST(the_built_in_configuration_reads_back_equal)
{
	struct conf *c, *again;

	REQUIRE(conf_default(&c) == 0);
	char *text = print(c);

	again = must_parse(text);
	CHECK(same_conf(c, again));
	free(text);
	conf_free(c);
	conf_free(again);
}

TEST(a_full_configuration_stays_below_the_size_limit)
{
	size_t room = 1 << 20, len = 0;
	char *text = malloc(room);

	REQUIRE(text != NULL);
	len += (size_t)snprintf(text, room, "nat64:\n  pool: [{ address: 203.0.113.0/24 }]\n  static:\n");
	for (unsigned i = 0; i < 4096; i++)
		len += (size_t)snprintf(text + len, room - len,
			"  - { protocol: icmp, outside: \"203.0.113.%u:%u\", inside: "
			"\"[2001:db8:1111:2222:3333:4444:5555:%x]:%u\" }\n",
			100 + i % 100, 20000 + i, i + 1, 60000 + i % 5000);
	struct conf *c = must_parse(text);
	char *printed = print(c);
	struct conf *again = must_parse(printed);

	CHECK_INT(again->nat64.state.statics_len, 4096);
	CHECK(same_conf(c, again));
	conf_free(c);
	conf_free(again);
	free(printed);
	free(text);
}

TEST(an_output_that_fails_is_reported)
{
	struct conf *c;
	FILE *full = fopen("/dev/full", "w");

	REQUIRE(full != NULL);
	REQUIRE(conf_default(&c) == 0);
	CHECK_INT(conf_print(c, full), -EIO);
	fclose(full);
	conf_free(c);
}

#define BASE_POOL "pool: [{ address: 192.0.2.2 }]"
static const struct {
	const char *old, *new, *want;
} change_cases[] = {
	{ "nat64:", "nat64:\ndns64:", "dns64" },
	{ "nat64:\ndns64:", "dns64:", "nat64" },
	{ "nat64:", "nat64: { prefixes: [2001:db8::/96] }", NULL },
	{ "nat64:", "nat64: { " BASE_POOL " }", NULL },
	{ "nat64: { " BASE_POOL " }",
		"nat64: { pool: [{ address: 192.0.2.2, shared: true, ports: 1024-65535 }] }", NULL },
	{ "nat64: { " BASE_POOL " }", "nat64: { pool: [{ address: 192.0.2.2, ports: 1024-65534 }] }", NULL },
	{ "nat64:", "nat64: { ports-per-block: 256 }", "nat64.ports-per-block" },
	{ "nat64:", "nat64: { subscriber: 56 }", "nat64.subscriber" },
	{ "nat64:", "nat64: { max-sessions: 1000 }", NULL },
	{ "nat64: { " BASE_POOL " }",
		"nat64: { " BASE_POOL
		", static: [{ protocol: tcp, outside: \"192.0.2.2:80\", inside: \"[2001:db8::1]:80\" }] }",
		NULL },
	{ "nat64:", "nat64: { workers: 1 }", "nat64.workers" },
	{ "nat64:", "nat64: { fastpath-flows: 64 }", "nat64.fastpath-flows" },
	{ "nat64:", "nat64: { fastpath-mode: route, fastpath-interfaces: eth0 }", NULL },
	{ "dns64:", "dns64: { listen: \"[::]:53\" }", "dns64.listen" },
	{ "dns64:", "dns64: { upstream: recursive }", "dns64.upstream" },
	{ "dns64:", "dns64: { dnssec: off }", "dns64.dnssec" },
	{ "dns64:", "dns64: { random-case: true }", "dns64.random-case" },
	{ "dns64:", "dns64: { threads: 2 }", "dns64.threads" },
	{ "dns64:", "dns64: { cache-size: 64 }", "dns64.cache-size" },
	{ "dns64:", "dns64: { forward: [{ domain: a.example, to: 192.0.2.1 }] }", "dns64.forward" },
	{ "dns64: { forward: [{ domain: a.example, to: 192.0.2.1 }] }",
		"dns64: { forward: [{ domain: a.example, to: 192.0.2.1, dnssec: off }] }", "dns64.forward" },
	{ "dns64:", "dns64: { negative-trust-anchors: a.example }", "dns64.negative-trust-anchors" },
	{ "dns64:", "dns64: { serve-stale: { keep: 1d } }", "dns64.serve-stale.keep" },
	{ "dns64:",
		"dns64: { local: [{ name: a, addresses: 192.0.2.1 }], hosts-file: /etc/hosts, block: { "
		"refuse: b } }",
		NULL },
	{ "dns64:", "dns64: { fastpath: auto, fastpath-interfaces: [eth0] }", "dns64.fastpath" },
	{ "dns64:", "dns64: { fastpath-interfaces: [eth0] }", "dns64.fastpath-interfaces" },
	{ "nat64:", "nat64:\ncontrol: { socket: /s }", "control.socket" },
	{ "nat64:", "nat64:\ncontrol: { metrics: off }", "control.metrics" },
	{ "nat64:", "nat64:\ncontrol: { metrics: \"[::1]:9965\" }", "control.metrics" },
	{ "nat64:", "nat64:\ncontrol: { metrics: \"[::1]:9964\" }", NULL },
	{ "nat64:", "nat64:\nlog: { to: syslog }", "log.to" },
	{ "dns64:", "dns64:\nlog: { queries: { to: file } }", "log.queries.to" },
	{ "dns64:", "dns64:\nlog: { queries: { client: none, names: none } }", NULL },
	{ "nat64:",
		"nat64: { max-blocks-per-subscriber: 4, filtering: address-dependent, fastpath: off, "
		"allow-non-global: true }",
		NULL },
	{ "nat64:", "nat64: { lifetimes: { udp: 2m, icmp: 2m }, deny: [] }\nlog: { level: debug }", NULL },
	{ "dns64:",
		"dns64: { allow: ::/0, prefixes: 2001:db8::/96, exclude-a: 10.0.0.0/8, exclude-aaaa: [], "
		"allow-non-global: true }",
		NULL },
	{ "nat64:", "nat64:", NULL },
};

TEST(the_first_change_that_needs_a_restart_is_named)
{
	for (size_t i = 0; i < ARRAY_LEN(change_cases); i++) {
		struct conf *old = must_parse(change_cases[i].old), *new = must_parse(change_cases[i].new);
		const char *there = conf_changes_needing_restart(old, new),
			   *back = conf_changes_needing_restart(new, old);

		test_row(change_cases[i].new);
		CHECK_TEXT(there ? there : "none", change_cases[i].want ? change_cases[i].want : "none");
		CHECK_TEXT(back ? back : "none", change_cases[i].want ? change_cases[i].want : "none");
		conf_free(old);
		conf_free(new);
	}
}
