/*
 * habit.h - whether names of a zone usually have AAAA records, by what was seen of late (pure)
 *
 * Asking for A beside AAAA spares clients of IPv4-only names a round trip, and costs a question that nobody needs for
 * every name that has AAAA records, or does not exist. Most zones are of one kind, so the last answers tell which it is.
 * A wrong guess costs one round trip once, or one question; it never changes an answer.
 *
 * A zone is the name without its first label, or the whole name if only one label would be left. There is no table of zones,
 * but a small counter for each hash: zones that share one share its guess.
 */
#ifndef ISTHMUS_DNS64_HABIT_H
#define ISTHMUS_DNS64_HABIT_H

#include "base/hash.h"
#include "dns64/name.h"

#define HABIT_SLOTS 16384 /* a power of two */
#define HABIT_FIRM 2 /* that many names in a row without need of A, and the next is thought to need none */

struct habits {
	struct hash_key key;		/* secret, so that nobody can aim at another zone's counter */
	uint8_t without_a[HABIT_SLOTS]; /* names in a row, at most HABIT_FIRM */
};

/** habit_needs_a() - whether A is to be asked for together with AAAA; true for a zone of which nothing is known */
bool habit_needs_a(const struct habits *h, const struct dns_name *name);

enum habit_seen {
	SAW_NO_NEED_OF_A, /* AAAA records, or no such name */
	SAW_NEED_OF_A,
};

/** habit_note() - take note of what became of a AAAA query */
void habit_note(struct habits *h, const struct dns_name *name, enum habit_seen seen);

#endif
