/* test_flushed.c - flushing: names remembered, and the whole resolver that forgets what it knew */
#include "lab.h"

#include "dns64/flushed.h"

static struct dns_name name_of(const char *text)
{
	struct dns_name n;

	REQUIRE(dns_name_parse(text, &n));
	return n;
}

TEST(a_name_is_flushed_alone_or_with_all_below_and_for_its_time)
{
	static const struct {
		const char *name;
		bool alone, below; /* whether a.test flushed so holds it */
	} cases[] = {
		{ "a.test", true, true },
		{ "A.Test", true, true },
		{ "b.a.test", false, true },
		{ "c.b.a.test", false, true },
		{ "test", false, false },
		{ "xa.test", false, false },
		{ ".", false, false },
	};
	struct flushed alone = { .len = 0 }, below = { .len = 0 };
	struct dns_name a = name_of("a.test");

	CHECK_INT(flushed_add(&alone, &a, SCOPE_NAME, 10, 20), 0);
	CHECK_INT(flushed_add(&below, &a, SCOPE_BELOW, 10, 20), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_name n = name_of(cases[i].name);

		test_row(cases[i].name);
		CHECK(flushed_holds(&alone, &n, 19) == cases[i].alone);
		CHECK(flushed_holds(&below, &n, 19) == cases[i].below);
		CHECK(!flushed_holds(&below, &n, 20));
	}
}

TEST(a_full_list_of_flushed_names_takes_known_ones_and_has_room_again_in_time)
{
	static struct flushed f;
	struct dns_name n;
	char text[32];

	for (unsigned i = 0; i < FLUSHED_MAX; i++) {
		snprintf(text, sizeof(text), "n%u.test", i);
		n = name_of(text);
		CHECK_INT(flushed_add(&f, &n, SCOPE_NAME, 0, i == 7 ? 5 : 100), 0);
	}
	CHECK_INT(flushed_add(&f, &n, SCOPE_NAME, 1, 200), 0);
	CHECK_INT(f.len, FLUSHED_MAX);
	CHECK_INT(flushed_add(&f, &n, SCOPE_BELOW, 1, 200), -ENOSPC);
	CHECK_INT(flushed_add(&f, &n, SCOPE_BELOW, 5, 200), 0);
	CHECK(flushed_holds(&f, &n, 199));
	n = name_of("n7.test");
	CHECK(!flushed_holds(&f, &n, 4));
}

/* --- in the whole resolver --- */

static const struct script before[] = {
	{ .name = "a.r.test", .type = "A", .answer = "a.r.test 3600 A 203.0.114.1" },
	{ .name = "b.r.test", .type = "A", .answer = "b.r.test 3600 A 203.0.114.1" },
	{ .name = "x.a.r.test", .type = "A", .answer = "x.a.r.test 3600 A 203.0.114.1" },
};
static const struct script after[] = {
	{ .name = "a.r.test", .type = "A", .answer = "a.r.test 3600 A 203.0.114.2" },
	{ .name = "b.r.test", .type = "A", .answer = "b.r.test 3600 A 203.0.114.2" },
	{ .name = "x.a.r.test", .type = "A", .answer = "x.a.r.test 3600 A 203.0.114.2" },
};

/* The last digit of the address of each of the three names, asked over UDP. */
static void check_addresses(struct lab *lab, const char *want)
{
	char got[ARRAY_LEN(before) + 1] = "";

	for (unsigned i = 0; i < ARRAY_LEN(before); i++) {
		const char *text = lab_ask(lab, &(struct lab_query){ .name = before[i].name, .type = "A" });

		got[i] = text[strlen(text) - 1];
	}
	CHECK_TEXT(got, want);
}

static void lab_go_on(struct lab *lab)
{
	char byte;

	REQUIRE(read(lab->stop[0], &byte, 1) == 1);
	REQUIRE(pthread_create(&lab->thread, NULL, lab_run, lab) == 0);
}

TEST(a_flushed_name_is_asked_for_anew_and_others_are_not)
{
	struct lab lab;
	struct dns_name a = name_of("a.r.test");
	unsigned dropped = 99;

	lab_defaults(&lab, before, ARRAY_LEN(before));
	lab_start(&lab);
	check_addresses(&lab, "111");
	lab.script = after;
	check_addresses(&lab, "111");
	lab_stop(&lab);
	CHECK_INT(resolver_flush(lab.resolver, &a, SCOPE_NAME, &dropped), 0);
	CHECK_INT(dropped, 1);
	lab_go_on(&lab);
	check_addresses(&lab, "211");
	CHECK_TEXT(lab_ask(&lab, &(struct lab_query){ .name = "a.r.test", .type = "A" }),
		"NOERROR: a.r.test. 3600 A 203.0.114.2");
	lab_stop(&lab);
	CHECK_INT(resolver_flush(lab.resolver, &a, SCOPE_BELOW, &dropped), 0);
	CHECK_INT(dropped, 2);
	lab_go_on(&lab);
	check_addresses(&lab, "212");
	lab_stop(&lab);
	lab_free(&lab);
}

TEST(everything_is_flushed_as_often_as_there_are_spare_caches)
{
	struct lab lab;
	unsigned dropped = 99;

	lab_defaults(&lab, before, ARRAY_LEN(before));
	lab_start(&lab);
	check_addresses(&lab, "111");
	for (unsigned i = 0; i < 8; i++) {
		lab_stop(&lab);
		lab.script = i % 2 == 0 ? after : before;
		CHECK_INT(resolver_flush_all(lab.resolver, &dropped), 0);
		CHECK_INT(dropped, 3);
		lab_go_on(&lab);
		check_addresses(&lab, i % 2 == 0 ? "222" : "111");
		CHECK_TEXT(lab_ask(&lab, &(struct lab_query){ .name = "b.r.test", .type = "A" }),
			i % 2 == 0 ? "NOERROR: b.r.test. 3600 A 203.0.114.2"
				   : "NOERROR: b.r.test. 3600 A 203.0.114.1");
	}
	lab_stop(&lab);
	dropped = 99;
	CHECK_INT(resolver_flush_all(lab.resolver, &dropped), -ENOSPC);
	CHECK_INT(dropped, 99);
	lab_free(&lab);
}
