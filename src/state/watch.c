/* watch.c - see watch.h */
#include "state/watch.h"

#include "state/tables.h"

_Static_assert(sizeof(struct state_event) <= MEMORY_LINE, "an event fits in a cache line");

void watch_block(const struct watcher *w, enum state_event_kind kind, const struct pool *p, uint32_t block,
	struct addr6 owner)
{
	if (LIKELY(!w->to.event))
		return;
	struct state_event e = {
		.when = w->now,
		.kind = (uint8_t)kind,
		.in = owner,
		.subscriber_len = w->subscriber_len,
		.out = p->rows[p->blocks[block].row].addr,
	};

	pool_block_range(p, block, &e.out_port, &e.last_port);
	w->to.event(w->to.ctx, &e);
}

static struct state_event event_of(
	const struct watcher *w, enum state_event_kind kind, const struct binding *b)
{
	return (struct state_event){
		.when = w->now,
		.kind = (uint8_t)kind,
		.proto = (uint8_t)b->proto,
		.prefix = b->prefix,
		.subscriber_len = w->subscriber_len,
		.is_static = b->is_static,
		.in = b->in,
		.in_port = b->in_port,
		.out = b->out,
		.out_port = b->out_port,
	};
}

/* A binding by address has no block that would tell of it. */
static bool is_told(const struct watcher *w, const struct binding *b)
{
	return b->is_static || w->to.detail == STATE_TELL_BINDINGS ||
	       (b->proto == PROTO_OTHER && w->to.detail == STATE_TELL_BLOCKS);
}

void watch_binding(const struct watcher *w, enum state_event_kind kind, const struct binding *b)
{
	if (LIKELY(!w->to.event) || !is_told(w, b))
		return;
	struct state_event e = event_of(w, kind, b);

	w->to.event(w->to.ctx, &e);
}

/* What filtering holds back, and what waits for a connection that was announced (expect.c), is no session to anybody but
 * us. */
static bool is_ours_alone(const struct binding *b, const struct session *s)
{
	return s->is_filtered || (b->proto == PROTO_TCP && s->remote_port == 0);
}

void watch_session(
	const struct watcher *w, enum state_event_kind kind, const struct binding *b, const struct session *s)
{
	if (LIKELY(!watch_has(w, STATE_TELL_SESSIONS)) || is_ours_alone(b, s))
		return;
	struct state_event e = event_of(w, kind, b);

	e.remote = s->remote;
	e.remote_port = s->remote_port;
	w->to.event(w->to.ctx, &e);
}

/* RFC 8158 s4.3, s4.4 */
static const enum drop_reason limits[WATCH_LIMITS] = {
	DROP_POOL_EXHAUSTED,
	DROP_SUBSCRIBER_BLOCKS,
	DROP_SESSIONS_FULL,
	DROP_BINDINGS_FULL,
	DROP_SUBSCRIBERS_FULL,
	DROP_FRAGMENT_TABLE_FULL,
	DROP_FRAGMENT_SOURCE_LIMIT,
};

/* Counts one more; how many there were since it was told before, or 0 if it is not to be told now. */
static uint32_t count_if_due(const struct watcher *w, struct watch_limit *l)
{
	uint32_t n = ++l->untold;

	if (l->was_told && w->now - l->told < STATE_LIMIT_PAUSE)
		return 0;
	l->told = w->now;
	l->was_told = true;
	l->untold = 0;
	return n;
}

static void tell_limit(
	struct watcher *w, struct watch_limit *l, enum drop_reason reason, enum proto proto, struct addr6 in)
{
	struct state_event e = {
		.when = w->now,
		.kind = STATE_LIMIT,
		.proto = (uint8_t)proto,
		.subscriber_len = w->subscriber_len,
		.in = in,
		.reason = reason,
		.count = count_if_due(w, l),
	};

	if (e.count > 0)
		w->to.event(w->to.ctx, &e);
}

void watch_ports_exhausted(struct watcher *w, struct addr4 out, enum proto proto, struct addr6 in)
{
	if (LIKELY(!w->to.event))
		return;
	struct state_event e = {
		.when = w->now,
		.kind = STATE_PORTS_EXHAUSTED,
		.proto = (uint8_t)proto,
		.subscriber_len = w->subscriber_len,
		.in = in,
		.out = out,
		.count = count_if_due(w, &w->ports),
	};

	if (e.count > 0)
		w->to.event(w->to.ctx, &e);
}

void watch_limit(struct watcher *w, enum drop_reason reason, enum proto proto, struct addr6 in)
{
	if (LIKELY(!w->to.event))
		return;
	for (unsigned i = 0; i < WATCH_LIMITS; i++) {
		if (limits[i] == reason)
			tell_limit(w, &w->limits[i], reason, proto, in);
	}
}
