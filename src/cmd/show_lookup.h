/* show_lookup.h - the resolver's answer to `isthmus dns lookup`; private to cmd */
#ifndef ISTHMUS_CMD_SHOW_LOOKUP_H
#define ISTHMUS_CMD_SHOW_LOOKUP_H

#include "dns64/resolvers.h"

#include <jansson.h>

/**
 * show_lookup() - explain one query, step by step
 * @args:	"name", "type" (default AAAA), "from" (an address; default ::1), "dnssec", "checking_disabled"
 * @fd:		the client's connection, taken over
 */
void show_lookup(struct resolvers *all, struct loop *l, const json_t *args, int fd);

#endif
