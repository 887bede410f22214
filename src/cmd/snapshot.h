/* snapshot.h - what all processes of the gateway said about themselves at one moment */
#ifndef ISTHMUS_CMD_SNAPSHOT_H
#define ISTHMUS_CMD_SNAPSHOT_H

#include <jansson.h>
#include <stdbool.h>

enum snapshot_id {
	SNAPSHOT_SUPERVISOR,
	SNAPSHOT_TRANSLATOR,
	SNAPSHOT_RESOLVER,
	SNAPSHOT_RELAY,
	SNAPSHOT_TUNNEL,
	SNAPSHOT_COUNT
};

/* What one process said. */
struct snapshot_part {
	bool is_wanted;	  /* it runs, says the configuration */
	bool is_up;	  /* it answered everything in time */
	json_t *status;	  /* the row of `status`; NULL if there is none; owned */
	json_t *counters; /* the rows of `counters`, an array; NULL if there is none; owned */
};

struct snapshot {
	struct snapshot_part parts[SNAPSHOT_COUNT];
};

/** snapshot_name() - "supervisor", "translator", "resolver", "relay", "tunnel" */
const char *snapshot_name(enum snapshot_id id);

/** snapshot_counter() - the value of a counter, 0 if there is none of this group and name */
json_int_t snapshot_counter(const struct snapshot_part *p, const char *group, const char *name);

/** snapshot_fini() - free what was said; a zeroed snapshot is fine */
void snapshot_fini(struct snapshot *s);

#endif
