/*
 * lane.h - one thread of the relays, and what everything that runs on it finds there
 *
 * Nothing of a lane is touched by another thread, but its counters are read. What is common to all lanes (limits,
 * the health of targets) says so.
 */
#ifndef ISTHMUS_RELAY_LANE_H
#define ISTHMUS_RELAY_LANE_H

#include "loop/loop.h"
#include "relay/config.h"

#include <stdatomic.h>

struct lane_counters {
#define COUNTER(name, text) atomic_ulong name;
#include "relay/counters.def"
#undef COUNTER
};

/** LANE_COUNT() - count one event of counters.def; LANE_ADD() - so many. A lane is the only writer of its counters */
#define LANE_ADD(lane, name, n)                                                                              \
	atomic_store_explicit(&(lane)->counters.name,                                                        \
		atomic_load_explicit(&(lane)->counters.name, memory_order_relaxed) + (unsigned long)(n),     \
		memory_order_relaxed)
#define LANE_COUNT(lane, name) LANE_ADD(lane, name, 1)

struct lane {
	unsigned number;
	struct loop *loop;
	struct edges *edges;	   /* edges.h: tells streams that they are ready */
	struct names *names;	   /* names.h: asks for addresses */
	struct families *families; /* families.h: which family of which destination has failed lately */
	struct buffers *buffers;   /* buffers.h: what bytes wait in */
	struct pipes *pipes;	   /* pipes.h: what bulk goes through */
	struct limits *limits;	   /* limits.h: common to all lanes */
	struct own *own;	   /* own.h: addresses of this gateway; common to all lanes */
	struct targets *targets;   /* targets.h: what is known of them; common to all lanes */
	struct certificates *certificates; /* certificates.h: shown to clients; common to all lanes */
	const struct lent46
		*lent; /* addr/lent46.h: IPv4 addresses that stand for IPv6 hosts; NULL: there are none */
	const struct relay_config *config; /* in force for new connections */
	struct visit *visits;		   /* visit.h: whoever is there, the newest first */
	unsigned visits_len;
	struct service *services; /* service.h: of the configuration in force, and retired ones with visits */
	struct lane_counters counters;
};

/**
 * lane_init() - make what every lane has: loop, edges, buffers, pipes; the rest is left as it is (relay.c adds it)
 * @l:	zeroed
 *
 * Return: 0; -errno, with @l as lane_fini() wants it
 */
MUST_CHECK int lane_init(struct lane *l, unsigned number);
void lane_fini(struct lane *l); /* what lane_init() made; a zeroed one is fine */

/** lane_counter_at() - the counter of a number, its name and text; false if there is no such number. Any thread */
bool lane_counter_at(const struct lane *l, unsigned number, const char **ret_name, const char **ret_text,
	unsigned long *ret_value);

#endif
