/*
 * edges.h - which of a lane's sockets have become ready: edge-triggered epoll(7), for sockets that come and go by the thousand
 *
 * An epoll of its own inside the lane's loop: one system call to watch a socket for as long as it is open, none to end
 * that (closing does), no allocation, and it tells errors and the peer's end apart from bytes, which libevent does not.
 */
#ifndef ISTHMUS_RELAY_EDGES_H
#define ISTHMUS_RELAY_EDGES_H

#include "base/compiler.h"

struct edges; /* opaque */
struct loop;

/* What happened, as a mask. EDGE_END: the peer has sent all it had; EDGE_BROKEN: an error, or both directions are over. */
enum edge_event { EDGE_READ = 1, EDGE_WRITE = 2, EDGE_END = 4, EDGE_BROKEN = 8 };

/* Whoever wants to know; embedded in what the socket is for. */
struct edge {
	void (*fn)(struct edge *w, unsigned events); /* may free @w, and call all of the below */
};

MUST_CHECK int edges_new(struct loop *l, struct edges **ret); /* 0; -errno */
void edges_free(struct edges *e);

/** edges_add() - tell @w of edges of @fd, first of what is already so; until @fd is closed, or edges_drop(). 0; -errno */
MUST_CHECK int edges_add(struct edges *e, int fd, struct edge *w);
/** edges_move() - tell another one from now on, first of what is already so. 0; -errno */
MUST_CHECK int edges_move(struct edges *e, int fd, struct edge *from, struct edge *to);
/** edges_forget() - @w goes away; whoever owns the socket closes it now */
void edges_forget(struct edges *e, const struct edge *w);
/** edges_drop() - the same, but the socket stays open */
void edges_drop(struct edges *e, int fd, const struct edge *w);

#endif
