/* resolver_log.h - the log of queries in the resolver's process; private to cmd */
#ifndef ISTHMUS_CMD_RESOLVER_LOG_H
#define ISTHMUS_CMD_RESOLVER_LOG_H

#include "dns64/query_log.h"
#include "dns64/resolvers.h"

struct resolver_log; /* opaque */

/** resolver_log_new() - have all threads log queries; *ret stays NULL if the configuration does not want it; 0 or -errno */
MUST_CHECK int resolver_log_new(
	struct resolvers *all, const struct dns64_config *c, struct resolver_log **ret);

/** resolver_log_start() - start to write, inside the sandbox; @k may be NULL; 0 or -errno */
MUST_CHECK int resolver_log_start(struct resolver_log *k);

/** resolver_log_free() - write what is left; the resolvers must be gone */
void resolver_log_free(struct resolver_log *k);

/** resolver_log_take() - the file, from the supervisor; taken over */
void resolver_log_take(struct resolver_log *k, int fd);

#endif
