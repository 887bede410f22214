#!/usr/bin/env bash
# 58_6in4.sh - a site without IPv6 reaches IPv6 hosts: a 6in4 tunnel to a broker, and a relay in front of it
#
#   client (IPv6 only): not used               gw: isthmus run, on its IPv4 side only          server: the broker
#                                              tunnel isthmus6 2001:db8:f::2/64 == 41 ==       broker.py, tun6 2001:db8:f::1/64
#                                              relay 192.0.2.1:8046, socks5 :1080              nginx [2001:db8:f::1]:80
#                                                                                              IPv4-only client: curl
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "6in4: IPv6 by way of a broker"
must "the lab stands" lab_up
BACK_MS=$(back_ms)
BROKER6=2001:db8:f::1
ip -n "$GW_NS" link set lan6 down # no other IPv6
server sysctl -qw net.ipv6.conf.default.disable_ipv6=0
ip netns exec "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/broker.py" tun6 "$GW4" >"$LAB_DIR/out/broker" 2>&1 &
LAB_PIDS+=($!)
must "the broker is there" wait_for 5 grep -q ready "$LAB_DIR/out/broker"
ip -n "$SERVER_NS" addr add "$BROKER6/64" dev tun6 nodad && ip -n "$SERVER_NS" link set tun6 up mtu 1280
sed "s/listen $NS4:80;/listen [$BROKER6]:80;/; /listen $WEB4\|listen $GLOBAL4/d; s/nginx.pid/six.pid/; s/access\.log/six.log/" \
	"$LAB_DIR/nginx/nginx.conf" >"$LAB_DIR/nginx/six.conf"
background "$SERVER_NS" nginx -e "$LAB_DIR/nginx/six-error.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"
cat >"$LAB_DIR/isthmus.yaml" <<END
tunnel:
  remote: $NS4
  address: "2001:db8:f::2/64"
relay:
  allow: [192.0.2.0/24]
  services:
    - { type: tcp, name: web46, listen: "$GW4:8046", to: "[$BROKER6]:80" }
    - { type: socks5, name: socks, listen: "$GW4:1080" }
control:
  socket: $LAB_DIR/run/control.sock
END
gw ip -6 route >"$LAB_DIR/out/routes"; gw ip link >"$LAB_DIR/out/links"
capture "$SERVER_NS" uplink outer ip proto 41
lab_gateway_begin
get() { server curl -sS -f -m 5 "http://$GW4:8046/whoami"; }
must "the gateway serves" wait_for 20 get
step "the tunnel has no rights" is_unprivileged tunnel
step "the device has a link-local address (RFC 4213 s3.7)" prints 'inet6 fe80::' gw ip -6 addr show dev isthmus6

section "through the tunnel"
step "the broker's end answers" gw ping -6 -n -q -c 3 -i 0.05 -W 2 "$BROKER6"
step "an IPv4-only client reaches an IPv6 host: it sees this end of the tunnel" prints '^2001:db8:f::2 ' get
big() { server curl -sS -f -m 30 -o "$LAB_DIR/out/got" "http://$GW4:8046/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
step "a whole file comes through" big
put() { server curl -sS -f -m 30 -T "$LAB_DIR/www/big" -o /dev/null "http://$GW4:8046/upload/big" && same "$(hash_of "$LAB_DIR/www/upload/big")" "$BIG_HASH"; }
step "and goes through" put
step "an IPv6 address by SOCKS" prints '^2001:db8:f::2 ' server curl -sS -f -m 5 --socks5-hostname "$GW4:1080" "http://[$BROKER6]/whoami"
step "the host tells who sends too much" prints 'mtu.*1280\|too long\|too big' gw ping -6 -n -c 1 -W 1 -M do -s 1400 "$BROKER6"
captures_end
outer() { tcpdump -n -v -r "$LAB_DIR/outer.pcap" src host "$GW4" 2>/dev/null | head -n 400; }
step "packets are IPv4 of protocol 41 with the time to live of the configuration" prints 'ttl 64, .*proto IPv6 (41)' outer
step "and may be fragmented on their way (RFC 4213 s3.2.1)" not prints 'flags \[DF\], proto IPv6 (41)' outer

section "what does not belong there"
inject() { server python3 - "$@" <<-END
	import socket, struct, sys
	source, target, inner = sys.argv[1:4]
	six = struct.pack("!IHBB", 0x60000000, 8, 59, 64) + socket.inet_pton(socket.AF_INET6, inner) + socket.inet_pton(socket.AF_INET6, "2001:db8:f::2") + bytes(8)
	four = struct.pack("!BBHHHBBH4s4s", 0x45, int(sys.argv[4]), 20 + len(six), 0, 0, 64, 41, 0, socket.inet_aton(source), socket.inet_aton(target))
	s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
	s.sendto(four + (six if sys.argv[5] == "whole" else six[:20]), (target, 0))
	END
}
counter() { isthmus counters --all --json | python3 -c "
import json, sys
print(sum(r['value'] for r in map(json.loads, sys.stdin) if r['group'] == 'tunnel' and r['name'] == '$1'))"; }
counts() { [ "$(counter "$1")" -ge "$2" ]; }
capture "$GW_NS" isthmus6 inner src host 2001:db8:f::77
inject "$WEB4" "$GW4" 2001:db8:f::77 0 whole
for source in ff02::1 ::1 ::192.0.2.7 ::ffff:192.0.2.7; do inject "$NS4" "$GW4" "$source" 0 whole; done
step "multicast, loopback and IPv4 addresses as IPv6 source are dropped" wait_for 5 counts wrong_ipv6_source 4
inject "$NS4" "$GW4" 2001:db8:f::77 3 whole
step "a congestion mark that its sender cannot hear of is dropped" wait_for 5 counts congested 1
inject "$NS4" "$GW4" 2001:db8:f::77 0 cut
step "a packet that is cut is dropped" wait_for 5 counts malformed 1
captures_end
step "nothing of these came through, nor what another host sent" same "$(tcpdump -n -r "$LAB_DIR/inner.pcap" 2>/dev/null)" ""
inject_good() { capture "$GW_NS" isthmus6 good src host 2001:db8:f::77; inject "$NS4" "$GW4" 2001:db8:f::77 0 whole; sleep 0.2; captures_end; tcpdump -n -r "$LAB_DIR/good.pcap" 2>/dev/null | grep -q 'f::77 > '; }
step "a good one would have" inject_good
SHOW=1 step "the operator sees the tunnel" prints 'packets' isthmus status
page() { gw curl -sS -f -m 5 "http://[::1]:9964/$1"; }
step "metrics have it" prints '^isthmus_tunnel_packets_out_total [1-9]' page metrics
step "the status page has it" prints "<th>to $NS4<" page ""
step "and the services" prints ">web46<br>.*$GW4:8046" page ""

section "a dead process, and the end"
step "a killed tunnel is back" comes_back tunnel get
step "the gateway ends" lab_gateway_stop
clean() { gw ip -6 route | diff "$LAB_DIR/out/routes" - && gw ip link | diff "$LAB_DIR/out/links" -; }
step "device and routes are gone" clean
lab_end
