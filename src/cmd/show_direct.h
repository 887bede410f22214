/* show_direct.h - what the resolver's status says of upstreams that are asked directly (docs/control.md) */
#ifndef ISTHMUS_CMD_SHOW_DIRECT_H
#define ISTHMUS_CMD_SHOW_DIRECT_H

#include "dns64/resolvers.h"

#include <jansson.h>

/** show_direct_add() - add to a row of status which upstreams are asked directly and what is kept; nothing if none are */
void show_direct_add(struct resolvers *all, json_t *row);

#endif
