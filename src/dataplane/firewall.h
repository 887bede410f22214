/* firewall.h - whether this host has rules for packets that it forwards */
#ifndef ISTHMUS_DATAPLANE_FIREWALL_H
#define ISTHMUS_DATAPLANE_FIREWALL_H

#include "addr/addr.h"

struct firewall {
	bool has_rules;
	bool has_tracking; /* and they follow connections */
	char what
		[128]; /* the first that was found: "nftables: chain forward of table inet filter"; else "" */
};

/**
 * firewall_look() - look for rules that a forwarded packet would meet: prerouting, forward, postrouting
 *
 * A chain without rules that accepts is none. Of nftables' families ip, ip6 and inet count.
 *
 * Return: 0; -errno: nftables cannot be asked (a kernel without it has no rules: 0).
 * Cost: if there are any, all rules of nftables are read.
 */
MUST_CHECK int firewall_look(struct firewall *ret);

/** firewall_look_legacy() - add what legacy iptables has, if its tables are loaded already; it never tells of changes */
void firewall_look_legacy(struct firewall *f);

#endif
