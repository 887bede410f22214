/* outbox.c - see outbox.h; each parcel stands behind a head of two words: its length and its number of records */
#include "bindlog/outbox.h"

#include <errno.h>
#include <stdlib.h>

#define HEAD_BYTES 8

int outbox_init(struct outbox *o, size_t room)
{
	*o = (struct outbox){ .bytes = malloc(room), .room = room };
	return o->bytes ? 0 : -ENOMEM;
}

void outbox_fini(struct outbox *o)
{
	free(o->bytes);
	*o = (struct outbox){ 0 };
}

uint8_t *outbox_room(struct outbox *o, size_t max)
{
	if (HEAD_BYTES + max > o->room - o->end && o->begin > 0) {
		bytes_move(o->bytes, o->bytes + o->begin, o->end - o->begin);
		o->end -= o->begin;
		o->begin = 0;
	}
	return HEAD_BYTES + max > o->room - o->end ? NULL : o->bytes + o->end + HEAD_BYTES;
}

void outbox_add(struct outbox *o, size_t len, uint32_t records)
{
	uint8_t *head = o->bytes + o->end;

	ASSERT(HEAD_BYTES + len <= o->room - o->end);
	be32_put(head, (uint32_t)len);
	be32_put(head + 4, records);
	o->end += HEAD_BYTES + len;
}

bool outbox_first(const struct outbox *o, struct parcel *ret)
{
	if (o->begin == o->end)
		return false;
	uint8_t *head = o->bytes + o->begin;

	*ret = (struct parcel){
		.payload = head + HEAD_BYTES, .len = be32_at(head), .records = be32_at(head + 4)
	};
	return true;
}

void outbox_drop_first(struct outbox *o)
{
	struct parcel p;

	if (!outbox_first(o, &p))
		return;
	o->begin += HEAD_BYTES + p.len;
	o->sent = 0;
	if (o->begin == o->end)
		o->begin = o->end = 0;
}
