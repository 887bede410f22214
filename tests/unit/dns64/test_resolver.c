/* test_resolver.c - the whole resolver on loopback, with a scripted upstream */
#include "lab.h"

#include "dns64/direct.h"

#define SOA "test 3600 SOA 30"

static const struct script zone[] = {
	{ .name = "both.r.test", .type = "AAAA", .answer = "both.r.test 60 AAAA 2001:db8::1" },
	{ .name = "both.r.test", .type = "A", .answer = "both.r.test 60 A 203.0.114.1" },
	{ .name = "aonly.r.test", .type = "AAAA", .authority = SOA },
	{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 3600 A 203.0.114.9" },
	{ .name = "mapped.r.test", .type = "AAAA", .answer = "mapped.r.test 60 AAAA ::ffff:203.0.114.9" },
	{ .name = "mapped.r.test", .type = "A", .answer = "mapped.r.test 60 A 203.0.114.9" },
	{ .name = "private.r.test", .type = "AAAA", .authority = SOA },
	{ .name = "private.r.test", .type = "A", .answer = "private.r.test 60 A 10.0.0.1" },
	{ .name = "servfail.r.test", .type = "AAAA", .code = "SERVFAIL" },
	{ .name = "servfail.r.test", .type = "A", .answer = "servfail.r.test 60 A 203.0.114.9" },
	{ .name = "refused.r.test", .type = "AAAA", .code = "REFUSED" },
	{ .name = "refused.r.test", .type = "A", .answer = "refused.r.test 60 A 203.0.114.9" },
	{ .name = "drop.r.test", .type = "AAAA", .code = "drop" },
	{ .name = "drop.r.test", .type = "A", .answer = "drop.r.test 60 A 203.0.114.9" },
	{ .name = "nx.r.test", .type = "AAAA", .code = "NXDOMAIN", .authority = SOA },
	{ .name = "nx.r.test", .type = "A", .answer = "nx.r.test 60 A 203.0.114.9" },
	{ .name = "chain.r.test",
		.type = "AAAA",
		.answer = "chain.r.test 60 CNAME end.r.test",
		.authority = SOA },
	{ .name = "chain.r.test",
		.type = "A",
		.answer = "chain.r.test 60 CNAME end.r.test; end.r.test 60 A 203.0.114.9" },
	{ .name = "end.r.test", .type = "AAAA", .authority = SOA },
	{ .name = "end.r.test", .type = "A", .answer = "end.r.test 60 A 203.0.114.9" },
	{ .name = "big.r.test", .type = "AAAA", .authority = SOA },
	{ .name = "big.r.test",
		.type = "A",
		.answer = "big.r.test 60 A 203.0.114.1; big.r.test 60 A 203.0.114.2; big.r.test 60 A "
			  "203.0.114.3; "
			  "big.r.test 60 A 203.0.114.4; big.r.test 60 A 203.0.114.5; big.r.test 60 A "
			  "203.0.114.6; "
			  "big.r.test 60 A 203.0.114.7; big.r.test 60 A 203.0.114.8; big.r.test 60 A "
			  "203.0.114.9; "
			  "big.r.test 60 A 203.0.114.10; big.r.test 60 A 203.0.114.11; big.r.test 60 A "
			  "203.0.114.12; "
			  "big.r.test 60 A 203.0.114.13; big.r.test 60 A 203.0.114.14; big.r.test 60 A "
			  "203.0.114.15; "
			  "big.r.test 60 A 203.0.114.16; big.r.test 60 A 203.0.114.17; big.r.test 60 A "
			  "203.0.114.18; "
			  "big.r.test 60 A 203.0.114.19; big.r.test 60 A 203.0.114.20; big.r.test 60 A "
			  "203.0.114.21" },
	{ .name = "text.r.test", .type = "TXT", .answer = "text.r.test 60 TXT 0568656c6c6f" },
	{ .name = "9.114.0.203.in-addr.arpa",
		.type = "PTR",
		.answer = "9.114.0.203.in-addr.arpa 60 PTR www.r.test" },
	{ .name = "1.0.0.10.in-addr.arpa",
		.type = "PTR",
		.answer = "1.0.0.10.in-addr.arpa 60 PTR lan.r.test" },
	{ .name = "host.home.arpa", .type = "A", .answer = "host.home.arpa 60 A 10.0.0.1" },
};

static const struct {
	const char *what;
	struct lab_query q;
	const char *want;
} asked[] = {
	{ "native AAAA", { .name = "both.r.test", .type = "AAAA" },
		"NOERROR: both.r.test. 60 AAAA 2001:db8::1" },
	{ "synthesized, TTL of the SOA", { .name = "aonly.r.test", .type = "AAAA" },
		"NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "from the cache, over IPv6, case kept", { .name = "AOnly.R.Test", .type = "AAAA", .way = UDP6 },
		"NOERROR: AOnly.R.Test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "over TCP", { .name = "aonly.r.test", .type = "AAAA", .way = TCP4 },
		"NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "over TCP and IPv6", { .name = "aonly.r.test", .type = "AAAA", .way = TCP6 },
		"NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "A as it is", { .name = "aonly.r.test", .type = "A" },
		"NOERROR: aonly.r.test. 3600 A 203.0.114.9" },
	{ "only mapped AAAA", { .name = "mapped.r.test", .type = "AAAA" },
		"NOERROR: mapped.r.test. 60 AAAA 64:ff9b::cb00:7209" },
	{ "private A", { .name = "private.r.test", .type = "AAAA" }, "NOERROR: / test. 30 SOA 30" },
	{ "AAAA SERVFAIL", { .name = "servfail.r.test", .type = "AAAA" },
		"NOERROR: servfail.r.test. 60 AAAA 64:ff9b::cb00:7209" },
	{ "AAAA REFUSED", { .name = "refused.r.test", .type = "AAAA" },
		"NOERROR: refused.r.test. 60 AAAA 64:ff9b::cb00:7209" },
	{ "AAAA NXDOMAIN", { .name = "nx.r.test", .type = "AAAA" }, "NXDOMAIN: / test. 30 SOA 30" },
	{ "no such name", { .name = "nothing.r.test", .type = "AAAA" }, "NXDOMAIN: / test. 30 SOA 30" },
	{ "CNAME", { .name = "chain.r.test", .type = "AAAA" },
		"NOERROR: chain.r.test. 60 CNAME end.r.test.; end.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "TXT", { .name = "text.r.test", .type = "TXT" }, "NOERROR: text.r.test. 60 TXT 0568656c6c6f" },
	{ "PTR",
		{ .name = "9.0.2.7.0.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa",
			.type = "PTR" },
		"NOERROR: 9.0.2.7.0.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa. 60 CNAME "
		"9.114.0.203.in-addr.arpa.; 9.114.0.203.in-addr.arpa. 60 PTR www.r.test." },
	{ "private reverse names are forwarded", { .name = "1.0.0.10.in-addr.arpa", .type = "PTR" },
		"NOERROR: 1.0.0.10.in-addr.arpa. 60 PTR lan.r.test." },
	{ "home.arpa is forwarded", { .name = "host.home.arpa", .type = "A" },
		"NOERROR: host.home.arpa. 60 A 10.0.0.1" },
	{ "ipv4only.arpa", { .name = "ipv4only.arpa", .type = "AAAA" },
		"NOERROR aa: ipv4only.arpa. 600 AAAA 64:ff9b::c000:aa; ipv4only.arpa. 600 AAAA "
		"64:ff9b::c000:ab" },
	{ "ipv4only.arpa without RD", { .name = "ipv4only.arpa", .type = "A", .no_rd = true },
		"NOERROR aa: ipv4only.arpa. 600 A 192.0.0.170; ipv4only.arpa. 600 A 192.0.0.171" },
	{ "without RD", { .name = "both.r.test", .type = "AAAA", .no_rd = true }, "REFUSED:" },
	{ "EDNS", { .name = "both.r.test", .type = "AAAA", .edns = 4096 },
		"NOERROR: both.r.test. 60 AAAA 2001:db8::1 / / OPT 1232 00000000 0" },
	{ "DO and CD",
		{ .name = "aonly.r.test", .type = "AAAA", .edns = 1232, .dnssec_ok = true, .flags = DNS_CD },
		"NOERROR cd: / test. 30 SOA 30 / OPT 1232 00008000 0" },
	{ "too long for 512 bytes", { .name = "big.r.test", .type = "AAAA" }, "NOERROR tc:" },
	{ "too long for 512 bytes, EDNS", { .name = "big.r.test", .type = "AAAA", .edns = 512 },
		"NOERROR tc: / / OPT 1232 00000000 0" },
	{ "zone transfer", { .name = "r.test", .type = "AXFR", .way = TCP4 }, "REFUSED:" },
	{ "a meta type", { .name = "r.test", .type = "TYPE128" }, "NOTIMP:" },
};

/* All counters whose names start with @prefix. */
static unsigned long sum_of(const struct dns64_counters *c, const char *prefix)
{
	const char *name, *text;
	unsigned long value, sum = 0;

	for (unsigned i = 0; dns64_counter_at(c, i, &name, &text, &value); i++)
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			sum += value;
	return sum;
}

static void check_each_query_counted_once(const struct dns64_counters *c)
{
	CHECK_INT(sum_of(c, "ignored_") + sum_of(c, "refused_") + sum_of(c, "answers_") +
			  sum_of(c, "failed_") + sum_of(c, "abandoned_"),
		c->queries_udp + c->queries_tcp);
}

TEST(queries_are_answered_over_both_families_and_protocols)
{
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		test_row(asked[i].what);
		/* An upstream that fails is asked again by libunbound, so a TTL may be a second older. */
		const char *got = lab_ask(&lab, &asked[i].q);

		CHECK_TEXT(got, unless_older(got, asked[i].want));
	}
	test_row(NULL);
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->queries_udp + c->queries_tcp, ARRAY_LEN(asked));
	CHECK_INT(c->queries_tcp, 3);
	CHECK_INT(c->answered, ARRAY_LEN(asked));
	CHECK_INT(c->answers_synthesized, 10);
	CHECK_INT(c->answers_nxdomain, 2);
	CHECK_INT(c->answers_ptr, 1);
	CHECK_INT(c->answers_ipv4only, 2);
	CHECK_INT(c->truncated, 2);
	CHECK_INT(c->refused_transfer, 1);
	CHECK_INT(c->refused_meta_type, 1);
	CHECK_INT(c->refused_not_recursive, 1);
	CHECK_INT(c->unsynthesized_a_not_global, 1);
	CHECK_INT(c->unsynthesized_checking_disabled, 1);
	CHECK_INT(c->excluded_aaaa, 1);
	CHECK_INT(c->upstream_unsound, 0);
	check_each_query_counted_once(c);
	lab_free(&lab);
}

TEST(rfc6147_s5_5_with_validation_what_cannot_be_proven_is_not_used)
{
	static const struct script unsigned_zones[] = {
		{ .name = "aonly.r.test", .type = "AAAA", .authority = SOA },
		{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 60 A 203.0.114.9" },
		{ .name = "www.example.com", .type = "AAAA", .authority = "example.com 60 SOA 30" },
		{ .name = "www.example.com", .type = "A", .answer = "www.example.com 60 A 203.0.114.9" },
		{ .name = "", .type = "NS", .answer = ". 60 NS ns.test." },
	};
	struct resolver_status status;
	static const struct {
		const char *what;
		struct lab_query q;
		const char *want;
	} rows[] = {
		{ "a name outside the signed tree", { .name = "aonly.r.test", .type = "AAAA" },
			"NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209" },
		{ "a name below the trust anchor, without proofs",
			{ .name = "www.example.com", .type = "AAAA" }, "SERVFAIL:" },
		{ "the reason is told (RFC 8914)", { .name = "www.example.com", .type = "A", .edns = 1232 },
			"SERVFAIL: / / OPT 1232 00000000 6" },
		{ "ipv4only.arpa is not validated (RFC 8880 s7.1)", { .name = "ipv4only.arpa", .type = "A" },
			"NOERROR aa: ipv4only.arpa. 600 A 192.0.0.170; ipv4only.arpa. 600 A 192.0.0.171" },
	};
	struct lab lab;

	lab_defaults(&lab, unsigned_zones, ARRAY_LEN(unsigned_zones));
	lab.config.dnssec_validate = true;
	lab_start(&lab);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].what);
		CHECK_TEXT(lab_ask(&lab, &rows[i].q), rows[i].want);
	}
	test_row(NULL);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->failed_bogus, 2);
	resolver_status(lab.resolver, &status);
	CHECK_TEXT(status.validation, "fails");
	lab_free(&lab);
}

TEST(rfc6147_s5_1_3_a_lost_aaaa_answer_is_waited_for_but_not_for_ever)
{
	struct lab lab;
	struct lab_query q = { .name = "drop.r.test", .type = "AAAA" };
	time_t start = time(NULL);

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q), "NOERROR: drop.r.test. 60 AAAA 64:ff9b::cb00:7209");
	CHECK(time(NULL) - start >= 2);
	CHECK(time(NULL) - start <= 6);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->aaaa_timeouts, 1);
	lab_free(&lab);
}

TEST(an_upstream_that_is_gone_gives_servfail_in_bounded_time)
{
	static const struct script silent[] = {
		{ .name = "x.r.test", .type = "AAAA", .code = "drop" },
		{ .name = "x.r.test", .type = "A", .code = "drop" },
	};
	struct lab lab;
	struct lab_query q = { .name = "x.r.test", .type = "AAAA", .way = TCP6 };
	time_t start = time(NULL);

	lab_defaults(&lab, silent, ARRAY_LEN(silent));
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q), "SERVFAIL:");
	CHECK(time(NULL) - start <= 13);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->query_timeouts, 1);
	CHECK_INT(resolver_counters(lab.resolver)->failed_upstream, 1);
	lab_free(&lab);
}

TEST(a_reply_leaves_from_the_address_that_was_asked)
{
	struct lab lab;
	struct lab_query q = { .name = "both.r.test", .type = "AAAA" };

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.is_anywhere = true;
	lab_start(&lab);
	for (q.way = UDP4; q.way <= TCP6; q.way++) {
		/* The client's socket is connected, so it takes no other reply. The TTL of the later ones may run. */
		const char *said = lab_ask(&lab, &q);

		CHECK(strncmp(said, "NOERROR: both.r.test. ", 22) == 0 && strstr(said, " AAAA 2001:db8::1"));
	}
	lab_stop(&lab);
	lab_free(&lab);
}

TEST(a_truncated_answer_is_whole_over_tcp)
{
	struct lab lab;
	struct lab_query q = { .name = "big.r.test", .type = "AAAA", .way = TCP4 };
	uint8_t reply[65535];
	struct dns_msg m;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	size_t len = lab_ask_bytes(&lab, &q, reply);

	REQUIRE(dns_msg_parse(reply, len, &m));
	CHECK(!(m.flags & DNS_TC));
	CHECK_INT(m.count[SECTION_ANSWER], 21);
	q.way = UDP6;
	q.edns = 4096;
	len = lab_ask_bytes(&lab, &q, reply);
	REQUIRE(dns_msg_parse(reply, len, &m));
	CHECK(len <= 1232);
	CHECK_INT(m.count[SECTION_ANSWER], 21);
	lab_stop(&lab);
	lab_free(&lab);
}

TEST(strangers_are_refused_with_no_more_bytes_than_they_sent)
{
	struct lab lab;
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA", .edns = 4096 };
	uint8_t reply[65535];

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.allow_len = 1; /* IPv4 only */
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q),
		"NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209 / / OPT 1232 00000000 0");
	q.way = UDP6;
	CHECK_TEXT(lab_ask(&lab, &q), "REFUSED:");
	CHECK_INT(lab_ask_bytes(&lab, &q, reply), 12 + 14 + 4);
	q.way = TCP6;
	CHECK_TEXT(lab_ask(&lab, &q), "REFUSED:");

	/* One refusal, then the connection ends. */
	uint8_t query[1024];
	int fd = lab_connect(&lab, TCP6);
	size_t len = lab_write_query(query, &q, 7);

	lab_write_tcp(fd, query, len);
	CHECK(lab_read_tcp(fd, reply) > 0);
	CHECK_INT(lab_read_tcp(fd, reply), 0);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->refused_stranger, 4);
	check_each_query_counted_once(resolver_counters(lab.resolver));
	CHECK_INT(resolver_counters(lab.resolver)->queries_aaaa, 1);
	lab_free(&lab);
}

TEST(rfc7766_s6_2_1_queries_are_pipelined_and_slow_ones_do_not_hold_up_others)
{
	struct lab lab;
	struct lab_query slow = { .name = "drop.r.test", .type = "AAAA" },
			 quick = { .name = "aonly.r.test", .type = "AAAA" };
	uint8_t query[1024], reply[65535];

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	int fd = lab_connect(&lab, TCP4);

	lab_write_tcp(fd, query, lab_write_query(query, &slow, 1));
	for (uint16_t id = 2; id <= 200; id++)
		lab_write_tcp(fd, query, lab_write_query(query, &quick, id));
	for (unsigned i = 2; i <= 200; i++) {
		REQUIRE(lab_read_tcp(fd, reply) > 0);
		CHECK(be16_at(reply) >= 2 && be16_at(reply) <= 200);
	}
	REQUIRE(lab_read_tcp(fd, reply) > 0);
	CHECK_INT(be16_at(reply), 1);

	/* The peer's end of data ends the connection. */
	shutdown(fd, SHUT_WR);
	CHECK_INT(lab_read_tcp(fd, reply), 0);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->queries_tcp, 200);
	lab_free(&lab);
}

TEST(a_query_in_single_bytes_over_tcp_is_answered_and_a_long_one_closes_the_connection)
{
	struct lab lab;
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA" };
	uint8_t query[1024] = { 0 }, reply[65535];

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	int fd = lab_connect(&lab, TCP6);
	size_t len = lab_write_query(query + 2, &q, 9);

	be16_put(query, (uint16_t)len);
	for (size_t i = 0; i < len + 2; i++)
		REQUIRE(send(fd, query + i, 1, 0) == 1);
	CHECK(lab_read_tcp(fd, reply) > 0);
	REQUIRE(send(fd, "\xff\xff", 2, 0) == 2);
	CHECK_INT(lab_read_tcp(fd, reply), 0);
	close(fd);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->tcp_too_long, 1);
	lab_free(&lab);
}

TEST(clients_that_go_away_are_forgotten)
{
	struct lab lab;
	struct lab_query slow = { .name = "drop.r.test", .type = "AAAA" },
			 quick = { .name = "aonly.r.test", .type = "AAAA" };
	uint8_t query[1024];
	struct resolver_status s;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	struct linger reset = { .l_onoff = 1 };
	int fd = lab_connect(&lab, TCP4);

	for (uint16_t id = 1; id <= 3; id++)
		lab_write_tcp(fd, query, lab_write_query(query, &slow, id));
	CHECK_TEXT(lab_ask(&lab, &quick), "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	slow.way = UDP4;
	const char *said =
		lab_ask(&lab, &slow); /* the answers to those who left are kept: its TTL may run already */

	CHECK(strncmp(said, "NOERROR: drop.r.test. ", 22) == 0 && strstr(said, " AAAA 64:ff9b::cb00:7209"));
	lab_stop(&lab);
	resolver_status(lab.resolver, &s);
	CHECK_INT(s.queries_open, 0);
	CHECK_INT(s.tcp_clients, 0);
	CHECK_INT(resolver_counters(lab.resolver)->abandoned_tcp, 3);
	check_each_query_counted_once(resolver_counters(lab.resolver));
	lab_free(&lab);
}

TEST(rfc7766_s6_2_3_beyond_the_limit_the_connection_that_is_idle_for_longest_gives_way)
{
	struct lab_query slow = { .name = "drop.r.test", .type = "AAAA" },
			 local = { .name = "ipv4only.arpa", .type = "A" };
	uint8_t query[512], reply[65535];
	struct lab lab;
	int fds[5];

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.connections = 3;
	lab_start(&lab);
	for (unsigned i = 0; i < 3; i++) {
		fds[i] = lab_connect(&lab, TCP4);
		lab_write_tcp(fds[i], query, lab_write_query(query, &local, 1));
		REQUIRE(lab_read_tcp(fds[i], reply) > 0);
	}
	lab_write_tcp(fds[0], query, lab_write_query(query, &slow, 2)); /* the oldest, but it waits */
	lab_write_tcp(fds[0], query, lab_write_query(query, &local, 3));
	REQUIRE(lab_read_tcp(fds[0], reply) > 0);
	fds[3] = lab_connect(&lab, TCP4);
	CHECK_INT(recv(fds[1], reply, 1, 0), 0);
	for (unsigned i = 2; i < 4; i++) {
		lab_write_tcp(fds[i], query, lab_write_query(query, &slow, 2));
		lab_write_tcp(fds[i], query, lab_write_query(query, &local, 3));
		REQUIRE(lab_read_tcp(fds[i], reply) > 0);
	}
	fds[4] = lab_connect(&lab, TCP4); /* all wait for something: it is the one that goes */
	CHECK_INT(recv(fds[4], reply, 1, 0), 0);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->tcp_idle_gave_way, 1);
	CHECK_INT(resolver_counters(lab.resolver)->tcp_refused_full, 1);
	lab_free(&lab);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

TEST(the_resolver_can_be_freed_in_the_middle_of_everything)
{
	struct lab lab;
	struct lab_query slow = { .name = "drop.r.test", .type = "AAAA" },
			 quick = { .name = "aonly.r.test", .type = "AAAA" };
	uint8_t query[1024];
	struct resolver_status s;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	int tcp = lab_connect(&lab, TCP4), udp = lab_connect(&lab, UDP6);

	for (uint16_t id = 1; id <= 80; id++)
		lab_write_tcp(tcp, query, lab_write_query(query, &slow, id));
	REQUIRE(send(udp, query, lab_write_query(query, &slow, 1), 0) > 0);
	CHECK_TEXT(lab_ask(&lab, &quick), "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209");
	lab_stop(&lab);
	resolver_status(lab.resolver, &s);
	CHECK(s.queries_open >= 1);
	CHECK_INT(s.tcp_clients, 1);
	lab_free(&lab);
	close(tcp);
	close(udp);
}

TEST(clients_get_what_their_view_says_whatever_is_cached)
{
	static const struct {
		enum lab_way way;
		const char *name, *type, *want;
	} rows[] = {
		{ UDP6, "aonly.r.test", "AAAA", "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209" },
		{ UDP4, "aonly.r.test", "AAAA", "NOERROR: / test. 30 SOA 30" },
		{ TCP4, "aonly.r.test", "AAAA", "NOERROR: / test. 30 SOA 30" },
		{ TCP6, "aonly.r.test", "AAAA", "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	};
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.views_len = 1;
	lab.config.views[0].clients_len = 1;
	lab.config.views[0].clients[0] = (struct prefix){ .is4 = true, .p4 = { { 0x7f000000 }, 8 } };
	lab_start(&lab);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lab_query q = { .name = rows[i].name, .type = rows[i].type, .way = rows[i].way };

		test_row(rows[i].way == UDP6 || rows[i].way == TCP6 ? "without a view" : "plain resolver");
		CHECK_TEXT(lab_ask(&lab, &q), rows[i].want);
	}
	test_row(NULL);
	lab_stop(&lab);
	CHECK_INT(lab.asked, 2); /* AAAA and A, once for all */
	CHECK_INT(resolver_counters(lab.resolver)->answers_synthesized, 2);
	CHECK_INT(resolver_counters(lab.resolver)->answers_nodata, 2);
	lab_free(&lab);
}

/* Asked in this order; what is said before must not be wrong for what is said after. */
static const struct {
	const char *what;
	struct lab_query q;
	bool is_hit;
	const char *want;
} again[] = {
	{ "first", { .name = "chain.r.test", .type = "AAAA" }, false,
		"NOERROR: chain.r.test. 60 CNAME end.r.test.; end.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "again, in its own case", { .name = "Chain.R.Test", .type = "AAAA" }, true,
		"NOERROR: Chain.R.Test. 60 CNAME end.R.Test.; end.R.Test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "with EDNS, over IPv6", { .name = "chain.r.test", .type = "AAAA", .edns = 1400, .way = UDP6 }, true,
		"NOERROR: chain.r.test. 60 CNAME end.r.test.; end.r.test. 30 AAAA 64:ff9b::cb00:7209 / / OPT "
		"1232 "
		"00000000 0" },
	{ "over TCP", { .name = "chain.r.test", .type = "AAAA", .way = TCP4 }, true,
		"NOERROR: chain.r.test. 60 CNAME end.r.test.; end.r.test. 30 AAAA 64:ff9b::cb00:7209" },
	{ "DO is another question",
		{ .name = "chain.r.test", .type = "AAAA", .edns = 1232, .dnssec_ok = true }, false,
		"NOERROR: chain.r.test. 60 CNAME end.r.test.; end.r.test. 30 AAAA 64:ff9b::cb00:7209 / / OPT "
		"1232 "
		"00008000 0" },
	{ "CD is another question",
		{ .name = "chain.r.test", .type = "AAAA", .edns = 1232, .dnssec_ok = true, .flags = DNS_CD },
		false,
		"NOERROR cd: chain.r.test. 60 CNAME end.r.test. / test. 30 SOA 30 / OPT 1232 00008000 0" },
	{ "RD=0 is not answered from it", { .name = "chain.r.test", .type = "AAAA", .no_rd = true }, false,
		"REFUSED:" },
	{ "cut for a client", { .name = "big.r.test", .type = "AAAA" }, false, "NOERROR tc:" },
	{ "and cut again", { .name = "big.r.test", .type = "AAAA" }, true, "NOERROR tc:" },
	{ "no such name", { .name = "nx.r.test", .type = "AAAA" }, false, "NXDOMAIN: / test. 30 SOA 30" },
	{ "no such name, again", { .name = "nx.r.test", .type = "AAAA" }, true,
		"NXDOMAIN: / test. 30 SOA 30" },
	{ "the AAAA lookup failed", { .name = "refused.r.test", .type = "AAAA" }, false,
		"NOERROR: refused.r.test. 60 AAAA 64:ff9b::cb00:7209" },
	{ "so it is asked anew", { .name = "refused.r.test", .type = "AAAA" }, false,
		"NOERROR: refused.r.test. 60 AAAA 64:ff9b::cb00:7209" },
	{ "made here, not kept", { .name = "ipv4only.arpa", .type = "A" }, false,
		"NOERROR aa: ipv4only.arpa. 600 A 192.0.0.170; ipv4only.arpa. 600 A 192.0.0.171" },
	{ "made here again", { .name = "ipv4only.arpa", .type = "A" }, false,
		"NOERROR aa: ipv4only.arpa. 600 A 192.0.0.170; ipv4only.arpa. 600 A 192.0.0.171" },
};

TEST(answers_are_given_again_and_each_is_counted_as_what_it_is)
{
	struct lab lab;
	unsigned long hits = 0;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	for (size_t i = 0; i < ARRAY_LEN(again); i++) {
		test_row(again[i].what);
		const char *got = lab_ask(&lab, &again[i].q);

		CHECK_TEXT(got, unless_older(got, again[i].want));
		hits += again[i].is_hit;
		CHECK_INT(resolver_counters(lab.resolver)->cache_hits, hits);
	}
	test_row(NULL);
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->cache_kept, 5);
	CHECK_INT(c->cache_lost, 0);
	CHECK_INT(c->answers_synthesized, 9);
	CHECK_INT(c->answers_nxdomain, 2);
	CHECK_INT(c->unsynthesized_checking_disabled, 1);
	check_each_query_counted_once(c);
	lab_free(&lab);
}

TEST(a_new_policy_takes_effect_for_what_is_cached)
{
	struct lab lab;
	struct lab_query q = { .name = "aonly.r.test", .type = "AAAA" };

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q), "NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209");
	lab_stop(&lab);
	struct dns64_config c = lab.config;

	REQUIRE(prefix6_parse("2001:db8:64::/96", &c.policy.prefixes[0]) == 0);
	CHECK_INT(resolver_update(lab.resolver, &c), 0);
	unsigned before = lab.asked;
	char byte;

	REQUIRE(read(lab.stop[0], &byte, 1) == 1);
	REQUIRE(pthread_create(&lab.thread, NULL, lab_run, &lab) == 0);
	CHECK_TEXT(lab_ask(&lab, &q), "NOERROR: aonly.r.test. 30 AAAA 2001:db8:64::cb00:7209");
	lab_stop(&lab);
	CHECK_INT(lab.asked, before);

	c.dnssec_validate = true;
	CHECK_INT(resolver_update(lab.resolver, &c), -EBUSY);
	c = lab.config;
	c.upstream[0].to.port++;
	CHECK_INT(resolver_update(lab.resolver, &c), -EBUSY);
	c = lab.config;
	c.listen_len = 1;
	CHECK_INT(resolver_update(lab.resolver, &c), -EBUSY);
	c = lab.config;
	c.policy.prefixes[0].len = 95;
	CHECK_INT(resolver_update(lab.resolver, &c), -EINVAL);
	lab_free(&lab);
}

/* Views, synthesis and other types of a name share what upstreams said, as they share libunbound's cache. */
TEST(what_an_upstream_said_is_asked_for_once_whoever_asks)
{
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.answer_cache = 0;
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &(struct lab_query){ .name = "aonly.r.test", .type = "AAAA" }),
		"NOERROR: aonly.r.test. 30 AAAA 64:ff9b::cb00:7209");
	for (unsigned i = 0; i < 3; i++) {
		struct lab_query a = { .name = "AONLY.r.test", .type = "A" },
				 aaaa = { .name = "aonly.r.test", .type = "AAAA" };

		CHECK(strstr(lab_ask(&lab, &a), " A 203.0.114.9") != NULL);
		CHECK(strstr(lab_ask(&lab, &aaaa), " AAAA 64:ff9b::cb00:7209") != NULL);
	}
	/* What the direct way leaves to libunbound is asked as often as that likes, and then known here as well. */
	CHECK(strstr(lab_ask(&lab, &(struct lab_query){ .name = "1.0.0.10.in-addr.arpa", .type = "PTR" }),
		"lan.r.test"));
	lab_stop(&lab);
	CHECK_INT(lab.asked, 3);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->upstream_direct, 3);
	CHECK_INT(c->upstream_direct_answered, 3);
	CHECK_INT(c->upstream_direct_kept, 9);
	CHECK_INT(direct_kept(resolver_direct(lab.resolver)), 3);
	lab_free(&lab);
}

/* Each way in which an upstream fails is libunbound's; the client gets what it got before there was another way. */
TEST(whatever_the_direct_way_does_not_answer_libunbound_does)
{
	static const struct script script[] = {
		{ .name = "alias.r.test",
			.type = "A",
			.answer = "alias.r.test 60 CNAME end.r.test",
			.authority = "" },
		{ .name = "end.r.test", .type = "A", .answer = "end.r.test 60 A 203.0.114.9" },
		{ .name = "fails.r.test", .type = "A", .code = "SERVFAIL" },
	};
	struct lab lab;

	lab_defaults(&lab, script, ARRAY_LEN(script));
	lab.config.answer_cache = 0;
	lab_start(&lab);
	const char *want = "NOERROR: alias.r.test. 60 CNAME end.r.test.; end.r.test. 60 A 203.0.114.9";

	for (unsigned i = 0; i < 3; i++) {
		const char *got = lab_ask(&lab, &(struct lab_query){ .name = "alias.r.test", .type = "A" });

		CHECK_TEXT(got, unless_older(got, want));
	}
	for (unsigned i = 0; i < 3; i++)
		CHECK_TEXT(lab_ask(&lab, &(struct lab_query){ .name = "fails.r.test", .type = "A" }),
			"SERVFAIL:");
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->upstream_direct, 2);
	CHECK_INT(c->upstream_direct_odd, 1);
	CHECK_INT(c->upstream_direct_failed, 1);
	CHECK_INT(c->upstream_direct_kept, 2); /* what libunbound found was learned */
	CHECK_INT(c->upstream_direct_marked, 2);
	lab_free(&lab);
}

TEST(configurations_that_cannot_work_are_refused_with_a_sentence)
{
	struct dns64_config c = { .upstream_mode = UPSTREAM_FORWARD };
	struct resolver *r = NULL;
	struct loop *l;
	char fault[256] = "";

	REQUIRE(loop_new(&l) == 0);
	CHECK_INT(resolver_new(&(struct resolver_plan){ .config = &c, .loop = l }, &r, fault, sizeof(fault)),
		-EINVAL);
	CHECK_TEXT(fault, "there is no upstream resolver to forward to");
	c.upstream_len = 2;
	c.upstream[0].to = c.upstream[1].to =
		(struct endpoint){ .is4 = true, .a4 = { 0x7f000001 }, .port = 53 };
	c.upstream[1].tls = true;
	CHECK_INT(resolver_new(&(struct resolver_plan){ .config = &c, .loop = l }, &r, fault, sizeof(fault)),
		-EINVAL);
	CHECK_TEXT(fault, "upstreams with and without TLS cannot be mixed: use one kind for all");
	c.upstream[0].tls = true;
	CHECK_INT(resolver_new(&(struct resolver_plan){ .config = &c, .loop = l }, &r, fault, sizeof(fault)),
		-EINVAL);
	CHECK_TEXT(fault, "a TLS upstream needs the name in its certificate: tls://ADDRESS#NAME");
	c.upstream_mode = UPSTREAM_SYSTEM;
	CHECK_INT(resolver_new(&(struct resolver_plan){ .config = &c, .loop = l }, &r, fault, sizeof(fault)),
		-EINVAL);
	CHECK(r == NULL);
	loop_free(l);
}

TEST(every_kind_of_upstream_starts)
{
	struct dns64_config c = { .upstream_mode = UPSTREAM_RECURSIVE };
	char fault[256] = "";
	struct loop *l;

	REQUIRE(loop_new(&l) == 0);
	for (unsigned i = 0; i < 6; i++) {
		struct resolver *r = NULL;

		c.dnssec_validate = i % 2;
		if (i >= 2) {
			c.upstream_mode = UPSTREAM_FORWARD;
			c.upstream_len = 2;
			c.upstream[0].to =
				(struct endpoint){ .is4 = true, .a4 = { 0x7f000001 }, .port = 853 };
			c.upstream[1].to = (struct endpoint){ .a6 = { 0, 1 }, .port = 853 };
		}
		if (i >= 4) {
			c.upstream[0].tls = c.upstream[1].tls = true;
			CHECK(text_copy(
				c.upstream_ca, sizeof(c.upstream_ca), "/etc/ssl/certs/ca-certificates.crt"));
			CHECK(text_copy(
				c.upstream[0].tls_name, sizeof(c.upstream[0].tls_name), "dns.example.net"));
			CHECK(text_copy(
				c.upstream[1].tls_name, sizeof(c.upstream[1].tls_name), "dns.example.org"));
		}
		int err = resolver_new(
			&(struct resolver_plan){ .config = &c, .loop = l }, &r, fault, sizeof(fault));

		if (err == -ENOENT)
			test_skip(fault);
		CHECK_INT(err, 0);
		CHECK_TEXT(fault, "");
		resolver_free(r);
	}
	loop_free(l);
}

TEST(counters_have_names_texts_and_values)
{
	struct dns64_counters c = { .queries_tcp = 7 };
	const char *name, *text;
	unsigned long value, sum = 0;
	unsigned i = 0;

	for (; dns64_counter_at(&c, i, &name, &text, &value); i++) {
		CHECK(name[0] != '\0' && text[0] != '\0');
		sum += value;
	}
	CHECK_INT(i * sizeof(unsigned long), sizeof(c));
	CHECK_INT(sum, 7);
}
