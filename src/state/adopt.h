/*
 * adopt.h - sessions that outlive their tables: taken out as records, and entered into other tables as if they had begun there
 *
 * A record holds a session and its binding by value. Whoever keeps it (a file, see save.h; a table that others share with
 * us) may hand it to a translator with another configuration, another number of workers and another clock: what that one
 * does not allow is refused, for a reason that is counted.
 */
#ifndef ISTHMUS_STATE_ADOPT_H
#define ISTHMUS_STATE_ADOPT_H

#include "state/state.h"

/* A session with its binding. Invariants: see state_record_validate(). */
struct state_record {
	enum proto proto;
	uint8_t prefix; /* of the translation prefixes, as flow64's; of a binding that is static 0 */
	bool is_static; /* the operator wrote the binding down */
	uint8_t guard;	/* enum guard, of the binding */
	enum tcp_state tcp;
	struct addr6 in;
	uint16_t in_port;
	struct addr4 out;
	uint16_t out_port;
	struct addr4 remote;
	uint16_t remote_port;
	nsec left; /* until it expires */
	nsec age;  /* since it was created */
	uint64_t pkts_64, pkts_46, bytes_64, bytes_46;
};

/* What became of a record. */
enum adoption {
	ADOPTION_DONE,
#define ADOPTION(name, word, text) ADOPTION_##name,
#include "state/adoptions.def"
#undef ADOPTION
	ADOPTION_COUNT
};

/** adoption_name(), adoption_text() - one word for counters ("pool"), and what it means */
const char *adoption_name(enum adoption a);
const char *adoption_text(enum adoption a);

/** state_record_validate() - whether the fields of a record make sense, in whatever configuration */
bool state_record_validate(const struct state_record *r);

/**
 * state_record_of() - the record of a session
 * @e:		of the tables, or a copy of it with later figures
 *
 * Return: true; false with *ret untouched if it is not to outlive its tables: it is due, or filtering holds it back.
 */
bool state_record_of(const struct state *s, const struct session *e, nsec now, struct state_record *ret);

/**
 * state_adopt() - enter a session, and its binding if that is not there yet, as if packets had made them
 * @s:		of several workers the one that owns the subscriber; its blocks must be its own: else state_adopt_among()
 *
 * The very block, port and state; a lifetime beyond the configured one is cut to that. Whoever is told of events is not
 * told of this: state_tell_held() and state_tell_adopted() do, in time.
 *
 * Spec:   RFC 6888 REQ-8(D), RFC 6146 s3.1
 * Return: ADOPTION_DONE, or why not; nothing is changed then. What fails state_record_validate() is ADOPTION_UNSOUND.
 * Cost:   of a new session; with a new block also a search of its row's free blocks. Allocates nothing.
 */
MUST_CHECK enum adoption state_adopt(struct state *s, const struct state_record *r, nsec now);

/**
 * state_adopt_among() - the same among several workers, before any of them runs
 * @all:	their tables, @len of them, by number
 *
 * The record goes to the worker that owner.h names. A block that is another one's by the rules is moved, free as it still is,
 * and room for sessions too, as if they had been lent (loan.h).
 */
MUST_CHECK enum adoption state_adopt_among(
	struct state *const *all, unsigned len, const struct state_record *r, nsec now);

/** state_record_session() - the session that a record would be, as state_session() numbers it; STATE_END if there is none */
uint32_t state_record_session(const struct state *s, const struct state_record *r);

/**
 * state_tell_adopted() - tell the watcher of the bindings and sessions that there are, as its detail says, as made
 * @from:	as state_tell_held(), which tells of the blocks
 * @before:	sessions that began later are left out, they have been told
 */
uint32_t state_tell_adopted(struct state *s, uint32_t from, nsec before, nsec now);

#endif
