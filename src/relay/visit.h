/*
 * visit.h - somebody is being served: counted, limited, listed and, if need be, shown the door
 *
 * A service embeds a struct visit in what it keeps of a client (a connection, a UDP association, an HTTP connection
 * with all its requests).
 */
#ifndef ISTHMUS_RELAY_VISIT_H
#define ISTHMUS_RELAY_VISIT_H

#include "relay/service.h"

struct visit {
	struct service *service;
	struct visit *next, *prev;     /* of the lane's list */
	struct limits_client *counted; /* where limits.h counts it; NULL: nowhere */
	struct endpoint client;
	char *to; /* "www.example.net:443 [2001:db8::1]:443": where to, for the operator; owned; NULL: not yet known */
	nsec since; /* base/clock.h */
	unsigned long bytes_up, bytes_down;
	/**
	 * leave() - the service is retired: end as soon as nothing is lost (between two requests); the visit may be over
	 * when it returns
	 */
	void (*leave)(struct visit *v);
	/** end() - end now, and free what holds @v; visit_end() is called from there */
	void (*end)(struct visit *v);
};

/**
 * visit_begin() - count and list a client
 * @v:	client, leave and end are filled in by the caller
 *
 * The client is in s->config->clients; relay/listener.c has seen to that, and to the limits, for connections.
 *
 * Return: 0; -EDQUOT: one of the two limits, counted; @v is not listed then
 */
MUST_CHECK int visit_begin(struct visit *v, struct service *s);

/** visit_to() - note where it goes; without memory nothing is noted */
void visit_to(struct visit *v, const char *host, uint16_t port, const struct endpoint *peer);

/** visit_bytes() - count bytes that were moved, in the visit, its service and the lane */
void visit_bytes(struct visit *v, size_t up, size_t down);

/** visit_move() - the same visit, of a newer service on the same lane */
void visit_move(struct visit *v, struct service *to);

/** visit_end() - it is over; may free the service, so it is the last thing to do */
void visit_end(struct visit *v);

#endif
