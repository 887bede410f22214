#!/usr/bin/env bash
# 40_fastpath.sh - the programs of nat64.fastpath in the host: where they are, and how packets go on
#
#   gw: interfaces that come, go, change their names and get a master; rules of nftables and of legacy iptables that come and go;
#   reloads
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/fastpath.sh"
LAB_TOOLS="$LAB_TOOLS nft iptables-legacy"

lab_begin "the fast path in the host"
must "the lab stands" lab_up
must "a bpffs" lab_bpffs
lab_config dedicated
set_key fastpath tc
set_key fastpath-flows 1000

section "Where it is"
must "the gateway starts, and says so" lab_gateway
step "lan6 and wan4 have the program at tc" eval 'is_at lan6 && is_at wan4 && prints "fast path   lan6: tc" isthmus status'
step "the TUN device has the one for first packets, and the loopback none" eval 'is_at isthmus0 && not is_at lo'
step "there is room for as many flows as were asked for" same 1024 "$(status flows_max)"
step "packets are redirected, since there are no rules" says_way "redirected: the host has no rules"

section "Interfaces that change"
appears() { ip -n "$GW_NS" link add lan7 type veth peer name far && ip -n "$GW_NS" link set lan7 up && wait_for 3 is_at lan7; }
is_renamed() {
	ip -n "$GW_NS" link set lan7 down && wait_for 3 not is_at lan7 || return
	ip -n "$GW_NS" link set lan7 name guests && ip -n "$GW_NS" link set guests up &&
		wait_for 3 is_at guests && prints "guests: tc" isthmus status
}
is_enslaved() {
	ip -n "$GW_NS" link add br0 type bridge && ip -n "$GW_NS" link set br0 up && wait_for 3 is_at br0 &&
		ip -n "$GW_NS" link set guests master br0 && wait_for 3 not is_at guests
}
has_vlan() { ip -n "$GW_NS" link add lan6.7 link lan6 type vlan id 7 && ip -n "$GW_NS" link set lan6.7 up && wait_for 3 is_at lan6.7; }
goes() {
	ip -n "$GW_NS" link del guests && ip -n "$GW_NS" link del br0 && wait_for 3 not prints br0 isthmus status &&
		not prints guests isthmus status
}
step "an interface that appears gets the program" appears
step "it loses it while it is down, and has it again under another name" is_renamed
step "a bridge has it, and its port has not" is_enslaved
if modprobe -q 8021q 2>/dev/null || [ -d /proc/net/vlan ]; then
	step "a VLAN has its own" has_vlan
else
	skip "this kernel has no VLANs"
fi
step "interfaces that go are forgotten" goes
step "fastpath-interfaces says where" eval 'reloads fastpath-interfaces "[wan4]" && wait_for 3 not is_at lan6 && is_at wan4'
step "and everywhere again" eval 'reloads fastpath-interfaces "[]" && wait_for 3 is_at lan6'

section "Rules of the host"
nft_rule() {
	gw nft add table inet filter && gw nft add chain inet filter forward '{ type filter hook forward priority 0; }' &&
		says_way redirected && gw nft add rule inet filter forward counter accept &&
		wait_for 3 says_way "routed: the host has rules (nftables: chain forward of table inet filter)"
}
legacy_rule() {
	gw iptables-legacy -A FORWARD -j ACCEPT && wait_for 8 prints "fast path   off: .*follow connections (iptables: table filter)" isthmus status &&
		gw iptables-legacy -F FORWARD && wait_for 8 says_way redirected
}
step "a rule of nftables: routed, at once; a chain without rules is none" nft_rule
step "and redirected when it goes" eval 'gw nft flush ruleset && wait_for 3 says_way redirected'
# Of which the kernel would see a part.
tracking_rule() {
	gw nft add table inet filter && gw nft add chain inet filter forward '{ type filter hook forward priority 0; }' &&
		gw nft add rule inet filter forward ct state established accept && wait_for 3 prints "fast path   off: .*follow connections" isthmus status &&
		not is_at lan6 && not is_at isthmus0 && gw nft flush ruleset && wait_for 3 says_way redirected && is_at lan6
}
step "a rule that follows connections: it rests" tracking_rule
step "a rule of legacy iptables may do so, too" legacy_rule
route_mtu() {
	ip -n "$GW_NS" route add 198.51.100.0/24 via "$NS4" mtu 1400 && wait_for 3 says_way "routed: a route by wan4 has an MTU" &&
		ip -n "$GW_NS" route del 198.51.100.0/24 && wait_for 3 says_way redirected
}
step "a route with an MTU of its own, too, as long as it is there" route_mtu
policy() {
	gw ip xfrm policy add dir out src 203.0.113.0/24 dst 203.0.114.0/24 2>/dev/null || return
	wait_for 3 says_way "routed: the host has IPsec policies" && gw ip xfrm policy flush && wait_for 3 says_way redirected
}
if gw ip xfrm policy 2>/dev/null; then
	step "an IPsec policy does the same" policy
else
	skip "this kernel has no IPsec"
fi
step "fastpath-mode: route" eval 'reloads fastpath-mode route && says_way "routed: as configured"'
# A rule may be about the first packets of flows, and whoever asks for redirect has said nothing of those.
fetches() { client curl -sS -f -m "$1" -o /dev/null "http://[$WEB64]/"; }
is_asked_for() {
	gw nft add table ip filter && gw nft add chain ip filter forward '{ type filter hook forward priority 0; policy drop; }' &&
		reloads fastpath-mode redirect && says_way "redirected: as configured" && not fetches 2 &&
		gw nft flush chain ip filter forward && gw nft delete table ip filter && fetches 5
}
step "fastpath-mode: redirect: a rule sees first packets all the same" is_asked_for
step "fastpath-mode: auto again" eval 'reloads fastpath-mode auto && says_way redirected'
step "off, by a reload, takes it away" eval 'reloads fastpath off && not is_at lan6 && prints "fast path   off" isthmus status'
step "tc brings it back" eval 'reloads fastpath tc && is_at lan6'
step "the room needs a restart, and says so" eval 'not reloads fastpath-flows 2000 &&
	prints "fastpath-flows cannot be changed" isthmus reload; reloads fastpath-flows 1000'

section "The end"
must "its programs are known" wait_for 3 remember
step "the gateway ends by itself on SIGTERM, with status 0" lab_gateway_stop
step "and leaves nothing" nothing_is_left
lab_end
