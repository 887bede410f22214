/* netlink_uplink.c - the ways out of the host: the IPv6 default route, an IPv4 one of ours, and news of changes; see
 * netlink.h */
#include "dataplane/netlink_message.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the IPv6 default route --- */

struct route6_walk {
	unsigned except;
	struct default_route6 best;
};

static void on_route6(void *ctx, const struct nlmsghdr *m)
{
	struct route6_walk *w = ctx;
	struct rtmsg h;

	if (m->nlmsg_type != RTM_NEWROUTE || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	uint32_t table = netlink_u32(netlink_attr(m, sizeof(h), RTA_TABLE, 4), h.rtm_table);
	uint32_t metric = netlink_u32(netlink_attr(m, sizeof(h), RTA_PRIORITY, 4), 0);
	unsigned index = netlink_route_interface(m);

	if (h.rtm_family != AF_INET6 || h.rtm_dst_len != 0 || h.rtm_type != RTN_UNICAST ||
		table != RT_TABLE_MAIN || index == 0 || index == w->except)
		return;
	if (!w->best.found || metric < w->best.metric)
		w->best = (struct default_route6){ .found = true, .index = index, .metric = metric };
}

int netlink_default_route6(struct netlink *n, unsigned except, struct default_route6 *ret)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct rtmsg h = { .rtm_family = AF_INET6 };
	struct route6_walk w = { .except = except };
	int r = netlink_dump(n, netlink_message(buf, RTM_GETROUTE, 0, &h, sizeof(h)), on_route6, &w);

	if (r == 0)
		*ret = w.best;
	return r;
}

/* --- an IPv4 default route of ours --- */

static int default_link_change(struct netlink *n, uint16_t type, const struct default_link4 *want)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	uint16_t flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct rtmsg h = { .rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = NETLINK_ROUTE_ORIGIN,
		.rtm_type = RTN_UNICAST,
		.rtm_scope = RT_SCOPE_LINK };
	struct nlmsghdr *m = netlink_message(buf, type, flags, &h, sizeof(h));
	uint8_t source[4];

	mnl_attr_put_u32(m, RTA_OIF, want->index);
	mnl_attr_put_u32(m, RTA_PRIORITY, want->metric);
	if (type == RTM_NEWROUTE) {
		addr4_put(source, want->source);
		mnl_attr_put(m, RTA_PREFSRC, sizeof(source), source);
		struct nlattr *metrics = mnl_attr_nest_start(m, RTA_METRICS);

		mnl_attr_put_u32(m, RTAX_MTU, want->mtu);
		mnl_attr_nest_end(m, metrics);
	}
	return netlink_ask(n, m);
}

/* The kernel cannot replace a route only if it is of our origin; so the old one goes first. */
int netlink_default_link4(struct netlink *n, const struct default_link4 *want)
{
	int r = default_link_change(n, RTM_DELROUTE, want);

	return r < 0 && r != -ESRCH ? r : default_link_change(n, RTM_NEWROUTE, want);
}

/* --- news --- */

#define GROUP(number) (1u << ((number)-1)) /* one of the first 32 */

static int news_socket(int bus, unsigned groups)
{
	struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

int netlink_watch(void)
{
	return news_socket(
		NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE);
}

int netlink_watch_links(void)
{
	return news_socket(NETLINK_ROUTE, RTMGRP_LINK);
}

int netlink_watch_routes(void)
{
	return news_socket(NETLINK_ROUTE, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE |
						  GROUP(RTNLGRP_IPV6_RULE) | GROUP(RTNLGRP_NEXTHOP));
}

int netlink_watch_policies(void)
{
	return news_socket(NETLINK_XFRM, 1u << (XFRMNLGRP_POLICY - 1));
}

int netlink_watch_rules(void)
{
	return news_socket(NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1));
}

void netlink_watch_drain(int fd)
{
	char news[4096];

	/* ENOBUFS says that news were lost, and is gone with the read that told it: there were news. */
	while (recv(fd, news, sizeof(news), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		continue;
}
