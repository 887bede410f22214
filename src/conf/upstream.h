/* upstream.h - the name servers that dns64 asks, and whether one of them is ourselves */
#ifndef ISTHMUS_CONF_UPSTREAM_H
#define ISTHMUS_CONF_UPSTREAM_H

#include "conf/reading.h"

/**
 * upstream_own_listen() - the listening address that a server's address leads back to, or NULL
 * @host4:	the host's own IPv4 address, or NULL if it is not known
 *
 * A query to ourselves would come back for ever: to an address that we listen on (of dns64.tls, if it is asked over TLS),
 * or, if we listen on a wildcard, to the loopback address or the host's own.
 */
const struct endpoint *upstream_own_listen(
	const struct dns64_config *d, const struct upstream *server, const struct addr4 *host4);

/** upstream_check_kind() - a fault if only some of the servers, which stand in @line, are asked over TLS */
void upstream_check_kind(struct conf_reading *r, const struct upstream *servers, unsigned len, unsigned line);

/** upstream_check() - a fault for each listed server that is ourselves */
void upstream_check(struct conf_reading *r, const struct addr4 *host4);

/** resolv_each() - call @each with what stands behind `nameserver` in each line of a resolv.conf; @text may be NULL */
void resolv_each(const char *text, void (*each)(void *ctx, const char *word), void *ctx);

/**
 * upstream_take_resolv() - read the nameserver lines of a resolv.conf
 * @name:	of that file, for messages
 * @text:	its text; NULL if it cannot be read
 *
 * Writes the servers into r->c->dns64. Faults: none is there, or one is ourselves. Link-local servers (with a
 * %scope) are left out with a warning, and what comes after DNS64_UPSTREAM_MAX servers too.
 */
void upstream_take_resolv(
	struct conf_reading *r, const char *name, const char *text, const struct addr4 *host4);

#endif
