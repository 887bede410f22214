#!/usr/bin/env bash
# 21_trace.sh - isthmus trace follows real flows, isthmus explain says the same of their packets, and neither changes anything
#
#   IPv6-only client ---- gw: isthmus trace, isthmus explain ---- IPv4-only server
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "trace and explain"
must "the lab stands" lab_up
lab_config dedicated
sed -i '0,/^  allow-non-global: true/s//&\n  deny: [203.0.113.0\/24]/' "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway
DENIED64=64:ff9b::cb00:7105

TRACE=$LAB_DIR/out/trace
# In the background: the process itself, so that killing it ends it.
follow() { exec ip netns exec "$GW_NS" "$ISTHMUS" trace --socket "$LAB_DIR/run/control.sock" --json "$@"; }
# traced ARGS... -- COMMAND...: what a trace says while the command runs, as JSON in $TRACE
traced() {
	local args=() pid status
	while [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	shift
	: >"$TRACE"
	follow --seconds 20 "${args[@]}" >"$TRACE" 2>"$TRACE.err" &
	pid=$!
	wait_for 5 test -s "$TRACE" || return
	"$@" >/dev/null 2>&1
	status=$?
	sleep 0.3 # the trace looks ten times a second
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	cat "$TRACE" "$TRACE.err"
	return "$status"
}
# says PROGRAM: a Python expression about `rows` (all) and `names` (of each packet, joined by blanks) is true
says() {
	python3 - "$TRACE" "$1" <<-'END'
		import itertools, json, sys
		rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
		rows = [row for row in rows if "step" in row]
		packets = [list(g) for _, g in itertools.groupby(rows, key=lambda row: row["packet"])]
		names = [" ".join(row["step"] for row in p) for p in packets]
		print("\n".join(names))
		sys.exit(not eval(sys.argv[2]))
	END
}
drops_named() { isthmus counters --json | grep -c "\"name\": *\"$1\""; }

section "Following flows"
step "curl, and everything it sends" traced "$CLIENT6" -- client curl -sS -f -m 5 -o /dev/null "http://[$WEB64]/"
step "... its SYN makes the binding, with a reason for the port" says \
	'any("PREFIX" in n and "BINDING_MADE BLOCK PORT_" in n and "TCP_MOVED SESSION_MADE" in n and n.endswith("SENT") for n in names)'
step "... and the answer establishes the connection" says \
	'any(r["step"] == "TCP_MOVED" and r["to"] == "ESTABLISHED" and r["event"] == "V4 SYN" and "3.5.2.2" in r["spec"] for r in rows)'
step "... and its end is seen on both sides" says \
	'{r["to"] for r in rows if r["step"] == "TCP_MOVED"} >= {"V6_INIT", "ESTABLISHED", "V4_V6_FIN_RCV"}'
step "... every step names a section but for those that have none" says \
	'all(r["spec"] for r in rows if r["step"] not in ("HANDED_OVER",)) and all(r["text"] for r in rows)'
step "ping" traced "$CLIENT6" --protocol icmp -- client ping -n -c 2 -i 0.2 -W 2 "$WEB64"
step "... there and back" says 'len(names) >= 4 and sum("SESSION_FOUND" in n for n in names) >= 3'
step "a denied destination" traced "$CLIENT6" -- not client ping -n -c 1 -W 1 "$DENIED64"
step "... is dropped by its reason, and its sender told" says \
	'any(r.get("reason") == "64_DENIED" for r in rows) and any(n.endswith("DROPPED TOLD") for n in names)'
step "a scan of the pool" traced "$POOL4:2999" -- not server curl -sS -m 1 "http://$POOL4:2999/"
step "... waits" says 'any(n.endswith("NO_BINDING DROPPED SYN_HELD") for n in names)'

section "Filters"
step "by server and port" traced --to "$WEB4" --port 80 -- client curl -sS -f -m 5 -o /dev/null "http://[$WEB64]/"
step "... sees it" says 'len(names) > 5'
step "by another server" traced --to 192.0.2.77 -- client curl -sS -f -m 5 -o /dev/null "http://[$WEB64]/"
step "... sees nothing" says 'not names'
step "by another client" traced 2001:db8:1::77 -- client curl -sS -f -m 5 -o /dev/null "http://[$WEB64]/"
step "... sees nothing" says 'not names'
step "nonsense is refused" prints "who must be" isthmus trace 192.0.2.300

section "Ends and limits"
ends_after_packets() {
	client ping -n -q -i 0.1 -c 30 "$WEB64" >/dev/null &
	isthmus trace --json --count 3 --seconds 20 "$CLIENT6" >"$TRACE" || return
	wait $!
	says 'len(names) == 3'
}
ends_after_time() {
	local begin=$EPOCHREALTIME
	isthmus trace --seconds 1 2001:db8:1::77 >/dev/null || return
	[ $(((${EPOCHREALTIME/[.,]/} - ${begin/[.,]/}) / 1000)) -lt 4000 ]
}
# A trace whose client was killed may still be there for some seconds, and takes the room of the fourth.
one_more() {
	follow --seconds 20 >"$TRACE.$1" 2>/dev/null &
	pids+=($!)
	wait_for 1 test -s "$TRACE.$1"
}
four_and_no_more() {
	local pids=() i
	rm -f "$TRACE".*
	for i in 1 2 3 4; do wait_for 10 one_more "$i" || return; done
	prints "four traces run already" isthmus trace --seconds 1 || return
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	wait_for 10 isthmus trace --seconds 1 # those that have gone make room
}
# Under a load that no terminal could show (this one stops reading), the gateway passes all of it, and says what was
# left out.
load_goes_on() {
	rm -f "$TRACE" # of the step before: what is waited for is a row of this one
	follow --seconds 20 >"$TRACE" &
	local pid=$! lost
	wait_for 5 test -s "$TRACE" || return
	kill -STOP $pid
	prints ' 0% packet loss' client ping -f -n -q -c 3000 "$WEB64" && download || return
	kill -CONT $pid
	wait_for 5 grep -q '"lost":[1-9]' "$TRACE"
	kill $pid
	wait $pid 2>/dev/null
	lost=$(python3 -c 'import json,sys; print(sum(json.loads(l).get("lost", 0) for l in sys.stdin))' <"$TRACE")
	printf '%s packets lost, %s rows\n' "$lost" "$(wc -l <"$TRACE")"
	[ "$lost" -gt 0 ]
}
step "--count ends it" ends_after_packets
step "--seconds ends it" ends_after_time
step "four may look at a time, and those that have gone make room" four_and_no_more
step "a flood and 8 MB by their hash pass while everything is followed, and what is left out is said" load_goes_on

section "explain"
PCAP=$LAB_DIR/explain.pcap
captured() {
	capture "$GW_NS" isthmus0 explain "host $WEB64 or host $DENIED64 or (host $WEB4 and host $POOL4)" || return
	client ping -n -q -c 1 -W 2 "$WEB64" && not client ping -n -q -c 1 -W 1 "$DENIED64"
	captures_end
	[ "$(packets explain ip6)" -ge 2 ]
}
explained() { isthmus explain --json "$@" >"$TRACE" && [ -s "$TRACE" ]; }
same_steps_as_trace() {
	explained "$PCAP" && says 'any("BINDING_MADE BLOCK PORT_" in n and "SESSION_MADE CHECKSUM_UPDATED SENT" in n for n in names)' &&
		says 'any(r.get("reason") == "64_DENIED" for r in rows)'
}
from_hex() {
	tcpdump -r "$PCAP" -n -x ip6 2>/dev/null | isthmus explain --json >"$TRACE" && says 'len(names) >= 2 and names[0].startswith("PARSED")'
}
# Of what only the packets of the explanation could change: the host's multicast goes on meanwhile.
gateway_state() {
	isthmus counters --json | grep '"group":"translated"'
	isthmus counters --json | grep 64_DENIED
	isthmus bib --json --proto tcp
}
nothing_changed() {
	local before
	before=$(gateway_state)
	explained "$PCAP" && same "$(gateway_state)" "$before"
}
step "packets of a ping and of a refusal are captured" captured
step "explain says of them what trace does, with the gateway's configuration" same_steps_as_trace
step "tcpdump -x through a pipe" from_hex
step "a file of another configuration decides otherwise" not prints 64_DENIED gw "$ISTHMUS" explain --config <(sed '/^  deny/d' "$LAB_DIR/isthmus.yaml") "$PCAP"
step "nothing changes in the gateway" nothing_changed
step "what is no packet is refused" prints "no pairs of hexadecimal digits" isthmus explain zz
lab_end
