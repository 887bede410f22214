/* show_cache.h - the resolver's answers to `isthmus dns cache`; private to cmd */
#ifndef ISTHMUS_CMD_SHOW_CACHE_H
#define ISTHMUS_CMD_SHOW_CACHE_H

#include "dns64/resolvers.h"

#include <jansson.h>

/**
 * show_cache() - the written answers that are kept, of all threads
 * @args:	"name" (default: all; else it and the names below), "limit" of rows
 * @fd:		the client's connection, taken over; as for the next
 */
void show_cache(struct resolvers *all, struct loop *l, const json_t *args, int fd);

/**
 * show_flush() - use no answer of before any more
 * @args:	"name", and "below" for the names below it, too; or "all"
 */
void show_flush(struct resolvers *all, struct loop *l, const json_t *args, int fd);

#endif
