/* test_answers.c - replies kept as bytes: keys, time, limits */
#include "dnstext.h"

#include "dns64/answers.h"
#include "dns64/reply.h"

#define T0 1000u /* a second of the clock */

/* What is kept, and asked for. */
struct asked {
	const char *name, *type;
	unsigned view;
	bool dnssec_ok, checking_disabled;
};

static struct synth_query query_of(const struct asked *a)
{
	struct synth_query q = { .dnssec_ok = a->dnssec_ok, .checking_disabled = a->checking_disabled };
	bool sound = dns_name_parse(a->name, &q.question.name);

	REQUIRE(sound);
	q.question.type = type_from_text(a->type);
	q.question.class = CLASS_IN;
	return q;
}

static bool keep(struct answers *a, const struct asked *by, const struct text_message *t, uint32_t now)
{
	static const struct synth_verdict v = { .kind = SYNTH_SYNTHESIZED, .is_authentic = true };
	struct synth_query q = query_of(by);
	struct answer_key k = { .ask = &q, .view = by->view };
	uint8_t bytes[DNS_MESSAGE_MAX];

	return answers_keep(a, &k, &v, bytes, message_from_text(bytes, t), now);
}

static const struct answer *find(struct answers *a, const struct asked *by, uint32_t now)
{
	struct synth_query q = query_of(by);
	struct answer_key k = { .ask = &q, .view = by->view };

	return answers_find(a, &k, now);
}

/* The reply that a client gets, as text. */
static const char *reply_text(
	struct answers *a, const struct asked *by, uint16_t edns, size_t limit, uint32_t now)
{
	struct query q = { .ask = query_of(by),
		.id = 7,
		.flags = DNS_RD,
		.has_question = true,
		.has_edns = edns > 0,
		.udp_size = edns };
	struct reply reply = { .query = &q, .kept = find(a, by, now), .now = now };
	uint8_t bytes[DNS_MESSAGE_MAX];
	bool is_cut;

	if (!reply.kept)
		return "nothing";
	size_t len = reply_build(&reply, bytes, limit, &is_cut);

	return message_to_text(bytes, len);
}

static const struct text_message chain = {
	.name = "www.example",
	.type = "AAAA",
	.flags = 0x8180,
	.answer = "www.example 60 CNAME end.example; end.example 30 AAAA 64:ff9b::1",
};
static const struct asked www = { .name = "www.example", .type = "AAAA" };

static struct answers *cache(unsigned max)
{
	struct answers *a = NULL;

	REQUIRE(answers_new(max, &a) == 0);
	return a;
}

TEST(ttls_are_counted_down_and_the_lowest_ends_the_answer)
{
	static const struct {
		uint32_t after;
		const char *want;
	} cases[] = {
		{ 0, "NOERROR ad: www.example. 60 CNAME end.example.; end.example. 30 AAAA 64:ff9b::1" },
		{ 1, "NOERROR ad: www.example. 59 CNAME end.example.; end.example. 29 AAAA 64:ff9b::1" },
		{ 29, "NOERROR ad: www.example. 31 CNAME end.example.; end.example. 1 AAAA 64:ff9b::1" },
		{ 30, "nothing" },
		{ 31, "nothing" },
		{ 90, "nothing" },
	};
	struct answers *a = cache(64);

	CHECK(!keep(a, &www, &chain, T0));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_TEXT(reply_text(a, &www, 0, 512, T0 + cases[i].after), cases[i].want);
	answers_free(a);
}

TEST(each_client_gets_its_own_edns_and_limit_and_case_does_not_count)
{
	static const struct asked upper = { .name = "WWW.Example", .type = "AAAA" };
	struct answers *a = cache(64);

	(void)keep(a, &www, &chain, T0);
	CHECK(find(a, &upper, T0));
	CHECK_TEXT(reply_text(a, &www, 1232, 512, T0),
		"NOERROR ad: www.example. 60 CNAME end.example.; end.example. 30 AAAA 64:ff9b::1 / / OPT "
		"1232 00000000 "
		"0");
	CHECK_TEXT(reply_text(a, &www, 0, 40, T0), "NOERROR tc ad:");
	answers_free(a);
}

TEST(rfc2181_s9_additional_records_that_do_not_fit_are_left_out_without_tc)
{
	static const struct text_message with = { .name = "www.example",
		.type = "A",
		.flags = 0x8180,
		.answer = "www.example 60 A 192.0.2.1",
		.additional = "end.example 30 AAAA 2001:db8::1" };
	static const struct asked by = { .name = "www.example", .type = "A" };
	struct answers *a = cache(64);
	/* Names are not compressed here: header and question 29 bytes, A record 27, AAAA record 39. */
	static const struct {
		size_t limit;
		const char *want;
	} cases[] = {
		{ 512, "NOERROR ad: www.example. 59 A 192.0.2.1 / / end.example. 29 AAAA 2001:db8::1" },
		{ 94, "NOERROR ad: www.example. 59 A 192.0.2.1" },
		{ 56, "NOERROR ad: www.example. 59 A 192.0.2.1" },
		{ 55, "NOERROR tc ad:" },
	};

	(void)keep(a, &by, &with, T0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_TEXT(reply_text(a, &by, 0, cases[i].limit, T0 + 1), cases[i].want);
	answers_free(a);
}

TEST(all_that_an_answer_depends_on_is_in_its_key)
{
	static const struct asked others[] = {
		{ .name = "www.example", .type = "A" },
		{ .name = "ww.example", .type = "AAAA" },
		{ .name = "example", .type = "AAAA" },
		{ .name = "www.example.example", .type = "AAAA" },
		{ .name = "www.example", .type = "AAAA", .view = 1 },
		{ .name = "www.example", .type = "AAAA", .dnssec_ok = true },
		{ .name = "www.example", .type = "AAAA", .checking_disabled = true },
	};
	struct answers *a = cache(64);

	(void)keep(a, &www, &chain, T0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		CHECK(!find(a, &others[i], T0));
	CHECK(find(a, &www, T0));
	answers_free(a);
}

TEST(a_new_answer_takes_the_place_of_the_old_one)
{
	static const struct text_message fresh = { .name = "www.example",
		.type = "AAAA",
		.flags = 0x8180,
		.answer = "www.example 5 AAAA 64:ff9b::2" };
	struct answers *a = cache(64);

	(void)keep(a, &www, &chain, T0);
	CHECK(!keep(a, &www, &fresh, T0 + 3));
	CHECK_INT(answers_len(a), 1);
	CHECK_TEXT(reply_text(a, &www, 0, 512, T0 + 4), "NOERROR ad: www.example. 4 AAAA 64:ff9b::2");
	answers_free(a);
}

static const struct {
	const char *what;
	struct text_message t;
} not_kept[] = {
	{ "no record", { .name = "www.example", .type = "AAAA", .flags = 0x8180 } },
	{ "a TTL of 0",
		{ .name = "www.example",
			.type = "AAAA",
			.flags = 0x8180,
			.answer = "www.example 60 AAAA 2001:db8::1; www.example 0 AAAA 2001:db8::2" } },
	{ "a TTL with the top bit", { .name = "www.example",
					    .type = "AAAA",
					    .flags = 0x8180,
					    .answer = "www.example 2147483648 AAAA 2001:db8::1" } },
};

TEST(what_has_no_time_to_live_is_not_kept)
{
	struct answers *a = cache(64);

	for (size_t i = 0; i < ARRAY_LEN(not_kept); i++) {
		(void)keep(a, &www, &not_kept[i].t, T0);
		CHECK_INT(answers_len(a), 0);
	}
	answers_free(a);
}

TEST(cut_replies_and_long_ones_are_not_kept)
{
	static const struct synth_verdict v = { .kind = SYNTH_NATIVE };
	uint8_t bytes[DNS_MESSAGE_MAX];
	struct synth_query q = query_of(&www);
	struct answer_key k = { .ask = &q };
	struct answers *a = cache(64);
	size_t len = message_from_text(bytes, &chain);

	for (size_t n = 0; n < len; n++)
		(void)answers_keep(a, &k, &v, bytes, n, T0);
	bytes[len] = 0;
	(void)answers_keep(a, &k, &v, bytes, len + 1, T0);
	CHECK_INT(answers_len(a), 0);

	/* One TXT record; 12 + 17 bytes of header and question, 12 of the record's head. */
	for (unsigned data = ANSWER_LEN_MAX - DNS_OPT_LEN - 41; data <= ANSWER_LEN_MAX - DNS_OPT_LEN - 40;
		data++) {
		struct dns_wr d;
		uint8_t txt[ANSWER_LEN_MAX];

		/* strings of 255 bytes and a last one for the rest */
		for (unsigned at = 0; at < data; at += 256)
			txt[at] = (uint8_t)(data - at > 256 ? 255 : data - at - 1);
		dns_wr_begin(&d, bytes, sizeof(bytes));
		dns_wr_question(&d, &q.question);
		dns_wr_data(&d, SECTION_ANSWER, &q.question.name, TYPE_TXT, 60, rd_of(txt, data));
		len = dns_wr_end(&d, 1, 0x8180);
		(void)answers_keep(a, &k, &v, bytes, len, T0);
		CHECK_INT(answers_len(a), len <= ANSWER_LEN_MAX - DNS_OPT_LEN);
		(void)answers_forget(a, &q.question.name, SCOPE_BELOW);
	}
	answers_free(a);
}

static void name_number(char *buf, size_t size, unsigned i)
{
	snprintf(buf, size, "n%u.example", i);
}

TEST(a_full_cache_gives_up_what_was_not_given_for_longest)
{
	struct answers *a = cache(8);
	char name[32];
	unsigned lost = 0;

	for (unsigned i = 0; i < 9; i++) {
		name_number(name, sizeof(name), i);
		lost += keep(a, &(struct asked){ .name = name, .type = "AAAA" },
			&(struct text_message){ .name = name,
				.type = "AAAA",
				.flags = 0x8180,
				.answer = "example 60 AAAA 64:ff9b::1" },
			T0 + i);
		if (i > 0) /* the first is given all the time, so the second goes */
			CHECK(find(a, &(struct asked){ .name = "n0.example", .type = "AAAA" }, T0 + i));
	}
	CHECK_INT(lost, 1);
	CHECK_INT(answers_len(a), 8);
	CHECK(find(a, &(struct asked){ .name = "n0.example", .type = "AAAA" }, T0 + 9));
	CHECK(!find(a, &(struct asked){ .name = "n1.example", .type = "AAAA" }, T0 + 9));
	CHECK(find(a, &(struct asked){ .name = "n8.example", .type = "AAAA" }, T0 + 9));
	answers_free(a);
}

TEST(many_answers_stay_within_the_limit)
{
	struct answers *a = cache(1000);
	char name[32];

	for (unsigned i = 0; i < 5000; i++) {
		name_number(name, sizeof(name), i);
		(void)keep(a, &(struct asked){ .name = name, .type = "AAAA" },
			&(struct text_message){ .name = name,
				.type = "AAAA",
				.flags = 0x8180,
				.answer = "example 60 AAAA 64:ff9b::1" },
			T0 + i / 1000);
	}
	CHECK(answers_len(a) <= 1000 && answers_len(a) > 990);
	answers_free(a);
}

static void count_one(void *ctx, const struct answer *answer, uint32_t now)
{
	++*(unsigned *)ctx;
}

TEST(a_name_is_forgotten_with_the_names_below_it)
{
	static const char *const names[] = { "example", "www.example", "a.www.example", "ww.example",
		"wwww.example", "www.example.net" };
	struct answers *a = cache(64);
	struct dns_name zone;
	unsigned seen = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)keep(a, &(struct asked){ .name = names[i], .type = "AAAA" },
			&(struct text_message){ .name = names[i],
				.type = "AAAA",
				.flags = 0x8180,
				.answer = "example 60 AAAA 64:ff9b::1" },
			T0);
	REQUIRE(dns_name_parse("WWW.example", &zone));
	answers_visit(a, &zone, T0, count_one, &seen);
	CHECK_INT(seen, 2);
	answers_visit(a, &zone, T0 + 60, count_one, &seen);
	CHECK_INT(seen, 2);
	CHECK_INT(answers_forget(a, &zone, SCOPE_BELOW), 2);
	CHECK_INT(answers_len(a), 4);
	CHECK(!find(a, &www, T0));
	CHECK(find(a, &(struct asked){ .name = "wwww.example", .type = "AAAA" }, T0));
	answers_free(a);
}
