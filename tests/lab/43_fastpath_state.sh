#!/usr/bin/env bash
# 43_fastpath_state.sh - what the translator knows of flows whose packets it does not see: traces, reloads, totals, the life of sessions, pairs
#
#   client ---- gw: isthmus run, trace, reload, sessions, counters ---- server
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/fastpath.sh"

MAPPED6=2001:db8:1::a

lab_begin "the translator beside the fast path"
must "the lab stands" lab_up
lab_config dedicated
set_key fastpath "${LAB_FASTPATH:-tc}"
sed -i "/^    - { /a\\  lifetimes: { icmp: 60s }" "$LAB_DIR/isthmus.yaml"
cat >>"$LAB_DIR/isthmus.yaml" <<-END
	siit:
	  prefix: 64:ff9b::/96
	  allow-non-global: true
	  mappings:
	    - { ipv4: 203.0.113.1, ipv6: "$MAPPED6" }
END
ip -n "$CLIENT_NS" addr add "$MAPPED6/64" dev uplink nodad preferred_lft 0
ip -n "$SERVER_NS" route add 203.0.113.0/24 via "$GW4"
must "the gateway serves" lab_gateway

# The path of the ping's session; its packets as the table has them.
of_ping() { isthmus sessions --proto icmp --json | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if r.get("remote") == sys.argv[1]:
        print(r[sys.argv[2]])' "$WEB4" "$1"; }
path_is() { same "$(of_ping path)" "$1"; }

section "A flow in the kernel"
# A hundred packets a second.
background "$CLIENT_NS" ping -6 -n -q -i 0.01 "$WEB64"
step "is said to be there" wait_for 3 path_is kernel
life() { python3 -c 'import sys; sys.exit(not 59 <= float(sys.argv[1]) <= 60.1)' "$(of_ping expires_s)"; }
step "and has its life by packets that the translator does not see" eval 'sleep 1.5 && path_is kernel && life'
# Two walks apart by no more than the packets between them; the ping's two directions are alike.
adds_up() {
	isthmus counters --all --json >"$LAB_DIR/out/before" && of_ping pkts_64 >"$LAB_DIR/out/session" &&
		isthmus counters --all --json >"$LAB_DIR/out/after" && python3 - "$LAB_DIR/out" <<-'END'
			import json, sys
			def read(name):
			    rows = [json.loads(line) for line in open(f"{sys.argv[1]}/{name}", encoding="utf-8")]
			    return {(r["group"], r["name"]): r["value"] for r in rows if "group" in r}
			before, after, session = read("before"), read("after"), int(open(f"{sys.argv[1]}/session").read())
			total = ("translated", "pkts_64_icmp")
			print(before[total], session, after[total], before["fastpath", "pkts_64_icmp"])
			# Another ping, by which the lab waits for the gateway, is in the totals only.
			sys.exit(not (before[total] - 20 <= session <= after[total] and before["fastpath", "pkts_64_icmp"] > 100))
		END
}
step "session and totals agree" adds_up

section "A trace"
TRACE=$LAB_DIR/out/trace
follow() { exec ip netns exec "$GW_NS" "$ISTHMUS" trace --socket "$LAB_DIR/run/control.sock" --json --seconds 20 "$CLIENT6" --protocol icmp; }
sees() { [ "$(grep -c '"SENT"' "$TRACE")" -ge "$1" ]; }
follow >"$TRACE" 2>&1 &
TRACER=$!
step "sees a flow that was in the kernel" wait_for 3 sees 100
step "which is not there meanwhile" path_is translator
kill "$TRACER"
wait "$TRACER" 2>/dev/null
step "and goes back when nobody looks" wait_for 3 path_is kernel
# A table of many flows is walked in parts, which takes a while; then only the trace says that it has begun.
FLOWS=30000 SINK4=203.0.113.9 SINK64=64:ff9b::cb00:7109
ip -n "$SERVER_NS" route add blackhole "$SINK4"
begin_follow() { wait_for 30 test -e "$LAB_DIR/out/flows" && exec ip netns exec "$GW_NS" "$ISTHMUS" trace --socket "$LAB_DIR/run/control.sock" --json --count 100 --seconds 5 "$CLIENT6" --proto udp; }
sees_from_its_beginning() { client python3 "$LAB_ROOT/tests/lab/trace_begin.py" "$SINK64" "$FLOWS" "$LAB_DIR/out/flows" < <(begin_follow 2>&1); }
SHOW=1 step "sees whatever is sent when it has said that it begins, of many flows too" sees_from_its_beginning

section "A reload"
# No total is ever less than it was before.
watch_totals() {
	for _ in $(seq 20); do
		isthmus counters --all --json || return
	done
}
never_falls() {
	watch_totals >"$LAB_DIR/out/totals" &
	local watcher=$!
	isthmus reload && wait "$watcher" && python3 - "$LAB_DIR/out/totals" <<-'END'
		import json, sys
		last = {}
		for line in open(sys.argv[1], encoding="utf-8"):
		    r = json.loads(line)
		    key = r.get("group"), r.get("name")
		    if r.get("group", "").startswith(("translated", "fastpath")):
		        if r["value"] < last.get(key, 0):
		            sys.exit(f"{key} fell from {last[key]} to {r['value']}")
		        last[key] = r["value"]
		sys.exit(not last)
	END
}
step "takes no total back" never_falls
step "and the flow comes back to the kernel" wait_for 3 eval 'path_is kernel && [ "$(counter fastpath_left config)" -ge 1 ]'
step "with its packets counted on" adds_up

section "Without state"
from_mapped() { client ping -6 -n -q -c "$1" -i 0.01 -W 1 -I "$MAPPED6" "$WEB64" && server ping -n -q -c "$1" -i 0.01 -W 1 203.0.113.1; }
step "a host that has a mapping, there and back" from_mapped 10
step "passes in the kernel from its eighth packet" goes_fast 160 "pkts_64_icmp pkts_46_icmp" from_mapped 40
step "and by TCP, with its first packet" eval 'GROUP=fastpath goes_fast 5 pkts_64_tcp \
	client curl -sS -f -m 5 --interface "$MAPPED6" -o /dev/null "http://[$WEB64]/"'
counts_stateless() { [ "$(counter stateless pkts_64_icmp)" -ge 80 ] && [ "$(counter fastpath pairs_entered)" -ge 2 ]; }
step "what is counted is of both paths" counts_stateless

section "Denied"
step "a destination that a reload denies is reached no more" eval 'reloads deny "[$WEB4]" &&
	wait_for 3 not client ping -6 -n -q -c 1 -W 1 "$WEB64"'
step "and again when it is allowed" eval 'reloads deny "[]" && wait_for 3 client ping -6 -n -q -c 1 -W 1 "$WEB64"'

step "the gateway ends by itself on SIGTERM, with status 0" lab_gateway_stop
lab_end
