#!/usr/bin/env bash
# 50_relay.sh - TCP and UDP services between the families: who may come, where to, PROXY headers, reload, the end
#
#   client: 2001:db8:1::2, IPv6 only       gw: isthmus run              server: 192.0.2.10, IPv4 only
#   nginx :80 for the other direction      relay: tcp, udp, socks5      nginx :80, :8082 with PROXY headers
#   curl, wrk, haproxy                     2001:db8:1::1, 192.0.2.1     curl
#
# Each service is used from the family that its server does not have.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS wrk haproxy"

lab_begin "Relays: TCP and UDP services between the families"
must "the lab stands" lab_up
BACK_MS=$(back_ms)

web() { # NAMESPACE NAME LISTEN...
	lab_nginx "$@" <<-END
		location = /whoami { return 200 "\$remote_addr\\n"; }
		location = /head { return 200 "\$proxy_protocol_addr \$proxy_protocol_port \$proxy_protocol_server_addr\\n"; }
		location = /slow { alias $LAB_DIR/www/big; limit_rate 2m; }
	END
}
web "$CLIENT_NS" six '[::]:80 ipv6only=on' '[::]:8082 ipv6only=on proxy_protocol'
web "$SERVER_NS" head "$NS4:8082 proxy_protocol"
must "datagrams come back at the server" udp_echo "$SERVER_NS" "$NS4"
cat >"$LAB_DIR/haproxy.cfg" <<END
defaults
	mode tcp
	timeout connect 5s
	timeout client 20s
	timeout server 20s
frontend in
	bind [::1]:9001 v6only
	default_backend gateway
backend gateway
	server gateway [$GW6]:8084 send-proxy-v2
frontend in1
	bind [::1]:9002 v6only
	default_backend gateway1
backend gateway1
	server gateway [$GW6]:8084 send-proxy
END
background "$CLIENT_NS" haproxy -db -f "$LAB_DIR/haproxy.cfg"

# With $1: more services.
relay_config() {
	cat >"$LAB_DIR/isthmus.yaml" <<-END
		relay:
		  allow: ["2001:db8:1::/64", 192.0.2.0/24]
		  connections-per-client: 60
		  resolver: [$NS4]
		  timeouts: { connect: 2s, head: 1s }
		  services:
		    - { type: tcp, name: web64, listen: "[$GW6]:8080", to: "$NS4:80" }
		    - { type: tcp, name: web46, listen: "$GW4:8080", to: "[$CLIENT6]:80" }
		    - { type: tcp, name: by-name, listen: "[$GW6]:8081", to: "www.lab.example:80" }
		    - { type: tcp, name: head1, listen: "[$GW6]:8083", to: "$NS4:8082", proxy-protocol: v1 }
		    - { type: tcp, name: head2, listen: "$GW4:8083", to: "[$CLIENT6]:8082", proxy-protocol: v2 }
		    - { type: tcp, name: behind, listen: "[$GW6]:8084", to: "$NS4:8082", proxy-protocol: v2,
		        accept-proxy-protocol: ["$CLIENT6"], allow: ["2001:db8:1::/64", 203.0.113.0/24, "::1"] }
		    - { type: tcp, name: closed, listen: "[$GW6]:8085", to: "$NS4:80", allow: "2001:db8:9::/64" }
		    - { type: tcp, name: dead, listen: "[$GW6]:8086", to: "$NS4:81" }
		    - { type: udp, name: echo64, listen: "[$GW6]:7777", to: "$NS4:7777" }
		    - { type: socks5, name: socks, listen: "[$GW6]:1080", destinations: { deny: [198.18.0.0/15] } }
		$1
		control:
		  socket: $LAB_DIR/run/control.sock
		log:
		  level: info
	END
}
relay_serves() {
	kill -0 "$GATEWAY_PID" 2>/dev/null || return 2
	isthmus status >/dev/null 2>&1 && client curl -sf -m 1 -o /dev/null "http://[$GW6]:8080/"
}
relay_config ""
gw ss -Hltnu >"$LAB_DIR/out/listen-before"
lab_gateway_begin
must "the gateway serves" wait_for 20 relay_serves
step "the relay has no rights" is_unprivileged relay

section "both directions"
fetch() { "$1" curl -sS -f -m 20 -o "$LAB_DIR/out/got" "http://$2/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
step "an IPv6-only client has a file of an IPv4-only server" fetch client "[$GW6]:8080"
step "an IPv4-only client has a file of an IPv6-only server" fetch server "$GW4:8080"
step "a server is found by its name" prints "IPv4-only server" client curl -sS -f -m 5 "http://[$GW6]:8081/"
step "datagrams go there and back" client python3 "$LAB_ROOT/tests/lab/udp.py" sizes "$GW6" 7777 1 1200 400
refused_after() { client curl -s -o /dev/null -w "%{time_total} %{http_code}\n" -m 5 "http://[$GW6]:8086/"; }
step "a server that refuses is told at once" prints "^0\.[0-3]" refused_after

section "who the client is, in PROXY headers"
step "version 2: an IPv6 server learns the IPv4 client" prints "^::ffff:$NS4 \|^$NS4 " server curl -sS -m 5 "http://$GW4:8083/head"
step "version 1: an IPv4 server is not told nonsense of an IPv6 client" prints . client curl -sS -m 5 "http://[$GW6]:8083/head"
step "a balancer's header (HAProxy, version 2) is believed, and passed on" prints "::1 " client curl -sS -m 5 "http://[::1]:9001/head"
step "the same with version 1" prints "::1 " client curl -sS -m 5 "http://[::1]:9002/head"
step "who must send a header and does not is closed" not client curl -sS -f -m 5 "http://[$GW6]:8084/head"
counter() { isthmus counters --all --json | python3 -c "
import json, sys
print(sum(r['value'] for r in map(json.loads, sys.stdin) if r['group'] == 'relay' and r['name'] == '$1'))"; }
counted() { [ "$(counter "$1")" -ge "$2" ] || { printf '%s is %s\n' "$1" "$(counter "$1")"; return 1; }; }
step "and counted" counted proxy_malformed 1

section "who may come, and where to"
step "who is not in allow is closed" not client curl -sS -f -m 5 "http://[$GW6]:8085/"
step "and counted" counted refused_client 1
socks() { client curl -sS -f -m 5 -o /dev/null --socks5-hostname "[$GW6]:1080" "$1"; }
step "a client's own choice is reached" socks "http://$NS4/"
for disguise in "127.0.0.1:9964" "[::1]:9964" "[::ffff:127.0.0.1]:9964" "[64:ff9b::127.0.0.1]:9964" "[2002:7f00:1::]:9964" \
	"[::127.0.0.1]:9964" "0.0.0.0:9964" "$GW4:22" "[$GW6]:8080" "[64:ff9b::$GW4]:8080" "169.254.1.1:80" "198.18.0.10:80" \
	"[64:ff9b::198.18.0.10]:80" "224.0.0.1:80"; do
	step "$disguise is none that it may have" not socks "http://$disguise/"
done
denied() { [ $(($(counter denied_destination) + $(counter denied_own))) -ge 14 ] || isthmus counters; }
SHOW='' step "all of them are counted" denied

section "limits, and who vanishes"
hold() { # so many connections of one client that say nothing
	client python3 - "$1" "$GW6" <<-END
		import socket, sys
		held = []
		for _ in range(int(sys.argv[1])):
		    held.append(socket.create_connection((sys.argv[2], 8080), 5))
		open("$LAB_DIR/out/held", "w").close()
		sys.stdin = open("$LAB_DIR/out/release")
		sys.stdin.read()
	END
}
mkfifo "$LAB_DIR/out/release"
hold 70 >>"$LAB_DIR/background.log" 2>&1 &
HOLDER=$!
step "a client holds 70 connections" wait_for 5 test -e "$LAB_DIR/out/held"
sixty() { isthmus relay --client "$CLIENT6" --json | wc -l | grep -qx 60; }
step "60 of them are served, which is its limit" wait_for 5 sixty
step "the others are counted" wait_for 5 counted refused_client_limit 10
step "another client has its own" fetch server "$GW4:8080"
SHOW=1 SHOW_LINES=4 step "isthmus relay lists them" prints "web64 .*$CLIENT6" isthmus relay --limit 3
: >"$LAB_DIR/out/release" # the holder ends, and resets or closes all at once
wait "$HOLDER" 2>/dev/null
nobody() { ! isthmus relay --json | grep -q web64; }
step "when it vanishes, so do they" wait_for 5 nobody

section "reload"
load() {
	client wrk -t 1 -c 8 -d 4s -H 'Connection: close' "http://[$GW6]:8080/whoami" >"$LAB_DIR/out/wrk" 2>&1
	cat "$LAB_DIR/out/wrk"
	grep -q 'Requests/sec' "$LAB_DIR/out/wrk" && ! grep -q 'Socket errors\|Non-2xx' "$LAB_DIR/out/wrk"
}
slow() { client curl -sS -f -m 20 -o "$LAB_DIR/out/slow" "http://[$GW6]:8080/slow" && same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH"; }
client curl -sS -f -m 20 -o "$LAB_DIR/out/slow" "http://[$GW6]:8080/slow" &
SLOW=$!
load >"$LAB_DIR/out/load" 2>&1 &
LOAD=$!
MORE="    - { type: tcp, name: more, listen: \"[$GW6]:8090\", to: \"$NS4:80\" }"
reload_with() { relay_config "$1" && isthmus reload; }
step "a reload adds a service, under load" reload_with "$MORE"
step "it serves" client curl -sS -f -m 5 -o /dev/null "http://[$GW6]:8090/"
step "a reload takes it away again" reload_with ""
step "it is gone" not client curl -sS -f -m 5 -o /dev/null "http://[$GW6]:8090/"
for _ in 1 2 3; do isthmus reload >/dev/null 2>>"$LAB_DIR/background.log"; done
taken() {
	relay_config "    - { type: tcp, name: taken, listen: \"[$GW6]:7070\", to: \"$NS4:80\" }"
	prints "7070" isthmus reload
	relay_config ""
}
gw python3 -c "
import socket, time
s = socket.socket(socket.AF_INET6); s.bind(('$GW6', 7070)); s.listen(); open('$LAB_DIR/out/taken', 'w').close(); time.sleep(60)" &
LAB_PIDS+=($!)
wait_for 5 test -e "$LAB_DIR/out/taken"
step "an address that another program has is refused, and named" taken
step "the service goes on" client curl -sS -f -m 5 -o /dev/null "http://[$GW6]:8080/"
wait "$LOAD"
LOAD_STATUS=$?
SHOW=1 step "no connection was lost all the while" sh -c "cat '$LAB_DIR/out/load'; exit $LOAD_STATUS"
wait "$SLOW"
step "what began before the reloads was not cut" same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH"

section "a dead process, and the end"
step "a killed relay is back" comes_back relay client curl -sf -m 1 -o /dev/null "http://[$GW6]:8080/"
SHOW=1 step "services and sums are seen" prints 'web64 at' isthmus status
metrics() { gw curl -sS -m 5 'http://[::1]:9964/metrics'; }
step "and are metrics" prints 'isthmus_relay_service_clients_total{service="web64",type="tcp"}' metrics
client curl -sS -m 20 -o /dev/null "http://[$GW6]:8080/slow" 2>/dev/null &
SLOW=$!
busy() { isthmus relay --json | grep -q web64; }
wait_for 5 busy
ended_within() { local ms; ms=$(milliseconds_until lab_gateway_stop) && printf '%s ms\n' "$ms" && [ "$ms" -lt 4000 ]; }
step "SIGTERM ends it, although somebody is still being served" ended_within
wait "$SLOW"
listens() { gw ss -Hltnu | grep -v ':7070 ' | diff "$LAB_DIR/out/listen-before" -; }
step "nothing listens any more" listens
lab_end
