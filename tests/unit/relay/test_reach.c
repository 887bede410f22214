/* test_reach.c - one target after the other, and what is said of those that fail */
#include "harness.h"

#include "base/bytes.h"
#include "base/compiler.h"
#include "relay/reach.h"

#include <errno.h>
#include <string.h>

/* Instead of dial.c: what was asked for is remembered, and a test says how it ended. */
static struct dial_plan dialled;
static char dialled_host[RELAY_HOST];
static unsigned dials, cancelled;
static int dial_err;

int dial_start(struct lane *l, const struct dial_plan *plan, struct dial **ret)
{
	if (dial_err < 0)
		return dial_err;
	dialled = *plan;
	REQUIRE(text_copy(dialled_host, sizeof(dialled_host), plan->to->host));
	dials++;
	*ret = (struct dial *)&dialled;
	return 0;
}

void dial_cancel(struct dial *d)
{
	if (d)
		cancelled++;
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

static int start(uint64_t tried)
{
	const struct target_group_plan g = {
		.to = names, .to_len = ARRAY_LEN(names), .health = &health, .family = RELAY_FAMILY_IPV4_FIRST
	};

	if (!group) {
		REQUIRE(targets_new(&all) == 0);
		lane.targets = all;
		REQUIRE(target_group_open(&lane, &g, &group) == 0);
	}
	const struct reach_plan plan = { .group = group,
		.timeout = 6 * NSEC,
		.client_prefix = &client_prefix,
		.client = { .is4 = true, .a4 = { 0xcb007101 } },
		.tried = tried,
		.done = done,
		.ctx = &over };

	return reach_start(&lane, &plan, &reach);
}

static void dial_ends(enum dial_fault fault)
{
	static const struct endpoint peer = { .port = 80 };

	dialled.done(dialled.ctx, fault, fault == DIAL_OK ? 42 : -1, &peer);
}

static unsigned open_connections(void)
{
	struct target_row row;
	unsigned n = 0;

	for (unsigned i = 0; targets_row_at(all, i, &row); i++)
		n += row.open;
	return n;
}

static void end(void)
{
	CHECK_INT(open_connections(), 0);
	target_group_close(group);
	targets_free(all);
}

TEST(the_first_that_is_reached_is_it)
{
	REQUIRE(start(0) == 0);
	CHECK_TEXT(dialled_host, "a.example");
	CHECK(!dialled.access);
	CHECK(dialled.client_prefix == &client_prefix);
	CHECK_INT(dialled.family, RELAY_FAMILY_IPV4_FIRST);
	CHECK(dialled.client.is4 && dialled.client.a4.v == 0xcb007101);
	CHECK_INT(over.times, 0);
	dial_ends(DIAL_OK);
	CHECK_INT(over.times, 1);
	CHECK_INT(over.fault, DIAL_OK);
	CHECK_INT(over.fd, 42);
	REQUIRE(over.target);
	CHECK_TEXT(target_where(over.target)->host, "a.example");
	CHECK_INT(open_connections(), 1);
	target_give(over.target);
	end();
}

TEST(the_next_one_is_tried_after_a_failure_and_the_failure_is_known)
{
	struct target_row row;

	REQUIRE(start(0) == 0);
	CHECK_INT(dialled.timeout, 2 * NSEC); /* a third of what there is */
	now += NSEC;
	dial_ends(DIAL_REFUSED);
	CHECK_TEXT(dialled_host, "b.example");
	CHECK_INT(dialled.timeout, 5 * NSEC / 2);
	now += NSEC;
	dial_ends(DIAL_TIMEOUT);
	CHECK_TEXT(dialled_host, "c.example");
	CHECK_INT(dialled.timeout, 4 * NSEC);
	CHECK_INT(over.times, 0);
	dial_ends(DIAL_OK);
	CHECK_INT(over.fault, DIAL_OK);
	target_give(over.target);
	REQUIRE(targets_row_at(all, 2, &row)); /* the first, as the newest comes first */
	CHECK(!row.is_up);
	CHECK_TEXT(row.why, "a fault");
	REQUIRE(targets_row_at(all, 0, &row));
	CHECK(row.is_up);
	end();
}

TEST(when_all_have_failed_the_last_fault_is_told)
{
	REQUIRE(start(0) == 0);
	dial_ends(DIAL_REFUSED);
	dial_ends(DIAL_REFUSED);
	dial_ends(DIAL_UNREACHABLE);
	CHECK_INT(dials, 3);
	CHECK_INT(over.times, 1);
	CHECK_INT(over.fault, DIAL_UNREACHABLE);
	CHECK_INT(over.fd, -1);
	CHECK(!over.target);
	end();
}

TEST(when_time_is_over_no_other_is_tried)
{
	REQUIRE(start(0) == 0);
	now += 6 * NSEC;
	dial_ends(DIAL_TIMEOUT);
	CHECK_INT(dials, 1);
	CHECK_INT(over.fault, DIAL_TIMEOUT);
	end();
}

TEST(a_fault_of_ours_is_not_held_against_a_target)
{
	struct target_row row;

	REQUIRE(start(0) == 0);
	dial_ends(DIAL_FAILED);
	CHECK_INT(dials, 1);
	CHECK_INT(over.fault, DIAL_FAILED);
	for (unsigned i = 0; targets_row_at(all, i, &row); i++)
		CHECK(row.is_up);
	end();
}

TEST(what_was_tried_before_is_not_tried_again)
{
	REQUIRE(start(1) == 0);
	CHECK_TEXT(dialled_host, "b.example");
	dial_ends(DIAL_REFUSED);
	CHECK_TEXT(dialled_host, "c.example");
	dial_ends(DIAL_REFUSED);
	CHECK_INT(over.times, 1);
	CHECK_INT(start(7), -EHOSTUNREACH);
	end();
}

TEST(whoever_gives_up_is_not_told)
{
	REQUIRE(start(0) == 0);
	reach_cancel(reach);
	reach_cancel(NULL);
	CHECK_INT(cancelled, 1);
	CHECK_INT(over.times, 0);
	dial_err = -ENOMEM;
	CHECK_INT(start(0), -ENOMEM);
	end();
}
