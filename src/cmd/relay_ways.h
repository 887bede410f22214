/* relay_ways.h - which ways on the host the services of a configuration ask for (pure) */
#ifndef ISTHMUS_CMD_RELAY_WAYS_H
#define ISTHMUS_CMD_RELAY_WAYS_H

#include "conf/conf.h"
#include "dataplane/relayway.h"

/**
 * relay_ways_make() - the prefixes of clients that servers see, and the rules of transparent services
 * @ret:	free with relay_ways_fini(); untouched on failure
 *
 * Return: 0; -ENOMEM
 */
MUST_CHECK int relay_ways_make(const struct conf *c, struct relayway *ret);
void relay_ways_fini(struct relayway *w); /* a zeroed one is fine */

#endif
