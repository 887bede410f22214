/* test_pool_alarm.c - a pool is told about in time, and not all the time */
#include "harness.h"

#include "cmd/pool_alarm.h"

#define MINUTE (60 * NSEC)

static struct pool_alarm alarm_at(enum pool_level level, nsec when)
{
	return (struct pool_alarm){
		.level = level, .told = level, .peak = level, .when = when, .has_told = true
	};
}

static const struct {
	enum pool_level before;
	uint64_t lent, blocks;
	enum pool_level after;
} levels[] = {
	{ POOL_ROOM, 0, 0, POOL_ROOM }, /* no pool */
	{ POOL_ALMOST_FULL, 0, 0, POOL_ROOM },
	{ POOL_ROOM, 799, 1000, POOL_ROOM },
	{ POOL_ROOM, 800, 1000, POOL_NEARLY_FULL },
	{ POOL_ROOM, 949, 1000, POOL_NEARLY_FULL },
	{ POOL_ROOM, 950, 1000, POOL_ALMOST_FULL },
	{ POOL_ROOM, 1000, 1000, POOL_ALMOST_FULL },
	{ POOL_ROOM, 1, 1, POOL_ALMOST_FULL },
	{ POOL_NEARLY_FULL, 750, 1000, POOL_NEARLY_FULL },
	{ POOL_NEARLY_FULL, 749, 1000, POOL_ROOM },
	{ POOL_NEARLY_FULL, 949, 1000, POOL_NEARLY_FULL },
	{ POOL_NEARLY_FULL, 950, 1000, POOL_ALMOST_FULL },
	{ POOL_ALMOST_FULL, 900, 1000, POOL_ALMOST_FULL },
	{ POOL_ALMOST_FULL, 899, 1000, POOL_NEARLY_FULL },
	{ POOL_ALMOST_FULL, 749, 1000, POOL_ROOM },
	{ POOL_ROOM, UINT32_MAX, UINT32_MAX, POOL_ALMOST_FULL },
};

TEST(a_level_is_left_five_percent_below_where_it_was_entered)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct pool_alarm a = alarm_at(levels[i].before, 0);
		bool is_told = pool_alarm_take(&a, levels[i].lent, levels[i].blocks, 10 * MINUTE);

		CHECK_INT(a.level, levels[i].after);
		CHECK_INT(is_told, levels[i].after != levels[i].before);
	}
}

TEST(each_rise_is_told_at_once_and_only_once)
{
	struct pool_alarm a = { .level = POOL_ROOM };

	CHECK(!pool_alarm_take(&a, 10, 100, 1));
	CHECK(pool_alarm_take(&a, 80, 100, 2));
	CHECK(!pool_alarm_take(&a, 81, 100, 3));
	CHECK(pool_alarm_take(&a, 95, 100, 4));
	CHECK_INT(a.level, POOL_ALMOST_FULL);
	CHECK(!pool_alarm_take(&a, 100, 100, 5));
	CHECK(!pool_alarm_take(&a, 100, 100, 5 + 10 * MINUTE)); /* nothing new */
}

TEST(a_pool_that_swings_is_told_only_now_and_then)
{
	struct pool_alarm a = { .level = POOL_ROOM };
	unsigned lines = 0;

	/* Ten minutes, from empty to full and back every two seconds. */
	for (nsec now = 1000 * NSEC; now < 1600 * NSEC; now += 2 * NSEC)
		lines += pool_alarm_take(&a, now / (2 * NSEC) % 2 ? 100 : 0, 100, now);
	CHECK(lines >= 10 && lines <= 20);
}

TEST(what_was_held_back_is_told_when_the_minute_is_over)
{
	struct pool_alarm a = { .level = POOL_ROOM };

	CHECK(pool_alarm_take(&a, 96, 100, MINUTE));
	CHECK(!pool_alarm_take(&a, 10, 100, MINUTE + 1));
	CHECK(!pool_alarm_take(&a, 85, 100, MINUTE + 2)); /* less than what was told */
	CHECK(!pool_alarm_take(&a, 10, 100, MINUTE + 3));
	CHECK(pool_alarm_take(&a, 10, 100, 2 * MINUTE));
	CHECK_INT(a.level, POOL_ROOM);
	CHECK(pool_alarm_take(&a, 85, 100, 2 * MINUTE + 1)); /* a rise in a new minute */
}

TEST(levels_have_the_shares_that_the_log_names)
{
	CHECK_INT(pool_level_percent(POOL_ROOM), 0);
	CHECK_INT(pool_level_percent(POOL_NEARLY_FULL), 80);
	CHECK_INT(pool_level_percent(POOL_ALMOST_FULL), 95);
}
