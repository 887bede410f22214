/* relayway.c - see relayway.h */
#include "dataplane/relayway.h"

#include "dataplane/netlink_message.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LOOPBACK_INDEX 1
#define FOUND_MAX 256 /* routes of ours that are taken away at once */

/* --- routes --- */

/* A route of type local: to @dst in the table of the host's addresses, or to everything in a table of our own. */
struct local_route {
	uint8_t family;
	uint32_t table;
	struct prefix6 dst;
};

static int route_ask(struct netlink *n, uint16_t type, uint16_t flags, const struct local_route *r)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct rtmsg h = { .rtm_family = r->family,
		.rtm_dst_len = r->dst.len,
		.rtm_table = RT_TABLE_UNSPEC,
		.rtm_protocol = NETLINK_ROUTE_ORIGIN,
		.rtm_scope = r->family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_LOCAL };
	struct nlmsghdr *m = netlink_message(buf, type, flags, &h, sizeof(h));
	uint8_t address[16];

	addr6_put(address, r->dst.addr);
	if (r->dst.len > 0)
		mnl_attr_put(m, RTA_DST, sizeof(address), address);
	mnl_attr_put_u32(m, RTA_OIF, LOOPBACK_INDEX);
	mnl_attr_put_u32(m, RTA_TABLE, r->table);
	return netlink_ask(n, m);
}

static int route_add(struct netlink *n, const struct local_route *r)
{
	return route_ask(n, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, r);
}

struct found {
	struct local_route routes[FOUND_MAX];
	unsigned len;
};

/* Only those that we make have this origin and are local. */
static void on_route(void *ctx, const struct nlmsghdr *m)
{
	struct found *f = ctx;
	struct rtmsg h;

	if (m->nlmsg_type != RTM_NEWROUTE || !netlink_has_header(m, sizeof(h)) || f->len == FOUND_MAX)
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	if (h.rtm_protocol != NETLINK_ROUTE_ORIGIN || h.rtm_type != RTN_LOCAL)
		return;
	const struct nlattr *dst = netlink_attr(m, sizeof(h), RTA_DST, h.rtm_family == AF_INET6 ? 16 : 4);
	struct local_route *r = &f->routes[f->len++];

	*r = (struct local_route){ .family = h.rtm_family,
		.table = netlink_u32(netlink_attr(m, sizeof(h), RTA_TABLE, 4), h.rtm_table),
		.dst = { .len = h.rtm_dst_len } };
	if (dst && h.rtm_family == AF_INET6)
		r->dst.addr = addr6_at(mnl_attr_get_payload(dst));
}

static bool is_wanted(const struct relayway *want, const struct local_route *r)
{
	if (r->table == RELAYWAY_ROUTES)
		return want->rules != NULL;
	for (unsigned i = 0; i < want->local_len; i++)
		if (addr6_eq(want->local[i].addr, r->dst.addr) && want->local[i].len == r->dst.len)
			return true;
	return false;
}

static int routes_of(struct netlink *n, uint8_t family, struct found *ret)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct rtmsg h = { .rtm_family = family };

	return netlink_dump(n, netlink_message(buf, RTM_GETROUTE, 0, &h, sizeof(h)), on_route, ret);
}

static int narrow_routes(struct netlink *n, const struct relayway *want)
{
	struct found *f = calloc(1, sizeof(*f));
	int err = f ? routes_of(n, AF_INET6, f) : -ENOMEM;

	if (err == 0)
		err = routes_of(n, AF_INET, f);
	for (unsigned i = 0; err == 0 && i < f->len; i++)
		if (!is_wanted(want, &f->routes[i]))
			(void)!route_ask(n, RTM_DELROUTE, 0, &f->routes[i]); /* it may be gone already */
	free(f);
	return err;
}

static int widen_routes(struct netlink *n, const struct relayway *want)
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < want->local_len; i++)
		err = route_add(n, &(struct local_route){ AF_INET6, RT_TABLE_LOCAL, want->local[i] });
	if (err == 0 && want->rules)
		err = route_add(n, &(struct local_route){ .family = AF_INET6, .table = RELAYWAY_ROUTES });
	if (err == 0 && want->rules)
		err = route_add(n, &(struct local_route){ .family = AF_INET, .table = RELAYWAY_ROUTES });
	return err;
}

/* --- the rule that leads marked packets to our table --- */

static int rule_ask(struct netlink *n, uint16_t type, uint16_t flags, uint8_t family)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct fib_rule_hdr h = { .family = family, .action = FR_ACT_TO_TBL };
	struct nlmsghdr *m = netlink_message(buf, type, flags, &h, sizeof(h));

	mnl_attr_put_u32(m, FRA_PRIORITY, RELAYWAY_PRIORITY);
	mnl_attr_put_u32(m, FRA_FWMARK, RELAYWAY_MARK);
	mnl_attr_put_u32(m, FRA_FWMASK, RELAYWAY_MARK_MASK);
	mnl_attr_put_u32(m, FRA_TABLE, RELAYWAY_ROUTES);
	mnl_attr_put_u8(m, FRA_PROTOCOL, NETLINK_ROUTE_ORIGIN);
	return netlink_ask(n, m);
}

static int rules_have(struct netlink *n, bool have)
{
	static const uint8_t families[] = { AF_INET6, AF_INET };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		int err = have ? rule_ask(n, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, families[i])
			       : rule_ask(n, RTM_DELRULE, 0, families[i]);

		if (err < 0 && err != -EEXIST && have)
			return err;
	}
	return 0;
}

/* --- nftables --- */

/* Runs commands as one transaction. */
static int nftables_run(const char *commands, const struct fault *f)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (!nft)
		return fault_say(f, -ENOMEM, "nftables: out of memory");
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	int err = nft_run_cmd_from_buffer(nft, commands) == 0 ? 0 : -EOPNOTSUPP;

	if (err < 0) {
		const char *why = nft_ctx_get_error_buffer(nft);

		fault_say(f, err, "nftables refuses the rules of a transparent service: %.*s",
			(int)strcspn(why, "\n"), why);
	}
	nft_ctx_free(nft);
	return err;
}

static int nftables_have(const char *rules, const struct fault *f)
{
	char *commands = NULL, ignored[256];
	const struct fault nobody = { ignored, sizeof(ignored) };

	if (!rules) {
		(void)!nftables_run("delete table inet " RELAYWAY_TABLE, &nobody); /* there may be none */
		return 0;
	}
	if (asprintf(&commands, "add table inet " RELAYWAY_TABLE "\ndelete table inet " RELAYWAY_TABLE "\n%s",
		    rules) < 0)
		return fault_say(f, -ENOMEM, "nftables: out of memory");
	int err = nftables_run(commands, f);

	free(commands);
	return err;
}

/* --- all of it --- */

int relayway_set(const struct relayway *want, const struct fault *f)
{
	struct netlink *n = NULL;
	int err = netlink_open(&n);

	if (err < 0)
		return fault_say(f, err, "routes cannot be asked for: %s", strerror(-err));
	err = widen_routes(n, want);
	if (err == 0)
		err = rules_have(n, want->rules != NULL);
	if (err < 0)
		fault_say(f, err, "a route or rule to the relays cannot be made: %s", strerror(-err));
	if (err == 0)
		err = nftables_have(want->rules, f);
	if (err == 0) {
		err = narrow_routes(n, want);
		if (err < 0)
			fault_say(f, err, "routes cannot be read: %s", strerror(-err));
	}
	netlink_close(n);
	return err;
}
