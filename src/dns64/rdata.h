/* rdata.h - where the names are in the data of a record; private to wire.c and wire_write.c */
#ifndef ISTHMUS_DNS64_RDATA_H
#define ISTHMUS_DNS64_RDATA_H

#include "dns64/wire.h"

enum rdata_style {
	RDATA_PLAIN,	/* names are written uncompressed (RFC 3597 s4) */
	RDATA_COMPRESS, /* names may be compressed (RFC 1035 s4.1.4) */
};

struct rdata_layout {
	uint16_t type;
	enum rdata_style style;
	const char *fields; /* see wire.c */
};

const struct rdata_layout *rdata_layout_of(uint16_t type); /* never NULL */

/* One field of the data, and where the next one starts. */
struct rdata_field {
	size_t at;    /* offset of the next field */
	size_t start; /* offset of this field */
	bool is_name;
	struct dns_name name; /* if is_name */
};

/** rdata_step() - read one field of the kind @field, of data that ends at offset @end of @msg; false if it
 * does not fit */
MUST_CHECK bool rdata_step(const uint8_t *msg, size_t end, char field, struct rdata_field *f);

#endif
