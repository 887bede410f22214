/* flushed.h - names whose answers of before must not be used any more, for as long as one of them may live (pure) */
#ifndef ISTHMUS_DNS64_FLUSHED_H
#define ISTHMUS_DNS64_FLUSHED_H

#include "base/clock.h"
#include "dns64/name.h"

#define FLUSHED_MAX 256

enum name_scope { SCOPE_NAME, SCOPE_BELOW /* and the name itself */ };

struct flushed {
	unsigned len;
	struct flushed_name {
		struct dns_name name;
		enum name_scope scope;
		nsec until;
	} at[FLUSHED_MAX];
};

/** name_scope_holds() - whether @n is meant by @name and @scope */
bool name_scope_holds(const struct dns_name *name, enum name_scope scope, const struct dns_name *n);

/**
 * flushed_add() - remember a name until @until
 *
 * What is over at @now is forgotten first; the same name and scope again is no second entry.
 *
 * Return: 0; -ENOSPC if FLUSHED_MAX names are remembered.
 */
MUST_CHECK int flushed_add(
	struct flushed *f, const struct dns_name *name, enum name_scope scope, nsec now, nsec until);

/** flushed_holds() - whether @n is one of the names */
bool flushed_holds(const struct flushed *f, const struct dns_name *n, nsec now);

#endif
