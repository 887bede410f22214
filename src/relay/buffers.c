/* buffers.c - see buffers.h */
#include "relay/buffers.h"

#include <errno.h>
#include <stdlib.h>

struct buffers {
	struct buffer *kept; /* nobody's */
	unsigned kept_len, keep;
};

int buffers_new(unsigned keep, struct buffers **ret)
{
	struct buffers *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->keep = keep;
	*ret = b;
	return 0;
}

void buffers_free(struct buffers *b)
{
	if (!b)
		return;
	while (b->kept) {
		struct buffer *u = b->kept;

		b->kept = u->next;
		free(u);
	}
	free(b);
}

struct buffer *buffer_borrow(struct buffers *b)
{
	struct buffer *u = b->kept;

	if (u) {
		b->kept = u->next;
		b->kept_len--;
	} else {
		u = malloc(sizeof(*u)); /* the data are written before they are read */
		if (!u)
			return NULL;
	}
	u->next = NULL;
	u->from = u->to = 0;
	return u;
}

void buffer_give(struct buffers *b, struct buffer *u)
{
	if (!u)
		return;
	if (b->kept_len == b->keep) {
		free(u);
		return;
	}
	u->next = b->kept;
	b->kept = u;
	b->kept_len++;
}
