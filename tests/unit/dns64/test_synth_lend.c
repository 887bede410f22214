/* test_synth_lend.c - DNS46: A records for names that have AAAA records only; RFC 6147 s5 turned around */
#include "synthrows.h"

#define AAAA1 "www.m.test 300 AAAA 2001:db8::1"
#define LENT(ttl) "www.m.test. " #ttl " A 198.18.0.1"
#define A_QUERY .type = "A", .lend = "m.test"

TEST(native_data_is_returned_and_nothing_is_lent)
{
	static const struct row rows[] = {
		{ "A", A_QUERY, .first = { .answer = GLOBAL_A(9) }, .second = { .code = "none" },
			.kind = SYNTH_NATIVE, .want = "NOERROR: " GLOBAL_A_TEXT },
		{ "A, and AAAA is there", A_QUERY, .first = { .answer = GLOBAL_A(9) },
			.second = { .answer = AAAA1 }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: " GLOBAL_A_TEXT },
		{ "NXDOMAIN needs no AAAA", A_QUERY, .first = { .code = "NXDOMAIN", .authority = SOA30 },
			.second = { .code = "none" }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN: / m.test. 3600 SOA 30" },
		{ "not listed", .type = "A", .lend = "other.test", .first = NODATA30,
			.second = { .answer = AAAA1 }, .kind = SYNTH_NODATA, .want = EMPTY30 },
		{ "AAAA is as before", .lend = "m.test", .first = { .answer = AAAA1 },
			.second = { .code = "none" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::1" },
	};

	CHECK_ROWS(rows);
}

TEST(a_host_without_a_record_is_lent_an_address_for_the_lowest_ttl)
{
	static const struct row rows[] = {
		{ "undecided", A_QUERY, .first = NODATA30, .second = { .code = "none" },
			.kind = SYNTH_NEED_SECOND },
		{ "the SOA's minimum", A_QUERY, .first = NODATA30, .second = { .answer = AAAA1 },
			.kind = SYNTH_LENT, .want = "NOERROR: " LENT(30) },
		{ "the AAAA record's", A_QUERY, .first = NODATA30,
			.second = { .answer = "www.m.test 7 AAAA 2001:db8::1" }, .kind = SYNTH_LENT,
			.want = "NOERROR: " LENT(7) },
		{ "a minute at most", A_QUERY, .first = { .authority = "m.test 3600 SOA 900" },
			.second = { .answer = AAAA1 }, .kind = SYNTH_LENT, .want = "NOERROR: " LENT(60) },
		{ "the root is all names", .type = "A", .lend = ".", .first = NODATA30,
			.second = { .answer = AAAA1 }, .kind = SYNTH_LENT, .want = "NOERROR: " LENT(30) },
		{ "without DNS64", A_QUERY, .prefixes = "", .first = NODATA30, .second = { .answer = AAAA1 },
			.kind = SYNTH_LENT, .want = "NOERROR: " LENT(30) },
		{ "behind a CNAME", A_QUERY,
			.first = { .answer = "www.m.test 300 CNAME x.m.test", .authority = SOA30 },
			.second = { .answer = "www.m.test 300 CNAME x.m.test; x.m.test 50 AAAA 2001:db8::1" },
			.kind = SYNTH_LENT,
			.want = "NOERROR: www.m.test. 300 CNAME x.m.test.; x.m.test. 30 A 198.18.0.1" },
		{ "four of five", A_QUERY, .first = NODATA30,
			.second = { .answer = "www.m.test 9 AAAA 2001:db8::1; www.m.test 9 AAAA 2001:db8::2; "
					      "www.m.test 9 AAAA 2001:db8::3; www.m.test 9 AAAA 2001:db8::4; "
					      "www.m.test 9 AAAA 2001:db8::5" },
			.kind = SYNTH_LENT,
			.want = "NOERROR: www.m.test. 9 A 198.18.0.1; www.m.test. 9 A 198.18.0.2; "
				"www.m.test. 9 A 198.18.0.3; www.m.test. 9 A 198.18.0.4" },
		{ "one of two has none", A_QUERY, .first = NODATA30,
			.second = { .answer = "www.m.test 9 AAAA 2001:db8::dead; www.m.test 9 AAAA "
					      "2001:db8::2" },
			.kind = SYNTH_LENT, .want = "NOERROR: www.m.test. 9 A 198.18.0.2" },
	};

	CHECK_ROWS(rows);
}

TEST(no_address_is_lent_to_what_is_no_host_elsewhere)
{
#define NONE(what, address)                                                                                  \
	{                                                                                                    \
		what, A_QUERY, .first = NODATA30, .second = { .answer = "www.m.test 9 AAAA " address },      \
			       .kind = SYNTH_NODATA, .note = NOTE_NO_TARGET, .want = EMPTY30                 \
	}
	static const struct row rows[] = {
		NONE("under our prefix", "64:ff9b::c000:201"),
		NONE("excluded", "::ffff:192.0.2.1"),
		NONE("link-local", "fe80::1"),
		NONE("multicast", "ff02::1"),
		NONE("loopback", "::1"),
		NONE("unspecified", "::"),
		{ "under a range's prefix", A_QUERY, .ranges = "10.0.0.0/8>2001:db8:64::/96",
			.first = NODATA30, .second = { .answer = "www.m.test 9 AAAA 2001:db8:64::1" },
			.kind = SYNTH_NODATA, .note = NOTE_NO_TARGET, .want = EMPTY30 },
		{ "no AAAA either", A_QUERY, .first = NODATA30, .second = NODATA30, .kind = SYNTH_NODATA,
			.note = NOTE_NO_TARGET, .want = EMPTY30 },
		{ "only of another owner", A_QUERY, .first = NODATA30,
			.second = { .answer = "x.m.test 9 AAAA 2001:db8::1" }, .kind = SYNTH_NODATA,
			.note = NOTE_NO_TARGET, .want = EMPTY30 },
	};

	CHECK_ROWS(rows);
}

TEST(an_error_or_timeout_of_a_is_like_an_empty_answer)
{
	static const struct row rows[] = {
		{ "REFUSED, then AAAA", A_QUERY, .first = { .code = "REFUSED" },
			.second = { .answer = AAAA1 }, .kind = SYNTH_LENT, .want = "NOERROR: " LENT(60) },
		{ "timeout, then AAAA", A_QUERY, .first = { .code = "timeout" },
			.second = { .answer = AAAA1 }, .kind = SYNTH_LENT, .want = "NOERROR: " LENT(60) },
		{ "error, then no AAAA", A_QUERY, .first = { .code = "REFUSED" }, .second = NODATA30,
			.kind = SYNTH_NODATA, .note = NOTE_NO_TARGET, .want = EMPTY30 },
		{ "empty, then error", A_QUERY, .first = NODATA30, .second = { .code = "timeout" },
			.kind = SYNTH_FAILED, .want = "SERVFAIL:" },
		{ "timeout of both", A_QUERY, .first = { .code = "timeout" }, .second = { .code = "timeout" },
			.kind = SYNTH_FAILED, .want = "SERVFAIL:" },
	};

	CHECK_ROWS(rows);
}

TEST(the_table_of_rfc6147_s5_5_holds_the_other_way_round)
{
#define SECURE .trust = TRUST_SECURE
#define BOGUS .trust = TRUST_BOGUS
	static const struct row rows[] = {
		{ "CD and DO: the client does it all itself", A_QUERY, .bits = CD | DO, .first = NODATA30,
			.second = { .answer = AAAA1 }, .kind = SYNTH_NODATA,
			.want = "NOERROR cd: / m.test. 3600 SOA 30 / OPT 1232 00008000 0" },
		{ "DO: lent, without AD", A_QUERY, .bits = DO, .first = { .authority = SOA30, SECURE },
			.second = { .answer = AAAA1, SECURE }, .kind = SYNTH_LENT,
			.want = "NOERROR: " LENT(30) " / / OPT 1232 00008000 0" },
		{ "CD alone: lent", A_QUERY, .bits = CD, .first = NODATA30, .second = { .answer = AAAA1 },
			.kind = SYNTH_LENT, .want = "NOERROR cd: " LENT(30) },
		{ "bogus lack of A", A_QUERY, .first = { .authority = SOA30, BOGUS },
			.second = { .answer = AAAA1 }, .kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "bogus AAAA", A_QUERY, .first = NODATA30, .second = { .answer = AAAA1, BOGUS },
			.kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "bogus AAAA and CD", A_QUERY, .bits = CD, .first = NODATA30,
			.second = { .answer = AAAA1, BOGUS }, .kind = SYNTH_NODATA,
			.want = "NOERROR cd: / m.test. 3600 SOA 30" },
		{ "signed, but the lack of A is not proven", A_QUERY, .first = { .code = "timeout" },
			.second = { .answer = AAAA1, SECURE }, .kind = SYNTH_UNPROVEN, .want = "SERVFAIL:" },
	};

	CHECK_ROWS(rows);
}

TEST(an_empty_pool_is_servfail_with_an_extended_error)
{
	struct query q = { .has_question = true, .has_edns = true };
	struct synth_verdict v = { .kind = SYNTH_UNLENT, .rcode = RCODE_SERVFAIL };
	struct reply reply = { .query = &q, .verdict = &v };
	uint8_t out[512];
	bool cut;

	REQUIRE(dns_name_parse("www.m.test", &q.ask.question.name));
	q.ask.question.type = TYPE_A;
	q.ask.question.class = CLASS_IN;
	size_t len = reply_build(&reply, out, sizeof(out), &cut);

	CHECK_INT(be16_at(out + 2) & DNS_RCODE, RCODE_SERVFAIL);
	CHECK_BYTES(
		out + len - 6, 6, "\0\x0f\0\x02\0\0", 6); /* RFC 8914 s2: option 15, two bytes, INFO-CODE 0 */
}
