/* test_svcb.c - SVCB and HTTPS records: where they lead, and what the whole resolver adds to them (RFC 9460) */
#include "lab.h"

#include "dns64/svcb.h"

#define END "03656e640172047465737400"	  /* end.r.test */
#define SIX "037369780172047465737400"	  /* six.r.test */
#define LATE "046c6174650172047465737400" /* late.r.test */

static const struct {
	const char *what, *answer, *want;
} led[] = {
	{ "nothing", "", "" },
	{ "ServiceMode", "s.test 60 HTTPS 0001" END, "end.r.test. " },
	{ "parameters behind the name", "s.test 60 HTTPS 0001" END "000100030268320000", "end.r.test. " },
	{ "s2.5.2: . is the owner", "s.test 60 HTTPS 000100", "s.test. " },
	{ "s2.5.1: . in AliasMode is nothing", "s.test 60 HTTPS 000000", "" },
	{ "AliasMode", "s.test 60 HTTPS 0000" END, "end.r.test. " },
	{ "behind a CNAME", "s.test 60 CNAME t.test; t.test 60 HTTPS 000100", "t.test. " },
	{ "the lowest priorities, twice the same name",
		"s.test 60 HTTPS 0009" LATE "; s.test 60 HTTPS 0003" SIX "; s.test 60 HTTPS 0001" END
		"; s.test 60 HTTPS 0002" END,
		"end.r.test. six.r.test. " },
	{ "another type", "s.test 60 TXT 0001" END, "" },
	{ "no name", "s.test 60 HTTPS 0001", "" },
	{ "half a priority", "s.test 60 HTTPS 00", "" },
	{ "nothing at all", "s.test 60 HTTPS ", "" },
	{ "a name that is cut", "s.test 60 HTTPS 000103656e6401720474657374", "" },
	{ "a name that is compressed", "s.test 60 HTTPS 000103656e64c000", "" },
	{ "a pointer into a label of its own",
		"s.test 60 HTTPS 000110"
		"6161616161616161616161"
		"017800"
		"6161"
		"c00c",
		"" },
	{ "a label that is no label", "s.test 60 HTTPS 000140", "" },
	{ "one that is sound beside one that is not", "s.test 60 HTTPS 0001ff; s.test 60 HTTPS 0002" END,
		"end.r.test. " },
};

#define TARGETS_TEXT (SVCB_TARGETS_MAX * (DNS_NAME_TEXT + 1) + 1)

static void join_targets(const struct dns_msg *m, char ret[static TARGETS_TEXT])
{
	struct dns_name names[SVCB_TARGETS_MAX];
	char text[DNS_NAME_TEXT];
	unsigned n = svcb_targets(m, names);
	size_t len = 0;

	CHECK(n <= SVCB_TARGETS_MAX);
	ret[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(ret + len, TARGETS_TEXT - len, "%s ", dns_name_text(&names[i], text));
}

TEST(rfc9460_targets_are_found_in_sound_records_only)
{
	uint8_t buf[1024];
	char got[TARGETS_TEXT];
	struct dns_msg m;

	for (size_t i = 0; i < ARRAY_LEN(led); i++) {
		struct text_message t = { .name = "s.test", .type = "HTTPS", .answer = led[i].answer };
		size_t len = message_from_text(buf, &t);

		test_row(led[i].what);
		REQUIRE(dns_msg_parse(buf, len, &m));
		join_targets(&m, got);
		CHECK_TEXT(got, led[i].want);
	}
	test_row(NULL);
}

TEST(every_shorter_record_has_its_name_or_none)
{
	static const char data[] = "0001" END "00010003026832";
	uint8_t buf[1024];
	char got[TARGETS_TEXT], answer[256];
	struct dns_msg m;

	for (size_t len = 0; len <= strlen(data); len += 2) {
		struct text_message t = { .name = "s.test", .type = "HTTPS", .answer = answer };

		snprintf(answer, sizeof(answer), "s.test 60 HTTPS %.*s", (int)len, data);
		REQUIRE(dns_msg_parse(buf, message_from_text(buf, &t), &m));
		join_targets(&m, got);
		CHECK_TEXT(got, len < strlen("0001" END) ? "" : "end.r.test. ");
	}
}

/* --- in the whole resolver --- */

static const struct script zone[] = {
	{ .name = "svc.r.test", .type = "HTTPS", .answer = "svc.r.test 60 HTTPS 0001" END },
	{ .name = "end.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "end.r.test",
		.type = "A",
		.answer = "end.r.test 60 CNAME last.r.test; last.r.test 60 A 203.0.114.9" },
	{ .name = "last.r.test", .type = "A", .answer = "last.r.test 60 A 203.0.114.9" },
	{ .name = "two.r.test",
		.type = "HTTPS",
		.answer = "two.r.test 60 HTTPS 0002" SIX "; two.r.test 60 HTTPS 000100" },
	{ .name = "two.r.test", .type = "A", .answer = "two.r.test 50 A 203.0.114.2" },
	{ .name = "two.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "six.r.test", .type = "AAAA", .answer = "six.r.test 60 AAAA 2001:db8::6" },
	{ .name = "six.r.test", .type = "A", .answer = "six.r.test 60 A 203.0.114.6" },
	{ .name = "none.r.test", .type = "HTTPS", .answer = "none.r.test 60 HTTPS 000000" },
	{ .name = "slow.r.test", .type = "HTTPS", .answer = "slow.r.test 60 HTTPS 0001" LATE },
	{ .name = "late.r.test", .type = "AAAA", .code = "drop" },
	{ .name = "late.r.test", .type = "A", .answer = "late.r.test 60 A 203.0.114.7" },
	{ .name = "gone.r.test", .type = "HTTPS", .answer = "gone.r.test 60 HTTPS 000104676f6e6500" },
};

#define SVC "NOERROR: svc.r.test. 60 HTTPS 0001" END
#define SVC_MADE " / / end.r.test. 60 CNAME last.r.test.; last.r.test. 30 AAAA 64:ff9b::cb00:7209"

static const struct {
	struct lab_query q;
	const char *want;
} added[] = {
	{ { .name = "svc.r.test", .type = "HTTPS" }, SVC SVC_MADE },
	{ { .name = "svc.r.test", .type = "HTTPS", .edns = 1232 }, SVC SVC_MADE "; OPT 1232 00000000 0" },
	{ { .name = "svc.r.test", .type = "HTTPS", .edns = 1232, .dnssec_ok = true, .flags = DNS_CD },
		"NOERROR cd: svc.r.test. 60 HTTPS 0001" END " / / OPT 1232 00008000 0" },
	{ { .name = "two.r.test", .type = "HTTPS" },
		" / / two.r.test. 30 AAAA 64:ff9b::cb00:7202; six.r.test. 60 AAAA 2001:db8::6" },
	{ { .name = "none.r.test", .type = "HTTPS" }, "NOERROR: none.r.test. 60 HTTPS 000000" },
	{ { .name = "gone.r.test", .type = "HTTPS" }, "NOERROR: gone.r.test. 60 HTTPS 000104676f6e6500" },
};

TEST(rfc9460_s4_2_1_addresses_of_targets_are_synthesized_into_the_additional_section)
{
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	for (unsigned again = 0; again < 2; again++) /* from the cache, too */
		for (size_t i = 0; i < ARRAY_LEN(added); i++) {
			test_row(added[i].q.name);
			const char *got = lab_ask(&lab, &added[i].q), *part = strstr(got, added[i].want);

			CHECK_TEXT(
				part ? part : got, added[i].want); /* libunbound turns the order of a set */
		}
	test_row(NULL);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->extra_given, 2);
	CHECK_INT(resolver_counters(lab.resolver)->extra_late, 0);
	lab_free(&lab);
}

TEST(an_answer_does_not_wait_long_for_addresses_and_is_not_kept_without_them)
{
	struct lab lab;
	struct lab_query q = { .name = "slow.r.test", .type = "HTTPS" };
	nsec start = clock_now();

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q), "NOERROR: slow.r.test. 60 HTTPS 0001" LATE);
	CHECK(clock_now() - start < 3 * NSEC);
	lab_stop(&lab);
	CHECK_INT(resolver_counters(lab.resolver)->extra_late, 1);
	CHECK_INT(resolver_counters(lab.resolver)->cache_kept, 0);
	lab_free(&lab);
}

TEST(a_client_without_synthesis_gets_the_records_alone)
{
	struct lab lab;
	struct lab_query q = { .name = "svc.r.test", .type = "HTTPS" };

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab.config.policy.prefixes_len = 0;
	lab_start(&lab);
	CHECK_TEXT(lab_ask(&lab, &q), SVC);
	lab_stop(&lab);
	CHECK_INT(lab.asked, 1);
	lab_free(&lab);
}

/* Fifteen records of 31 bytes: with the address the answer would be longer than 512 bytes. */
TEST(what_does_not_fit_is_left_out_without_a_sign)
{
	char answer[2048] = "";
	struct script script[3] = { { .name = "big.r.test", .type = "HTTPS", .answer = answer },
		{ .name = "big.r.test", .type = "A", .answer = "big.r.test 60 A 203.0.114.9" },
		{ .name = "big.r.test", .type = "AAAA", .authority = "test 3600 SOA 30" } };
	struct lab lab;
	struct lab_query udp = { .name = "big.r.test", .type = "HTTPS" },
			 tcp = { .name = "big.r.test", .type = "HTTPS", .way = TCP4 };

	for (unsigned i = 0; i < 15; i++)
		snprintf(answer + strlen(answer), sizeof(answer) - strlen(answer),
			"%sbig.r.test 60 HTTPS 000100ffff000c%024x", i > 0 ? "; " : "", i);
	lab_defaults(&lab, script, ARRAY_LEN(script));
	lab_start(&lab);
	CHECK(strstr(lab_ask(&lab, &tcp), "64:ff9b::cb00:7209") != NULL);
	const char *got = lab_ask(&lab, &udp);

	CHECK_INT(strncmp(got, "NOERROR: big", 12), 0);
	CHECK(strstr(got, "64:ff9b") == NULL);
	lab_stop(&lab);
	lab_free(&lab);
}
