/* netlink.h - rtnetlink as the data plane needs it: interfaces, addresses, routes, proxy neighbours, tc
 * filters */
#ifndef ISTHMUS_DATAPLANE_NETLINK_H
#define ISTHMUS_DATAPLANE_NETLINK_H

#include "addr/addr.h"

#include <net/if.h>

/* The origin that our routes carry (rtm_protocol), so that `ip route` shows them as one family: "proto 64".
 */
#define NETLINK_ROUTE_ORIGIN 64

struct netlink; /* a socket; opaque */

MUST_CHECK int netlink_open(struct netlink **ret);
void netlink_close(struct netlink *n);

struct link {
	unsigned index;
	char name[IF_NAMESIZE];
	unsigned flags; /* IFF_* */
	unsigned mtu;
	unsigned type;	     /* ARPHRD_* */
	bool has_carrier;    /* of a TUN device: somebody has a queue of it */
	uint8_t hardware[8]; /* the link-layer address, zero behind its end; all zero if there is none */
	char kind[16];	     /* "veth", "vlan", "bridge", "tun", ...; "" of most that are hardware */
	char slave_kind[16]; /* "bridge", "bond", "vrf", ... if it is enslaved; else "" */
};

/* What an interface can do with XDP. */
struct link_xdp {
	unsigned index;
	bool is_native; /* its driver runs programs, and they may send to other interfaces */
	bool takes_frames; /* that a program at another interface sends to it; some need a program of their own for that */
};

/**
 * netlink_links_xdp() - call @each once per interface; opens a socket of its own
 *
 * Return: 0; -EOPNOTSUPP: this kernel does not tell (before Linux 6.3); another -errno.
 */
MUST_CHECK int netlink_links_xdp(void (*each)(void *ctx, const struct link_xdp *x), void *ctx);

/** link_hands_to_master() - whether it is a port of a bridge, bond or team, which gets its packets in their final form */
bool link_hands_to_master(const struct link *l);

struct link_addr4 {
	unsigned index;
	struct addr4 addr;
	uint8_t prefix_len;
	bool is_primary; /* neither secondary nor of less than global scope */
};

struct link_addr6 {
	unsigned index;
	struct addr6 addr;
	uint8_t prefix_len;
	bool is_temporary;  /* RFC 8981 */
	bool is_deprecated; /* RFC 4862 s5.5.4 */
	bool is_global; /* scope beyond the link, neither tentative nor a failed duplicate */
};

struct default_route4 {
	bool found;
	unsigned index; /* of the interface; the route with the lowest metric in table main */
	uint32_t metric;
	struct addr4 source;  /* preferred source, 0.0.0.0 if the route names none */
	struct addr4 gateway; /* 0.0.0.0 if there is none */
};

/**
 * netlink_links(), netlink_addrs4(), netlink_addrs6() - call @each once per interface or address
 *
 * Return: 0; -errno. The list is complete before the first call, so @each may use @n.
 */
MUST_CHECK int netlink_links(struct netlink *n, void (*each)(void *ctx, const struct link *l), void *ctx);
MUST_CHECK int netlink_addrs4(
	struct netlink *n, void (*each)(void *ctx, const struct link_addr4 *a), void *ctx);
MUST_CHECK int netlink_addrs6(
	struct netlink *n, void (*each)(void *ctx, const struct link_addr6 *a), void *ctx);

struct default_route6 {
	bool found;
	unsigned index; /* of the interface; the route with the lowest metric in table main */
	uint32_t metric;
};

/** netlink_default_route6() - the IPv6 default route that does not lead to @except; 0 with ret->found false if there is
 * none */
MUST_CHECK int netlink_default_route6(struct netlink *n, unsigned except, struct default_route6 *ret);

/** netlink_default_route4() - the IPv4 default route; 0 with ret->found false if there is none */
MUST_CHECK int netlink_default_route4(struct netlink *n, struct default_route4 *ret);

/** netlink_link_set() - set MTU, up or down, and whether the kernel gives it an IPv6 link-local address by
 * itself */
enum link_auto6 { LINK_AUTO6_KEEP, LINK_AUTO6_NONE };
MUST_CHECK int netlink_link_set(
	struct netlink *n, unsigned index, unsigned mtu, bool up, enum link_auto6 auto6);

/* Whether the kernel may choose an address by itself as the source of packets that leave the host. */
enum addr_scope { ADDR_SCOPE_HOST, ADDR_SCOPE_GLOBAL };

/** netlink_addr4_add() - give an interface an address with length 32; 0, also if it has it; -errno */
MUST_CHECK int netlink_addr4_add(struct netlink *n, unsigned index, struct addr4 a, enum addr_scope scope);

/** netlink_route*_add() - route a prefix to an interface; -EEXIST if there is such a route already */
MUST_CHECK int netlink_route4_add(struct netlink *n, unsigned index, struct prefix4 p);
MUST_CHECK int netlink_route6_add(struct netlink *n, unsigned index, struct prefix6 p);

/** netlink_route*_del() - take such a route away again; -ESRCH if there is none of our origin */
MUST_CHECK int netlink_route4_del(struct netlink *n, unsigned index, struct prefix4 p);
MUST_CHECK int netlink_route6_del(struct netlink *n, unsigned index, struct prefix6 p);

/* The IPv4 default route through an interface that has no gateway. */
struct default_link4 {
	unsigned index;
	uint32_t metric;
	unsigned mtu;
	struct addr4 source; /* of packets that have none yet */
};

/** netlink_default_link4() - make that route, in place of the one that we made before; -EEXIST: another has the metric */
MUST_CHECK int netlink_default_link4(struct netlink *n, const struct default_link4 *want);

/** netlink_proxy_add(), netlink_proxy_del() - answer ARP requests for @a on an interface; -EEXIST if it does
 * already. The others are the same for neighbour solicitations */
MUST_CHECK int netlink_proxy_add(struct netlink *n, unsigned index, struct addr4 a);
MUST_CHECK int netlink_proxy_del(struct netlink *n, unsigned index, struct addr4 a);
MUST_CHECK int netlink_proxy6_add(struct netlink *n, unsigned index, struct addr6 a);
MUST_CHECK int netlink_proxy6_del(struct netlink *n, unsigned index, struct addr6 a);

/** netlink_proxy_has() - whether such an entry exists; the kernel's add does not tell. 1, 0, or -errno */
MUST_CHECK int netlink_proxy_has(struct netlink *n, unsigned index, struct addr4 a);
MUST_CHECK int netlink_proxy6_has(struct netlink *n, unsigned index, struct addr6 a);

/** netlink_watch() - a socket that becomes readable when interfaces, addresses or IPv6 routes change; or -errno */
MUST_CHECK int netlink_watch(void);

/** netlink_watch_links() and so on - the same for interfaces, for routes with their rules and next hops, for nftables, for IPsec policies */
MUST_CHECK int netlink_watch_links(void);
MUST_CHECK int netlink_watch_policies(void);
MUST_CHECK int netlink_watch_routes(void);
MUST_CHECK int netlink_watch_rules(void);

/** netlink_watch_drain() - forget what it has told so far */
void netlink_watch_drain(int fd);

/** netlink_news_of_mtu() - read what a socket of netlink_watch_routes() has told: may it be about netlink_route_mtu()? */
bool netlink_news_of_mtu(int fd);

/** netlink_route_mtu() - the interface of a route, not by @except, that has an MTU of its own, which is not locked; 0: none has */
MUST_CHECK int netlink_route_mtu(struct netlink *n, unsigned except, unsigned *ret_index);

/** netlink_has_policies() - whether there are IPsec policies for packets that leave, or are forwarded; 0 or -errno */
MUST_CHECK int netlink_has_policies(bool *ret);

/** netlink_tc_filters() - number of filters on an interface's clsact qdisc, both directions; -errno */
MUST_CHECK int netlink_tc_filters(struct netlink *n, unsigned index);

#endif
