/*
 * expect.c - a TCP connection from the IPv4 side that an ALG has heard announced (RFC 6384 s7.2)
 *
 * An FTP client says "connect to my port p", and the server does so a moment later. What the server is told is the
 * binding of (client, p), which must exist by then and must live until the server comes. A binding lives by its
 * sessions; so a session in V4 INIT stands for the connection to come. Its remote port is 0, which no TCP segment has, so
 * it is never mistaken for a real one and the server may use any port.
 *
 *	GUARD_EXPECT --(a connection that IPv4 began becomes established)--> GUARD_NARROW --(announced again)--> GUARD_EXPECT
 *
 * A binding that the host has for other reasons keeps its own rules: what it let in before, it lets in now.
 */
#include "state/tables.h"

static uint32_t find_waiting(const struct state *s, uint32_t binding, struct addr4 remote)
{
	return session_find(&s->sessions, binding, remote, 0);
}

/* The wheel holds the session at its old time; an earlier one must be put anew. */
static void wait_until(struct state *s, uint32_t id, nsec expires)
{
	s->sessions.at[id].expires = expires;
	wheel_remove(&s->wheel, id);
	wheel_put(&s->wheel, id, expires);
}

static enum drop_reason wait_begin(
	struct state *s, uint32_t binding, struct addr4 remote, nsec now, nsec expires)
{
	uint32_t id = find_waiting(s, binding, remote);

	if (id != NONE) {
		wait_until(s, id, expires);
		return DROP_NONE;
	}
	if (sessions_are_full(s))
		return DROP_SESSIONS_FULL;
	struct session e = {
		.binding = binding,
		.remote = remote,
		.tcp = TCP_V4_INIT,
		.expires = expires,
		.created = now,
	};

	state_session_begin(s, &e);
	return DROP_NONE;
}

static enum drop_reason open_guarded(struct state *s, const struct flow64 *f, struct addr4 out, uint32_t *ret)
{
	uint32_t id;

	if (sessions_are_full(s))
		return DROP_SESSIONS_FULL;
	enum drop_reason reason = state_binding_open(s, f, &id);

	if (reason != DROP_NONE)
		return reason;
	if (!addr4_eq(s->bindings.at[id].b.out, out)) {
		state_binding_drop(s, id);
		return DROP_POOL_EXHAUSTED;
	}
	s->bindings.at[id].b.guard = GUARD_EXPECT;
	*ret = id;
	return DROP_NONE;
}

enum drop_reason state_expect(
	struct state *s, const struct flow64 *f, struct addr4 out, nsec now, nsec wait, uint16_t *ret_port)
{
	uint32_t id = binding_find6(&s->bindings, f->proto, f->prefix, f->src, f->sport);
	enum drop_reason reason = DROP_NONE;

	ASSERT(f->proto == PROTO_TCP);
	s->watch.now = now;
	if (id == NONE)
		reason = open_guarded(s, f, out, &id);
	else if (!addr4_eq(s->bindings.at[id].b.out, out))
		reason = DROP_POOL_EXHAUSTED;
	if (reason == DROP_NONE)
		reason = wait_begin(s, id, f->dst, now, now + wait);
	if (reason != DROP_NONE)
		return reason;
	struct binding *b = &s->bindings.at[id].b;

	if (b->guard == GUARD_NARROW)
		b->guard = GUARD_EXPECT;
	*ret_port = b->out_port;
	return DROP_NONE;
}

void state_guard_step(struct state *s, uint32_t id, struct tcp_step step)
{
	const struct session *e = &s->sessions.at[id];
	struct binding *b = &s->bindings.at[e->binding].b;

	if (b->guard == GUARD_EXPECT && e->tcp == TCP_V4_INIT && step.next == TCP_ESTABLISHED)
		b->guard = GUARD_NARROW;
}
