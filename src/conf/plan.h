/* plan.h - one address plan: what the sections say has to fit together */
#ifndef ISTHMUS_CONF_PLAN_H
#define ISTHMUS_CONF_PLAN_H

#include "conf/key.h"

/** plan_check_prefixes() - no translation prefix contains another: a destination would have two meanings */
void plan_check_prefixes(
	struct conf_reading *r, const struct conf_key *k, const struct conf_node *n, const void *base);

/** plan_check_nat64() - the pool and the static bindings; warns of a pool that hosts cannot reach */
void plan_check_nat64(struct conf_reading *r, const struct conf_node *n);

/** plan_check_dns64() - what dns64 takes over from nat64 if it is not written; warns where the two disagree
 */
void plan_check_dns64(struct conf_reading *r, const struct conf_node *n);

#endif
