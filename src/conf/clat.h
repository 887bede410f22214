/* clat.h - the section clat: the customer side of 464XLAT (RFC 6877) */
#ifndef ISTHMUS_CONF_CLAT_H
#define ISTHMUS_CONF_CLAT_H

#include "conf/key.h"

#define CONF_CLAT_KEYS 9
extern const struct conf_key conf_clat_rows[CONF_CLAT_KEYS];

/** clat_check() - whether addresses, prefixes and the other sections fit together */
void clat_check(struct conf_reading *r, const struct conf_node *n);

#endif
