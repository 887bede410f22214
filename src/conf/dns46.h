/* dns46.h - addresses of a pool for IPv6-only hosts: its keys, and what the other sections must be for it */
#ifndef ISTHMUS_CONF_DNS46_H
#define ISTHMUS_CONF_DNS46_H

#include "conf/reading.h"
#include "conf/shape.h"

/** dns46_finish() - the checks against siit, dns64 and the addresses of others */
void dns46_finish(struct conf_reading *r, const struct conf_node *n);

/** dns46_check_pool() - no address of nat64.pool may be lent, as far as that pool's are known */
void dns46_check_pool(struct conf_reading *r);

#endif
