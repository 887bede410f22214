/* test_habit.c - when A is asked for together with AAAA: the pure part, and the resolver on loopback */
#include "dns64/habit.h"

#include "lab.h"

#define NATIVE(label)                                                                                        \
	{                                                                                                    \
		.name = label ".six.test", .type = "AAAA", .answer = label ".six.test 60 AAAA 2001:db8::6"   \
	}

static const struct script zone[] = {
	NATIVE("a"),
	NATIVE("b"),
	NATIVE("c"),
	NATIVE("d"),
	{ .name = "four.six.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "four.six.test", .type = "A", .answer = "four.six.test 60 A 203.0.114.9" },
	{ .name = "five.six.test", .type = "AAAA", .authority = "test 3600 SOA 30" },
	{ .name = "five.six.test", .type = "A", .answer = "five.six.test 60 A 203.0.114.9" },
	{ .name = "drop.six.test", .type = "AAAA", .code = "drop" },
	{ .name = "drop.six.test", .type = "A", .answer = "drop.six.test 60 A 203.0.114.9" },
};

static struct dns_name name_of(const char *text)
{
	struct dns_name n;

	REQUIRE(dns_name_parse(text, &n));
	return n;
}

static const struct {
	const char *what, *seen, *asked;
	bool is_same_zone;
} zones[] = {
	{ "names beside each other", "a.example.net", "b.example.net", true },
	{ "whatever their case", "a.example.net", "b.EXAMPLE.Net", true },
	{ "a name below is of another zone", "a.example.net", "a.b.example.net", false },
	{ "another domain", "a.example.net", "a.example.org", false },
	{ "a domain's own name is not that of its neighbour", "example.net", "other.net", false },
	{ "nor of the names below it that are not its own", "example.net", "a.b.example.net", false },
	{ "a domain's own name counts for the names below", "example.net", "www.example.net", true },
	{ "the root", ".", ".", true },
	{ "names of one label", "localhost", "otherhost", false },
	{ "long names that differ at the end only",
		"a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbb.net",
		"a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbb.org", false },
};

TEST(what_was_seen_counts_for_the_zone_and_for_no_other)
{
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		static struct habits h;
		struct dns_name seen = name_of(zones[i].seen), asked = name_of(zones[i].asked);

		h = (struct habits){ .key = { 1, 2 } };
		test_row(zones[i].what);
		for (unsigned n = 0; n < HABIT_FIRM; n++) {
			CHECK(habit_needs_a(&h, &asked));
			habit_note(&h, &seen, SAW_NO_NEED_OF_A);
		}
		CHECK_INT(habit_needs_a(&h, &asked), !zones[i].is_same_zone);
		habit_note(&h, &asked, SAW_NEED_OF_A);
		CHECK(habit_needs_a(&h, &asked));
	}
	test_row(NULL);
}

TEST(a_long_habit_is_given_up_at_once_and_learned_again)
{
	static struct habits h;
	struct dns_name n = name_of("www.example.net");

	for (unsigned i = 0; i < 1000; i++)
		habit_note(&h, &n, SAW_NO_NEED_OF_A);
	CHECK(!habit_needs_a(&h, &n));
	habit_note(&h, &n, SAW_NEED_OF_A);
	CHECK(habit_needs_a(&h, &n));
	for (unsigned i = 0; i < HABIT_FIRM; i++)
		habit_note(&h, &n, SAW_NO_NEED_OF_A);
	CHECK(!habit_needs_a(&h, &n));
}

/* How many questions were put to the upstream for one of a client; all of them before it is answered. */
static unsigned long questions_for(struct lab *lab, const char *name, const char *want)
{
	const struct dns64_counters *c = resolver_counters(lab->resolver);
	struct lab_query q = { .name = name, .type = "AAAA" };
	unsigned long before = c->upstream_asked;

	CHECK(strstr(lab_ask(lab, &q), want) != NULL);
	return c->upstream_asked - before;
}

TEST(rfc6147_s5_1_8_a_is_asked_with_aaaa_until_the_zone_is_known_to_have_aaaa)
{
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	CHECK_INT(questions_for(&lab, "a.six.test", " AAAA 2001:db8::6"), 2);
	CHECK_INT(questions_for(&lab, "b.six.test", " AAAA 2001:db8::6"), 2);
	CHECK_INT(questions_for(&lab, "c.six.test", " AAAA 2001:db8::6"), 1);
	/* Wrong once: A follows, and the answer is the same as ever. */
	CHECK_INT(questions_for(&lab, "four.six.test", " AAAA 64:ff9b::cb00:7209"), 2);
	CHECK_INT(questions_for(&lab, "d.six.test", " AAAA 2001:db8::6"), 2);
	CHECK_INT(questions_for(&lab, "none.six.test", "NXDOMAIN"), 2);
	CHECK_INT(questions_for(&lab, "nothing.six.test", "NXDOMAIN"), 1);
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->a_put_off, 3);
	CHECK_INT(c->a_needed, 1);
	lab_free(&lab);
}

TEST(rfc6147_s5_1_3_a_is_asked_when_the_aaaa_answer_does_not_come)
{
	struct lab lab;

	lab_defaults(&lab, zone, ARRAY_LEN(zone));
	lab_start(&lab);
	CHECK_INT(questions_for(&lab, "a.six.test", " AAAA 2001:db8::6"), 2);
	CHECK_INT(questions_for(&lab, "b.six.test", " AAAA 2001:db8::6"), 2);
	(void)questions_for(&lab, "drop.six.test", " AAAA 64:ff9b::cb00:7209");
	lab_stop(&lab);
	const struct dns64_counters *c = resolver_counters(lab.resolver);

	CHECK_INT(c->a_put_off, 1);
	CHECK_INT(c->a_needed, 1);
	CHECK_INT(c->aaaa_timeouts, 1);
	lab_free(&lab);
}
