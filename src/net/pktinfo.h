/*
 * pktinfo.h - the address of this host that a datagram was sent to, and that one is sent from
 *
 * Only a socket that is bound to every address needs it: the kernel picks a source by the routing table, which may be
 * another one than the client has written to, and then the client does not know the answer for one.
 *
 * Spec: RFC 3542 s6 (IPV6_PKTINFO); ip(7) (IP_PKTINFO)
 */
#ifndef ISTHMUS_NET_PKTINFO_H
#define ISTHMUS_NET_PKTINFO_H

#include "addr/addr.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* One address of this host, of the family of the socket. */
struct pktinfo {
	struct addr4 a4;
	struct addr6 a6;
	int interface; /* for link-local addresses, which mean nothing without; else 0 */
};

/* Room for the one control message, of either family, aligned for it. */
union pktinfo_control {
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct cmsghdr align;
};

/** pktinfo_read() - where a received datagram was sent to; false, with *ret untouched, if the kernel does not say */
MUST_CHECK bool pktinfo_read(struct msghdr *m, struct pktinfo *ret);

/** pktinfo_write() - where one is sent from; m->msg_control has a union pktinfo_control's room */
void pktinfo_write(struct msghdr *m, bool is4, const struct pktinfo *from);

#endif
