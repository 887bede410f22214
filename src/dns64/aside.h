/*
 * aside.h - names that only libunbound can answer (pure)
 *
 * Local names and their reverse names, blocked domains, domains of dns64.forward, and the zones that libunbound answers itself whatever
 * is configured. What is in doubt counts as one of them: libunbound knows.
 */
#ifndef ISTHMUS_DNS64_ASIDE_H
#define ISTHMUS_DNS64_ASIDE_H

#include "dns64/config.h"

struct aside; /* opaque */

MUST_CHECK int aside_new(
	const struct dns64_config *c, uint64_t secret, struct aside **ret); /* 0 or -ENOMEM */
void aside_free(struct aside *a);

/** aside_holds() - whether @n is one of the names, or below one whose whole domain counts */
bool aside_holds(const struct aside *a, const struct dns_name *n);

#endif
