/*
 * flowcache.h - flows that the kernel's programs translate without us: writing them down for bpf/flow.bpf.c, and taking them back
 *
 * The tables lie in memory that the supervisor made (bpf/abi.h says what they hold); here it is memory and nothing else. All
 * workers of a process write to the same tables; each slot has an owner.
 */
#ifndef ISTHMUS_NAT64_FLOWCACHE_H
#define ISTHMUS_NAT64_FLOWCACHE_H

#include "abi.h"
#include "nat64/nat64.h"

struct flow_claims; /* opaque: who owns which slot; in the process's own memory */

/*
 * The tables as they are mapped; borrowed as long as any worker lives. Counts of sets are powers of two. What a table has no
 * room for is simply never entered: with sets64 or sets46 zero no flow with state is, with pair_sets zero none without.
 */
struct flow_maps {
	struct flow64_set *flows64;
	uint32_t sets64;
	struct flow46_set *flows46;
	uint32_t sets46;
	struct flow_pair_set *pairs;
	uint32_t pair_sets;
	struct flow_head *head; /* keys come with it; all else is ours */
	const struct flow_tallies *tallies;
	uint32_t processors;	    /* elements of @tallies */
	struct flow_claims *claims; /* of flow_claims_new() */
};

/* What becomes of the flows that stand in the tables when a translator begins. */
enum flow_start {
	FLOW_START_EMPTY, /* they end at once */
	FLOW_START_ADOPT, /* they go on until flowcache_adopt() and flow_claims_settle() have looked at them */
};

/**
 * flow_claims_new() - what the workers of a process share beside the tables; sets @m->claims
 * @m:		all else is set
 *
 * Notes what the programs have counted so far, so that flow_totals() begins at zero.
 *
 * Return: 0; -ENOMEM; -EINVAL if a number of sets is no power of two.
 * Cost: with FLOW_START_EMPTY a walk over all slots.
 * Context: before the first nat64_new() with @m.
 */
MUST_CHECK int flow_claims_new(struct flow_maps *m, enum flow_start start);

/** flow_claims_settle() - after the last worker has adopted: what belongs to nobody ends */
void flow_claims_settle(struct flow_maps *m);

/** flow_claims_free() - after the last nat64_free(); the tables stay as they are */
void flow_claims_free(struct flow_maps *m);

/**
 * flow_totals() - what the programs have counted since flow_claims_new(), all processors together
 *
 * Our own counters begin at zero with the process too. So a sum of both never falls while the process lives, and one that
 * begins anew begins at zero; what was translated while no translator lived is in no sum. flow_totals_ever() has it.
 */
void flow_totals(const struct flow_maps *m, struct flow_tallies *ret);

/** flow_totals_ever() - the same since the tables were made */
void flow_totals_ever(const struct flow_maps *m, struct flow_tallies *ret);

/* Why flows left the tables, or did not come in. */
enum flow_leave {
	FLOW_LEAVE_END,	    /* the session ended */
	FLOW_LEAVE_TCP,	    /* the connection is not established any more */
	FLOW_LEAVE_CONFIG,  /* another configuration */
	FLOW_LEAVE_TRACE,   /* somebody looks at it: isthmus trace */
	FLOW_LEAVE_EVICTED, /* its place was wanted, and it was idle */
	FLOW_LEAVE_COUNT
};

/* One worker's. */
struct flowcache_counters {
	uint64_t entered;
	uint64_t adopted; /* of a translator before this one */
	uint64_t left[FLOW_LEAVE_COUNT];
	uint64_t full; /* flows that found no place; they try again */
	uint64_t pairs_entered, pairs_left, pairs_full;
	uint32_t flows; /* now in the tables, sessions */
	uint32_t pairs; /* the same, address pairs; one for each direction */
};

/** flow_leave_name() - "end", "tcp", "config", "trace", "evicted" */
const char *flow_leave_name(enum flow_leave why);

/* A flow that a translator before this one has left in the tables. */
struct flow_left {
	enum proto proto;
	uint8_t prefix; /* its number in the present configuration, as struct binding has it */
	struct addr6 in;
	uint16_t in_port;
	struct addr4 out;
	uint16_t out_port;
	struct addr4 remote;
	uint16_t remote_port; /* of ICMP 0 */
	nsec used;	      /* when a packet last passed; 0: none did */
	/* Since it was entered; whoever takes the flow adds them. */
	uint64_t pkts_64, bytes_64, pkts_46, bytes_46;
};

enum flow_adopt {
	FLOW_ADOPT_TAKEN,   /* this worker has the session, *ret_session is its number */
	FLOW_ADOPT_REFUSED, /* the flow is to end */
	FLOW_ADOPT_FOREIGN, /* another worker's: leave it alone */
};

typedef enum flow_adopt (*flow_adopt_fn)(void *ctx, const struct flow_left *f, uint32_t *ret_session);

/*
 * Of a translator whose configuration has no @flows all of these do nothing.
 */

/**
 * nat64_adopt_flows() - look at the flows that another translator has left in the tables
 * @adopt:	is told each flow whose both halves are there, and says what becomes of it; may make sessions
 *
 * Context: at the start, before the first packet, one worker after the other; then flow_claims_settle().
 */
void nat64_adopt_flows(struct nat64 *n, nsec now, flow_adopt_fn adopt, void *ctx);

/** nat64_leave_flows() - nat64_free() is to leave this worker's flows in the tables, for the translator that comes next */
void nat64_leave_flows(struct nat64 *n);

/** nat64_flow_maps() - the tables; NULL: there are none */
const struct flow_maps *nat64_flow_maps(const struct nat64 *n);

/** nat64_flowcache_counters() - of this worker's part of the tables; zeros without */
struct flowcache_counters nat64_flowcache_counters(const struct nat64 *n);

/**
 * nat64_session_now() - a session of the tables as if all of its packets had come to us
 * @ret:	@e with what the programs have counted since it was entered, and with its life by their last packet
 *
 * Return: whether the programs translate its packets now.
 */
bool nat64_session_now(const struct nat64 *n, const struct session *e, nsec now, struct session *ret);

#endif
