/* trial.h - a first question of our own, to tell the operator early that the upstream is no use for validation */
#ifndef ISTHMUS_DNS64_TRIAL_H
#define ISTHMUS_DNS64_TRIAL_H

#include "dns64/engine.h"

/* What the last trial found. */
enum trial_outcome {
	TRIAL_NONE,   /* no answer yet */
	TRIAL_GOOD,   /* the root's name servers came with signatures that hold */
	TRIAL_BOGUS,  /* they came without, or with wrong ones: nothing can be validated */
	TRIAL_SILENT, /* no answer */
};

/** trial_name() - "untried", "works", "fails" or "no answer" */
const char *trial_name(enum trial_outcome outcome);

struct trial {
	struct engine *engine;
	struct engine_ask ask;
	struct loop_watch *again;
	enum trial_outcome outcome;
};

/**
 * trial_start() - ask for the name servers of the root now, and again every minute until they come validated
 * @t:	zeroed; may not move until trial_stop()
 *
 * Every change of the outcome is one line in the log.
 *
 * Return: 0; -ENOMEM.
 */
MUST_CHECK int trial_start(struct trial *t, struct engine *e, struct loop *l);
void trial_stop(struct trial *t); /* a zeroed one is fine */

#endif
