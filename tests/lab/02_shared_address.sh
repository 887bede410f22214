#!/usr/bin/env bash
# 02_shared_address.sh - the pool is the gateway's own address; gateway and clients use it at the same time
#
#   client ---- gw: 192.0.2.1 is both its own and the pool (ports 49152-65535) ---- server
#
# What has no binding belongs to the host: its TCP, UDP and ping must work as before.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "the pool shares the gateway's own address"
must "the lab stands" lab_up
lab_config shared
must "the gateway serves" lab_gateway
udp_echo "$GW_NS" "$GW4"
background "$GW_NS" python3 -u -m http.server -d "$LAB_DIR/www" 8080

both_at_once() {
	local pids=() pid status=0
	client curl -sS -f -m 60 -o "$LAB_DIR/out/a" "http://[$WEB64]/big" & pids+=($!)
	gw curl -sS -f -m 60 -o "$LAB_DIR/out/b" "http://$WEB4/big" & pids+=($!)
	client ping -6 -n -q -c 10 -i 0.1 -W 2 "$WEB64" & pids+=($!)
	gw ping -n -q -c 10 -i 0.1 -W 2 "$WEB4" & pids+=($!)
	for pid in "${pids[@]}"; do
		wait "$pid" || status=1
	done
	same "$(hash_of "$LAB_DIR/out/a")" "$BIG_HASH" && same "$(hash_of "$LAB_DIR/out/b")" "$BIG_HASH" && return "$status"
}
port_of_client_in_range() {
	local address port
	read -r address port <<<"$(client curl -sS -m 5 "http://[$WEB64]/whoami")"
	printf 'the server saw %s port %s\n' "$address" "$port"
	[ "$address" = "$GW4" ] && [ "$port" -ge 49152 ]
}
# Many of the host's own connections: none may take a port of the pool.
host_ports_out_of_range() {
	local i port
	for i in $(seq 30); do
		port=$(gw curl -sS -m 5 "http://$WEB4/whoami" | cut -d ' ' -f 2)
		[ "$port" -lt 49152 ] || { printf 'connection %d of the host used port %s\n' "$i" "$port"; return 1; }
	done
}
many_connections_of_the_client() {
	local i
	for i in $(seq 30); do
		prints "$GW4" client curl -sS -m 5 "http://[$WEB64]/whoami" || return
	done
}

step "the client's TCP comes from the range" port_of_client_in_range
step "the client's UDP" prints "$WEB4" client dig +short +time=3 "@$NS64" www.lab.example A
step "the client's ping" client ping -6 -n -q -c 3 -i 0.1 -W 2 "$WEB64"
step "thirty connections of the client" many_connections_of_the_client
step "the host's TCP, never from the range" host_ports_out_of_range
step "the host's UDP" prints "$WEB4" gw dig +short +time=3 "@$NS4" www.lab.example A
step "the host's ping" gw ping -n -q -c 3 -i 0.1 -W 2 "$WEB4"
step "a server of the host is reached from the IPv4 side (TCP)" server curl -sS -f -m 5 -o /dev/null "http://$GW4:8080/"
step "a server of the host is reached from the IPv4 side (UDP)" \
	server "$LAB_ROOT/tests/lab/udp.py" sizes "$GW4" 7777 1 1400 199
step "the IPv4 side pings the host" server ping -n -q -c 3 -i 0.1 -W 2 "$GW4"
step "downloads and pings of both at once" both_at_once
step "an upload of the client" upload

section "What the host's own routing has to say about translated packets (it is addressed to the host itself)"
every_hop_answers() {
	local route
	route=$(client traceroute -6 -n -q 1 -w 2 -m 8 "$WEB64") || return
	printf '%s\n' "$route"
	! grep -q '\*' <<<"$route"
}
step "every hop of a traceroute answers" every_hop_answers
ip -n "$GW_NS" route replace "$WEB4/32" via "$NS4" mtu 1300
step "an upload over a narrower link arrives" upload
step "the client has learned its size" prints "mtu 1320" client ip -6 route get "$WEB64"
ip -n "$GW_NS" route del "$WEB4/32"
client ip -6 route flush cache

section "A client cannot reach the host itself through the shared address"
host_is_closed() {
	! client curl -sS -m 3 "http://[64:ff9b::$GW4]:8080/"
}
step "the host's service refuses" host_is_closed
step "and the drop has its name" prints "64_OWN_HOST" isthmus counters
lab_end
