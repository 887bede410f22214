/*
 * flowpath_way.c - whether translated packets are redirected or routed, and whether any are translated in the kernel at all
 *
 * They are routed, if the operator has not said it, if the host does something with forwarded packets that a redirected one would
 * miss: rules, IPsec, and the MTU of a route, which bpf_fib_lookup() does not see (netlink_mtu.c).
 *
 * The programs rest while rules follow connections. Of a flow that the translator carries the kernel sees all packets twice, as IPv6
 * and as IPv4; of one on the fast path, of each at most one direction (route), or nothing between the beginning and the end
 * (redirect), and of TCP's first three packets perhaps one. So it would take good segments for invalid, or forget the
 * connection, and most firewalls drop those.
 */
#include "dataplane/flowpath_parts.h"

#include <stdio.h>

static int known_take(struct netlink *n, unsigned device, struct flowpath_known *k)
{
	int r = k->has_rules ? 0 : firewall_look(&k->rules);

	k->has_rules = r == 0;
	if (r == 0 && !k->has_routes) {
		r = netlink_route_mtu(n, device, &k->route_index);
		k->has_routes = r == 0;
	}
	return r == 0 ? netlink_has_policies(&k->has_policies) : r;
}

/* What a redirected packet would miss. */
static bool host_meddles(const struct firewall *rules, const struct flowpath_known *known)
{
	return rules->has_rules || known->has_policies || known->route_index > 0;
}

static void way_auto(
	const struct firewall *rules, const struct flowpath_known *known, struct flowpath_status *st)
{
	char name[IF_NAMESIZE];

	st->is_route = host_meddles(rules, known);
	if (rules->has_rules)
		snprintf(st->why_way, sizeof(st->why_way), "the host has rules (%s)", rules->what);
	else if (known->has_policies)
		text_copy(st->why_way, sizeof(st->why_way), "the host has IPsec policies");
	else if (st->is_route)
		snprintf(st->why_way, sizeof(st->why_way), "a route by %s has an MTU of its own",
			if_indextoname(known->route_index, name) ? name : "an interface that is gone");
	else
		text_copy(st->why_way, sizeof(st->why_way), "the host has no rules for forwarded packets");
}

int flowpath_way_choose(enum flowpath_way wish, struct netlink *n, unsigned device,
	struct flowpath_known *known, struct flowpath_status *st)
{
	int r = known_take(n, device, known);
	struct firewall rules = known->rules;

	st->why_rest[0] = '\0';
	st->is_clear = false;
	if (r < 0) {
		st->is_route = wish != FLOWPATH_WAY_REDIRECT;
		snprintf(st->why_way, sizeof(st->why_way), "rules and routes cannot be read: %s",
			strerror(-r));
		snprintf(st->why_rest, sizeof(st->why_rest), "%s", st->why_way);
		return r;
	}
	firewall_look_legacy(&rules);
	if (wish == FLOWPATH_WAY_AUTO) {
		way_auto(&rules, known, st);
	} else {
		st->is_route = wish == FLOWPATH_WAY_ROUTE;
		text_copy(st->why_way, sizeof(st->why_way), "as configured");
	}
	st->is_clear = !st->is_route && !rules.has_tracking && !host_meddles(&rules, known);
	if (rules.has_tracking)
		snprintf(st->why_rest, sizeof(st->why_rest),
			"the host's rules follow connections (%s), and would take good segments for invalid",
			rules.what);
	return 0;
}
