/* test_query.c - what clients send, and the replies that need no answer */
#include "dnstext.h"

#include "dns64/reply.h"

static const struct {
	const char *what;
	const char *hex; /* the message, spaces allowed */
	enum query_fault fault;
	int code; /* of the reply; -1: none */
} rows[] = {
	{ "A for .", "0001 0100 0001 0000 0000 0000 00 0001 0001", QUERY_OK, RCODE_NOERROR },
	{ "with OPT", "0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00008000 0000", QUERY_OK,
		RCODE_NOERROR },
	{ "with OPT and an option",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 0004 000b 0000", QUERY_OK,
		RCODE_NOERROR },
	{ "a cookie of the client alone",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 000c 000a 0008 "
		"0102030405060708",
		QUERY_OK, RCODE_NOERROR },
	{ "an option that is not known, and a second cookie, which is ignored",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 0015 fde9 0001 ff 000a "
		"0008 "
		"0102030405060708 000a 0000",
		QUERY_OK, RCODE_NOERROR },
	{ "a cookie of 7 bytes (RFC 7873 s5.2.2)",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 000b 000a 0007 "
		"01020304050607",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "a cookie of 15 bytes",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 0013 000a 000f "
		"010203040506070809101112131415",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "a cookie of 41 bytes",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 002d 000a 0029 "
		"0102030405060708091011121314151617181920212223242526272829303132333435363738394041",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "half an option", "0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 0002 000a",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "an option that is longer than the record",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 0005 000b 0002 01",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "a broken option of a version that is not known",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00010000 0002 000a",
		QUERY_BAD_VERSION, RCODE_BADVERS },
	{ "nothing", "", QUERY_SHORT, -1 },
	{ "eleven bytes", "0001 0100 0001 0000 0000 00", QUERY_SHORT, -1 },
	{ "a response", "0001 8180 0001 0000 0000 0000 00 0001 0001", QUERY_RESPONSE, -1 },
	{ "a malformed response", "0001 8180 ffff 0000 0000 0000", QUERY_RESPONSE, -1 },
	{ "NOTIFY", "0001 2000 0001 0000 0000 0000 00 0006 0001", QUERY_OPCODE, RCODE_NOTIMP },
	{ "UPDATE", "0001 2800 0001 0000 0000 0000 00 0006 0001", QUERY_OPCODE, RCODE_NOTIMP },
	{ "only a cookie (RFC 7873 s5.4)",
		"0001 0100 0000 0000 0000 0001 00 0029 04d0 00000000 000c 000a 0008 0102030405060708",
		QUERY_COOKIE_ONLY, RCODE_NOERROR },
	{ "only OPT, without a cookie", "0001 0100 0000 0000 0000 0001 00 0029 04d0 00000000 0000",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "only a cookie, and bytes after the end",
		"0001 0100 0000 0000 0000 0001 00 0029 04d0 00000000 000c 000a 0008 0102030405060708 00",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "only a cookie, of 7 bytes",
		"0001 0100 0000 0000 0000 0001 00 0029 04d0 00000000 000b 000a 0007 01020304050607",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "only a cookie, not at the root",
		"0001 0100 0000 0000 0000 0001 01 0029 04d0 00000000 000c 000a 0008 0102030405060708",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "only a cookie, of another version",
		"0001 0100 0000 0000 0000 0001 00 0029 04d0 00010000 000c 000a 0008 0102030405060708",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "only a cookie, and an answer",
		"0001 0100 0000 0001 0000 0001 00 0029 04d0 00000000 000c 000a 0008 0102030405060708",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "no question", "0001 0100 0000 0000 0000 0000", QUERY_MALFORMED, RCODE_FORMERR },
	{ "two questions (RFC 9619)", "0001 0100 0002 0000 0000 0000 00 0001 0001 00 001c 0001",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "a question that is missing", "0001 0100 0001 0000 0000 0000", QUERY_MALFORMED, RCODE_FORMERR },
	{ "half a question", "0001 0100 0001 0000 0000 0000 00 0001 00", QUERY_MALFORMED, RCODE_FORMERR },
	{ "a question whose name points into the header",
		"0001 0100 0001 0000 0000 0000 01 74 c001 0001 0001", QUERY_MALFORMED, RCODE_FORMERR },
	{ "bytes after the end", "0001 0100 0001 0000 0000 0000 00 0001 0001 00", QUERY_MALFORMED,
		RCODE_FORMERR },
	{ "an answer in a query",
		"0001 0100 0001 0001 0000 0000 00 0001 0001 00 0001 0001 00000000 0004 01020304",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "type 0", "0001 0100 0001 0000 0000 0000 00 0000 0001", QUERY_MALFORMED, RCODE_FORMERR },
	{ "type OPT", "0001 0100 0001 0000 0000 0000 00 0029 0001", QUERY_MALFORMED, RCODE_FORMERR },
	{ "two OPT",
		"0001 0100 0001 0000 0000 0002 00 0001 0001 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 "
		"0000",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "OPT not at the root",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 01 61 00 0029 04d0 00000000 0000",
		QUERY_MALFORMED, RCODE_FORMERR },
	{ "EDNS version 1", "0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00010000 0000",
		QUERY_BAD_VERSION, RCODE_BADVERS },
	{ "class CH", "0001 0100 0001 0000 0000 0000 00 0010 0003", QUERY_CLASS, RCODE_NOTIMP },
	{ "class ANY", "0001 0100 0001 0000 0000 0000 00 0001 00ff", QUERY_CLASS, RCODE_NOTIMP },
	{ "AXFR", "0001 0100 0001 0000 0000 0000 00 00fc 0001", QUERY_TRANSFER, RCODE_REFUSED },
	{ "IXFR",
		"0001 0100 0001 0000 0001 0000 00 00fb 0001 00 0006 0001 00000000 0016 00 00 "
		"0000000000000000000000000000000000000000",
		QUERY_TRANSFER, RCODE_REFUSED },
	{ "TKEY", "0001 0100 0001 0000 0000 0000 00 00f9 0001", QUERY_META_TYPE, RCODE_NOTIMP },
	{ "ANY is a question that is answered", "0001 0100 0001 0000 0000 0000 00 00ff 0001", QUERY_OK,
		RCODE_NOERROR },
};

static size_t unhex(const char *text, uint8_t *buf)
{
	char hex[1024];
	size_t n = 0;
	uint8_t *at = buf;

	for (; *text; text++)
		if (*text != ' ')
			hex[n++] = *text;
	hex[n] = '\0';
	put_hex(&at, hex);
	return (size_t)(at - buf);
}

TEST(what_is_wrong_with_a_query_is_told_as_its_rfc_says)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[512], out[512];
		size_t len = unhex(rows[i].hex, buf);
		uint8_t *exact = malloc(len > 0 ? len : 1);
		enum dns_rcode code;
		struct query q;
		bool cut;

		test_row(rows[i].what);
		REQUIRE(exact != NULL);
		memcpy(exact, buf, len);
		enum query_fault f = query_parse(exact, len, &q);

		free(exact);
		CHECK_INT(f, rows[i].fault);
		bool answered = query_is_answered(f, &code);

		CHECK_INT(answered ? (int)code : -1, rows[i].code);
		if (!answered)
			continue;
		struct reply r = { .query = &q, .rcode = (uint16_t)code };
		size_t n = reply_build(&r, out, sizeof(out), &cut);

		CHECK(!cut);
		CHECK_INT(be16_at(out), 1);
		CHECK_INT(out[2] >> 7, 1);
		CHECK_INT(out[3] & 0xf, code & 0xf);
		CHECK_INT(out[2] & 0x79, buf[2] & 0x79); /* opcode and RD as they came */
		CHECK_INT(be16_at(out + 4), q.has_question ? 1 : 0);
		CHECK_INT(
			be16_at(out + 10), q.has_edns && (q.has_question || f == QUERY_COOKIE_ONLY) ? 1 : 0);
		if (code == RCODE_BADVERS)
			CHECK_INT(out[n - 6], 1); /* the upper bits of the code, in OPT */
	}
}

TEST(rfc6891_s7_whoever_has_a_broken_option_is_told_with_opt)
{
	static const char *const broken[] = {
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 0002 000a", /* half */
		"0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 000b 000a 0007 "
		"01020304050607",
		"0001 0100 0001 0000 0000 0001 00 0001 0001 01 61 00 0029 04d0 00000000 0000", /* of a name */
		"0001 0100 0001 0000 0000 0002 00 0001 0001 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 "
		"0000",
	};
	static const uint8_t opt[] = { 0, 0, 41 };

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		uint8_t buf[128], out[512];
		struct query q;
		bool cut;

		test_row(broken[i]);
		CHECK_INT(query_parse(buf, unhex(broken[i], buf), &q), QUERY_MALFORMED);
		CHECK_INT(reply_build(&(struct reply){ .query = &q, .rcode = RCODE_FORMERR }, out,
				  sizeof(out), &cut),
			12 + 5 + DNS_OPT_LEN);
		CHECK_INT(out[3] & 0xf, RCODE_FORMERR);
		CHECK(memcmp(out + 12 + 5, opt, sizeof(opt)) == 0);
	}
}

/* A query with one option without data, and the reply to it. */
static size_t reply_to_option(uint16_t option, const struct reply *how, size_t limit, uint8_t *out)
{
	uint8_t buf[64];
	struct reply r = *how;
	struct query q;
	bool cut;
	size_t len =
		unhex("0001 0100 0001 0000 0000 0001 00 0001 0001 00 0029 ffff 00000000 0004 0000 0000", buf);

	be16_put(buf + len - 4, option);
	REQUIRE(query_parse(buf, len, &q) == QUERY_OK);
	r.query = &q;
	len = reply_build(&r, out, limit, &cut);
	CHECK(!cut);
	return len;
}

TEST(rfc7828_s3_3_2_the_idle_time_is_told_to_who_asks_over_a_connection)
{
	uint8_t out[512];
	static const uint8_t option[] = { 0, 11, 0, 2, 0, 100 };

	size_t len = reply_to_option(11, &(struct reply){ .keepalive = 100 }, sizeof(out), out);

	CHECK_INT(len, 12 + 5 + 11 + 6);
	CHECK(memcmp(out + len - 6, option, sizeof(option)) == 0);
	CHECK_INT(reply_to_option(11, &(struct reply){ .keepalive = 0 }, sizeof(out), out), 12 + 5 + 11);
	CHECK_INT(reply_to_option(12, &(struct reply){ .keepalive = 100 }, sizeof(out), out), 12 + 5 + 11);
}

TEST(rfc8467_s4_1_replies_to_padded_queries_are_padded_where_nobody_reads_along)
{
	uint8_t out[1024];
	struct dns_walk w;
	struct dns_msg m;
	struct dns_rr rr;

	CHECK_INT(reply_to_option(12, &(struct reply){ .is_confidential = true }, sizeof(out), out), 468);
	REQUIRE(dns_msg_parse(out, 468, &m));
	w = dns_walk_section(&m, SECTION_ADDITIONAL);
	REQUIRE(dns_walk_next(&w, &rr) && rr.rdata_len == 468 - 28);
	CHECK_INT(be16_at(dns_rr_rdata(&m, &rr)), 12);
	CHECK_INT(be16_at(dns_rr_rdata(&m, &rr) + 2), 468 - 28 - 4);
	for (unsigned i = 4; i < rr.rdata_len; i++)
		CHECK_INT(dns_rr_rdata(&m, &rr)[i], 0);
	CHECK_INT(reply_to_option(12, &(struct reply){ .is_confidential = true }, 100, out), 100);
	CHECK_INT(reply_to_option(12, &(struct reply){ .is_confidential = true }, 31, out),
		28); /* no room for its head */
	CHECK_INT(reply_to_option(12, &(struct reply){ .is_confidential = false }, sizeof(out), out), 28);
	CHECK_INT(reply_to_option(11, &(struct reply){ .is_confidential = true }, sizeof(out), out), 28);
}

TEST(rfc6891_s6_2_3_sizes_below_512_mean_512_and_ours_is_the_limit)
{
	static const struct {
		unsigned said;
		size_t limit;
	} sizes[] = { { 0, 512 }, { 511, 512 }, { 512, 512 }, { 600, 600 }, { 1232, 1232 }, { 1233, 1232 },
		{ 65535, 1232 } };
	uint8_t buf[64];
	struct query q;

	size_t len = unhex(rows[1].hex, buf);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		be16_put(buf + len - 8, (uint16_t)sizes[i].said);
		CHECK_INT(query_parse(buf, len, &q), QUERY_OK);
		CHECK_INT(reply_limit(&q), sizes[i].limit);
		CHECK(q.ask.dnssec_ok);
	}
	len = unhex(rows[0].hex, buf);
	CHECK_INT(query_parse(buf, len, &q), QUERY_OK);
	CHECK_INT(reply_limit(&q), 512);
	CHECK(!q.ask.dnssec_ok && !q.has_edns);
}

/* Builds a reply to @type of "m.test" out of an upstream answer, in @room bytes. */
static size_t reply_in(const struct text_message *t, size_t room, bool edns, uint8_t *out, bool *cut)
{
	static uint8_t packet[16384];
	struct query q = { .has_question = true, .flags = DNS_RD, .has_edns = edns };
	struct dns64_policy policy = { .prefixes_len = 0 };
	struct lookup l = { .is_done = true, .has_msg = true };
	struct synth_plan plan;
	struct synth_verdict v;

	REQUIRE(dns_msg_parse(packet, message_from_text(packet, t), &l.msg));
	q.ask.question = l.msg.question;
	synth_plan(&policy, &q.ask, &plan);
	struct synth_input in = { .policy = &policy, .query = &q.ask, .plan = &plan, .first = &l };

	synth_judge(&in, &v);
	struct reply r = { .query = &q, .in = &in, .verdict = &v };
	uint8_t *exact = malloc(room);

	REQUIRE(exact != NULL);
	size_t len = reply_build(&r, exact, room, cut);

	CHECK(len <= room);
	memcpy(out, exact, len);
	free(exact);
	return len;
}

TEST(rfc2181_s9_what_is_needed_sets_tc_and_what_is_not_is_left_out)
{
	char answer[4096] = "", additional[4096] = "";
	uint8_t out[8192];
	bool cut, seen_cut = false, seen_less = false, seen_whole = false;

	for (unsigned i = 0; i < 30; i++) {
		snprintf(answer + strlen(answer), sizeof(answer) - strlen(answer), "m.test 60 A 192.0.2.%u;",
			i);
		snprintf(additional + strlen(additional), sizeof(additional) - strlen(additional),
			"ns%u.m.test 60 A 192.0.2.%u;", i, i);
	}
	struct text_message t = {
		.name = "m.test", .type = "A", .flags = 0x8180, .answer = answer, .additional = additional
	};

	for (size_t room = 100; room < 1600; room++) {
		for (unsigned edns = 0; edns < 2; edns++) {
			struct dns_msg m;
			size_t len = reply_in(&t, room, edns, out, &cut);

			REQUIRE(dns_msg_parse(out, len, &m));
			CHECK(!!(m.flags & DNS_TC) == cut);
			CHECK_INT(m.count[SECTION_ANSWER], cut ? 0 : 30);
			CHECK(m.count[SECTION_ADDITIONAL] >= edns);
			seen_cut = seen_cut || cut;
			seen_less = seen_less || (!cut && m.count[SECTION_ADDITIONAL] < 30);
			seen_whole = seen_whole || m.count[SECTION_ADDITIONAL] == 30 + edns;
		}
	}
	CHECK(seen_cut && seen_less && seen_whole);
}
