/* test_messages.c - what upstreams said, kept while its TTLs last */
#include "dnstext.h"

#include "dns64/messages.h"

#define T0 1000
#define ROOM (1u << 20)

static uint8_t out[SCRUBBED_MAX];

static struct dns_question question_of(const char *name, const char *type)
{
	struct dns_question q = { .type = type_from_text(type), .class = CLASS_IN };

	REQUIRE(dns_name_parse(name, &q.name));
	return q;
}

static unsigned keep(struct messages *m, const struct text_message *t, uint32_t now)
{
	uint8_t bytes[8192];
	struct dns_msg said;
	size_t len = message_from_text(bytes, t);

	REQUIRE(dns_msg_parse(bytes, len, &said));
	return messages_keep(m, &said, messages_hash(m, &said.question), now);
}

static const struct message *find(struct messages *m, const char *name, const char *type, uint32_t now)
{
	struct dns_question q = question_of(name, type);

	return messages_find(m, &q, messages_hash(m, &q), now);
}

/* What is kept, as text; "nothing" if there is nothing. */
static const char *text_of(struct messages *m, const char *name, const char *type, uint32_t now)
{
	const struct message *k = find(m, name, type, now);

	return k ? message_to_text(out, message_write(k, now, out)) : "nothing";
}

static struct messages *new_messages(size_t bytes)
{
	struct messages *m;

	REQUIRE(messages_new(bytes, &m) == 0);
	return m;
}

static const struct text_message www = { "www.example", "A", .flags = 0x8180,
	.answer = "www.example 60 A 192.0.2.1; www.example 50 A 192.0.2.2" };

TEST(ttls_are_counted_down_until_the_lowest_is_over)
{
	struct messages *m = new_messages(ROOM);

	CHECK_INT(keep(m, &www, T0), 0);
	CHECK_TEXT(text_of(m, "www.example", "A", T0),
		"NOERROR: www.example. 60 A 192.0.2.1; www.example. 50 A 192.0.2.2");
	CHECK_TEXT(text_of(m, "www.example", "A", T0 + 49),
		"NOERROR: www.example. 11 A 192.0.2.1; www.example. 1 A 192.0.2.2");
	CHECK_TEXT(text_of(m, "www.example", "A", T0 + 50), "nothing");
	CHECK_INT(messages_len(m), 1);
	messages_free(m);
}

TEST(another_name_or_type_is_another_message_and_case_does_not_count)
{
	struct messages *m = new_messages(ROOM);

	(void)keep(m, &www, T0);
	CHECK(find(m, "WWW.Example", "A", T0) != NULL);
	CHECK(find(m, "www.example", "AAAA", T0) == NULL);
	CHECK(find(m, "ww.example", "A", T0) == NULL);
	CHECK(find(m, "example", "A", T0) == NULL);
	messages_free(m);
}

TEST(the_same_question_again_replaces_the_message)
{
	struct text_message other = www;
	struct messages *m = new_messages(ROOM);

	other.answer = "www.example 30 A 192.0.2.3";
	(void)keep(m, &www, T0);
	size_t bytes = messages_bytes(m);

	(void)keep(m, &other, T0 + 5);
	CHECK_TEXT(text_of(m, "www.example", "A", T0 + 6), "NOERROR: www.example. 29 A 192.0.2.3");
	CHECK_INT(messages_len(m), 1);
	CHECK(messages_bytes(m) < bytes);
	messages_free(m);
}

static const struct {
	const char *what;
	struct text_message said;
	uint32_t lives; /* seconds */
} lives[] = {
	{ "a TTL of 0", { "www.example", "A", .flags = 0x8180, .answer = "www.example 0 A 192.0.2.1" }, 0 },
	{ "one of several is 0",
		{ "www.example", "A", .flags = 0x8180,
			.answer = "www.example 60 A 192.0.2.1; www.example 0 A 192.0.2.2" },
		0 },
	{ "RFC 2308 s5: no SOA record", { "www.example", "A", .flags = 0x8180 }, 0 },
	{ "a chain without an end and without SOA record",
		{ "www.example", "A", .flags = 0x8180, .answer = "www.example 60 CNAME b.example" }, 0 },
	{ "RFC 2308 s5: as long as the SOA record says",
		{ "www.example", "A", .flags = 0x8183, .authority = "example 40 SOA 300" }, 40 },
	{ "a chain to a \"no\", by the lowest",
		{ "www.example", "A", .flags = 0x8180, .answer = "www.example 30 CNAME b.example",
			.authority = "example 40 SOA 300" },
		30 },
};

TEST(rfc2308_s5_how_long_a_message_is_kept)
{
	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		struct messages *m = new_messages(ROOM);

		test_row(lives[i].what);
		(void)keep(m, &lives[i].said, T0);
		CHECK_INT(find(m, "www.example", "A", T0) != NULL, lives[i].lives > 0);
		if (lives[i].lives > 0) {
			CHECK(find(m, "www.example", "A", T0 + lives[i].lives - 1) != NULL);
			CHECK(find(m, "www.example", "A", T0 + lives[i].lives) == NULL);
		}
		messages_free(m);
	}
	test_row(NULL);
}

TEST(a_mark_lasts_its_time_and_gives_way_to_a_message)
{
	struct messages *m = new_messages(ROOM);
	struct dns_question q = question_of("www.example", "A");

	messages_mark(m, &q, messages_hash(m, &q), T0, 5);
	REQUIRE(find(m, "www.example", "A", T0 + 4) != NULL);
	CHECK(message_is_mark(find(m, "www.example", "A", T0 + 4)));
	CHECK(find(m, "www.example", "A", T0 + 5) == NULL);
	(void)keep(m, &www, T0 + 1);
	REQUIRE(find(m, "www.example", "A", T0 + 4) != NULL);
	CHECK(!message_is_mark(find(m, "www.example", "A", T0 + 4)));
	CHECK_INT(messages_len(m), 1);
	messages_free(m);
}

static void keep_number(struct messages *m, unsigned i, unsigned *lost)
{
	char name[64], answer[128];

	snprintf(name, sizeof(name), "n%u.example", i);
	snprintf(answer, sizeof(answer), "n%u.example 600 A 192.0.2.1", i);
	*lost += keep(m, &(struct text_message){ name, "A", .flags = 0x8180, .answer = answer }, T0);
}

TEST(memory_is_bounded_and_what_was_used_last_stays)
{
	struct messages *m = new_messages(20000);
	unsigned lost = 0;

	for (unsigned i = 0; i < 1000; i++) {
		keep_number(m, i, &lost);
		CHECK(messages_bytes(m) <= 20000);
		CHECK(find(m, "n0.example", "A", T0) != NULL); /* used all the time */
	}
	CHECK(messages_len(m) > 50 && messages_len(m) < 200);
	CHECK_INT(lost, 1000 - messages_len(m));
	CHECK(find(m, "n999.example", "A", T0) != NULL);
	CHECK(find(m, "n1.example", "A", T0) == NULL);
	messages_free(m);
}

TEST(what_is_larger_than_all_room_is_not_kept)
{
	struct messages *m = new_messages(400);
	unsigned lost = 0;

	keep_number(m, 1, &lost);
	CHECK_INT(messages_len(m), 0);
	messages_free(m);
}

TEST(names_are_forgotten_alone_or_with_all_below)
{
	struct messages *m = new_messages(ROOM);
	struct dns_name name;
	unsigned lost = 0;

	for (unsigned i = 0; i < 100; i++)
		keep_number(m, i, &lost);
	(void)keep(m, &www, T0);
	REQUIRE(dns_name_parse("n7.EXAMPLE", &name));
	messages_forget(m, &name, SCOPE_NAME);
	CHECK_INT(messages_len(m), 100);
	CHECK(find(m, "n7.example", "A", T0) == NULL && find(m, "n8.example", "A", T0) != NULL);
	REQUIRE(dns_name_parse("test", &name));
	messages_forget(m, &name, SCOPE_BELOW);
	CHECK_INT(messages_len(m), 100);
	REQUIRE(dns_name_parse("example", &name));
	messages_forget(m, &name, SCOPE_BELOW);
	CHECK_INT(messages_len(m), 0);
	CHECK(messages_bytes(m) > 0);
	messages_free(m);
}
