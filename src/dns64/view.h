/* view.h - which policy a client gets (pure) */
#ifndef ISTHMUS_DNS64_VIEW_H
#define ISTHMUS_DNS64_VIEW_H

#include "dns64/config.h"

/**
 * view_of() - the number of a client's policy: 0, or 1 + index of the view whose prefix of the client is longest
 *
 * Cost: looks at every prefix of every view.
 */
unsigned view_of(const struct dns64_config *c, const struct endpoint *client);

/** view_of_prefix() - the same for all clients in a prefix that no prefix of the configuration divides further */
unsigned view_of_prefix(const struct dns64_config *c, const struct prefix *clients);

/** view_allows_prefix() - whether all clients in such a prefix are allowed to ask; else none is */
bool view_allows_prefix(const struct dns64_config *c, const struct prefix *clients);

/** view_policy() - the policy of that number; it lives as long as @c */
static inline const struct dns64_policy *view_policy(const struct dns64_config *c, unsigned number)
{
	return number == 0 ? &c->policy : &c->views[number - 1].policy;
}

/** view_fault() - why a policy or a view cannot be used, or NULL; conf/ has checked the same before */
const char *view_fault(const struct dns64_config *c);

#endif
