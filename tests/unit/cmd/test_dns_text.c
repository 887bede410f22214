/* test_dns_text.c - types and records of DNS as text */
#include "harness.h"

#include "cmd/dns_text.h"

TEST(types_are_read_by_name_and_by_number)
{
	static const struct {
		const char *text;
		bool is_type;
		uint16_t type;
	} cases[] = {
		{ "AAAA", true, TYPE_AAAA },
		{ "aaaa", true, TYPE_AAAA },
		{ "TYPE28", true, TYPE_AAAA },
		{ "type65535", true, 65535 },
		{ "ANY", true, TYPE_ANY },
		{ "TYPE0", false, 0 },
		{ "TYPE41", false, 0 },	 /* OPT is no data */
		{ "TYPE252", false, 0 }, /* AXFR */
		{ "TYPE65536", false, 0 },
		{ "TYPE99999999999999999999", false, 0 },
		{ "TYPE", false, 0 },
		{ "TYPE-1", false, 0 },
		{ "TYPE1x", false, 0 },
		{ "", false, 0 },
		{ "AAAAA", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint16_t type = 7;

		test_row(cases[i].text);
		CHECK_INT(dns_type_parse(cases[i].text, &type), cases[i].is_type);
		CHECK_INT(type, cases[i].is_type ? cases[i].type : 7);
	}
	test_row(NULL);
}

TEST(types_without_a_name_are_written_as_rfc3597_s5_says)
{
	char buf[DNS_TYPE_TEXT];

	CHECK_TEXT(dns_type_text(TYPE_HTTPS, buf), "HTTPS");
	CHECK_TEXT(dns_type_text(65280, buf), "TYPE65280");
	CHECK_TEXT(dns_rcode_text(3), "NXDOMAIN");
	CHECK_TEXT(dns_rcode_text(15), "another code");
}

TEST(records_are_written_by_their_type_and_long_data_is_cut)
{
	static const char *const want[] = {
		"a.example. 60 A 192.0.2.1",
		"a.example. 60 AAAA 2001:db8::1",
		"a.example. 60 CNAME b.example.",
		"a.example. 60 TYPE65280 \\# 3 010203",
	};
	static const uint8_t long_data[200] = { 0xab };
	struct dns_question q = { .type = TYPE_A, .class = CLASS_IN };
	struct dns_name target;
	uint8_t bytes[1024], data6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	char text[DNS_RECORD_TEXT];
	struct dns_msg m;
	struct dns_rr rr;
	struct dns_wr d;

	REQUIRE(dns_name_parse("a.example", &q.name) && dns_name_parse("b.example", &target));
	dns_wr_begin(&d, bytes, sizeof(bytes));
	dns_wr_question(&d, &q);
	dns_wr_data(&d, SECTION_ANSWER, &q.name, TYPE_A, 60, rd_of("\xc0\0\2\1", 4));
	dns_wr_data(&d, SECTION_ANSWER, &q.name, TYPE_AAAA, 60, rd_of(data6, 16));
	dns_wr_target(&d, SECTION_ANSWER, &q.name, TYPE_CNAME, 60, &target);
	dns_wr_data(&d, SECTION_ANSWER, &q.name, 65280, 60, rd_of("\1\2\3", 3));
	dns_wr_data(&d, SECTION_ANSWER, &q.name, 65280, 60, rd_of(long_data, sizeof(long_data)));
	REQUIRE(dns_msg_parse(bytes, dns_wr_end(&d, 1, 0x8180), &m));
	struct dns_walk w = dns_walk_section(&m, SECTION_ANSWER);

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		REQUIRE(dns_walk_next(&w, &rr));
		CHECK_TEXT(dns_record_text(&m, &rr, text), want[i]);
	}
	REQUIRE(dns_walk_next(&w, &rr));
	dns_record_text(&m, &rr, text);
	CHECK(strstr(text, "\\# 200 ab00") && strcmp(text + strlen(text) - 3, "...") == 0);
}
