/* show_fastpath.h - what the kernel's programs have translated, in the answers of the translator's process */
#ifndef ISTHMUS_CMD_SHOW_FASTPATH_H
#define ISTHMUS_CMD_SHOW_FASTPATH_H

#include "nat64/flowcache.h"

#include <jansson.h>

struct reply;

struct fastpath_sums {
	bool is_on;
	struct flow_tallies tallies;	  /* of all workers and processors */
	struct flowcache_counters caches; /* of all workers */
	uint32_t room;			  /* flows that the tables could hold */
};

/** fastpath_sum() - add what is known at one worker; on its thread */
void fastpath_sum(struct fastpath_sums *s, const struct nat64 *n);

/** fastpath_count() - add the packets that the programs have translated to those that came to the translator; once */
void fastpath_count(const struct fastpath_sums *s, struct nat64_counters *to);

/** fastpath_status() - for `status`: how full the tables are; null without */
json_t *fastpath_status(const struct fastpath_sums *s);

/** fastpath_rows() - for `counters`; none without tables */
void fastpath_rows(const struct fastpath_sums *s, struct reply *r);

#endif
