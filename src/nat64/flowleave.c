/*
 * flowleave.c - how flows leave the tables of the kernel's programs: at once, and the work for it that can wait
 *
 * Part of flowcache.c, which tells the whole. Whatever ends a flow ends its two slots here; their numbers are taken once no program
 * can be at work with them any more (@harvest), FLOW_GRACE_MS later.
 *
 * What may take long is done in parts, one in each tick: @sweep goes once through all entries when a configuration or a trace has come,
 * @opening_tick looks at connections that are being opened, @harvest_due at what has ended.
 */
#include "nat64/flowworker.h"

#include "nat64/recorder.h"

#define SWEEP_BUDGET 4096  /* entries that one tick looks at */
#define LEAVE_COST 16	   /* looks; two slots are written, which are in no cache */
#define OPENING_MS 500	   /* between two looks at a connection that is being opened */
#define OPENING_BUDGET 256 /* of them that one tick looks at */
#define HARVEST_BUDGET 256 /* entries that one tick takes the numbers of */

/* --- leaving --- */

static void queue_ending(struct flowcache *f, uint32_t session)
{
	flow_entry_of(f, session)->next = STATE_END;
	if (f->first == STATE_END)
		f->first = session;
	else
		flow_entry_of(f, f->last)->next = session;
	f->last = session;
}

void flowcache_leave(struct flowcache *f, uint32_t session, enum flow_leave why, nsec now)
{
	struct flow_entry *e = flow_entry_of(f, session);

	flow_table_end(&f->claims->table[FLOW_KIND_64], e->slot64);
	flow_table_end(&f->claims->table[FLOW_KIND_46], e->slot46);
	e->stage = FLOW_STAGE_ENDING;
	e->since_ms = flow_now_ms(now);
	queue_ending(f, session);
	f->count.flows--;
	f->count.left[why]++;
}

/* The programs have ended that knew the flow: its numbers are final, and its slots may be another's. */
static void harvest(struct flowcache *f, uint32_t session, nsec now)
{
	struct flow_entry *e = flow_entry_of(f, session);

	if (!e->is_orphan) {
		struct session *s = state_session_at(f->n->state, session);

		state_session_catch_up(f->n->state, session, now);
		state_session_used(f->n->state, session, flow_used_at(f, session, now));
		flow_add_noted(f, session, s);
		s->cached = FLOW_SOON_PAUSE;
	}
	flow_table_release(&f->claims->table[FLOW_KIND_64], e->slot64);
	flow_table_release(&f->claims->table[FLOW_KIND_46], e->slot46);
	*e = (struct flow_entry){ .stage = FLOW_STAGE_NONE };
}

/* --- connections that are being opened --- */

void flow_opening_put(struct flowcache *f, uint32_t session, nsec now)
{
	if (f->opening_len == f->max)
		return;
	f->opening[(f->opening_first + f->opening_len) % f->max] =
		(struct flow_opening){ session, flow_now_ms(now) };
	f->opening_len++;
}

static void opening_look(struct flowcache *f, uint32_t session, nsec now)
{
	if (flow_entry_of(f, session)->stage != FLOW_STAGE_LIVE)
		return;
	state_session_catch_up(f->n->state, session, now);
	if (flow_is_opening(state_session(f->n->state, session)))
		flow_opening_put(f, session, now);
}

static void opening_tick(struct flowcache *f, nsec now)
{
	for (unsigned i = 0; i < OPENING_BUDGET && f->opening_len > 0; i++) {
		struct flow_opening o = f->opening[f->opening_first];

		if (flow_now_ms(now) - o.since_ms < OPENING_MS)
			return;
		f->opening_first = (f->opening_first + 1) % f->max;
		f->opening_len--;
		opening_look(f, o.session, now);
	}
}

/* --- the sweep --- */

bool flow_is_looked_at(const struct nat64 *n, const struct session *e, const struct binding *b)
{
	/* Of an echo each side has the identifier that it sees, so that is no help. */
	const struct party p = {
		.has_client = true,
		.client = b->in,
		.client_port = b->in_port,
		.has_address = true,
		.address = b->out,
		.port = b->out_port,
		.has_remote = true,
		.remote = e->remote,
		.remote_port = e->remote_port,
		.has_ports = b->proto != PROTO_ICMP,
		.has_proto = true,
		.proto = b->proto,
	};

	for (unsigned i = 0; i < n->traces_len; i++) {
		if (trace_may_match(n->traces[i], &p))
			return true;
	}
	return false;
}

static bool is_to_leave(const struct flowcache *f, uint32_t session, enum flow_leave *ret)
{
	const struct flow_entry *e = flow_entry_of(f, session);
	const struct session *s = state_session(f->n->state, session);

	*ret = e->epoch == f->epoch ? FLOW_LEAVE_TRACE : FLOW_LEAVE_CONFIG;
	return e->epoch != f->epoch || flow_is_looked_at(f->n, s, state_binding(f->n->state, s->binding));
}

static void sweep(struct flowcache *f, int budget, nsec now)
{
	enum flow_leave why;

	for (; f->sweep < f->high && budget > 0; f->sweep++, budget--) {
		if (flow_entry_of(f, f->sweep)->stage != FLOW_STAGE_LIVE || !is_to_leave(f, f->sweep, &why))
			continue;
		flowcache_leave(f, f->sweep, why, now);
		budget -= LEAVE_COST;
	}
	if (f->sweep >= f->high)
		f->sweep = STATE_END;
}

static bool is_over(const struct flow_entry *e, nsec now)
{
	return flow_now_ms(now) - e->since_ms > FLOW_GRACE_MS;
}

static void harvest_due(struct flowcache *f, nsec now)
{
	for (unsigned i = 0; i < HARVEST_BUDGET && f->first != STATE_END; i++) {
		uint32_t session = f->first;

		if (!is_over(flow_entry_of(f, session), now))
			return;
		f->first = flow_entry_of(f, session)->next;
		harvest(f, session, now);
	}
}

nsec flowcache_tick(struct flowcache *f, nsec now)
{
	harvest_due(f, now);
	opening_tick(f, now);
	flowpairs_tick(f, now);
	if (f->sweep != STATE_END)
		sweep(f, SWEEP_BUDGET, now);
	if (f->sweep != STATE_END || flowpairs_are_to_leave(f))
		return now;
	if (f->first == STATE_END)
		return now + NSEC;
	return is_over(flow_entry_of(f, f->first), now) ? now : now + MSEC * (FLOW_GRACE_MS + 1);
}

void flowcache_change(struct flowcache *f)
{
	struct flow_head h = flow_head_of(f->n);

	f->epoch = flow_epoch_next(f->epoch);
	flow_publish(f->maps, &h, f->epoch);
	f->sweep = 0;
}

void flowcache_unveil(struct flowcache *f)
{
	f->sweep = 0;
}

/* A program that has read a slot before it ended is at work with a packet that came before, so there is no grace to wait for. */
bool flowcache_is_unveiled(const struct flowcache *f)
{
	return f->sweep == STATE_END && !flowpairs_are_to_leave(f);
}
