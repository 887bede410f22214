/* sockaddr.c - see sockaddr.h */
#include "net/sockaddr.h"

#include <arpa/inet.h>

socklen_t sockaddr_put(union sockaddr_any *a, const struct endpoint *e)
{
	*a = (union sockaddr_any){ .v6 = { .sin6_port = 0 } };
	if (e->is4) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(e->port);
		a->v4.sin_addr.s_addr = htonl(e->a4.v);
	} else {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(e->port);
		addr6_put(a->v6.sin6_addr.s6_addr, e->a6);
	}
	return sockaddr_len(a);
}

struct endpoint sockaddr_endpoint(const union sockaddr_any *a)
{
	if (a->sa.sa_family == AF_INET)
		return (struct endpoint){
			.is4 = true,
			.a4 = { ntohl(a->v4.sin_addr.s_addr) },
			.port = ntohs(a->v4.sin_port),
		};
	return (struct endpoint){ .a6 = addr6_at(a->v6.sin6_addr.s6_addr), .port = ntohs(a->v6.sin6_port) };
}
