/*
 * loan.h - what workers with one pool lend each other: free blocks, and room for sessions
 *
 * Each worker begins with an equal part of the pool and of max_sessions. One that runs low asks all others, each answers
 * with some of what it has to spare, and that is the asker's from then on; so a single busy subscriber can come to use
 * nearly everything, and no subscriber is refused while another worker has a free block of its pool. Only free blocks
 * change hands, and what is on its way counts for nobody, so the gateway's limits hold at every moment.
 *
 *	runs low --> asks --> all have answered (or LOAN_PATIENCE is over) --> got some: may ask again
 *	                                                                  \--> got nothing: asks again after LOAN_PAUSE
 *
 * While a worker has not been told by all others that they have nothing, a packet that wants what is lacking is dropped in
 * silence (DROP_AWAITS_WORKER) and its sender tries again; only then it is refused as RFC 6146 says. The messages are made
 * and read here; who calls carries them.
 */
#ifndef ISTHMUS_STATE_LOAN_H
#define ISTHMUS_STATE_LOAN_H

#include "state/state.h"

#define LOAN_BLOCKS 16		   /* blocks in one answer */
#define LOAN_LOW 2		   /* free blocks of a pool at which a worker asks ahead of need */
#define LOAN_PATIENCE (100 * MSEC) /* until an answer that did not come is not waited for any more */
#define LOAN_PAUSE (100 * MSEC)	   /* between two questions for what nobody had */

/* How much something is wanted. */
enum loan_want { LOAN_NOTHING, LOAN_AHEAD, LOAN_URGENT };

struct loan_ask {
	uint8_t blocks[STATE_POOLS_MAX]; /* enum loan_want, by pool */
	uint8_t sessions;
};

struct loan_give {
	uint32_t sessions;
	unsigned blocks_len;
	struct {
		struct addr4 addr;
		uint16_t port; /* any of the block's */
	} blocks[LOAN_BLOCKS];
};

/* One message between two workers. */
struct state_loan {
	bool is_ask;
	union {
		struct loan_ask ask;
		struct loan_give give;
	};
};

/**
 * state_loan_ask() - whether to ask the other workers for something now
 * @ret:	to be sent to each of them; untouched if not
 *
 * The caller says with state_loan_asked() how many it could be sent to.
 */
bool state_loan_ask(struct state *s, nsec now, struct state_loan *ret);
void state_loan_asked(struct state *s, unsigned workers, nsec now);

/** state_loan_answer() - answer another worker's question; what *ret holds is not this worker's any more */
void state_loan_answer(struct state *s, const struct loan_ask *ask, unsigned worker, struct state_loan *ret);

/** state_loan_take() - an answer has come */
void state_loan_take(struct state *s, const struct loan_give *give, nsec now);

/** state_loan_keep() - an answer could not be sent: what it holds is this worker's again */
void state_loan_keep(struct state *s, const struct loan_give *give);

#endif
