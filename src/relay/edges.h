/*
 * edges.h - which of a lane's sockets have become ready: edge-triggered epoll(7), for sockets that come and go by the thousand
 *
 * An epoll of its own inside the lane's loop: one system call to watch a socket for as long as it is open, none to end
 * that (closing does), one more when it gets another owner, and it tells errors and the peer's end apart from bytes,
 * which libevent does not.
 */
#ifndef ISTHMUS_RELAY_EDGES_H
#define ISTHMUS_RELAY_EDGES_H

#include "base/compiler.h"

#include <stdbool.h>

struct edges; /* opaque */
struct loop;

/* What happened, as a mask. EDGE_END: the peer has sent all it had; EDGE_BROKEN: an error, or both directions are over. */
enum edge_event { EDGE_READ = 1, EDGE_WRITE = 2, EDGE_END = 4, EDGE_BROKEN = 8 };

/* Whoever wants to know; embedded in what the socket is for. */
struct edge {
	void (*fn)(struct edge *w, unsigned events); /* may free @w, and call all of the below */
	struct edge *next, *prev;		     /* of those who wait for edges_again() */
	bool is_waiting;
};

MUST_CHECK int edges_new(struct loop *l, struct edges **ret); /* 0; -errno */
void edges_free(struct edges *e);

/** edges_add() - tell @w of edges of @fd, first of what is already so; until @fd is closed, or edges_drop(). 0; -errno */
MUST_CHECK int edges_add(struct edges *e, int fd, struct edge *w);
/** edges_adopt() - the same of a socket that edges_drop() has just given up, and nobody has closed since: without a system
 * call, and nothing is told again; the events that its last owner was told of */
MUST_CHECK unsigned edges_adopt(struct edges *e, int fd, struct edge *w);
/** edges_again() - call @w, who is told of a socket, without an event, when others have had their turn */
void edges_again(struct edges *e, struct edge *w);
/** edges_remove() - as edges_drop(), of a socket that has other descriptors (dup(2)), which closing this one does not end */
void edges_remove(struct edges *e, int fd);
/** edges_forget() - @fd is closed now, by whoever owns it */
void edges_forget(struct edges *e, int fd);
/** edges_drop() - nobody is told any more, but the socket stays open: for another edges_add(), or for another owner */
void edges_drop(struct edges *e, int fd);

#endif
