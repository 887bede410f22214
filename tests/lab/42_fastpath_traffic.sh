#!/usr/bin/env bash
# 42_fastpath_traffic.sh - packets of known flows are translated in the kernel, and arrive as if the translator had done it
#
#   client: TCP and UDP both ways, ping, a server of its own that is reached by IPv4 and by itself (hairpin)
#   gw: offloads on and off; links, neighbours, routes and MTUs that change during a download; rules that drop
#   server: two links to it, wan4 and wan5
#
# That packets took the fast path is seen by the counters, and by the packets that are missing on isthmus0.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/fastpath.sh"
LAB_TOOLS="$LAB_TOOLS nft"
SECONDS_MAX=15

lab_begin "traffic on the fast path"
must "the lab stands" lab_up
lab_config dedicated
set_key fastpath "${LAB_FASTPATH:-tc}"
cat >"$LAB_DIR/statics" <<-END
	  static:
	    - { protocol: tcp, outside: "$POOL4:80", inside: "[$CLIENT6]:8080" }
	    - { protocol: udp, outside: "$POOL4:7000", inside: "[$CLIENT6]:7777" }
END
sed -i "/^    - { /r $LAB_DIR/statics" "$LAB_DIR/isthmus.yaml"
background "$CLIENT_NS" python3 -u -m http.server --bind "$CLIENT6" -d "$LAB_DIR/www" 8080
background "$CLIENT_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7777 "$CLIENT6"
background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7001 "$NS4"
must "the client's own server serves" wait_for 5 client curl -sS -f -o /dev/null "http://[$CLIENT6]:8080/"
export ISTHMUS_XDP_NATIVE=1 # XDP on virtual pairs, once it is asked for
must "the gateway serves" lab_gateway

# With offloads off a capture has packets as they were on the wire, with checksums.
checksums_are_right() {
	local name
	captures_end
	for name in "$@"; do
		[ "$(packets "$name" "tcp or udp or icmp or icmp6")" -gt 100 ] || { echo "nothing in $name"; return 1; }
		if tcpdump -vv -n -r "$LAB_DIR/$name.pcap" 2>/dev/null | grep -E -B1 "incorrect|bad cksum|bad udp cksum|wrong icmp"; then
			return 1
		fi
	done
}

section "First packets"
# ip_count NETNS FIELD: 4 of what was received, 7 of what was forwarded; IPv4
ip_count() { ip netns exec "$1" awk -v field="$2" '$1 == "Ip:" && $2 ~ /^[0-9]/ { print $field }' /proc/net/snmp; }
# 100 flows of one datagram each: the server sees them, and the host has not forwarded them.
firsts() {
	local entered host seen
	entered=$(counter fastpath entered) host=$(ip_count "$GW_NS" 7) seen=$(ip_count "$SERVER_NS" 4)
	client python3 -c "
import socket
for port in range(20000, 20100):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(('$CLIENT6', port))
    s.sendto(bytes(40), ('$NS64', 7001))" || return
	have_come() { [ $(($(ip_count "$SERVER_NS" 4) - seen)) -ge 100 ]; }
	wait_for 2 have_come || return
	entered=$(($(counter fastpath entered) - entered)) host=$(($(ip_count "$GW_NS" 7) - host))
	printf '%d flows entered, %d packets forwarded by the host\n' "$entered" "$host"
	[ "$entered" -ge 100 ] && [ "$host" -le 20 ]
}
step "they leave past the host's forwarding" firsts

section "As the offloads have it"
if [ "${LAB_FASTPATH:-tc}" = tc ]; then
	step "a download" goes_fast 5000 pkts_46_tcp download
	step "an upload" goes_fast 5000 pkts_64_tcp upload
else
	skip "what comes from a virtual pair has no checksum yet, which XDP cannot see"
fi
section "Without any offload"
all_offloads off
# As capture, with room for bursts: capture_all NAMESPACE NAME BYTES [IN-OR-INOUT]
capture_all() {
	: >"$LAB_DIR/$2.tcpdump"
	ip netns exec "$1" tcpdump -Z root -B 32768 -s "$3" -n -i uplink -Q "${4:-inout}" -w "$LAB_DIR/$2.pcap" 2>"$LAB_DIR/$2.tcpdump" &
	CAPTURES+=($!)
	wait_for 5 grep -q "listening on" "$LAB_DIR/$2.tcpdump"
}
capture_all "$CLIENT_NS" at_client 1600 in
capture_all "$SERVER_NS" at_server 1600 in
step "a download" goes_fast 5000 pkts_46_tcp download
step "an upload" goes_fast 5000 pkts_64_tcp upload
step "UDP, from 1 byte to a full packet" goes_fast 500 "pkts_64_udp pkts_46_udp" client "$LAB_ROOT/tests/lab/udp.py" sizes "$NS64" 7001 1 1450 5
step "ping" goes_fast 50 "pkts_64_icmp pkts_46_icmp" client ping -6 -n -q -c 40 -i 0.01 -W 2 "$WEB64"
step "all checksums were right at the receivers" checksums_are_right at_client at_server
# The packets of one connection, counted by the client's own rules and by the gateway.
adds_up() {
	client nft -f - <<-END || return
		table inet count {
			chain out { type filter hook output priority 0; tcp sport 50001 counter; }
			chain in { type filter hook input priority 0; tcp dport 50001 counter; }
		}
	END
	client curl -sS -m $((20 * ${PATIENCE:-1})) --local-port 50001 -o /dev/null "http://[$WEB64]/big" && sleep 0.2 || return
	same "$(isthmus sessions --json | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if r.get("client", "").endswith("]:50001"):
        print(r["pkts_64"], r["pkts_46"], sep="/")')" "$(counted_by_client out)/$(counted_by_client in)"
}
counted_by_client() { client nft list chain inet count "$1" | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }
step "a session's counters are what the client has sent and got" adds_up
[ "${LAB_FASTPATH:-tc}" != tc ] || all_offloads on

section "Other ways"
from_outside() { server curl -sS -f -m $((30 * ${PATIENCE:-1})) -o "$LAB_DIR/out/got" "http://$POOL4/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
by_itself() { client curl -sS -f -m $((30 * ${PATIENCE:-1})) -o "$LAB_DIR/out/got" "http://[64:ff9b::c000:240]/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
left() { counter fastpath_left tcp; }
resets() {
	local before
	before=$(left)
	client python3 -c '
import socket, struct, sys
s = socket.create_connection((sys.argv[1], 80))
s.sendall(b"GET /big HTTP/1.0\r\n\r\n")
for n in range(40):
    s.recv(65536)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()' "$WEB64" && wait_for 3 eval "[ \"\$(left)\" -gt $before ]"
}
step "an IPv4 host fetches from the client, by a static binding" goes_fast 5000 pkts_64_tcp from_outside
hairpins() { GROUP=other goes_fast 100 hairpins by_itself; }
step "the client fetches from itself, by the pool's address" hairpins
step "a reset ends the flow" resets
step "no flow is left of connections that have ended" wait_for 3 eval 'same "$(counter fastpath entered)" "$(counter fastpath_left end tcp config evicted trace)" || isthmus sessions | not grep "tcp.*fast"'

section "A host that changes meanwhile"
second_link() {
	ip -n "$SERVER_NS" link add second type veth peer name wan5 netns "$GW_NS" && gw sysctl -qw net.ipv6.conf.wan5.disable_ipv6=1 &&
		ip -n "$GW_NS" addr add 192.0.3.1/24 dev wan5 && ip -n "$GW_NS" link set wan5 up &&
		ip -n "$SERVER_NS" addr add 192.0.3.10/24 dev second && ip -n "$SERVER_NS" link set second up &&
		server sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.second.rp_filter=0 && wait_for 3 is_at wan5
}
# The server sends slowly. If the client read slowly instead, its window would be shut at times, and asking for it again takes TCP seconds.
begin() {
	client curl -sS -m $((20 * ${PATIENCE:-1})) -o "$LAB_DIR/out/slow" "http://[$WEB64]/slower" 2>"$LAB_DIR/out/curl.err" &
	CURL=$!
	wait_for 5 has_grown "${1:-0}"
}
has_come() { stat -c %s "$LAB_DIR/out/slow" 2>/dev/null || echo 0; }
has_grown() { [ "$(has_come)" -gt "$1" ]; }
# On a slow machine the download may be half over before there is time to change anything: then another one begins.
is_on() { [ "$(has_come)" -lt $(($(stat -c %s "$LAB_DIR/www/big") / 2)) ] || { completes && begin 500000; }; }
# More has come than when the change was made. After seconds without a link, TCP waits as long again.
goes_on_from() { wait_for 10 has_grown $(($1 + 300000)); }
# A neighbour's new address is learned by its own announcement, as with any router.
new_mac() {
	is_on && ip -n "$SERVER_NS" link set uplink address 02:00:00:00:00:77 && ip -n "$GW_NS" neigh del "$NS4" dev wan4 &&
		goes_on_from "$(has_come)"
}
down_and_up() {
	local before
	is_on && gw sysctl -qw net.ipv6.conf.lan6.keep_addr_on_down=1 && ip -n "$GW_NS" link set lan6 down && before=$(has_come) &&
		wait_for 10 not is_at lan6 && ip -n "$GW_NS" link set lan6 up && wait_for 10 is_at lan6 && goes_on_from "$before"
}
sent_by_wan5() { ip -n "$GW_NS" -j -s link show wan5 | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["tx"]["packets"])'; }
other_link() {
	local before status
	before=$(sent_by_wan5)
	is_on && ip -n "$GW_NS" route replace "$WEB4" via 192.0.3.10 && goes_on_from "$(has_come)" && wait_for 3 eval "[ \$(sent_by_wan5) -gt $((before + 3)) ]"
	status=$?
	printf "%s packets before, %s now\n" "$before" "$(sent_by_wan5)"
	ip -n "$GW_NS" route del "$WEB4"
	return "$status"
}
pings_known() { isthmus sessions | grep -c "^icmp.*kernel"; }
# Another flow keeps the way by wan4 in use, so these few packets leave it only because the gateway has heard of the change.
few_packets() {
	local before known status pings
	before=$(sent_by_wan5)
	known=$(pings_known)
	client ping -6 -n -q -i 0.002 -w $((6 * ${PATIENCE:-1})) "$NS64" >/dev/null &
	pings=$!
	client ping -6 -n -q -i 0.1 -w $((6 * ${PATIENCE:-1})) "$WEB64" >/dev/null &
	pings="$pings $!"
	wait_for 4 eval "[ \$(pings_known) -ge $((known + 2)) ]" && ip -n "$GW_NS" route replace "$WEB4" via 192.0.3.10 &&
		wait_for 1 eval "[ \$(sent_by_wan5) -gt $((before + 3)) ]"
	status=$?
	printf "%s packets before, %s now\n" "$before" "$(sent_by_wan5)"
	ip -n "$GW_NS" route del "$WEB4"
	# shellcheck disable=SC2086
	{ kill $pings; wait $pings; } 2>/dev/null
	return "$status"
}
completes() {
	wait "$CURL" || { cat "$LAB_DIR/out/curl.err"; return 1; }
	same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH"
}
narrow_out() {
	ip -n "$GW_NS" link set wan4 mtu 1300 && upload && prints "mtu 1320" client ip -6 route get "$WEB64" &&
		ip -n "$GW_NS" link set wan4 mtu 1500 && client ip -6 route flush cache
}
narrow_in() {
	ip -n "$GW_NS" link set lan6 mtu 1280 && download && prints "mtu 1260" server ip route get "$POOL4" from "$WEB4" &&
		ip -n "$GW_NS" link set lan6 mtu 1500 && server ip route flush cache
}
must "a second link to the server" second_link
must "a download has begun" begin 500000
step "the server's MAC address changes: it goes on" new_mac
step "the link goes down and up: it goes on" down_and_up
step "and completes, and is right" completes
must "another download has begun" begin 500000
step "the route leads over another link: it goes on, there" other_link
step "and completes, and is right" completes
step "a flow with few packets follows its route at once" few_packets
step "a link that becomes narrower on the IPv4 side: the client learns it" narrow_out
step "one on the IPv6 side: the server does" narrow_in

section "What goes up by XDP"
ip6_forwarded() { gw awk '$1 == "Ip6OutForwDatagrams" { print $2 }' /proc/net/snmp6; }
# datagrams FIRST-PORT: 100 flows of a datagram and its answer.
datagrams() { client python3 -c "
import socket
all = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for i in range(100)]
for i, s in enumerate(all):
    s.settimeout(2)
    s.bind(('$CLIENT6', $1 + i))
    s.sendto(bytes(40), ('$NS64', 7001))
for s in all:
    s.recv(100)"; }
connections() { client sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do curl -sS -f -m 10 -o /dev/null 'http://[$WEB64]/' || exit; done"; }
# LEAST COMMAND: so many packets at least are put into the translator's memory, and next to none is forwarded by the host.
goes_up_by_ring() {
	local ring host least=$1
	shift
	ring=$(counter fastpath up_by_ring) host=$(ip6_forwarded)
	"$@" || return
	have_gone_up() { [ $(($(counter fastpath up_by_ring) - ring)) -ge "$least" ]; }
	wait_for 2 have_gone_up
	host=$(($(ip6_forwarded) - host))
	printf '%d packets by the ring, %d forwarded by the host\n' $(($(counter fastpath up_by_ring) - ring)) "$host"
	have_gone_up && [ "$host" -le 20 ]
}
all_offloads off
must "XDP takes its place" eval "reloads fastpath xdp && wait_for 3 xdp_at lan6"
step "100 flows of a datagram and its answer: by the ring" goes_up_by_ring 100 datagrams 21000
# SYN and FIN of the client, and the server's FIN.
step "10 connections begin and end: by the ring" goes_up_by_ring 30 connections
step "a download" goes_fast 5000 pkts_46_tcp download
rule_that_sees() {
	gw nft 'add table ip6 see; add chain ip6 see forward { type filter hook forward priority 0; }; add rule ip6 see forward oifname isthmus0 udp dport 7001 counter' &&
		wait_for 3 says_way "routed: the host has rules"
}
seen() { gw nft list chain ip6 see forward | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }
not_by_ring() {
	local ring
	rule_that_sees && ring=$(counter fastpath up_by_ring) && datagrams 22000 && [ "$(seen)" -ge 100 ] &&
		same "$(counter fastpath up_by_ring)" "$ring" && gw nft flush ruleset && wait_for 3 says_way "redirected"
}
step "a rule of the host sees them: they go the long way" not_by_ring
if [ "${LAB_FASTPATH:-tc}" = tc ]; then
	all_offloads on
	must "tc alone again" eval "reloads fastpath tc && wait_for 3 not xdp_at lan6"
fi

section "Rules of the host"
nft_count() { gw nft list chain inet filter forward | sed -n "s/.*counter packets \([0-9]*\) .*$1.*/\1/p"; }
rules_see() {
	local before
	gw nft -f - <<-END
		table inet filter {
			chain forward {
				type filter hook forward priority 0;
				iifname isthmus0 counter comment "out"
				oifname isthmus0 counter comment "in"
			}
		}
	END
	wait_for 3 says_way "routed: the host has rules" && before=$(counter fastpath routed) && goes_fast_unseen download &&
		[ "$(counter fastpath routed)" -gt $((before + 100)) ] && [ "$(nft_count out)" -gt 100 ]
}
# isthmus0 sees packets then, but the translator does not.
goes_fast_unseen() {
	local counted
	counted=$(counter fastpath pkts_46_tcp)
	"$@" && [ "$(($(counter fastpath pkts_46_tcp) - counted))" -gt 5000 ]
}
stands_still() {
	local size
	sleep 0.3 # what was on its way
	size=$(stat -c %s "$LAB_DIR/out/slow")
	sleep 0.5
	same "$(stat -c %s "$LAB_DIR/out/slow")" "$size"
}
are_dropped() {
	begin 500000 && gw nft insert rule inet filter forward iifname isthmus0 meta l4proto tcp drop &&
		stands_still && gw nft flush ruleset && completes
}
step "what is translated in the kernel passes them, on isthmus0" rules_see
# What most firewalls say; the kernel must not take what it sees half of for invalid.
stateful() {
	gw nft -f - <<-END
		table inet filter {
			chain forward {
				type filter hook forward priority 0; policy drop;
				ct state established,related accept
				ct state invalid counter drop comment "invalid"
				iifname { lan6, isthmus0 } accept
			}
		}
	END
}
is_harmless() {
	stateful && wait_for 3 prints "fast path   off: .*follow connections" isthmus status && download && upload && same 0 "$(nft_count invalid)" && gw nft flush ruleset
}
step "a rule that drops stops a download that is under way; without it, it completes" are_dropped
step "a firewall that follows connections sees all of them: the fast path rests" is_harmless
must "its programs are known" wait_for 3 remember
step "the gateway ends by itself on SIGTERM, with status 0" lab_gateway_stop
step "and leaves nothing" nothing_is_left
lab_end
