/*
 * uplink.c - the way to the network's NAT64, and the address that a customer-side translator takes there
 *
 * The translator needs an IPv6 address that is nobody else's, the host's neither (RFC 6877 s6.3): whatever comes for it
 * is a packet to translate. It lies in a /64 of the uplink in which the host has an address by autoconfiguration, and its
 * interface identifier is made in the manner of RFC 7217: a keyed hash of the prefix and the interface's own link-layer
 * address, so that it stays the same from one start to the next, says nothing about the hardware, and is another one in
 * another network. The key is the machine id; without one it is random, and holds until the program ends.
 *
 * Standards: RFC 6877 s6.3, RFC 7217 s5, RFC 5453 (reserved identifiers).
 */
#include "dataplane/uplink.h"

#include "base/hash.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MACHINE_ID "/etc/machine-id"
#define MACHINE_ID_DIGITS 32
#define NET_BITS 64

/* --- the interface identifier --- */

/* RFC 5453: subnet-router anycast, the proxy mobile address, and the last 128 of a subnet. */
static bool is_reserved(uint64_t id)
{
	return id == 0 || id >> 32 == 0x02005eff || (id >= 0xfdffffffffffff80 && id <= 0xfdffffffffffffff);
}

struct addr6 uplink_address(const struct uplink_identity *w)
{
	struct hash_key key = { w->secret[0], w->secret[1] };
	uint64_t id, words[3] = { w->net.addr.hi, be64_at(w->hardware), 0 };

	do {
		id = hash_words(&key, words, ARRAY_LEN(words));
		words[2]++; /* the DAD_Counter of RFC 7217 s5 */
	} while (is_reserved(id));
	return (struct addr6){ w->net.addr.hi, id };
}

/* --- the machine's secret --- */

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uplink_secret_parse(const char *text, size_t len, uint64_t ret[static 2])
{
	uint64_t secret[2] = { 0, 0 };

	if (len < MACHINE_ID_DIGITS)
		return false;
	for (size_t i = 0; i < MACHINE_ID_DIGITS; i++) {
		int digit = digit_of(text[i]);

		if (digit < 0)
			return false;
		secret[i / 16] = secret[i / 16] << 4 | (uint64_t)digit;
	}
	ret[0] = secret[0];
	ret[1] = secret[1];
	return true;
}

int uplink_secret(uint64_t ret[static 2])
{
	char text[MACHINE_ID_DIGITS];
	int fd = open(MACHINE_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	if (n > 0 && uplink_secret_parse(text, (size_t)n, ret))
		return 0;
	return random_seed(ret, 2 * sizeof(ret[0]));
}

/* --- the uplink --- */

struct link_search {
	unsigned index;
	struct link found; /* index 0: not found */
};

static void on_link(void *ctx, const struct link *l)
{
	struct link_search *s = ctx;

	if (l->index == s->index)
		s->found = *l;
}

/* How good an address is to learn the prefix from; 0: not at all. */
static unsigned rank_of(const struct link_addr6 *a, const struct addr6 *present)
{
	bool is_global_unicast = a->addr.hi >> 61 == 1; /* 2000::/3; else a unique local address */

	if (!a->is_global || a->is_temporary || a->prefix_len != NET_BITS)
		return 0;
	unsigned rank = 1;

	if (is_global_unicast)
		rank += 1;
	if (present && present->hi == a->addr.hi)
		rank += 2;
	if (!a->is_deprecated)
		rank += 4;
	return rank;
}

struct net_search {
	unsigned index;
	const struct addr6 *present;
	unsigned rank; /* of the best so far */
	struct prefix6 net;
};

static void on_addr(void *ctx, const struct link_addr6 *a)
{
	struct net_search *s = ctx;
	unsigned r = a->index == s->index ? rank_of(a, s->present) : 0;

	if (r <= s->rank)
		return;
	s->rank = r;
	s->net = (struct prefix6){ addr6_truncate(a->addr, NET_BITS), NET_BITS };
}

static int index_find(struct netlink *n, const struct uplink_wish *w, unsigned *ret)
{
	struct default_route6 route;
	int r = 0;

	if (w->name) {
		*ret = if_nametoindex(w->name);
		return 0;
	}
	r = netlink_default_route6(n, if_nametoindex(w->device), &route);
	if (r == 0)
		*ret = route.found ? route.index : 0;
	return r;
}

static int uplink_look(struct netlink *n, const struct uplink_wish *w, struct uplink *ret)
{
	struct uplink u = { .index = 0 };
	struct net_search nets = { .present = w->present };
	struct link_search links = { .index = 0 };
	int r = index_find(n, w, &links.index);

	if (r == 0 && links.index > 0)
		r = netlink_links(n, on_link, &links);
	nets.index = links.found.index;
	if (r == 0 && nets.index > 0)
		r = netlink_addrs6(n, on_addr, &nets);
	if (r < 0)
		return r;
	u.index = nets.index;
	text_copy(u.name, sizeof(u.name), links.found.name);
	u.has_net = nets.rank > 0;
	u.identity.net = nets.net;
	bytes_copy(u.identity.hardware, links.found.hardware, sizeof(u.identity.hardware));
	*ret = u;
	return 0;
}

int uplink_find(const struct uplink_wish *w, struct uplink *ret)
{
	struct netlink *n = NULL;
	int r = netlink_open(&n);

	if (r == 0)
		r = uplink_look(n, w, ret);
	netlink_close(n);
	return r;
}
