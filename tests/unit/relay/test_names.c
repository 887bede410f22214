/* test_names.c - a name's addresses, asked of a real socket */
#include "relay/names.h"

#include "nameserver.h"

#include <errno.h>

static const struct ns_row rows[] = {
	{ "www.example", TYPE_A, { "192.0.2.1", "192.0.2.2" }, .ttl = 300 },
	{ "www.example", TYPE_AAAA, { "2001:db8::1" }, .ttl = 300 },
	{ "four.example", TYPE_A, { "192.0.2.4" }, .ttl = 300 },
	{ "brief.example", TYPE_A, { "192.0.2.5" }, .ttl = 0 },
	{ "late.example", TYPE_A, { "192.0.2.6" }, .ttl = 300, .delay_ms = 50 },
	{ "broken.example", TYPE_A, { NULL }, .rcode = 2 },
	{ "silent.example", TYPE_A, { NULL }, .is_silent = true },
	{ "many.example", TYPE_A,
		{ "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7",
			"192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13",
			"192.0.2.14", "192.0.2.15", "192.0.2.16", "192.0.2.17" },
		.ttl = 300 },
	{ NULL },
};

static const struct ns_row other_rows[] = {
	{ "www.example", TYPE_A, { "198.51.100.1" }, .ttl = 300 },
	{ "silent.example", TYPE_A, { "198.51.100.2" }, .ttl = 300 },
	{ NULL },
};

struct box {
	struct loop *loop;
	struct nameserver server;
	struct names *names;
	struct loop_watch *guard;
	struct names_answer answer;
	unsigned told, wanted;
};

static void on_guard(void *ctx)
{
	struct box *b = ctx;

	CHECK(false && "an answer did not come");
	loop_stop(b->loop);
}

static void box_init(struct box *b, unsigned keep)
{
	*b = (struct box){ .told = 0 };
	REQUIRE(loop_new(&b->loop) == 0);
	nameserver_init(&b->server, b->loop, rows);
	struct names_plan plan = {
		.loop = b->loop, .servers = &b->server.at, .servers_len = 1, .keep = keep
	};
	REQUIRE(names_new(&plan, &b->names) == 0);
	REQUIRE(loop_watch_timer(b->loop, on_guard, b, &b->guard) == 0);
	loop_timer_set(b->guard, 30 * NSEC);
}

static void box_fini(struct box *b)
{
	names_free(b->names);
	loop_unwatch(b->guard);
	nameserver_fini(&b->server);
	loop_free(b->loop);
}

static void on_answer(void *ctx, const struct names_answer *a)
{
	struct box *b = ctx;

	b->answer = *a;
	if (++b->told == b->wanted)
		loop_stop(b->loop);
}

static struct names_question *ask(struct box *b, const char *host, enum names_family f)
{
	struct names_question *q = NULL;

	b->wanted++;
	REQUIRE(names_ask(b->names, host, f, on_answer, b, &q) == 0);
	CHECK(b->told < b->wanted);
	return q;
}

static const struct names_answer *answer_of(struct box *b, const char *host, enum names_family f)
{
	ask(b, host, f);
	REQUIRE(loop_run(b->loop) == 0);
	return &b->answer;
}

static void check_addresses(const struct names_answer *a, bool is4, const char *want)
{
	char got[NAMES_ADDRESSES_MAX * ADDR6_TEXT] = "", one[ADDR6_TEXT];

	CHECK_INT(a->status, NAMES_OK);
	for (unsigned i = 0; i < a->len; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i > 0 ? " " : "",
			is4 ? addr4_text(a->a4[i], one) : addr6_text(a->a6[i], one));
	CHECK_TEXT(got, want);
}

TEST(both_families_of_a_name_are_asked_separately_and_kept)
{
	struct box b;

	box_init(&b, 16);
	check_addresses(answer_of(&b, "www.example", NAMES_IPV4), true, "192.0.2.1 192.0.2.2");
	check_addresses(answer_of(&b, "WWW.Example", NAMES_IPV6), false, "2001:db8::1");
	check_addresses(answer_of(&b, "www.EXAMPLE", NAMES_IPV4), true, "192.0.2.1 192.0.2.2");
	CHECK_INT(b.server.queries, 2);
	CHECK_TEXT(b.server.last_name, "www.example");
	box_fini(&b);
}

TEST(what_is_not_there_is_told_from_what_cannot_be_known)
{
	struct box b;

	box_init(&b, 16);
	CHECK_INT(answer_of(&b, "four.example", NAMES_IPV6)->status, NAMES_NONE); /* no record of the type */
	CHECK_INT(answer_of(&b, "no.example", NAMES_IPV4)->status, NAMES_NONE);	  /* no name */
	CHECK_INT(answer_of(&b, "broken.example", NAMES_IPV4)->status, NAMES_FAILED);
	unsigned before = b.server.queries;
	CHECK_INT(answer_of(&b, "no.example", NAMES_IPV4)->status, NAMES_NONE);
	CHECK_INT(answer_of(&b, "broken.example", NAMES_IPV4)->status, NAMES_FAILED);
	CHECK_INT(b.server.queries, before); /* both are kept for a while */
	box_fini(&b);
}

TEST(an_answer_without_time_to_live_is_not_kept)
{
	struct box b;

	box_init(&b, 16);
	check_addresses(answer_of(&b, "brief.example", NAMES_IPV4), true, "192.0.2.5");
	check_addresses(answer_of(&b, "brief.example", NAMES_IPV4), true, "192.0.2.5");
	CHECK_INT(b.server.queries, 2);
	box_fini(&b);
}

TEST(many_who_ask_at_once_get_one_answer)
{
	struct box b;

	box_init(&b, 16);
	for (unsigned i = 0; i < 100; i++)
		ask(&b, "late.example", NAMES_IPV4);
	REQUIRE(loop_run(b.loop) == 0);
	CHECK_INT(b.told, 100);
	CHECK_INT(b.server.queries, 1);
	box_fini(&b);
}

TEST(whoever_forgets_is_not_told)
{
	struct box b;
	struct names_question *q[5];

	box_init(&b, 16);
	for (unsigned i = 0; i < 5; i++)
		q[i] = ask(&b, i == 4 ? "localhost" : "late.example", NAMES_IPV4);
	names_forget(q[4]); /* could be answered already */
	names_forget(q[0]);
	names_forget(q[3]);
	names_forget(q[1]);
	names_forget(NULL);
	b.wanted = 1;
	REQUIRE(loop_run(b.loop) == 0);
	CHECK_INT(b.told, 1);
	check_addresses(&b.answer, true, "192.0.2.6");
	box_fini(&b);
}

TEST(more_addresses_than_fit_are_left_out)
{
	struct box b;

	box_init(&b, 16);
	CHECK_INT(answer_of(&b, "many.example", NAMES_IPV4)->len, NAMES_ADDRESSES_MAX);
	box_fini(&b);
}

TEST(what_is_no_host_name_is_not_asked_for)
{
	static const char long_label[] =
		"a123456789b123456789c123456789d123456789e123456789f123456789g123.example";
	static const char *const bad[] = { "", ".", "a..b", ".a", "a.", "a b", "a\\b", "a/b", "[::1]",
		"\xc3\xa4.example", "a\n", "a:1", "a%b", long_label };
	char too_long[RELAY_HOST + 50];
	struct box b;

	box_init(&b, 16);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		test_row(bad[i]);
		CHECK_INT(answer_of(&b, bad[i], NAMES_IPV4)->status, NAMES_NONE);
	}
	test_row(NULL);
	for (size_t i = 0; i + 1 < sizeof(too_long); i++)
		too_long[i] = i % 2 ? '.' : 'a';
	too_long[sizeof(too_long) - 1] = '\0';
	for (size_t len = 254; len < sizeof(too_long) - 1; len++) {
		char cut[sizeof(too_long)];

		snprintf(cut, sizeof(cut), "%.*s", (int)len, too_long);
		CHECK_INT(answer_of(&b, cut, NAMES_IPV4)->status, NAMES_NONE);
	}
	CHECK_INT(b.server.queries, 0);
	box_fini(&b);
}

TEST(localhost_is_this_host_whatever_servers_say)
{
	struct box b;

	box_init(&b, 16);
	check_addresses(answer_of(&b, "localhost", NAMES_IPV4), true, "127.0.0.1");
	check_addresses(answer_of(&b, "a.LocalHost", NAMES_IPV6), false, "::1");
	CHECK_INT(b.server.queries, 0);
	CHECK_INT(answer_of(&b, "notlocalhost", NAMES_IPV4)->status, NAMES_NONE);
	CHECK_INT(b.server.queries, 1);
	box_fini(&b);
}

TEST(the_least_used_makes_room)
{
	struct box b;

	box_init(&b, 2);
	answer_of(&b, "www.example", NAMES_IPV4);
	answer_of(&b, "four.example", NAMES_IPV4);
	answer_of(&b, "www.example", NAMES_IPV4);
	CHECK_INT(b.server.queries, 2);
	answer_of(&b, "many.example", NAMES_IPV4);
	CHECK_INT(b.server.queries, 3);
	answer_of(&b, "www.example", NAMES_IPV4);
	CHECK_INT(b.server.queries, 3); /* it was used later */
	answer_of(&b, "four.example", NAMES_IPV4);
	CHECK_INT(b.server.queries, 4);
	box_fini(&b);
}

TEST(too_many_open_questions_are_refused)
{
	struct box b;
	struct names_question *q = NULL;

	box_init(&b, 2);
	ask(&b, "late.example", NAMES_IPV4);
	ask(&b, "silent.example", NAMES_IPV4);
	CHECK_INT(names_ask(b.names, "www.example", NAMES_IPV4, on_answer, &b, &q), -ENOMEM);
	CHECK(q == NULL);
	ask(&b, "late.example", NAMES_IPV4); /* waits for the same answer */
	box_fini(&b);
}

TEST(other_servers_are_asked_what_is_still_open)
{
	struct nameserver other;
	struct box b;

	box_init(&b, 16);
	nameserver_init(&other, b.loop, other_rows);
	check_addresses(answer_of(&b, "www.example", NAMES_IPV4), true, "192.0.2.1 192.0.2.2");
	ask(&b, "silent.example", NAMES_IPV4);
	REQUIRE(names_set_servers(b.names, &other.at, 1) == 0);
	REQUIRE(loop_run(b.loop) == 0);
	check_addresses(&b.answer, true, "198.51.100.2");
	check_addresses(answer_of(&b, "www.example", NAMES_IPV4), true, "198.51.100.1");
	REQUIRE(names_set_servers(b.names, NULL, 0) == 0);
	CHECK_INT(answer_of(&b, "www.example", NAMES_IPV4)->status, NAMES_FAILED);
	nameserver_fini(&other);
	box_fini(&b);
}

TEST(a_silent_server_fails_in_the_end)
{
	struct box b;

	box_init(&b, 16);
	CHECK_INT(answer_of(&b, "silent.example", NAMES_IPV4)->status, NAMES_FAILED);
	CHECK(b.server.queries >= 2);
	box_fini(&b);
}
