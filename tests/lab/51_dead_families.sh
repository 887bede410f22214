#!/usr/bin/env bash
# 51_dead_families.sh - one family of a destination is dead, in three manners: the other one answers within 400 ms
#
#   client: 2001:db8:1::2, 10.1.0.2      gw: isthmus run            server: 192.0.2.10, 198.51.100.10, 2001:db8:2::10
#   curl                                 relay: socks5, http-forward, tcp     nginx, nsd
#
# The server is a router too. Behind it lie addresses of which packets are dropped without a word, addresses that it says to
# be unreachable, and addresses where nobody listens. Names have one address that works and one of those of the other
# family. Each name is used once: the gateway remembers what has failed (RFC 8305 s4), and is asked about that on purpose.
# Between namespaces an ICMPv6 error may come back before connect() has returned, and the kernel keeps it to itself until the
# next SYN: unreachable is then as silent as silence.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

LIMIT_MS=400
CLIENT4=10.1.0.2
GW4_LAN=10.1.0.1
SERVER6=2001:db8:2::10

second_families() {
	ip -n "$CLIENT_NS" addr add "$CLIENT4/24" dev uplink && ip -n "$GW_NS" addr add "$GW4_LAN/24" dev lan6 || return
	server sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.uplink.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0 \
		net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1 || return
	gw sysctl -qw net.ipv6.conf.wan4.disable_ipv6=0 || return
	ip -n "$SERVER_NS" addr add "$SERVER6/64" dev uplink nodad && ip -n "$GW_NS" addr add 2001:db8:2::1/64 dev wan4 nodad &&
		ip -n "$SERVER_NS" addr add 2001:db8:2:cc::1/128 dev lo && ip -n "$SERVER_NS" addr add 198.51.100.204/32 dev lo &&
		ip -n "$GW_NS" -6 route add default via "$SERVER6"
}

# Dropped, unreachable, refused (addresses of the server where no web server listens).
dead_addresses() {
	ip -n "$SERVER_NS" -6 route add blackhole 2001:db8:2:aa::/64 && ip -n "$SERVER_NS" route add blackhole 198.51.100.202/32 &&
		ip -n "$SERVER_NS" -6 route add unreachable 2001:db8:2:bb::/64 && ip -n "$SERVER_NS" route add unreachable 198.51.100.203/32
}

zone() {
	cat <<-END
		live	IN A	$WEB4
		live	IN AAAA	$SERVER6
		four	IN A	$WEB4
		six6	IN AAAA	$SERVER6
		nothing	IN A	198.51.100.202
		nothing	IN AAAA	2001:db8:2:aa::1
	END
	for who in a aa b bb d; do
		printf '%s.silent6 IN A %s\n%s.silent6 IN AAAA 2001:db8:2:aa::1\n' $who "$WEB4" $who
		printf '%s.unreachable6 IN A %s\n%s.unreachable6 IN AAAA 2001:db8:2:bb::1\n' $who "$WEB4" $who
		printf '%s.refusing6 IN A %s\n%s.refusing6 IN AAAA 2001:db8:2:cc::1\n' $who "$WEB4" $who
		printf '%s.silent4 IN A 198.51.100.202\n%s.silent4 IN AAAA %s\n' $who $who "$SERVER6"
		printf '%s.unreachable4 IN A 198.51.100.203\n%s.unreachable4 IN AAAA %s\n' $who $who "$SERVER6"
		printf '%s.refusing4 IN A 198.51.100.204\n%s.refusing4 IN AAAA %s\n' $who $who "$SERVER6"
	done
}

web_server() {
	sed -i "s|listen $GLOBAL4:80;|&\n listen [$SERVER6]:80;|; s|/whoami { .* }|/whoami { return 200 \"\$server_addr\\\\n\"; }|" "$LAB_DIR/nginx/nginx.conf"
	server nginx -e "$LAB_DIR/nginx/error.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/nginx.conf" -s reload 2>&1 &&
		wait_for 5 server curl -sf -m 1 -o /dev/null "http://[$SERVER6]/"
}

name_server() {
	zone >>"$LAB_DIR/nsd/lab.example.zone"
	kill "${LAB_PIDS[0]}"
	wait "${LAB_PIDS[0]}"
	background "$SERVER_NS" nsd -d -c "$LAB_DIR/nsd/nsd.conf"
	wait_for 5 server dig +short +time=1 +tries=1 "@$NS4" four.lab.example A
}

# Both policies, each port in both families. One thread, so that what one client has learned counts for the other.
relay_config() {
	cat <<-END
		relay:
		  threads: 1
		  allow: ["2001:db8:1::/64", 10.1.0.0/24]
		  timeouts: { connect: 2s }
		  services:
		    - { type: socks5, listen: ["[::]:1080", "0.0.0.0:1080"] }
		    - { type: socks5, listen: ["[::]:1081", "0.0.0.0:1081"], family: ipv4-first }
		    - { type: http-forward, listen: ["[::]:3128", "0.0.0.0:3128"] }
		    - { type: http-forward, listen: ["[::]:3129", "0.0.0.0:3129"], family: ipv4-first }
		    - { type: tcp, listen: ["[::]:8001", "0.0.0.0:8001"], to: ["d.silent6.lab.example:80"] }
		    - { type: tcp, listen: ["[::]:8002", "0.0.0.0:8002"], to: ["d.silent4.lab.example:80"], family: ipv4-first }
	END
}

# took LIMIT-MS WANTED-ADDRESS CURL-ARGUMENTS...: how long it takes until the page is there, and which server has sent it
took() {
	local limit=$1 want=$2 out seconds
	shift 2
	out=$(client curl -sS -f -m 10 -w '%{time_total}' "$@" 2>&1) || { printf '%s\n' "$out"; return 1; }
	seconds=${out##*$'\n'}
	printf '%s ms, from %s\n' "$(awk "BEGIN { print int($seconds * 1000) }")" "${out%%$'\n'*}"
	[ "${out%%$'\n'*}" = "$want" ] && awk "BEGIN { exit !($seconds * 1000 <= $limit) }"
}

# dead WHO GATEWAY: every manner through SOCKS and HTTP, with the policy that begins with the dead family
dead() {
	local who=$1 gateway=$2 manner family port web want way name proxy
	for family in 6 4; do
		if [ "$family" = 6 ]; then port=1080 web=3128 want=$WEB4; else port=1081 web=3129 want=$SERVER6; fi
		for manner in silent refusing unreachable; do
			for way in socks5-hostname proxy; do
				if [ "$way" = proxy ]; then
					name=$who$who.$manner$family proxy=http://$gateway:$web
				else
					name=$who.$manner$family proxy=$gateway:$port
				fi
				SHOW=1 step "IPv$family is $manner, by $way" \
					took "$LIMIT_MS" "$want" --"$way" "$proxy" "http://$name.lab.example/whoami"
			done
		done
	done
}

lab_begin "A family of the destination is dead"
must "the lab stands" lab_up
must "the server has IPv6 too, and the client IPv4" second_families
must "addresses are dead" dead_addresses
must "their names are known" name_server
must "the web server has both families" web_server
lab_config dedicated
relay_config >>"$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway

section "An IPv6 client"
dead a "[$GW6]"
section "An IPv4 client"
dead b "$GW4_LAN"

section "The second time nothing is waited for"
step "IPv6 is silent" took 200 "$WEB4" --socks5-hostname "[$GW6]:1080" http://a.silent6.lab.example/whoami
step "... for another client, too" took 200 "$WEB4" -x "http://$GW4_LAN:3128" http://a.silent6.lab.example/whoami
step "IPv4 is silent" took 200 "$SERVER6" --socks5-hostname "[$GW6]:1081" http://a.silent4.lab.example/whoami

section "Targets of the operator are dialled in the same way"
SHOW=1 step "tcp, IPv6 is silent" took "$LIMIT_MS" "$WEB4" "http://$GW4_LAN:8001/whoami"
SHOW=1 step "tcp, IPv4 is silent" took "$LIMIT_MS" "$SERVER6" "http://[$GW6]:8002/whoami"

section "Where nothing is dead"
step "IPv6 is first" took 200 "$SERVER6" --socks5-hostname "[$GW6]:1080" http://live.lab.example/whoami
step "IPv4 is first, where it is wanted so" took 200 "$WEB4" --socks5-hostname "[$GW6]:1081" http://live.lab.example/whoami
step "an IPv6 client has an IPv4-only name, of which DNS64 says AAAA" took 200 "$WEB4" --socks5-hostname "[$GW6]:1080" http://four.lab.example/whoami
step "an IPv4 client has an IPv6-only name" took 200 "$SERVER6" -x "http://$GW4_LAN:3128" http://six6.lab.example/whoami

section "Where everything is dead"
fails_within() { # MS CODE CURL-ARGUMENTS: the proxy says so before curl gives up
	local limit=$1 want=$2 out
	shift 2
	out=$(client curl -s -o /dev/null -m 10 -w '%{time_total} %{http_code} %{exitcode}' "$@")
	printf '%s\n' "$out"
	[ "${out#* }" = "$want" ] && awk "BEGIN { exit !(${out%% *} * 1000 <= $limit) }"
}
SHOW=1 step "SOCKS says after timeouts.connect" fails_within 2400 "000 97" --socks5-hostname "[$GW6]:1080" http://nothing.lab.example/
SHOW=1 step "HTTP says 504" fails_within 2400 "504 0" -x "http://[$GW6]:3128" http://nothing.lab.example/
step "what was tried in vain is counted" prints '"dial_fell_back":[1-9]' isthmus status --json

lab_end
