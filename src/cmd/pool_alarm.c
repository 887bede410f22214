/* pool_alarm.c - see pool_alarm.h */
#include "cmd/pool_alarm.h"

static const struct {
	unsigned enter, leave; /* percent of the blocks: reached, and fallen below */
} levels[POOL_LEVELS] = {
	[POOL_NEARLY_FULL] = { 80, 75 },
	[POOL_ALMOST_FULL] = { 95, 90 },
};

unsigned pool_level_percent(enum pool_level level)
{
	return levels[level].enter;
}

static enum pool_level level_of(enum pool_level before, uint64_t lent, uint64_t blocks)
{
	enum pool_level level = POOL_LEVELS - 1;

	if (blocks == 0)
		return POOL_ROOM;
	while (level > POOL_ROOM &&
		lent * 100 < blocks * (level <= before ? levels[level].leave : levels[level].enter))
		level--;
	return level;
}

bool pool_alarm_take(struct pool_alarm *a, uint64_t lent, uint64_t blocks, nsec now)
{
	bool has_paused = !a->has_told || now - a->when >= POOL_ALARM_PAUSE;

	a->level = level_of(a->level, lent, blocks);
	if (a->level == a->told || (!has_paused && a->level <= a->peak))
		return false;
	a->peak = has_paused || a->level > a->peak ? a->level : a->peak;
	a->told = a->level;
	a->when = now;
	a->has_told = true;
	return true;
}
