/* test_synth.c - synthesis, by sections of RFC 6147 and by the rows of its behaviour matrix */
#include "synthrows.h"

#include "dns64/reverse.h"

TEST(rfc6147_s5_1_1_real_aaaa_is_returned_and_nothing_is_synthesized)
{
	static const struct row rows[] = {
		{ "AAAA only", .first = { .answer = "www.m.test 300 AAAA 2001:db8::1" },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::1" },
		{ "AAAA and A", .first = { .answer = "www.m.test 300 AAAA 2001:db8::1" },
			.second = { .answer = GLOBAL_A(3600) }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::1" },
		{ "AAAA behind a CNAME",
			.first = { .answer = "www.m.test 300 CNAME x.m.test; x.m.test 60 AAAA 2001:db8::1" },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 CNAME x.m.test.; x.m.test. 60 AAAA 2001:db8::1" },
		{ "authority and additional pass",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1",
				.authority = "m.test 9 NS ns.m.test",
				.additional = "ns.m.test 9 A 10.0.0.1; . 0 OPT" },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::1 / m.test. 9 NS ns.m.test. / "
				"ns.m.test. 9 A 10.0.0.1" },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_1_2_nxdomain_is_returned_and_other_errors_are_like_an_empty_answer)
{
	static const struct row rows[] = {
		{ "NXDOMAIN although A exists", .first = { .code = "NXDOMAIN", .authority = SOA30 },
			.second = { .answer = GLOBAL_A(9) }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN: / m.test. 3600 SOA 30" },
		{ "NXDOMAIN needs no A", .first = { .code = "NXDOMAIN", .authority = SOA30 },
			.second = { .code = "none" }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN: / m.test. 3600 SOA 30" },
		{ "SERVFAIL", .first = { .code = "SERVFAIL" }, .second = { .answer = GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(9) },
		{ "REFUSED", .first = { .code = "REFUSED" }, .second = { .answer = GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(9) },
		{ "NOTIMP", .first = { .code = "NOTIMP" }, .second = { .answer = GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(9) },
		{ "FORMERR", .first = { .code = "FORMERR" }, .second = { .answer = GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(9) },
		{ "YXDOMAIN", .first = { .code = "YXDOMAIN" }, .second = { .answer = GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(9) },
		{ "an answer in an error is not looked at",
			.first = { .code = "SERVFAIL", .answer = "www.m.test 300 AAAA 2001:db8::1" },
			.second = { .answer = GLOBAL_A(9) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(9) },
		{ "error, then no A", .first = { .code = "REFUSED" }, .second = NODATA30,
			.kind = SYNTH_NODATA, .note = NOTE_NO_A, .want = EMPTY30 },
		{ "error, then error", .first = { .code = "REFUSED" }, .second = { .code = "timeout" },
			.kind = SYNTH_FAILED, .want = "SERVFAIL:" },
		{ "error, then NXDOMAIN", .first = { .code = "SERVFAIL" },
			.second = { .code = "NXDOMAIN", .authority = SOA30 }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN: / m.test. 3600 SOA 30" },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_1_3_a_timeout_is_like_an_error)
{
	static const struct row rows[] = {
		{ "timeout, then A", .first = { .code = "timeout" }, .second = { .answer = GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(9) },
		{ "timeout, A not there yet", .first = { .code = "timeout" }, .second = { .code = "none" },
			.kind = SYNTH_NEED_SECOND },
		{ "timeout of both", .first = { .code = "timeout" }, .second = { .code = "timeout" },
			.kind = SYNTH_FAILED, .want = "SERVFAIL:" },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_1_4_excluded_aaaa_are_never_returned)
{
	static const struct row rows[] = {
		{ "only mapped: like an empty answer",
			.first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1" },
			.second = { .answer = GLOBAL_A(3600) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(600) },
		{ "only mapped: A is needed", .first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1" },
			.second = { .code = "none" }, .kind = SYNTH_NEED_SECOND },
		{ "one mapped, one good",
			.first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1; www.m.test 300 AAAA "
					     "2001:db8::2" },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::2" },
		{ "a set that is not whole loses its signature and AD", .bits = DO,
			.first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1; www.m.test 300 AAAA "
					     "2001:db8::2; "
					     "www.m.test 300 RRSIG AAAA",
				.trust = TRUST_SECURE },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::2 / / OPT 1232 00008000 0" },
		{ "only mapped, no A", .first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1" },
			.second = NODATA30, .kind = SYNTH_NODATA, .note = NOTE_NO_A, .want = EMPTY30 },
		{ "only mapped, private A", .first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1" },
			.second = { .answer = "www.m.test 300 A 10.0.0.1" }, .kind = SYNTH_NODATA,
			.note = NOTE_A_NOT_GLOBAL, .want = "NOERROR:" },
		{ "only mapped behind a CNAME, no A",
			.first = { .answer = "www.m.test 9 CNAME x.m.test; x.m.test 300 AAAA "
					     "::ffff:192.0.2.1" },
			.second = { .answer = "www.m.test 9 CNAME x.m.test", .authority = SOA30 },
			.kind = SYNTH_NODATA, .note = NOTE_NO_A,
			.want = "NOERROR: www.m.test. 9 CNAME x.m.test. / m.test. 3600 SOA 30" },
		{ "the list is the operator's", .exclude_aaaa = "2001:db8::/32 64:ff9b::/96",
			.first = { .answer =
					   "www.m.test 300 AAAA 2001:db8::1; www.m.test 300 AAAA 64:ff9b::1; "
					   "www.m.test 300 AAAA ::ffff:192.0.2.1" },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA ::ffff:192.0.2.1" },
		{ "everything excluded: always synthesize", .exclude_aaaa = "::/0",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1" },
			.second = { .answer = GLOBAL_A(60) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(60) },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_1_5_chains_are_kept_and_their_end_is_used)
{
	static const struct row rows[] = {
		{ "CNAME, CNAME, A",
			.first = { .answer = "www.m.test 70 CNAME x.m.test; x.m.test 80 CNAME y.m.test",
				.authority = SOA30 },
			.second = { .answer = "www.m.test 70 CNAME x.m.test; x.m.test 80 CNAME y.m.test; "
					      "y.m.test 20 A 203.0.114.9" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 70 CNAME x.m.test.; x.m.test. 80 CNAME y.m.test.; "
				"y.m.test. 20 AAAA 64:ff9b::cb00:7209" },
		{ "DNAME, CNAME, A",
			.first = { .answer = "m.test 70 DNAME n.test; www.m.test 70 CNAME www.n.test",
				.authority = SOA30 },
			.second = { .answer = "m.test 70 DNAME n.test; www.m.test 70 CNAME www.n.test; "
					      "www.n.test 20 A 203.0.114.9" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: m.test. 70 DNAME n.test.; www.m.test. 70 CNAME www.n.test.; "
				"www.n.test. 20 AAAA 64:ff9b::cb00:7209" },
		{ "only the A records of the end are used",
			.first = { .answer = "www.m.test 70 CNAME x.m.test", .authority = SOA30 },
			.second = { .answer = "www.m.test 70 CNAME x.m.test; www.m.test 20 A 203.0.114.1; "
					      "x.m.test 20 A 203.0.114.9; z.m.test 20 A 203.0.114.2" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 70 CNAME x.m.test.; x.m.test. 20 AAAA "
				"64:ff9b::cb00:7209" },
		{ "CNAME to nothing",
			.first = { .answer = "www.m.test 70 CNAME x.m.test", .authority = SOA30 },
			.second = { .answer = "www.m.test 70 CNAME x.m.test", .authority = SOA30 },
			.kind = SYNTH_NODATA, .note = NOTE_NO_A,
			.want = "NOERROR: www.m.test. 70 CNAME x.m.test. / m.test. 3600 SOA 30" },
		{ "CNAME to NXDOMAIN",
			.first = { .code = "NXDOMAIN",
				.answer = "www.m.test 70 CNAME x.m.test",
				.authority = SOA30 },
			.second = { .code = "none" }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN: www.m.test. 70 CNAME x.m.test. / m.test. 3600 SOA 30" },
		{ "a loop ends",
			.first = { .answer = "www.m.test 70 CNAME x.m.test; x.m.test 70 CNAME www.m.test" },
			.second = { .answer = "www.m.test 70 CNAME x.m.test; x.m.test 70 CNAME www.m.test" },
			.kind = SYNTH_NODATA, .note = NOTE_NO_A,
			.want = "NOERROR: www.m.test. 70 CNAME x.m.test.; x.m.test. 70 CNAME www.m.test." },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_1_6_the_result_of_the_a_query_is_the_basis)
{
	static const struct row rows[] = {
		{ "A only", .first = NODATA30, .second = { .answer = GLOBAL_A(10) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(10) },
		{ "empty, A not there yet", .first = NODATA30, .second = { .code = "none" },
			.kind = SYNTH_NEED_SECOND },
		{ "empty, then empty: the first answer (s5.4)", .first = NODATA30,
			.second = { .authority = "m.test 7 SOA 7" }, .kind = SYNTH_NODATA, .note = NOTE_NO_A,
			.want = EMPTY30 },
		{ "empty, then error", .first = NODATA30, .second = { .code = "timeout" },
			.kind = SYNTH_FAILED, .want = "SERVFAIL:" },
		{ "empty, then REFUSED", .first = NODATA30, .second = { .code = "REFUSED" },
			.kind = SYNTH_OTHER, .want = "REFUSED:" },
		{ "several A", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 203.0.114.1; www.m.test 10 A 203.0.114.2" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 64:ff9b::cb00:7201; www.m.test. 10 AAAA "
				"64:ff9b::cb00:7202" },
		{ "authority and additional are those of the A answer (s5.4, s5.3.2)", .first = NODATA30,
			.second = { .answer = GLOBAL_A(10),
				.authority = "m.test 9 NS ns.m.test",
				.additional = "ns.m.test 9 A 203.0.114.53; ns.m.test 9 AAAA "
					      "::ffff:203.0.114.53; . 0 OPT" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(
				10) " / m.test. 9 NS ns.m.test. / ns.m.test. 9 A 203.0.114.53; "
				    "ns.m.test. 9 AAAA ::ffff:203.0.114.53" },
		{ "A records that are excluded are not used", .exclude_a = "203.0.114.0/24",
			.first = NODATA30,
			.second = { .answer = "www.m.test 10 A 203.0.114.1; www.m.test 10 A 203.0.115.2" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 64:ff9b::cb00:7302" },
		{ "all A records excluded", .exclude_a = "203.0.114.0/24", .first = NODATA30,
			.second = { .answer = GLOBAL_A(10) }, .kind = SYNTH_NODATA, .note = NOTE_A_EXCLUDED,
			.want = EMPTY30 },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_1_7_ttl_is_the_lower_one_of_a_and_soa)
{
	static const struct row rows[] = {
		{ "A 3600, SOA minimum 30", .first = NODATA30, .second = { .answer = GLOBAL_A(3600) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(30) },
		{ "A 10, SOA minimum 30", .first = NODATA30, .second = { .answer = GLOBAL_A(10) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(10) },
		{ "TTL of SOA below its minimum", .first = { .authority = "m.test 20 SOA 3600" },
			.second = { .answer = GLOBAL_A(3600) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(20) },
		{ "no SOA, long A", .first = { .authority = NULL }, .second = { .answer = GLOBAL_A(3600) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(600) },
		{ "no SOA, short A", .first = { .authority = NULL }, .second = { .answer = GLOBAL_A(599) },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(599) },
		{ "each A has its own", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 203.0.114.1; www.m.test 90 A 203.0.114.2" },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 64:ff9b::cb00:7201; www.m.test. 30 AAAA "
				"64:ff9b::cb00:7202" },
		{ "a TTL with its top bit set is 0 (RFC 2181 s8)", .first = NODATA30,
			.second = { .answer = GLOBAL_A(2147483648) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(0) },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_2_each_prefix_gives_one_record_per_a)
{
	static const struct row rows[] = {
		{ "two prefixes", .prefixes = "2001:db8:1::/96 2001:db8:200::/40", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 192.0.2.33" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 2001:db8:1::c000:221; "
				"www.m.test. 10 AAAA 2001:db8:2c0:2:21::" },
		{ "/32", .prefixes = "2001:db8::/32", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 192.0.2.33" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 2001:db8:c000:221::" },
		{ "/48", .prefixes = "2001:db8:122::/48", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 192.0.2.33" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 2001:db8:122:c000:2:2100::" },
		{ "/56", .prefixes = "2001:db8:122:300::/56", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 192.0.2.33" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 2001:db8:122:3c0:0:221::" },
		{ "/64", .prefixes = "2001:db8:122:344::/64", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 192.0.2.33" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 2001:db8:122:344:c0:2:2100:0" },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6052_s3_1_the_well_known_prefix_never_stands_for_private_ipv4)
{
	static const struct row rows[] = {
		{ "10.0.0.1", .first = NODATA30, .second = { .answer = "www.m.test 10 A 10.0.0.1" },
			.kind = SYNTH_NODATA, .note = NOTE_A_NOT_GLOBAL, .want = EMPTY30 },
		{ "192.168.1.1", .first = NODATA30, .second = { .answer = "www.m.test 10 A 192.168.1.1" },
			.kind = SYNTH_NODATA, .note = NOTE_A_NOT_GLOBAL, .want = EMPTY30 },
		{ "127.0.0.1", .first = NODATA30, .second = { .answer = "www.m.test 10 A 127.0.0.1" },
			.kind = SYNTH_NODATA, .note = NOTE_A_NOT_GLOBAL, .want = EMPTY30 },
		{ "a private and a global one", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 10.0.0.1; www.m.test 10 A 203.0.114.9" },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(10) },
		{ "allowed by the operator", .allow_non_global = true, .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 10.0.0.1" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 64:ff9b::a00:1" },
		{ "another prefix may", .prefixes = "64:ff9b::/96 2001:db8:1::/96", .first = NODATA30,
			.second = { .answer = "www.m.test 10 A 10.0.0.1" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 10 AAAA 2001:db8:1::a00:1" },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_3_1_ptr_in_a_prefix_becomes_a_cname_to_in_addr)
{
#define FORWARD "9.114.0.203.in-addr.arpa"
#define ZONE "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa"
	static const struct row rows[] = {
		{ "PTR exists", REVERSE, "PTR", .first = { .answer = FORWARD " 70 PTR www.m.test" },
			.kind = SYNTH_PTR,
			.want = "NOERROR: " REVERSE ". 70 CNAME " FORWARD ".; " FORWARD
				". 70 PTR www.m.test." },
		{ "several PTR", REVERSE, "PTR",
			.first = { .answer = FORWARD " 70 PTR a.m.test; " FORWARD " 70 PTR b.m.test" },
			.kind = SYNTH_PTR,
			.want = "NOERROR: " REVERSE ". 70 CNAME " FORWARD ".; " FORWARD
				". 70 PTR a.m.test.; " FORWARD ". 70 PTR b.m.test." },
		{ "a chain does not become longer (RFC 2317)", REVERSE, "PTR",
			.first = { .answer = FORWARD " 50 CNAME 9.sub.test; 9.sub.test 70 PTR www.m.test" },
			.kind = SYNTH_PTR,
			.want = "NOERROR: " REVERSE
				". 50 CNAME 9.sub.test.; 9.sub.test. 70 PTR www.m.test." },
		{ "no such name: no CNAME to nothing", REVERSE, "PTR",
			.first = { .code = "NXDOMAIN", .authority = "203.in-addr.arpa 900 SOA 300" },
			.kind = SYNTH_NXDOMAIN, .want = "NXDOMAIN: / " ZONE ". 300 SOA 300" },
		{ "no PTR", REVERSE, "PTR", .first = { .authority = "203.in-addr.arpa 900 SOA 300" },
			.kind = SYNTH_NODATA, .want = "NOERROR: / " ZONE ". 300 SOA 300" },
		{ "failure", REVERSE, "PTR", .first = { .code = "timeout" }, .kind = SYNTH_FAILED,
			.want = "SERVFAIL:" },
		{ "signed: signatures stay, no AD", REVERSE, "PTR", DO,
			.first = { .answer = FORWARD " 70 PTR www.m.test; " FORWARD " 70 RRSIG PTR",
				.trust = TRUST_SECURE },
			.kind = SYNTH_PTR,
			.want = "NOERROR: " REVERSE ". 70 CNAME " FORWARD ".; " FORWARD
				". 70 PTR www.m.test.; " FORWARD ". 70 RRSIG PTR / / OPT 1232 00008000 0" },
		{ "bogus", REVERSE, "PTR",
			.first = { .answer = FORWARD " 70 PTR www.m.test", .trust = TRUST_BOGUS },
			.kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "DO and CD: as it is", REVERSE, "PTR", DO | CD,
			.first = { .code = "NXDOMAIN", .authority = "ip6.arpa 900 SOA 300" },
			.kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN cd: / ip6.arpa. 900 SOA 300 / OPT 1232 00008000 0" },
		{ "another type at the name", REVERSE, "TXT", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / " ZONE ". 600 SOA 600" },
		{ "AAAA at the name", REVERSE, "AAAA", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / " ZONE ". 600 SOA 600" },
		{ "a name above: it exists", "7.0.0.b.c." ZONE, "PTR", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / " ZONE ". 600 SOA 600" },
		{ "the zone itself", ZONE, "NS", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / " ZONE ". 600 SOA 600" },
		{ "DS of the zone is the parent's", ZONE, "DS",
			.first = { .authority = "ip6.arpa 900 SOA 300" }, .kind = SYNTH_NODATA,
			.want = "NOERROR: / ip6.arpa. 900 SOA 300" },
		{ "a name that is too long", "1." REVERSE, "PTR", .kind = SYNTH_LOCAL,
			.want = "NXDOMAIN aa: / " ZONE ". 600 SOA 600" },
		{ "no nibble", "www." ZONE, "PTR", .kind = SYNTH_LOCAL,
			.want = "NXDOMAIN aa: / " ZONE ". 600 SOA 600" },
		{ "above every prefix", "9.f.f.4.6.0.0.ip6.arpa", "PTR",
			.first = { .code = "NXDOMAIN", .authority = "ip6.arpa 900 SOA 300" },
			.kind = SYNTH_NXDOMAIN, .want = "NXDOMAIN: / ip6.arpa. 900 SOA 300" },
		{ "another address",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR",
			.first = { .answer = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0."
					     "2.ip6.arpa 9 PTR x.test" },
			.kind = SYNTH_NATIVE,
			.want = "NOERROR: "
				"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 9 "
				"PTR x.test." },
		{ "bits 64 to 71 set: the world is asked",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR",
			.prefixes = "2001:db8::/32", .first = { .code = "NXDOMAIN" }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN:" },
		{ "upper case hexadecimal digits", "9.0.2.7.0.0.B.C." ZONE, "PTR",
			.first = { .answer = FORWARD " 70 PTR www.m.test" }, .kind = SYNTH_PTR,
			.want = "NOERROR: 9.0.2.7.0.0.B.C." ZONE ". 70 CNAME " FORWARD ".; " FORWARD
				". 70 PTR www.m.test." },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct row r = rows[i];

		check_row(&r);
	}
	test_row(NULL);
}

TEST(rfc6147_s5_3_1_ptr_works_in_prefixes_of_all_lengths)
{
	static const char *const prefixes[] = { "2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48",
		"2001:db8:122:300::/56", "2001:db8:122:344::/64", "2001:db8:122:344::/96" };
	static const char *const embedded[] = { "2001:db8:c000:221::", "2001:db8:1c0:2:21::",
		"2001:db8:122:c000:2:2100::", "2001:db8:122:3c0:0:221::", "2001:db8:122:344:c0:2:2100::",
		"2001:db8:122:344::192.0.2.33" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct prefix6 whole = { .len = 128 };
		struct synth_query q = { .question = { .type = TYPE_PTR, .class = 1 } };
		struct dns64_policy policy = { .prefixes_len = 1 };
		struct synth_plan plan;
		char text[DNS_NAME_TEXT];

		test_row(prefixes[i]);
		REQUIRE(prefix6_parse(prefixes[i], &policy.prefixes[0]) == 0);
		REQUIRE(addr6_parse(embedded[i], &whole.addr));
		reverse6_zone(whole, &q.question.name);
		synth_plan(&policy, &q, &plan);
		CHECK_INT(plan.kind, PLAN_PTR);
		CHECK_TEXT(dns_name_text(&plan.first.name, text), "33.2.0.192.in-addr.arpa.");
		CHECK_INT(plan.first.type, TYPE_PTR);
	}
}

TEST(rfc6147_s5_3_1_ptr_in_overlapping_prefixes_belongs_to_the_longest)
{
	static const char *const prefixes[] = { "2001:db8::/32", "2001:db8:64::/96" };
	struct synth_query q = { .question = { .type = TYPE_PTR, .class = 1 } };
	struct prefix6 whole = { .len = 128 };
	char text[DNS_NAME_TEXT];

	for (unsigned order = 0; order < 2; order++) {
		struct dns64_policy policy = { .prefixes_len = 2 };
		struct synth_plan plan;

		REQUIRE(prefix6_parse(prefixes[order], &policy.prefixes[0]) == 0 &&
			prefix6_parse(prefixes[!order], &policy.prefixes[1]) == 0);
		REQUIRE(addr6_parse("2001:db8:64::192.0.2.33", &whole.addr));
		reverse6_zone(whole, &q.question.name);
		synth_plan(&policy, &q, &plan);
		CHECK_INT(plan.kind, PLAN_PTR);
		CHECK_TEXT(dns_name_text(&plan.first.name, text), "33.2.0.192.in-addr.arpa.");
	}
}

TEST(rfc6147_s5_3_3_other_types_pass_unchanged)
{
	static const struct row rows[] = {
		{ "A", .type = "A", .first = { .answer = "www.m.test 10 A 10.0.0.1" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 10 A 10.0.0.1" },
		{ "HTTPS with hints (draft-ietf-dnsop-svcb-https s4.3 and \"DNS64\")", .type = "HTTPS",
			.first = { .answer = "www.m.test 10 HTTPS 00010000040004c000020a" },
			.kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 10 HTTPS 00010000040004c000020a" },
		{ "ANY, with excluded AAAA", .type = "ANY",
			.first = { .answer = "www.m.test 10 A 10.0.0.1; www.m.test 10 AAAA ::ffff:1.2.3.4" },
			.kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 10 A 10.0.0.1; www.m.test. 10 AAAA ::ffff:1.2.3.4" },
		{ "TXT without data", .type = "TXT", .first = NODATA30, .kind = SYNTH_NODATA,
			.want = EMPTY30 },
		{ "failure", .type = "TXT", .first = { .code = "timeout" }, .kind = SYNTH_FAILED,
			.want = "SERVFAIL:" },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_5_dnssec_bits)
{
#define SEC .trust = TRUST_SECURE
#define BAD .trust = TRUST_BOGUS
#define OPTDO " / / OPT 1232 00008000 0"
	static const struct row rows[] = {
		{ "item 1: DO=0 CD=0, both secure: synthesis, no AD", .first = { .authority = SOA30, SEC },
			.second = { .answer = GLOBAL_A(10) "; www.m.test 10 RRSIG A", SEC },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR: " EMBEDDED(10) },
		{ "item 1: no AD in any answer", .first = { .answer = "www.m.test 9 AAAA 2001:db8::1", SEC },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 9 AAAA 2001:db8::1" },
		{ "item 2: DO=1 CD=0, both secure: synthesis with AD, without the A's signature", .bits = DO,
			.first = { .authority = SOA30 "; www.m.test 30 NSEC 0001", SEC },
			.second = { .answer = GLOBAL_A(10) "; www.m.test 10 RRSIG A", SEC },
			.kind = SYNTH_SYNTHESIZED, .want = "NOERROR ad: " EMBEDDED(10) OPTDO },
		{ "item 2: native with AD and signature", .bits = DO,
			.first = { .answer = "www.m.test 9 AAAA 2001:db8::1; www.m.test 9 RRSIG AAAA", SEC },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR ad: www.m.test. 9 AAAA 2001:db8::1; www.m.test. 9 RRSIG "
				"AAAA" OPTDO },
		{ "AAAA insecure: no AD", .bits = DO, .first = NODATA30,
			.second = { .answer = GLOBAL_A(10), SEC }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(10) OPTDO },
		{ "A insecure: no AD", .bits = DO, .first = { .authority = SOA30, SEC },
			.second = { .answer = GLOBAL_A(10) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(10) OPTDO },
		{ "signed chain: its signatures stay", .bits = DO,
			.first = { .answer = "www.m.test 70 CNAME x.m.test", .authority = SOA30, SEC },
			.second = { .answer = "www.m.test 70 CNAME x.m.test; www.m.test 70 RRSIG CNAME; "
					      "x.m.test 9 A 203.0.114.9; "
					      "x.m.test 9 RRSIG A",
				SEC },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR ad: www.m.test. 70 CNAME x.m.test.; www.m.test. 70 RRSIG CNAME; "
				"x.m.test. 9 AAAA 64:ff9b::cb00:7209" OPTDO },
		{ "item 2: bogus denial: SERVFAIL", .first = { .authority = SOA30, BAD },
			.second = { .answer = GLOBAL_A(10) }, .kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "item 2: bogus denial with DO", .bits = DO, .first = { .authority = SOA30, BAD },
			.second = { .answer = GLOBAL_A(10) }, .kind = SYNTH_BOGUS,
			.want = "SERVFAIL: / / OPT 1232 00008000 6" },
		{ "bogus A: SERVFAIL", .first = { .authority = SOA30, SEC },
			.second = { .answer = GLOBAL_A(10), BAD }, .kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "bogus without a message", .first = { .code = "timeout", BAD },
			.second = { .code = "none" }, .kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "bogus AAAA data", .first = { .answer = "www.m.test 9 AAAA 2001:db8::1", BAD },
			.second = { .code = "none" }, .kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "bogus NXDOMAIN", .first = { .code = "NXDOMAIN", .authority = SOA30, BAD },
			.second = { .code = "none" }, .kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "AAAA fails, A is secure: the proof is missing", .first = { .code = "timeout" },
			.second = { .answer = GLOBAL_A(10), SEC }, .kind = SYNTH_UNPROVEN,
			.want = "SERVFAIL:" },
		{ "AAAA REFUSED, A is secure: the proof is missing", .first = { .code = "REFUSED" },
			.second = { .answer = GLOBAL_A(10), SEC }, .kind = SYNTH_UNPROVEN,
			.want = "SERVFAIL:" },
		{ "item 3: DO=1 CD=1: no synthesis, the proof is handed on", .bits = DO | CD,
			.first = { .authority = SOA30 "; www.m.test 30 NSEC 0001; www.m.test 30 RRSIG NSEC",
				SEC },
			.second = { .answer = GLOBAL_A(10), SEC }, .kind = SYNTH_NODATA,
			.note = NOTE_CHECKING_DISABLED,
			.want = "NOERROR ad cd: / m.test. 3600 SOA 30; www.m.test. 30 NSEC 0001; www.m.test. "
				"30 RRSIG NSEC"
				" / OPT 1232 00008000 0" },
		{ "item 3: unsigned name too", .bits = DO | CD, .first = NODATA30,
			.second = { .answer = GLOBAL_A(10) }, .kind = SYNTH_NODATA,
			.note = NOTE_CHECKING_DISABLED,
			.want = "NOERROR cd: / m.test. 3600 SOA 30 / OPT 1232 00008000 0" },
		{ "item 3: excluded AAAA are the client's business", .bits = DO | CD,
			.first = { .answer = "www.m.test 9 AAAA ::ffff:1.2.3.4" },
			.second = { .answer = GLOBAL_A(10) }, .kind = SYNTH_NATIVE,
			.want = "NOERROR cd: www.m.test. 9 AAAA ::ffff:1.2.3.4" OPTDO },
		{ "item 3: bogus data is handed out", .bits = DO | CD,
			.first = { .answer = "www.m.test 9 AAAA 2001:db8::1; www.m.test 9 RRSIG AAAA", BAD },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR cd: www.m.test. 9 AAAA 2001:db8::1; www.m.test. 9 RRSIG "
				"AAAA" OPTDO },
		{ "DO=0 CD=1: synthesis", .bits = CD, .first = { .authority = SOA30, SEC },
			.second = { .answer = GLOBAL_A(10), SEC }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR cd: " EMBEDDED(10) },
		{ "DO=0 CD=1, bogus denial: handed out, nothing made of it", .bits = CD,
			.first = { .authority = SOA30, BAD }, .second = { .answer = GLOBAL_A(10), SEC },
			.kind = SYNTH_NODATA, .want = "NOERROR cd: / m.test. 3600 SOA 30" },
		{ "DO=0 CD=1, bogus A: nothing made of it", .bits = CD, .first = NODATA30,
			.second = { .answer = GLOBAL_A(10), BAD }, .kind = SYNTH_NODATA,
			.want = "NOERROR cd: / m.test. 3600 SOA 30" },
		{ "DO=0: RFC 4035 s3.2.1, no signatures", .type = "A",
			.first = { .answer = GLOBAL_A(10) "; www.m.test 10 RRSIG A",
				.authority = "m.test 9 NSEC3 0102",
				SEC },
			.kind = SYNTH_NATIVE, .want = "NOERROR: www.m.test. 10 A 203.0.114.9" },
		{ "DO=0: what was asked for stays", .type = "RRSIG",
			.first = { .answer = "www.m.test 10 RRSIG A", SEC }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 10 RRSIG A" },
		{ "DO=1 CD=0: NODATA of both, with AD", .bits = DO,
			.first = { .authority = SOA30 "; www.m.test 30 NSEC 0001", SEC },
			.second = { .authority = SOA30, SEC }, .kind = SYNTH_NODATA, .note = NOTE_NO_A,
			.want = "NOERROR ad: / m.test. 3600 SOA 30; www.m.test. 30 NSEC 0001 / OPT 1232 "
				"00008000 0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct row r = rows[i];

		check_row(&r);
	}
	test_row(NULL);
}

TEST(rfc8880_s7_1_ipv4only_arpa_is_answered_here)
{
	static const struct row rows[] = {
		{ "A", "ipv4only.arpa", "A", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: ipv4only.arpa. 600 A 192.0.0.170; ipv4only.arpa. 600 A "
				"192.0.0.171" },
		{ "AAAA", "ipv4only.arpa", "AAAA", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: ipv4only.arpa. 600 AAAA 64:ff9b::c000:aa; ipv4only.arpa. 600 "
				"AAAA 64:ff9b::c000:ab" },
		{ "AAAA in capitals", "IPv4Only.ARPA", "AAAA", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: IPv4Only.ARPA. 600 AAAA 64:ff9b::c000:aa; IPv4Only.ARPA. 600 "
				"AAAA 64:ff9b::c000:ab" },
		{ "AAAA, two prefixes", "ipv4only.arpa", "AAAA", .prefixes = "2001:db8:1::/96 2001:db8::/32",
			.kind = SYNTH_LOCAL,
			.want = "NOERROR aa: ipv4only.arpa. 600 AAAA 2001:db8:1::c000:aa; "
				"ipv4only.arpa. 600 AAAA 2001:db8:1::c000:ab; ipv4only.arpa. 600 AAAA "
				"2001:db8:c000:aa::; "
				"ipv4only.arpa. 600 AAAA 2001:db8:c000:ab::" },
		{ "AAAA with DO and CD", "ipv4only.arpa", "AAAA", DO | CD, .prefixes = "2001:db8:1::/96",
			.kind = SYNTH_LOCAL,
			.want = "NOERROR aa cd: ipv4only.arpa. 600 AAAA 2001:db8:1::c000:aa; "
				"ipv4only.arpa. 600 AAAA 2001:db8:1::c000:ab" OPTDO },
		{ "another type", "ipv4only.arpa", "TXT", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / ipv4only.arpa. 600 SOA 600" },
		{ "NS: never looked up", "ipv4only.arpa", "NS", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / ipv4only.arpa. 600 SOA 600" },
		{ "a name below", "www.ipv4only.arpa", "AAAA", .kind = SYNTH_LOCAL,
			.want = "NXDOMAIN aa: / ipv4only.arpa. 600 SOA 600" },
		{ "DS is looked up", "ipv4only.arpa", "DS", DO,
			.first = { .authority = "arpa 900 SOA 300", SEC }, .kind = SYNTH_NODATA,
			.want = "NOERROR ad: / arpa. 900 SOA 300 / OPT 1232 00008000 0" },
		{ "s7.2.1: reverse name of a synthesized address",
			"b.a.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa", "PTR",
			.kind = SYNTH_LOCAL,
			.want = "NOERROR aa: "
				"b.a.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa. "
				"600 PTR "
				"ipv4only.arpa." },
		{ "s7.2 item 4: the name in in-addr.arpa is not special to a resolver",
			"170.0.0.192.in-addr.arpa", "PTR",
			.first = { .answer = "170.0.0.192.in-addr.arpa 9 PTR ipv4only.arpa" },
			.kind = SYNTH_NATIVE,
			.want = "NOERROR: 170.0.0.192.in-addr.arpa. 9 PTR ipv4only.arpa." },
		{ "a name that only ends like it", "xipv4only.arpa", "A", .first = { .code = "NXDOMAIN" },
			.kind = SYNTH_NXDOMAIN, .want = "NXDOMAIN:" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct row r = rows[i];

		if (r.bits & DO && r.kind != SYNTH_LOCAL)
			r.first.trust = TRUST_SECURE;
		check_row(&r);
	}
	test_row(NULL);
}

TEST(without_prefixes_nothing_is_special)
{
	struct dns64_policy none = { .prefixes_len = 0 };
	static const char *const names[] = { "www.m.test", "ipv4only.arpa", REVERSE };
	static const uint16_t types[] = { TYPE_AAAA, TYPE_A, TYPE_PTR };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct synth_query q = { .question = { .type = types[i], .class = 1 } };
		struct synth_plan plan;

		test_row(names[i]);
		REQUIRE(dns_name_parse(names[i], &q.question.name));
		synth_plan(&none, &q, &plan);
		CHECK_INT(plan.kind, PLAN_ASK);
		CHECK(dns_name_equal(&plan.first.name, &q.question.name));
	}
}
