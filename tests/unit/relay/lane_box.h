/* lane_box.h - a lane for tests, and what runs on it until something has happened */
#ifndef ISTHMUS_TESTS_LANE_BOX_H
#define ISTHMUS_TESTS_LANE_BOX_H

#include "harness.h"
#include "net/sockaddr.h"
#include "relay/lane.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

/* Two ends of a TCP connection over loopback, the first not blocking. */
static inline void box_tcp_pair(int ret[2])
{
	union sockaddr_any a = { .v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a.v4);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	REQUIRE(l >= 0 && bind(l, &a.sa, len) == 0 && listen(l, 1) == 0 && getsockname(l, &a.sa, &len) == 0);
	ret[1] = socket(AF_INET, SOCK_STREAM, 0);
	REQUIRE(ret[1] >= 0 && connect(ret[1], &a.sa, len) == 0);
	ret[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	REQUIRE(ret[0] >= 0);
	close(l);
}

#endif
