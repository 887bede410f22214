#!/usr/bin/env bash
# 19_ports.sh - pools by subscriber, and another pool while the gateway runs
#
#   client: 2001:db8:1::2, and hosts of other subscribers ---- gw: one small pool, another, changed by reload ---- server
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

SECOND4=192.0.2.65
THIRD4=203.0.113.9
BUSINESS6=2001:db8:5:1::2
OTHER6=2001:db8:6:1::2

lab_begin "ports and pools, and their reload"
must "the lab stands" lab_up
for address in "$BUSINESS6" "$OTHER6"; do
	# Deprecated: used only where it is asked for.
	ip -n "$CLIENT_NS" addr add "$address/128" dev uplink nodad preferred_lft 0
	ip -n "$GW_NS" -6 route add "$address/128" via "$CLIENT6" dev lan6
done
ip -n "$SERVER_NS" route add "$THIRD4/32" via "$GW4"
lab_config dedicated
BINDINGS=$LAB_DIR/run/bindings.log
sed -i "s#^  level: info#&\n  bindings: { to: [file], path: $BINDINGS }#" "$LAB_DIR/isthmus.yaml"
cp "$LAB_DIR/isthmus.yaml" "$LAB_DIR/out/first.yaml"

# The file with another pool, further lines of nat64 after it.
config_with() {
	local pool=$1
	shift
	awk -v pool="$pool" -v more="$(printf '%s\n' "$@")" '
		/^  max-sessions:/ && more ~ /max-sessions:/ { next }
		/^    - \{ address/ { printf "%s\n", pool; if (more != "") print more; next }
		{ print }' "$LAB_DIR/out/first.yaml" >"$LAB_DIR/isthmus.yaml"
}
reload_with() {
	config_with "$@"
	isthmus reload
}
seen_as() { # seen_as WANTED SOURCE: the address that the server sees
	local address port
	read -r address port <<<"$(client curl -sS -m 5 --interface "$2" "http://[$WEB64]/whoami")"
	printf 'the server saw %s port %s, wanted %s\n' "$address" "$port" "$1"
	[ "$address" = "$1" ]
}
# Bindings of a subscriber until it is refused.
exhaust() {
	client python3 - "$1" "$NS64" <<-'END'
		import socket, sys
		sockets = []
		for i in range(300):
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    s.bind((sys.argv[1], 0))
		    s.connect((sys.argv[2], 9))
		    try:
		        s.send(b"x")
		    except OSError as e:
		        print(i, e)
		    sockets.append(s)
	END
}
refused_until_now() { not seen_as "$POOL4" "$OTHER6"; }
download_survives() {
	local pid status
	client curl -sS -f -m 60 --limit-rate 1200k -o "$LAB_DIR/out/slow" "http://[$WEB64]/slow" &
	pid=$!
	sleep 0.7
	"$@" || return
	kill -0 "$pid" || { printf 'the download was over too early to tell\n'; return 1; }
	wait "$pid"
	status=$?
	same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH" && return "$status"
}
download_ends() {
	local pid
	client curl -sS -f -m 12 --limit-rate 600k -o "$LAB_DIR/out/slow" "http://[$WEB64]/slow" &
	pid=$!
	sleep 0.7
	"$@" || return
	not wait "$pid"
}
reached_at() { server bash -c "exec 3<>/dev/tcp/$1/$2 && head -c 5 <&3"; }

section "A pool of two blocks"
config_with "    - { address: $POOL4, ports: 1024-1151 }" "  ports-per-block: 64"
must "the gateway serves" lab_gateway
step "the first subscriber works" seen_as "$POOL4" "$CLIENT6"
step "one subscriber borrows what is left" exhaust "$BUSINESS6"
step "the next one is refused" refused_until_now
SHOW=1 step "the binding log says that the address has no ports left, and that the pool has none" wait_for 5 \
	eval 'grep -q "ports-exhausted proto=udp host=2001:db8:5:1:: address=$POOL4 count=" "$BINDINGS" && grep -q "limit .*reason=POOL_EXHAUSTED" "$BINDINGS"'
step "and that is counted" prints POOL_EXHAUSTED isthmus counters
SHOW=1 step "the log has warned that the pool is lent out" wait_for 5 grep "all but used up: 2 of 2 port blocks are lent (100 %), on 1 address to 2 subscribers" "$LAB_DIR/gateway.log"
SHOW=1 step "and the status does" prints "$POOL4:1024-1151: 2 of 2 port blocks lent.*WARNING: beyond 95 %" isthmus status
step "a second address comes by reload, during a download that goes on" download_survives \
	reload_with "    - { address: $POOL4, ports: 1024-1151 }
    - { address: $SECOND4, ports: 1024-65535 }" "  ports-per-block: 64"
step "now the next one works, by the second address" seen_as "$SECOND4" "$OTHER6"
step "the pool shows both" prints "$SECOND4" isthmus pool
step "and the warning is over" not prints WARNING isthmus status
step "ARP is answered for the new one" prints "$SECOND4" gw ip neigh show proxy
# The kernel forgets for whom it answers when a link goes down or loses its carrier.
answers_both() { gw ip neigh show proxy dev wan4 | grep -q -w "$POOL4" && gw ip neigh show proxy dev wan4 | grep -q -w "$SECOND4"; }
down_and_up() {
	ip -n "$GW_NS" link set wan4 down && ip -n "$GW_NS" link set wan4 up && ip -n "$GW_NS" route replace default via "$NS4" &&
		wait_for 3 answers_both
}
unplugged() {
	ip -n "$SERVER_NS" link set uplink down && wait_for 3 prints NO-CARRIER ip -n "$GW_NS" link show wan4 &&
		ip -n "$SERVER_NS" link set uplink up && ip -n "$SERVER_NS" route replace "$THIRD4/32" via "$GW4" && wait_for 3 answers_both
}
step "and for both when the link was down" down_and_up
step "and when it was unplugged" unplugged
step "and the log says so" grep -q "wan4 was down; ARP and neighbour solicitations for 2 addresses are answered there again" "$LAB_DIR/gateway.log"
# Neighbours that lost the address ask anew.
step "the IPv4 side finds the way" eval 'server ip neigh flush dev uplink; seen_as "$SECOND4" "$OTHER6"'

section "Pools by subscriber"
by_subscriber="    - { address: $POOL4, ports: 1024-65535 }
    - { address: $THIRD4, ports: 1024-65535, subscribers: [\"2001:db8:5::/48\"] }
    - { address: $SECOND4, ports: 1024-65535, subscribers: [\"2001:db8:6:1::/64\"] }"
step "they come by reload, during a download that goes on" download_survives \
	reload_with "$by_subscriber" "  ports-per-block: 64"
step "who has no pool of its own uses everybody's" seen_as "$POOL4" "$CLIENT6"
step "the business customer has its own" seen_as "$THIRD4" "$BUSINESS6"
step "and so has a single subscriber" seen_as "$SECOND4" "$OTHER6"
step "the new prefix is routed" prints "$THIRD4 dev isthmus0" gw ip route
step "packets waited for the reload, and the log says how long" grep -q 'packets waited' "$LAB_DIR/gateway.log"

section "What a reload takes away ends at once"
must "an echo server of the client" background "$CLIENT_NS" python3 -c '
import socket
s = socket.create_server(("2001:db8:1::2", 2222), family=socket.AF_INET6)
while True:
    c, a = s.accept()
    c.sendall(b"hello")
    c.close()'
static="  static: [{ protocol: tcp, outside: \"$POOL4:2222\", inside: \"[$CLIENT6]:2222\" }]"
step "no way in from the IPv4 side" not reached_at "$POOL4" 2222
step "a static binding comes by reload" reload_with "$by_subscriber" "  ports-per-block: 64" "$static"
step "and is a way in" prints hello reached_at "$POOL4" 2222
step "it goes by reload" reload_with "$by_subscriber" "  ports-per-block: 64"
step "and the way in is closed" not reached_at "$POOL4" 2222
step "narrower ports" reload_with "    - { address: $POOL4, ports: 40000-65535 }" "  ports-per-block: 64"
step "the routes of the pools that went are gone" not prints "$THIRD4" gw ip route
step "a flow outside of the new range ends" download_ends reload_with \
	"    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64"
step "ARP is not answered for what went" not prints "$POOL4" gw ip neigh show proxy
step "new flows come from what is there" seen_as "$SECOND4" "$CLIENT6"

section "Limits and prefixes"
step "fewer sessions by reload" reload_with "    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64" \
	"  max-sessions: 1000"
step "the status says so" prints '"max_sessions": *1000' isthmus status --json
reload_says() { # reload_says WORDS LINES...: refused, with these words
	local out
	out=$(reload_with "    - { address: $SECOND4, ports: 40000-65535 }" "${@:2}" 2>&1) && return 1
	printf '%s\n' "$out"
	grep -q -e "$1" <<<"$out"
}
step "more than at the start need a restart, and it says so" reload_says "nat64.max-sessions.*restart" \
	"  ports-per-block: 64" "  max-sessions: 2000000"
many_flows() { # many_flows N: datagrams to so many ports of the server
	client python3 - "$WEB64" "$1" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		for port in range(20000, 20000 + int(sys.argv[2])):
		    s.sendto(b"x", (sys.argv[1], port))
	END
}
refused_for() { # refused_for REASON AT-LEAST: of the drops so far
	isthmus counters --json | python3 -c "import json,sys
rows=[json.loads(l) for l in sys.stdin]
n=sum(r['value'] for r in rows if r.get('name')=='$1')
print(n, 'dropped')
sys.exit(n < $2)"
}
session_limit() { # 200 flows of which a hundred are allowed; what is open goes on
	reload_with "    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64" "  max-sessions-per-subscriber: 100" || return
	many_flows 200 && refused_for SUBSCRIBER_SESSIONS 80
}
rate_limit() {
	reload_with "    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64" "  new-sessions-per-second: 20" || return
	many_flows 400 && refused_for SUBSCRIBER_RATE 150
}
step "a subscriber's sessions are limited by reload" session_limit
step "and how fast it opens them" rate_limit
no_limits() { reload_with "    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64"; }
step "neither, again" no_limits
step "another block size needs one, too" reload_says "nat64.ports-per-block.*restart" "  ports-per-block: 128"
step "and the service goes on" seen_as "$SECOND4" "$CLIENT6"
second_prefix() {
	config_with "    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64"
	sed -i '0,/prefixes: \[64:ff9b::\/96\]/s//prefixes: [64:ff9b::\/96, "2001:db8:64::\/96"]/' "$LAB_DIR/isthmus.yaml"
	isthmus reload
}
step "a second prefix comes by reload" second_prefix
step "and is translated" client curl -sS -f -m 5 -o /dev/null "http://[2001:db8:64::$WEB4]/"
step "it goes by reload" reload_with "    - { address: $SECOND4, ports: 40000-65535 }" "  ports-per-block: 64"
step "and is translated no more" not client curl -sS -f -m 3 -o /dev/null "http://[2001:db8:64::$WEB4]/"
step "the first one goes on" seen_as "$SECOND4" "$CLIENT6"

section "The end"
step "the gateway stops" lab_gateway_stop
step "nothing is left behind" not prints isthmus0 gw ip route
lab_end
