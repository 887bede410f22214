#!/usr/bin/env bash
# 15_clat.sh - programs that know only IPv4 work on a host that has only IPv6 (464XLAT, RFC 6877)
#
#   +--------------------+      +----------------------+      +---------------------------+      +------------------+
#   | home               |      | client               |      | gw                        |      | server           |
#   | IPv4 only          |      | IPv6 only            |      | advertises itself, the    |      | IPv4 only        |
#   |                    |      | isthmus run (clat)   |      | /64 and the NAT64 prefix  |      | 198.51.100.10    |
#   | 192.168.1.2        +------+ lan 192.168.1.1      |      | isthmus run (nat64,dns64) |      | 192.0.2.10       |
#   |                    |      | uplink (SLAAC)       +------+ lan6               wan4   +------+                  |
#   +--------------------+      +----------------------+      +---------------------------+      +------------------+
#
# The prefix is learned by router advertisement, then by the answer about ipv4only.arpa; it changes, and is taken away,
# while the translator runs. `home` stands for a network behind a home router that has a delegated prefix.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

LAB_FILE_BYTES=${LAB_FILE_BYTES:-8000000}
HOME_NS=ist$$-home
HOME6=2001:db8:a::/64
NSP=2001:db8:64::/96
CLAT_PID=
RA_PID=

home() { ip netns exec "$HOME_NS" "$@"; }
clat() {
	local command=$1
	shift
	client "$ISTHMUS" "$command" --socket "$LAB_DIR/clat/control.sock" "$@"
}
clat_down() {
	[ -z "$CLAT_PID" ] || kill -TERM "$CLAT_PID" 2>/dev/null
	[ "$FAILED" = 0 ] || [ ! -s "$LAB_DIR/clat.log" ] || tail -n 25 "$LAB_DIR/clat.log" | sed 's/^/     clat: /'
	lab_kill_all "$HOME_NS"
	ip netns del "$HOME_NS" 2>/dev/null
}

# advertise OPTION...: the router says this from now on.
advertise() {
	[ -z "$RA_PID" ] || { kill "$RA_PID" && wait "$RA_PID"; } 2>/dev/null
	ip netns exec "$GW_NS" python3 "$LAB_ROOT/tests/lab/advertise.py" lan6 --prefix 2001:db8:1::/64 "$@" \
		>>"$LAB_DIR/background.log" 2>&1 &
	RA_PID=$!
	LAB_PIDS+=("$RA_PID")
}
has_address() { client ip -6 addr show dev uplink scope global -tentative | grep -q 'inet6 2001:db8:1:'; }
has_route() { client ip -6 route show default | grep -q .; }

# The host as a network without IPv4 has it: addresses and routes from advertisements alone.
host_of_the_network() {
	client ip -6 addr del "$CLIENT6/64" dev uplink && client ip -6 route del default && wait_for 20 has_address &&
		wait_for 20 has_route
}

# clat_config LINE...: the section clat has these keys.
clat_config() {
	mkdir -p "$LAB_DIR/clat"
	{
		printf 'clat:\n'
		printf '  %s\n' "allow-non-global: true" "$@"
		printf 'control:\n  socket: %s\n  metrics: off\nlog:\n  level: debug\n' "$LAB_DIR/clat/control.sock"
	} >"$LAB_DIR/clat.yaml"
}
clat_start() {
	ip netns exec "$CLIENT_NS" "$ISTHMUS" run --config "$LAB_DIR/clat.yaml" >>"$LAB_DIR/clat.log" 2>&1 &
	CLAT_PID=$!
	wait_for 20 clat_answers
}
clat_answers() { kill -0 "$CLAT_PID" 2>/dev/null || return 2; clat status >/dev/null 2>&1; }
clat_stop() {
	local pid=$CLAT_PID
	CLAT_PID=
	kill "-$1" "$pid" && wait_for 10 not kill -0 "$pid"
	wait "$pid" 2>/dev/null
	set -- "$1" $?
	[ "$1" = KILL ] || [ "$2" = 0 ]
}
knows() { clat status | grep -q "NAT64 *$1, by $2"; }
knows_none() { clat status | grep -q "no prefix is known"; }

literal() { "$1" curl -sS -f -m 5 -o /dev/null "http://$WEB4/"; }
clat_download() {
	rm -f "$LAB_DIR/out/clat"
	"$1" curl -sS -m 60 -o "$LAB_DIR/out/clat" "http://$WEB4/big" && same "$(hash_of "$LAB_DIR/out/clat")" "$BIG_HASH"
}
clat_upload() {
	rm -f "$LAB_DIR/www/upload/clat"
	"$1" curl -sS -f -m 60 -T "$LAB_DIR/www/big" -o /dev/null "http://$WEB4/upload/clat" &&
		same "$(hash_of "$LAB_DIR/www/upload/clat")" "$BIG_HASH"
}
udp_sizes() { "$1" python3 "$LAB_ROOT/tests/lab/udp.py" sizes "$WEB4" 7777 "$2" "$3" "$4"; }
refused_at_once() {
	local begin=${EPOCHREALTIME/[.,]/} said
	said=$(client curl -sS -m 5 "http://$WEB4/" 2>&1)
	printf '%s (after %d ms)\n' "$said" $(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	[ $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) -lt 2000 ] && [[ $said == *"onnect"* ]]
}
path_mtu() { client ip route get "$WEB4" | grep -q "mtu $1"; }
learns_path_mtu() {
	gw ip route change default via "$NS4" mtu lock 1300 || return
	client ping -n -q -c 1 -W 2 -M "do" -s 1400 "$WEB4"
	client ip route get "$WEB4"
	path_mtu 1300
}
host_state() {
	echo "== links";     client ip -o link show | sed 's/ state [A-Z]*//; s/^[0-9]*: //'
	echo "== addresses"; client ip -o addr show | sed 's/^[0-9]*: //; s/valid_lft.*//'
	echo "== routes 4";  client ip -4 route show table all | grep -v ' cache'
	echo "== routes 6";  client ip -6 route show table all | sed 's/ expires [0-9a-z]*//' | grep -v ' cache'
	echo "== rules";     client ip -4 rule; client ip -6 rule
	echo "== proxy";     client ip -4 neigh show proxy; client ip -6 neigh show proxy
	echo "== sysctls";   client sysctl -a 2>/dev/null | grep -E '^net\.(ipv4|ipv6)\.' |
		grep -v -E 'random|stable_secret|\.route\.flush|tcp_fastopen_key'
}
unchanged() { host_state >"$LAB_DIR/out/after"; diff -u "$LAB_DIR/out/before" "$LAB_DIR/out/after"; }
chromium_reads() {
	home_of_browser=$LAB_DIR/browser
	mkdir -p "$home_of_browser"
	client env HOME="$home_of_browser" timeout 60 "$CHROMIUM" --headless --no-sandbox --disable-gpu \
		--user-data-dir="$home_of_browser" --dump-dom "http://$WEB4/" 2>/dev/null | grep "server that has only IPv4"
}

lab_begin "IPv4 programs on an IPv6-only host, and behind a home router"
trap 'clat_down; lab_exit' EXIT
must "the lab stands" lab_up
udp_echo "$SERVER_NS" "$WEB4"
lab_config dedicated
sed -i "s|prefixes: \[64:ff9b::/96\]|prefixes: [64:ff9b::/96, \"$NSP\"]|" "$LAB_DIR/isthmus.yaml"
must "a NAT64 and DNS64 serve the network" lab_gateway

section "A prefix by router advertisement (RFC 8781)"
advertise --pref64 64:ff9b::/96=600 --mtu 1500
must "the host has its address and its route from advertisements" host_of_the_network
host_state >"$LAB_DIR/out/before"
step "without a translator, IPv4 is not there" not literal client
clat_config
must "isthmus runs with the section clat alone" clat_start
must "it learns the prefix from the router" wait_for 10 knows 64:ff9b::/96 "router advertisement of fe80::"
SHOW=1 step "status shows it" clat status
step "curl with an IPv4 literal" literal client
step "the server sees the NAT64's address" prints "^$POOL4 " client curl -sS -m 5 "http://$WEB4/whoami"
step "ping" client ping -n -q -c 3 -i 0.2 -W 2 "$WEB4"
# The translator, this host as an IPv6 router, the network's router, its NAT64, that host as an IPv4 router, the server.
SHOW=1 step "traceroute, whose IPv6 hops have the dummy address of RFC 7600" prints "6  $WEB4 " \
	client traceroute -n -q 1 -w 2 -m 8 "$WEB4"
step "UDP, from 1 byte to several fragments" udp_sizes client 1 4000 333
step "a download, by its hash" clat_download client
step "an upload, by its hash" clat_upload client
step "the largest packet that fits (1472 bytes) needs no fragments" client ping -n -q -c 1 -W 2 -M "do" -s 1444 "$WEB4"
step "a larger one is refused by the route's MTU" prints "mtu[ =]*1472" client ping -n -c 1 -W 2 -M "do" -s 1445 "$WEB4"
step "a smaller path MTU behind the NAT64 is learned" learns_path_mtu
step "... and a download still works" clat_download client
gw ip route change default via "$NS4"
step "IPv6 of the host itself works beside it" client curl -sS -f -m 5 -o /dev/null "http://[$WEB64]/"
step "the roles have no rights" prints "NoNewPrivs:.*1" client sh -c "grep NoNewPrivs /proc/\$(ip netns pids $CLIENT_NS | while read -r p; do grep -zq translator /proc/\$p/cmdline && echo \$p; done | head -n 1)/status"
CHROMIUM=$(command -v chromium || command -v chromium-browser || true)
if [ -n "$CHROMIUM" ]; then
	step "a browser shows a page by its IPv4 literal" chromium_reads
else
	skip "a browser: chromium is not installed"
fi

section "Another prefix, and none"
advertise --pref64 64:ff9b::/96=0 --pref64 "$NSP=600"
step "the new prefix is taken without a restart" wait_for 10 knows "$NSP" "router advertisement"
capture "$CLIENT_NS" uplink nsp
step "... and used" literal client
captures_end
step "... on the wire" some_packets nsp "dst net $NSP"
step "... and not the old one" no_packets nsp "dst net 64:ff9b::/96"
advertise --pref64 "$NSP=0"
step "it is taken back, and DNS tells one" wait_for 10 knows 64:ff9b::/96 "ipv4only.arpa"
step "... which works" literal client

section "A prefix by DNS (RFC 7050)"
step "the translator ends" clat_stop TERM
advertise
must "isthmus runs again" clat_start
step "the answer about ipv4only.arpa has the prefix" wait_for 10 knows 64:ff9b::/96 "ipv4only.arpa, valid for"
step "curl with an IPv4 literal" literal client
advertise --pref64 "$NSP=600"
step "an advertisement wins over DNS" wait_for 10 knows "$NSP" "router advertisement"
advertise --pref64 "$NSP=8"
step "its lifetime is taken over" wait_for 10 knows "$NSP" "router advertisement of fe80::.*, valid for [0-9.]*s$"
advertise
step "a prefix that is announced no more expires" wait_for 15 knows 64:ff9b::/96 "ipv4only.arpa"
step "the translator ends" clat_stop TERM

section "No prefix"
clat_config "resolvers: [\"$CLIENT6\"]" # nobody's
must "isthmus runs" clat_start
step "it knows none, and says so once" wait_for 15 grep -q 'no NAT64 prefix was found' "$LAB_DIR/clat.log"
step "IPv4 is refused at once" refused_at_once
step "... and counted" prints "46_NO_MAPPING" clat counters
step "a forged advertisement from afar is not believed" sh -c "ip netns exec $GW_NS timeout 2 python3 $LAB_ROOT/tests/lab/advertise.py lan6 --hop-limit 64 --pref64 2001:db8:bad::/96=600; true"
step "... it knows none still" knows_none
advertise --pref64 64:ff9b::/96=600
step "once a router tells, IPv4 is there" wait_for 10 literal client
step "the translator ends" clat_stop TERM

section "A home router with a delegated prefix (RFC 6877 s6.3)"
home_up() {
	ip netns add "$HOME_NS" && ip -n "$HOME_NS" link set lo up &&
		ip -n "$HOME_NS" link add uplink type veth peer name lan netns "$CLIENT_NS" &&
		home sysctl -qw net.ipv6.conf.all.disable_ipv6=1 &&
		ip -n "$HOME_NS" addr add 192.168.1.2/24 dev uplink && ip -n "$HOME_NS" link set uplink up &&
		ip -n "$CLIENT_NS" addr add 192.168.1.1/24 dev lan && ip -n "$CLIENT_NS" link set lan up &&
		ip -n "$HOME_NS" route add default via 192.168.1.1 &&
		gw ip -6 route add "$HOME6" via "$(client ip -6 addr show dev uplink scope link | sed -n 's/.*inet6 \([^/]*\).*/\1/p')" dev lan6
}
must "an IPv4-only host has this one as its router" home_up
clat_config "lan: [{ ipv4: 192.168.1.0/24, ipv6: \"$HOME6\" }]"
must "isthmus runs" clat_start
step "the router itself has IPv4" wait_for 10 literal client
capture "$CLIENT_NS" uplink home
step "the host behind it, too" literal home
captures_end
step "... with an address in the delegated prefix" some_packets home "src net $HOME6 and dst net 64:ff9b::/96"
step "ping" home ping -n -q -c 3 -i 0.2 -W 2 "$WEB4"
step "UDP, from 1 byte to several fragments" udp_sizes home 1 4000 333
step "a download, by its hash" clat_download home
step "an upload, by its hash" clat_upload home
step "a packet that does not fit is refused by the router" prints "mtu *= *1472" home ping -n -c 2 -W 2 -M "do" -s 1460 "$WEB4"
step "the translator ends" clat_stop TERM
ip -n "$CLIENT_NS" link del lan

section "Undone"
step "the host is as it was before" unchanged
clat_config
must "isthmus runs" clat_start
wait_for 10 literal client
step "... and is killed" clat_stop KILL
must "its successor starts" clat_start
step "... says that it undid what was left" grep -q 'undid .* changes that a gateway left behind' "$LAB_DIR/clat.log"
step "... and works" wait_for 10 literal client
step "... and ends" clat_stop TERM
step "the host is as it was before" unchanged

lab_end
