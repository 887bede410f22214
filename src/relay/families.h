/*
 * families.h - which family of which destination has failed lately (pure)
 *
 * For ten minutes (RFC 8305 s4's history of previous attempts), in a table of fixed size, where a newer entry takes the
 * place of an older one.
 */
#ifndef ISTHMUS_RELAY_FAMILIES_H
#define ISTHMUS_RELAY_FAMILIES_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "relay/config.h"

struct families; /* opaque */

MUST_CHECK int families_new(
	unsigned slots, const struct hash_key *key, struct families **ret); /* power of two */
void families_free(struct families *f);

/** families_note() - an attempt over a family has failed, or worked, for this host or address and port */
void families_note(struct families *f, const struct relay_target *to, bool is4, bool worked, nsec now);

/** families_is_failing() - whether the last attempt over this family failed, and lately */
bool families_is_failing(const struct families *f, const struct relay_target *to, bool is4, nsec now);

#endif
