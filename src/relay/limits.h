/*
 * limits.h - how many visits there are, in all and of each client; common to all lanes
 *
 * A client is an IPv4 address, or the 64 bits that an IPv6 host can choose its addresses in. The table has a fixed size;
 * whoever finds no room is limited by the sum alone.
 */
#ifndef ISTHMUS_RELAY_LIMITS_H
#define ISTHMUS_RELAY_LIMITS_H

#include "addr/endpoint.h"
#include "base/compiler.h"
#include "base/hash.h"

struct limits;	      /* opaque */
struct limits_client; /* opaque: a row of the table */

enum limits_verdict { LIMITS_WITHIN, LIMITS_TOTAL, LIMITS_CLIENT };

MUST_CHECK int limits_new(unsigned slots, const struct hash_key *key, struct limits **ret); /* power of two */
void limits_free(struct limits *l);

/** limits_set() - other maxima, from the next visit on; any thread */
void limits_set(struct limits *l, unsigned total, unsigned per_client);

/** limits_take() - count a visit; *ret is what limits_give() wants, maybe NULL; untouched unless LIMITS_WITHIN. Any thread */
enum limits_verdict limits_take(struct limits *l, const struct endpoint *client, struct limits_client **ret);
void limits_give(struct limits *l, struct limits_client *c); /* NULL: of a client without a row */

/** limits_total() - visits now */
unsigned limits_total(const struct limits *l);

#endif
