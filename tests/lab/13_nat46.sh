#!/usr/bin/env bash
# 13_nat46.sh - IPv4-only hosts reach an IPv6-only server: static bindings, on an address of the pool and on the host's own
#
#   IPv6-only server (2001:db8:1::2) ---- gw: 192.0.2.64:80 -> [2001:db8:1::2]:8080 ---- IPv4-only client (198.51.100.10)
#
# The boxes of the other labs with their parts exchanged: what is called client there serves here.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "IPv4-only clients reach an IPv6-only server"
must "the lab stands" lab_up
background "$CLIENT_NS" python3 -u -m http.server --bind "$CLIENT6" -d "$LAB_DIR/www" 8080
background "$CLIENT_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7777 "$CLIENT6"
must "the IPv6-only server serves its own network" wait_for 5 client curl -sS -f -o /dev/null "http://[$CLIENT6]:8080/"

with_statics() {
	lab_config "$1"
	cat >"$LAB_DIR/statics" <<-END
		  static:
		    - { protocol: tcp, outside: "$2:80", inside: "[$CLIENT6]:8080" }
		    - { protocol: udp, outside: "$2:7000", inside: "[$CLIENT6]:7777" }
		    - { protocol: icmp, outside: "$2:77", inside: "[$CLIENT6]:77" }
	END
	sed -i "/^    - { /r $LAB_DIR/statics" "$LAB_DIR/isthmus.yaml"
}
# The 100 MB file of the lab, from the IPv6-only server.
download4() {
	server curl -sS -f -m 60 -o "$LAB_DIR/out/nat46" "http://$1/big" && same "$(hash_of "$LAB_DIR/out/nat46")" "$BIG_HASH"
}
# By the server's own log: the client's address stands under the prefix, so that it can be told from others and answered.
client_is_embedded() {
	server curl -sS -f -m 5 -o /dev/null --interface "$WEB4" "http://$1/?$2" && prints "^$WEB64 .*?$2" cat "$LAB_DIR/background.log"
}
# RFC 5382 REQ-4: not at once, since the other host may be about to open the same connection; but after six seconds.
refused_after_six_seconds() {
	local begin=$EPOCHREALTIME said passed
	said=$(server curl -sS -m 20 "http://$1:$2/" 2>&1)
	passed=$(((${EPOCHREALTIME/[.,]/} - ${begin/[.,]/}) / 1000))
	printf '%s (after %d ms)\n' "$said" "$passed"
	[[ $said == *"Failed to connect"* ]] && [ "$passed" -ge 5900 ] && [ "$passed" -lt 9000 ]
}
all_of() {
	step "a page over TCP" server curl -sS -f -m 5 -o /dev/null "http://$1/"
	step "100 MB, by their hash" download4 "$1"
	step "UDP, from 1 byte to several fragments" server "$LAB_ROOT/tests/lab/udp.py" sizes "$1" 7000 1 4000 333
	step "the IPv6-only server sees the client under the prefix" client_is_embedded "$1" "$RANDOM"
	step "bib shows the static bindings" prints "static" isthmus bib
}

section "On an address of the pool's own"
with_statics dedicated "$POOL4"
must "the gateway serves" lab_gateway
all_of "$POOL4"
step "ping with the identifier that is mapped" server ping -n -q -c 3 -i 0.1 -W 2 -e 77 "$POOL4"
step "... reaches the server, and no other does" not server ping -n -q -c 2 -i 0.1 -W 1 -e 78 "$POOL4"
step "a port that is not mapped is refused after six seconds" refused_after_six_seconds "$POOL4" 5000
step "... and counted" prints " 1 *syns_held" isthmus counters
step "the other direction still works" download
step "the gateway ends" lab_gateway_stop

section "On the host's own address, beside its own services"
with_statics shared "$GW4"
background "$GW_NS" python3 -u -m http.server --bind "$GW4" -d "$LAB_DIR/www" 8081
must "the gateway serves" lab_gateway
all_of "$GW4"
step "the host answers its pings itself" server ping -n -q -c 3 -i 0.1 -W 2 -e 77 "$GW4"
step "the host's own service" server curl -sS -f -m 5 -o /dev/null "http://$GW4:8081/"
lab_end
