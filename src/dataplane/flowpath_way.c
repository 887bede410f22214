/*
 * flowpath_way.c - whether translated packets are redirected or routed, if the operator has not said it
 *
 * They are routed if the host does something with forwarded packets that a redirected one would miss: rules, and the MTU of a
 * route, which bpf_fib_lookup() does not see (netlink_mtu.c). If that cannot be found out, they are routed, too: it is always right.
 */
#include "dataplane/flowpath_parts.h"

#include <stdio.h>

/* Whether a route has an MTU that the programs cannot see. */
static int routes_look(struct netlink *n, unsigned device, struct flowpath_routes *r)
{
	int err = r->is_known ? 0 : netlink_route_mtu(n, device, &r->index);

	r->is_known = err == 0;
	return err;
}

static void say_route(unsigned index, char ret_why[static FLOWPATH_REASON])
{
	char name[IF_NAMESIZE];

	snprintf(ret_why, FLOWPATH_REASON, "a route by %s has an MTU of its own",
		if_indextoname(index, name) ? name : "an interface that is gone");
}

int flowpath_way_choose(enum flowpath_way wish, struct netlink *n, unsigned device,
	struct flowpath_routes *routes, struct flowpath_status *st)
{
	struct firewall rules = { 0 };
	int r = 0;

	if (wish != FLOWPATH_WAY_AUTO) {
		st->is_route = wish == FLOWPATH_WAY_ROUTE;
		text_copy(st->why_way, sizeof(st->why_way), "as configured");
		return 0;
	}
	r = firewall_look(&rules);
	if (r == 0)
		r = routes_look(n, device, routes);
	st->is_route = r < 0 || rules.has_rules || routes->index > 0;
	if (r < 0)
		snprintf(st->why_way, sizeof(st->why_way), "the host's rules and routes cannot be read: %s",
			strerror(-r));
	else if (rules.has_rules)
		snprintf(st->why_way, sizeof(st->why_way), "the host has rules (%s)", rules.what);
	else if (st->is_route)
		say_route(routes->index, st->why_way);
	else
		text_copy(st->why_way, sizeof(st->why_way), "the host has no rules for forwarded packets");
	return r;
}
