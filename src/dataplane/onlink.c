/* onlink.c - the pool against the subnets of the interfaces; RFC 1027 (proxy ARP) */
#include "dataplane/onlink.h"

#include "dataplane/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct subnet_walk {
	const struct onlink_request *request;
	const struct fault *fault;
	const struct pool_entry *entry;
	int error;
};

/* --- addresses that cannot be lent out --- */

static void on_own_address(void *ctx, const struct link_addr4 *a)
{
	struct subnet_walk *w = ctx;
	char address[ADDR4_TEXT], prefix[PREFIX4_TEXT];

	if (w->error < 0 || a->index == w->request->device || !prefix4_contains(w->entry->prefix, a->addr))
		return;
	addr4_text(a->addr, address);
	prefix4_text(w->entry->prefix, prefix);
	w->error = fault_say(w->fault, -EADDRINUSE,
		"nat64.pool: %s is in use by this host itself (pool entry %s): share it with `interface:` "
		"instead of `address:`",
		address, prefix);
}

static int entry_check(struct subnet_walk *w, const struct default_route4 *route)
{
	char prefix[PREFIX4_TEXT], gateway[ADDR4_TEXT];
	const struct pool_entry *e = w->entry;

	prefix4_text(e->prefix, prefix);
	if (e->is_shared)
		return e->prefix.len == 32
			       ? 0
			       : fault_say(w->fault, -EINVAL,
					 "nat64.pool: shared entry %s is not a single address", prefix);
	if (route->found && route->gateway.v != 0 && prefix4_contains(e->prefix, route->gateway))
		return fault_say(w->fault, -EADDRINUSE,
			"nat64.pool: %s is this host's IPv4 default gateway (pool entry %s) and cannot be "
			"lent out",
			addr4_text(route->gateway, gateway), prefix);
	int r = netlink_addrs4(w->request->netlink, on_own_address, w);

	return r < 0 ? fault_say(w->fault, r, "cannot list the IPv4 addresses: %s", strerror(-r)) : w->error;
}

int onlink_check(const struct onlink_request *q, const struct fault *f)
{
	struct subnet_walk w = { .request = q, .fault = f };
	struct default_route4 route;
	int r = netlink_default_route4(q->netlink, &route);

	if (r < 0)
		return fault_say(f, r, "cannot read the IPv4 routes: %s", strerror(-r));
	for (unsigned i = 0; i < q->pool->pool_len && r == 0; i++) {
		w.entry = &q->pool->pool[i];
		r = entry_check(&w, &route);
	}
	return r;
}

/* --- answering ARP --- */

static int proxy_add(const struct onlink_request *q, unsigned index, struct addr4 a)
{
	char name[IF_NAMESIZE], number[16], address[ADDR4_TEXT];
	int r = netlink_proxy_has(q->netlink, index, a);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!if_indextoname(index, name))
		return -errno;
	snprintf(number, sizeof(number), "%u", index);
	r = journal_add(q->journal, CHANGE_PROXY, name, number, addr4_text(a, address));
	return r < 0 ? r : netlink_proxy_add(q->netlink, index, a);
}

static bool answers_for_all(const char *interface)
{
	char path[SYSCTL_PATH_BYTES], value[SYSCTL_VALUE_BYTES];
	int n = snprintf(path, sizeof(path), "net/ipv4/conf/%s/proxy_arp", interface);

	return n > 0 && n < (int)sizeof(path) && sysctl_read(path, value, sizeof(value)) == 0 &&
	       strcmp(value, "1") == 0;
}

static int too_many(const struct subnet_walk *w, const char *interface, struct prefix4 subnet)
{
	char prefix[PREFIX4_TEXT], net[PREFIX4_TEXT];

	return fault_say(w->fault, -EDOM,
		"nat64.pool: %s lies in %s of %s and is larger than a /24, too large to answer ARP for each "
		"address: route it to this host on its router, or set net.ipv4.conf.%s.proxy_arp=1",
		prefix4_text(w->entry->prefix, prefix), prefix4_text(subnet, net), interface, interface);
}

/* Answer for the addresses that the pool entry and the subnet share; the smaller of two nested prefixes. */
static int overlap_answer(struct subnet_walk *w, unsigned index, struct prefix4 subnet)
{
	struct prefix4 common = w->entry->prefix.len >= subnet.len ? w->entry->prefix : subnet;
	char name[IF_NAMESIZE];
	int r = 0;

	if (!if_indextoname(index, name))
		return 0; /* it went away */
	if (answers_for_all(name))
		return 0;
	if (common.len < 24)
		return too_many(w, name, subnet);
	uint32_t last = common.addr.v | ~mask4(common.len);

	for (uint64_t v = common.addr.v; v <= last && r == 0; v++)
		r = proxy_add(w->request, index, (struct addr4){ (uint32_t)v });
	if (r < 0)
		return fault_say(w->fault, r, "cannot answer ARP for the pool on %s: %s", name, strerror(-r));
	return 0;
}

static void on_subnet(void *ctx, const struct link_addr4 *a)
{
	struct subnet_walk *w = ctx;
	struct prefix4 subnet = { { a->addr.v & mask4(a->prefix_len) }, a->prefix_len };
	struct prefix4 pool = w->entry->prefix;

	if (w->error < 0 || a->index == w->request->device || a->prefix_len >= 31 || a->addr.v >> 24 == 127)
		return;
	if (!prefix4_contains(subnet, pool.addr) && !prefix4_contains(pool, subnet.addr))
		return;
	w->error = overlap_answer(w, a->index, subnet);
}

int onlink_answer(const struct onlink_request *q, const struct fault *f)
{
	struct subnet_walk w = { .request = q, .fault = f };

	for (unsigned i = 0; i < q->pool->pool_len; i++) {
		w.entry = &q->pool->pool[i];
		if (w.entry->is_shared)
			continue;
		int r = netlink_addrs4(q->netlink, on_subnet, &w);

		if (r < 0)
			return fault_say(f, r, "cannot list the IPv4 addresses: %s", strerror(-r));
		if (w.error < 0)
			return w.error;
	}
	return 0;
}

/* --- answering no more --- */

static bool is_dedicated(const struct state_config *pool, struct addr4 a)
{
	for (unsigned i = 0; i < pool->pool_len; i++)
		if (!pool->pool[i].is_shared && prefix4_contains(pool->pool[i].prefix, a))
			return true;
	return false;
}

void onlink_undo(struct netlink *n, const struct change *c)
{
	unsigned index = (unsigned)strtoul(c->before, NULL, 10);
	struct addr4 a4;
	struct addr6 a6;

	if (index == 0 || if_nametoindex(c->subject) != index)
		return;
	if (addr4_parse(c->after, &a4))
		(void)!netlink_proxy_del(n, index, a4);
	else if (addr6_parse(c->after, &a6))
		(void)!netlink_proxy6_del(n, index, a6);
}

static bool silence(void *ctx, const struct change *c)
{
	const struct onlink_request *q = ctx;
	struct addr4 a;

	if (c->kind != CHANGE_PROXY || !addr4_parse(c->after, &a) || is_dedicated(q->pool, a))
		return false;
	onlink_undo(q->netlink, c);
	return true;
}

int onlink_silence(const struct onlink_request *q)
{
	struct onlink_request copy = *q;

	return journal_forget_some(q->journal, silence, &copy);
}
