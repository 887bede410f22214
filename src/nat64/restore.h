/* restore.h - a translator's sessions for the translator that comes after it */
#ifndef ISTHMUS_NAT64_RESTORE_H
#define ISTHMUS_NAT64_RESTORE_H

#include "nat64/flowcache.h"
#include "state/owner.h"
#include "state/save.h"

/* Where nat64_save() is, and what it has done. */
struct nat64_saving {
	uint32_t next;	   /* session; 0 to begin, STATE_END when all have been seen */
	uint64_t left_out; /* FTP control connections that cannot go on without the ALG's memory */
};

/**
 * nat64_save() - the next sessions as records
 * @ret:	their prefix is a number of nat64_save_head()'s
 *
 * Return: how many; 0 does not mean that there are no more.
 * Cost: bounded; a step of a walk over all sessions.
 */
unsigned nat64_save(struct nat64 *n, struct nat64_saving *at, nsec now,
	struct state_record ret[static SAVE_CHUNK_RECORDS]);

/** nat64_save_head() - what nat64_save() of all workers goes with */
struct save_head nat64_save_head(const struct nat64 *n, uint64_t written_ms);

/* The workers of a gateway before any of them runs, and where records come from. */
struct nat64_restoring {
	const struct nat64 *first;
	struct state *states[OWNERS_MAX];
	unsigned len;
	uint8_t prefixes[STATE_PREFIXES_MAX]; /* by the head's number: ours, or STATE_PREFIXES_MAX */
	nsec elapsed;			      /* since the head was written */
	nsec left_max;	   /* of a session; less than a lifetime if it is not known how long the break was */
	bool is_clock_odd; /* that is so: the clock says that the head was written in the future */
};

/**
 * nat64_restore_begin() - get ready to adopt records that go with this head
 * @now_ms:	UTC, milliseconds since 1970
 *
 * If the clock has gone back, nobody knows how long the break was. Then sessions get a transitory lifetime: one that lives has
 * a packet by then, and of a TCP connection the host is asked (RFC 6146 s3.5.2.2).
 */
void nat64_restore_begin(struct nat64_restoring *r, struct nat64 *const *all, unsigned len,
	const struct save_head *h, uint64_t now_ms);

/** nat64_restore() - adopt a record of save_next(), as state_adopt_among() */
MUST_CHECK enum adoption nat64_restore(
	const struct nat64_restoring *r, const struct state_record *record, nsec now);

/* The workers of a gateway before any of them runs, and what came of the flows that another translator had left. */
struct nat64_adopting {
	const struct nat64 *first;
	struct state *states[OWNERS_MAX];
	unsigned len;
	unsigned worker; /* the one at work */
	nsec now;
	uint64_t adopted[ADOPTION_COUNT];
};

/**
 * nat64_adopt_left() - adopt the flows that a translator has left to the kernel's programs when it was killed
 *
 * All of them know their port and their peer, and when a packet passed last; their connections are established. What the
 * programs had not taken over is lost. A session that is there already (it was saved, too) keeps its figures.
 *
 * Cost: one walk over the tables for each worker.
 */
void nat64_adopt_left(struct nat64_adopting *a, struct nat64 *const *all, unsigned len, nsec now);

/** nat64_adopt_flow() - the same with one of them: a flow_adopt_fn, whose @ctx is a struct nat64_adopting */
enum flow_adopt nat64_adopt_flow(void *ctx, const struct flow_left *f, uint32_t *ret_session);

/** nat64_tell_adopted() - as state_tell_adopted() */
uint32_t nat64_tell_adopted(struct nat64 *n, uint32_t from, nsec before, nsec now);

#endif
