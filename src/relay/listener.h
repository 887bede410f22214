/*
 * listener.h - a listening socket of a stream service: connections come, and the service is given those that may come
 *
 * What all services have in common is done here: who may come (relay.allow), and the PROXY header of those who must
 * send one.
 */
#ifndef ISTHMUS_RELAY_LISTENER_H
#define ISTHMUS_RELAY_LISTENER_H

#include "relay/service.h"

struct listener; /* opaque */

/**
 * listener_new() - accept connections for a service
 * @fd:		listens; taken over, also on failure
 * @at:		what it is bound to
 *
 * Return: 0; -errno
 */
MUST_CHECK int listener_new(struct service *s, int fd, const struct endpoint *at, struct listener **ret);

/**
 * listener_close() - accept what waits in the socket, and close it
 * @heir:	who is given these connections, and those whose PROXY header is awaited; NULL: they are closed
 */
void listener_close(struct listener *l, struct listener *heir);

#endif
