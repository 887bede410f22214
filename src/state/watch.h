/* watch.h - telling struct state_watch what happens; each call costs one comparison if nobody listens */
#ifndef ISTHMUS_STATE_WATCH_H
#define ISTHMUS_STATE_WATCH_H

#include "state/binding.h"
#include "state/event.h"
#include "state/pool.h"

#define WATCH_LIMITS 7 /* reasons that are told as limits */

struct watcher {
	struct state_watch to;
	nsec now; /* of the step that is being taken */
	uint8_t subscriber_len;
	struct watch_limit {
		nsec told; /* when the last event was */
		uint32_t untold;
		bool was_told; /* ever */
	} limits[WATCH_LIMITS], ports;
};

static inline bool watch_has(const struct watcher *w, enum state_detail detail)
{
	return UNLIKELY(w->to.event != NULL) && w->to.detail == detail;
}

/** watch_block() - a lent block was lent, is going to be returned, or is held */
void watch_block(const struct watcher *w, enum state_event_kind kind, const struct pool *p, uint32_t block,
	struct addr6 owner);

/** watch_binding() - a binding was made, or is going to end */
void watch_binding(const struct watcher *w, enum state_event_kind kind, const struct binding *b);

/** watch_session() - a session was made, or is going to end */
void watch_session(const struct watcher *w, enum state_event_kind kind, const struct binding *b,
	const struct session *e);

/** watch_ports_exhausted() - a flow of @in needed a further block of @out, and there was none; told not too often */
void watch_ports_exhausted(struct watcher *w, struct addr4 out, enum proto proto, struct addr6 in);

/** watch_limit() - a new flow of @in was refused; told if @reason is a limit, and not too often */
void watch_limit(struct watcher *w, enum drop_reason reason, enum proto proto, struct addr6 in);

#endif
