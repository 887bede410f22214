/*
 * clat.c - a customer-side translator's place in the host
 *
 * What a program on the host sees is an IPv4 address on the TUN device and an IPv4 default route to it. The route's
 * metric is so high that every real one is preferred, and its MTU so low that a packet still fits the uplink when it has
 * become an IPv6 packet. It is there while no prefix is known, too: then the translator refuses the packets, and programs
 * are told at once.
 *
 * What the network sees is one IPv6 address more on this host. Neighbours ask for it; the kernel answers as a proxy,
 * without delay, and forwards what comes for it to the device, where a route leads (host.c). For unicast solicitations
 * (neighbour unreachability detection) the kernel looks at the setting of `all` alone, so that is the one which is
 * switched on; it concerns only addresses that have an entry.
 *
 * Duplicate address detection: the kernel defends a proxied address against others who want it; whether somebody has it
 * already is not asked. The address is made from 64 bits of a keyed hash (uplink.c).
 *
 * Standards: RFC 6877 s6.3, RFC 4861 s7.2.8 (proxies).
 */
#include "dataplane/clat.h"

#include "dataplane/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUTE_METRIC 46400 /* above what DHCP clients and connection managers use, penalties included */
#define MTU_MIN 1280	   /* RFC 8200 s5 */

/* --- the IPv4 default route --- */

struct mtu_search {
	const char *name;
	unsigned mtu;
};

static void on_link(void *ctx, const struct link *l)
{
	struct mtu_search *s = ctx;

	if (strcmp(l->name, s->name) == 0)
		s->mtu = l->mtu;
}

/* A router may advertise less than what the link takes (RFC 4861 s4.6.4). */
static unsigned advertised_mtu(const char *interface)
{
	char path[SYSCTL_PATH_BYTES], value[SYSCTL_VALUE_BYTES];
	int n = snprintf(path, sizeof(path), "net/ipv6/conf/%s/mtu", interface);

	if (n < 0 || n >= (int)sizeof(path) || sysctl_read(path, value, sizeof(value)) < 0)
		return 0;
	return (unsigned)strtoul(value, NULL, 10);
}

static int mtu_find(const struct clat_request *q, unsigned *ret)
{
	struct mtu_search s = { .name = q->clat->uplink };
	int r = netlink_links(q->netlink, on_link, &s);
	unsigned advertised = advertised_mtu(q->clat->uplink);

	if (r < 0)
		return r;
	if (advertised > 0 && advertised < s.mtu)
		s.mtu = advertised;
	*ret = s.mtu > MTU_MIN ? s.mtu : MTU_MIN;
	return 0;
}

static int route_widen(const struct clat_request *q, const struct fault *f)
{
	struct default_link4 want = {
		.index = q->device, .metric = ROUTE_METRIC, .mtu = MTU_MIN, .source = q->clat->address
	};
	int r = q->clat->uplink[0] ? mtu_find(q, &want.mtu) : 0;

	want.mtu -= CLAT_GROWTH;
	if (r < 0)
		return fault_say(f, r, "cannot list the interfaces: %s", strerror(-r));
	if (q->present->index == want.index && q->present->mtu == want.mtu)
		return 0;
	r = netlink_default_link4(q->netlink, &want);
	if (r == -EEXIST)
		return fault_say(f, r,
			"there is an IPv4 default route with metric %d already, which is the one of clat: "
			"give it another",
			ROUTE_METRIC);
	if (r < 0)
		return fault_say(f, r, "cannot make the IPv4 default route: %s", strerror(-r));
	*q->present = want;
	return 0;
}

/* --- answering neighbours --- */

/* The kernel would wait up to 0.8 s before it answers for somebody else, in case several do (RFC 4861 s7.2.8). */
static int delay_remove(const struct clat_request *q)
{
	char path[SYSCTL_PATH_BYTES];
	int n = snprintf(path, sizeof(path), "net/ipv6/neigh/%s/proxy_delay", q->clat->uplink);

	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int r = sysctl_change(q->journal, path, "0");

	return r == -ENOENT ? 0 : r; /* a link without neighbours */
}

/* @after: NULL for any */
static bool is_in_journal(
	const struct journal *j, enum change_kind kind, const char *subject, const char *after)
{
	size_t len;
	const struct change *c = journal_changes(j, &len);

	for (size_t i = 0; i < len; i++)
		if (c[i].kind == kind && strcmp(c[i].subject, subject) == 0 &&
			(!after || strcmp(c[i].after, after) == 0))
			return true;
	return false;
}

/*
 * An uplink that came after forwarding was switched on (forward.c) would ignore the advertisements that it needs. If it
 * was not us who switched it on, then the administrator knows what accept_ra is to be.
 */
static int advertisements_accept(const struct clat_request *q)
{
	char path[SYSCTL_PATH_BYTES], value[SYSCTL_VALUE_BYTES];
	int n = snprintf(path, sizeof(path), "net/ipv6/conf/%s/accept_ra", q->clat->uplink);

	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (sysctl_read(path, value, sizeof(value)) < 0 || strcmp(value, "1") != 0 ||
		!is_in_journal(q->journal, CHANGE_SYSCTL, "net/ipv6/conf/all/forwarding", NULL))
		return 0;
	return sysctl_change(q->journal, path, "2");
}

static int proxy_add(const struct clat_request *q)
{
	unsigned index = if_nametoindex(q->clat->uplink);
	char number[16], address[ADDR6_TEXT];
	int r = index > 0 ? netlink_proxy6_has(q->netlink, index, q->clat->ipv6) : 1; /* it went away */

	if (r != 0)
		return r < 0 ? r : 0;
	snprintf(number, sizeof(number), "%u", index);
	r = journal_add(q->journal, CHANGE_CLAT, q->clat->uplink, number, addr6_text(q->clat->ipv6, address));
	return r < 0 ? r : netlink_proxy6_add(q->netlink, index, q->clat->ipv6);
}

static int answers_widen(const struct clat_request *q, const struct fault *f)
{
	int r = delay_remove(q);

	if (r == 0)
		r = sysctl_change(q->journal, "net/ipv6/conf/all/proxy_ndp", "1");
	if (r == 0)
		r = advertisements_accept(q);
	if (r == 0)
		r = proxy_add(q);
	if (r < 0)
		return fault_say(f, r, "cannot answer neighbour solicitations on %s: %s", q->clat->uplink,
			strerror(-r));
	return 0;
}

int clat_widen(const struct clat_request *q, const struct fault *f)
{
	int r = route_widen(q, f);

	if (r < 0 || !q->clat->has_ipv6 || q->clat->uplink[0] == '\0')
		return r;
	return answers_widen(q, f);
}

/* --- answering no more --- */

void clat_undo(struct netlink *n, const struct change *c)
{
	unsigned index = (unsigned)strtoul(c->before, NULL, 10);
	struct addr6 a;

	if (index > 0 && if_nametoindex(c->subject) == index && addr6_parse(c->after, &a))
		(void)!netlink_proxy6_del(n, index, a);
}

static bool is_over(void *ctx, const struct change *c)
{
	const struct clat_request *q = ctx;
	char address[ADDR6_TEXT];

	if (c->kind != CHANGE_CLAT)
		return false;
	if (q->clat->has_ipv6 && strcmp(c->subject, q->clat->uplink) == 0 &&
		strcmp(c->after, addr6_text(q->clat->ipv6, address)) == 0)
		return false;
	clat_undo(q->netlink, c);
	return true;
}

int clat_narrow(const struct clat_request *q)
{
	struct clat_request copy = *q;

	return journal_forget_some(q->journal, is_over, &copy);
}
