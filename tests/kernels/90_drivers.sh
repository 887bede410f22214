#!/usr/bin/env bash
# 90_drivers.sh - the fast path at network cards, at tc and in XDP at their driver; run by tests/kernels/guest, whose machine has them
#
#   client uplink (card 1) ---- lan6 (card 2 of a model)  gateway  wan4 (card 4 of it) ---- (card 3) uplink server
#
# Cards 1 and 3 are virtio's. Models: virtio, e1000, e1000e and vmxnet3, as far as qemu has them. Drivers that run XDP count
# what such a program has sent on.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/../lab/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/../lab/fastpath.sh"
SECONDS_MAX=15

# card MODEL NUMBER: the name of a card that nobody uses, by its address (tests/kernels/run).
card() { ip -j link | python3 -c '
import json, sys
print(next(l["ifname"] for l in json.load(sys.stdin) if l.get("address") == "52:54:00:00:0%s:0%s" % tuple(sys.argv[1:])))' "$@"; }
lab_pair() {
	local near=1 far=2
	[ "$2" = lan6 ] || near=3 far=4
	ip link set "$(card 0 "$near")" netns "$1" name uplink && ip link set "$(card 0 "$far")" netns "$GW_NS" name "$2"
}
# Exchanges the gateway's two cards.
cards_take() {
	local n=$1 name6 name4
	name6=$(card "$n" 2) && name4=$(card "$n" 4) || return
	ip -n "$GW_NS" link set lan6 down && ip -n "$GW_NS" link set lan6 netns 1 name "old6.$n" &&
		ip -n "$GW_NS" link set wan4 down && ip -n "$GW_NS" link set wan4 netns 1 name "old4.$n" &&
		ip link set "$name6" netns "$GW_NS" name lan6 && ip link set "$name4" netns "$GW_NS" name wan4 &&
		gw sysctl -qw net.ipv6.conf.wan4.disable_ipv6=1 && ip -n "$GW_NS" addr add "$GW6/64" dev lan6 nodad &&
		ip -n "$GW_NS" addr add "$GW4/24" dev wan4 && ip -n "$GW_NS" link set lan6 up && ip -n "$GW_NS" link set wan4 up &&
		ip -n "$GW_NS" route add default via "$NS4" && ip -n "$CLIENT_NS" neigh flush dev uplink &&
		ip -n "$SERVER_NS" neigh flush dev uplink && wait_for 5 has_link_local "$GW_NS" lan6
}
kernel_is_from() { [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]; }
# What a driver says of frames that an XDP program has sent on, of all queues or of each.
redirected() {
	gw ethtool -S "$1" | awk '/ rx_xdp_redirects: / { all = $NF } /xdp.redirects: / { sum += $NF } END { print all ? all : sum + 0 }'
}
# COMMAND goes by the fast path, and the driver of CARD has redirected AT-LEAST frames meanwhile.
by_driver() {
	local card=$1 least=$2 before
	before=$(redirected "$card")
	goes_fast "$least" "${@:3}" || return
	printf '%s has redirected %d frames\n' "$card" $(($(redirected "$card") - before))
	[ $(($(redirected "$card") - before)) -ge $((least * 9 / 10)) ]
}
pings() { client ping -6 -n -q -c 30 -i 0.02 -W 2 "$WEB64"; }
with_tc() {
	SHOW=1 step "a download" goes_fast 5000 pkts_46_tcp download
	SHOW=1 step "an upload" goes_fast 5000 pkts_64_tcp upload
	SHOW=1 step "ping" goes_fast 20 pkts_64_icmp pings
}
with_xdp() {
	SHOW=1 step "a download" by_driver wan4 5000 pkts_46_tcp download
	SHOW=1 step "an upload" by_driver lan6 5000 pkts_64_tcp upload
	SHOW=1 step "ping" by_driver lan6 20 pkts_64_icmp pings
}
both_have_xdp() { wait_for 5 xdp_at lan6 && xdp_at wan4 && prints "fast path   lan6: xdp" isthmus status; }
none_has_xdp() { not xdp_at lan6 && not xdp_at wan4 && is_at lan6 && is_at wan4; }

lab_begin "the fast path at network cards"
[ -n "$(card 0 4 2>/dev/null)" ] || lab_skip_all "there are no cards for it"
must "the lab stands" lab_up
lab_config dedicated
set_key fastpath xdp
section "virtio"
must "the gateway serves" lab_gateway
step "the program is at both cards, and at their driver" both_have_xdp
with_xdp
SHOW=1 step "auto has tc here: a card may be a virtual one, and tc keeps trains" eval 'reloads fastpath auto && none_has_xdp && goes_fast 5000 pkts_46_tcp download'
SHOW=1 step "and XDP again" eval 'reloads fastpath xdp && both_have_xdp && by_driver wan4 5000 pkts_46_tcp download'

# model_try NAME NUMBER KERNEL: cards whose driver runs XDP from a kernel on, or never.
model_try() {
	section "$1"
	if [ -z "$(card "$2" 2 2>/dev/null)" ]; then
		skip "there are no such cards, or no driver for them"
		return
	fi
	must "the gateway ends" lab_gateway_stop
	must "it gets other cards" cards_take "$2"
	set_key fastpath auto
	must "and serves" lab_gateway
	gw ethtool -i lan6 | sed -n 's/^driver: /     /p'
	step "auto has tc" none_has_xdp
	with_tc
	if [ "$3" != never ] && kernel_is_from "$3"; then
		step "xdp has the program at their driver" eval 'reloads fastpath xdp && both_have_xdp'
		with_xdp
	else
		step "xdp has tc, and says why" eval 'reloads fastpath xdp && none_has_xdp && prints "lan6: tc.*its driver has no XDP" isthmus status'
		SHOW=1 step "a download" goes_fast 5000 pkts_46_tcp download
	fi
}
model_try e1000 1 never
model_try e1000e 2 never
model_try vmxnet3 3 6.6
lab_end
