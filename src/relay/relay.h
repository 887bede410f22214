/*
 * relay.h - all services on all threads, as the process that holds them sees it
 *
 * The supervisor opens the listening sockets and reads the files; the role has them here. A new configuration is made
 * whole on the side, and taken by each lane between two events; connections of the old one go on (service.h).
 */
#ifndef ISTHMUS_RELAY_RELAY_H
#define ISTHMUS_RELAY_RELAY_H

#include "base/compiler.h"
#include "loop/loop.h"
#include "relay/lane.h"
#include "relay/service.h"

struct relay; /* opaque */

/* What belongs to a listen address: one bound socket for each thread, in the order of services and of their listen. */
struct relay_plan {
	struct relay_config
		*config; /* its lists are taken over and *config is emptied, unless the call fails; they
					live until the last connection of this configuration has ended */
	const struct lent46 *lent;	   /* lane.h; lives as long as the relay; of relay_new() only */
	struct loop *loop;		   /* of the caller, whose thread is no lane */
	unsigned threads;		   /* lanes */
	const int *sockets;		   /* threads * sum of listen_len; taken over */
	unsigned sockets_len;
};

/** relay_new() - make everything, before the sandbox is entered; 0, -errno with @fault filled */
MUST_CHECK int relay_new(const struct relay_plan *plan, struct relay **ret, char *fault, size_t fault_size);
/** relay_start() - begin to serve: threads; inside the sandbox */
MUST_CHECK int relay_start(struct relay *r);
/**
 * relay_update() - take another configuration, or refuse it whole
 * @plan:	as at the start; threads must be the same. Sockets of addresses that stay are new descriptors of the same
 *		sockets, or new sockets; the old ones are closed after the connections that wait in them were taken
 */
MUST_CHECK int relay_update(struct relay *r, const struct relay_plan *plan, char *fault, size_t fault_size);
/** relay_drain() - stop listening, and let visits end by themselves; @over is called when none is left */
void relay_drain(struct relay *r, void (*over)(void *ctx), void *ctx);
/** relay_lanes() - how many there are; relay_lane(): one of them, whose counters any thread may read */
unsigned relay_lanes(const struct relay *r);
const struct lane *relay_lane(const struct relay *r, unsigned number);
/** relay_each() - call @fn for each lane, on its own thread, one after the other, and wait: to look at visits and services */
void relay_each(struct relay *r, void (*fn)(struct lane *l, void *ctx), void *ctx);

void relay_free(struct relay *r); /* ends all visits; NULL is fine */

#endif
