#!/usr/bin/env bash
# 20_protocols.sh - SCTP, GRE, ESP, DCCP and UDP-Lite by address, with their errors; routes that are not used up
#
#   client: one host, then another ---- gw, pool 192.0.2.64 ---- server: answers what arrives right
#
# Whoever receives checks the checksums: CRC32c of SCTP, that of GRE, and of DCCP and UDP-Lite the one with the addresses in
# it. UDP-Lite is the kernel's own; for the others most kernels have no sockets, so protocols.py makes the packets.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "other protocols by address"
must "the lab stands" lab_up
lab_config dedicated
LOG=$LAB_DIR/run/bindings.log
sed -i -e "s/^  max-sessions: .*/&\n  protocols: [sctp, dccp, gre, esp, udplite]/" \
	-e "s#^  level: info#&\n  bindings: { to: [file], path: $LOG }#" "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway

NEIGHBOUR6=2001:db8:1::3   # of the same subscriber
STRANGER6=2001:db8:1:1::2  # of another
ip -n "$CLIENT_NS" address add "$NEIGHBOUR6/64" dev uplink nodad
ip -n "$CLIENT_NS" address add "$STRANGER6/128" dev uplink nodad
ip -n "$GW_NS" route add "$STRANGER6/128" via "$CLIENT6" dev lan6

packets_py() { "$1" "$LAB_ROOT/tests/lab/protocols.py" "${@:2}"; }
ask() { packets_py client ask "$1" "${3:-$CLIENT6}" "$WEB64" "$2"; }
counter() { isthmus counters --json | python3 -c '
import json, sys
print(next((r["value"] for r in map(json.loads, sys.stdin) if r.get("name") == sys.argv[1]), "none"))' "$1"; }
lists() { prints "$1" isthmus "${@:2}"; }

background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/protocols.py" serve "$WEB4"
wait_for 5 grep -q serving "$LAB_DIR/background.log"
capture "$SERVER_NS" uplink wan
capture "$CLIENT_NS" uplink lan

section "There and back, with right checksums"
for proto in sctp gre esp dccp; do
	step "$proto, 40 bytes" ask "$proto" 40
	step "$proto, 1100 bytes" ask "$proto" 1100
done
step "DCCP, which sums the addresses, odd length" ask dccp 33
if client python3 -c 'import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, 136)' 2>/dev/null; then
	background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/protocols.py" udplite-serve "$WEB4" 7777
	sleep 0.5
	step "UDP-Lite of the kernel, 8 bytes" packets_py client udplite-ask "$CLIENT6" "$WEB64" 7777 8
	step "UDP-Lite, checksum over 20 of 900 bytes" packets_py client udplite-ask "$CLIENT6" "$WEB64" 7777 900
else
	skip "UDP-Lite: the kernel has none"
fi

section "Whose address it is"
step "the binding is listed by its name" lists "sctp.*$CLIENT6.*$POOL4" bib
step "... and found by it" lists "gre.*$CLIENT6" sessions --proto gre
step "a second host of the subscriber has to wait" not ask sctp 40 "$NEIGHBOUR6"
step "... which is counted" same "$(counter PROTOCOL_HOSTS)" 1
step "another subscriber finds the address taken" not ask gre 40 "$STRANGER6"
step "... which is counted" same "$(counter PROTOCOL_NO_ADDRESS)" 1

section "Who has it, who had it, and what becomes of a packet"
SHOW=1 step "who has the address, by protocol" lists "$POOL4  *-  *2001:db8:1::/64  *sctp  *$CLIENT6" who "$POOL4"
step "... as JSON, without ports" prints '"ports":null.*"dccp"' isthmus who --json "$POOL4"
step "a port of it is another question" lists "Nobody" who "$POOL4:132"
sleep 0.2 # the log is written ten times a second
had() { prints "$1" gw "$ISTHMUS" who --log "$LOG" --at "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$2"; }
SHOW=1 step "who had it, by the log" had "$POOL4  *-  *$CLIENT6  *gre" "$POOL4"
step "... for all protocols" had "$CLIENT6  *dccp" "$POOL4"
step "... and not by port" had "Nobody" "$POOL4:47"
traced() { # traced WORDS: of what a trace says about one request by SCTP and one by GRE
	local status
	isthmus trace "$CLIENT6" --proto sctp --count 2 --seconds 10 >"$LAB_DIR/out/trace" 2>"$LAB_DIR/out/trace.begun" &
	wait_for 5 grep -q Following "$LAB_DIR/out/trace.begun" || return
	ask gre 40 && ask sctp 40
	status=$?
	wait $!
	cat "$LAB_DIR/out/trace"
	[ "$status" = 0 ] && grep -q -e "$1" "$LAB_DIR/out/trace" && ! grep -q gre "$LAB_DIR/out/trace"
}
SHOW=1 SHOW_LINES=30 step "a trace follows one protocol, and no other" traced "binding found: $CLIENT6 has $POOL4 for sctp"

section "What is not in the list"
sed -i 's/protocols: .*/protocols: [sctp]/' "$LAB_DIR/isthmus.yaml"
step "a reload takes GRE away" isthmus reload
step "GRE is refused" not ask gre 40
step "SCTP goes on" ask sctp 40

section "Routes that are not used up"
# Linux forwards no packet with a source route unless it is told to.
gw sysctl -qw net.ipv4.conf.all.accept_source_route=1 net.ipv4.conf.wan4.accept_source_route=1
SHOW=1 step "a source route gets: source route failed (3/5)" \
	prints "type 3 code 5 word 0 from $POOL4" packets_py server source-route "$WEB4" "$POOL4" "$NS4"
SHOW=1 step "a routing header with segments left gets: parameter problem (4/0), pointer 43" \
	prints "type 4 code 0 word 43 from 64:ff9b::" packets_py client routing-header "$CLIENT6" "$WEB64"
step "... which is counted" same "$(counter IP4_SOURCE_ROUTE) $(counter IP6_ROUTING_SEGMENTS_LEFT)" "1 1"

section "Seen on the wire"
captures_end
SHOW=1 SHOW_LINES=4 step "SCTP leaves from the pool's address" \
	prints "$POOL4.*> $WEB4" tcpdump -n -r "$LAB_DIR/wan.pcap" "ip proto 132 and src $POOL4"
SHOW=1 SHOW_LINES=2 step "the refused hosts were told: unreachable" \
	prints "unreachable" tcpdump -n -r "$LAB_DIR/lan.pcap" "icmp6 and ip6[40] == 1"
SHOW=1 step "the IPv4 host was told: source route failed" \
	prints "source route failed" tcpdump -n -v -r "$LAB_DIR/wan.pcap" "icmp and icmp[0] == 3 and icmp[1] == 5"
SHOW=1 step "the IPv6 host was told: parameter problem, at octet 43" \
	prints "parameter problem" tcpdump -n -v -r "$LAB_DIR/lan.pcap" "icmp6 and ip6[40] == 4 and ip6[41] == 0 and ip6[47] == 43"
step "neither packet was translated" same \
	"$(packets wan "udp port 5001 and src $POOL4")$(packets lan "ip6 proto 17 and udp port 5001 and src $WEB64")" 00
step "nothing of GRE left after the reload, nor of the refused" same "$(packets wan "ip proto 47 and src $POOL4")" 3
lab_end
