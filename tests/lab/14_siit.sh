#!/usr/bin/env bash
# 14_siit.sh - stateless translation: IPv6-only servers with IPv4 addresses of their own (RFC 7755), by mappings (RFC 7757)
#
#   inner                router                      gw                                    server
#   2001:db8:9::9 ------ 2001:db8:1::2 ------------- isthmus run ------------------------- IPv4 only
#   203.0.113.9          2001:db8:1::a 203.0.113.1   siit: 64:ff9b::/96 and the mappings   198.51.100.10
#                        2001:db8:1::b 192.0.2.70                                          198.18.0.10, in IPv6 2001:db8:1::46
#
# The box of the other labs that is called client is router and two servers here; the one that is called server is a
# client as well. 203.0.113.200 speaks for the routers that have no mapping (RFC 6791). 192.0.2.70 and 2001:db8:1::46 lie
# in subnets of the gateway, so the gateway has to answer for them there.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

INNER_NS=ist$$-inner
MORE_NS+=("$INNER_NS")
A6=2001:db8:1::a A4=203.0.113.1 A64=64:ff9b::cb00:7101
B6=2001:db8:1::b B4=192.0.2.70 B64=64:ff9b::c000:246
INNER6=2001:db8:9::9 INNER4=203.0.113.9
SPEAKER4=203.0.113.200 SPEAKER64=64:ff9b::cb00:71c8
EDGE4=198.18.0.10 EDGE6=2001:db8:1::46
inner() { ip netns exec "$INNER_NS" "$@"; }

more_boxes() {
	# Nobody answers names here, and says so at once: Python's web server looks for its own.
	mkdir -p "/etc/netns/$INNER_NS" && printf 'nameserver ::1\n' | tee "/etc/netns/$CLIENT_NS/resolv.conf" >"/etc/netns/$INNER_NS/resolv.conf" &&
		ip netns add "$INNER_NS" && ip -n "$INNER_NS" link set lo up &&
		ip -n "$CLIENT_NS" link add below type veth peer name uplink netns "$INNER_NS" &&
		ip -n "$CLIENT_NS" addr add 2001:db8:9::1/64 dev below nodad && ip -n "$CLIENT_NS" link set below up &&
		ip -n "$INNER_NS" addr add "$INNER6/64" dev uplink nodad && ip -n "$INNER_NS" link set uplink up &&
		ip -n "$INNER_NS" -6 route add default via 2001:db8:9::1 &&
		client sysctl -qw net.ipv6.conf.all.forwarding=1 &&
		ip -n "$CLIENT_NS" addr add "$A6/64" dev uplink nodad preferred_lft 0 &&
		ip -n "$CLIENT_NS" addr add "$B6/64" dev uplink nodad preferred_lft 0 &&
		ip -n "$GW_NS" -6 route add 2001:db8:9::/64 via "$CLIENT6" &&
		ip -n "$SERVER_NS" route add 203.0.113.0/24 via "$GW4"
}

# $1: lines that come first; the mappings go into a list.
siit_config() {
	cat >"$LAB_DIR/isthmus.yaml" <<-END
		$1
		siit:
		  prefix: 64:ff9b::/96
		  allow-non-global: true
		  icmp-source: { ipv4: [$SPEAKER4] }
		  mappings:
		    - { ipv4: $A4, ipv6: "$A6" }
		    - { ipv4: $B4, ipv6: "$B6" }
		    - { ipv4: 203.0.113.8/29, ipv6: "2001:db8:9::8/125" }
		    - { ipv4: $EDGE4, ipv6: "$EDGE6", hosts: ipv4 }
		control:
		  socket: $LAB_DIR/run/control.sock
	END
}
start() {
	ip netns exec "$GW_NS" "$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >>"$LAB_DIR/gateway.log" 2>&1 &
	GATEWAY_PID=$!
	wait_for 20 client ping -6 -n -q -c 1 -W 1 -I "$A6" "$WEB64"
}
fetch4() { server curl -sS -f -m 60 -o "$LAB_DIR/out/got" "http://$1:8080/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
fetch6() { client curl -sS -f -m 60 --interface "$1" -o "$LAB_DIR/out/got" "http://[$WEB64]/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
put6() {
	rm -f "$LAB_DIR/www/upload/big"
	client curl -sS -f -m 60 --interface "$1" -T "$LAB_DIR/www/big" -o /dev/null "http://[$WEB64]/upload/big" &&
		same "$(hash_of "$LAB_DIR/www/upload/big")" "$BIG_HASH"
}
whoami6() { client curl -sS -f -m 5 --interface "$1" "http://[$WEB64]/whoami"; }
counter() { isthmus counters --all | awk -v name="$1" '$2 == name { print $1 }'; }
forget() {
	client ip -6 route flush cache
	server ip route flush cache
}
reload() { isthmus reload; }

lab_begin "stateless translation"
must "the lab stands" lab_up
must "three servers, one of them behind a router" more_boxes
background "$CLIENT_NS" python3 -u -m http.server --bind :: -d "$LAB_DIR/www" 8080
background "$CLIENT_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7777 "$A6"
background "$INNER_NS" python3 -u -m http.server --bind :: -d "$LAB_DIR/www" 8080
must "they serve their own network" wait_for 30 client curl -sS -f -o /dev/null "http://[$A6]:8080/"
must "... also the one behind the router" wait_for 30 client curl -sS -f -o /dev/null "http://[$INNER6]:8080/"
gw ip -4 route >"$LAB_DIR/out/routes4"
gw ip -6 route >"$LAB_DIR/out/routes6"

section "A file with siit alone"
siit_config ''
must "the gateway serves" start
step "status says so" prints 'stateless.*4 mappings, prefix 64:ff9b::/96' isthmus status

section "IPv4 clients reach the servers"
step "8 MB over TCP, by their hash" fetch4 "$A4"
step "... from an address in the gateway's own subnet, which it answers for" fetch4 "$B4"
step "... from behind the router, by a mapping of a prefix" fetch4 "$INNER4"
step "UDP, from 1 byte to several fragments, both ways" server python3 "$LAB_ROOT/tests/lab/udp.py" sizes "$A4" 7777 1 4000 333
step "ping" server ping -n -q -c 3 -i 0.1 -W 2 "$A4"
step "ping in fragments" server ping -n -q -c 2 -i 0.1 -W 2 -s 4000 "$A4"
step "a mapped address that nobody has is unreachable, says the IPv6 side" prints "From $SPEAKER4 .*Unreachable" \
	server ping -n -c 4 -i 1 -W 6 203.0.113.15

section "The servers reach IPv4"
step "each with the address of its mapping" prints "^$A4 " whoami6 "$A6"
step "... the other one, too" prints "^$B4 " whoami6 "$B6"
step "8 MB down, by their hash" fetch6 "$A6"
step "8 MB up" put6 "$A6"
step "ping" client ping -6 -n -q -c 3 -i 0.1 -W 2 -I "$A6" "$WEB64"
step "ping in fragments" client ping -6 -n -q -c 2 -i 0.1 -W 2 -s 4000 -I "$A6" "$WEB64"
step "a host without mapping is told that it may not" prints 'prohibited' client ping -6 -n -c 1 -W 2 "$WEB64"
step "... and counted" prints '[1-9].*64_NO_MAPPING' isthmus counters

section "What goes over the wires"
capture "$SERVER_NS" uplink wire4
capture "$CLIENT_NS" uplink wire6
server curl -sS -f -o /dev/null "http://$A4:8080/"
whoami6 "$A6" >/dev/null
captures_end
step "IPv4: between the client and the address of the mapping" some_packets wire4 "tcp and host $A4 and port 8080"
step "IPv6: the same port, between the client under the prefix and the server" \
	some_packets wire6 "tcp and src $NS64 and dst $A6 and dst port 8080"
step "... and nothing of the kind without translation" no_packets wire6 "ip and not arp"

section "An IPv4-only host that has an IPv6 address (the other edge)"
step "the gateway answers for it on the link" client ping -6 -n -q -c 2 -i 0.1 -W 2 -I "$A6" "$EDGE6"
background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7778 "$EDGE4"
ip -n "$CLIENT_NS" -6 route add "$EDGE6/128" dev uplink src "$A6"
step "UDP" wait_for 5 client python3 "$LAB_ROOT/tests/lab/udp.py" sizes "$EDGE6" 7778 1 3000 500

section "traceroute, with hops that have no address of the other family (RFC 6791)"
trace4() { server traceroute -n -q 1 -w 2 -N 1 -m 8 "$@" "$INNER4"; }
# Class 2, type 4, family 2, and the address of the router.
ROUTER_NAMED="<2/4:00020000,$(python3 -c 'import ipaddress,sys; h=ipaddress.ip_address(sys.argv[1]).packed.hex(); print(",".join(h[i:i+8] for i in range(0,32,8)))' "$CLIENT6")>"
trace6() { inner traceroute -6 -n -q 1 -w 2 -N 1 -m 8 "$WEB64"; }
SHOW=1 step "from IPv4: the target is reached" prints " $INNER4 " trace4
step "... past the routers, which speak with the configured address" prints " $SPEAKER4 " trace4
capture "$SERVER_NS" uplink named "icmp[0] == 11"
SHOW=1 step "... and name themselves in an extension, as traceroute -e has it (RFC 5837)" prints "$SPEAKER4 $ROUTER_NAMED" trace4 -e
captures_end
step "... whose checksum is right" prints "extension v2, checksum 0x[0-9a-f]* (correct), length 28" tcpdump -n -vv -r "$LAB_DIR/named.pcap"
SHOW=1 step "from IPv6: the target is reached" prints " $WEB64 " trace6
step "... past the gateway's IPv4 side" prints " $SPEAKER64 " trace6
step "the replaced sources are counted" prints '[1-9].*sources_replaced' isthmus counters

section "Hairpin: the servers reach each other by their IPv4 addresses"
hairpin() { client curl -sS -f -m 30 --interface "$1" -o "$LAB_DIR/out/got" "http://[$2]:8080/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
capture "$CLIENT_NS" uplink hairpin6 ip6
capture "$SERVER_NS" uplink hairpin4 "net 203.0.113.0/24 or host $B4"
step "8 MB from B to A" hairpin "$A6" "$B64"
step "... and the other way" hairpin "$B6" "$A64"
step "ping" client ping -6 -n -q -c 2 -i 0.1 -W 2 -I "$A6" "$B64"
captures_end
step "B sees A under the prefix" some_packets hairpin6 "src $A64 and dst $B6"
step "nothing of it goes to the IPv4 network" no_packets hairpin4 "ip"
step "a closed port is told by an error that turns around" prints 'refused\|Failed to connect' \
	client curl -sS -m 5 --interface "$A6" "http://[$B64]:8099/"
step "... also for UDP" client python3 -c "
import socket, errno
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('$A6', 0)); s.connect(('$B64', 8099)); s.settimeout(3)
s.send(b'x')
try: s.recv(10)
except ConnectionRefusedError: raise SystemExit(0)
raise SystemExit(1)"

section "Path MTU"
forget
put4() { server python3 -c "
import socket
s = socket.create_connection(('$A4', 9999)); s.sendall(open('$LAB_DIR/www/big','rb').read()); s.close()"; }
sink6() { background "$CLIENT_NS" python3 -c "
import socket, hashlib
l = socket.create_server(('::', 9999), family=socket.AF_INET6)
while True:
	c, _ = l.accept(); h = hashlib.sha256()
	while (d := c.recv(65536)): h.update(d)
	open('$LAB_DIR/out/sunk', 'w').write(h.hexdigest()); c.close()"; }
sunk() { [ "$(cat "$LAB_DIR/out/sunk" 2>/dev/null)" = "$BIG_HASH" ]; }
sink6
ip -n "$GW_NS" -6 route replace "$A6/128" dev lan6 mtu 1280
wait_for 5 client bash -c 'ss -6ltn | grep -q 9999'
step "IPv6 link of 1280: 8 MB from the IPv4 client" put4
step "... arrive" wait_for 10 sunk
step "the IPv4 client has learned 1260" prints 'mtu 1260' server ip route get "$A4"
ip -n "$GW_NS" -6 route del "$A6/128"
forget
ip -n "$GW_NS" route replace "$WEB4/32" via "$NS4" mtu 1300
step "IPv4 link of 1300: 8 MB from the server" put6 "$A6"
step "the server has learned 1320" prints 'mtu 1320' client ip -6 route get "$WEB64" from "$A6"
ip -n "$GW_NS" route del "$WEB4/32"
forget

section "Fragments for IPv6 (RFC 7915 s4), datagrams without checksum, and a reload"
ping_df_clear() { server ping -n -q -c 1 -W 2 -M dont -s 1400 "$A4"; }
capture "$CLIENT_NS" uplink lowest1280 ip6
step "an IPv4 packet that may be fragmented" ping_df_clear
captures_end
step "... is cut to 1280 bytes" no_packets lowest1280 "dst $A6 and greater 1295"
no_checksum() { server python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 11, 1)   # SO_NO_CHECK
s.settimeout(1); s.sendto(b'x' * $1, ('$A4', 7777)); assert s.recv(9000) == b'x' * $1"; }
step "a datagram without checksum is dropped" not no_checksum 100
step "... and counted" prints '[1-9].*UDP46_CHECKSUM_ZERO' isthmus counters
sed -i 's/^siit:/siit:\n  lowest-ipv6-mtu: 1400\n  udp-zero-checksum: compute/' "$LAB_DIR/isthmus.yaml"
sed -i 's/203.0.113.8\/29, ipv6: "2001:db8:9::8\/125"/203.0.113.77, ipv6: "2001:db8:1::77"/' "$LAB_DIR/isthmus.yaml"
ip -n "$CLIENT_NS" addr add 2001:db8:1::77/64 dev uplink nodad preferred_lft 0
background "$SERVER_NS" bash -c "for i in \$(seq 40); do curl -sS -f -m 60 -o /dev/null http://$A4:8080/big || echo LOST; done"
step "a new file is taken while packets flow" reload
step "a datagram without checksum gets one" no_checksum 100
step "... also if it comes in fragments" no_checksum 4000
capture "$CLIENT_NS" uplink lowest1400 ip6
step "an IPv4 packet that may be fragmented" ping_df_clear
captures_end
step "... is cut to 1400 bytes" some_packets lowest1400 "dst $A6 and greater 1380"
step "the new mapping works" fetch4 203.0.113.77
step "the old one does not" not server curl -sS -f -m 2 -o /dev/null "http://$INNER4:8080/"
step "... and leads nowhere any more" prints '^0$' bash -c "ip -n $GW_NS route | grep -c 203.0.113.8/29"
step "the downloads meanwhile have not noticed" not grep LOST "$LAB_DIR/background.log"
# There is no section nat64 that could say so.
fastpath_off() {
	sed -i 's/^siit:/siit:\n  fastpath: off/' "$LAB_DIR/isthmus.yaml" && isthmus reload &&
		prints "fast path   off: it is switched off in the configuration" isthmus status && fetch4 203.0.113.77
}
step "the fast path is switched off" fastpath_off
step "a file with a fault is refused" bash -c "
	sed -i 's/203.0.113.77, ipv6/$A4, ipv6/' '$LAB_DIR/isthmus.yaml'; ! ip netns exec $GW_NS '$ISTHMUS' reload --socket '$LAB_DIR/run/control.sock'"
step "... and nothing has changed" fetch4 203.0.113.77
step "the gateway ends" lab_gateway_stop
step "routes are as before" diff "$LAB_DIR/out/routes4" <(gw ip -4 route)
step "... of IPv6, too" diff "$LAB_DIR/out/routes6" <(gw ip -6 route)
step "nobody is answered for any more" prints '^0$' bash -c "ip -n $GW_NS neigh show proxy | grep -c ."

section "Beside a pool, under one prefix"
siit_config "nat64:
  state-file: none
  prefixes: [64:ff9b::/96]
  allow-non-global: true
  pool: [{ address: $POOL4, ports: 1024-65535 }]"
must "the gateway serves" start
step "a host with a mapping has its own address" prints "^$A4 " whoami6 "$A6"
step "one without it has one of the pool" prints "^$POOL4 " whoami6 "$CLIENT6"
step "... the one" fetch6 "$A6"
step "... the other" fetch6 "$CLIENT6"
step "IPv4 clients reach the mapped one" fetch4 "$A4"
step "a host of the pool reaches the mapped one by its IPv4 address" hairpin "$CLIENT6" "$B64"
step "ping in fragments, too" client ping -6 -n -q -c 2 -i 0.1 -W 2 -s 4000 -I "$CLIENT6" "$B64"
step "counters: with and without state" prints 'stateless' isthmus counters
lab_end
