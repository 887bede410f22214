/* test_domains.c - what is said of single domains, in the whole resolver: local, block, forward, serve-stale */
#include "lab.h"

#define SOA "test 3600 SOA 30"

static const struct script zone[] = {
	{ .name = "both.r.test", .type = "A", .answer = "both.r.test 60 A 203.0.114.1" },
	{ .name = "aonly.r.test", .type = "AAAA", .authority = SOA },
	{ .name = "aonly.r.test", .type = "A", .answer = "aonly.r.test 3600 A 203.0.114.9" },
	{ .name = "9.114.0.203.in-addr.arpa",
		.type = "PTR",
		.answer = "9.114.0.203.in-addr.arpa 60 PTR www.r.test" },
};

static struct dns_name domain_of(const char *text)
{
	struct dns_name n;

	REQUIRE(dns_name_parse(text, &n));
	return n;
}

struct asked_row {
	struct lab_query q;
	const char *want;
};

static void check_rows(struct lab *lab, const struct asked_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		test_row(rows[i].q.name);
		CHECK_TEXT(lab_ask(lab, &rows[i].q), rows[i].want);
	}
	test_row(NULL);
}

static void lab_go_on(struct lab *lab)
{
	char byte;

	REQUIRE(read(lab->stop[0], &byte, 1) == 1);
	REQUIRE(pthread_create(&lab->thread, NULL, lab_run, lab) == 0);
}

#define NAT64_PTR "9.0.2.7.0.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa"

/* printer.l.test has an IPv4 address, six.l.test both; nx.test and ref.test are blocked, but for good.nx.test. */
static const struct asked_row local_rows[] = {
	{ { .name = "printer.l.test", .type = "A" }, "NOERROR: printer.l.test. 3600 A 203.0.114.9" },
	{ { .name = "Printer.L.test", .type = "AAAA" },
		"NOERROR: Printer.L.test. 600 AAAA 64:ff9b::cb00:7209" },
	{ { .name = "printer.l.test", .type = "TXT" }, "NOERROR:" },
	{ { .name = "six.l.test", .type = "AAAA" }, "NOERROR: six.l.test. 3600 AAAA 2001:db8::5" },
	{ { .name = "9.114.0.203.in-addr.arpa", .type = "PTR" },
		"NOERROR: 9.114.0.203.in-addr.arpa. 3600 PTR printer.l.test." },
	{ { .name = NAT64_PTR, .type = "PTR" },
		"NOERROR: " NAT64_PTR
		". 3600 CNAME 9.114.0.203.in-addr.arpa.; 9.114.0.203.in-addr.arpa. 3600 PTR "
		"printer.l.test." },
	{ { .name = "nx.test", .type = "A" }, "NXDOMAIN:" },
	{ { .name = "www.nx.test", .type = "AAAA" }, "NXDOMAIN:" },
	{ { .name = "good.nx.test", .type = "A" }, "NOERROR: good.nx.test. 3600 A 203.0.114.8" },
	{ { .name = "www.ref.test", .type = "AAAA" }, "REFUSED:" },
	{ { .name = "both.r.test", .type = "A" }, "NOERROR: both.r.test. 60 A 203.0.114.1" },
};

static const struct asked_row changed_rows[] = {
	{ { .name = "printer.l.test", .type = "A" }, "NXDOMAIN: / test. 30 SOA 30" },
	{ { .name = "9.114.0.203.in-addr.arpa", .type = "PTR" },
		"NOERROR: 9.114.0.203.in-addr.arpa. 60 PTR www.r.test." },
	{ { .name = "both.r.test", .type = "A" }, "NOERROR: both.r.test. 3600 A 203.0.114.8" },
	{ { .name = "end.r.test", .type = "A" }, "REFUSED:" },
	{ { .name = "www.ref.test", .type = "A" }, "NXDOMAIN: / test. 30 SOA 30" },
};

TEST(local_names_and_blocked_domains_are_answered_here_and_changed_while_running)
{
	static const struct endpoint nine = { .is4 = true, .a4 = { 0xcb007209 } },
				     eight = { .is4 = true, .a4 = { 0xcb007208 } },
				     five = { .a6 = { UINT64_C(0x20010db800000000), 5 } };
	struct dns64_local first[] = { { domain_of("printer.l.test"), nine },
		{ domain_of("six.l.test"), five }, { domain_of("six.l.test"), eight },
		{ domain_of("good.nx.test"), eight } };
	struct dns64_local second[] = { { domain_of("both.r.test"), eight } };
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.local = first;
	lab.config.local_len = ARRAY_LEN(first);
	lab.config.block.nxdomain[lab.config.block.nxdomain_len++] = domain_of("nx.test");
	lab.config.block.refuse[lab.config.block.refuse_len++] = domain_of("ref.test");
	lab_start(&lab);
	check_rows(&lab, local_rows, ARRAY_LEN(local_rows));
	CHECK_INT(lab.asked, 1);
	lab_stop(&lab);
	struct dns64_config c = lab.config;

	c.local = second;
	c.local_len = 1;
	c.block.nxdomain_len = 0;
	c.block.refuse[0] = domain_of("end.r.test");
	CHECK_INT(resolver_update(lab.resolver, &c), 0);
	lab_go_on(&lab);
	check_rows(&lab, changed_rows, ARRAY_LEN(changed_rows));
	lab_stop(&lab);
	lab_free(&lab);
}

TEST(what_is_fixed_at_start_of_domains_is_not_changed_while_running)
{
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	lab_stop(&lab);
	struct dns64_config c = lab.config;

	c.forward[c.forward_len++] =
		(struct dns64_forward){ .domain = domain_of("a.test"), .to_len = 1, .to = { c.upstream[0] } };
	CHECK_INT(resolver_update(lab.resolver, &c), -EBUSY);
	c = lab.config;
	c.anchors[c.anchors_len++] = domain_of("a.test");
	CHECK_INT(resolver_update(lab.resolver, &c), -EBUSY);
	c = lab.config;
	c.stale.keep = NSEC;
	CHECK_INT(resolver_update(lab.resolver, &c), -EBUSY);
	lab_free(&lab);
}

/* The upstream of the lab knows r.test; the one for all other names is a port where nobody listens. */
static void forward_r_test_only(struct lab *lab)
{
	struct dns64_config *c = &lab->config;

	c->forward[c->forward_len++] = (struct dns64_forward){
		.domain = domain_of("r.test"), .to_len = 1, .to = { c->upstream[0] }, .is_validated = true
	};
	c->upstream[0].to.port = 1;
}

TEST(a_domain_is_forwarded_to_its_own_servers)
{
	struct lab lab;
	struct lab_query in = { .name = "aonly.r.test", .type = "AAAA" },
			 out = { .name = "x.q.test", .type = "A" };

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.before = forward_r_test_only;
	lab_start(&lab);
	/* The SOA record is of no use: these servers are not asked for test. */
	CHECK_TEXT(lab_ask(&lab, &in), "NOERROR: aonly.r.test. 600 AAAA 64:ff9b::cb00:7209");
	unsigned before = lab.asked;

	CHECK_TEXT(lab_ask(&lab, &out), "SERVFAIL:");
	CHECK_INT(lab.asked, before);
	lab_stop(&lab);
	lab_free(&lab);
}

static const struct script short_zone[] = {
	{ .name = "short.r.test", .type = "A", .answer = "short.r.test 1 A 203.0.114.9" },
	{ .name = "short.r.test", .type = "AAAA", .authority = "test 1 SOA 3600" },
};
static const struct script silent_zone[] = {
	{ .name = "short.r.test", .type = "A", .code = "drop" },
	{ .name = "short.r.test", .type = "AAAA", .code = "drop" },
};

TEST(rfc8767_an_answer_beyond_its_time_is_given_when_the_servers_are_silent)
{
	struct lab lab;
	struct lab_query q = { .name = "short.r.test", .type = "AAAA" };
	nsec start;

	lab_defaults(&lab, short_zone, ARRAY_LEN(short_zone));
	lab.config.stale = (struct dns64_stale){ .keep = 3600 * NSEC, .answer_after = 200 * MSEC };
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q), "NOERROR: short.r.test. 1 AAAA 64:ff9b::cb00:7209");
	lab_stop(&lab);
	lab.script = silent_zone;
	lab_go_on(&lab);
	const char *got;

	start = clock_now();
	do
		got = lab_ask(&lab, &q);
	while (!strstr(got, " 29 ") && clock_now() - start < 8 * NSEC);
	CHECK_TEXT(got, "NOERROR: short.r.test. 29 AAAA 64:ff9b::cb00:7209");
	lab_stop(&lab);
	CHECK(resolver_counters(lab.resolver)->upstream_stale >= 1);
	lab_free(&lab);
}
