/* test_scrub.c - what of an upstream's reply is used */
#include "dnstext.h"

#include "dns64/scrub.h"

#define SOA "example 3600 SOA 300"
#define OK 0x8180

static const struct {
	const char *what;
	struct text_message said;
	enum scrub is;
	const char *want; /* if it is taken */
} rows[] = {
	{ "data", { "www.example", "A", .flags = OK, .answer = "www.example 60 A 192.0.2.1" }, SCRUB_TAKEN,
		"NOERROR: www.example. 60 A 192.0.2.1" },
	{ "data with AA, AD and CD, which say nothing here",
		{ "www.example", "A", .flags = OK | 0x0430, .answer = "www.example 60 A 192.0.2.1" },
		SCRUB_TAKEN, "NOERROR: www.example. 60 A 192.0.2.1" },
	{ "another case of the name",
		{ "www.example", "A", .flags = OK, .answer = "WWW.Example 60 A 192.0.2.1" }, SCRUB_TAKEN,
		"NOERROR: www.example. 60 A 192.0.2.1" },
	{ "several records",
		{ "www.example", "A", .flags = OK,
			.answer = "www.example 60 A 192.0.2.1; www.example 50 A 192.0.2.2" },
		SCRUB_TAKEN, "NOERROR: www.example. 60 A 192.0.2.1; www.example. 50 A 192.0.2.2" },
	{ "RFC 2181 s5: the same record twice",
		{ "www.example", "A", .flags = OK,
			.answer =
				"other.example 60 A 192.0.2.1; www.example 60 A 192.0.2.1; www.example 60 A "
				"192.0.2.1" },
		SCRUB_TAKEN, "NOERROR: www.example. 60 A 192.0.2.1" },
	{ "RFC 5452 s6: records that nobody asked for",
		{ "www.example", "A", .flags = OK,
			.answer = "bank.example 60 A 192.0.2.66; www.example 60 A 192.0.2.1; www.example 60 "
				  "TXT 0161; www.example 60 AAAA 2001:db8::1",
			.authority = "example 60 NS ns.evil.example; com 60 NS ns.evil.example",
			.additional = "ns.evil.example 60 A 192.0.2.66" },
		SCRUB_TAKEN, "NOERROR: www.example. 60 A 192.0.2.1" },
	{ "the authority section of data goes",
		{ "www.example", "A", .flags = OK, .answer = "www.example 60 A 192.0.2.1", .authority = SOA },
		SCRUB_TAKEN, "NOERROR: www.example. 60 A 192.0.2.1" },
	{ "TTLs are bounded, and those with the highest bit are 0 (RFC 2181 s8)",
		{ "www.example", "A", .flags = OK,
			.answer = "www.example 1000000 A 192.0.2.1; www.example 4294967295 A 192.0.2.2" },
		SCRUB_TAKEN, "NOERROR: www.example. 86400 A 192.0.2.1; www.example. 0 A 192.0.2.2" },
	{ "a chain, in any order",
		{ "www.example", "A", .flags = OK,
			.answer = "end.example 60 A 192.0.2.1; b.example 60 CNAME end.example; www.example "
				  "60 CNAME b.example; c.example 60 CNAME www.example" },
		SCRUB_TAKEN,
		"NOERROR: www.example. 60 CNAME b.example.; b.example. 60 CNAME end.example.; end.example. "
		"60 A 192.0.2.1" },
	{ "a chain to a \"no\"",
		{ "www.example", "AAAA", .flags = OK, .answer = "www.example 60 CNAME end.example",
			.authority = SOA },
		SCRUB_TAKEN, "NOERROR: www.example. 60 CNAME end.example. / example. 300 SOA 300" },
	{ "a chain to a name that does not exist",
		{ "www.example", "AAAA", .flags = OK | 3, .answer = "www.example 60 CNAME end.example",
			.authority = SOA },
		SCRUB_TAKEN, "NXDOMAIN: www.example. 60 CNAME end.example. / example. 300 SOA 300" },
	{ "a chain that is not followed to its end",
		{ "www.example", "AAAA", .flags = OK, .answer = "www.example 60 CNAME www.elsewhere",
			.authority = SOA },
		SCRUB_ODD, NULL },
	{ "a loop",
		{ "www.example", "A", .flags = OK,
			.answer = "www.example 60 CNAME b.example; b.example 60 CNAME www.example" },
		SCRUB_ODD, NULL },
	{ "two CNAMEs at a name",
		{ "www.example", "A", .flags = OK,
			.answer = "www.example 60 CNAME b.example; www.example 60 CNAME c.example; b.example "
				  "60 A 192.0.2.1" },
		SCRUB_ODD, NULL },
	{ "CNAME and other data",
		{ "www.example", "A", .flags = OK,
			.answer =
				"www.example 60 CNAME b.example; www.example 60 A 192.0.2.1; b.example 60 A "
				"192.0.2.2" },
		SCRUB_ODD, NULL },
	{ "CNAME is asked for",
		{ "www.example", "CNAME", .flags = OK, .answer = "www.example 60 CNAME b.example" },
		SCRUB_TAKEN, "NOERROR: www.example. 60 CNAME b.example." },
	{ "DNAME",
		{ "www.example", "A", .flags = OK,
			.answer = "example 60 DNAME test; www.example 60 CNAME www.test; www.test 60 A "
				  "192.0.2.1" },
		SCRUB_ODD, NULL },
	{ "no data", { "www.example", "AAAA", .flags = OK, .authority = SOA }, SCRUB_TAKEN,
		"NOERROR: / example. 300 SOA 300" },
	{ "no such name", { "www.example", "AAAA", .flags = OK | 3, .authority = SOA }, SCRUB_TAKEN,
		"NXDOMAIN: / example. 300 SOA 300" },
	{ "RFC 2308 s5: the lower of TTL and MINIMUM",
		{ "www.example", "AAAA", .flags = OK, .authority = "example 20 SOA 300" }, SCRUB_TAKEN,
		"NOERROR: / example. 20 SOA 300" },
	{ "a \"no\" is bounded more",
		{ "www.example", "AAAA", .flags = OK, .authority = "example 86400 SOA 86400" }, SCRUB_TAKEN,
		"NOERROR: / example. 3600 SOA 86400" },
	{ "an SOA record of another zone",
		{ "www.example", "AAAA", .flags = OK, .authority = "test 3600 SOA 300" }, SCRUB_ODD, NULL },
	{ "RFC 2308 s2.2: no SOA record, of a resolver", { "www.example", "AAAA", .flags = OK }, SCRUB_TAKEN,
		"NOERROR:" },
	{ "no SOA record, of a server with the name", { "www.example", "AAAA", .flags = 0x8500 }, SCRUB_TAKEN,
		"NOERROR:" },
	{ "no SOA record, and no sign that anybody has looked", { "www.example", "AAAA", .flags = 0x8100 },
		SCRUB_ODD, NULL },
	{ "a referral", { "www.example", "AAAA", .flags = 0x8100, .authority = "example 60 NS ns.example" },
		SCRUB_ODD, NULL },
	{ "a referral of a resolver",
		{ "www.example", "AAAA", .flags = OK, .authority = "example 60 NS ns.example" }, SCRUB_ODD,
		NULL },
	{ "data of a name that does not exist",
		{ "www.example", "A", .flags = OK | 3, .answer = "www.example 60 A 192.0.2.1" }, SCRUB_ODD,
		NULL },
	{ "signatures stay with what they sign",
		{ "www.example", "A", .flags = OK,
			.answer =
				"www.example 60 CNAME b.example; www.example 60 RRSIG CNAME; b.example 60 A "
				"192.0.2.1; b.example 60 RRSIG A; b.example 60 RRSIG TXT; c.example 60 "
				"RRSIG A" },
		SCRUB_TAKEN,
		"NOERROR: www.example. 60 CNAME b.example.; www.example. 60 RRSIG CNAME; b.example. 60 A "
		"192.0.2.1; b.example. 60 RRSIG A" },
	{ "RFC 4035 s3.1.3: proofs and signatures of a \"no\"",
		{ "www.example", "A", .flags = OK | 3,
			.authority = SOA "; example 60 RRSIG SOA; a.example 60 NSEC 0161; a.example 60 RRSIG "
					 "NSEC; a.test 60 NSEC 0161; example 60 NS ns.example; example 60 "
					 "RRSIG NS; h.example 9000 NSEC3 00" },
		SCRUB_TAKEN,
		"NXDOMAIN: / example. 300 SOA 300; example. 60 RRSIG SOA; a.example. 60 NSEC 0161; "
		"a.example. "
		"60 RRSIG NSEC; h.example. 3600 NSEC3 00" },
	{ "RFC 4035 s3.1.3.3: the proof of a wildcard goes with signed data",
		{ "www.example", "A", .flags = OK,
			.answer = "www.example 60 A 192.0.2.1; www.example 60 RRSIG A",
			.authority =
				"a.example 60 NSEC 0161; a.example 60 RRSIG NSEC; example 60 NS ns.test" },
		SCRUB_TAKEN,
		"NOERROR: www.example. 60 A 192.0.2.1; www.example. 60 RRSIG A / a.example. 60 NSEC 0161; "
		"a.example. 60 RRSIG NSEC" },
	{ "but not with signed CNAMEs alone",
		{ "www.example", "A", .flags = OK,
			.answer =
				"www.example 60 CNAME b.example; www.example 60 RRSIG CNAME; b.example 60 A "
				"192.0.2.1",
			.authority = "a.example 60 NSEC 0161" },
		SCRUB_TAKEN,
		"NOERROR: www.example. 60 CNAME b.example.; www.example. 60 RRSIG CNAME; b.example. 60 A "
		"192.0.2.1" },
	{ "and with nothing else",
		{ "www.example", "A", .flags = OK, .answer = "www.example 60 A 192.0.2.1",
			.authority = "a.example 60 NSEC 0161" },
		SCRUB_TAKEN, "NOERROR: www.example. 60 A 192.0.2.1" },
	{ "TC", { "www.example", "A", .flags = OK | 0x0200, .answer = "www.example 60 A 192.0.2.1" },
		SCRUB_CUT, NULL },
	{ "SERVFAIL", { "www.example", "A", .flags = OK | 2 }, SCRUB_FAILED, NULL },
	{ "FORMERR", { "www.example", "A", .flags = OK | 1 }, SCRUB_REFUSED, NULL },
	{ "NOTIMP", { "www.example", "A", .flags = OK | 4 }, SCRUB_REFUSED, NULL },
	{ "REFUSED", { "www.example", "A", .flags = OK | 5 }, SCRUB_REFUSED, NULL },
	{ "a query", { "www.example", "A", .flags = 0x0100 }, SCRUB_ODD, NULL },
	{ "another opcode", { "www.example", "A", .flags = OK | 0x2800 }, SCRUB_ODD, NULL },
};

TEST(rfc5452_s6_only_what_was_asked_for_is_taken)
{
	static uint8_t in[4096], out[SCRUBBED_MAX];
	struct dns_msg m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = message_from_text(in, &rows[i].said), got = 9999;

		test_row(rows[i].what);
		REQUIRE(dns_msg_parse(in, len, &m));
		CHECK_INT(scrub_reply(&m, out, &got), rows[i].is);
		if (rows[i].is == SCRUB_TAKEN)
			CHECK_TEXT(message_to_text(out, got), rows[i].want);
		else
			CHECK_INT(got, 9999);
	}
	test_row(NULL);
}

/* Every prefix: what cannot be read never comes here; what can be read is judged without reading past its end. */
TEST(no_truncation_of_a_reply_is_more_than_the_reply)
{
	static uint8_t in[4096], out[SCRUBBED_MAX];
	struct dns_msg m, again;
	size_t whole, got;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		test_row(rows[i].what);
		whole = message_from_text(in, &rows[i].said);
		for (size_t len = 0; len < whole; len++) {
			uint8_t *copy = malloc(len + 1);

			memcpy(copy, in, len);
			if (dns_msg_parse(copy, len, &m) && scrub_reply(&m, out, &got) == SCRUB_TAKEN)
				CHECK(dns_msg_parse(out, got, &again));
			free(copy);
		}
	}
	test_row(NULL);
}

TEST(rfc6891_s6_1_3_the_upper_bits_of_the_code_are_in_opt)
{
	static uint8_t in[4096], out[SCRUBBED_MAX];
	struct text_message t = { "www.example", "A", .flags = OK, .answer = "www.example 60 A 192.0.2.1",
		.additional = ". 0 OPT" };
	struct dns_msg m;
	size_t got;
	size_t len = message_from_text(in, &t);

	REQUIRE(dns_msg_parse(in, len, &m));
	CHECK_INT(scrub_reply(&m, out, &got), SCRUB_TAKEN);
	CHECK_TEXT(message_to_text(out, got), "NOERROR: www.example. 60 A 192.0.2.1");
	t.additional = ". 16777216 OPT"; /* 1 << 24: BADVERS */
	len = message_from_text(in, &t);
	REQUIRE(dns_msg_parse(in, len, &m));
	CHECK_INT(scrub_reply(&m, out, &got), SCRUB_REFUSED);
}

/* What does not fit when it is written anew is left to libunbound, and what is written is never cut. */
TEST(more_records_than_there_is_room_for)
{
	static uint8_t in[65536], out[SCRUBBED_MAX];
	struct text_message t = { "www.example", "A", .flags = OK };
	struct dns_msg m;
	size_t got, len = message_from_text(in, &t);

	for (unsigned i = 0; i < 1000; i++) {
		uint8_t *at = in + len;

		put_name_text(&at, "www.example");
		put16(&at, 1);
		put16(&at, 1);
		put32(&at, 60);
		put16(&at, 4);
		put32(&at, i);
		len = (size_t)(at - in);
	}
	be16_put(in + 6, 1000);
	REQUIRE(dns_msg_parse(in, len, &m));
	CHECK_INT(scrub_reply(&m, out, &got), SCRUB_ODD);
}

TEST(a_chain_of_eleven_is_followed_and_one_of_thirteen_is_not)
{
	static uint8_t in[8192], out[SCRUBBED_MAX];
	char answer[2048];
	struct dns_msg m;
	size_t got;

	for (unsigned steps = 11; steps <= 13; steps += 2) {
		size_t at = 0;

		for (unsigned i = 0; i < steps; i++)
			at += (size_t)snprintf(answer + at, sizeof(answer) - at,
				"n%u.example 60 CNAME n%u.example; ", i, i + 1);
		snprintf(answer + at, sizeof(answer) - at, "n%u.example 60 A 192.0.2.1", steps);
		struct text_message t = { "n0.example", "A", .flags = OK, .answer = answer };
		size_t len = message_from_text(in, &t);

		REQUIRE(dns_msg_parse(in, len, &m));
		CHECK_INT(scrub_reply(&m, out, &got), steps == 11 ? SCRUB_TAKEN : SCRUB_ODD);
	}
}
