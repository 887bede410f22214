/*
 * state.c - one worker's bindings and sessions: the theory, start and end, and the packet's entry points
 *
 * Purpose. RFC 6146 keeps a binding (X',x) <--> (T,t) for every transport address of an IPv6 host, and under
 * it one session per IPv4 transport address that the host talks with. This module keeps both, chooses (T,t),
 * runs the TCP machine, filters, and forgets what is silent.
 *
 * Structure. Everything is in struct state (tables.h); elements are known by 32-bit numbers.
 *
 *	IPv6 packet --> bindings.by6 --> binding --\
 *	                                            sessions.index --> session (expires) ..... wheel
 *	IPv4 packet --> bindings.by4 --> binding --/                      |
 *	                                  |                           peer group (address-dependent filtering)
 *	                                block of the pool --> subscriber
 *
 * A session is keyed by its binding's number and the remote transport address, so one index serves both
 * directions. A packet of an established flow touches three cache lines: a bucket of by6 or by4, the binding, the
 * session; a bucket of the session index is a fourth if the binding has several sessions. A binding and its first session
 * have the same number where possible, so that both can be fetched at once.
 *
 * Memory. What a million sessions cost is mostly the misses of these lines, so elements and buckets are one line each,
 * and the tables are allocated once, large ones at a multiple of a huge page (memory.h). A session and its binding take
 * 64 bytes each, and together 53 for two indexes on each side, the wheel and the peer group.
 *
 * Life cycle. A port comes from a block of the pool that is lent to a subscriber (the first subscriber_len
 * bits of the host's address). The binding lives while it has a session, a static one for ever; the block is
 * lent while a binding uses it and returns to its pool at once with the last one; the subscriber is known
 * while it holds a block or a static binding. All of it begins in @state_take64 (sessions also in
 * @state_take46) and ends in @state_expire. A static binding's block belongs to the subscriber of its inside
 * host; if several subscribers have static bindings in one block, to the first one written down.
 *
 * Time. A packet only writes session.expires. The wheel (timer.h) finds what is due, never before its time
 * and at most one tick (134 ms) after it, provided that @state_expire is called when it asks for it. A session
 * that is due but not yet removed still counts as alive: a packet that arrives in that moment refreshes it.
 *
 * Several workers. With struct owners (owner.h) this is one worker's part: of the pool the blocks that are its own, and the
 * static bindings in them, and of max_sessions a part; loan.c moves what one has to spare to where it is needed. Whoever
 * hands it packets asks the owner functions first.
 *
 * Protocols without ports are bound by whole addresses and have their own way to one (other.c); sessions, filtering and
 * expiry are the same.
 *
 * TCP segments that match a binding but no session, and carry no SYN, are forwarded as RFC 6146 s3.5.2.2
 * (CLOSED) recommends: they get @loose, a session in state CLOSED that is in no table and is overwritten by
 * the next one. No binding, no forwarding.
 *
 * Limits. Sessions and bindings, static ones included: max_sessions each, so that memory is known at start.
 * Subscribers: as many as bindings. Blocks per subscriber: max_blocks_per_subscriber; its sessions: quota.h. Sessions that
 * address-dependent filtering holds back: one in FILTERED_SHARE. At a limit new flows are refused by the name
 * of the limit, and what exists goes on.
 *
 * Events. Whoever logs who had which ports is told of blocks, bindings, sessions and limits (event.h) in the order in
 * which they happen: a block is told before what is in it, and its return after it.
 *
 * Not done here: keeping the SYN that opens V4 INIT until its sender is told (RFC 6146 s3.5.2.2; nat64/held_syn.c
 * does). A SYN for which there is no binding makes no session. Port overloading (RFC 7857 s3)
 * is never done. Fragments, ICMP errors, hairpinning and address rules belong to nat64/.
 *
 * Standards: RFC 6146 s3.1, s3.2, s3.5, s4; RFC 4787, 5382, 5508 (mapping, filtering, timers); RFC 6888
 * (blocks, limits); RFC 7857; RFC 6056.
 */
#include "state/other.h"
#include "state/quota.h"
#include "state/owner.h"
#include "state/tables.h"

#include <errno.h>
#include <stdlib.h>

/* --- start and end --- */

static bool tables_init(struct state *s, const struct hash_key *key, nsec now)
{
	uint32_t max = s->config.max_sessions;
	unsigned statics = s->config.statics_len;

	s->statics_at = calloc(statics > 0 ? statics : 1, sizeof(*s->statics_at));
	s->subscribers.pool = &s->pool;
	s->subscribers.rng = &s->rng;
	s->subscribers.watch = &s->watch;
	return s->statics_at && bindings_init(&s->bindings, &s->memory, max, key) &&
	       sessions_init(&s->sessions, &s->memory, max, key) &&
	       subscribers_init(&s->subscribers, &s->memory, max, key) &&
	       pool_cut(&s->pool, &s->config, &s->rng) && pool_make_room(&s->pool, max) &&
	       wheel_init(&s->wheel, &s->memory, max, now);
}

int state_static_add(struct state *s, const struct static_binding *want)
{
	if (want->proto == PROTO_OTHER) {
		int r = other_add_static(s, want);

		s->statics += r == 0;
		return r;
	}
	uint32_t row = pool_row_at(&s->pool, want->out, want->out_port);

	if (row == NONE || binding_find6(&s->bindings, want->proto, 0, want->in, want->in_port) != NONE)
		return -EINVAL;
	uint32_t sub = subscriber_find(&s->subscribers, want->in);

	if (sub == NONE)
		sub = subscriber_new(&s->subscribers, want->in);
	uint32_t block;

	if (!subscriber_take_static(&s->subscribers, sub, want->proto, row, want->out_port, &block))
		return -EINVAL;
	struct binding b = {
		.proto = want->proto,
		.is_static = true,
		.in = want->in,
		.in_port = want->in_port,
		.out = want->out,
		.out_port = want->out_port,
	};

	binding_add(&s->bindings, &b, block, NONE);
	watch_binding(&s->watch, STATE_BINDING_MADE, &b);
	subscriber_pin(&s->subscribers, sub, want->out);
	s->statics++;
	return 0;
}

bool state_static_is_mine(const struct state *s, const struct static_binding *b)
{
	const struct state_config *c = &s->config;

	if (!c->owners)
		return true;
	return c->worker == (b->proto == PROTO_OTHER ? owner_of_protocol(c->owners, (uint8_t)b->out_port)
						     : owner_of_block(c->owners, b->out, b->out_port));
}

static int add_statics(struct state *s, const struct state_config *c)
{
	int r = 0;

	for (unsigned i = 0; i < c->statics_len && r == 0; i++) {
		s->statics_at[i] = c->statics[i];
		if (state_static_is_mine(s, &c->statics[i]))
			r = state_static_add(s, &c->statics[i]);
	}
	return r;
}

/* max_sessions is the gateway's; what does not divide evenly is the first worker's. */
static uint32_t sessions_share(const struct state_config *c)
{
	unsigned workers = c->owners ? c->owners->len : 1;
	uint32_t share = c->max_sessions / workers;

	if (c->worker >= workers)
		return 0;
	return c->worker == 0 ? share + c->max_sessions % workers : share;
}

void state_limits_take(struct state *s)
{
	uint32_t max = s->config.max_sessions;

	s->sessions.slots.limit = max;
	s->bindings.slots.limit = max;
	s->subscribers.slots.limit = max;
	s->sessions_max = sessions_share(&s->config);
	s->filtered_max = s->sessions_max / FILTERED_SHARE > 0 ? s->sessions_max / FILTERED_SHARE : 1;
}

int state_new(const struct state_config *c, const uint8_t seed[32], nsec now, struct state **ret)
{
	struct hash_key key = { be64_at(seed), be64_at(seed + 8) };

	if (!state_config_validate(c))
		return -EINVAL;
	struct state *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;

	s->config = *c;
	s->config.statics = NULL;
	s->watch =
		(struct watcher){ .to = c->watch, .now = now, .subscriber_len = (uint8_t)c->subscriber_len };
	s->memory.bytes = sizeof(*s);
	rng_init(&s->rng, be64_at(seed + 16) ^ be64_at(seed + 24));
	int r = tables_init(s, &key, now) ? 0 : -ENOMEM;
	if (r == 0) {
		state_limits_take(s);
		r = add_statics(s, c);
	}
	if (r < 0) {
		state_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	memory_fini(&s->memory);
	pool_fini(&s->pool);
	free(s->statics_at);
	free(s);
}

/* --- sessions --- */

static const uint8_t proto_lifetime[PROTO_KINDS] = {
	[PROTO_TCP] = TCP_KEEP, /* the machine says */
	[PROTO_UDP] = LIFETIME_UDP,
	[PROTO_ICMP] = LIFETIME_ICMP,
	[PROTO_OTHER] = LIFETIME_OTHER,
};

/* A later time is left for the wheel to find out; an earlier one moves the session at once. */
static void set_lifetime(struct state *s, uint32_t id, unsigned life, nsec now)
{
	struct session *e = &s->sessions.at[id];
	nsec expires = now + s->config.lifetime[life];
	bool is_earlier = expires < e->expires;

	e->expires = expires;
	if (UNLIKELY(is_earlier)) {
		wheel_remove(&s->wheel, id);
		wheel_put(&s->wheel, id, expires);
	}
}

void state_cache_set(struct state *s, const struct state_cache *c)
{
	s->cache = *c;
}

nsec state_session_life(const struct state *s, const struct session *e, nsec when)
{
	enum proto proto = s->bindings.at[e->binding].b.proto;

	if (when == 0 || (proto == PROTO_TCP && !tcp_is_open(e->tcp)))
		return 0;
	return when +
	       s->config.lifetime[proto == PROTO_TCP ? LIFETIME_TCP_ESTABLISHED : proto_lifetime[proto]];
}

/* A later time is left for the wheel to find out. */
void state_session_used(struct state *s, uint32_t id, nsec when)
{
	struct session *e = &s->sessions.at[id];
	nsec life = state_session_life(s, e, when);

	if (life > e->expires)
		e->expires = life;
}

COLD static void tell_move(struct state *s, uint32_t id, nsec now)
{
	s->cache.moves(s->cache.ctx, id, now);
}

COLD void state_session_catch_up(struct state *s, uint32_t id, nsec now)
{
	const struct session *e = &s->sessions.at[id];
	bool is_from_v6 = e->tcp == TCP_V6_INIT;

	if (!is_from_v6 && e->tcp != TCP_V4_INIT)
		return;
	nsec when = s->cache.answered(s->cache.ctx, id, now);

	if (when == 0)
		return;
	struct tcp_step step = tcp_step(e->tcp, is_from_v6 ? TCP_V4_SYN_IN : TCP_V6_SYN_IN);

	state_session_step(s, id, (struct tcp_step){ step.next, TCP_KEEP }, now);
	state_session_used(s, id, when);
}

void state_session_step(struct state *s, uint32_t id, struct tcp_step step, nsec now)
{
	struct session *e = &s->sessions.at[id];

	if (step.next != e->tcp) {
		if (UNLIKELY(s->bindings.at[e->binding].b.guard != GUARD_NONE))
			state_guard_step(s, id, step);
		s->by_tcp[e->tcp]--;
		s->by_tcp[step.next]++;
		e->tcp = (enum tcp_state)step.next;
		if (UNLIKELY(e->cached == SESSION_IS_CACHED) && !tcp_is_open(e->tcp))
			tell_move(s, id, now);
	}
	if (step.life != TCP_KEEP)
		set_lifetime(s, id, step.life, now);
}

uint32_t state_session_begin(struct state *s, const struct session *e)
{
	struct binding *b = &s->bindings.at[e->binding].b;
	uint32_t id = session_add(&s->sessions, e);

	wheel_put(&s->wheel, id, e->expires);
	b->sessions++;
	s->bindings.at[e->binding].only = b->sessions == 1 ? id : NONE;
	s->filtered += e->is_filtered;
	s->by_proto[b->proto]++;
	s->by_tcp[e->tcp]++;
	s->sessions_made++;
	quota_count(s, e->binding, 1);
	watch_session(&s->watch, STATE_SESSION_MADE, b, e);
	return id;
}

void state_session_drop(struct state *s, uint32_t id)
{
	struct session *e = &s->sessions.at[id];
	uint32_t bid = e->binding;
	struct binding *b = &s->bindings.at[bid].b;

	if (UNLIKELY(e->cached == SESSION_IS_CACHED))
		s->cache.ends(s->cache.ctx, id, s->watch.now);
	watch_session(&s->watch, STATE_SESSION_ENDED, b, e);
	s->filtered -= e->is_filtered;
	s->by_proto[b->proto]--;
	s->by_tcp[e->tcp]--;
	s->sessions_expired++;
	quota_count(s, bid, -1);
	session_remove(&s->sessions, id);
	s->bindings.at[bid].only = NONE;
	if (--b->sessions > 0 || b->is_static)
		return;
	state_binding_drop(s, bid); /* RFC 6146 s3.1: a dynamic binding goes with its last session */
}

void state_binding_drop(struct state *s, uint32_t id)
{
	const struct binding *b = &s->bindings.at[id].b;

	watch_binding(&s->watch, STATE_BINDING_ENDED, b);
	if (b->proto == PROTO_OTHER)
		other_forget(s, id);
	else
		subscriber_give_port(&s->subscribers, s->bindings.at[id].block, b->proto, b->out_port);
	binding_remove(&s->bindings, id);
	s->bindings_expired++;
}

static struct mapping mapping_of(const struct state *s, uint32_t id)
{
	struct session *e = &s->sessions.at[id];

	return (struct mapping){ .session = e, .binding = &s->bindings.at[e->binding].b };
}

/* Where a packet goes: what both directions have in common. */
struct arrival {
	uint32_t binding;
	struct addr4 remote;
	uint16_t remote_port; /* 0 for ICMP (RFC 6146 s3.5.3), and where there are no ports */
	enum proto proto;
	enum tcp_event event; /* of a TCP segment */
	bool is_own;	      /* the subscriber's, from the IPv6 side */
};

static uint16_t remote_port_of(enum proto proto, uint16_t port)
{
	return proto == PROTO_ICMP || proto == PROTO_OTHER ? 0 : port;
}

static struct mapping loose_mapping(struct state *s, const struct arrival *a, nsec now)
{
	s->loose = (struct session){
		.binding = a->binding,
		.remote = a->remote,
		.remote_port = a->remote_port,
		.tcp = TCP_CLOSED,
		.expires = now,
		.created = now,
	};
	return (struct mapping){ .session = &s->loose, .binding = &s->bindings.at[a->binding].b };
}

/* The first packet of a session; of TCP also the packet that begins none. */
static enum drop_reason begin(struct state *s, const struct arrival *a, nsec now, struct mapping *ret)
{
	struct tcp_step step = { TCP_NONE, proto_lifetime[a->proto] };

	if (a->proto == PROTO_TCP)
		step = tcp_step(TCP_CLOSED, a->event);
	if (step.next == TCP_CLOSED) {
		*ret = loose_mapping(s, a, now);
		return DROP_NONE;
	}
	struct addr6 in = s->bindings.at[a->binding].b.in;

	s->watch.now = now;
	if (sessions_are_full(s)) {
		enum drop_reason r = lender_refuse(s, DROP_SESSIONS_FULL, in, now);

		watch_limit(&s->watch, r, a->proto, in);
		return r;
	}
	enum drop_reason quota = a->is_own ? quota_refuses_own(s, in, now) : quota_refuses(s, in);

	if (quota != DROP_NONE)
		return quota;
	struct session e = {
		.binding = a->binding,
		.remote = a->remote,
		.remote_port = a->remote_port,
		.tcp = (enum tcp_state)step.next,
		.expires = now + s->config.lifetime[step.life],
		.created = now,
	};

	*ret = mapping_of(s, state_session_begin(s, &e));
	if (a->is_own)
		quota_spend(s, in, now);
	return DROP_NONE;
}

static inline void refresh(struct state *s, uint32_t id, const struct arrival *a, nsec now)
{
	if (UNLIKELY(s->sessions.at[id].cached == SESSION_IS_CACHED))
		state_session_catch_up(s, id, now);
	if (a->proto == PROTO_TCP)
		state_session_step(s, id, tcp_step(s->sessions.at[id].tcp, a->event), now);
	else
		set_lifetime(s, id, proto_lifetime[a->proto], now);
}

/*
 * The session of a packet, or NONE. Most bindings have one session, and know it after it was found once; and the first
 * session of a binding mostly has its number. So the session is fetched while the binding is still on its way from
 * memory; if it is another one, that costs nothing but the transfer.
 */
static uint32_t find_session(struct state *s, const struct arrival *a)
{
	struct binding_slot *at = &s->bindings.at[a->binding];

	__builtin_prefetch(&s->sessions.at[a->binding]);
	if (at->only != NONE)
		return session_is(&s->sessions, at->only, a->binding, a->remote, a->remote_port) ? at->only
												 : NONE;
	uint32_t id = session_find(&s->sessions, a->binding, a->remote, a->remote_port);

	if (at->b.sessions == 1)
		at->only = id;
	return id;
}

/* --- IPv6 to IPv4 --- */

/*
 * RFC 6146 s3.5.1.1, s3.5.2.3, s3.5.3: the subscriber's port, and the binding for it. The binding takes the number that
 * its session is going to have: see find_session().
 */
enum drop_reason state_binding_open(struct state *s, const struct flow64 *f, uint32_t *ret)
{
	struct subscriber_table *subs = &s->subscribers;
	uint32_t sub = subscriber_find(subs, f->src), block;
	uint16_t port;

	if (sub == NONE && slots_is_full(&subs->slots))
		return DROP_SUBSCRIBERS_FULL;
	if (slots_is_full(&s->bindings.slots))
		return DROP_BINDINGS_FULL;
	if (sub == NONE)
		sub = subscriber_new(subs, f->src);
	if (f->proto == PROTO_OTHER)
		return other_open(s, f, sub, ret);
	enum drop_reason r = subscriber_take_port(subs, sub, f->proto, f->sport, &block, &port);

	if (r != DROP_NONE) {
		subscriber_drop_idle(subs, sub);
		return r;
	}
	const struct row *row = &s->pool.rows[s->pool.blocks[block].row];
	struct binding b = {
		.proto = f->proto,
		.prefix = f->prefix,
		.in = f->src,
		.in_port = f->sport,
		.out = row->addr,
		.out_port = port,
	};

	*ret = binding_add(&s->bindings, &b, block, slots_lowest(&s->sessions.slots));
	s->bindings_made++;
	watch_binding(&s->watch, STATE_BINDING_MADE, &b);
	return DROP_NONE;
}

/* The session is asked for first: a binding without one would never go away. */
static enum drop_reason open64(
	struct state *s, const struct flow64 *f, struct arrival *a, nsec now, struct mapping *ret)
{
	if (f->proto == PROTO_TCP && a->event != TCP_V6_SYN_IN)
		return DROP_TCP_NOT_SYN;
	s->watch.now = now;
	enum drop_reason r = sessions_are_full(s) ? DROP_SESSIONS_FULL : quota_refuses_own(s, f->src, now);

	if (r == DROP_NONE)
		r = state_binding_open(s, f, &a->binding);
	if (r == DROP_NONE)
		return begin(s, a, now, ret);
	r = lender_refuse(s, r, f->src, now);
	watch_limit(&s->watch, r, f->proto, f->src);
	return r;
}

/* A session that filtering holds back is let go: one side's SYN answers the other's, or the address is known
 * now. */
static void admit(struct state *s, uint32_t id, nsec now)
{
	const struct session *e = &s->sessions.at[id];

	session_admit(&s->sessions, id);
	s->filtered--;
	s->watch.now = now;
	watch_session(&s->watch, STATE_SESSION_MADE, &s->bindings.at[e->binding].b, e);
}

enum drop_reason state_take64(struct state *s, const struct flow64 *f, nsec now, struct mapping *ret)
{
	struct arrival a = {
		.binding = binding_find6(&s->bindings, f->proto, f->prefix, f->src, f->sport),
		.remote = f->dst,
		.remote_port = remote_port_of(f->proto, f->dport),
		.proto = f->proto,
		.event = tcp_event_of(TCP_SIDE_V6, f->tcp_flags),
		.is_own = true,
	};

	if (a.binding == NONE)
		return open64(s, f, &a, now, ret);
	uint32_t id = find_session(s, &a);

	if (id == NONE)
		return begin(s, &a, now, ret);
	if (UNLIKELY(s->sessions.at[id].is_filtered) && a.event == TCP_V6_SYN_IN)
		admit(s, id, now);
	refresh(s, id, &a, now);
	*ret = mapping_of(s, id);
	return DROP_NONE;
}

/* --- IPv4 to IPv6 --- */

/* RFC 6146 s3.5.1, address-dependent filtering: the binding has a session to this address, whatever the port.
 */
static bool is_allowed(const struct state *s, const struct arrival *a)
{
	enum guard guard = s->bindings.at[a->binding].b.guard;

	if (UNLIKELY(guard == GUARD_NARROW))
		return false;
	return (s->config.filtering == FILTER_ENDPOINT_INDEPENDENT && guard == GUARD_NONE) ||
	       session_peer_find(&s->sessions, a->binding, a->remote) != NONE;
}

static enum drop_reason refusal(const struct arrival *a)
{
	return a->proto == PROTO_TCP && a->event == TCP_V4_SYN_IN ? DROP_TCP_SYN46_FILTERED
								  : DROP_46_FILTERED;
}

/*
 * RFC 6146 s3.5.2.2, CLOSED: a V4 SYN that address-dependent filtering refuses makes a V4 INIT session all
 * the same, for six seconds, so that the inside host's own SYN meets it (simultaneous open). Strangers can
 * make these at will, so they have a small share of the table; beyond it the SYN is just dropped.
 */
static enum drop_reason hold_back(struct state *s, const struct arrival *a, nsec now)
{
	enum drop_reason reason = refusal(a);

	if (reason != DROP_TCP_SYN46_FILTERED || s->filtered >= s->filtered_max || sessions_are_full(s))
		return reason;
	struct session e = {
		.binding = a->binding,
		.remote = a->remote,
		.remote_port = a->remote_port,
		.is_filtered = true,
		.tcp = TCP_V4_INIT,
		.expires = now + s->config.lifetime[LIFETIME_TCP_INCOMING_SYN],
		.created = now,
	};

	state_session_begin(s, &e);
	return reason;
}

enum drop_reason state_take46(struct state *s, const struct flow46 *f, nsec now, struct mapping *ret)
{
	struct arrival a = {
		.binding = binding_find4(&s->bindings, f->proto, f->dst, f->dport),
		.remote = f->src,
		.remote_port = remote_port_of(f->proto, f->sport),
		.proto = f->proto,
		.event = tcp_event_of(TCP_SIDE_V4, f->tcp_flags),
	};

	if (a.binding == NONE)
		return DROP_46_NO_BINDING;
	uint32_t id = find_session(s, &a);

	if (id == NONE)
		return is_allowed(s, &a) ? begin(s, &a, now, ret) : hold_back(s, &a, now);
	if (UNLIKELY(s->sessions.at[id].is_filtered)) {
		if (!is_allowed(s, &a))
			return refusal(&a);
		admit(s, id, now);
		set_lifetime(s, id, LIFETIME_TCP_TRANSITORY, now);
	}
	refresh(s, id, &a, now);
	*ret = mapping_of(s, id);
	return DROP_NONE;
}

/* --- looking up without a trace --- */

static bool find(
	const struct state *s, uint32_t binding, struct addr4 remote, uint16_t port, struct mapping *ret)
{
	uint32_t id = binding == NONE ? NONE : session_find(&s->sessions, binding, remote, port);

	if (id == NONE || s->sessions.at[id].is_filtered)
		return false;
	*ret = mapping_of(s, id);
	return true;
}

bool state_find64(const struct state *s, const struct flow64 *f, struct mapping *ret)
{
	return find(s, binding_find6(&s->bindings, f->proto, f->prefix, f->src, f->sport), f->dst,
		remote_port_of(f->proto, f->dport), ret);
}

bool state_find46(const struct state *s, const struct flow46 *f, struct mapping *ret)
{
	return find(s, binding_find4(&s->bindings, f->proto, f->dst, f->dport), f->src,
		remote_port_of(f->proto, f->sport), ret);
}
