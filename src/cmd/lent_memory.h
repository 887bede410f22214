/* lent_memory.h - the memory of DNS46's table, which the supervisor makes and two roles map */
#ifndef ISTHMUS_CMD_LENT_MEMORY_H
#define ISTHMUS_CMD_LENT_MEMORY_H

#include "addr/lent46.h"
#include "cmd/role.h"

/**
 * lent_memory_make() - a memory file with an empty table, whose size is sealed
 *
 * Return: a descriptor, close-on-exec; -errno.
 */
MUST_CHECK int lent_memory_make(struct prefix4 pool);

/**
 * lent_memory_take() - map the table that came as the last descriptor, if the configuration has DNS46
 * @rest:	filled: what came but for that descriptor
 * @ret:	untouched without DNS46; mapped as long as the process lives
 *
 * Context: start-up, before the sandbox.
 */
MUST_CHECK int lent_memory_take(
	const struct role_start *s, struct role_start *rest, struct lent46 *ret, struct role_fault *fault);

#endif
