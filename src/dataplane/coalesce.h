/* coalesce.h - the kernel joins small datagrams of a flow before they reach the translator (UDP GRO for forwarding) */
#ifndef ISTHMUS_DATAPLANE_COALESCE_H
#define ISTHMUS_DATAPLANE_COALESCE_H

#include "dataplane/journal.h"
#include "dataplane/netlink.h"

/* The longest that an interface may hold packets, in microseconds. */
#define COALESCE_WAIT_MAX_US 1000

struct coalesce_plan {
	bool is_on;
	unsigned
		wait_us; /* 0: an interface holds packets as long as it did before; at most COALESCE_WAIT_MAX_US */
};

struct coalesce_request {
	struct netlink *netlink;
	struct journal *journal;
	const struct coalesce_plan *plan;
	unsigned device; /* interface index of the TUN device, which is left alone */
};

/**
 * coalesce_up() - let every interface that is up join datagrams
 * @ret_interfaces: how many do so now, whoever switched it on
 *
 * An interface that cannot is passed over: it costs speed, nothing else. Changes are recorded.
 *
 * Return: 0; -errno if the interfaces could not be listed or the journal not written.
 * Context: start-up; CAP_NET_ADMIN.
 */
MUST_CHECK int coalesce_up(const struct coalesce_request *q, unsigned *ret_interfaces);

/** coalesce_undo() - put one recorded change (CHANGE_FEATURE, CHANGE_NAPI) back, unless somebody else has made another */
void coalesce_undo(const struct change *c);

#endif
