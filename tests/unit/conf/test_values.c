/* What a configuration means: defaults, every key of the contract, and what one section takes over from
 * another. */
#include "addr/embed.h"
#include "base/bytes.h"
#include "conf/conf.h"
#include "conf/key.h"
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
	CHECK_INT(e.len, 0);
	return c;
}

static void check_endpoint(const struct endpoint *e, const char *want)
{
	char text[ENDPOINT6_TEXT];

	CHECK_TEXT(
		e->is4 ? endpoint4_text(e->a4, e->port, text) : endpoint6_text(e->a6, e->port, text), want);
}

static void check_prefix6(struct prefix6 p, const char *want)
{
	char text[PREFIX6_TEXT];

	CHECK_TEXT(prefix6_text(p, text), want);
}

static void check_prefix4(struct prefix4 p, const char *want)
{
	char text[PREFIX4_TEXT];

	CHECK_TEXT(prefix4_text(p, text), want);
}

static void check_allow(const struct prefix *p, const char *want)
{
	if (p->is4)
		check_prefix4(p->p4, want);
	else
		check_prefix6(p->p6, want);
}

static void check_default_nat64(const struct conf *c)
{
	const struct state_config *s = &c->nat64.state;
	struct state_config standard;

	CHECK_INT(c->nat64.prefixes_len, 1);
	check_prefix6(c->nat64.prefixes[0], "64:ff9b::/96");
	CHECK_INT(s->pool_len, 1);
	CHECK_TEXT(c->pool_source[0].interface, "auto");
	CHECK(s->pool[0].lo == 49152 && s->pool[0].hi == 65535 && s->pool[0].is_shared);
	CHECK_INT(c->nat64.deny_len, 5);
	check_prefix4(c->nat64.deny[0], "0.0.0.0/8");
	check_prefix4(c->nat64.deny[4], "240.0.0.0/4");
	CHECK(!c->nat64.allow_non_global && c->nat64.ftp_alg);
	CHECK_INT(c->workers, 0);
	CHECK_TEXT(c->state_file, "/var/lib/isthmus/sessions");
	/* The two modules that know the contract's values have to agree. */
	state_config_default(&standard);
	CHECK(same_state(s, &standard));
}

static void check_default_dns64(const struct dns64_config *d)
{
	CHECK_INT(d->listen_len, 2);
	check_endpoint(&d->listen[0], "[::]:53");
	check_endpoint(&d->listen[1], "0.0.0.0:53");
	CHECK_INT(d->allow_len, 4);
	check_allow(&d->allow[0], "::1/128");
	check_allow(&d->allow[1], "fc00::/7");
	check_allow(&d->allow[2], "2001:db8::/32");
	check_allow(&d->allow[3], "127.0.0.0/8");
	CHECK_INT(d->upstream_mode, UPSTREAM_SYSTEM);
	CHECK_INT(d->policy.prefixes_len, 1);
	check_prefix6(d->policy.prefixes[0], "64:ff9b::/96");
	CHECK_INT(d->policy.exclude_aaaa_len, 1);
	check_prefix6(d->policy.exclude_aaaa[0], "::ffff:0.0.0.0/96");
	CHECK_INT(d->policy.exclude_a_len, 0);
	CHECK(d->dnssec_validate && !d->policy.allow_non_global);
	CHECK_INT(d->answer_cache, 100000);
	CHECK_INT(d->threads, 0);
	CHECK_INT(d->cache_mib, 256);
	CHECK_INT(d->fastpath, DNS64_FASTPATH_OFF);
	CHECK_INT(d->fastpath_interfaces_len, 0);
}

static void check_default_service(const struct conf *c)
{
	CHECK_TEXT(c->control.socket, "/run/isthmus/control.sock");
	CHECK(c->control.metrics.is_on);
	check_endpoint(&c->control.metrics.at, "[::1]:9964");
	CHECK_INT(c->log.level, LOG_LEVEL_INFO);
	CHECK_INT(c->log.sinks, LOG_TO_STDERR);
}

TEST(without_a_file_all_four_sections_have_the_values_of_the_contract)
{
	struct conf *c;

	REQUIRE(conf_default(&c) == 0);
	CHECK(c->has_nat64 && c->has_dns64);
	check_default_nat64(c);
	check_default_dns64(&c->dns64);
	check_default_service(c);
	CHECK_INT(c->warnings.len, 0);
	conf_free(c);
}

TEST(empty_sections_have_the_values_of_the_contract)
{
	struct conf *c = must_parse("nat64:\ndns64: {}\ncontrol: ~\nlog:\n"), *standard;

	REQUIRE(conf_default(&standard) == 0);
	CHECK(same_conf(c, standard));
	conf_free(c);
	conf_free(standard);
}

TEST(a_section_left_out_is_off_and_control_and_log_have_defaults)
{
	struct conf *c = must_parse("nat64: { workers: 64 }\n");

	CHECK(c->has_nat64 && !c->has_dns64);
	CHECK_INT(c->workers, 64);
	check_default_service(c);
	conf_free(c);
	c = must_parse("dns64:\n");
	CHECK(!c->has_nat64 && c->has_dns64);
	check_default_dns64(&c->dns64);
	conf_free(c);
}

/* The contract's own text, less what this version refuses. */
static const char contract[] =
	"nat64:                                  # (default) stateful NAT64\n"
	"  prefixes: [64:ff9b::/96]              # RFC 6052, any of the six lengths; several allowed\n"
	"  pool:                                 # IPv4 transport addresses to lend out\n"
	"    - address: 192.0.2.2                # one address, or a prefix such as 203.0.113.0/28\n"
	"      ports: 1024-65535                 # also the range of ICMP identifiers\n"
	"  ports-per-block: 512\n"
	"  subscriber: 64\n"
	"  max-blocks-per-subscriber: 8\n"
	"  filtering: endpoint-independent       # or: address-dependent\n"
	"  max-sessions: 1000000\n"
	"  static:                               # reachable from the IPv4 side at any time\n"
	"    - { protocol: udp, outside: \"192.0.2.2:2000\", inside: \"[2001:db8::5]:2000\" }\n"
	"    - { protocol: icmp, outside: \"192.0.2.2:1\", inside: \"[2001:db8::5]:1\" }\n"
	"  lifetimes: { udp: 5m, tcp-established: 2h4m, tcp-transitory: 4m, tcp-incoming-syn: 6s, icmp: 1m, "
	"fragment: 2s }\n"
	"  deny: [0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/4, 240.0.0.0/4]\n"
	"  workers: auto\n"
	"  fastpath: auto                        # auto | xdp | tc | off\n"
	"dns64:                                  # (default) on the host's addresses\n"
	"  listen: [\"[::]:53\", \"0.0.0.0:53\"]\n"
	"  allow: [::1/128, fc00::/7, \"2001:db8::/32\"]\n"
	"  upstream: [system]\n"
	"  prefixes: [64:ff9b::/96]\n"
	"  exclude-aaaa: [::ffff:0:0/96]\n"
	"  exclude-a: []\n"
	"  dnssec: validate                      # or: off\n"
	"control:                                # (default)\n"
	"  socket: /run/isthmus/control.sock\n"
	"  metrics: \"[::1]:9964\"                 # Prometheus text, and the status page\n"
	"log:\n"
	"  level: info\n"
	"  to: [stderr]                          # stderr | syslog | journal\n";

TEST(the_contract_works_as_written)
{
	struct conf *c = must_parse(contract);
	const struct state_config *s = &c->nat64.state;

	CHECK_INT(c->dns64.allow_len, 3);
	check_allow(&c->dns64.allow[0], "::1/128");
	check_prefix6(c->dns64.policy.exclude_aaaa[0], "::ffff:0.0.0.0/96");
	CHECK_INT(s->statics_len, 2);
	CHECK(s->statics[1].proto == PROTO_ICMP && s->statics[1].out.v == 0xc0000202 &&
		s->statics[1].out_port == 1);
	CHECK(s->statics[0].in_port == 2000 && s->statics[0].in.lo == 5);
	CHECK(state_config_validate(s));
	CHECK_INT(c->warnings.len, 0);
	conf_free(c);
}

TEST(a_static_port_outside_the_ranges_becomes_a_pool_entry_of_its_own)
{
	struct conf *c = must_parse(contract);
	const struct state_config *s = &c->nat64.state;

	REQUIRE(s->pool_len == 2);
	CHECK(!c->pool_source[0].is_implied && c->pool_source[1].is_implied);
	CHECK(s->pool[1].lo == 1 && s->pool[1].hi == 1 && !s->pool[1].is_shared);
	check_prefix4(s->pool[1].prefix, "192.0.2.2/32");
	conf_free(c);
}

TEST(pool_entries_have_the_ports_of_their_kind)
{
	struct conf *c = must_parse("nat64:\n  pool:\n"
				    "    - address: 203.0.113.0/28\n"
				    "    - { address: 198.51.100.7, shared: true }\n"
				    "    - interface: wan0\n"
				    "    - { interface: auto, ports: 2048-4095 }\n");
	const struct pool_entry *p = c->nat64.state.pool;

	CHECK_INT(c->nat64.state.pool_len, 4);
	CHECK(p[0].lo == 1024 && p[0].hi == 65535 && !p[0].is_shared);
	CHECK(p[1].lo == 49152 && p[1].hi == 65535 && p[1].is_shared);
	CHECK(p[2].lo == 49152 && p[2].hi == 65535 && p[2].is_shared);
	CHECK(p[3].lo == 2048 && p[3].hi == 4095 && p[3].is_shared);
	CHECK_TEXT(c->pool_source[2].interface, "wan0");
	CHECK_INT(c->pool_source[3].line, 6);
	conf_free(c);
}

TEST(one_address_may_stand_twice_with_different_ports)
{
	struct conf *c = must_parse("nat64:\n  pool:\n"
				    "    - { address: 203.0.113.0/28, ports: 1024-32767 }\n"
				    "    - { address: 203.0.113.0/24, ports: 32768-65535 }\n"
				    "    - { interface: wan0, ports: 2048-4095 }\n"
				    "    - { interface: wan0, ports: 4096-8191 }\n");

	CHECK_INT(c->nat64.state.pool_len, 4);
	conf_free(c);
}

static const struct {
	const char *text, *endpoint;
} upstream_cases[] = {
	{ "192.0.2.53", "192.0.2.53:53" },
	{ "192.0.2.53:5353", "192.0.2.53:5353" },
	{ "2001:db8::53", "[2001:db8::53]:53" },
	{ "[2001:db8::53]", "[2001:db8::53]:53" },
	{ "[2001:db8::53]:5353", "[2001:db8::53]:5353" },
	{ "127.0.0.1:5353", "127.0.0.1:5353" },
	{ "127.0.0.53", "127.0.0.53:53" },
};

TEST(upstreams_are_addresses_with_port)
{
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(upstream_cases); i++) {
		test_row(upstream_cases[i].text);
		snprintf(text, sizeof(text), "dns64: { upstream: [\"%s\"] }\n", upstream_cases[i].text);
		struct conf *c = must_parse(text);

		CHECK_INT(c->dns64.upstream_mode, UPSTREAM_FORWARD);
		CHECK_INT(c->dns64.upstream_len, 1);
		check_endpoint(&c->dns64.upstream[0].to, upstream_cases[i].endpoint);
		CHECK(!c->dns64.upstream[0].tls);
		conf_free(c);
	}
}

TEST(a_single_value_is_a_list_of_one)
{
	struct conf *c =
		must_parse("dns64:\n  upstream: recursive\n  listen: \"[::1]:5353\"\nlog: { to: journal }\n");

	CHECK_INT(c->dns64.upstream_mode, UPSTREAM_RECURSIVE);
	CHECK_INT(c->dns64.listen_len, 1);
	check_endpoint(&c->dns64.listen[0], "[::1]:5353");
	CHECK_INT(c->log.sinks, LOG_TO_JOURNAL);
	conf_free(c);
}

static const struct {
	const char *text;
	nsec want;
} duration_cases[] = {
	{ "120s", 120 * NSEC },
	{ "2m0s", 120 * NSEC },
	{ "2h4m", 7440 * NSEC },
	{ "1d2h3m4s5ms", 93784 * NSEC + 5 * MSEC },
	{ "120000ms", 120 * NSEC },
	{ "30d", 2592000 * NSEC },
};

TEST(lifetimes_have_units)
{
	char text[100];

	for (size_t i = 0; i < ARRAY_LEN(duration_cases); i++) {
		test_row(duration_cases[i].text);
		snprintf(text, sizeof(text), "nat64: { lifetimes: { udp: %s } }\n", duration_cases[i].text);
		struct conf *c = must_parse(text);

		CHECK_INT(c->nat64.state.lifetime[LIFETIME_UDP], duration_cases[i].want);
		CHECK_INT(c->nat64.state.lifetime[LIFETIME_ICMP], 60 * NSEC);
		conf_free(c);
	}
}

TEST(dns64_takes_over_prefixes_and_non_global_from_nat64)
{
	struct conf *c = must_parse(
		"dns64:\nnat64:\n  prefixes: [2001:db8:64::/96, 64:ff9b::/96]\n  allow-non-global: true\n");

	CHECK_INT(c->dns64.policy.prefixes_len, 2);
	check_prefix6(c->dns64.policy.prefixes[0], "2001:db8:64::/96");
	CHECK(c->dns64.policy.allow_non_global);
	CHECK_INT(c->warnings.len, 0);
	conf_free(c);
}

static const struct {
	const char *name, *text, *want;
} warning_cases[] = {
	{ "prefix not routed", "nat64:\ndns64:\n  prefixes: [2001:db8:64::/96]\n",
		"f.yaml:3: dns64.prefixes: 2001:db8:64::/96 is not in nat64.prefixes, so another translator "
		"has to route it; else add it there" },
	{ "synthesized but dropped", "nat64:\ndns64:\n  allow-non-global: true\n",
		"f.yaml:3: dns64.allow-non-global: nat64.allow-non-global is false, so the translator drops "
		"what is synthesized from private addresses; write the same in both" },
	{ "translated but not synthesized",
		"nat64: { allow-non-global: true }\ndns64:\n  allow-non-global: false\n",
		"f.yaml:3: dns64.allow-non-global: nat64.allow-non-global is true, but nothing is "
		"synthesized from private addresses; write the same in both" },
	{ "clients that are refused",
		"dns64:\n  allow: [\"2001:db8::/32\"]\n  views:\n  - { clients: [\"2001:db8:1::/48\", "
		"10.0.0.0/8] }\n",
		"f.yaml:4: dns64.views[0]: 10.0.0.0/8 is not in dns64.allow, so these clients are refused, "
		"add it "
		"there" },
	{ "a range that is not routed", "nat64:\ndns64:\n  ranges: [10.0.0.0/8 via 2001:db8:64::/96]\n",
		"f.yaml:3: dns64.ranges: 2001:db8:64::/96 is not in nat64.prefixes, so another translator "
		"has to "
		"route it; else add it there" },
	{ "denied pool", "nat64:\n  pool:\n    - address: 10.1.0.1\n  deny: [10.0.0.0/8]\n",
		"f.yaml:3: nat64.pool[0]: nat64.deny has 10.0.0.0/8, so IPv6 hosts cannot reach each other "
		"through this address, remove one of them" },
};

TEST(what_a_view_leaves_out_is_as_in_dns64)
{
	struct conf *c = must_parse("nat64: { prefixes: [\"2001:db8:64::/96\"] }\n"
				    "dns64:\n"
				    "  views:\n"
				    "  - clients: [\"2001:db8:1::/48\", 192.0.2.0/24]\n"
				    "    exclude-a: [10.0.0.0/8]\n"
				    "    ptr: cname\n"
				    "  - clients: \"2001:db8:2::/48\"\n"
				    "    prefixes: []\n"
				    "    never-synthesize: []\n"
				    "    allow-non-global: true\n"
				    "  allow: [\"::/0\", 0.0.0.0/0]\n"
				    "  ptr: direct\n"
				    "  exclude-a: [192.168.0.0/16]\n"
				    "  ranges: 10.0.0.0/8 via 2001:db8:65::/96\n"
				    "  never-synthesize: [Corp.Example., _x.y]\n"
				    "  always-synthesize: .\n");
	const struct dns64_view *v = c->dns64.views;
	char text[DNS_NAME_TEXT];

	REQUIRE(c->dns64.views_len == 2);
	CHECK_INT(v[0].clients_len, 2);
	CHECK(v[0].clients[1].is4);
	CHECK_INT(v[0].policy.prefixes_len, 1);
	check_prefix6(v[0].policy.prefixes[0], "2001:db8:64::/96"); /* by way of nat64 */
	CHECK_INT(v[0].policy.exclude_a_len, 1);
	CHECK_INT(v[0].policy.exclude_a[0].addr.v, 0x0a000000);
	CHECK_INT(v[0].policy.exclude_aaaa_len, 1);
	CHECK(!v[0].policy.ptr_is_direct && v[1].policy.ptr_is_direct);
	CHECK(!v[0].policy.allow_non_global && v[1].policy.allow_non_global);
	CHECK_INT(v[0].policy.never_len, 2);
	CHECK_TEXT(dns_name_text(&v[0].policy.never[0], text), "Corp.Example.");
	CHECK_INT(v[0].policy.always[0].len, 1);
	CHECK_INT(v[1].policy.prefixes_len, 0);
	CHECK_INT(v[1].policy.never_len, 0);
	CHECK_INT(v[1].policy.exclude_a[0].addr.v, 0xc0a80000);
	check_prefix6(v[1].policy.ranges[0].prefix, "2001:db8:65::/96");
	conf_free(c);
}

TEST(what_works_but_looks_like_a_mistake_is_a_warning)
{
	for (size_t i = 0; i < ARRAY_LEN(warning_cases); i++) {
		test_row(warning_cases[i].name);
		struct conf *c = must_parse(warning_cases[i].text);

		REQUIRE(c->warnings.len == 1);
		CHECK_TEXT(c->warnings.lines[0], warning_cases[i].want);
		conf_free(c);
	}
}

static const struct {
	const char *text;
	unsigned len;
} colon_cases[] = {
	{ "dns64: { allow: [::1/128] }\n", 1 },
	{ "dns64: { allow: [::/0] }\n", 1 },
	{ "dns64: { allow: [fc00::/7,::1,::2 , ::3\n, ::4] } # [::5]\n", 5 },
	{ "# \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 [::9]\ndns64: { allow: [\n  ::1, # \xc3\xa4 ::7\n  ::2] "
	  "}\n",
		2 },
	{ "dns64:\n  allow:\n  - ::1\n  - ::2/127\n", 2 },
	{ "dns64: { allow: [::1], listen: [\"[::1]:53\", '[::2]:53'] }\n", 1 },
};

TEST(addresses_that_begin_with_colons_are_values_inside_brackets)
{
	for (size_t i = 0; i < ARRAY_LEN(colon_cases); i++) {
		test_row(colon_cases[i].text);
		struct conf *c = must_parse(colon_cases[i].text);

		CHECK_INT(c->dns64.allow_len, colon_cases[i].len);
		CHECK(!c->dns64.allow[0].is4);
		conf_free(c);
	}
}

static const struct {
	const char *text, *endpoint; /* NULL: off */
} metrics_cases[] = {
	{ "off", NULL },
	{ "\"off\"", NULL },
	{ "\"[::1]:9964\"", "[::1]:9964" },
	{ "\"[2001:db8::1]:80\"", "[2001:db8::1]:80" },
	{ "\"0.0.0.0:9100\"", "0.0.0.0:9100" },
};

TEST(metrics_have_an_endpoint_or_are_off)
{
	for (size_t i = 0; i < ARRAY_LEN(metrics_cases); i++) {
		char text[100];

		test_row(metrics_cases[i].text);
		snprintf(text, sizeof(text), "nat64:\ncontrol: { metrics: %s }\n", metrics_cases[i].text);
		struct conf *c = must_parse(text);
		CHECK_INT(c->control.metrics.is_on, metrics_cases[i].endpoint != NULL);
		if (metrics_cases[i].endpoint)
			check_endpoint(&c->control.metrics.at, metrics_cases[i].endpoint);
		conf_free(c);
	}
}

TEST(entries_with_the_same_subscribers_are_one_pool)
{
	struct conf *c = must_parse("nat64:\n  pool:\n"
				    "    - { address: 192.0.2.2 }\n"
				    "    - { address: 192.0.2.3, subscribers: [\"2001:db8:1::/56\", "
				    "\"2001:db8:2::/56\"], deterministic-blocks: 1 }\n"
				    "    - { address: 192.0.2.8/30, subscribers: [\"2001:db8:2::/56\", "
				    "\"2001:db8:1::/56\"], deterministic-blocks: 1 }\n"
				    "    - { address: 192.0.2.4, subscribers: \"2001:db8:1:1::/64\" }\n"
				    "  static: [{ protocol: udp, outside: \"192.0.2.4:80\", inside: "
				    "\"[2001:db8:1:1::1]:80\" }]\n");
	const struct state_config *s = &c->nat64.state;

	CHECK_INT(s->pool_len, 5);
	CHECK_INT(s->pool[0].pool, 0);
	CHECK_INT(s->pool[1].pool, 1);
	CHECK_INT(s->pool[2].pool, 1);
	CHECK_INT(s->pool[3].pool, 2);
	CHECK_INT(s->pool[4].pool, 2); /* the port of the static binding */
	CHECK_INT(s->members_len, 3);
	check_prefix6(s->members[1].prefix, "2001:db8:2::/56");
	CHECK_INT(s->members[1].pool, 1);
	check_prefix6(s->members[2].prefix, "2001:db8:1:1::/64");
	CHECK_INT(s->fixed_blocks[1], 1);
	CHECK_INT(s->fixed_blocks[2], 0);
	CHECK(state_config_validate(s));
	conf_free(c);
}
