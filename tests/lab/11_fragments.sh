#!/usr/bin/env bash
# 11_fragments.sh - datagrams in fragments: large ones, both ways, in any order, dedicated and shared pool
#
#   client (IPv6 fragments) ---- gw ---- server (IPv4 fragments)
#
# Port 7777 of the server is an ordinary echo; what its kernel fragments has DF clear, so the gateway cuts it once more.
# Port 7778 answers in fragments made by hand, the last one first, and every other datagram without checksum.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
UDP=$LAB_ROOT/tests/lab/udp.py
SIZES=(1300 1301 2000 3000 9000 20001 40000 65507)

lab_begin "fragments"
must "the lab stands" lab_up
udp_echo "$SERVER_NS" "$WEB4"
udp_echo "$GW_NS" "$GW4"
background "$SERVER_NS" python3 -u "$UDP" fragments 7778 "$WEB4"

# At least MIN in counter NAME.
counted() {
	local n
	n=$(isthmus counters --json | python3 -c '
import json, sys
print(sum(r["value"] for r in map(json.loads, sys.stdin) if r.get("name") == sys.argv[1]))' "$1")
	printf '%s is %s\n' "$1" "$n"
	[ "$n" -ge "$2" ]
}
nothing_lost() {
	local reason
	for reason in EXPIRED OVERLAP TABLE_FULL SOURCE_LIMIT PIECES; do
		not counted "FRAGMENT_$reason" 1 || return
	done
}
reordering() {
	local ns
	for ns in "$CLIENT_NS" "$SERVER_NS"; do
		ip netns exec "$ns" tc qdisc add dev uplink root netem delay 10ms reorder 50% 2>/dev/null || return
	done
}
in_order_again() {
	client tc qdisc del dev uplink root
	server tc qdisc del dev uplink root
}
# What a gateway sees whose kernel tracks connections, and so puts fragments together before it forwards them.
jumbo_ipv4() {
	ip -n "$SERVER_NS" link set uplink mtu "$1"
	ip -n "$GW_NS" link set wan4 mtu "$1"
	server sysctl -qw net.ipv4.ip_no_pmtu_disc="$2"
}
ping6() { client ping -6 -n -q -c 3 -i 0.2 -W 3 -s "$1" "$WEB64"; }
big_answer() { prints "a part of" client dig +ignore +notcp +bufsize=4096 +time=3 "@$NS64" big.lab.example TXT; }

through_the_pool() {
	step "UDP of 3000 to 65507 bytes, there and back" client "$UDP" sizes "$WEB64" 7777 3000 65507 6251
	step "UDP of 65507 bytes" client "$UDP" sizes "$WEB64" 7777 65507 65507 1
	step "UDP around the sizes at which a fragment more is needed" client "$UDP" sizes "$WEB64" 7777 1440 1500 1
	step "ping of 4000 bytes" ping6 4000
	step "ping of 65000 bytes" ping6 65000
	step "a DNS answer of 3000 bytes over UDP" big_answer
	step "IPv6 fragments in reverse order" client "$UDP" backwards "$WEB64" 7777 "${SIZES[@]}"
	step "IPv4 fragments in reverse order, half of the datagrams without checksum" \
		client "$UDP" sizes "$WEB64" 7778 1300 65507 2503
	step "both in reverse order" client "$UDP" backwards "$WEB64" 7778 "${SIZES[@]}"
	if reordering; then
		step "UDP over links that change the order" client "$UDP" sizes "$WEB64" 7777 3000 65507 6251
		step "ping over them" ping6 20000
		in_order_again
	else
		skip "links that change the order: the kernel has no sch_netem"
	fi
	jumbo_ipv4 65535 1
	step "IPv4 packets of up to 64 KiB with DF clear" client "$UDP" sizes "$WEB64" 7777 3000 65507 6251
	step "the largest of them" client "$UDP" sizes "$WEB64" 7777 65507 65507 1
	step "they were cut" counted split 11
	jumbo_ipv4 1500 0
	step "fragments were held" counted held 50
	step "datagrams became complete" counted datagrams 100
	step "none was lost" nothing_lost
}

section "A pool of its own"
lab_config dedicated
must "the gateway serves" lab_gateway
through_the_pool
must "the gateway ends" lab_gateway_stop

section "The host's own address"
lab_config shared
must "the gateway serves" lab_gateway
through_the_pool
step "the IPv4 side pings the host with 4000 bytes" server ping -n -q -c 3 -i 0.2 -W 3 -s 4000 "$GW4"
step "the host pings the IPv4 side with 20000 bytes" gw ping -n -q -c 3 -i 0.2 -W 3 -s 20000 "$WEB4"
step "UDP to a server of the host" server "$UDP" sizes "$GW4" 7777 3000 65507 6251
step "UDP of the host" gw "$UDP" sizes "$WEB4" 7777 3000 65507 6251
step "fragments in reverse order to the host" gw "$UDP" sizes "$WEB4" 7778 1500 65507 6251
step "they were given back" counted passed 100
lab_end
