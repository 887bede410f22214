/* netlink_neighbour.c - proxy neighbours: answering for addresses that are not this host's; see netlink.h */
#include "dataplane/netlink_message.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

/* An address of either family, as it is in a message. */
struct proxied {
	uint8_t family;
	uint8_t len;
	uint8_t bytes[16];
};

static struct proxied proxied4(struct addr4 a)
{
	struct proxied p = { .family = AF_INET, .len = 4 };

	addr4_put(p.bytes, a);
	return p;
}

static struct proxied proxied6(struct addr6 a)
{
	struct proxied p = { .family = AF_INET6, .len = 16 };

	addr6_put(p.bytes, a);
	return p;
}

static int proxy_change(struct netlink *n, uint16_t type, unsigned index, const struct proxied *p)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	uint16_t flags = type == RTM_NEWNEIGH ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct ndmsg h = { .ndm_family = p->family, .ndm_ifindex = (int)index, .ndm_flags = NTF_PROXY };
	struct nlmsghdr *m = netlink_message(buf, type, flags, &h, sizeof(h));

	mnl_attr_put(m, NDA_DST, p->len, p->bytes);
	return netlink_ask(n, m);
}

struct proxy_search {
	unsigned index;
	struct proxied want;
	int found;
};

static void on_proxy(void *ctx, const struct nlmsghdr *m)
{
	struct proxy_search *s = ctx;
	struct ndmsg h;

	if (m->nlmsg_type != RTM_NEWNEIGH || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	const struct nlattr *dst = netlink_attr(m, sizeof(h), NDA_DST, s->want.len);

	if (h.ndm_family == s->want.family && (h.ndm_flags & NTF_PROXY) &&
		(unsigned)h.ndm_ifindex == s->index && dst &&
		bytes_equal(mnl_attr_get_payload(dst), s->want.bytes, s->want.len))
		s->found = 1;
}

static int proxy_find(struct netlink *n, unsigned index, struct proxied want)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct ndmsg h = { .ndm_family = want.family, .ndm_flags = NTF_PROXY };
	struct proxy_search s = { .index = index, .want = want };
	int r = netlink_dump(n, netlink_message(buf, RTM_GETNEIGH, 0, &h, sizeof(h)), on_proxy, &s);

	return r < 0 ? r : s.found;
}

int netlink_proxy_add(struct netlink *n, unsigned index, struct addr4 a)
{
	struct proxied p = proxied4(a);

	return proxy_change(n, RTM_NEWNEIGH, index, &p);
}

int netlink_proxy_del(struct netlink *n, unsigned index, struct addr4 a)
{
	struct proxied p = proxied4(a);

	return proxy_change(n, RTM_DELNEIGH, index, &p);
}

int netlink_proxy_has(struct netlink *n, unsigned index, struct addr4 a)
{
	return proxy_find(n, index, proxied4(a));
}

int netlink_proxy6_add(struct netlink *n, unsigned index, struct addr6 a)
{
	struct proxied p = proxied6(a);

	return proxy_change(n, RTM_NEWNEIGH, index, &p);
}

int netlink_proxy6_del(struct netlink *n, unsigned index, struct addr6 a)
{
	struct proxied p = proxied6(a);

	return proxy_change(n, RTM_DELNEIGH, index, &p);
}

int netlink_proxy6_has(struct netlink *n, unsigned index, struct addr6 a)
{
	return proxy_find(n, index, proxied6(a));
}
