#!/usr/bin/env bash
# 90_drivers.sh - the fast path in XDP at the driver of network cards; run by tests/kernels/guest, whose machine has four of them
#
#   client uplink (card 1) ---- lan6 (card 2)  gateway  wan4 (card 4) ---- (card 3) uplink server
#
# The cards are virtio's. Their driver counts what an XDP program has sent on.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/../lab/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/../lab/fastpath.sh"
SECONDS_MAX=15

card() { ip -j link | python3 -c '
import json, sys
print(next(l["ifname"] for l in json.load(sys.stdin) if l.get("address") == "52:54:00:00:00:0" + sys.argv[1]))' "$1"; }
lab_pair() {
	local near=1 far=2
	[ "$2" = lan6 ] || near=3 far=4
	ip link set "$(card "$near")" netns "$1" name uplink && ip link set "$(card "$far")" netns "$GW_NS" name "$2"
}

lab_begin "the fast path at the driver"
[ -n "$(card 4 2>/dev/null)" ] || lab_skip_all "there are no cards for it"
must "the lab stands" lab_up
lab_config dedicated
set_key fastpath xdp
must "the gateway serves" lab_gateway
# What the driver says of frames that an XDP program has sent on.
redirected() { gw ethtool -S "$1" | sed -n 's/^ *rx_xdp_redirects: //p'; }
# COMMAND goes by the fast path, and the driver of CARD has redirected AT-LEAST frames meanwhile.
by_driver() {
	local card=$1 least=$2 before
	before=$(redirected "$card")
	goes_fast "$least" "${@:3}" || return
	printf '%s has redirected %d frames\n' "$card" $(($(redirected "$card") - before))
	[ $(($(redirected "$card") - before)) -ge $((least * 9 / 10)) ]
}
step "the program is at both cards, and at their driver" eval 'wait_for 5 xdp_at lan6 && xdp_at wan4 && prints "fast path   lan6: xdp" isthmus status'
SHOW=1 step "a download" by_driver wan4 5000 pkts_46_tcp download
SHOW=1 step "an upload" by_driver lan6 5000 pkts_64_tcp upload
SHOW=1 step "ping" by_driver lan6 20 pkts_64_icmp client ping -6 -n -q -c 30 -i 0.02 -W 2 "$WEB64"
SHOW=1 step "auto has tc here: a card may be a virtual one, and tc keeps trains" eval 'reloads fastpath auto && not xdp_at lan6 && is_at lan6 && goes_fast 5000 pkts_46_tcp download'
SHOW=1 step "and XDP again" eval 'reloads fastpath xdp && xdp_at lan6 && by_driver wan4 5000 pkts_46_tcp download'
lab_end
