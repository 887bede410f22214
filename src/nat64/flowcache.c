/*
 * flowcache.c - which flows the kernel's programs translate without us, and what becomes of their sessions meanwhile
 *
 * Purpose. See docs/fastpath.md. The pipeline decides; what it has decided for a flow is written into two slots, one for each
 * direction, and from then on bpf/flow.bpf.c does the same to its packets where they come in. The session stays: its timer, its
 * counters and its end are ours.
 *
 * Structure. One @flowcache for each worker, with a @flow_entry for each session number. flowtable.c has the slots, which all
 * workers share; flowslots.c says what is written into them, flowleave.c takes flows out.
 *
 *	a packet of a session -> @flowcache_see -> its turn? -> @flowcache_consider -> may it? -> enter
 *	session ends, or its TCP machine moves (state/) -> @flowcache_leave -> FLOW_GRACE_MS -> harvest
 *
 * Life of an entry.
 *
 *	NONE --enter--> LIVE --leave--> ENDING --harvest, after FLOW_GRACE_MS--> NONE
 *
 * Session.cached is all that a packet of any other flow looks at: SESSION_IS_CACHED while the entry is not NONE, else how many packets
 * to wait until it is tried (again).
 *
 * What may be entered: TCP that is established, or on its way to be, or closed by one side only, and UDP, with the first packet; echo after ECHO_PKTS. The first
 * packet's way through us costs as much as seven through the programs, entering a tenth of it, so one answer pays for ten flows
 * that have none. Of a connection that is being opened the program notes the SYN that answers, and state/ is told before it takes
 * the next step with the session, and else within a second (flowleave.c). Not a protocol without ports, not what the FTP ALG reads, not a session that was let in by an announcement, not what the stateless
 * half turns around (or may take over, when DNS46 lends its host an address), and not what a trace looks at.
 *
 * What ends it: see enum flow_leave. A packet that comes to us of a flow that is entered (a fragment, one with options) ends
 * nothing.
 *
 * Counting. The programs count in the slots. When a flow has left, its numbers are added to the session once, after the
 * grace. Whoever shows a session meanwhile asks nat64_session_now(). Totals are the programs' own (flow_totals()).
 *
 * Time. The session's own timer runs on. When it is due, state/ asks when the slots were used, and gives the session its life from
 * then on; so a session lives as long as if its packets had come to us, but for CLOCK_SLACK_MS (flowtable.c).
 *
 * Another configuration. All slots are void at once, by the epoch. Their entries are taken out little by little (flowleave.c).
 *
 * Limits. A flow whose two sets are full is not taken; it goes on through us, and tries again every FULL_PAUSE packets. Of a worker's own
 * flows in these sets one that was idle for IDLE_MS is taken out for it.
 *
 * Deliberately not done. Flows in a full set of other workers are not touched, however idle: theirs is the session.
 *
 * Standards: RFC 6146 s3.5, s3.8, s4; RFC 1624.
 */
#include "nat64/flowworker.h"

#include "addr/embed.h"
#include "nat64/ftp.h"
#include "nat64/stateless.h"
#include "state/tcp.h"

#include <errno.h>
#include <stdlib.h>

#define ECHO_PKTS 4	/* most pings are one or a few */
#define FULL_PAUSE 64	/* packets until a flow that found no room tries again */
#define NEVER_PAUSE 250 /* the same if nothing but another configuration would change it */
#define IDLE_MS 10000

_Static_assert(FULL_PAUSE < SESSION_IS_CACHED && NEVER_PAUSE < SESSION_IS_CACHED, "a pause is no mark");

/* --- what the programs have noted --- */

static uint64_t noted(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

nsec flow_used_at(const struct flowcache *f, uint32_t session, nsec now)
{
	const struct flow_entry *e = flow_entry_of(f, session);
	nsec a = flow_seen_at(__atomic_load_n(&flow_slot64_of(f, e)->seen, __ATOMIC_RELAXED), now);
	nsec b = flow_seen_at(__atomic_load_n(&flow_slot46_of(f, e)->seen, __ATOMIC_RELAXED), now);

	return a > b ? a : b;
}

void flow_add_noted(const struct flowcache *f, uint32_t session, struct session *to)
{
	const struct flow_entry *e = flow_entry_of(f, session);

	to->pkts_64 += noted(&flow_slot64_of(f, e)->pkts);
	to->bytes_64 += noted(&flow_slot64_of(f, e)->bytes);
	to->pkts_46 += noted(&flow_slot46_of(f, e)->pkts);
	to->bytes_46 += noted(&flow_slot46_of(f, e)->bytes);
}

nsec flow_answered_at(const struct flowcache *f, uint32_t session, enum tcp_state tcp, nsec now)
{
	const struct flow64_slot *s = flow_slot64_of(f, flow_entry_of(f, session));
	const struct flow46_slot *t = flow_slot46_of(f, flow_entry_of(f, session));
	const __u16 *flags = tcp == TCP_V6_INIT ? &t->flags : &s->flags;
	const __u32 *seen = tcp == TCP_V6_INIT ? &t->seen : &s->seen;

	if (!(__atomic_load_n(flags, __ATOMIC_RELAXED) & FLOW_SAW_SYN))
		return 0;
	return flow_seen_at(__atomic_load_n(seen, __ATOMIC_RELAXED), now);
}

/* --- entering --- */

static bool is_idle(const struct flowcache *f, uint32_t session, nsec now)
{
	nsec used = flow_used_at(f, session, now);

	return flow_now_ms(now) - flow_entry_of(f, session)->since_ms >= IDLE_MS &&
	       (used == 0 || now - used >= IDLE_MS * MSEC);
}

/* The place itself is free only after the grace, so this is for whoever tries again. */
static void evict_idle(struct flowcache *f, enum flow_kind kind, uint64_t hash, nsec now)
{
	const struct flow_table *t = &f->claims->table[kind];

	for (uint32_t i = 0; i < FLOW_CANDIDATES; i++) {
		uint32_t slot = flow_candidate(t, hash, i);
		uint64_t owner = flow_owner_at(t, slot);
		uint32_t session = (uint32_t)owner;

		if (!flow_owner_is(owner, f->worker) || flow_entry_of(f, session)->stage != FLOW_STAGE_LIVE)
			continue;
		if (is_idle(f, session, now)) {
			flowcache_leave(f, session, FLOW_LEAVE_EVICTED, now);
			return;
		}
	}
}

static uint32_t claim(struct flowcache *f, enum flow_kind kind, uint64_t hash, uint32_t session, nsec now)
{
	struct flow_table *t = &f->claims->table[kind];
	uint32_t slot = flow_table_claim(t, hash, flow_owner(f->worker, session));

	if (slot == FLOW_NO_SLOT && t->sets > 0)
		evict_idle(f, kind, hash, now);
	return slot;
}

static bool enter(struct flowcache *f, uint32_t session, const struct mapping *m, nsec now)
{
	struct flow_entry *e = flow_entry_of(f, session);
	struct flow_table *t64 = &f->claims->table[FLOW_KIND_64], *t46 = &f->claims->table[FLOW_KIND_46];
	struct flow64_slot s64;
	struct flow46_slot s46;

	flow_slots_of(f->n, m->session, m->binding, (uint16_t)f->epoch, &s64, &s46);
	uint64_t hash64 = flow64_hash(f->maps->head->key, &s64), hash46 = flow46_hash(f->maps->head->key, &s46);

	flow_table_fetch(t64, hash64); /* four lines that are in no cache: to wait for all at once */
	flow_table_fetch(t46, hash46);
	uint32_t slot64 = claim(f, FLOW_KIND_64, hash64, session, now);

	if (slot64 == FLOW_NO_SLOT)
		return false;
	uint32_t slot46 = claim(f, FLOW_KIND_46, hash46, session, now);

	if (slot46 == FLOW_NO_SLOT) {
		flow_table_release(t64, slot64);
		return false;
	}
	*e = (struct flow_entry){ .slot64 = slot64,
		.slot46 = slot46,
		.since_ms = flow_now_ms(now),
		.epoch = (uint16_t)f->epoch,
		.stage = FLOW_STAGE_LIVE };
	flow_table_write(t64, slot64, &s64);
	flow_table_write(t46, slot46, &s46);
	f->high = session >= f->high ? session + 1 : f->high;
	f->count.flows++;
	f->count.entered++;
	if (m->binding->proto == PROTO_TCP && flow_is_opening(m->session))
		flow_opening_put(f, session, now);
	return true;
}

bool flow_may_be_cached(const struct nat64 *n, const struct session *e, const struct binding *b)
{
	if (b->proto >= PROTO_COUNT || b->guard != GUARD_NONE || e->is_filtered)
		return false;
	if (b->proto == PROTO_TCP && e->remote_port == FTP_PORT)
		return false; /* also if the ALG is off: what it followed before it does till the end */
	struct addr6 remote6 = embed_addr(n->cfg.prefixes[b->prefix], e->remote);

	/* Replies pass whatever the rules for the other direction say: they alone may keep a session. */
	return nat64_admits(n, b->in, b->prefix, e->remote) &&
	       !(is_shared_address(n, e->remote) && !flow_is_hairpin(n, e, b)) &&
	       !stateless_may_take(n, (struct tuple6){ .src = b->in, .dst = remote6 },
		       (struct tuple4){ .src = b->out, .dst = e->remote });
}

static bool is_open_or_opening(const struct session *e)
{
	return tcp_is_open(e->tcp) || flow_is_opening(e);
}

/* How many packets to wait until it is worth while to ask again; 0: it is now. */
static uint8_t pause_of(const struct flowcache *f, const struct mapping *m, nsec now)
{
	const struct session *e = m->session;
	uint64_t pkts = e->pkts_64 + e->pkts_46;

	if (m->binding->proto == PROTO_ICMP && pkts < ECHO_PKTS)
		return 1;
	if ((m->binding->proto == PROTO_TCP && !is_open_or_opening(e)) || now < f->begins)
		return FLOW_SOON_PAUSE;
	if (!flow_may_be_cached(f->n, e, m->binding))
		return NEVER_PAUSE;
	if (UNLIKELY(f->n->traces_len > 0) && flow_is_looked_at(f->n, e, m->binding))
		return FLOW_SOON_PAUSE;
	return 0;
}

void flowcache_consider(struct flowcache *f, const struct mapping *m, nsec now)
{
	struct session *e = m->session;
	uint8_t pause = pause_of(f, m, now);

	if (pause > 0) {
		e->cached = (uint8_t)(pause - 1);
		return;
	}
	uint32_t session = state_session_number(f->n->state, e);

	/* A session before this one had its number, and is not done with. */
	if (session >= f->max || flow_entry_of(f, session)->stage != FLOW_STAGE_NONE) {
		e->cached = FLOW_SOON_PAUSE;
		return;
	}
	bool is_entered = enter(f, session, m, now);

	e->cached = is_entered ? SESSION_IS_CACHED : FULL_PAUSE;
	f->count.full += !is_entered;
}

/* --- what state/ tells and asks --- */

static nsec on_ask(void *ctx, uint32_t session, nsec now)
{
	const struct flowcache *f = ctx;

	return flow_used_at(f, session, now);
}

static nsec on_answered(void *ctx, uint32_t session, nsec now)
{
	const struct flowcache *f = ctx;

	return flow_answered_at(f, session, state_session(f->n->state, session)->tcp, now);
}

static void on_move(void *ctx, uint32_t session, nsec now)
{
	struct flowcache *f = ctx;

	if (flow_entry_of(f, session)->stage == FLOW_STAGE_LIVE)
		flowcache_leave(f, session, FLOW_LEAVE_TCP, now);
}

static void on_end(void *ctx, uint32_t session, nsec now)
{
	struct flowcache *f = ctx;
	struct flow_entry *e = flow_entry_of(f, session);

	if (e->stage == FLOW_STAGE_LIVE)
		flowcache_leave(f, session, FLOW_LEAVE_END, now);
	e->is_orphan = true;
}

/* --- start and end --- */

int flowcache_new(struct nat64 *n, const struct flow_maps *m, nsec now)
{
	struct flowcache *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	n->flows = f;
	*f = (struct flowcache){
		.maps = m,
		.claims = m->claims,
		.n = n,
		.max = n->cfg.state.max_sessions,
		.first = STATE_END,
		.sweep = STATE_END,
		.worker = n->cfg.state.worker,
		.begins = now + (FLOW_GRACE_MS + 1) * MSEC,
	};
	f->entries = calloc(f->max, sizeof(*f->entries));
	f->opening = calloc(f->max, sizeof(*f->opening));
	if (!f->entries || !f->opening || flowpairs_init(f) < 0)
		return -ENOMEM;
	struct flow_head h = flow_head_of(n);
	const struct state_cache cache = {
		.ask = on_ask, .answered = on_answered, .moves = on_move, .ends = on_end, .ctx = f
	};

	f->epoch = flow_start_epoch(m, &h);
	flow_publish(m, &h, f->epoch);
	state_cache_set(n->state, &cache);
	return 0;
}

void flowcache_free(struct flowcache *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; f->entries && !f->is_left && i < f->high; i++) {
		if (flow_entry_of(f, i)->stage == FLOW_STAGE_LIVE) {
			flow_table_end(&f->claims->table[FLOW_KIND_64], flow_entry_of(f, i)->slot64);
			flow_table_end(&f->claims->table[FLOW_KIND_46], flow_entry_of(f, i)->slot46);
		}
	}
	flowpairs_fini(f);
	free(f->opening);
	free(f->entries);
	free(f);
}
