# fastpath.sh - what the scenarios of the fast path have in common; sourced after lib.sh
# shellcheck shell=bash disable=SC2034,SC2154
LAB_TOOLS="$LAB_TOOLS bpftool"

# Sets a key of nat64 in the gateway's file.
set_key() { sed -i "/^nat64:/,/^dns64:/ { /^  $1:/d; s/^nat64:/&\n  $1: $2/ }" "$LAB_DIR/isthmus.yaml"; }
reloads() { set_key "$1" "$2" && isthmus reload; }

# What of the programs the kernel has at an interface, "ID NAME": links of tc, filters of tc, XDP.
links_at() { gw python3 "$LAB_ROOT/tests/lab/tcx.py" "$1" 2>/dev/null | grep isthmus_f; }
filters_at() { gw tc filter show dev "$1" ingress 2>/dev/null | sed -n 's/.*bpf .* id \([0-9]*\) name \(isthmus_f[^ ]*\).*/\1 \2/p' | grep .; }
xdp_at() { ip -n "$GW_NS" -d link show "$1" | sed -n 's|.*prog/xdp id \([0-9]*\) name \(isthmus_flow[^ ]*\).*|\1 \2|p' | grep .; }
is_at() { links_at "$1" || filters_at "$1"; }
pins() { find "$LAB_BPFFS/isthmus" -mindepth 2 2>/dev/null | sed 's|.*/||' | sort | tr '\n' ' '; }
has_clsact() { gw tc qdisc show dev "$1" | grep clsact; }

# Remembers the programs at work, for nothing_is_left; others on this machine may have some of the same names.
remember() { PROGRAMS=$( { is_at lan6; is_at wan4; is_at isthmus0; xdp_at lan6; xdp_at wan4; } | cut -d ' ' -f 1) && [ -n "$PROGRAMS" ]; }
nothing_is_left() {
	local id
	for id in $PROGRAMS; do
		wait_for 3 not bpftool prog show id "$id" || { bpftool prog show id "$id"; return 1; }
	done
	not is_at lan6 && not is_at wan4 && not xdp_at lan6 && not has_clsact lan6 && not has_clsact wan4 &&
		same "$(pins)" "" && not test -e "$LAB_BPFFS/isthmus" && not test -e "$LAB_DIR/run/host.journal" &&
		not ip -n "$GW_NS" link show isthmus0
}

# One value of what `isthmus status` says of it.
status() { isthmus status --json | head -n 1 | python3 -c '
import json, sys
print(json.load(sys.stdin)["fastpath"][sys.argv[1]])' "$1"; }
says_way() { prints "^  *$1" isthmus status; }
kill_all() {
	kill -KILL "$GATEWAY_PID"
	wait "$GATEWAY_PID" 2>/dev/null
	wait_for 5 eval '[ -z "$(role_pids translator)" ]'
}

counter() { isthmus counters --all --json | python3 -c '
import json, sys
print(sum(r["value"] for r in map(json.loads, sys.stdin)
          if r.get("group") == sys.argv[1] and r.get("name") in sys.argv[2:]))' "$@"; }
# Packets that the host and the translator have exchanged so far.
of_device() { ip -n "$GW_NS" -j -s link show isthmus0 | python3 -c '
import json, sys
s = json.load(sys.stdin)[0]["stats64"]
print(s["rx"]["packets"] + s["tx"]["packets"])'; }
# COMMAND succeeds; counters NAMES of the fast path grow by AT-LEAST packets, and isthmus0 sees few.
goes_fast() {
	local least=$1 names=$2 counted device
	shift 2
	# shellcheck disable=SC2086
	counted=$(counter "${GROUP:-fastpath}" $names) device=$(of_device)
	"$@" || return
	# shellcheck disable=SC2086
	counted=$(($(counter "${GROUP:-fastpath}" $names) - counted)) device=$(($(of_device) - device))
	printf '%d packets on the fast path, %d on isthmus0\n' "$counted" "$device"
	[ "$counted" -ge "$least" ] && [ "$device" -le 60 ]
}
offloads() {
	ip netns exec "$1" ethtool -K "$2" tx "$3" rx "$3" sg "$3" tso "$3" gso "$3" gro "$3" >/dev/null 2>&1
}
all_offloads() {
	offloads "$CLIENT_NS" uplink "$1"; offloads "$GW_NS" lan6 "$1"; offloads "$GW_NS" wan4 "$1"; offloads "$SERVER_NS" uplink "$1"
}
