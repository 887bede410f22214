/* show_dns46.h - the resolver's side of `isthmus dns46` (rows: docs/control.md) */
#ifndef ISTHMUS_CMD_SHOW_DNS46_H
#define ISTHMUS_CMD_SHOW_DNS46_H

#include "addr/lent46.h"
#include "loop/loop.h"

#include <jansson.h>

/** show_dns46() - answer with a row for each address that is lent; @t lives as long as the process */
void show_dns46(const struct lent46 *t, nsec linger, struct loop *l, const json_t *args, int fd);

/** show_dns46_add() - add to a row of status how many addresses there are, and how many of them are not free */
void show_dns46_add(const struct lent46 *t, nsec linger, json_t *row);

#endif
