/* sockaddr.h - the system's socket addresses, and ours */
#ifndef ISTHMUS_NET_SOCKADDR_H
#define ISTHMUS_NET_SOCKADDR_H

#include "addr/endpoint.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* An address as the system wants it; link-local peers keep their interface in it. */
union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/** sockaddr_put() - fill in a system address; returns its length */
socklen_t sockaddr_put(union sockaddr_any *a, const struct endpoint *e);

/** sockaddr_len() - the length of an address of either family */
static inline socklen_t sockaddr_len(const union sockaddr_any *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/** sockaddr_endpoint() - our form of a system address of either family */
struct endpoint sockaddr_endpoint(const union sockaddr_any *a);

#endif
