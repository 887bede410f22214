/* test_engine_config.c - the text that libunbound is configured with */
#include "harness.h"

#include "dns64/engine_config.h"

#include <stdlib.h>
#include <string.h>

static bool is_uncached;

static char *text_of(const struct dns64_config *c, const char *reserved)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	REQUIRE(f != NULL);
	static const struct engine_config_ports ports = { .upstream = { 40001, 40002 },
		.forward = { { 0 }, { 40003, 40001 } } };

	engine_config_write(f, c, &(struct engine_config_host){ 1, reserved, &ports, 100, is_uncached });
	fclose(f);
	return text;
}

static void check_has(const struct dns64_config *c, const char *reserved, const char *part, bool want)
{
	char *text = text_of(c, reserved);

	test_row(part);
	CHECK((strstr(text, part) != NULL) == want);
	test_row(NULL);
	free(text);
}

static const struct dns64_config forward = {
	.upstream_mode = UPSTREAM_FORWARD,
	.upstream_len = 2,
	.upstream = {
		{ .to = { .is4 = true, .a4 = { 0xc0000235 }, .port = 5353 } },
		{ .to = { .a6 = { UINT64_C(0x20010db800000000), 1 }, .port = 53 } },
	},
};

TEST(reserved_ports_of_the_kernel_are_never_asked_from)
{
	check_has(&forward, "", "outgoing-port-avoid", false);
	check_has(&forward, "\n", "outgoing-port-avoid", false);
	check_has(&forward, "49152-65535\n", " outgoing-port-avoid: 49152-65535\n", true);
	check_has(&forward, "8080,49152-65535\n",
		" outgoing-port-avoid: 8080\n outgoing-port-avoid: 49152-65535\n", true);
	check_has(&forward, "\"; include: x", "include", false);
}

TEST(questions_are_in_random_case_only_if_so_configured)
{
	struct dns64_config c = forward;

	check_has(&c, "", " use-caps-for-id: no\n", true);
	c.random_case = true;
	check_has(&c, "", " use-caps-for-id: yes\n", true);
}

TEST(everything_is_forwarded_if_so_configured_private_names_too)
{
	check_has(&forward, "", "forward-zone:\n name: \".\"\n", true);
	check_has(&forward, "", " forward-addr: \"192.0.2.53@5353\"\n", true);
	check_has(&forward, "", " forward-addr: \"2001:db8::1@53\"\n", true);
	check_has(&forward, "", " unblock-lan-zones: yes\n", true);
	check_has(&forward, "", " local-zone: \"home.arpa.\" nodefault\n", true);
	check_has(&forward, "", "tls", false);
	check_has(&forward, "", " edns-buffer-size: 1232\n", true); /* RFC 6891 s6.2.3 */
	check_has(&forward, "", "root-hints", false);
	check_has(&forward, "", " do-not-query-localhost: yes\n", true);
}

TEST(a_loopback_upstream_is_asked_if_it_is_configured)
{
	struct dns64_config c = forward;

	c.upstream[1].to.a6 = (struct addr6){ 0, 1 };
	check_has(&c, "", " do-not-query-localhost: no\n", true);
	c = forward;
	c.upstream[0].to.a4.v = 0x7f000035;
	check_has(&c, "", " do-not-query-localhost: no\n", true);
	c.upstream_mode = UPSTREAM_RECURSIVE;
	check_has(&c, "", " do-not-query-localhost: yes\n", true);
}

TEST(recursion_asks_the_roots_and_keeps_private_names_to_itself)
{
	struct dns64_config c = { .upstream_mode = UPSTREAM_RECURSIVE };

	check_has(&c, "", "forward-zone", false);
	check_has(&c, "", "unblock-lan-zones", false);
}

TEST(validation_is_a_module_with_a_trust_anchor)
{
	struct dns64_config c = forward;

	check_has(&c, "", " module-config: \"iterator\"\n", true);
	check_has(&c, "", "trust-anchor", false);
	c.dnssec_validate = true;
	check_has(&c, "", " module-config: \"validator iterator\"\n", true);
	check_has(&c, "", " trust-anchor-file: \"" ROOT_KEY_PATH "\"\n", true);
}

TEST(upstreams_over_tls_are_asked_by_way_of_the_carrier)
{
	struct dns64_config c = forward;
	char fault[256];

	c.upstream[0].tls = c.upstream[1].tls = true;
	CHECK(text_copy(c.upstream[0].tls_name, sizeof(c.upstream[0].tls_name), "dns.example.net"));
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	CHECK_TEXT(fault, "a TLS upstream needs the name in its certificate: tls://ADDRESS#NAME");
	CHECK(text_copy(c.upstream[1].tls_name, sizeof(c.upstream[1].tls_name), "dns.example.org"));
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), 0);
	check_has(&c, "", " forward-addr: \"127.0.0.1@40001\"\n forward-addr: \"127.0.0.1@40002\"\n", true);
	check_has(&c, "", "192.0.2.53", false);
	check_has(&c, "", " do-not-query-localhost: no\n", true);
}

static struct dns_name name_of(const char *text)
{
	struct dns_name n;

	REQUIRE(dns_name_parse(text, &n));
	return n;
}

TEST(domains_have_servers_of_their_own)
{
	struct dns64_config c = {
		.upstream_mode = UPSTREAM_RECURSIVE, .forward_len = 2, .dnssec_validate = true
	};

	c.forward[0] = (struct dns64_forward){ .domain = name_of("corp.example"),
		.to = { { .to = { .is4 = true, .a4 = { 0xc0000235 }, .port = 53 } },
			{ .to = { .a6 = { 0, 1 }, .port = 5353 } } },
		.to_len = 2,
		.is_validated = true };
	c.forward[1] = (struct dns64_forward){ .domain = name_of("10.in-addr.arpa"),
		.to = { { .to = { .is4 = true, .a4 = { 0xc0000235 }, .port = 53 } } },
		.to_len = 1 };
	check_has(&c, "",
		"forward-zone:\n name: \"corp.example.\"\n forward-addr: \"192.0.2.53@53\"\n forward-addr: "
		"\"::1@5353\"\n",
		true);
	check_has(&c, "", " local-zone: \"10.in-addr.arpa.\" transparent\n", true);
	check_has(&c, "", " domain-insecure: \"10.in-addr.arpa.\"\n", true);
	check_has(&c, "", " domain-insecure: \"corp.example.\"\n", false);
	check_has(&c, "", " do-not-query-localhost: no\n", true);
	check_has(&c, "", " name: \".\"\n", false);
}

TEST(servers_of_a_domain_are_asked_over_tls_by_way_of_the_carrier)
{
	struct dns64_config c = { .upstream_mode = UPSTREAM_RECURSIVE, .forward_len = 2 };
	struct upstream *to = c.forward[1].to;
	char fault[256];

	c.forward[0] = (struct dns64_forward){ .domain = name_of("corp.example"),
		.to = { { .to = { .is4 = true, .a4 = { 0xc0000235 }, .port = 53 } } },
		.to_len = 1 };
	CHECK(!engine_config_has_tls(&c));
	c.forward[1].domain = name_of("lab.example");
	c.forward[1].to_len = 2;
	to[0] = (struct upstream){
		.to = { .is4 = true, .a4 = { 0xc0000236 }, .port = 853 }, .tls = true, .tls_name = "a.example"
	};
	to[1].to = to[0].to;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	CHECK_TEXT(fault, "upstreams with and without TLS cannot be mixed: use one kind for all");
	to[1].tls = true;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	CHECK_TEXT(fault, "a TLS upstream needs the name in its certificate: tls://ADDRESS#NAME");
	CHECK(text_copy(to[1].tls_name, sizeof(to[1].tls_name), "b.example"));
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), 0);
	CHECK(engine_config_has_tls(&c));
	check_has(&c, "", " name: \"corp.example.\"\n forward-addr: \"192.0.2.53@53\"\n", true);
	check_has(&c, "",
		" name: \"lab.example.\"\n forward-addr: \"127.0.0.1@40003\"\n forward-addr: "
		"\"127.0.0.1@40001\"\n",
		true);
	check_has(&c, "", "192.0.2.54", false);
	check_has(&c, "", " do-not-query-localhost: no\n", true);
}

TEST(without_a_cache_no_zone_has_one)
{
	struct dns64_config c = forward;

	c.forward[c.forward_len++] = (struct dns64_forward){ .domain = name_of("a.test"), .to_len = 1 };
	check_has(&c, "", "forward-no-cache", false);
	is_uncached = true;
	check_has(&c, "", " name: \".\"\n forward-no-cache: yes\n", true);
	check_has(&c, "", " name: \"a.test.\"\n forward-no-cache: yes\n", true);
	is_uncached = false;
}

TEST(rfc7646_negative_trust_anchors_are_not_validated)
{
	struct dns64_config c = forward;

	c.anchors[c.anchors_len++] = name_of("broken.example");
	check_has(&c, "", " domain-insecure: \"broken.example.\"\n", true);
}

TEST(rfc8767_stale_answers_are_used_only_if_they_are_wanted)
{
	struct dns64_config c = forward;

	check_has(&c, "", "serve-expired", false);
	c.stale = (struct dns64_stale){ .keep = 86400 * NSEC, .answer_after = 1800 * MSEC };
	check_has(&c, "",
		" serve-expired: yes\n serve-expired-ttl: 86400\n serve-expired-client-timeout: 1800\n "
		"serve-expired-reply-ttl: 29\n",
		true);
	c.stale = (struct dns64_stale){ .keep = MSEC };
	check_has(&c, "", " serve-expired-ttl: 1\n serve-expired-client-timeout: 1\n", true);
}

TEST(local_names_are_zones_of_their_own_and_count_before_blocked_ones)
{
	static const struct endpoint v4 = { .is4 = true, .a4 = { 0xc0a80105 } },
				     v6 = { .a6 = { UINT64_C(0x20010db800000000), 5 } };
	struct dns64_local local[] = { { name_of("a.ads.example"), v4 }, { name_of("A.ads.example"), v6 },
		{ name_of("ads.example"), v4 } };
	struct dns64_config c = { .upstream_mode = UPSTREAM_RECURSIVE, .local = local, .local_len = 2 };

	c.block.nxdomain[c.block.nxdomain_len++] = name_of("ads.example");
	c.block.refuse[c.block.refuse_len++] = name_of("b.example");
	check_has(&c, "",
		" local-zone: \"ads.example.\" always_nxdomain\n local-zone: \"b.example.\" always_refuse\n"
		" local-zone: \"a.ads.example.\" transparent\n local-data: \"a.ads.example. 3600 IN A "
		"192.168.1.5\"\n local-zone: \"5.1.168.192.in-addr.arpa.\" transparent\n local-data: "
		"\"5.1.168.192.in-addr.arpa. 3600 IN PTR a.ads.example.\"\n local-data: \"A.ads.example. "
		"3600 IN "
		"AAAA 2001:db8::5\"\n",
		true);
	c.local_len = 3;
	check_has(&c, "", "always_nxdomain", false);
	check_has(&c, "", " local-zone: \"ads.example.\" transparent\n", true);
}

TEST(names_that_are_no_host_names_never_reach_the_text)
{
	struct dns64_local local = { .name = { 4, "\2\"\n" } };
	struct dns64_config c = forward;
	char fault[256];

	c.local = &local;
	c.local_len = 1;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	c = forward;
	c.anchors[c.anchors_len++] = local.name;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	c = forward;
	c.block.refuse[c.block.refuse_len++] = local.name;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	c = forward;
	c.forward[c.forward_len++].domain = local.name;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), -22);
	c.forward_len = 0;
	CHECK_INT(engine_config_check(&c, fault, sizeof(fault)), 0);
}

/* The number behind a key of the text. */
static unsigned long number_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	REQUIRE(at != NULL);
	return strtoul(at + strlen(key), NULL, 10);
}

TEST(threads_share_the_memory_of_the_caches)
{
	struct dns64_config c = { .upstream_mode = UPSTREAM_RECURSIVE, .cache_mib = 1u << 20 };
	static const char *const keys[] = {
		" msg-cache-size: ", " rrset-cache-size: ", " key-cache-size: ", " neg-cache-size: "
	};
	unsigned long sum = 0;

	for (unsigned threads = 1; threads <= DNS64_THREADS_MAX; threads *= 4) {
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		REQUIRE(f != NULL);
		engine_config_write(f, &c,
			&(struct engine_config_host){
				.threads = threads, .reserved = "", .cache_percent = 100 });
		fclose(f);
		sum = 0;
		for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
			sum += number_of(text, keys[i]);
		CHECK(sum * threads <= UINT64_C(1) << 40);
		CHECK(sum * threads > (UINT64_C(1) << 40) - 1000);
		free(text);
	}
}
