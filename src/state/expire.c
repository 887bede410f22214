/* expire.c - state_expire(): what the wheel finds due is removed, probed or waits on */
#include "state/tables.h"

/* The longest time between two calls: sessions made in between may be due sooner than all that exist now. */
#define EXPIRE_SLEEP NSEC

struct prober {
	void (*probe)(void *ctx, const struct state_probe *p);
	void *ctx;
};

/* RFC 6146 s3.5.2.2, ESTABLISHED: the segment that the IPv6 host gets looks as if its peer had sent it. */
static void ask(const struct state *s, uint32_t id, const struct prober *pr)
{
	const struct session *e = &s->sessions.at[id];
	const struct binding *b = &s->bindings.at[e->binding].b;
	struct state_probe p = {
		.tuple = { .src = e->remote, .dst = b->out, .sport = e->remote_port, .dport = b->out_port },
		.in = b->in,
		.in_port = b->in_port,
		.prefix = b->prefix,
	};

	if (pr->probe)
		pr->probe(pr->ctx, &p);
}

/* Packets have passed that the tables were not told of, and the session lives on by them. */
static bool was_used(struct state *s, uint32_t id, nsec now)
{
	state_session_catch_up(s, id, now);
	state_session_used(s, id, s->cache.ask(s->cache.ctx, id, now));
	return s->sessions.at[id].expires > now;
}

/* The session is out of the wheel; it goes back or away. */
static void look_at(struct state *s, uint32_t id, nsec now, const struct prober *pr)
{
	struct session *e = &s->sessions.at[id];

	if (e->expires > now) {
		wheel_put(&s->wheel, id, e->expires);
		return;
	}
	if (UNLIKELY(e->cached == SESSION_IS_CACHED) && was_used(s, id, now)) {
		wheel_put(&s->wheel, id, e->expires);
		return;
	}
	struct tcp_step step = tcp_step_expired(e->tcp);

	if (step.next == TCP_CLOSED) {
		state_session_drop(s, id);
		return;
	}
	state_session_step(s, id, step, now); /* a later time, so the wheel need not hold it */
	wheel_put(&s->wheel, id, e->expires);
	s->probes++;
	ask(s, id, pr);
}

nsec state_expire(struct state *s, nsec now, unsigned budget,
	void (*probe)(void *ctx, const struct state_probe *p), void *ctx)
{
	const struct prober pr = { probe, ctx };

	s->watch.now = now;
	for (; budget > 0; budget--) {
		uint32_t id = wheel_take_due(&s->wheel, now);

		if (id == NONE)
			break;
		look_at(s, id, now, &pr);
	}
	nsec next = wheel_next(&s->wheel);

	if (next < now)
		return now;
	return next < now + EXPIRE_SLEEP ? next : now + EXPIRE_SLEEP;
}
