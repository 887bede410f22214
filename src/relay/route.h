/*
 * route.h - which route of http-reverse a host has (pure)
 *
 * The host itself, or else the longest wildcard ("*.example.org" stands for one label or more before it), or else "*".
 * Routes over TLS and routes without are apart: the same host may be in both.
 */
#ifndef ISTHMUS_RELAY_ROUTE_H
#define ISTHMUS_RELAY_ROUTE_H

#include "base/compiler.h"
#include "relay/config.h"

struct route_table; /* opaque */

enum route_side { ROUTE_PLAIN, ROUTE_TLS };

/** route_table_new() - @routes: borrowed, as long as the table lives. 0; -ENOMEM; -EEXIST: a host is there twice on a side */
MUST_CHECK int route_table_new(const struct relay_route *routes, unsigned len, struct route_table **ret);
void route_table_free(struct route_table *t); /* NULL is fine */

/** route_find() - the number of a host's route, or -1; @host: lower case, without final dot and port; "": not known */
int route_find(const struct route_table *t, enum route_side side, const char *host);

/** route_has() - whether there is any route of a side, or of a kind */
bool route_has_side(const struct route_table *t, enum route_side side);
bool route_has_kind(const struct route_table *t, enum relay_tls tls);

#endif
