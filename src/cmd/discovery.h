/*
 * discovery.h - learning the NAT64 prefix of the network: the sockets and timers around pref64/
 *
 * Lives in the translator's process, on its event loop.
 */
#ifndef ISTHMUS_CMD_DISCOVERY_H
#define ISTHMUS_CMD_DISCOVERY_H

#include "conf/conf.h"
#include "loop/loop.h"

#include <jansson.h>

struct discovery; /* opaque */

struct discovery_plan {
	struct loop *loop;
	const struct conf_clat *clat; /* the effective one; copied */
	int adverts; /* raw ICMPv6 socket: router advertisements of the uplink come in, solicitations go out */
	int queries;		    /* UDP socket of both families, for DNS */
	void (*changed)(void *ctx); /* discovery_prefix() gives something else now */
	void *ctx;
};

/** discovery_new() - begin; sockets are borrowed; 0 or -errno. Context: before the sandbox (draws a seed) */
MUST_CHECK int discovery_new(const struct discovery_plan *p, struct discovery **ret);
void discovery_free(struct discovery *d); /* NULL is fine */

/** discovery_update() - the configuration, the uplink or its address changed; calls changed() if need be */
void discovery_update(struct discovery *d, const struct conf_clat *clat);

/** discovery_prefix() - the prefix to use; false, with *ret untouched, if none is known */
bool discovery_prefix(const struct discovery *d, struct prefix6 *ret);

/** discovery_row() - for `status` (docs/control.md): the prefix, from whom, for how long, and counts */
json_t *discovery_row(const struct discovery *d);

#endif
