/*
 * netlink_mtu.c - routes that have an MTU of their own, and news of them
 *
 * The kernel honours such an MTU when it forwards, but bpf_fib_lookup() knows only that of the interface, unless the route's is
 * locked. A table of routes may be long, so it is read as a whole only if some news are of such a route.
 */
#include "dataplane/netlink_message.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define NEWS_BYTES 32768

/* The MTU of a route that is none of the kernel's own notes; 0: it has none, or one that is locked. */
static uint32_t mtu_of(const struct nlmsghdr *m)
{
	struct rtmsg h;

	if ((m->nlmsg_type != RTM_NEWROUTE && m->nlmsg_type != RTM_DELROUTE) ||
		!netlink_has_header(m, sizeof(h)))
		return 0;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	const struct nlattr *metrics = netlink_attr(m, sizeof(h), RTA_METRICS, 0);

	if (!metrics || (h.rtm_flags & RTM_F_CLONED) || h.rtm_type != RTN_UNICAST)
		return 0;
	uint32_t locked = netlink_u32(netlink_attr_in(metrics, RTAX_LOCK, 4), 0);

	return locked >> RTAX_MTU & 1 ? 0 : netlink_u32(netlink_attr_in(metrics, RTAX_MTU, 4), 0);
}

struct route_walk {
	unsigned except;
	unsigned index; /* of the interface of the first that was found; 0: none was */
};

static void on_route(void *ctx, const struct nlmsghdr *m)
{
	struct route_walk *w = ctx;
	unsigned index = netlink_route_interface(m);

	if (w->index == 0 && index != w->except && mtu_of(m) > 0)
		w->index = index;
}

int netlink_route_mtu(struct netlink *n, unsigned except, unsigned *ret_index)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct route_walk w = { .except = except };

	for (size_t i = 0; i < ARRAY_LEN(families) && w.index == 0; i++) {
		_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
		struct rtmsg h = { .rtm_family = families[i] };
		int r = netlink_dump(n, netlink_message(buf, RTM_GETROUTE, 0, &h, sizeof(h)), on_route, &w);

		if (r < 0)
			return r;
	}
	*ret_index = w.index;
	return 0;
}

bool netlink_news_of_mtu(int fd)
{
	_Alignas(struct nlmsghdr) char buf[NEWS_BYTES];
	bool is_news = false;

	for (;;) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		if (got < 0 && errno == ENOBUFS) /* some were lost */
			is_news = true;
		else if (got < 0 && errno != EINTR)
			return is_news;
		int left = got < 0 ? 0 : (int)got;

		for (const struct nlmsghdr *m = (const void *)buf; mnl_nlmsg_ok(m, left);
			m = mnl_nlmsg_next(m, &left))
			is_news = is_news || mtu_of(m) > 0;
	}
}
