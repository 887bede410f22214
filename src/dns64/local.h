/*
 * local.h - names that are answered here: dns64.local and dns64.block; private to the engine
 *
 * They are libunbound's local zones. Each local name is a zone of its own, so that it counts inside a blocked domain,
 * names below it are looked up as any other, and it can be taken away with all that it has. Of what has the same name a
 * local name counts first, then a blocked domain, then one of dns64.forward.
 */
#ifndef ISTHMUS_DNS64_LOCAL_H
#define ISTHMUS_DNS64_LOCAL_H

#include "dns64/config.h"

#include <stdio.h>

#define LOCAL_TTL                                                                                            \
	3600 /* seconds, of local records; a reload that changes them empties the cache of answers */

struct ub_ctx; /* unbound.h */

/** local_write() - write the zones and records as options of libunbound's server clause */
void local_write(FILE *f, const struct dns64_config *c);

/**
 * local_update() - change a running context from the zones and records of @old to those of @new
 *
 * Return: 0; -EIO if libunbound refuses, and something is missing then.
 */
MUST_CHECK int local_update(
	struct ub_ctx *ctx, const struct dns64_config *old, const struct dns64_config *new);

#endif
