/* lender.h - a worker's side of lending, inside state/; loan.h explains it */
#ifndef ISTHMUS_STATE_LENDER_H
#define ISTHMUS_STATE_LENDER_H

#include "state/loan.h"

/* One kind of thing that may be lacking: the blocks of one pool, or room for sessions. */
struct lack {
	uint8_t want;	 /* enum loan_want */
	bool was_asked;	 /* in the question that is under way */
	bool was_given;	 /* and somebody has given some */
	nsec none_until; /* until then nobody has any, as far as is known */
};

struct lender {
	unsigned awaited; /* answers to the question under way */
	nsec asked;
	struct lack sessions, blocks[STATE_POOLS_MAX];
	bool is_wanting; /* any want is set */
};

/**
 * lender_refuse() - a flow finds no block, or no room for its session: ask the others before its sender is told
 * @reason:	POOL_EXHAUSTED or SESSIONS_FULL; others are returned as they are
 * @in:		the host that is refused
 *
 * Drops: AWAITS_WORKER unless all others are known to have nothing; else @reason
 */
enum drop_reason lender_refuse(struct state *s, enum drop_reason reason, struct addr6 in, nsec now);

#endif
