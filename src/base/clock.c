/* clock.c - the one place that reads the monotonic clock */
#include "base/clock.h"

#include <time.h>

nsec clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec)ts.tv_sec * NSEC + (nsec)ts.tv_nsec;
}
