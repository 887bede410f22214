/*
 * events.h - events on their way from one packet thread to the logging thread
 *
 * One writes, one reads, nobody waits: when the ring is full the event is counted as lost and the packet goes on. There
 * is no lock and no atomic read-modify-write; each side publishes where it is and remembers where it last saw the other.
 */
#ifndef ISTHMUS_BINDLOG_EVENTS_H
#define ISTHMUS_BINDLOG_EVENTS_H

#include "state/event.h"

struct events; /* opaque */

/** events_new() - make a ring; @slots: events that it holds, a power of two; 0 or -ENOMEM */
MUST_CHECK int events_new(uint32_t slots, struct events **ret);
void events_free(struct events *r);

/** events_put() - as state_watch.event wants it, @ctx being the ring; the writer's thread only */
void events_put(void *ctx, const struct state_event *e);

/** events_take() - the next event, oldest first; false if there is none; the reader's thread only */
bool events_take(struct events *r, struct state_event *ret);

/** events_lost() - events that found the ring full, since it was made; any thread */
uint64_t events_lost(const struct events *r);

#endif
