/*
 * bell.h - waking a thread that sleeps, and only if it sleeps
 *
 * The sleeper says that it is going to sleep and then looks once more whether there is work; the waker makes work and then
 * looks whether anybody sleeps. A full barrier between the two steps on either side makes sure that one of them sees the
 * other. A thread that is awake costs its waker a load.
 */
#ifndef ISTHMUS_DATAPLANE_BELL_H
#define ISTHMUS_DATAPLANE_BELL_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>

struct bell {
	_Alignas(64) atomic_bool is_asleep;
	int fd; /* eventfd, for poll() */
};

/** bell_init() - 0 or -errno. Context: start-up. */
MUST_CHECK int bell_init(struct bell *b);
void bell_fini(struct bell *b);

/** bell_doze() - the sleeper is about to sleep; it must look for work afterwards, and call bell_rise() in any case */
void bell_doze(struct bell *b);

/** bell_rise() - the sleeper is awake, and the descriptor quiet; 0 or -errno */
MUST_CHECK int bell_rise(struct bell *b);

/** bell_ring() - wake the sleeper, if it sleeps, after there is work for it; 0 or -errno */
MUST_CHECK int bell_ring(struct bell *b);

#endif
