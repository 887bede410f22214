/* siit.h - stateless translation: its keys, and the checks across them */
#ifndef ISTHMUS_CONF_SIIT_H
#define ISTHMUS_CONF_SIIT_H

#include "conf/reading.h"
#include "conf/shape.h"

extern const struct conf_choices conf_udp_zero_choices;

/** siit_finish() - what siit takes over from nat64 if it is not written, and the checks; warns of what is suspicious */
void siit_finish(struct conf_reading *r, const struct conf_node *n);

/**
 * siit_check_pool() - no mapping may have an address of the pool, as far as the pool's are known
 *
 * Mappings that could not be read have an IPv4 prefix with a length above 32; they are passed over.
 */
void siit_check_pool(struct conf_reading *r);

#endif
