/* tables.h - all of one worker's state; state.c explains it */
#ifndef ISTHMUS_STATE_TABLES_H
#define ISTHMUS_STATE_TABLES_H

#include "state/binding.h"
#include "state/lender.h"
#include "state/session.h"
#include "state/subscriber.h"
#include "state/tcp.h"
#include "state/timer.h"
#include "state/watch.h"

struct state {
	struct state_config config; /* statics is NULL: see statics_at */
	struct binding_table bindings;
	struct session_table sessions;
	struct subscriber_table subscribers;
	struct pool pool;
	struct wheel wheel;
	struct watcher watch;
	struct lender lender;
	struct rng rng;
	struct memory memory;
	struct state_cache cache; /* functions NULL: no session is marked */
	struct session
		loose;	  /* what a TCP segment that matches a binding but no session is given; in no table */
	struct static_binding *statics_at; /* all of the configuration, config.statics_len of them; owned */
	unsigned statics; /* static bindings that are this worker's */
	uint32_t filtered; /* sessions that filtering holds back */
	uint32_t filtered_max;
	uint32_t sessions_max; /* this worker's part of the gateway's max_sessions */
	uint32_t seen;	       /* number of the last reload */
	uint32_t by_proto[PROTO_KINDS];
	uint64_t static_protocols[4]; /* bit set of IANA numbers that have a static binding */
	uint32_t by_tcp[TCP_STATE_COUNT];
	uint64_t bindings_made, sessions_made, bindings_expired, sessions_expired, probes;
	uint64_t blocks_given; /* to other workers */
};

/* One sixteenth of the sessions, at least one, may wait for the other side of a simultaneous open. */
#define FILTERED_SHARE 16

/** state_limits_take() - the limits of the configuration; what exceeds a lower one goes on */
void state_limits_take(struct state *s);

/** state_static_add() - enter a static binding; -EINVAL if it has no place. The table is not full. */
MUST_CHECK int state_static_add(struct state *s, const struct static_binding *want);

/** state_static_is_mine() - of several workers, whether it is this one's */
bool state_static_is_mine(const struct state *s, const struct static_binding *b);

/** state_binding_open() - make the binding of a flow that has none; nothing uses it yet, so a session must follow */
MUST_CHECK enum drop_reason state_binding_open(struct state *s, const struct flow64 *f, uint32_t *ret);

/** state_binding_drop() - remove a dynamic binding that no session uses */
void state_binding_drop(struct state *s, uint32_t id);

/** state_session_begin() - enter a session that does not exist yet; returns its number. The table is not full. */
uint32_t state_session_begin(struct state *s, const struct session *e);

static inline bool sessions_are_full(const struct state *s)
{
	return s->sessions.slots.used >= s->sessions_max;
}

/** state_session_drop() - remove a session, and its binding if that was dynamic and has no other */
void state_session_drop(struct state *s, uint32_t id);

/** state_session_step() - let the TCP machine move a session, and its timer with it */
void state_session_step(struct state *s, uint32_t id, struct tcp_step step, nsec now);

/** state_guard_step() - the session of a guarded binding moves; see enum guard */
void state_guard_step(struct state *s, uint32_t id, struct tcp_step step);

#endif
