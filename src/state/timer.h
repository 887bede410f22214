/*
 * timer.h - when sessions are due: a wheel of lists that packets do not touch
 *
 * A packet only writes a later time into its session. The wheel learns of it when the session's old slot
 * comes due, and then moves the session on; the cost per session is one move per turn of the wheel, whatever
 * its traffic. A time that becomes *earlier* moves the session at once. Times beyond one turn wait in the
 * last slot and move on from there.
 */
#ifndef ISTHMUS_STATE_TIMER_H
#define ISTHMUS_STATE_TIMER_H

#include "base/clock.h"
#include "state/slots.h"

#define TICK_SHIFT 27 /* one tick is 2^27 ns, about 134 ms */
#define TICK ((nsec)1 << TICK_SHIFT)
#define WHEEL_SLOTS 8192u /* a power of two; one turn is about 18 minutes */

struct wheel_link {
	uint64_t due; /* tick of the slot that holds it: cursor <= due < cursor + WHEEL_SLOTS */
	uint32_t prev, next;
};

struct wheel {
	struct wheel_link *links; /* by session */
	uint32_t *heads;	  /* first session of each slot, or NONE */
	uint64_t *busy;		  /* one bit per slot: the list is not empty */
	uint64_t cursor;	  /* the first tick not yet done */
};

bool wheel_init(struct wheel *w, struct memory *m, uint32_t max, nsec now);

/** wheel_put() - wait until @expires; it comes due within one tick after that, and never before */
void wheel_put(struct wheel *w, uint32_t id, nsec expires);
void wheel_remove(struct wheel *w, uint32_t id);

/**
 * wheel_take_due() - take one session whose slot is due out of the wheel, or NONE
 *
 * What is taken may have been refreshed since: the caller looks and puts it back.
 *
 * Cost: constant (a scan of at most WHEEL_SLOTS bits).
 */
uint32_t wheel_take_due(struct wheel *w, nsec now);

/** wheel_first() - a session of the first slot that is not empty, due or not; NONE if all are empty */
uint32_t wheel_first(const struct wheel *w);

/** wheel_next() - when the next slot that is not empty comes due; UINT64_MAX if all are empty */
nsec wheel_next(const struct wheel *w);

#endif
