/* svcb.h - where SVCB and HTTPS records lead (RFC 9460; pure) */
#ifndef ISTHMUS_DNS64_SVCB_H
#define ISTHMUS_DNS64_SVCB_H

#include "dns64/wire.h"

#define SVCB_TARGETS_MAX 2 /* names that are looked up for one answer */

/** svcb_is_type() - whether a type has the form of SVCB */
bool svcb_is_type(uint16_t type);

/**
 * svcb_targets() - the names whose addresses a client of an answer will need
 * @m:		an answer to a question of type SVCB or HTTPS
 * @ret:	different names, those of the records that come first by SvcPriority
 *
 * A target "." is the record's owner in ServiceMode, and nothing in AliasMode. Records that are malformed are passed over;
 * they are given to the client as they are.
 *
 * Spec:   RFC 9460 s2.2, s2.4.1, s2.5
 * Return: number of names.
 */
unsigned svcb_targets(const struct dns_msg *m, struct dns_name ret[static SVCB_TARGETS_MAX]);

#endif
