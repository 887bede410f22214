/* test_targets.c - whose turn it is, and who is up */
#include "harness.h"

#include "base/compiler.h"
#include "relay/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct targets *all;
static struct lane lane;
static unsigned started, stopped;
static struct health *const no_health = NULL;

/* Instead of health.c: tests say themselves what a check has found. */
int health_start(struct lane *l, const struct health_plan *plan, struct health **ret)
{
	started++;
	*ret = no_health;
	return 0;
}

void health_stop(struct health *h)
{
	stopped++;
}

/* Instead of base/clock.c: time passes when a test says so. */
static nsec now = 1000 * NSEC;

nsec clock_now(void)
{
	return now;
}

static const struct relay_health unchecked = { .fall = 1, .rise = 1 };
static const struct relay_health checked = {
	.interval = NSEC, .timeout = NSEC, .fall = 3, .rise = 2, .path = "/"
};

static struct relay_target names[] = {
	{ .host = "a.example", .at = { .port = 80 } },
	{ .host = "b.example", .at = { .port = 80 } },
	{ .at = { .is4 = true, .a4 = { 0xc0000201 }, .port = 80 } },
};

static struct target_group *group_of(enum relay_balance balance, const struct relay_health *health)
{
	const struct target_group_plan plan = {
		.to = names, .to_len = ARRAY_LEN(names), .balance = balance, .health = health
	};
	struct target_group *g;

	if (!all)
		REQUIRE(targets_new(&all) == 0);
	lane.targets = all;
	REQUIRE(target_group_open(&lane, &plan, &g) == 0);
	return g;
}

static const struct endpoint client = { .is4 = true, .a4 = { 0xcb007101 }, .port = 1234 };

static struct target *choose(struct target_group *g, uint64_t tried, unsigned want)
{
	unsigned number = 99;
	struct target *t = target_choose(g, &client, tried, &number);

	REQUIRE(t);
	CHECK_INT(number, want);
	return t;
}

static void end(struct target_group *g)
{
	target_group_close(g);
	targets_free(all); /* asserts that nothing is left */
}

TEST(those_with_equally_few_connections_have_their_turns)
{
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &unchecked);
	struct target *t[6];

	for (unsigned i = 0; i < 6; i++)
		t[i] = choose(g, 0, i % 3);
	target_give(t[1]); /* the second has one, the others two */
	t[1] = choose(g, 0, 1);
	for (unsigned i = 0; i < 6; i++)
		target_give(t[i]);
	end(g);
}

TEST(connections_of_other_lanes_count)
{
	struct lane other = { .number = 1 };
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &unchecked), *h;
	const struct target_group_plan plan = { .to = names, .to_len = 2, .health = &unchecked };

	other.targets = all;
	REQUIRE(target_group_open(&other, &plan, &h) == 0);
	struct target *a = choose(h, 0, 0), *b = choose(g, 0, 1), *c = choose(g, 0, 2), *d = choose(h, 0, 1);

	target_give(a);
	target_give(b);
	target_give(c);
	target_give(d);
	target_group_close(h);
	end(g);
}

TEST(what_was_tried_is_not_chosen_and_the_last_one_is_the_last)
{
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &unchecked);
	unsigned number = 99;

	target_give(choose(g, 1, 1));
	target_give(choose(g, 3, 2));
	target_give(choose(g, 5, 1));
	CHECK(!target_choose(g, &client, 7, &number));
	CHECK_INT(number, 99);
	CHECK_INT(target_group_untried(g, 5), 1);
	end(g);
}

static struct endpoint client_of(unsigned i)
{
	return (struct endpoint){ .a6 = { 0x20010db800000000 + i * UINT64_C(0x10000), i },
		.port = (uint16_t)i };
}

/* What makes the hash consistent: only the clients of one that is gone move. */
TEST(a_client_stays_with_its_target_and_moves_only_when_that_is_gone)
{
	struct target_group *g = group_of(RELAY_BALANCE_HASH, &unchecked);
	unsigned counts[3] = { 0 }, moved = 0;

	for (unsigned i = 0; i < 3000; i++) {
		struct endpoint c = client_of(i);
		unsigned first, again, without;

		target_give(target_choose(g, &c, 0, &first));
		c.port++;
		target_give(target_choose(g, &c, 0, &again));
		CHECK_INT(first, again);
		target_give(target_choose(g, &c, 2, &without));
		if (first == 1)
			moved++;
		else
			CHECK_INT(without, first);
		CHECK(without != 1);
		counts[first]++;
	}
	for (unsigned i = 0; i < 3; i++)
		CHECK(counts[i] > 850 && counts[i] < 1150);
	CHECK_INT(moved, counts[1]);
	end(g);
}

TEST(an_unchecked_target_rests_after_a_failure_and_one_client_tries_it)
{
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &unchecked);
	struct target *a = choose(g, 0, 0);

	target_note(a, TARGET_FAILED, "connection refused");
	target_give(a);
	target_give(choose(g, 0, 1));
	target_give(choose(g, 0, 2));
	target_give(choose(g, 0, 1));
	now += TARGET_REST - 1;
	target_give(choose(g, 0, 2));
	now += 1;
	target_give(choose(g, 6, 0)); /* the one client */
	target_give(choose(g, 0, 1));
	target_give(choose(g, 0, 2));
	target_note(a, TARGET_FAILED, "connection refused");
	target_give(choose(g, 0, 1));
	now += TARGET_REST;
	target_give(choose(g, 6, 0));
	target_note(a, TARGET_WORKED, NULL);
	target_give(choose(g, 6, 0));
	target_give(choose(g, 6, 0));
	end(g);
}

TEST(when_all_are_down_they_are_tried_all_the_same)
{
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &unchecked);

	for (unsigned i = 0; i < 3; i++) {
		struct target *t = choose(g, 0, i);

		target_note(t, TARGET_FAILED, "no answer");
		target_give(t);
	}
	for (unsigned i = 0; i < 3; i++)
		target_give(choose(g, 0, i));
	end(g);
}

static bool is_up(unsigned number)
{
	struct target_row row;

	/* The newest is the first of the list. */
	REQUIRE(targets_row_at(all, ARRAY_LEN(names) - 1 - number, &row));
	return row.is_up;
}

TEST(checks_decide_by_what_comes_in_a_row)
{
	static const struct {
		const char *news; /* c: check failed, C: passed; f: connection failed, W: worked */
		bool is_up;
	} steps[] = {
		{ "cc", true },
		{ "C", true },
		{ "cc", true },
		{ "c", false },
		{ "C", false },
		{ "W", false }, /* who answers may still fail its check */
		{ "cC", false },
		{ "C", true },
		{ "cfW", true }, /* and does not make up for failures */
		{ "f", false },
		{ "CC", true },
	};
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &checked);
	struct target *t = choose(g, 0, 0);
	char row[32];

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		snprintf(row, sizeof(row), "step %zu", i);
		test_row(row);
		for (const char *n = steps[i].news; *n; n++) {
			if (*n == 'c' || *n == 'f')
				target_note(t, *n == 'c' ? TARGET_FAILED_CHECK : TARGET_FAILED, "no answer");
			else
				target_note(t, *n == 'C' ? TARGET_PASSED_CHECK : TARGET_WORKED, NULL);
		}
		CHECK_INT(is_up(0), steps[i].is_up);
		now += 100 * TARGET_REST; /* time alone changes nothing */
		CHECK_INT(is_up(0), steps[i].is_up);
	}
	test_row(NULL);
	target_give(t);
	end(g);
}

TEST(one_that_was_overtaken_has_its_turn_after_the_others_until_it_works)
{
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &checked);
	struct target *a = choose(g, 0, 0);

	for (unsigned i = 0; i < 5; i++)
		target_note(a, TARGET_OVERTAKEN, "late");
	CHECK(is_up(0)); /* its checks say so */
	target_give(a);
	target_give(choose(g, 0, 1));
	target_give(choose(g, 0, 2));
	target_give(choose(g, 0, 1));
	target_give(choose(g, 6, 0));		   /* better than none */
	target_note(a, TARGET_PASSED_CHECK, NULL); /* a check has more patience than a client */
	target_give(choose(g, 3, 2));
	target_give(choose(g, 0, 1));
	now += TARGET_REST;
	target_give(choose(g, 0, 2));
	target_give(choose(g, 0, 0)); /* the one client */
	target_give(choose(g, 0, 1));
	target_give(choose(g, 0, 2));
	target_give(choose(g, 0, 1));
	target_note(a, TARGET_WORKED, NULL);
	target_give(choose(g, 0, 2));
	target_give(choose(g, 0, 0));
	end(g);
}

TEST(one_without_checks_that_is_overtaken_again_and_again_is_down)
{
	static const struct relay_health two = { .fall = 2, .rise = 1 };
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &two);
	struct target *a = choose(g, 0, 0);

	target_note(a, TARGET_OVERTAKEN, "late");
	CHECK(is_up(0));
	target_note(a, TARGET_OVERTAKEN, "late");
	CHECK(!is_up(0));
	target_note(a, TARGET_WORKED, NULL);
	CHECK(is_up(0));
	target_give(a);
	target_give(choose(g, 0, 1));
	target_give(choose(g, 0, 2));
	target_give(choose(g, 0, 0));
	end(g);
}

TEST(an_operator_sees_what_is_known)
{
	struct target_group *g = group_of(RELAY_BALANCE_LEAST, &checked);
	struct target_row row = { .open = 77 };

	now += 5 * NSEC;
	struct target *t = choose(g, 3, 2);

	for (unsigned i = 0; i < 3; i++)
		target_note(t, TARGET_FAILED_CHECK, "connection refused");
	REQUIRE(targets_row_at(all, 0, &row));
	CHECK(!row.is_up && row.is_checked);
	CHECK_TEXT(row.why, "connection refused");
	CHECK_INT(row.since, now);
	CHECK_INT(row.open, 1);
	CHECK_INT(row.all, 1);
	CHECK_INT(row.failures, 3);
	CHECK(row.where.host[0] == '\0' && row.where.at.port == 80);
	target_give(t);
	REQUIRE(targets_row_at(all, 2, &row));
	CHECK(row.is_up && !row.why && row.open == 0);
	CHECK_TEXT(row.where.host, "a.example");
	row.open = 77;
	CHECK(!targets_row_at(all, 3, &row));
	CHECK_INT(row.open, 77);
	end(g);
}

TEST(what_is_known_outlives_a_configuration_and_is_checked_once)
{
	struct target_group *old = group_of(RELAY_BALANCE_LEAST, &checked), *fresh, *other;
	struct target *t = choose(old, 0, 0);

	CHECK_INT(started, 3);
	for (unsigned i = 0; i < 3; i++)
		target_note(t, TARGET_FAILED_CHECK, "connection refused");
	target_give(t);
	fresh = group_of(RELAY_BALANCE_HASH, &checked);
	target_group_close(old);
	CHECK_INT(started, 3);
	CHECK_INT(stopped, 0);
	CHECK(!is_up(0));
	other = group_of(
		RELAY_BALANCE_LEAST, &unchecked); /* looked after in another way, so another target */
	CHECK_INT(started, 3);
	target_give(choose(other, 6, 0));
	target_group_close(other);
	CHECK_INT(stopped, 0);
	target_group_close(fresh);
	CHECK_INT(stopped, 3);
	end(NULL);
}

TEST(only_lane_0_checks)
{
	struct target_group *g;

	lane.number = 1;
	g = group_of(RELAY_BALANCE_LEAST, &checked);
	CHECK_INT(started, 0);
	end(g);
	CHECK_INT(stopped, 0);
}
