/* flowadopt.c - the cache of flows seen from outside: flows that another translator left, sessions shown, invariants */
#include "nat64/flowworker.h"

#include "state/tcp.h"

#include <stdlib.h>

/* --- what was left --- */

static uint16_t host16(uint16_t wire)
{
	uint8_t bytes[2];

	bytes_copy(bytes, &wire, sizeof(bytes));
	return be16_at(bytes);
}

static struct addr4 host4(uint32_t wire)
{
	uint8_t bytes[4];

	bytes_copy(bytes, &wire, sizeof(bytes));
	return addr4_at(bytes);
}

static bool proto_of(uint8_t number, enum proto *ret)
{
	switch (number) {
	case IPPROTO_TCP_NR:
		*ret = PROTO_TCP;
		return true;
	case IPPROTO_UDP_NR:
		*ret = PROTO_UDP;
		return true;
	case IPPROTO4_ICMP:
		*ret = PROTO_ICMP;
		return true;
	default:
		return false;
	}
}

/* Which number the prefix has now that had this one; false if there is none. */
static bool number_now(const struct flowcache *f, uint8_t before, uint8_t *ret)
{
	const struct flow_prefix *was = &f->claims->found.prefixes[before];
	const struct nat64_config *c = &f->n->cfg;

	if (was->len == 0)
		return false;
	for (unsigned i = 0; i < c->prefixes_len; i++) {
		if (c->prefixes[i].len == was->len && addr6_eq(c->prefixes[i].addr, addr6_at(was->addr))) {
			*ret = (uint8_t)i;
			return true;
		}
	}
	return false;
}

/* The other half of a flow, which must agree with the first one in everything. */
static uint32_t find_half(const struct flowcache *f, const struct flow64_slot *s, struct flow46_slot *ret)
{
	const struct flow_table *t = &f->claims->table[FLOW_KIND_46];
	bool is_echo = s->proto == IPPROTO4_ICMP;
	const struct flow46_slot key = { .remote = s->dst,
		.out = s->out,
		.remote_port = is_echo ? s->out_port : s->dport,
		.out_port = s->out_port,
		.proto = s->proto };
	uint64_t hash = flow46_hash(f->maps->head->key, &key);

	for (uint32_t i = 0; t->sets > 0 && i < FLOW_CANDIDATES; i++) {
		uint32_t slot = flow_candidate(t, hash, i);

		if (flow_owner_at(t, slot) != FLOW_FREE || !flow_table_read(t, slot, ret))
			continue;
		if (ret->epoch == s->epoch && ret->remote == key.remote && ret->out == key.out &&
			ret->remote_port == key.remote_port && ret->out_port == key.out_port &&
			ret->proto == key.proto && ret->prefix == s->prefix && ret->in_port == s->sport &&
			bytes_equal(ret->in, s->in, sizeof(s->in)))
			return slot;
	}
	return FLOW_NO_SLOT;
}

/* Only one side of the connection was heard; it will say its SYN again. */
static bool is_half_open(uint16_t flags)
{
	return (flags & FLOW_AWAITS_SYN) && !(flags & FLOW_SAW_SYN);
}

/* What of the flags is decided when the slot is written. */
static uint16_t lasting(uint16_t flags)
{
	return flags & FLOW_HAIRPIN;
}

static bool flow_of(const struct flowcache *f, const struct flow64_slot *s, const struct flow46_slot *t,
	nsec now, struct flow_left *ret)
{
	nsec used64 = flow_seen_at(s->seen, now), used46 = flow_seen_at(t->seen, now);

	*ret = (struct flow_left){
		.in = addr6_at(s->in),
		.in_port = host16(s->sport),
		.out = host4(s->out),
		.out_port = host16(s->out_port),
		.remote = host4(s->dst),
		.remote_port = s->proto == IPPROTO4_ICMP ? 0 : host16(s->dport),
		.used = used64 > used46 ? used64 : used46,
		.pkts_64 = s->pkts,
		.bytes_64 = s->bytes,
		.pkts_46 = t->pkts,
		.bytes_46 = t->bytes,
	};
	if (is_half_open(s->flags) || is_half_open(t->flags))
		return false;
	return proto_of(s->proto, &ret->proto) && s->prefix < FLOW_PREFIXES_MAX &&
	       number_now(f, s->prefix, &ret->prefix);
}

/* Whoever adopted the flow has these numbers; what is counted from here on is ours to add. */
static void take_noted(struct flowcache *f, uint32_t slot64, uint32_t slot46, const struct flow_left *l)
{
	struct flow64_slot *s = &f->maps->flows64[slot64 / FLOW_WAYS].way[slot64 % FLOW_WAYS];
	struct flow46_slot *t = &f->maps->flows46[slot46 / FLOW_WAYS].way[slot46 % FLOW_WAYS];

	(void)__atomic_fetch_sub(&s->pkts, l->pkts_64, __ATOMIC_RELAXED);
	(void)__atomic_fetch_sub(&s->bytes, l->bytes_64, __ATOMIC_RELAXED);
	(void)__atomic_fetch_sub(&t->pkts, l->pkts_46, __ATOMIC_RELAXED);
	(void)__atomic_fetch_sub(&t->bytes, l->bytes_46, __ATOMIC_RELAXED);
}

/* What would be written now is what is there. */
static bool says_the_same(
	const struct flowcache *f, uint32_t session, const struct flow64_slot *s, const struct flow46_slot *t)
{
	const struct session *e = state_session(f->n->state, session);
	struct flow64_slot want64;
	struct flow46_slot want46;

	flow_slots_of(f->n, e, state_binding(f->n->state, e->binding), (uint16_t)f->epoch, &want64, &want46);
	return s->epoch == want64.epoch && lasting(s->flags) == lasting(want64.flags) &&
	       s->prefix == want64.prefix && s->sum_addrs == want64.sum_addrs &&
	       t->sum_addrs == want46.sum_addrs;
}

static bool own(struct flowcache *f, uint32_t session, uint32_t slot64, uint32_t slot46)
{
	struct session *e = state_session_at(f->n->state, session);
	const struct binding *b = state_binding(f->n->state, e->binding);

	if (session >= f->max || f->entries[session].stage != FLOW_STAGE_NONE ||
		e->cached == SESSION_IS_CACHED || (b->proto == PROTO_TCP && !tcp_is_open(e->tcp)) ||
		!flow_may_be_cached(f->n, e, b))
		return false;
	f->claims->table[FLOW_KIND_64].owners[slot64] = flow_owner(f->worker, session);
	f->claims->table[FLOW_KIND_46].owners[slot46] = flow_owner(f->worker, session);
	f->entries[session] = (struct flow_entry){
		.slot64 = slot64, .slot46 = slot46, .epoch = (uint16_t)f->epoch, .stage = FLOW_STAGE_LIVE
	};
	f->high = session >= f->high ? session + 1 : f->high;
	f->count.flows++;
	f->count.adopted++;
	e->cached = SESSION_IS_CACHED;
	return true;
}

static void adopt_slot(struct flowcache *f, uint32_t slot64, nsec now, flow_adopt_fn adopt, void *ctx)
{
	struct flow_table *t64 = &f->claims->table[FLOW_KIND_64], *t46 = &f->claims->table[FLOW_KIND_46];
	struct flow64_slot s;
	struct flow46_slot t;
	struct flow_left l;
	uint32_t session = STATE_END;

	if (flow_owner_at(t64, slot64) != FLOW_FREE || !flow_table_read(t64, slot64, &s) ||
		s.epoch != f->claims->first_epoch)
		return;
	uint32_t slot46 = find_half(f, &s, &t);

	if (slot46 == FLOW_NO_SLOT || !flow_of(f, &s, &t, now, &l))
		return;
	enum flow_adopt what = adopt(ctx, &l, &session);

	if (what == FLOW_ADOPT_FOREIGN)
		return;
	if (what == FLOW_ADOPT_TAKEN) {
		take_noted(f, slot64, slot46, &l);
		if (says_the_same(f, session, &s, &t) && own(f, session, slot64, slot46))
			return;
	}
	flow_table_end(t64, slot64);
	flow_table_end(t46, slot46);
}

void nat64_adopt_flows(struct nat64 *n, nsec now, flow_adopt_fn adopt, void *ctx)
{
	struct flowcache *f = n->flows;

	if (!f || !f->claims->may_adopt)
		return;
	for (uint32_t slot = 0; slot < flow_slots(&f->claims->table[FLOW_KIND_64]); slot++)
		adopt_slot(f, slot, now, adopt, ctx);
}

void nat64_leave_flows(struct nat64 *n)
{
	if (!n->flows)
		return;
	n->flows->is_left = true;
	__atomic_store_n(&n->flows->claims->is_left, true, __ATOMIC_RELAXED);
}

/* --- what is shown --- */

const char *flow_leave_name(enum flow_leave why)
{
	static const char *const names[FLOW_LEAVE_COUNT] = {
		[FLOW_LEAVE_END] = "end",
		[FLOW_LEAVE_TCP] = "tcp",
		[FLOW_LEAVE_CONFIG] = "config",
		[FLOW_LEAVE_TRACE] = "trace",
		[FLOW_LEAVE_EVICTED] = "evicted",
	};

	return names[why];
}

const struct flow_maps *nat64_flow_maps(const struct nat64 *n)
{
	return n->flows ? n->flows->maps : NULL;
}

struct flowcache_counters nat64_flowcache_counters(const struct nat64 *n)
{
	return n->flows ? n->flows->count : (struct flowcache_counters){ 0 };
}

bool nat64_session_now(const struct nat64 *n, const struct session *e, nsec now, struct session *ret)
{
	*ret = *e;
	if (e->cached != SESSION_IS_CACHED)
		return false;
	uint32_t id = state_session_number(n->state, e);
	const struct flow_entry *entry = &n->flows->entries[id];

	if (flow_is_opening(e) && flow_answered_at(n->flows, id, e->tcp, now) != 0)
		ret->tcp = TCP_ESTABLISHED;
	nsec life = state_session_life(n->state, ret, flow_used_at(n->flows, id, now));

	flow_add_noted(n->flows, id, ret);
	if (life > ret->expires)
		ret->expires = life;
	return entry->stage == FLOW_STAGE_LIVE && entry->epoch == n->flows->epoch;
}

/* --- invariants --- */

static bool slot_is_right(const struct flowcache *f, uint32_t id)
{
	const struct flow_entry *e = &f->entries[id];
	const struct session *s = state_session(f->n->state, id);
	const struct binding *b = s ? state_binding(f->n->state, s->binding) : NULL;
	struct flow64_slot have64, want64;
	struct flow46_slot have46, want46;

	if (!b || s->cached != SESSION_IS_CACHED ||
		(b->proto == PROTO_TCP && !tcp_is_open(s->tcp) && !flow_is_opening(s)) ||
		!flow_table_read(&f->claims->table[FLOW_KIND_64], e->slot64, &have64) ||
		!flow_table_read(&f->claims->table[FLOW_KIND_46], e->slot46, &have46))
		return false;
	if (e->epoch != f->epoch)
		return have64.epoch == e->epoch && have46.epoch == e->epoch;
	flow_slots_of(f->n, s, b, e->epoch, &want64, &want46);
	return flow64_hash(f->maps->head->key, &have64) == flow64_hash(f->maps->head->key, &want64) &&
	       flow46_hash(f->maps->head->key, &have46) == flow46_hash(f->maps->head->key, &want46) &&
	       have64.epoch == want64.epoch && have64.out == want64.out &&
	       have64.out_port == want64.out_port && have64.sum_addrs == want64.sum_addrs &&
	       lasting(have64.flags) == lasting(want64.flags) &&
	       bytes_equal(have46.in, want46.in, sizeof(have46.in)) && have46.epoch == want46.epoch &&
	       have46.in_port == want46.in_port && have46.sum_addrs == want46.sum_addrs;
}

static bool is_owned(const struct flowcache *f, uint32_t id)
{
	const struct flow_entry *e = &f->entries[id];
	uint64_t owner = flow_owner(f->worker, id);

	return flow_owner_at(&f->claims->table[FLOW_KIND_64], e->slot64) == owner &&
	       flow_owner_at(&f->claims->table[FLOW_KIND_46], e->slot46) == owner;
}

static bool entry_is_right(const struct flowcache *f, uint32_t id)
{
	const struct flow_entry *e = &f->entries[id];
	const struct session *s = state_session(f->n->state, id);
	bool is_marked = s && s->cached == SESSION_IS_CACHED;

	switch (e->stage) {
	case FLOW_STAGE_NONE:
		return !is_marked;
	case FLOW_STAGE_LIVE:
		return !e->is_orphan && is_owned(f, id) && slot_is_right(f, id);
	default:
		return e->is_orphan != is_marked && is_owned(f, id) &&
		       flow_epoch_at(&f->claims->table[FLOW_KIND_64], e->slot64) == 0 &&
		       flow_epoch_at(&f->claims->table[FLOW_KIND_46], e->slot46) == 0;
	}
}

static uint32_t count_owned(const struct flowcache *f, enum flow_kind kind)
{
	const struct flow_table *t = &f->claims->table[kind];
	uint32_t owned = 0;

	for (uint32_t slot = 0; slot < flow_slots(t); slot++)
		owned += flow_owner_is(flow_owner_at(t, slot), f->worker);
	return owned;
}

bool flowcache_validate(const struct flowcache *f)
{
	uint32_t live = 0, ending = 0, queued = 0;

	if (!f)
		return true;
	for (uint32_t id = 0; id < f->max; id++) {
		if (!entry_is_right(f, id))
			return false;
		live += f->entries[id].stage == FLOW_STAGE_LIVE;
		ending += f->entries[id].stage == FLOW_STAGE_ENDING;
	}
	for (uint32_t id = f->first; id != STATE_END && queued <= ending; id = f->entries[id].next)
		queued++;
	return live == f->count.flows && queued == ending && count_owned(f, FLOW_KIND_64) == live + ending &&
	       count_owned(f, FLOW_KIND_46) == live + ending && flowpairs_validate(f);
}
