/* pipes.h - pipes for splice(2), kept by the lane; whoever is idle holds none */
#ifndef ISTHMUS_RELAY_PIPES_H
#define ISTHMUS_RELAY_PIPES_H

#include "base/compiler.h"

#include <stddef.h>

#define PIPE_SIZE ((size_t)256 * 1024) /* bytes that are asked for; the system may grant less */

struct pipes; /* opaque */

struct pipe {
	struct pipe *next; /* of the kept ones */
	int in, out;	   /* bytes are written to @in */
};

/** pipes_new() - @most: how many there may be; @keep: how many of them stay open when nobody needs them */
MUST_CHECK int pipes_new(unsigned most, unsigned keep, struct pipes **ret);
void pipes_free(struct pipes *p);

/** pipe_borrow() - an empty one, or NULL: there are as many as there may be, or the system has none */
MUST_CHECK struct pipe *pipe_borrow(struct pipes *p);
/** pipe_give() - give an empty one back; NULL is fine */
void pipe_give(struct pipes *p, struct pipe *u);
/** pipe_discard() - the same of one with bytes in it, which are lost; NULL is fine */
void pipe_discard(struct pipes *p, struct pipe *u);

#endif
