/*
 * firewall.c - whether this host has rules for packets that it forwards
 *
 * nftables is asked by netlink for its chains: of a base chain it tells hook, policy and how many rules use it (NFTA_CHAIN_USE). The
 * iptables of today (iptables-nft) are chains of nftables. The legacy ones are asked by getsockopt(), which says for each
 * hook where its chain begins and where its policy stands: the two differ if there are rules in between. Asking would load the
 * tables, so /proc/net/ip_tables_names says first which are loaded.
 *
 * Whether rules follow connections matters, since the kernel then judges TCP by what it has seen, and of a flow on the fast path it sees
 * a part. nftables says it by the expressions of its rules; of those that iptables made, and of legacy tables, it is assumed.
 *
 * Not seen: rules of ingress and egress chains (family netdev), which hold for an interface, and a legacy chain without rules whose
 * policy drops: nothing is forwarded there, so no flow is ever known.
 */
#include "dataplane/firewall.h"

#include "dataplane/netlink_message.h"
#include "dataplane/relayway.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME_ROOM 48

/* --- nftables --- */

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4	? "ip"
	       : family == NFPROTO_IPV6 ? "ip6"
	       : family == NFPROTO_INET ? "inet"
					: NULL;
}

static bool is_passed_by_forwarded(uint32_t hook)
{
	return hook == NF_INET_PRE_ROUTING || hook == NF_INET_FORWARD || hook == NF_INET_POST_ROUTING;
}

static uint32_t number(const struct nlattr *a, uint32_t otherwise)
{
	return a ? be32_at(mnl_attr_get_payload(a)) : otherwise;
}

static void on_chain(void *ctx, const struct nlmsghdr *m)
{
	struct firewall *ret = ctx;
	struct nfgenmsg h;
	char table[NAME_ROOM] = "", chain[NAME_ROOM] = "";

	if (ret->has_rules || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	const struct nlattr *hook = netlink_attr(m, sizeof(h), NFTA_CHAIN_HOOK, 0);
	const struct nlattr *at = hook ? netlink_attr_in(hook, NFTA_HOOK_HOOKNUM, 4) : NULL;

	if (!at || !family_name(h.nfgen_family) || !is_passed_by_forwarded(number(at, 0)))
		return;
	if (number(netlink_attr(m, sizeof(h), NFTA_CHAIN_USE, 4), 0) == 0 &&
		number(netlink_attr(m, sizeof(h), NFTA_CHAIN_POLICY, 4), NF_ACCEPT) == NF_ACCEPT)
		return;
	const struct nlattr *name = netlink_attr(m, sizeof(h), NFTA_CHAIN_TABLE, 1);

	if (name)
		netlink_text(name, table, sizeof(table));
	if (strcmp(table, RELAYWAY_TABLE) == 0 && h.nfgen_family == NFPROTO_INET)
		return; /* ours: it takes new connections, and those are never on the fast path */
	name = netlink_attr(m, sizeof(h), NFTA_CHAIN_NAME, 1);
	if (name)
		netlink_text(name, chain, sizeof(chain));
	ret->has_rules = true;
	snprintf(ret->what, sizeof(ret->what), "nftables: chain %s of table %s %s", chain,
		family_name(h.nfgen_family), table);
}

static bool is_tracking(const char *expression)
{
	static const char *const names[] = { "ct", "nat", "masq", "redir", "flow_offload", "connlimit",
		"synproxy", "match", "target" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(expression, names[i]) == 0)
			return true;
	return false;
}

static int on_expression(const struct nlattr *a, void *ctx)
{
	const struct nlattr *name = netlink_attr_in(a, NFTA_EXPR_NAME, 1);
	struct firewall *ret = ctx;
	char text[NAME_ROOM];

	if (!name)
		return MNL_CB_OK;
	netlink_text(name, text, sizeof(text));
	ret->has_tracking = ret->has_tracking || is_tracking(text);
	return MNL_CB_OK;
}

/* Of any chain: it may be jumped to. */
static void on_rule(void *ctx, const struct nlmsghdr *m)
{
	struct firewall *ret = ctx;
	struct nfgenmsg h;

	if (ret->has_tracking || !netlink_has_header(m, sizeof(h)))
		return;
	bytes_copy(&h, mnl_nlmsg_get_payload(m), sizeof(h));
	const struct nlattr *all = netlink_attr(m, sizeof(h), NFTA_RULE_EXPRESSIONS, 0);

	if (all && family_name(h.nfgen_family))
		mnl_attr_parse_nested(all, on_expression, ret);
}

static int nftables_dump(struct netlink *n, uint16_t type, netlink_each each, struct firewall *ret)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_MESSAGE_BYTES];
	struct nfgenmsg h = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };

	return netlink_dump(n,
		netlink_message(buf, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0, &h, sizeof(h)), each,
		ret);
}

static int look_nftables(struct firewall *ret)
{
	struct netlink *n = NULL;
	int r = netlink_open_bus(NETLINK_NETFILTER, &n);

	if (r == -EPROTONOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	r = nftables_dump(n, NFT_MSG_GETCHAIN, on_chain, ret);
	if (r == 0 && ret->has_rules)
		r = nftables_dump(n, NFT_MSG_GETRULE, on_rule, ret);
	netlink_close(n);
	return r == -EINVAL || r == -EOPNOTSUPP ? 0 : r; /* the kernel has no nftables */
}

/* --- legacy iptables --- */

/* The two families' structs have the same shape under two names. */
struct legacy_table {
	const char *what, *names;
	int family, level, option;
};

static const struct legacy_table legacy[] = {
	{ "iptables", "/proc/net/ip_tables_names", AF_INET, IPPROTO_IP, IPT_SO_GET_INFO },
	{ "ip6tables", "/proc/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO },
};

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       offsetof(struct ipt_getinfo, underflow) == offsetof(struct ip6t_getinfo, underflow),
	"the same shape");

static bool has_rules(const struct ipt_getinfo *info)
{
	for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		if (is_passed_by_forwarded(hook) && (info->valid_hooks >> hook & 1) &&
			info->hook_entry[hook] != info->underflow[hook])
			return true;
	return false;
}

static void look_table(const struct legacy_table *l, const char *name, struct firewall *ret)
{
	struct ipt_getinfo info = { 0 };
	socklen_t len = sizeof(info);
	int fd = socket(l->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return;
	text_copy(info.name, sizeof(info.name), name);
	if (getsockopt(fd, l->level, l->option, &info, &len) == 0 && has_rules(&info)) {
		if (!ret->has_rules)
			snprintf(ret->what, sizeof(ret->what), "%s: table %s", l->what, name);
		ret->has_rules = ret->has_tracking = true;
	}
	close(fd);
}

static void look_legacy(const struct legacy_table *l, struct firewall *ret)
{
	char name[NAME_ROOM];
	FILE *f = fopen(l->names, "re");

	if (!f)
		return;
	while (fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		look_table(l, name, ret);
	}
	fclose(f);
}

int firewall_look(struct firewall *ret)
{
	struct firewall found = { 0 };
	int r = look_nftables(&found);

	if (r == 0)
		*ret = found;
	return r;
}

void firewall_look_legacy(struct firewall *f)
{
	for (size_t i = 0; i < ARRAY_LEN(legacy); i++)
		look_legacy(&legacy[i], f);
}
