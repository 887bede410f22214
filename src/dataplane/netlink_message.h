/* netlink_message.h - requests and attributes; private to the netlink_*.c files, which netlink.c tells about */
#ifndef ISTHMUS_DATAPLANE_NETLINK_MESSAGE_H
#define ISTHMUS_DATAPLANE_NETLINK_MESSAGE_H

#include "dataplane/netlink.h"

#include <libmnl/libmnl.h>

#define NETLINK_MESSAGE_BYTES 1024 /* of a request; the largest of ours has some 100 */

typedef void (*netlink_each)(void *ctx, const struct nlmsghdr *m);

/** netlink_open_bus() - a socket for another bus than NETLINK_ROUTE, which netlink_open() is for */
MUST_CHECK int netlink_open_bus(int bus, struct netlink **ret);

/** netlink_message() - begin a request in @buf with a fixed header of @len bytes */
struct nlmsghdr *netlink_message(char *buf, uint16_t type, uint16_t flags, const void *header, size_t len);

/** netlink_ask() - ask for a change; 0 or what the kernel says, as -errno */
MUST_CHECK int netlink_ask(struct netlink *n, struct nlmsghdr *m);

/** netlink_dump() - ask for a list, and call @each for each message of it, once all of it has come */
MUST_CHECK int netlink_dump(struct netlink *n, struct nlmsghdr *m, netlink_each each, void *ctx);

/** netlink_attr() - an attribute of at least @need bytes among those behind a fixed header of @skip bytes, or NULL */
const struct nlattr *netlink_attr(const struct nlmsghdr *m, unsigned skip, unsigned type, size_t need);

/** netlink_attr_in() - the same among those inside an attribute */
const struct nlattr *netlink_attr_in(const struct nlattr *outer, unsigned type, size_t need);

/** netlink_text() - an attribute's text, cut to @size bytes with the terminating zero */
void netlink_text(const struct nlattr *a, char *to, size_t size);

/** netlink_route_interface() - the interface of a route: its own, or that of the first of several next hops; 0: none */
unsigned netlink_route_interface(const struct nlmsghdr *m);

static inline uint32_t netlink_u32(const struct nlattr *a, uint32_t otherwise)
{
	return a ? mnl_attr_get_u32(a) : otherwise;
}

static inline bool netlink_has_header(const struct nlmsghdr *m, size_t size)
{
	return mnl_nlmsg_get_payload_len(m) >= size;
}

#endif
