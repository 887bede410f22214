/* test_synth_policy.c - what an operator decides: ranges, exempt domains, how names of addresses are given */
#include "synthrows.h"

TEST(rfc6147_s5_1_7_ranges_of_ipv4_addresses_have_prefixes_of_their_own)
{
	static const char two[] = "10.0.0.0/8>2001:db8:10::/96 10.1.0.0/16>2001:db8:11::/96 "
				  "10.1.0.0/16>2001:db8:12::/64";
	static const struct row rows[] = {
		{ "in no range: the general prefix", .ranges = two, .first = NODATA30,
			.second = { .answer = GLOBAL_A(9) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(9) },
		{ "in a range", .ranges = two, .first = NODATA30,
			.second = { .answer = "www.m.test 9 A 10.2.0.1" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 9 AAAA 2001:db8:10::a02:1" },
		{ "the longest range, and all of its prefixes", .ranges = two, .first = NODATA30,
			.second = { .answer = "www.m.test 9 A 10.1.0.1" }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 9 AAAA 2001:db8:11::a01:1; www.m.test. 9 AAAA "
				"2001:db8:12:0:a:100:100:0" },
		{ "each A record by its own", .ranges = two, .first = NODATA30,
			.second = { .answer = "www.m.test 9 A 10.2.0.1; " GLOBAL_A(9) },
			.kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: www.m.test. 9 AAAA 2001:db8:10::a02:1; " EMBEDDED(9) },
		{ "exclude-a goes before", .ranges = two, .exclude_a = "10.2.0.0/16", .first = NODATA30,
			.second = { .answer = "www.m.test 9 A 10.2.0.1" }, .kind = SYNTH_NODATA,
			.note = NOTE_A_EXCLUDED, .want = EMPTY30 },
		{ "the well-known prefix not even so", .ranges = "10.0.0.0/8>64:ff9b::/96", .first = NODATA30,
			.second = { .answer = "www.m.test 9 A 10.2.0.1" }, .kind = SYNTH_NODATA,
			.note = NOTE_A_NOT_GLOBAL, .want = EMPTY30 },
		{ "ipv4only.arpa has the general prefixes only", .ranges = "192.0.0.0/8>2001:db8:10::/96",
			.name = "ipv4only.arpa", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: ipv4only.arpa. 600 AAAA 64:ff9b::c000:aa; ipv4only.arpa. 600 "
				"AAAA 64:ff9b::c000:ab" },
		{ "PTR in a range's prefix", .ranges = "10.0.0.0/8>2001:db8:10::/96",
			.name = "1.0.0.0.2.0.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
			.type = "PTR", .first = { .answer = "1.0.2.10.in-addr.arpa 50 PTR h.m.test" },
			.kind = SYNTH_PTR,
			.want = "NOERROR: 1.0.0.0.2.0.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.8.b.d.0.1.0.0.2."
				"ip6.arpa. 50 CNAME 1.0.2.10.in-addr.arpa.; 1.0.2.10.in-addr.arpa. 50 PTR "
				"h.m.test." },
	};

	CHECK_ROWS(rows);
}

TEST(domains_are_exempt_from_synthesis_both_ways)
{
	static const struct row rows[] = {
		{ "never: nothing is synthesized, A is not needed", .never = "m.test", .first = NODATA30,
			.second = { .code = "none" }, .kind = SYNTH_NODATA, .note = NOTE_EXEMPT,
			.want = EMPTY30 },
		{ "never: the name itself, case does not count", .never = "WWW.m.Test", .first = NODATA30,
			.second = { .code = "none" }, .kind = SYNTH_NODATA, .note = NOTE_EXEMPT,
			.want = EMPTY30 },
		{ "never: another domain", .never = "n.test w.m.test ww.m.test", .first = NODATA30,
			.second = { .answer = GLOBAL_A(9) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(9) },
		{ "never: all names", .never = ".", .first = NODATA30, .second = { .code = "none" },
			.kind = SYNTH_NODATA, .note = NOTE_EXEMPT, .want = EMPTY30 },
		{ "never: real records pass", .never = "m.test",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.m.test. 300 AAAA 2001:db8::1" },
		{ "never: excluded ones do not (RFC 6147 s5.1.4)", .never = "m.test",
			.first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1; www.m.test 300 AAAA "
					     "2001:db8::2" },
			.kind = SYNTH_NATIVE, .want = "NOERROR: www.m.test. 300 AAAA 2001:db8::2" },
		{ "never: only excluded ones", .never = "m.test",
			.first = { .answer = "www.m.test 300 AAAA ::ffff:192.0.2.1" }, .kind = SYNTH_NODATA,
			.note = NOTE_EXEMPT, .want = "NOERROR:" },
		{ "never: an error is an error", .never = "m.test", .first = { .code = "REFUSED" },
			.kind = SYNTH_OTHER, .want = "REFUSED:" },
		{ "never: NXDOMAIN", .never = "m.test", .first = { .code = "NXDOMAIN", .authority = SOA30 },
			.kind = SYNTH_NXDOMAIN, .want = "NXDOMAIN: / m.test. 3600 SOA 30" },
		{ "never: bogus", .never = "m.test",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1", .trust = TRUST_BOGUS },
			.kind = SYNTH_BOGUS, .want = "SERVFAIL:" },
		{ "always: real records count as absent", .always = "m.test",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1", .authority = SOA30 },
			.second = { .answer = GLOBAL_A(9) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(9) },
		{ "always: without A there is nothing", .always = "m.test",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1" }, .second = NODATA30,
			.kind = SYNTH_NODATA, .note = NOTE_NO_A, .want = EMPTY30 },
		{ "always: not with DO and CD (s5.5 item 3)", .always = "m.test", .bits = DO | CD,
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR cd: www.m.test. 300 AAAA 2001:db8::1 / / OPT 1232 00008000 0" },
		{ "always: NXDOMAIN stays", .always = "m.test",
			.first = { .code = "NXDOMAIN", .authority = SOA30 }, .kind = SYNTH_NXDOMAIN,
			.want = "NXDOMAIN: / m.test. 3600 SOA 30" },
		{ "the longest domain counts: never", .always = "test", .never = "m.test", .first = NODATA30,
			.kind = SYNTH_NODATA, .note = NOTE_EXEMPT, .want = EMPTY30 },
		{ "the longest domain counts: always", .always = "www.m.test", .never = "m.test",
			.first = { .answer = "www.m.test 300 AAAA 2001:db8::1", .authority = SOA30 },
			.second = { .answer = GLOBAL_A(9) }, .kind = SYNTH_SYNTHESIZED,
			.want = "NOERROR: " EMBEDDED(9) },
		{ "other types are what they are", .never = ".", .type = "A",
			.first = { .answer = GLOBAL_A(9) }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: " GLOBAL_A_TEXT },
	};

	CHECK_ROWS(rows);
}

TEST(rfc6147_s5_3_1_ptr_may_be_direct)
{
	static const struct row rows[] = {
		{ "records of the name itself", .name = REVERSE, .type = "PTR", .ptr_is_direct = true,
			.first = { .answer = "9.114.0.203.in-addr.arpa 50 PTR h.m.test; "
					     "9.114.0.203.in-addr.arpa 50 PTR g.m.test" },
			.kind = SYNTH_PTR,
			.want = "NOERROR: " REVERSE ". 50 PTR h.m.test.; " REVERSE ". 50 PTR g.m.test." },
		{ "behind a chain, with its lowest TTL; no signature", .name = REVERSE, .type = "PTR",
			.ptr_is_direct = true, .bits = DO,
			.first = { .answer = "9.114.0.203.in-addr.arpa 40 CNAME 9.x.test; 9.x.test 50 PTR "
					     "h.m.test; 9.x.test 50 RRSIG PTR",
				.trust = TRUST_SECURE },
			.kind = SYNTH_PTR,
			.want = "NOERROR: " REVERSE ". 40 PTR h.m.test. / / OPT 1232 00008000 0" },
	};

	CHECK_ROWS(rows);
}

TEST(names_below_a_literal_zone_stand_for_addresses)
{
	static const struct row rows[] = {
		{ "AAAA", "45-0-0-9.v4.m.test", "AAAA", .literals = "v4.m.test", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: 45-0-0-9.v4.m.test. 600 AAAA 64:ff9b::2d00:9" },
		{ "A", "45-0-0-9.V4.m.test", "A", .literals = "x.test v4.m.test", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: 45-0-0-9.V4.m.test. 600 A 45.0.0.9" },
		{ "another type", "45-0-0-9.v4.m.test", "TXT", .literals = "v4.m.test", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / v4.m.test. 600 SOA 600" },
		{ "an address that the prefix may not stand for (RFC 6052 s3.1)", "10-0-0-1.v4.m.test",
			"AAAA", .literals = "v4.m.test", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / v4.m.test. 600 SOA 600" },
		{ "an address that is excluded", "45-0-0-9.v4.m.test", "AAAA", .literals = "v4.m.test",
			.exclude_a = "45.0.0.0/24", .kind = SYNTH_LOCAL,
			.want = "NOERROR aa: / v4.m.test. 600 SOA 600" },
		{ "no address: as the world has it", "www.v4.m.test", "AAAA", .literals = "v4.m.test",
			.first = { .answer = "www.v4.m.test 300 AAAA 2001:db8::1" }, .kind = SYNTH_NATIVE,
			.want = "NOERROR: www.v4.m.test. 300 AAAA 2001:db8::1" },
		{ "256", "45-0-0-256.v4.m.test", "AAAA", .literals = "v4.m.test",
			.first = { .answer = "45-0-0-256.v4.m.test 300 AAAA 2001:db8::1" },
			.kind = SYNTH_NATIVE, .want = "NOERROR: 45-0-0-256.v4.m.test. 300 AAAA 2001:db8::1" },
		{ "dots", "45.0.0.9.v4.m.test", "AAAA", .literals = "v4.m.test",
			.first = { .answer = "45.0.0.9.v4.m.test 300 AAAA 2001:db8::1" },
			.kind = SYNTH_NATIVE, .want = "NOERROR: 45.0.0.9.v4.m.test. 300 AAAA 2001:db8::1" },
		{ "a name below", "a.45-0-0-9.v4.m.test", "AAAA", .literals = "v4.m.test",
			.first = { .answer = "a.45-0-0-9.v4.m.test 300 AAAA 2001:db8::1" },
			.kind = SYNTH_NATIVE, .want = "NOERROR: a.45-0-0-9.v4.m.test. 300 AAAA 2001:db8::1" },
	};

	CHECK_ROWS(rows);
}
