/* test_wire.c - names and messages: reading bounded, writing compressed, every lie refused */
#include "dnstext.h"

#include "dns64/reverse.h"

/* A message with a record of every layout that the reader knows. */
static size_t rich_message(uint8_t *buf)
{
	struct text_message t = {
		.name = "www.m.test",
		.type = "ANY",
		.id = 7,
		.flags = 0x8180,
		.answer = "www.m.test 60 A 192.0.2.1; www.m.test 60 AAAA 2001:db8::1; x.m.test 5 CNAME "
			  "www.m.test; "
			  "m.test 9 DNAME n.test; m.test 9 MX 000a0378797a046d61696c00; m.test 9 TXT "
			  "0568656c6c6f; "
			  "_sip.m.test 9 SRV 00010002001403737276046d61696c00; www.m.test 9 RRSIG A; "
			  "m.test 5 TYPE35 0001000200016102626202787800",
		.authority =
			"m.test 30 SOA 30; m.test 30 NS nsx.m.test; m.test 9 NSEC 0001; m.test 7 TYPE999 00",
		.additional = "nsx.m.test 60 A 192.0.2.53; . 0 OPT",
	};

	return message_from_text(buf, &t);
}

/* Each prefix in a block of its own size, so that the sanitizer sees a read past its end. */
static bool parses(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len + 1);
	struct dns_msg m;

	REQUIRE(copy != NULL);
	memcpy(copy, bytes, len);
	uint8_t *exact = realloc(copy, len > 0 ? len : 1);
	bool sound = dns_msg_parse(exact, len, &m);

	free(exact);
	return sound;
}

TEST(rfc1035_s4_1_every_truncation_of_a_message_is_refused)
{
	uint8_t buf[4096];
	size_t len = rich_message(buf);

	CHECK(parses(buf, len));
	for (size_t n = 0; n < len; n++)
		CHECK(!parses(buf, n));
	buf[len] = 0;
	CHECK(!parses(buf, len + 1)); /* and so is anything after its end */
}

TEST(rfc1035_s4_1_1_wrong_counts_are_refused)
{
	uint8_t buf[4096];
	size_t len = rich_message(buf);

	for (size_t at = 4; at < 12; at += 2) {
		uint16_t right = be16_at(buf + at);
		static const int lies[] = { -1, 1, 2, 255, 65535 };

		for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
			uint16_t lie = (uint16_t)(right + lies[i]);

			/* A record that only changed its section is sound. */
			be16_put(buf + at, lie);
			CHECK(!parses(buf, len));
		}
		be16_put(buf + at, right);
	}
	CHECK(parses(buf, len));
}

TEST(rfc1035_s3_2_1_wrong_lengths_of_data_are_refused)
{
	uint8_t buf[4096];
	size_t len = rich_message(buf);
	struct dns_msg m;
	unsigned seen = 0;

	REQUIRE(dns_msg_parse(buf, len, &m));
	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(&m, s);
		struct dns_rr rr;

		while (dns_walk_next(&w, &rr)) {
			static const unsigned lies[] = { 0xffff, 0x7fff, 1, 3, 200 };
			uint16_t right = rr.rdata_len;
			char what[64];

			for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
				be16_put(buf + rr.rdata_at - 2, (uint16_t)(right + lies[i]));
				snprintf(what, sizeof(what), "%s, length %u", type_to_text(rr.type),
					right + lies[i]);
				test_row(what);
				CHECK(!parses(buf, len));
			}
			be16_put(buf + rr.rdata_at - 2, right);
			seen++;
		}
	}
	test_row(NULL);
	CHECK_INT(seen, 15);
	CHECK(parses(buf, len));
}

/* A message whose only record is written as hexadecimal digits; its owner is the root. */
static bool record_is_sound(const char *type_and_rest)
{
	uint8_t buf[512] = { 0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0 };
	uint8_t *at = buf + 12;

	put_hex(&at, "0000010001"); /* question: . A IN */
	put_hex(&at, "00");
	put_hex(&at, type_and_rest);
	return parses(buf, (size_t)(at - buf));
}

TEST(data_of_known_types_has_its_shape)
{
	static const struct {
		const char *what, *hex; /* type class ttl length data */
		bool sound;
	} rows[] = {
		{ "A", "0001 0001 00000000 0004 01020304", true },
		{ "A of 3 bytes", "0001 0001 00000000 0003 010203", false },
		{ "A of 5 bytes", "0001 0001 00000000 0005 0102030405", false },
		{ "AAAA of 15 bytes", "001c 0001 00000000 000f 000000000000000000000000000000", false },
		{ "CNAME", "0005 0001 00000000 0003 01 61 00", true },
		{ "CNAME by pointer", "0005 0001 00000000 0002 c00c", true },
		{ "CNAME to itself", "0005 0001 00000000 0002 c01c", false },
		{ "CNAME forward", "0005 0001 00000000 0002 c01e", false },
		{ "CNAME and more", "0005 0001 00000000 0003 c00c 00", false },
		{ "CNAME without end", "0005 0001 00000000 0002 01 61", false },
		{ "CNAME empty", "0005 0001 00000000 0000", false },
		{ "SOA", "0006 0001 00000000 0016 00 00 0000000000000000000000000000000000000000", true },
		{ "SOA short", "0006 0001 00000000 0015 00 00 00000000000000000000000000000000000000",
			false },
		{ "NAPTR", "0023 0001 00000000 0008 0000 0000 00 00 00 00", true },
		{ "NAPTR whose string leaves it", "0023 0001 00000000 0008 0000 0000 00 00 09 00", false },
		{ "RRSIG without signer", "002e 0001 00000000 0012 000000000000000000000000000000000000",
			false },
		{ "unknown type", "ff00 0001 00000000 0001 ff", true },
		{ "unknown type without data", "ff00 0001 00000000 0000", true },
		{ "data beyond the end", "ff00 0001 00000000 0002 ff", false },
		{ "nothing after the owner", "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char hex[256];
		size_t n = 0;

		test_row(rows[i].what);
		for (const char *c = rows[i].hex; *c; c++)
			if (*c != ' ')
				hex[n++] = *c;
		hex[n] = '\0';
		CHECK(record_is_sound(hex) == rows[i].sound);
	}
}

/* @start, and where *at is afterwards, count from the end of a header. */
static bool name_reads(const char *hex, size_t start, struct dns_name *ret, size_t *at)
{
	uint8_t buf[512] = { 0 }, *end = buf + DNS_HEADER_LEN;

	put_hex(&end, hex);
	size_t len = (size_t)(end - buf);
	uint8_t *exact = malloc(len > 0 ? len : 1);

	REQUIRE(exact != NULL);
	memcpy(exact, buf, len);
	*at = start + DNS_HEADER_LEN;
	bool sound = dns_name_read(exact, len, at, ret);

	*at -= DNS_HEADER_LEN;
	free(exact);
	return sound;
}

TEST(rfc1035_s4_1_4_pointers_lead_back_or_are_refused)
{
	static const struct {
		const char *what, *hex;
		size_t start;
		const char *want; /* NULL: refused */
		size_t after;
	} rows[] = {
		{ "plain", "0161016200", 0, "a.b.", 5 },
		{ "root", "00", 0, ".", 1 },
		{ "pointer", "016100 0162c00c", 3, "b.a.", 7 },
		{ "pointer alone", "016100c00c", 3, "a.", 5 },
		{ "pointer to a pointer", "016100c00cc00f", 5, "a.", 7 },
		{ "pointer to itself", "c00c", 0, NULL, 0 },
		{ "pointer into its own name", "0161c00c", 0, NULL, 0 },
		{ "pointer forward", "c00e016100", 0, NULL, 0 },
		{ "two pointers in a circle", "c00ec00c", 2, NULL, 2 },
		{ "pointer into the header", "016100c00b", 3, NULL, 3 },
		{ "half a pointer", "016100c0", 3, NULL, 3 },
		{ "label type 01", "4161 00", 0, NULL, 0 },
		{ "label type 10", "8161 00", 0, NULL, 0 },
		{ "label beyond the end", "0561 00", 0, NULL, 0 },
		{ "no end", "0161", 0, NULL, 0 },
		{ "nothing", "", 0, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char hex[128], text[DNS_NAME_TEXT];
		struct dns_name n;
		size_t at, len = 0;

		test_row(rows[i].what);
		for (const char *c = rows[i].hex; *c; c++)
			if (*c != ' ')
				hex[len++] = *c;
		hex[len] = '\0';
		bool sound = name_reads(hex, rows[i].start, &n, &at);

		CHECK(sound == (rows[i].want != NULL));
		CHECK_INT(at, sound ? rows[i].after : rows[i].start);
		if (sound && rows[i].want)
			CHECK_TEXT(dns_name_text(&n, text), rows[i].want);
	}
}

TEST(rfc1035_s2_3_4_names_of_255_bytes_are_the_longest)
{
	uint8_t buf[300];
	struct dns_name n;

	for (unsigned last = 60; last <= 62; last++) { /* 3 * 64 + 1 + last + 1 bytes */
		size_t at = 0, len = 0;

		for (unsigned i = 0; i < 3; i++, len += 64) {
			buf[len] = 63;
			memset(buf + len + 1, 'a', 63);
		}
		buf[len] = (uint8_t)last;
		memset(buf + len + 1, 'b', last);
		len += 1 + last;
		buf[len++] = 0;
		bool sound = dns_name_read(buf, len, &at, &n);

		CHECK(sound == (len <= 255));
		if (sound)
			CHECK_INT(n.len, len);
	}
}

TEST(names_print_with_escapes_and_parse_from_text)
{
	struct dns_name n = { 8, { 4, 'a', '.', 0, 0xff, 1, '\\', 0 } };
	char text[DNS_NAME_TEXT];
	static const char *const bad[] = { "", "..", "a..b", ".a",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	CHECK_TEXT(dns_name_text(&n, text), "a\\046\\000\\255.\\092.");
	memset(&n, 0xff, sizeof(n));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		test_row(bad[i]);
		CHECK(!dns_name_parse(bad[i], &n));
		CHECK_INT(n.len, 0xff);
	}
	test_row(NULL);
	CHECK(dns_name_parse(".", &n));
	CHECK_INT(n.len, 1);
	CHECK(dns_name_parse("WWW.example", &n));
	CHECK_TEXT(dns_name_text(&n, text), "WWW.example.");
}

TEST(rfc4343_names_compare_without_case_and_by_whole_labels)
{
	static const struct {
		const char *name, *zone;
		bool equal, under;
	} rows[] = {
		{ "www.example.net", "WWW.EXAMPLE.NET", true, true },
		{ "www.example.net", "example.net", false, true },
		{ "www.example.net", "ample.net", false, false },
		{ "example.net", "www.example.net", false, false }, { "example.net", ".", false, true },
		{ ".", ".", true, true },
		{ "[.test", "{.test", false, false }, /* differ in the bit that makes case in letters */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_name a, b;

		test_row(rows[i].name);
		REQUIRE(dns_name_parse(rows[i].name, &a) && dns_name_parse(rows[i].zone, &b));
		CHECK(dns_name_equal(&a, &b) == rows[i].equal);
		CHECK(dns_name_is_under(&a, &b) == rows[i].under);
	}
}

static size_t copy_message(const struct dns_msg *m, uint8_t *out, size_t room)
{
	struct dns_wr d;
	struct dns_rr rr;

	dns_wr_begin(&d, out, room);
	dns_wr_question(&d, &m->question);
	for (enum dns_section s = SECTION_ANSWER; s < SECTION_COUNT; s++) {
		struct dns_walk w = dns_walk_section(m, s);

		while (dns_walk_next(&w, &rr))
			dns_wr_copy(&d, s, m, &rr, rr.ttl);
	}
	return d.w.full ? 0 : dns_wr_end(&d, m->id, m->flags);
}

TEST(a_copied_message_says_the_same_and_is_compressed)
{
	uint8_t buf[4096], copy[4096], again[4096];
	char text[16384];
	size_t len = rich_message(buf);
	struct dns_msg m;

	REQUIRE(dns_msg_parse(buf, len, &m));
	snprintf(text, sizeof(text), "%s", message_to_text(buf, len));
	size_t n = copy_message(&m, copy, sizeof(copy));

	REQUIRE(n > 0);
	CHECK(n < len);
	CHECK_TEXT(message_to_text(copy, n), text);

	/* Copying what has pointers changes nothing. */
	REQUIRE(dns_msg_parse(copy, n, &m));
	size_t n2 = copy_message(&m, again, sizeof(again));

	CHECK_BYTES(again, n2, copy, n);
}

TEST(a_message_that_does_not_fit_says_so_at_every_size)
{
	uint8_t buf[4096], *copy;
	size_t len = rich_message(buf);
	struct dns_msg m;
	uint8_t whole[4096];

	REQUIRE(dns_msg_parse(buf, len, &m));
	size_t need = copy_message(&m, whole, sizeof(whole));

	for (size_t room = DNS_HEADER_LEN; room <= need; room++) {
		copy = malloc(room);
		REQUIRE(copy != NULL);
		CHECK_INT(copy_message(&m, copy, room), room < need ? 0 : need);
		free(copy);
	}
}

TEST(rfc1035_s4_1_4_names_after_16383_bytes_are_written_without_new_targets)
{
	static uint8_t big[65535];
	struct dns_wr d;
	struct dns_question q = { .type = TYPE_A, .class = 1 };
	uint8_t data[4] = { 1, 2, 3, 4 };
	struct dns_msg m;
	char text[64];

	REQUIRE(dns_name_parse("m.test", &q.name));
	dns_wr_begin(&d, big, sizeof(big));
	dns_wr_question(&d, &q);
	for (unsigned i = 0; i < 1500; i++) {
		struct dns_name owner;

		snprintf(text, sizeof(text), "host-%u.m.test", i);
		REQUIRE(dns_name_parse(text, &owner));
		dns_wr_data(&d, SECTION_ANSWER, &owner, TYPE_A, 60, rd_of(data, 4));
	}
	REQUIRE(!d.w.full);
	size_t len = dns_wr_end(&d, 1, DNS_QR);

	CHECK(len > 0x4000);
	REQUIRE(dns_msg_parse(big, len, &m));
	CHECK_INT(m.count[SECTION_ANSWER], 1500);
	struct dns_walk w = dns_walk_section(&m, SECTION_ANSWER);
	struct dns_rr rr;

	for (unsigned i = 0; dns_walk_next(&w, &rr); i++) {
		struct dns_name owner, want;

		snprintf(text, sizeof(text), "host-%u.m.test", i);
		REQUIRE(dns_name_parse(text, &want));
		dns_rr_owner(&m, &rr, &owner);
		CHECK(dns_name_equal(&owner, &want));
	}
}

TEST(rfc1035_s4_1_4_a_name_that_is_first_seen_after_16383_bytes_is_never_pointed_to)
{
	static uint8_t big[65535], filler[17000];
	struct dns_question q = { .type = TYPE_TXT, .class = 1 };
	struct dns_name late;
	struct dns_wr d;
	struct dns_msg m;

	REQUIRE(dns_name_parse("m.test", &q.name) && dns_name_parse("late.example", &late));
	dns_wr_begin(&d, big, sizeof(big));
	dns_wr_question(&d, &q);
	dns_wr_data(&d, SECTION_ANSWER, &q.name, TYPE_TXT, 60, rd_of(filler, sizeof(filler)));
	for (unsigned i = 0; i < 2; i++)
		dns_wr_target(&d, SECTION_ANSWER, &late, TYPE_CNAME, 60, &late);
	REQUIRE(!d.w.full);
	REQUIRE(dns_msg_parse(big, dns_wr_end(&d, 1, DNS_QR), &m));
	struct dns_walk w = dns_walk_section(&m, SECTION_ANSWER);
	struct dns_rr rr;

	REQUIRE(dns_walk_next(&w, &rr));
	for (unsigned i = 0; i < 2; i++) {
		struct dns_name n;

		REQUIRE(dns_walk_next(&w, &rr));
		CHECK(dns_rr_is_owned_by(&m, &rr, &late));
		dns_rr_target(&m, &rr, &n);
		CHECK(dns_name_equal(&n, &late));
	}
}

TEST(rfc2308_s5_a_no_may_be_kept_for_the_lower_one_of_ttl_and_minimum)
{
	uint8_t buf[4096];
	struct text_message t = {
		.name = "m.test", .type = "A", .authority = "m.test 20 SOA 30; m.test 40 SOA 30"
	};
	size_t len = message_from_text(buf, &t);
	struct dns_msg m;
	struct dns_rr rr;

	REQUIRE(dns_msg_parse(buf, len, &m));
	struct dns_walk w = dns_walk_section(&m, SECTION_AUTHORITY);

	REQUIRE(dns_walk_next(&w, &rr));
	CHECK_INT(dns_rr_negative_ttl(&m, &rr), 20);
	REQUIRE(dns_walk_next(&w, &rr));
	CHECK_INT(dns_rr_negative_ttl(&m, &rr), 30);
}

TEST(reverse_names_of_addresses_and_back)
{
	struct prefix6 p;
	struct dns_name n;
	struct reverse6 r;
	char text[DNS_NAME_TEXT];

	REQUIRE(prefix6_parse("2001:db8::567:89ab/128", &p) == 0);
	reverse6_zone(p, &n);
	CHECK_TEXT(dns_name_text(&n, text),
		"b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."); /* RFC 3596 s2.5
											       */
	REQUIRE(reverse6_read(&n, &r));
	CHECK(addr6_eq(r.addr, p.addr));
	CHECK_INT(r.nibbles, 32);
	CHECK(!r.has_more);

	REQUIRE(dns_name_parse("x.8.b.d.0.1.0.0.2.IP6.arpa", &n));
	REQUIRE(reverse6_read(&n, &r));
	CHECK_INT(r.nibbles, 8);
	CHECK(r.has_more);
	CHECK(r.addr.hi == UINT64_C(0x20010db800000000));

	REQUIRE(dns_name_parse("1.0.0.127.in-addr.arpa", &n));
	CHECK(!reverse6_read(&n, &r));
	reverse4_name((struct addr4){ 0xc0000221 }, &n);
	CHECK_TEXT(dns_name_text(&n, text), "33.2.0.192.in-addr.arpa.");
}
