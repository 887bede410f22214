/* dns64.h - the resolver: its keys, and the clients that get something else than the others */
#ifndef ISTHMUS_CONF_DNS64_H
#define ISTHMUS_CONF_DNS64_H

#include "conf/reading.h"
#include "conf/shape.h"

/**
 * views_take() - read dns64.views, when it is settled what the others get
 * @n:	the section; NULL if it is not written
 *
 * A key that a view leaves out has the value that stands in dns64.
 */
void views_take(struct conf_reading *r, const struct conf_node *n);

#endif
