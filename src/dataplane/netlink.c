/*
 * netlink.c - rtnetlink requests, over libmnl
 *
 * One socket, one request at a time: send, then read until the acknowledgement or the end of the dump. Two
 * shapes carry everything: netlink_ask() (a change; the answer is an errno) and netlink_dump() (a list; a
 * callback per message). Every message is a fixed header and attributes; attributes from the kernel are
 * looked up by netlink_attr(), which checks the length it needs. A dump that the kernel marks as interrupted by
 * a change is asked for again.
 *
 * Deliberately not done: reading what the kernel announces by itself. netlink_watch() only tells that something changed,
 * and whoever cares looks again.
 *
 * Standards: RFC 3549; Linux rtnetlink(7).
 */
#include "dataplane/netlink_message.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define ANSWER_BYTES 32768 /* the largest piece of a dump that the kernel sends */
#define DUMP_TRIES 5

struct netlink {
	struct mnl_socket *socket;
	unsigned port;
	unsigned sequence;
};

int netlink_open_bus(int bus, struct netlink **ret)
{
	struct netlink *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return -ENOMEM;
	n->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	if (r < 0) {
		netlink_close(n);
		return r;
	}
	n->port = mnl_socket_get_portid(n->socket);
	*ret = n;
	return 0;
}

int netlink_open(struct netlink **ret)
{
	return netlink_open_bus(NETLINK_ROUTE, ret);
}

void netlink_close(struct netlink *n)
{
	if (!n)
		return;
	if (n->socket)
		mnl_socket_close(n->socket);
	free(n);
}

/* --- the two shapes --- */

/* The messages of one dump, one after the other, each aligned as netlink aligns them. */
struct message_list {
	uint8_t *bytes; /* owned */
	size_t len;
};

static int message_append(struct message_list *list, const struct nlmsghdr *m)
{
	size_t padded = ((size_t)m->nlmsg_len + MNL_ALIGNTO - 1) & ~(size_t)(MNL_ALIGNTO - 1);
	uint8_t *more = realloc(list->bytes, list->len + padded);

	if (!more)
		return -ENOMEM;
	bytes_zero(more + list->len, padded);
	bytes_copy(more + list->len, m, m->nlmsg_len);
	list->bytes = more;
	list->len += padded;
	return 0;
}

/* The errno of an acknowledgement or of the end of a dump, both of which begin with an int. */
static int message_result(const struct nlmsghdr *m)
{
	int code = 0;

	if (mnl_nlmsg_get_payload_len(m) >= sizeof(code))
		bytes_copy(&code, mnl_nlmsg_get_payload(m), sizeof(code));
	return code;
}

/* Take one message: 1 to go on, 0 when the answer is complete, -errno. @list is NULL if only an
 * acknowledgement is due. */
static int message_take(const struct nlmsghdr *m, struct message_list *list, bool *interrupted)
{
	if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE)
		return message_result(m);
	if (m->nlmsg_flags & NLM_F_DUMP_INTR)
		*interrupted = true;
	if (m->nlmsg_type < NLMSG_MIN_TYPE || !list)
		return 1;
	int r = message_append(list, m);

	return r < 0 ? r : 1;
}

static int answer_read(struct netlink *n, struct message_list *list)
{
	_Alignas(struct nlmsghdr) char buf[ANSWER_BYTES];
	bool interrupted = false;

	for (;;) {
		ssize_t got = mnl_socket_recvfrom(n->socket, buf, sizeof(buf));

		if (got < 0 && errno != EINTR)
			return -errno;
		int left = (int)got;

		for (const struct nlmsghdr *m = (const void *)buf; mnl_nlmsg_ok(m, left);
			m = mnl_nlmsg_next(m, &left)) {
			int r = m->nlmsg_seq == n->sequence ? message_take(m, list, &interrupted) : 1;

			if (r <= 0)
				return r == 0 && interrupted ? -EINTR : r;
		}
	}
}

static int request_send(struct netlink *n, struct nlmsghdr *m, uint16_t flags)
{
	m->nlmsg_flags = (uint16_t)(m->nlmsg_flags | NLM_F_REQUEST | flags);
	m->nlmsg_seq = ++n->sequence;
	return mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0 ? -errno : 0;
}

int netlink_ask(struct netlink *n, struct nlmsghdr *m)
{
	int r = request_send(n, m, NLM_F_ACK);

	return r < 0 ? r : answer_read(n, NULL);
}

static int dump_read(struct netlink *n, struct nlmsghdr *m, struct message_list *list)
{
	int r = -EINTR;

	for (unsigned tries = 0; tries < DUMP_TRIES && r == -EINTR; tries++) {
		list->len = 0;
		r = request_send(n, m, NLM_F_DUMP);
		if (r == 0)
			r = answer_read(n, list);
	}
	return r;
}

int netlink_dump(struct netlink *n, struct nlmsghdr *m, netlink_each each, void *ctx)
{
	struct message_list list = { 0 };
	int r = dump_read(n, m, &list);
	int left = (int)list.len;

	if (r == 0)
		for (const struct nlmsghdr *at = (const void *)list.bytes; mnl_nlmsg_ok(at, left);
			at = mnl_nlmsg_next(at, &left))
			each(ctx, at);
	free(list.bytes);
	return r;
}

/* --- attributes --- */

struct attr_search {
	unsigned type;
	size_t need;
	const struct nlattr *found;
};

static int on_attr(const struct nlattr *a, void *ctx)
{
	struct attr_search *s = ctx;

	if (mnl_attr_get_type(a) == s->type && mnl_attr_get_payload_len(a) >= s->need)
		s->found = a;
	return MNL_CB_OK;
}

const struct nlattr *netlink_attr(const struct nlmsghdr *m, unsigned skip, unsigned type, size_t need)
{
	struct attr_search s = { .type = type, .need = need };

	mnl_attr_parse(m, skip, on_attr, &s);
	return s.found;
}

const struct nlattr *netlink_attr_in(const struct nlattr *outer, unsigned type, size_t need)
{
	struct attr_search s = { .type = type, .need = need };

	mnl_attr_parse_nested(outer, on_attr, &s);
	return s.found;
}

static struct addr4 attr_addr4(const struct nlattr *a)
{
	return a ? addr4_at(mnl_attr_get_payload(a)) : (struct addr4){ 0 };
}

static void attr_put_addr4(struct nlmsghdr *m, uint16_t type, struct addr4 a)
{
	uint8_t bytes[4];

	addr4_put(bytes, a);
	mnl_attr_put(m, type, sizeof(bytes), bytes);
}

void netlink_text(const struct nlattr *a, char *to, size_t size)
{
	char text[64];
	size_t len = mnl_attr_get_payload_len(a);

	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	bytes_copy(text, mnl_attr_get_payload(a), len);
	text[len] = '\0';
	text_copy(to, size, text);
}

/* --- interfaces --- */

struct link_walk {
	void (*each)(void *ctx, const struct link *l);
	void *ctx;
};

static void kinds_get(const struct nlmsghdr *m, struct link *l)
{
	const struct nlattr *info = netlink_attr(m, sizeof(struct ifinfomsg), IFLA_LINKINFO, 0);
	const struct nlattr *kind = info ? netlink_attr_in(info, IFLA_INFO_KIND, 1) : NULL;
	const struct nlattr *slave_kind = info ? netlink_attr_in(info, IFLA_INFO_SLAVE_KIND, 1) : NULL;

	if (kind)
		netlink_text(kind, l->kind, sizeof(l->kind));
	if (slave_kind)
		netlink_text(slave_kind, l->slave_kind, sizeof(l->slave_kind));
}

static void on_link(void *ctx, const struct nlmsghdr *m)
{
	const struct link_walk *w = ctx;
	struct ifinfomsg h;

	if (m->nlmsg_type != RTM_NEWLINK || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	struct link l = { .index = (unsigned)h.ifi_index, .flags = h.ifi_flags, .type = h.ifi_type };
	const struct nlattr *name = netlink_attr(m, sizeof(h), IFLA_IFNAME, 1);

	if (!name)
		return;
	netlink_text(name, l.name, sizeof(l.name));
	const struct nlattr *hardware = netlink_attr(m, sizeof(h), IFLA_ADDRESS, 1);

	if (hardware && mnl_attr_get_payload_len(hardware) <= sizeof(l.hardware))
		bytes_copy(l.hardware, mnl_attr_get_payload(hardware), mnl_attr_get_payload_len(hardware));
	l.mtu = netlink_u32(netlink_attr(m, sizeof(h), IFLA_MTU, 4), 0);
	const struct nlattr *carrier = netlink_attr(m, sizeof(h), IFLA_CARRIER, 1);

	l.has_carrier = carrier && mnl_attr_get_u8(carrier) != 0;
	kinds_get(m, &l);
	w->each(w->ctx, &l);
}

struct nlmsghdr *netlink_message(char *buf, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);

	m->nlmsg_type = type;
	m->nlmsg_flags = flags;
	bytes_copy(mnl_nlmsg_put_extra_header(m, len), header, len);
	return m;
}

int netlink_links(struct netlink *n, void (*each)(void *ctx, const struct link *l), void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC };
	struct link_walk w = { each, ctx };

	return netlink_dump(n, netlink_message(buf, RTM_GETLINK, 0, &h, sizeof(h)), on_link, &w);
}

int netlink_link_set(struct netlink *n, unsigned index, unsigned mtu, bool up, enum link_auto6 auto6)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_change = IFF_UP };

	h.ifi_flags = up ? IFF_UP : 0;
	struct nlmsghdr *m = netlink_message(buf, RTM_NEWLINK, 0, &h, sizeof(h));

	mnl_attr_put_u32(m, IFLA_MTU, mtu);
	if (auto6 == LINK_AUTO6_NONE) {
		struct nlattr *spec = mnl_attr_nest_start(m, IFLA_AF_SPEC);
		struct nlattr *inet6 = mnl_attr_nest_start(m, AF_INET6);

		mnl_attr_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
		mnl_attr_nest_end(m, inet6);
		mnl_attr_nest_end(m, spec);
	}
	return netlink_ask(n, m);
}

bool link_hands_to_master(const struct link *l)
{
	static const char *const kinds[] = { "bridge", "bond", "team" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(l->slave_kind, kinds[i]) == 0)
			return true;
	return false;
}

/* --- addresses --- */

struct addr_walk {
	void (*each4)(void *ctx, const struct link_addr4 *a);
	void (*each6)(void *ctx, const struct link_addr6 *a);
	void *ctx;
};

static void on_addr4(void *ctx, const struct nlmsghdr *m)
{
	const struct addr_walk *w = ctx;
	struct ifaddrmsg h;

	if (m->nlmsg_type != RTM_NEWADDR || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	const struct nlattr *local = netlink_attr(m, sizeof(h), IFA_LOCAL, 4);

	if (h.ifa_family != AF_INET || !local || h.ifa_prefixlen > 32)
		return;
	uint32_t flags = netlink_u32(netlink_attr(m, sizeof(h), IFA_FLAGS, 4), h.ifa_flags);
	struct link_addr4 a = {
		.index = h.ifa_index, .addr = attr_addr4(local), .prefix_len = h.ifa_prefixlen
	};

	a.is_primary = (flags & IFA_F_SECONDARY) == 0 && h.ifa_scope == RT_SCOPE_UNIVERSE;
	w->each4(w->ctx, &a);
}

static void on_addr6(void *ctx, const struct nlmsghdr *m)
{
	const struct addr_walk *w = ctx;
	struct ifaddrmsg h;

	if (m->nlmsg_type != RTM_NEWADDR || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	const struct nlattr *address = netlink_attr(m, sizeof(h), IFA_ADDRESS, 16);

	if (h.ifa_family != AF_INET6 || !address)
		return;
	uint32_t flags = netlink_u32(netlink_attr(m, sizeof(h), IFA_FLAGS, 4), h.ifa_flags);
	struct link_addr6 a = { .index = h.ifa_index,
		.addr = addr6_at(mnl_attr_get_payload(address)),
		.prefix_len = h.ifa_prefixlen };

	a.is_temporary = (flags & IFA_F_TEMPORARY) != 0;
	a.is_deprecated = (flags & IFA_F_DEPRECATED) != 0;
	a.is_global = h.ifa_scope == RT_SCOPE_UNIVERSE && (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
	w->each6(w->ctx, &a);
}

static int addrs_dump(struct netlink *n, uint8_t family, netlink_each on_addr, struct addr_walk *w)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct ifaddrmsg h = { .ifa_family = family };

	return netlink_dump(n, netlink_message(buf, RTM_GETADDR, 0, &h, sizeof(h)), on_addr, w);
}

int netlink_addrs4(struct netlink *n, void (*each)(void *ctx, const struct link_addr4 *a), void *ctx)
{
	struct addr_walk w = { .each4 = each, .ctx = ctx };

	return addrs_dump(n, AF_INET, on_addr4, &w);
}

int netlink_addrs6(struct netlink *n, void (*each)(void *ctx, const struct link_addr6 *a), void *ctx)
{
	struct addr_walk w = { .each6 = each, .ctx = ctx };

	return addrs_dump(n, AF_INET6, on_addr6, &w);
}

int netlink_addr4_add(struct netlink *n, unsigned index, struct addr4 a, enum addr_scope scope)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct ifaddrmsg h = { .ifa_family = AF_INET,
		.ifa_prefixlen = 32,
		.ifa_scope = scope == ADDR_SCOPE_HOST ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
		.ifa_index = index };
	struct nlmsghdr *m = netlink_message(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof(h));

	attr_put_addr4(m, IFA_LOCAL, a);
	attr_put_addr4(m, IFA_ADDRESS, a);
	int r = netlink_ask(n, m);

	return r == -EEXIST ? 0 : r;
}

/* --- routes --- */

unsigned netlink_route_interface(const struct nlmsghdr *m)
{
	const struct nlattr *several =
		netlink_attr(m, sizeof(struct rtmsg), RTA_MULTIPATH, sizeof(struct rtnexthop));
	struct rtnexthop hop;

	if (!several)
		return netlink_u32(netlink_attr(m, sizeof(struct rtmsg), RTA_OIF, 4), 0);
	bytes_copy(&hop, mnl_attr_get_payload(several), sizeof(hop));
	return (unsigned)hop.rtnh_ifindex;
}

static void on_route4(void *ctx, const struct nlmsghdr *m)
{
	struct default_route4 *best = ctx;
	struct rtmsg h;

	if (m->nlmsg_type != RTM_NEWROUTE || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	uint32_t table = netlink_u32(netlink_attr(m, sizeof(h), RTA_TABLE, 4), h.rtm_table);
	uint32_t metric = netlink_u32(netlink_attr(m, sizeof(h), RTA_PRIORITY, 4), 0);

	if (h.rtm_family != AF_INET || h.rtm_dst_len != 0 || h.rtm_type != RTN_UNICAST ||
		table != RT_TABLE_MAIN)
		return;
	if ((best->found && best->metric <= metric) || netlink_route_interface(m) == 0)
		return;
	*best = (struct default_route4){
		.found = true, .index = netlink_route_interface(m), .metric = metric
	};
	best->source = attr_addr4(netlink_attr(m, sizeof(h), RTA_PREFSRC, 4));
	best->gateway = attr_addr4(netlink_attr(m, sizeof(h), RTA_GATEWAY, 4));
}

int netlink_default_route4(struct netlink *n, struct default_route4 *ret)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct rtmsg h = { .rtm_family = AF_INET };
	struct default_route4 best = { 0 };
	int r = netlink_dump(n, netlink_message(buf, RTM_GETROUTE, 0, &h, sizeof(h)), on_route4, &best);

	if (r == 0)
		*ret = best;
	return r;
}

#define ROUTE_NEW (NLM_F_CREATE | NLM_F_EXCL)

struct route_change {
	uint16_t type;	/* RTM_NEWROUTE, RTM_DELROUTE */
	uint16_t flags; /* ROUTE_NEW, or 0 */
	unsigned index; /* of the interface */
};

static int route_ask(
	struct netlink *n, const struct route_change *c, struct rtmsg h, const uint8_t *address, size_t len)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];

	h.rtm_table = RT_TABLE_MAIN;
	h.rtm_protocol = NETLINK_ROUTE_ORIGIN;
	h.rtm_type = RTN_UNICAST;
	struct nlmsghdr *m = netlink_message(buf, c->type, c->flags, &h, sizeof(h));

	mnl_attr_put(m, RTA_DST, len, address);
	mnl_attr_put_u32(m, RTA_OIF, c->index);
	return netlink_ask(n, m);
}

static int route4_ask(struct netlink *n, const struct route_change *c, struct prefix4 p)
{
	uint8_t address[4];

	addr4_put(address, p.addr);
	return route_ask(n, c,
		(struct rtmsg){ .rtm_family = AF_INET, .rtm_dst_len = p.len, .rtm_scope = RT_SCOPE_LINK },
		address, sizeof(address));
}

static int route6_ask(struct netlink *n, const struct route_change *c, struct prefix6 p)
{
	uint8_t address[16];

	addr6_put(address, p.addr);
	return route_ask(n, c, (struct rtmsg){ .rtm_family = AF_INET6, .rtm_dst_len = p.len }, address,
		sizeof(address));
}

int netlink_route4_add(struct netlink *n, unsigned index, struct prefix4 p)
{
	return route4_ask(n, &(struct route_change){ RTM_NEWROUTE, ROUTE_NEW, index }, p);
}

int netlink_route6_add(struct netlink *n, unsigned index, struct prefix6 p)
{
	return route6_ask(n, &(struct route_change){ RTM_NEWROUTE, ROUTE_NEW, index }, p);
}

int netlink_route4_del(struct netlink *n, unsigned index, struct prefix4 p)
{
	return route4_ask(n, &(struct route_change){ RTM_DELROUTE, 0, index }, p);
}

int netlink_route6_del(struct netlink *n, unsigned index, struct prefix6 p)
{
	return route6_ask(n, &(struct route_change){ RTM_DELROUTE, 0, index }, p);
}

/* --- tc filters --- */

/* A filter is announced as one message per instance, and by one without a handle for its chain; count the
 * former. */
static void on_filter(void *ctx, const struct nlmsghdr *m)
{
	int *count = ctx;
	struct tcmsg h;

	if (m->nlmsg_type != RTM_NEWTFILTER || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	*count += h.tcm_handle != 0;
}

int netlink_tc_filters(struct netlink *n, unsigned index)
{
	static const uint32_t parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
		_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
		struct tcmsg h = {
			.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)index, .tcm_parent = parents[i]
		};
		int r = netlink_dump(
			n, netlink_message(buf, RTM_GETTFILTER, 0, &h, sizeof(h)), on_filter, &count);

		if (r < 0)
			return r;
	}
	return count;
}
