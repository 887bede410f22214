/* onlink.c - what leads to the translator against the subnets of the interfaces; RFC 1027, RFC 4389 (proxies) */
#include "dataplane/onlink.h"

#include "dataplane/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* IPv4 addresses that the configuration wants for the translator. */
struct claim {
	struct prefix4 prefix;
	const char *key; /* that says so */
	bool is_shared;
};

struct subnet_walk {
	const struct onlink_request *request;
	const struct fault *fault;
	struct claim claim;
	struct prefix6 claim6;
	int error;
};

/* Calls @fn with w->claim set to one after the other, until one fails. */
static int each_claim(struct subnet_walk *w, int (*fn)(struct subnet_walk *w))
{
	const struct state_config *pool = w->request->pool;
	const struct siit_config *siit = w->request->siit;
	int r = 0;

	for (unsigned i = 0; i < pool->pool_len && r == 0; i++) {
		w->claim = (struct claim){ pool->pool[i].prefix, "nat64.pool", pool->pool[i].is_shared };
		r = fn(w);
	}
	for (unsigned i = 0; i < siit->mappings_len && r == 0; i++) {
		w->claim = (struct claim){ siit->mappings[i].v4, "siit.mappings", false };
		r = siit->mappings[i].hosts == EAM_HOSTS_IPV6 ? fn(w) : 0;
	}
	for (unsigned i = 0; i < siit->translatable_len && r == 0; i++) {
		w->claim = (struct claim){ siit->translatable[i], "siit.translatable", false };
		r = fn(w);
	}
	if (siit->lent_pool.len > 0 && r == 0) {
		w->claim = (struct claim){ siit->lent_pool, "dns46.pool", false };
		r = fn(w);
	}
	return r;
}

/* --- addresses that the host needs itself --- */

static void on_own_address(void *ctx, const struct link_addr4 *a)
{
	struct subnet_walk *w = ctx;
	char address[ADDR4_TEXT], prefix[PREFIX4_TEXT];
	bool is_pool = strcmp(w->claim.key, "nat64.pool") == 0;

	if (w->error < 0 || a->index == w->request->device || !prefix4_contains(w->claim.prefix, a->addr))
		return;
	addr4_text(a->addr, address);
	prefix4_text(w->claim.prefix, prefix);
	w->error = is_pool ? fault_say(w->fault, -EADDRINUSE,
				     "nat64.pool: %s is in use by this host itself (pool entry %s): share it "
				     "with "
				     "`interface:` instead of `address:`",
				     address, prefix)
			   : fault_say(w->fault, -EADDRINUSE,
				     "%s: %s is in use by this host itself (%s) and cannot stand for "
				     "another: map other "
				     "addresses",
				     w->claim.key, address, prefix);
}

static int claim_check(struct subnet_walk *w)
{
	char prefix[PREFIX4_TEXT], gateway[ADDR4_TEXT];
	const struct claim *c = &w->claim;
	struct default_route4 route;

	prefix4_text(c->prefix, prefix);
	if (c->is_shared)
		return c->prefix.len == 32
			       ? 0
			       : fault_say(w->fault, -EINVAL,
					 "nat64.pool: shared entry %s is not a single address", prefix);
	int r = netlink_default_route4(w->request->netlink, &route);

	if (r < 0)
		return fault_say(w->fault, r, "cannot read the IPv4 routes: %s", strerror(-r));
	if (route.found && route.gateway.v != 0 && prefix4_contains(c->prefix, route.gateway))
		return fault_say(w->fault, -EADDRINUSE,
			"%s: %s is this host's IPv4 default gateway (%s) and cannot lead to the translator",
			c->key, addr4_text(route.gateway, gateway), prefix);
	r = netlink_addrs4(w->request->netlink, on_own_address, w);
	return r < 0 ? fault_say(w->fault, r, "cannot list the IPv4 addresses: %s", strerror(-r)) : w->error;
}

int onlink_check(const struct onlink_request *q, const struct fault *f)
{
	struct subnet_walk w = { .request = q, .fault = f };

	return each_claim(&w, claim_check);
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
		"%s: %s lies in %s of %s and is larger than a /24, too large to answer ARP for each "
		"address: route it to this host on its router, or set net.ipv4.conf.%s.proxy_arp=1",
		w->claim.key, prefix4_text(w->claim.prefix, prefix), prefix4_text(subnet, net), interface,
		interface);
}

/* Answer for the addresses that the claim and the subnet share; the smaller of two nested prefixes. */
static int overlap_answer(struct subnet_walk *w, unsigned index, struct prefix4 subnet)
{
	struct prefix4 common = w->claim.prefix.len >= subnet.len ? w->claim.prefix : subnet;
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
		return fault_say(w->fault, r, "cannot answer ARP on %s: %s", name, strerror(-r));
	return 0;
}

static void on_subnet(void *ctx, const struct link_addr4 *a)
{
	struct subnet_walk *w = ctx;
	struct prefix4 subnet = { { a->addr.v & mask4(a->prefix_len) }, a->prefix_len };
	struct prefix4 pool = w->claim.prefix;

	if (w->error < 0 || a->index == w->request->device || a->prefix_len >= 31 || a->addr.v >> 24 == 127)
		return;
	if (!prefix4_contains(subnet, pool.addr) && !prefix4_contains(pool, subnet.addr))
		return;
	w->error = overlap_answer(w, a->index, subnet);
}

static int claim_answer(struct subnet_walk *w)
{
	if (w->claim.is_shared)
		return 0;
	int r = netlink_addrs4(w->request->netlink, on_subnet, w);

	return r < 0 ? fault_say(w->fault, r, "cannot list the IPv4 addresses: %s", strerror(-r)) : w->error;
}

/* --- answering neighbour solicitations --- */

static int proxy6_add(const struct onlink_request *q, unsigned index, const char *name, struct addr6 a)
{
	char number[16], address[ADDR6_TEXT];
	int r = netlink_proxy6_has(q->netlink, index, a);

	if (r != 0)
		return r < 0 ? r : 0;
	snprintf(number, sizeof(number), "%u", index);
	r = journal_add(q->journal, CHANGE_PROXY, name, number, addr6_text(a, address));
	return r < 0 ? r : netlink_proxy6_add(q->netlink, index, a);
}

static int overlap6_answer(const struct subnet_walk *w, unsigned index, const char *name)
{
	char path[SYSCTL_PATH_BYTES], prefix[PREFIX6_TEXT];
	unsigned bits = 128u - w->claim6.len;
	int r = 0;

	if (bits > 8)
		return fault_say(w->fault, -EDOM,
			"siit.mappings: %s lies in a subnet of %s and is larger than a /120, too large to "
			"answer for each "
			"address: route it to this host on its router",
			prefix6_text(w->claim6, prefix), name);
	snprintf(path, sizeof(path), "net/ipv6/conf/%s/proxy_ndp", name);
	r = sysctl_change(w->request->journal, path, "1");
	for (unsigned i = 0; i < 1u << bits && r == 0; i++)
		r = proxy6_add(
			w->request, index, name, (struct addr6){ w->claim6.addr.hi, w->claim6.addr.lo + i });
	if (r < 0)
		return fault_say(
			w->fault, r, "cannot answer neighbour solicitations on %s: %s", name, strerror(-r));
	return 0;
}

static void on_subnet6(void *ctx, const struct link_addr6 *a)
{
	struct subnet_walk *w = ctx;
	struct prefix6 subnet = { addr6_truncate(a->addr, a->prefix_len), a->prefix_len };
	char name[IF_NAMESIZE];

	if (w->error < 0 || a->index == w->request->device || a->prefix_len >= 127 || !a->is_global ||
		a->prefix_len > w->claim6.len || !prefix6_contains(subnet, w->claim6.addr))
		return;
	if (if_indextoname(a->index, name))
		w->error = overlap6_answer(w, a->index, name);
}

static int answer6(struct subnet_walk *w)
{
	const struct siit_config *siit = w->request->siit;

	for (unsigned i = 0; i < siit->mappings_len && w->error == 0; i++) {
		if (siit->mappings[i].hosts != EAM_HOSTS_IPV4)
			continue;
		w->claim6 = siit->mappings[i].v6;
		int r = netlink_addrs6(w->request->netlink, on_subnet6, w);

		if (r < 0)
			return fault_say(w->fault, r, "cannot list the IPv6 addresses: %s", strerror(-r));
	}
	return w->error;
}

int onlink_answer(const struct onlink_request *q, const struct fault *f)
{
	struct subnet_walk w = { .request = q, .fault = f };
	int r = each_claim(&w, claim_answer);

	return r < 0 ? r : answer6(&w);
}

/* --- answering no more --- */

static bool is_claimed4(const struct onlink_request *q, struct addr4 a)
{
	for (unsigned i = 0; i < q->pool->pool_len; i++)
		if (!q->pool->pool[i].is_shared && prefix4_contains(q->pool->pool[i].prefix, a))
			return true;
	for (unsigned i = 0; i < q->siit->mappings_len; i++)
		if (q->siit->mappings[i].hosts == EAM_HOSTS_IPV6 &&
			prefix4_contains(q->siit->mappings[i].v4, a))
			return true;
	for (unsigned i = 0; i < q->siit->translatable_len; i++)
		if (prefix4_contains(q->siit->translatable[i], a))
			return true;
	return q->siit->lent_pool.len > 0 && prefix4_contains(q->siit->lent_pool, a);
}

static bool is_claimed6(const struct onlink_request *q, struct addr6 a)
{
	for (unsigned i = 0; i < q->siit->mappings_len; i++)
		if (q->siit->mappings[i].hosts == EAM_HOSTS_IPV4 &&
			prefix6_contains(q->siit->mappings[i].v6, a))
			return true;
	return false;
}

/* A change that the journal names, as long as its interface is the one that it was. */
struct answer {
	unsigned index;
	bool is4;
	struct addr4 a4;
	struct addr6 a6;
};

static bool answer_read(const struct change *c, struct answer *ret)
{
	struct answer a = { .index = (unsigned)strtoul(c->before, NULL, 10) };

	if (c->kind != CHANGE_PROXY || a.index == 0 || if_nametoindex(c->subject) != a.index)
		return false;
	a.is4 = addr4_parse(c->after, &a.a4);
	if (!a.is4 && !addr6_parse(c->after, &a.a6))
		return false;
	*ret = a;
	return true;
}

void onlink_undo(struct netlink *n, const struct change *c)
{
	struct answer a;

	if (answer_read(c, &a))
		(void)!(a.is4 ? netlink_proxy_del(n, a.index, a.a4) : netlink_proxy6_del(n, a.index, a.a6));
}

/* --- answering again --- */

static int answer_is_there(struct netlink *n, const struct answer *a)
{
	return a->is4 ? netlink_proxy_has(n, a->index, a->a4) : netlink_proxy6_has(n, a->index, a->a6);
}

/* The kernel forgets all of an interface at once, so one of them tells for the others. */
static int is_forgotten(struct netlink *n, const struct change *changes, size_t len, const char *interface)
{
	struct answer a;

	for (size_t i = 0; i < len; i++)
		if (strcmp(changes[i].subject, interface) == 0 && answer_read(&changes[i], &a)) {
			int r = answer_is_there(n, &a);

			return r < 0 ? r : r == 0;
		}
	return 0;
}

/* Returns how many, or -errno. */
static int interface_mend(struct netlink *n, const struct change *changes, size_t len, const char *interface)
{
	int count = 0, r = 0;
	struct answer a;

	for (size_t i = 0; i < len && r == 0; i++) {
		if (strcmp(changes[i].subject, interface) != 0 || !answer_read(&changes[i], &a))
			continue;
		r = a.is4 ? netlink_proxy_add(n, a.index, a.a4) : netlink_proxy6_add(n, a.index, a.a6);
		count++;
	}
	return r < 0 ? r : count;
}

/* Whether this is the first change of its interface that says for whom is answered. */
static bool is_first(const struct change *changes, size_t i)
{
	if (changes[i].kind != CHANGE_PROXY)
		return false;
	for (size_t k = 0; k < i; k++)
		if (changes[k].kind == CHANGE_PROXY && strcmp(changes[k].subject, changes[i].subject) == 0)
			return false;
	return true;
}

int onlink_mend(struct netlink *n, const struct journal *j,
	void (*mended)(void *ctx, const char *interface, unsigned addresses), void *ctx)
{
	size_t len;
	const struct change *changes = journal_changes(j, &len);
	int error = 0;

	for (size_t i = 0; i < len; i++) {
		if (!is_first(changes, i))
			continue;
		int r = is_forgotten(n, changes, len, changes[i].subject);

		if (r > 0)
			r = interface_mend(n, changes, len, changes[i].subject);
		if (r > 0)
			mended(ctx, changes[i].subject, (unsigned)r);
		error = error < 0 || r >= 0 ? error : r;
	}
	return error;
}

static bool silence(void *ctx, const struct change *c)
{
	const struct onlink_request *q = ctx;
	struct addr4 a4;
	struct addr6 a6;

	if (c->kind != CHANGE_PROXY)
		return false;
	if (addr4_parse(c->after, &a4) ? is_claimed4(q, a4)
				       : !addr6_parse(c->after, &a6) || is_claimed6(q, a6))
		return false;
	onlink_undo(q->netlink, c);
	return true;
}

int onlink_silence(const struct onlink_request *q)
{
	struct onlink_request copy = *q;

	return journal_forget_some(q->journal, silence, &copy);
}
