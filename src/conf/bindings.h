/* bindings.h - log.bindings and log.queries: where these logs go, and how much they say */
#ifndef ISTHMUS_CONF_BINDINGS_H
#define ISTHMUS_CONF_BINDINGS_H

#include "conf/key.h"

extern const struct conf_keys conf_bindings_keys, conf_queries_keys;

/** queries_check() - the log of queries is on if it goes somewhere; a conf_key's check() */
void queries_check(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base);

/** bindings_check() - a sink has what it needs, and what is written is used */
void bindings_check(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base);

#endif
