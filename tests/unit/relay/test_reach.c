/* test_reach.c - one target after the other, and what is said of those that fail */
#include "harness.h"

#include "base/bytes.h"
#include "base/compiler.h"
#include "relay/reach.h"

#include <errno.h>
#include <string.h>

/* Instead of dial.c: what was asked for is remembered, and a test says how it ended. */
#define DIALS_MAX 16
static struct dial_plan dialled[DIALS_MAX];
static char dialled_host[DIALS_MAX][RELAY_HOST];
static bool is_cancelled[DIALS_MAX];
static unsigned dials;
static int dial_err;

int dial_start(struct lane *l, const struct dial_plan *plan, struct dial **ret)
{
	if (dial_err < 0)
		return dial_err;
	REQUIRE(dials < DIALS_MAX);
	dialled[dials] = *plan;
	REQUIRE(text_copy(dialled_host[dials], sizeof(dialled_host[0]), plan->to->host));
	*ret = (struct dial *)&dialled[dials++];
	return 0;
}

void dial_cancel(struct dial *d)
{
	if (d)
		is_cancelled[(struct dial_plan *)d - dialled] = true;
}

const char *dial_fault_text(enum dial_fault f)
{
	return "a fault";
}

static nsec now = 1000 * NSEC;

nsec clock_now(void)
{
	return now;
}

static struct targets *all;
static struct lane lane;
static struct target_group *group;
static struct reach *reach;

static struct {
	unsigned times;
	enum dial_fault fault;
	int fd;
	struct target *target;
} over;

static void done(void *ctx, enum dial_fault fault, int fd, struct target *target, const struct endpoint *peer)
{
	CHECK(ctx == &over);
	over.times++;
	over.fault = fault;
	over.fd = fd;
	over.target = target;
}

static const struct relay_target names[] = {
	{ .host = "a.example", .at = { .port = 80 } },
	{ .host = "b.example", .at = { .port = 80 } },
	{ .host = "c.example", .at = { .port = 80 } },
};
static const struct relay_health health = { .fall = 1, .rise = 1 };
static const struct prefix6 client_prefix = { .len = 96 };

static uint64_t tried;

static int start(struct target *first)
{
	const struct reach_plan plan = { .group = group,
		.first = first,
		.timeout = 6 * NSEC,
		.client_prefix = &client_prefix,
		.client = { .is4 = true, .a4 = { 0xcb007101 } },
		.tried = &tried,
		.done = done,
		.ctx = &over };

	return reach_start(&lane, &plan, &reach);
}

static void begin(const struct relay_health *h)
{
	const struct target_group_plan g = {
		.to = names, .to_len = ARRAY_LEN(names), .health = h, .family = RELAY_FAMILY_IPV4_FIRST
	};

	REQUIRE(loop_new(&lane.loop) == 0 && targets_new(&all) == 0);
	lane.targets = all;
	REQUIRE(target_group_open(&lane, &g, &group) == 0);
}

static void dial_ends(unsigned n, enum dial_fault fault)
{
	static const struct endpoint peer = { .port = 80 };

	dialled[n].done(dialled[n].ctx, fault, fault == DIAL_OK ? 42 : -1, &peer);
}

static void on_time(void *ctx)
{
	loop_stop(lane.loop);
}

/* Let timers of up to @ms run, in the kernel's time. */
static void wait_ms(unsigned ms)
{
	struct loop_watch *t;

	REQUIRE(loop_watch_timer(lane.loop, on_time, NULL, &t) == 0);
	loop_timer_set(t, ms * MSEC);
	REQUIRE(loop_run(lane.loop) == 0);
	loop_unwatch(t);
}

static unsigned open_connections(void)
{
	struct target_row row;
	unsigned n = 0;

	for (unsigned i = 0; targets_row_at(all, i, &row); i++)
		n += row.open;
	return n;
}

/* The newest is the first of the list. */
static struct target_row row_of(unsigned number)
{
	struct target_row row;

	REQUIRE(targets_row_at(all, ARRAY_LEN(names) - 1 - number, &row));
	return row;
}

static void end(void)
{
	CHECK_INT(open_connections(), 0);
	target_group_close(group);
	targets_free(all);
	loop_free(lane.loop);
}

TEST(the_first_that_is_reached_is_it)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	CHECK_TEXT(dialled_host[0], "a.example");
	CHECK(!dialled[0].access);
	CHECK(dialled[0].client_prefix == &client_prefix);
	CHECK_INT(dialled[0].family, RELAY_FAMILY_IPV4_FIRST);
	CHECK_INT(dialled[0].timeout, 6 * NSEC);
	CHECK(dialled[0].client.is4 && dialled[0].client.a4.v == 0xcb007101);
	CHECK_INT(over.times, 0);
	dial_ends(0, DIAL_OK);
	CHECK_INT(over.times, 1);
	CHECK_INT(over.fault, DIAL_OK);
	CHECK_INT(over.fd, 42);
	REQUIRE(over.target);
	CHECK_TEXT(target_where(over.target)->host, "a.example");
	CHECK_INT(open_connections(), 1);
	CHECK_INT(lane.counters.retried, 0);
	CHECK_INT(tried, 1);
	target_give(over.target);
	wait_ms(400); /* nobody else is dialled any more */
	CHECK_INT(dials, 1);
	end();
}

TEST(the_next_one_is_tried_after_a_failure_and_the_failure_is_known)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	now += NSEC;
	dial_ends(0, DIAL_REFUSED);
	CHECK_TEXT(dialled_host[1], "b.example");
	CHECK_INT(dialled[1].timeout, 5 * NSEC);
	now += NSEC;
	dial_ends(1, DIAL_TIMEOUT);
	CHECK_TEXT(dialled_host[2], "c.example");
	CHECK_INT(dialled[2].timeout, 4 * NSEC);
	CHECK_INT(over.times, 0);
	dial_ends(2, DIAL_OK);
	CHECK_INT(over.fault, DIAL_OK);
	CHECK_INT(lane.counters.retried, 1);
	CHECK_INT(tried, 7);
	target_give(over.target);
	CHECK(!row_of(0).is_up);
	CHECK_TEXT(row_of(0).why, "a fault");
	CHECK(row_of(2).is_up);
	end();
}

TEST(one_that_says_nothing_is_raced_with_the_next_after_a_quarter_of_a_second)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	wait_ms(200);
	CHECK_INT(dials, 1);
	wait_ms(150);
	REQUIRE(dials == 2);
	CHECK_TEXT(dialled_host[1], "b.example");
	wait_ms(250);
	REQUIRE(dials == 3);
	CHECK(!is_cancelled[0] && !is_cancelled[1]);
	dial_ends(1, DIAL_OK);
	CHECK_INT(over.times, 1);
	CHECK_TEXT(target_where(over.target)->host, "b.example");
	CHECK(is_cancelled[0] && !is_cancelled[1] && is_cancelled[2]);
	CHECK_INT(open_connections(), 1);
	CHECK_INT(lane.counters.retried, 1);
	target_give(over.target);
	/* Overtaken was the one that began before it, and not the one after it. */
	CHECK_TEXT(row_of(0).why, "not there after 250 ms, when another one was");
	CHECK_INT(row_of(0).failures, 1);
	CHECK_INT(row_of(2).failures, 0);
	end();
}

TEST(the_first_may_still_win_and_nobody_is_blamed)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	wait_ms(350);
	REQUIRE(dials == 2);
	dial_ends(0, DIAL_OK);
	CHECK_TEXT(target_where(over.target)->host, "a.example");
	CHECK(is_cancelled[1]);
	CHECK_INT(lane.counters.retried, 0);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(row_of(i).failures, 0);
	target_give(over.target);
	end();
}

TEST(one_that_fails_while_others_run_is_followed_at_once)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	wait_ms(350);
	REQUIRE(dials == 2);
	dial_ends(1, DIAL_REFUSED);
	REQUIRE(dials == 3);
	dial_ends(2, DIAL_UNREACHABLE);
	CHECK_INT(over.times, 0);
	dial_ends(0, DIAL_TIMEOUT);
	CHECK_INT(over.times, 1);
	CHECK_INT(over.fault, DIAL_TIMEOUT);
	end();
}

TEST(the_caller_may_have_chosen_the_first)
{
	unsigned number;

	begin(&health);
	struct target *b = target_choose(group, &(struct endpoint){ .is4 = true }, 1, &number);

	tried = 3;
	REQUIRE(start(b) == 0);
	CHECK_TEXT(dialled_host[0], "b.example");
	dial_ends(0, DIAL_REFUSED);
	CHECK_TEXT(dialled_host[1], "c.example");
	dial_ends(1, DIAL_REFUSED);
	CHECK_INT(over.times, 1);
	CHECK(!over.target);
	b = target_choose(group, &(struct endpoint){ .is4 = true }, 5, &number);
	dial_err = -ENOMEM;
	CHECK_INT(start(b), -ENOMEM);
	CHECK_INT(open_connections(), 1); /* it is still the caller's */
	target_give(b);
	end();
}

TEST(when_all_have_failed_the_last_fault_is_told)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	dial_ends(0, DIAL_REFUSED);
	dial_ends(1, DIAL_REFUSED);
	dial_ends(2, DIAL_UNREACHABLE);
	CHECK_INT(dials, 3);
	CHECK_INT(over.times, 1);
	CHECK_INT(over.fault, DIAL_UNREACHABLE);
	CHECK_INT(over.fd, -1);
	CHECK(!over.target);
	end();
}

TEST(when_time_is_over_no_other_is_tried)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	now += 6 * NSEC;
	wait_ms(350);
	dial_ends(0, DIAL_TIMEOUT);
	CHECK_INT(dials, 1);
	CHECK_INT(over.fault, DIAL_TIMEOUT);
	end();
}

TEST(a_fault_of_ours_is_not_held_against_a_target)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	dial_ends(0, DIAL_FAILED);
	CHECK_INT(dials, 1);
	CHECK_INT(over.fault, DIAL_FAILED);
	for (unsigned i = 0; i < 3; i++)
		CHECK(row_of(i).is_up);
	end();
}

TEST(what_was_tried_before_is_not_tried_again)
{
	begin(&health);
	tried = 1;
	REQUIRE(start(NULL) == 0);
	CHECK_TEXT(dialled_host[0], "b.example");
	dial_ends(0, DIAL_REFUSED);
	CHECK_TEXT(dialled_host[1], "c.example");
	dial_ends(1, DIAL_REFUSED);
	CHECK_INT(over.times, 1);
	CHECK_INT(start(NULL), -EHOSTUNREACH);
	end();
}

TEST(whoever_gives_up_is_not_told)
{
	begin(&health);
	REQUIRE(start(NULL) == 0);
	wait_ms(350);
	REQUIRE(dials == 2);
	reach_cancel(reach);
	reach_cancel(NULL);
	CHECK(is_cancelled[0] && is_cancelled[1]);
	CHECK_INT(over.times, 0);
	tried = 0;
	dial_err = -ENOMEM;
	CHECK_INT(start(NULL), -ENOMEM);
	end();
}
