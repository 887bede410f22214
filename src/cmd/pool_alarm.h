/*
 * pool_alarm.h - when to say that a pool is nearly lent out, and when that it is not any more
 *
 * An alarm has levels, each with a share at which it is entered and a lower one below which it is left, so that a pool
 * whose use goes up and down about a threshold is not told each time. What is told is limited in time too: a rise beyond
 * what was told in the last minute at once, everything else once a minute; so three lines a minute at most.
 */
#ifndef ISTHMUS_CMD_POOL_ALARM_H
#define ISTHMUS_CMD_POOL_ALARM_H

#include "base/clock.h"
#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum pool_level {
	POOL_ROOM,	  /* below all of them */
	POOL_NEARLY_FULL, /* 80 % lent */
	POOL_ALMOST_FULL, /* 95 % lent */
	POOL_LEVELS
};

#define POOL_ALARM_PAUSE (60 * NSEC)

struct pool_alarm {
	enum pool_level level; /* of the use that was seen last */
	enum pool_level told;  /* of the last line */
	enum pool_level peak;  /* the highest that was told since a pause of POOL_ALARM_PAUSE */
	nsec when;	       /* of the last line, if there was one */
	bool has_told;
};

/** pool_level_percent() - the share of lent blocks at which a level is entered: 0, 80, 95 */
unsigned pool_level_percent(enum pool_level level);

/** pool_alarm_take() - the use as it is now; whether a line is due that says alarm->level */
MUST_CHECK bool pool_alarm_take(struct pool_alarm *a, uint64_t lent, uint64_t blocks, nsec now);

#endif
