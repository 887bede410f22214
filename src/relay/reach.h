/*
 * reach.h - a connection to one of several targets: whose turn it is first, and then, each when the one before has failed
 * or is not there after a quarter of a second, the others; the first that is connected is it
 */
#ifndef ISTHMUS_RELAY_REACH_H
#define ISTHMUS_RELAY_REACH_H

#include "relay/targets.h"

struct reach_plan {
	struct target_group *group; /* open until done() or reach_cancel() */
	struct target *
		first; /* chosen by the caller, and in @tried; taken over unless reach_start() fails. NULL: whose turn it is */
	nsec timeout;			     /* of all attempts together */
	const struct prefix6 *client_prefix; /* dial.h; NULL: not */
	struct endpoint client;		     /* who it is for */
	uint64_t *
		tried; /* target_choose(): what not to try, and what was tried; as long-lived as the reach. NULL: none */
	/**
	 * done() - not called from reach_start(); the reach is freed. @fd is connected and the callee's, and so is @target,
	 * for target_give() when the connection is over; or -1 and NULL, with the fault of the last attempt. @peer: as in
	 * dial.h
	 */
	void (*done)(
		void *ctx, enum dial_fault fault, int fd, struct target *target, const struct endpoint *peer);
	void *ctx;
};

struct reach; /* opaque */

/** reach_start() - 0; -ENOMEM; -EHOSTUNREACH: every target is in @tried */
MUST_CHECK int reach_start(struct lane *l, const struct reach_plan *plan, struct reach **ret);
void reach_cancel(struct reach *r); /* NULL is fine; done() is not called */

#endif
