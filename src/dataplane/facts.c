/* facts.c - what the host has to offer: the IPv4 default route and the addresses of interfaces */
#include "dataplane/host.h"

#include "dataplane/netlink.h"

#include <errno.h>

struct addr_search {
	unsigned index;
	struct addr4 addr;
	bool found;
};

static void on_addr4(void *ctx, const struct link_addr4 *a)
{
	struct addr_search *s = ctx;

	if (s->found || a->index != s->index || !a->is_primary)
		return;
	s->addr = a->addr;
	s->found = true;
}

static int facts_read(struct netlink *n, struct host_facts *ret)
{
	struct host_facts facts = { 0 };
	struct default_route4 route;
	int r = netlink_default_route4(n, &route);

	if (r == 0 && route.found && if_indextoname(route.index, facts.uplink4)) {
		struct addr_search s = {
			.index = route.index, .addr = route.source, .found = route.source.v != 0
		};

		facts.has_route4 = true;
		if (!s.found)
			r = netlink_addrs4(n, on_addr4, &s);
		facts.addr4 = s.addr;
		facts.has_addr4 = s.found;
	}
	if (r == 0)
		*ret = facts;
	return r;
}

int host_facts(struct host_facts *ret)
{
	struct netlink *n = NULL;
	int r = netlink_open(&n);

	if (r == 0)
		r = facts_read(n, ret);
	netlink_close(n);
	return r;
}

int host_interface_addr4(const char *ifname, struct addr4 *ret)
{
	struct addr_search s = { .index = if_nametoindex(ifname) };
	struct netlink *n = NULL;

	if (s.index == 0)
		return -ENODEV;
	int r = netlink_open(&n);

	if (r == 0)
		r = netlink_addrs4(n, on_addr4, &s);
	netlink_close(n);
	if (r < 0)
		return r;
	if (!s.found)
		return -EADDRNOTAVAIL;
	*ret = s.addr;
	return 0;
}
