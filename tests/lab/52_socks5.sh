#!/usr/bin/env bash
# 52_socks5.sh - SOCKS 5 for clients of both families: connections, datagrams, passwords, what is refused
#
#   client: 2001:db8:1::2, 10.1.0.2      gw: isthmus run                         server: 192.0.2.10, 198.51.100.10
#   curl, Chromium, socks.py             socks5 :1080, with passwords :1081              2001:db8:2::10
#                                                                                nginx, nsd, udp.py echo :7777
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

CLIENT4=10.1.0.2
GW4_LAN=10.1.0.1
SERVER6=2001:db8:2::10
SEEN=2001:db8:3::a01:2 # 10.1.0.2 in relay's client-prefix

second_families() {
	ip -n "$CLIENT_NS" addr add "$CLIENT4/24" dev uplink && ip -n "$GW_NS" addr add "$GW4_LAN/24" dev lan6 || return
	server sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.uplink.disable_ipv6=0 || return
	gw sysctl -qw net.ipv6.conf.wan4.disable_ipv6=0 || return
	ip -n "$SERVER_NS" addr add "$SERVER6/64" dev uplink nodad && ip -n "$GW_NS" addr add 2001:db8:2::1/64 dev wan4 nodad &&
		ip -n "$SERVER_NS" -6 route add 2001:db8:3::/64 via 2001:db8:2::1
}

web_server() {
	sed -i "s|listen $GLOBAL4:80;|&\n listen [$SERVER6]:80;|; s|\\\$remote_addr \\\$remote_port|\$server_addr \$remote_addr|" "$LAB_DIR/nginx/nginx.conf"
	server nginx -e "$LAB_DIR/nginx/error.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/nginx.conf" -s reload 2>&1 &&
		wait_for 5 server curl -sf -m 1 -o /dev/null "http://[$SERVER6]/"
}

names() {
	printf 'web6 IN AAAA %s\nlocal IN A 127.0.0.1\nlocal IN AAAA ::1\nhidden IN AAAA 64:ff9b::127.0.0.1\n' "$SERVER6" >>"$LAB_DIR/nsd/lab.example.zone"
	kill "${LAB_PIDS[0]}"
	wait "${LAB_PIDS[0]}"
	background "$SERVER_NS" nsd -d -c "$LAB_DIR/nsd/nsd.conf"
	wait_for 5 server dig +short +time=1 +tries=1 "@$NS4" web6.lab.example AAAA
}

relay_config() {
	printf 'alice:%s\n' "$(openssl passwd -6 secret)" >"$LAB_DIR/users"
	cat <<-END
		relay:
		  allow: ["2001:db8:1::/64", 10.1.0.0/24]
		  timeouts: { connect: 2s }
		  services:
		    - { type: socks5, name: open, listen: ["[$GW6]:1080", "$GW4_LAN:1080"], destinations: { deny: [198.18.0.0/15] } }
		    - { type: socks5, name: closed, listen: ["[$GW6]:1081"], users: "$LAB_DIR/users" }
		    - { type: socks5, name: ports, listen: ["[$GW6]:1082"], destinations: { ports: [443] } }
		    - { type: socks5, name: shown, listen: ["$GW4_LAN:1083"], client-prefix: "2001:db8:3::/96" }
		    - { type: socks5, name: others, listen: ["[$GW6]:1084"], allow: ["2001:db8:9::/64"] }
	END
}

PROXY6=[$GW6]:1080
PROXY4=$GW4_LAN:1080
get() { client curl -sS -f -m 10 "$@"; }
through() { prints "$3" get --socks5-hostname "$1" "$2"; }
# What the proxy says: curl names the code of the reply.
says() { # CODE PROXY URL
	local out
	out=$(client curl -sS -o /dev/null -m 10 --socks5-hostname "$2" "$3" 2>&1)
	printf '%s\n' "$out"
	printf '%s\n' "$out" | grep -q "($1)"
}
code() { same "$(client python3 "$LAB_ROOT/tests/lab/socks.py" request "$GW6" 1080 "$2" "$3" 80)" "$1"; }
udp() { client python3 "$LAB_ROOT/tests/lab/socks.py" "$@"; }

lab_begin "SOCKS 5, connections and datagrams"
must "the lab stands" lab_up
must "the server has IPv6 too, and the client IPv4" second_families
must "its web server has both" web_server
must "names are known" names
must "datagrams come back by IPv4" udp_echo "$SERVER_NS" "$NS4"
background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7777 "$SERVER6"
lab_config dedicated
relay_config >>"$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway
step "the relay has no rights" is_unprivileged relay

section "Connections: every client reaches every server"
for proxy in "$PROXY6" "$PROXY4"; do
	step "$proxy: an IPv4-only name" through "$proxy" http://www.lab.example/whoami "^$WEB4 $GW4"
	step "... an IPv6-only name" through "$proxy" http://web6.lab.example/whoami "^$SERVER6 2001:db8:2::1"
	step "... an IPv4 address" through "$proxy" "http://$WEB4/whoami" "^$WEB4 "
	step "... an IPv6 address" through "$proxy" "http://[$SERVER6]/whoami" "^$SERVER6 "
	step "... an IPv4 address in the NAT64's prefix" through "$proxy" "http://[$WEB64]/whoami" "^$WEB4 $GW4"
done
whole() { get --socks5-hostname "$1" -o "$LAB_DIR/out/got" "$2/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
step "8 MB, IPv6 to IPv4, by their hash" whole "$PROXY6" http://www.lab.example
step "8 MB, IPv4 to IPv6" whole "$PROXY4" http://web6.lab.example
step "the IPv6 server sees which IPv4 client it is" through "$GW4_LAN:1083" http://web6.lab.example/whoami "^$SERVER6 $SEEN"

section "What is refused, and how"
step "loopback" says 2 "$PROXY6" http://127.0.0.1:80/
step "loopback by name" says 2 "$PROXY6" http://local.lab.example/
step "loopback inside an IPv6 address, by name" says 2 "$PROXY6" http://hidden.lab.example/
step "loopback in the NAT64's prefix" says 2 "$PROXY4" 'http://[64:ff9b::7f00:1]/'
step "the gateway's own address" says 2 "$PROXY6" "http://$GW4:53/"
step "... and inside 6to4" says 2 "$PROXY6" 'http://[2002:c000:201::1]:53/'
step "the anycast address of its subnet" says 2 "$PROXY6" 'http://[2001:db8:1::]:53/'
step "the proxy itself" says 2 "$PROXY6" "http://[$GW6]:1080/"
step "what stands for clients" says 2 "$PROXY6" 'http://[2001:db8:3::a01:2]:53/'
step "metadata of a cloud, mapped" says 2 "$PROXY6" 'http://[::ffff:169.254.169.254]/'
step "what the file denies" says 2 "$PROXY6" http://198.18.0.10/
step "a port that is not listed" says 2 "[$GW6]:1082" http://www.lab.example/
step "a closed port is refused" says 5 "$PROXY6" http://www.lab.example:81/
step "a name that is none" says 4 "$PROXY6" http://none.lab.example/
step "BIND" code 7 2 "$WEB4"
step "a client who is not served" not get --socks5-hostname "[$GW6]:1084" http://www.lab.example/

section "Passwords"
step "the right one" prints "^$WEB4" get --socks5-hostname "[$GW6]:1081" --proxy-user alice:secret http://www.lab.example/whoami
step "a wrong one" not get --socks5-hostname "[$GW6]:1081" --proxy-user alice:Secret http://www.lab.example/whoami
step "none" not get --socks5-hostname "[$GW6]:1081" http://www.lab.example/whoami

section "Datagrams"
step "IPv6 to IPv4, up to fragments" udp udp "$GW6" 1080 "$NS4" 7777 0 1 1200 1472 4000
step "IPv6 to IPv4, in the NAT64's prefix" udp udp "$GW6" 1080 "$NS64" 7777 100
step "IPv6 to IPv4, by name" udp udp "$GW6" 1080 ns.lab.example 7777 100
step "IPv4 to IPv6" udp udp "$GW4_LAN" 1080 "$SERVER6" 7777 0 1 1200 4000
step "IPv4 to IPv6, by name" udp udp "$GW4_LAN" 1080 web6.lab.example 7777 100
step "IPv4 to IPv6, with the client's address" udp udp "$GW4_LAN" 1083 "$SERVER6" 7777 100
step "fifty at once" udp many "$GW6" 1080 "$NS4" 7777 50
step "what says to be a fragment is dropped" udp fragment "$GW6" 1080 "$NS4" 7777
step "... and counted" prints '"udp_malformed":1,' isthmus status --json

section "A browser"
chromium_page() { # PROXY URL
	client timeout 30 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
		--user-data-dir="$LAB_DIR/chromium" --proxy-server="socks5://$1" --dump-dom "$2" 2>"$LAB_DIR/out/chromium"
}
if command -v chromium >/dev/null; then
	step "Chromium, IPv6 to an IPv4-only name" prints 'IPv4-only server' chromium_page "$PROXY6" http://www.lab.example/
else
	skip "Chromium is not installed"
fi
step "what was done can be seen" prints 'shown at 10.1.0.1:1083: 0 open of 2' isthmus status
step "the relay has lived through all of it" prints '"name":"relay","pid":[0-9]*,"state":"ready","restarts":0' isthmus status --json

section "The addresses of clients"
local_route() { gw ip -6 route show table local proto 64; }
step "the clients' addresses are this host's" prints '^local 2001:db8:3::/96' local_route
sed -i 's/client-prefix: "2001:db8:3::/client-prefix: "2001:db8:4::/' "$LAB_DIR/isthmus.yaml"
step "... others after a reload" isthmus reload
step "... while names are asked for as before" through "$PROXY6" http://web6.lab.example/whoami "^$SERVER6 "
step "... and only those" same "$(local_route | cut -d ' ' -f 2)" 2001:db8:4::/96

[ -n "${LAB_KEEP:-}" ] || {
	step "they go with the gateway" lab_gateway_stop
	step "... and nothing is left of them" same "$(local_route)" ""
}
lab_end
