/* lane_box.h - a lane for tests, and what runs on it until something has happened */
#ifndef ISTHMUS_TESTS_LANE_BOX_H
#define ISTHMUS_TESTS_LANE_BOX_H

#include "harness.h"
#include "relay/lane.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#define BOX_LIMIT (5 * NSEC) /* nothing in a test may take longer */

static inline void box_open(struct lane *l)
{
	signal(SIGPIPE, SIG_IGN);
	*l = (struct lane){ .number = 0 };
	REQUIRE(lane_init(l, 0) == 0);
}

/* One turn of the lane's loop, without waiting. */
static inline void box_turn(struct lane *l)
{
	event_base_loop(loop_base(l->loop), EVLOOP_NONBLOCK);
}

/* Turns until @done is true; false if it does not become so. */
static inline bool box_until(struct lane *l, const bool *done)
{
	const struct timespec moment = { .tv_nsec = 200000 };
	nsec end = clock_now() + BOX_LIMIT;

	while (!*done && clock_now() < end) {
		box_turn(l);
		if (!*done)
			nanosleep(&moment, NULL);
	}
	return *done;
}

/* Two connected sockets that do not block. */
static inline void box_pair(int ret[2])
{
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ret) == 0);
}

#endif
