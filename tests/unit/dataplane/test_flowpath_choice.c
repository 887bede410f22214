/* Which interfaces get the flow programs, and where it is XDP. */
#include "dataplane/flowpath_parts.h"

#include "base/bytes.h"
#include "harness.h"

#include <linux/if_arp.h>

static struct link link_named(const char *name, unsigned type, const char *kind)
{
	struct link l = { .index = 7, .flags = IFF_UP, .mtu = 1500, .type = type };

	text_copy(l.name, sizeof(l.name), name);
	text_copy(l.kind, sizeof(l.kind), kind);
	return l;
}

static const struct {
	const char *name, *kind, *slave_kind;
	unsigned type, flags;
	bool want, is_bare;
} fit_cases[] = {
	{ "eth0", "", "", ARPHRD_ETHER, IFF_UP, true, false },
	{ "down", "", "", ARPHRD_ETHER, 0, false, false },
	{ "lo", "", "", ARPHRD_LOOPBACK, IFF_UP | IFF_LOOPBACK, false, false },
	{ "isthmus0", "tun", "", ARPHRD_NONE, IFF_UP, false, true },
	{ "wg0", "wireguard", "", ARPHRD_NONE, IFF_UP, true, true },
	{ "ppp0", "ppp", "", ARPHRD_PPP, IFF_UP, true, true },
	{ "gre1", "gre", "", ARPHRD_IPGRE, IFF_UP, false, false },
	{ "ib0", "", "", ARPHRD_INFINIBAND, IFF_UP, false, false },
	{ "br0", "bridge", "", ARPHRD_ETHER, IFF_UP, true, false },
	{ "port", "", "bridge", ARPHRD_ETHER, IFF_UP, false, false },
	{ "slave", "", "bond", ARPHRD_ETHER, IFF_UP, false, false },
	{ "member", "", "team", ARPHRD_ETHER, IFF_UP, false, false },
	{ "red", "", "vrf", ARPHRD_ETHER, IFF_UP, true, false },
	{ "eth0.7", "vlan", "", ARPHRD_ETHER, IFF_UP, true, false },
};

TEST(interfaces_that_carry_packets_in_their_final_form_are_fit)
{
	const struct flowpath_wish all = { .wanted = FLOWPATH_TC }, off = { .wanted = FLOWPATH_NOWHERE };

	for (size_t i = 0; i < ARRAY_LEN(fit_cases); i++) {
		struct link l = link_named(fit_cases[i].name, fit_cases[i].type, fit_cases[i].kind);

		test_row(fit_cases[i].name);
		l.flags = fit_cases[i].flags;
		text_copy(l.slave_kind, sizeof(l.slave_kind), fit_cases[i].slave_kind);
		CHECK(flowpath_is_fit(&l, "isthmus0", &all) == fit_cases[i].want);
		CHECK(!flowpath_is_fit(&l, "isthmus0", &off));
		CHECK(flowpath_is_bare(&l) == fit_cases[i].is_bare);
	}
}

TEST(if_some_are_named_no_others_are_fit)
{
	const struct link named = link_named("eth0", ARPHRD_ETHER, ""),
			  other = link_named("eth1", ARPHRD_ETHER, "");
	const struct flowpath_wish w = { .wanted = FLOWPATH_TC, .named = { "wan", "eth0" }, .named_len = 2 };

	CHECK(flowpath_is_fit(&named, "isthmus0", &w));
	CHECK(!flowpath_is_fit(&other, "isthmus0", &w));
}

static struct flowpath_facts card(const char *name)
{
	return (struct flowpath_facts){ .link = link_named(name, ARPHRD_ETHER, ""),
		.has_xdp = true,
		.xdp = { .index = 7, .is_native = true, .takes_frames = true } };
}

static void check_choice(const struct flowpath_wish *w, const struct flowpath_facts *all, unsigned len,
	enum flowpath_mode want, const char *want_why)
{
	char why[FLOWPATH_REASON] = "poison";

	CHECK_INT(flowpath_choose(w, all, len, 0, why), want);
	CHECK_TEXT(why, want_why);
}

TEST(xdp_is_where_the_driver_has_it)
{
	const struct flowpath_wish tc = { .wanted = FLOWPATH_TC }, xdp = { .wanted = FLOWPATH_XDP },
				   taken = { .wanted = FLOWPATH_XDP, .taken = { "eth0" }, .taken_len = 1 };
	struct flowpath_facts f = card("eth0");

	check_choice(&tc, &f, 1, FLOWPATH_AT_TC, "");
	check_choice(&xdp, &f, 1, FLOWPATH_AT_XDP, "");
	check_choice(&taken, &f, 1, FLOWPATH_AT_TC, "its XDP is for dns64.fastpath");
	f.has_xdp = false; /* an older kernel: whether it works is seen when it is tried */
	check_choice(&xdp, &f, 1, FLOWPATH_AT_XDP, "");
	f = card("eth0");
	f.xdp.is_native = false;
	check_choice(&xdp, &f, 1, FLOWPATH_AT_TC, "its driver has no XDP");
	f = card("wg0");
	f.link.type = ARPHRD_NONE;
	check_choice(&xdp, &f, 1, FLOWPATH_AT_TC, "it is no Ethernet interface");
}

TEST(xdp_is_not_at_virtual_pairs_unless_they_are_trusted)
{
	const struct flowpath_wish w = { .wanted = FLOWPATH_XDP },
				   trusting = { .wanted = FLOWPATH_XDP, .trusts_pairs = true };
	struct flowpath_facts f = card("veth0");

	text_copy(f.link.kind, sizeof(f.link.kind), "veth");
	check_choice(&w, &f, 1, FLOWPATH_AT_TC, "checksums of what comes there may be unfinished");
	check_choice(&trusting, &f, 1, FLOWPATH_AT_XDP, "");
}

TEST(auto_wants_xdp_at_all_cards_or_at_none)
{
	const struct flowpath_wish w = { .wanted = FLOWPATH_AUTO };
	struct flowpath_facts two[] = { card("eth0"), card("eth1") };

	check_choice(&w, two, 2, FLOWPATH_AT_XDP, "");
	two[1].xdp.is_native = false;
	check_choice(&w, two, 2, FLOWPATH_AT_TC, "packets may leave by eth1: its driver has no XDP");
	text_copy(two[1].link.kind, sizeof(two[1].link.kind), "vlan"); /* on top of one of the others */
	check_choice(&w, two, 2, FLOWPATH_AT_XDP, "");
	two[0].is_virtual = true;
	check_choice(&w, two, 2, FLOWPATH_AT_TC, "it is virtual");
	two[0] = card("eth0");
	two[0].has_xdp = false;
	check_choice(&w, two, 2, FLOWPATH_AT_TC, "this kernel does not tell which drivers have XDP");
}
