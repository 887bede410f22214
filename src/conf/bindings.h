/* bindings.h - log.bindings: where the binding log goes, and how much it says */
#ifndef ISTHMUS_CONF_BINDINGS_H
#define ISTHMUS_CONF_BINDINGS_H

#include "conf/key.h"

extern const struct conf_keys conf_bindings_keys;

/** bindings_check() - a sink has what it needs, and what is written is used */
void bindings_check(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base);

#endif
