/*
 * adopt.c - see adopt.h
 *
 * A record is looked at whole before anything is touched (@find_fault), so that a refusal leaves no trace; then it is
 * entered by the same steps as a packet's session, but with the port that it had.
 *
 * What is not saved: sessions that filtering holds back, fragments, SYNs that wait, and what the FTP ALG remembers. They live
 * for seconds, or cannot be told by value.
 *
 * Lifetimes. What is left is the record's, but no more than the configuration gives to its kind; so neither a changed
 * configuration nor a made-up record makes a session that never ends.
 *
 * DEVIATION: RFC 6888 REQ-8: blocks that were free are in a new order, so that one that was returned just before may be lent
 * again at once.
 */
#include "state/adopt.h"

#include "state/other.h"
#include "state/owner.h"
#include "state/quota.h"
#include "state/tables.h"

#define ROOM_SHARE 4	/* a worker without room for a session gets one part in so many of another's */
#define TELL_SLOTS                                                                                           \
	256 /* sessions that one state_tell_adopted() looks at: they fit into the smallest ring of a log */

static const struct {
	const char *name, *text;
} adoptions[ADOPTION_COUNT] = {
	[ADOPTION_DONE] = { "done", "it goes on" },
#define ADOPTION(name, word, text) [ADOPTION_##name] = { word, text },
#include "state/adoptions.def"
#undef ADOPTION
};

const char *adoption_name(enum adoption a)
{
	return adoptions[a].name;
}

const char *adoption_text(enum adoption a)
{
	return adoptions[a].text;
}

/* --- out of the tables --- */

/* Waits for a connection that an ALG has heard announced; see expect.c. */
static bool is_waiting(const struct state_record *r)
{
	return r->proto == PROTO_TCP && r->remote_port == 0;
}

static bool ports_make_sense(const struct state_record *r)
{
	if (r->proto == PROTO_OTHER)
		return r->in_port == r->out_port && r->remote_port == 0 && state_can_carry(r->out_port);
	if (r->proto == PROTO_ICMP)
		return r->remote_port == 0;
	return r->out_port != 0;
}

bool state_record_validate(const struct state_record *r)
{
	if (r->proto >= PROTO_KINDS || r->prefix >= STATE_PREFIXES_MAX || r->guard > GUARD_NARROW ||
		!ports_make_sense(r))
		return false;
	if (r->guard != GUARD_NONE && (r->proto != PROTO_TCP || r->is_static))
		return false;
	if (r->proto != PROTO_TCP)
		return r->tcp == TCP_NONE;
	return r->tcp > TCP_CLOSED && r->tcp < TCP_STATE_COUNT && (!is_waiting(r) || r->tcp == TCP_V4_INIT);
}

bool state_record_of(const struct state *s, const struct session *e, nsec now, struct state_record *ret)
{
	const struct binding *b = &s->bindings.at[e->binding].b;

	if (e->is_filtered || e->expires <= now)
		return false;
	*ret = (struct state_record){
		.proto = b->proto,
		.prefix = b->prefix,
		.is_static = b->is_static,
		.guard = b->guard,
		.tcp = e->tcp,
		.in = b->in,
		.in_port = b->in_port,
		.out = b->out,
		.out_port = b->out_port,
		.remote = e->remote,
		.remote_port = e->remote_port,
		.left = e->expires - now,
		.age = now > e->created ? now - e->created : 0,
		.pkts_64 = e->pkts_64,
		.pkts_46 = e->pkts_46,
		.bytes_64 = e->bytes_64,
		.bytes_46 = e->bytes_46,
	};
	return true;
}

/* --- whether it may come in --- */

/* Where a record finds its place, or why not. */
struct place {
	uint32_t binding; /* NONE: is to be made */
	uint32_t row;	  /* of a new binding with ports */
};

/* The block that holds the port is, or may become, the subscriber's. */
static enum adoption find_block_fault(const struct state *s, const struct state_record *r, uint32_t row)
{
	const struct row *at = &s->pool.rows[row];
	uint32_t sub = subscriber_find(&s->subscribers, r->in);
	uint32_t block = pool_lent_at(&s->pool, row, r->out_port);
	struct fixed_block fixed;

	if (at->pool != fixed_pool_of(&s->config, r->in))
		return ADOPTION_POOL;
	if (fixed_block_at(&s->config, r->out, r->out_port, &fixed) &&
		!prefix6_contains(fixed.subscriber, r->in))
		return ADOPTION_POOL;
	if (block != NONE)
		return s->pool.blocks[block].owner == sub &&
				       port_is_free(&s->pool, block, r->proto, r->out_port)
			       ? ADOPTION_DONE
			       : ADOPTION_IN_USE;
	if (sub != NONE && s->subscribers.at[sub].blocks >= s->config.max_blocks_per_subscriber)
		return ADOPTION_LIMIT;
	return ADOPTION_DONE;
}

static enum adoption find_binding_fault(
	const struct state *s, const struct state_record *r, struct place *place)
{
	bool is_known = subscriber_find(&s->subscribers, r->in) != NONE;

	if (r->is_static)
		return ADOPTION_STATIC;
	if (slots_is_full(&s->bindings.slots) || (!is_known && slots_is_full(&s->subscribers.slots)))
		return ADOPTION_FULL;
	if (r->proto == PROTO_OTHER)
		return other_find_fault(s, r->in, r->out, r->out_port);
	place->row = pool_row_at(&s->pool, r->out, r->out_port);
	return place->row == NONE ? ADOPTION_POOL : find_block_fault(s, r, place->row);
}

/* Of an existing binding both sides must be the record's. */
static enum adoption find_session_fault(const struct state *s, const struct state_record *r, uint32_t id)
{
	if (r->is_static && !s->bindings.at[id].b.is_static)
		return ADOPTION_STATIC;
	return session_find(&s->sessions, id, r->remote, r->remote_port) == NONE ? ADOPTION_DONE
										 : ADOPTION_IN_USE;
}

static enum adoption find_fault(const struct state *s, const struct state_record *r, struct place *place)
{
	const struct binding_table *t = &s->bindings;

	if (!state_record_validate(r))
		return ADOPTION_UNSOUND;
	if (r->left == 0)
		return ADOPTION_EXPIRED;
	uint32_t by6 = binding_find6(t, r->proto, r->prefix, r->in, r->in_port);
	uint32_t by4 = binding_find4(t, r->proto, r->out, r->out_port);

	place->binding = by6;
	enum adoption a = by6 != by4	? ADOPTION_IN_USE
			  : by6 != NONE ? find_session_fault(s, r, by6)
					: find_binding_fault(s, r, place);

	if (a == ADOPTION_DONE && sessions_are_full(s))
		return ADOPTION_FULL;
	if (a == ADOPTION_DONE && quota_refuses(s, r->in) != DROP_NONE)
		return ADOPTION_LIMIT;
	return a;
}

/* --- into the tables --- */

static enum lifetime lifetime_of(const struct state_record *r)
{
	static const enum lifetime of_proto[PROTO_KINDS] = {
		[PROTO_TCP] = LIFETIME_TCP_TRANSITORY,
		[PROTO_UDP] = LIFETIME_UDP,
		[PROTO_ICMP] = LIFETIME_ICMP,
		[PROTO_OTHER] = LIFETIME_OTHER,
	};

	/* RFC 6146 s3.5.2.2: with a FIN of one side only, the other one's data goes on as before. */
	if (tcp_is_open(r->tcp))
		return LIFETIME_TCP_ESTABLISHED;
	return of_proto[r->proto];
}

static struct binding binding_of(const struct state_record *r)
{
	return (struct binding){
		.proto = r->proto,
		.prefix = r->prefix,
		.guard = r->guard,
		.in = r->in,
		.in_port = r->in_port,
		.out = r->out,
		.out_port = r->out_port,
	};
}

/* find_fault() has found the block free or the subscriber's; false all the same if it is another worker's. */
static bool enter_binding(struct state *s, const struct state_record *r, struct place *place)
{
	struct subscriber_table *subs = &s->subscribers;
	const struct binding b = binding_of(r);
	uint32_t sub = subscriber_find(subs, r->in), block = NONE;

	if (r->proto != PROTO_OTHER && !pool_has(&s->pool, place->row, r->out_port))
		return false;
	if (sub == NONE)
		sub = subscriber_new(subs, r->in);
	if (r->proto == PROTO_OTHER) {
		place->binding = other_enter(s, &b, sub);
		return true;
	}
	bool is_taken = subscriber_take_static(subs, sub, r->proto, place->row, r->out_port, &block);

	ASSERT(is_taken); /* each of its conditions is one of find_block_fault() */
	place->binding = binding_add(&s->bindings, &b, block, slots_lowest(&s->sessions.slots));
	s->bindings_made++;
	return true;
}

static void enter_session(struct state *s, const struct state_record *r, uint32_t binding, nsec now)
{
	nsec most = s->config.lifetime[lifetime_of(r)];
	struct session e = {
		.binding = binding,
		.remote = r->remote,
		.remote_port = r->remote_port,
		.tcp = r->tcp,
		.expires = now + (r->left < most ? r->left : most),
		.created = now > r->age ? now - r->age : 0,
		.pkts_64 = r->pkts_64,
		.pkts_46 = r->pkts_46,
		.bytes_64 = r->bytes_64,
		.bytes_46 = r->bytes_46,
	};

	(void)state_session_begin(s, &e);
}

enum adoption state_adopt(struct state *s, const struct state_record *r, nsec now)
{
	void (*const tell)(void *ctx, const struct state_event *e) = s->watch.to.event;
	struct place place;
	enum adoption a = find_fault(s, r, &place);

	if (a != ADOPTION_DONE)
		return a;
	s->watch.now = now;
	s->watch.to.event = NULL;
	if (place.binding != NONE || enter_binding(s, r, &place))
		enter_session(s, r, place.binding, now);
	else
		a = ADOPTION_IN_USE;
	s->watch.to.event = tell;
	return a;
}

uint32_t state_record_session(const struct state *s, const struct state_record *r)
{
	uint32_t id = binding_find6(&s->bindings, r->proto, r->prefix, r->in, r->in_port);

	if (id == NONE || id != binding_find4(&s->bindings, r->proto, r->out, r->out_port))
		return STATE_END;
	return session_find(&s->sessions, id, r->remote, r->remote_port);
}

/* --- among workers --- */

/* The rest of the gateway's max_sessions stands with those who have not used their part. */
static void move_room(struct state *const *all, unsigned len, struct state *to)
{
	struct state *from = to;
	uint32_t most = 0;

	for (unsigned i = 0; i < len; i++) {
		uint32_t used = all[i]->sessions.slots.used;
		uint32_t left = used < all[i]->sessions_max ? all[i]->sessions_max - used : 0;

		if (left > most) {
			most = left;
			from = all[i];
		}
	}
	uint32_t part = (most + ROOM_SHARE - 1) / ROOM_SHARE;

	from->sessions_max -= part;
	to->sessions_max += part;
}

static bool move_block(struct state *const *all, unsigned from, unsigned to, const struct state_record *r)
{
	const struct owners *o = all[to]->config.owners;
	uint32_t row = pool_row_at(&all[from]->pool, r->out, r->out_port);

	if (!pool_part_with_at(&all[from]->pool, row, r->out_port))
		return false;
	bool is_moved = owner_move_block(o, r->out, r->out_port, to);

	(void)pool_receive(&all[is_moved ? to : from]->pool, r->out, r->out_port);
	all[from]->blocks_given += is_moved;
	return is_moved;
}

enum adoption state_adopt_among(
	struct state *const *all, unsigned len, const struct state_record *r, nsec now)
{
	const struct owners *o = all[0]->config.owners;
	struct place place;

	if (!o || len == 1 || !state_record_validate(r))
		return state_adopt(all[0], r, now);
	unsigned to = r->proto == PROTO_OTHER ? owner_of_protocol(o, (uint8_t)r->out_port)
					      : owner_of_subscriber(o, r->in);
	unsigned from = r->proto == PROTO_OTHER ? to : owner_of_block(o, r->out, r->out_port);

	if (sessions_are_full(all[to]))
		move_room(all, len, all[to]);
	enum adoption a = find_fault(all[to], r, &place);

	if (a != ADOPTION_DONE)
		return a;
	if (from != to && !move_block(all, from, to, r))
		return ADOPTION_IN_USE;
	return state_adopt(all[to], r, now);
}

/* --- telling --- */

uint32_t state_tell_adopted(struct state *s, uint32_t from, nsec before, nsec now)
{
	const struct session_table *t = &s->sessions;
	uint32_t end = t->slots.high;

	s->watch.now = now;
	for (unsigned n = 0; n < TELL_SLOTS && from < end; n++, from++) {
		const struct session *e = &t->at[from];

		if (!slots_is_live(&t->slots, from) || e->created >= before)
			continue;
		const struct binding *b = &s->bindings.at[e->binding].b;

		/* One of several sessions tells of the binding, too; a reader takes it for what it is. */
		if (!b->is_static)
			watch_binding(&s->watch, STATE_BINDING_MADE, b);
		watch_session(&s->watch, STATE_SESSION_MADE, b, e);
	}
	return from < end ? from : STATE_END;
}
