/* flowpath_choice.c - which interfaces get a program, and whether it is XDP; see flowpath_parts.h and flowpath.c */
#include "dataplane/flowpath_parts.h"

#include <linux/if_arp.h>
#include <stdio.h>

/* A GRE device is left out: its packets still have the outer header in front of them at tc. */
bool flowpath_is_bare(const struct link *l)
{
	static const unsigned types[] = { ARPHRD_NONE, ARPHRD_PPP, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT,
		ARPHRD_RAWIP };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (l->type == types[i])
			return true;
	return false;
}

static bool is_named(const struct flowpath_wish *w, const char *name)
{
	for (unsigned i = 0; i < w->named_len; i++)
		if (strcmp(w->named[i], name) == 0)
			return true;
	return w->named_len == 0;
}

bool flowpath_is_fit(const struct link *l, const char *device, const struct flowpath_wish *w)
{
	if (w->wanted == FLOWPATH_NOWHERE || !is_named(w, l->name) || strcmp(l->name, device) == 0)
		return false;
	if ((l->flags & IFF_UP) == 0 || (l->flags & IFF_LOOPBACK) != 0 || link_hands_to_master(l))
		return false;
	return l->type == ARPHRD_ETHER || flowpath_is_bare(l);
}

static bool is_taken(const struct flowpath_wish *w, const char *name)
{
	for (unsigned i = 0; i < w->taken_len; i++)
		if (strcmp(w->taken[i], name) == 0)
			return true;
	return false;
}

/*
 * A packet that a host or a machine on the same computer sends here has the checksum of its pseudo-header only, since nobody needs more
 * yet. At tc the kernel says so; a frame of XDP has nowhere to say it, and would leave with a wrong sum.
 */
static bool has_unfinished_sums(const struct link *l)
{
	return strcmp(l->kind, "veth") == 0 || strcmp(l->kind, "tun") == 0;
}

/* What speaks against XDP at this interface; NULL: nothing. */
static const char *objection(const struct flowpath_wish *w, const struct flowpath_facts *f)
{
	if (f->link.type != ARPHRD_ETHER)
		return "it is no Ethernet interface";
	if (is_taken(w, f->link.name))
		return "its XDP is for dns64.fastpath";
	if (f->has_xdp && !f->xdp.is_native)
		return "its driver has no XDP";
	if (has_unfinished_sums(&f->link) && !w->trusts_pairs)
		return "checksums of what comes there may be unfinished";
	if (w->wanted == FLOWPATH_XDP)
		return NULL;
	if (!f->has_xdp)
		return "this kernel does not tell which drivers have XDP";
	return f->is_virtual ? "it is virtual" : NULL;
}

/* Of interfaces on top of others those below count. */
static bool is_on_top(const struct flowpath_facts *f)
{
	return strcmp(f->link.kind, "vlan") == 0 || strcmp(f->link.kind, "bridge") == 0;
}

enum flowpath_mode flowpath_choose(const struct flowpath_wish *w, const struct flowpath_facts *all,
	unsigned len, unsigned i, char ret_why[static FLOWPATH_REASON])
{
	ret_why[0] = '\0';
	if (w->wanted == FLOWPATH_TC)
		return FLOWPATH_AT_TC;
	const char *why = objection(w, &all[i]);

	if (why) {
		text_copy(ret_why, FLOWPATH_REASON, why);
		return FLOWPATH_AT_TC;
	}
	/* What XDP cannot send it has looked up for nothing, so it must be able to send to all. */
	for (unsigned n = 0; n < len && w->wanted == FLOWPATH_AUTO; n++) {
		why = is_on_top(&all[n]) ? NULL : objection(w, &all[n]);
		if (!why)
			continue;
		snprintf(ret_why, FLOWPATH_REASON, "packets may leave by %s: %s", all[n].link.name, why);
		return FLOWPATH_AT_TC;
	}
	return FLOWPATH_AT_XDP;
}
