/*
 * outbox.h - what waits for one sink: parcels of bytes, bounded, oldest first
 *
 * A parcel is what must stay together: a datagram, an IPFIX message, or some lines. It knows how many records it holds, so
 * that what is given up can be counted.
 */
#ifndef ISTHMUS_BINDLOG_OUTBOX_H
#define ISTHMUS_BINDLOG_OUTBOX_H

#include "base/bytes.h"
#include "base/compiler.h"

struct outbox {
	uint8_t *bytes;
	size_t room;	   /* bytes in all */
	size_t begin, end; /* what waits; begin <= end <= room */
	size_t sent;	   /* bytes of the first parcel's payload that a stream has taken already */
};

struct parcel {
	uint8_t *payload; /* valid until the outbox is changed */
	size_t len;
	uint32_t records;
};

/** outbox_init() - 0 or -ENOMEM */
MUST_CHECK int outbox_init(struct outbox *o, size_t room);
void outbox_fini(struct outbox *o);

/** outbox_room() - where a parcel of at most @max bytes may be written; NULL if the outbox is too full for one */
uint8_t *outbox_room(struct outbox *o, size_t max);

/** outbox_add() - what was written at outbox_room() is a parcel; @len: at most the @max of that call */
void outbox_add(struct outbox *o, size_t len, uint32_t records);

/** outbox_first() - the oldest parcel; false if none waits */
bool outbox_first(const struct outbox *o, struct parcel *ret);

/** outbox_drop_first() - the oldest parcel is done with */
void outbox_drop_first(struct outbox *o);

#endif
