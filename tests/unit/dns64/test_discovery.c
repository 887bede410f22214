/* test_discovery.c - RFC 7050 s3: the question for ipv4only.arpa, and every kind of answer */
#include "dnstext.h"

#include "dns64/discovery.h"

#define NAME "ipv4only.arpa"
#define ID 0x1234

static const struct {
	const char *why;
	uint16_t id, flags;
	const char *name, *type, *answer, *authority;
	enum discovery_result want;
	const char *prefixes; /* if FOUND */
	unsigned ttl_s;	      /* if FOUND or DENIED */
} cases[] = {
	{ "one prefix, twice", ID, 0x8180, NAME, "AAAA",
		NAME " 600 AAAA 64:ff9b::192.0.0.170; " NAME " 600 AAAA 64:ff9b::192.0.0.171", "",
		DISCOVERY_FOUND, "64:ff9b::/96", 600 },
	{ "several, in the order received", ID, 0x8180, NAME, "AAAA",
		NAME " 900 AAAA 2001:db8:43::192.0.0.170; " NAME " 300 AAAA 2001:db8:42::192.0.0.170; " NAME
		     " 900 AAAA 64:ff9b::192.0.0.170",
		"", DISCOVERY_FOUND, "2001:db8:43::/96 2001:db8:42::/96 64:ff9b::/96", 300 },
	{ "case of names does not count", ID, 0x8180, "IPv4Only.ARPA", "AAAA",
		"ipv4ONLY.arpa 60 AAAA 2001:db8:122:3c0:0:aa::", "", DISCOVERY_FOUND, "2001:db8:122:300::/56",
		60 },
	{ "behind an alias", ID, 0x8180, NAME, "AAAA",
		NAME " 60 CNAME x.test; x.test 60 AAAA 64:ff9b::192.0.0.170", "", DISCOVERY_FOUND,
		"64:ff9b::/96", 60 },
	{ "a record of another name is not the answer", ID, 0x8180, NAME, "AAAA",
		"x.test 60 AAAA 64:ff9b::192.0.0.170", "", DISCOVERY_DENIED, NULL, 60 },
	{ "records without a well-known address: hijacked", ID, 0x8180, NAME, "AAAA",
		NAME " 77 AAAA 2001:db8::1", "", DISCOVERY_DENIED, NULL, 77 },
	{ "records of other types beside", ID, 0x8180, NAME, "AAAA",
		NAME " 5 A 192.0.0.170; " NAME " 60 AAAA 64:ff9b::192.0.0.170", "", DISCOVERY_FOUND,
		"64:ff9b::/96", 60 },
	{ "no such name: the SOA says for how long", ID, 0x8183, NAME, "AAAA", "", "arpa 900 SOA 1200",
		DISCOVERY_DENIED, NULL, 900 },
	{ "no such data", ID, 0x8180, NAME, "AAAA", "", "arpa 9000 SOA 1200", DISCOVERY_DENIED, NULL, 1200 },
	{ "no such data, and no SOA", ID, 0x8180, NAME, "AAAA", "", "", DISCOVERY_DENIED, NULL, 60 },
	{ "no such name, whatever is in the answer", ID, 0x8183, NAME, "AAAA",
		NAME " 60 AAAA 64:ff9b::192.0.0.170", "", DISCOVERY_DENIED, NULL, 60 },
	{ "SERVFAIL", ID, 0x8182, NAME, "AAAA", "", "", DISCOVERY_FAILED, NULL, 0 },
	{ "REFUSED", ID, 0x8185, NAME, "AAAA", "", "", DISCOVERY_FAILED, NULL, 0 },
	{ "truncated", ID, 0x8380, NAME, "AAAA", NAME " 600 AAAA 64:ff9b::192.0.0.170", "", DISCOVERY_FAILED,
		NULL, 0 },
	{ "another identifier", ID + 1, 0x8180, NAME, "AAAA", NAME " 600 AAAA 64:ff9b::192.0.0.170", "",
		DISCOVERY_NOT_OURS, NULL, 0 },
	{ "another name", ID, 0x8180, "ipv4only.test", "AAAA", "ipv4only.test 600 AAAA 64:ff9b::192.0.0.170",
		"", DISCOVERY_NOT_OURS, NULL, 0 },
	{ "another type", ID, 0x8180, NAME, "A", NAME " 600 A 192.0.0.170", "", DISCOVERY_NOT_OURS, NULL, 0 },
	{ "a query", ID, 0x0100, NAME, "AAAA", NAME " 600 AAAA 64:ff9b::192.0.0.170", "", DISCOVERY_NOT_OURS,
		NULL, 0 },
	{ "another kind of answer", ID, 0xa180, NAME, "AAAA", NAME " 600 AAAA 64:ff9b::192.0.0.170", "",
		DISCOVERY_NOT_OURS, NULL, 0 },
};

static size_t build(size_t i, uint8_t *buf)
{
	struct text_message t = { .id = cases[i].id,
		.flags = cases[i].flags,
		.name = cases[i].name,
		.type = cases[i].type,
		.answer = cases[i].answer,
		.authority = cases[i].authority };

	return message_from_text(buf, &t);
}

static const char *prefixes_text(const struct discovery_answer *a, char *buf, size_t size)
{
	char text[PREFIX6_TEXT];
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < a->len; i++)
		at += (size_t)snprintf(
			buf + at, size - at, "%s%s", i > 0 ? " " : "", prefix6_text(a->prefixes[i], text));
	return buf;
}

TEST(every_kind_of_answer_is_taken_for_what_it_is)
{
	uint8_t buf[4096];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct discovery_answer a = { .len = 77, .ttl = 77 };
		char text[512];

		test_row(cases[i].why);
		CHECK_INT(discovery_read(buf, build(i, buf), ID, &a), cases[i].want);
		if (cases[i].want == DISCOVERY_FOUND)
			CHECK_TEXT(prefixes_text(&a, text, sizeof(text)), cases[i].prefixes);
		if (cases[i].want == DISCOVERY_FOUND || cases[i].want == DISCOVERY_DENIED)
			CHECK(a.ttl == cases[i].ttl_s * NSEC);
		else
			CHECK(a.len == 77 && a.ttl == 77);
	}
	test_row(NULL);
}

TEST(every_truncation_of_an_answer_is_not_ours)
{
	uint8_t buf[4096];
	size_t len = build(0, buf);

	for (size_t n = 0; n < len; n++) {
		struct discovery_answer a = { .len = 77 };

		CHECK_INT(discovery_read(buf, n, ID, &a), DISCOVERY_NOT_OURS);
		CHECK_INT(a.len, 77);
	}
}

TEST(more_prefixes_than_are_taken_are_left_alone)
{
	char answer[2048] = "";
	uint8_t buf[4096];
	struct text_message t = { .id = ID, .flags = 0x8180, .name = NAME, .type = "AAAA", .answer = answer };
	struct discovery_answer a = { .len = 0 };

	for (unsigned i = 0; i < KNOWN_MAX + 3; i++)
		snprintf(answer + strlen(answer), sizeof(answer) - strlen(answer),
			NAME " 60 AAAA 2001:db8:%x::192.0.0.170; ", i + 1);
	CHECK_INT(discovery_read(buf, message_from_text(buf, &t), ID, &a), DISCOVERY_FOUND);
	CHECK_INT(a.len, KNOWN_MAX);
}

TEST(the_question_is_rfc_7050s_with_checking_enabled)
{
	static const uint8_t want[DISCOVERY_QUERY_BYTES] = { 0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0,
		8, 'i', 'p', 'v', '4', 'o', 'n', 'l', 'y', 4, 'a', 'r', 'p', 'a', 0, 0, 28, 0, 1 };
	uint8_t got[DISCOVERY_QUERY_BYTES];

	discovery_write(ID, got);
	CHECK_BYTES(got, sizeof(got), want, sizeof(want));
}
