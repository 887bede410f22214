/* clock.h - time as a value: nanoseconds on the monotonic clock */
#ifndef ISTHMUS_BASE_CLOCK_H
#define ISTHMUS_BASE_CLOCK_H

#include <stdint.h>

typedef uint64_t nsec; /* nanoseconds since an arbitrary start; never goes back */

#define MSEC ((nsec)1000000)
#define NSEC ((nsec)1000000000) /* nanoseconds in one second */

/**
 * clock_now() - read the monotonic clock
 *
 * L1 to L3 never call this; they are given the time.
 *
 * Context: any.
 */
nsec clock_now(void);

#endif
