/* flowworker.h - inside nat64/: one worker's part of the cache of flows; flowcache.c explains it */
#ifndef ISTHMUS_NAT64_FLOWWORKER_H
#define ISTHMUS_NAT64_FLOWWORKER_H

#include "nat64/flowtable.h"
#include "nat64/pipeline.h"

enum flow_stage {
	FLOW_STAGE_NONE,   /* of this session nothing stands in the tables */
	FLOW_STAGE_LIVE,   /* packets find it, if its epoch is that of the head */
	FLOW_STAGE_ENDING, /* no packet finds it; programs may yet note what they did */
};

/* By number of the session. */
struct flow_entry {
	uint32_t slot64, slot46;
	uint32_t since_ms; /* of the stage; milliseconds modulo 2^32 */
	uint32_t next;	   /* of those that end, the next in order of time; or STATE_END */
	uint16_t epoch;
	uint8_t stage;	/* enum flow_stage */
	bool is_orphan; /* the session is gone */
};

struct pair_counter; /* flowpairs.c */

/* A connection that was entered before it was open. */
struct flow_opening {
	uint32_t session;
	uint32_t since_ms; /* when it was looked at last; milliseconds modulo 2^32 */
};

struct flowcache {
	const struct flow_maps *maps;
	struct flow_claims *claims;
	struct nat64 *n;
	struct flow_entry *entries; /* @max of them */
	uint32_t max;
	uint32_t high;	      /* entries from here on were never used */
	uint32_t first, last; /* of those that end; STATE_END: none */
	struct flow_opening *opening; /* a ring of @max, oldest first; some may be open or gone already */
	uint32_t opening_first, opening_len;
	uint32_t sweep;	      /* entries from here on are to be looked at; STATE_END: none */
	uint32_t epoch;	      /* of this worker's configuration */
	unsigned worker;
	bool is_left;
	nsec begins; /* nothing is entered before: slots may have been emptied a moment ago */
	struct pair_counter *pair_counters;
	uint32_t pair_cursor;
	struct flowcache_counters count;
};

#define FLOW_SOON_PAUSE 16 /* packets until a flow is tried again that may be entered in a moment */

/* --- entries, and what the programs have noted in their slots --- */

static inline uint32_t flow_now_ms(nsec now)
{
	return (uint32_t)(now / MSEC);
}

static inline struct flow_entry *flow_entry_of(const struct flowcache *f, uint32_t session)
{
	return &f->entries[session];
}

static inline const struct flow64_slot *flow_slot64_of(const struct flowcache *f, const struct flow_entry *e)
{
	return &f->maps->flows64[e->slot64 / FLOW_WAYS].way[e->slot64 % FLOW_WAYS];
}

static inline const struct flow46_slot *flow_slot46_of(const struct flowcache *f, const struct flow_entry *e)
{
	return &f->maps->flows46[e->slot46 / FLOW_WAYS].way[e->slot46 % FLOW_WAYS];
}

/** flow_is_opening() - whether a session is not open yet, as far as the TCP machine knows */
static inline bool flow_is_opening(const struct session *e)
{
	return e->tcp == TCP_V6_INIT || e->tcp == TCP_V4_INIT;
}

/** flow_used_at() - when a session's slots were used; 0: never. It has some. */
nsec flow_used_at(const struct flowcache *f, uint32_t session, nsec now);

/** flow_answered_at() - of a session in V4 INIT or V6 INIT that has slots: when a SYN of the other side passed by them; 0: none did */
nsec flow_answered_at(const struct flowcache *f, uint32_t session, enum tcp_state tcp, nsec now);

/** flow_add_noted() - add what the programs have counted of a session that has slots */
void flow_add_noted(const struct flowcache *f, uint32_t session, struct session *to);

/* --- flowcache.c --- */

/** flowcache_new() - make this worker's part, for a translator whose tables are there; n->flows has it */
MUST_CHECK int flowcache_new(struct nat64 *n, const struct flow_maps *m, nsec now);

/** flowcache_free() - take out what is this worker's, unless it is to be left; NULL is fine */
void flowcache_free(struct flowcache *f);

/** flowcache_consider() - enter the flow of a packet that was just accounted for, if it is time */
COLD void flowcache_consider(struct flowcache *f, const struct mapping *m, nsec now);

/** flowcache_see() - what each packet of a session does that the kernel's programs have not translated */
static inline void flowcache_see(struct flowcache *f, const struct mapping *m, nsec now)
{
	uint8_t *wait = &m->session->cached;

	if (*wait == 0)
		flowcache_consider(f, m, now);
	else if (*wait != SESSION_IS_CACHED)
		--*wait;
}

/** flow_may_be_cached() - whether the packets of this session may pass without us, for all that does not change by packets */
bool flow_may_be_cached(const struct nat64 *n, const struct session *e, const struct binding *b);

/** flow_slots_of() - what the tables are to say of a session */
void flow_slots_of(const struct nat64 *n, const struct session *e, const struct binding *b, uint16_t epoch,
	struct flow64_slot *ret64, struct flow46_slot *ret46);

/** flow_is_hairpin() - whether the session's peer is another of our clients (RFC 6146 s3.8) */
bool flow_is_hairpin(const struct nat64 *n, const struct session *e, const struct binding *b);

/** flow_head_of() - what a configuration makes of all slots; keys and epoch are not set */
struct flow_head flow_head_of(const struct nat64 *n);

/** flowcache_validate() - check the entries against the tables and the sessions; slow; NULL is fine */
bool flowcache_validate(const struct flowcache *f);

/* --- flowleave.c --- */

/** flowcache_change() - the pipeline has another configuration: nothing that was decided before counts */
void flowcache_change(struct flowcache *f);

/** flowcache_unveil() - somebody begins to look at packets: with the next ticks his flows come back to us */
void flowcache_unveil(struct flowcache *f);

/** flowcache_is_unveiled() - whether they have: no packet of theirs that comes now is translated without us */
bool flowcache_is_unveiled(const struct flowcache *f);

/** flowcache_tick() - the work that can wait, a bounded amount of it; returns when to call again at the latest */
nsec flowcache_tick(struct flowcache *f, nsec now);

/** flowcache_leave() - take a session's flow out; it is live */
void flowcache_leave(struct flowcache *f, uint32_t session, enum flow_leave why, nsec now);

/** flow_is_looked_at() - whether a trace may be about packets of the session */
bool flow_is_looked_at(const struct nat64 *n, const struct session *e, const struct binding *b);

/**
 * flow_opening_put() - look at a connection again in a moment, which was entered before it was open
 *
 * Without room for that the session's timer finds out, after minutes.
 */
void flow_opening_put(struct flowcache *f, uint32_t session, nsec now);

/* --- flowpairs.c --- */

MUST_CHECK int flowpairs_init(struct flowcache *f);
void flowpairs_fini(struct flowcache *f);

/**
 * flowpairs_see64(), flowpairs_see46() - a packet is translated by its addresses alone, and by nothing that may change without
 * a reload
 * @src, @dst:	as it came
 * @to:		what they become; no ports
 */
void flowpairs_see64(struct flowcache *f, struct addr6 src, struct addr6 dst, struct tuple4 to, nsec now);
void flowpairs_see46(struct flowcache *f, struct addr4 src, struct addr4 dst, struct tuple6 to, nsec now);

/** flowpairs_are_to_leave() - whether there are pairs in the table that a trace is to see */
bool flowpairs_are_to_leave(const struct flowcache *f);

/** flowpairs_tick() - look at some slots, and end what is idle, old, or to be seen by a trace */
void flowpairs_tick(struct flowcache *f, nsec now);

/** flowpairs_validate() - as flowcache_validate() */
bool flowpairs_validate(const struct flowcache *f);

#endif
