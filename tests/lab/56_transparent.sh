#!/usr/bin/env bash
# 56_transparent.sh - connections are taken on their way through the gateway, and the ways that relays have on the host
#
#   client: 2001:db8:1::2, ::9, IPv6 only     gw: isthmus run                        server: 192.0.2.10, IPv4 only
#   nginx :80 for the other direction         NAT64, DNS64, DNS46                    nginx :80, openssl :443, upstream.py :5300
#   curl                                      relay: transparent for ::2             curl
#
# Who is served by the relay, servers see as the gateway itself; who is translated, as an address of the pool, or of siit.prefix.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS nft openssl"

lab_begin "Transparent relays: connections are taken on their way"
must "the lab stands" lab_up
BACK_MS=$(back_ms)
OTHER6=2001:db8:1::9
ip -n "$CLIENT_NS" addr add "$OTHER6/64" dev uplink nodad preferred_lft 0
sed "s/listen $NS4:80;/listen [::]:80 ipv6only=on;/; /listen $WEB4\|listen $GLOBAL4/d; s/nginx.pid/six.pid/; s/access\.log/six.log/" \
	"$LAB_DIR/nginx/nginx.conf" >"$LAB_DIR/nginx/six.conf"
background "$CLIENT_NS" nginx -e "$LAB_DIR/nginx/six-error.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=www.lab.example \
	-keyout "$LAB_DIR/key.pem" -out "$LAB_DIR/cert.pem" 2>/dev/null
background "$SERVER_NS" openssl s_server -accept 443 -www -cert "$LAB_DIR/cert.pem" -key "$LAB_DIR/key.pem"
background "$SERVER_NS" python3 -m http.server 8080 --bind "$NS4" --directory "$LAB_DIR/www"
cat >"$LAB_DIR/script" <<'END'
www.lab.example A : www.lab.example 300 A 198.51.100.10
www.lab.example AAAA : / lab.example 300 SOA 20
web.six.example AAAA : web.six.example 300 AAAA 2001:db8:1::2
web.six.example A : / six.example 300 SOA 20
END
background "$SERVER_NS" python3 "$LAB_ROOT/tests/lab/upstream.py" "$NS4" 5300 "$LAB_DIR/script"
mkdir -p "/etc/netns/$SERVER_NS" && printf 'nameserver %s\n' "$GW4" >"/etc/netns/$SERVER_NS/resolv.conf"

# Without a section relay.
write_plain() {
	lab_config dedicated
	sed -i "s/upstream: .*/upstream: [\"$NS4:5300\"]/" "$LAB_DIR/isthmus.yaml"
	cat >>"$LAB_DIR/isthmus.yaml" <<-END
		siit:
		  prefix: 2001:db8:46::/96
		dns46:
		  pool: 192.0.2.80/31
		  domains: [six.example]
	END
}
# $1: more services
write_config() {
	write_plain
	cat >>"$LAB_DIR/isthmus.yaml" <<-END
		relay:
		  allow: ["$CLIENT6", 192.0.2.0/24]
		  services:
		    - { type: tcp, name: web46, listen: "$GW4:8046", to: "[$CLIENT6]:80", client-prefix: "2001:db8:47::/96" }
		$1
	END
}
TAKE='    - { type: transparent, name: take, listen: ["[::]:8480", "0.0.0.0:8480"] }'
write_config "$TAKE"
serves() { kill -0 "$GATEWAY_PID" 2>/dev/null || return 2; client curl -sf -m 1 -o /dev/null "http://[$WEB64]/"; }
gw ip rule >"$LAB_DIR/out/rules"; gw ip -6 rule >>"$LAB_DIR/out/rules"
gw ip -6 route show table all type local >"$LAB_DIR/out/locals"
lab_gateway_begin
must "the gateway serves" wait_for 20 serves
whoami64() { client curl -sS -f -m 5 --interface "${2:-$CLIENT6}" "http://[$1]/whoami"; }

section "IPv6-only clients, on their way through NAT64"
step "what goes to port 80 is taken: the server sees the gateway" prints "^$GW4 " whoami64 "$WEB64"
step "whoever is not in allow is translated: the server sees the pool" prints "^$POOL4 " whoami64 "$WEB64" "$OTHER6"
step "a whole file comes through" download
step "and goes through" upload
step "other ports are translated" prints 'IPv4-only server' client curl -sS -f -m 5 "http://[$NS64]:8080/"
step "a name is found, and TLS is not touched" prints 'CN *= *www.lab.example' client sh -c \
	"openssl s_client -connect www.lab.example:443 -servername www.lab.example </dev/null"
hold() { client sh -c "sleep 4 | timeout 4 openssl s_client -quiet -connect www.lab.example:443 -servername www.lab.example >/dev/null 2>&1" & }
hold
named() { isthmus relay --json | grep '"service": *"take"' | grep -q 'www.lab.example:443 198.51.100.10:443'; }
step "the operator sees the name that the client sent" wait_for 5 named
refused() { client curl -sS -m 5 -o /dev/null -w '%{time_total}\n' "http://[64:ff9b::192.0.2.99]/" 2>&1 | tail -n 1; }
step "a destination that nobody has ends in seconds" prints '^[0-4]\.' refused
step "the gateway itself is not reached that way" not client curl -sS -m 5 -o /dev/null "http://[64:ff9b::$GW4]/"

section "IPv4-only clients, on their way to addresses that DNS46 has lent"
whoami46() { server curl -sS -f -m 5 http://web.six.example/whoami; }
step "what goes to port 80 is taken: the IPv6-only server sees the gateway" prints "^$GW6 " whoami46

section "the IPv6 leg has the client's address"
step "an IPv6 server sees the IPv4 client under client-prefix" prints '^2001:db8:47::c000:20a ' server curl -sS -f -m 5 "http://$GW4:8046/whoami"

section "the host"
SHOW=1 step "the rules are in a table of their own" prints 'tproxy ip6 to :8480' gw nft list table inet isthmus
step "they do not make the fast path rest" not prints 'chain relays' isthmus status
taken() { gw nft list tables | grep -q isthmus; }
step "a reload without the service takes them away" eval 'write_config "" && isthmus reload && not taken'
step "so that connections are translated again" prints "^$POOL4 " whoami64 "$WEB64"
step "and another one brings them back" eval 'write_config "$TAKE" && isthmus reload && taken'
step "connections are taken again" prints "^$GW4 " whoami64 "$WEB64"
step "a killed relay is back" comes_back relay prints "^$GW4 " whoami64 "$WEB64"

section "killed, with everything on the host"
clean() { { gw ip rule; gw ip -6 rule; } | diff "$LAB_DIR/out/rules" - && gw ip -6 route show table all type local | diff "$LAB_DIR/out/locals" - && not taken; }
killed() {
	kill -KILL "$GATEWAY_PID"
	wait "$GATEWAY_PID" 2>/dev/null
	taken && gw ip rule | grep -q 6469 && gw ip -6 rule | grep -q 6469 && gw ip -6 route show table local proto 64 | grep -q 2001:db8:47::
}
step "a killed gateway leaves its ways" killed
write_config ""
lab_gateway_begin
must "it starts again, without the service" wait_for 20 serves
step "the rules of the killed one are gone" not taken
step "and its routes" same "$(gw ip -6 route show table 6469 2>/dev/null; gw ip route show table 6469 2>/dev/null)" ""
step "but not the way of the service that is still there" prints '^2001:db8:47::c000:20a ' server curl -sS -f -m 5 "http://$GW4:8046/whoami"
step "the gateway ends" lab_gateway_stop
step "nothing is left on the host" clean
again() { write_config "$TAKE" && lab_gateway_begin && wait_for 20 serves && killed; }
step "another one is killed" again
write_plain
lab_gateway_begin
must "it starts again, without relays" wait_for 20 serves
step "nothing is left on the host" clean
step "the log says so" grep -q 'undid the ways to relays' "$LAB_DIR/gateway.log"
step "the gateway ends" lab_gateway_stop
step "another one is killed" again
sed -i '/^nat64:/,/^dns64:/{/^dns64:/!d}; /^siit:/,$d' "$LAB_DIR/isthmus.yaml"
lab_gateway_begin
answers() { client dig +short +time=1 +tries=1 "@$GW6" www.lab.example AAAA | grep -q 64:ff9b::; }
must "it starts again as a resolver alone" wait_for 20 answers
step "nothing is left on the host" clean
step "the gateway ends" lab_gateway_stop
step "nor is a record of it" not test -e "$LAB_DIR/run/relay.journal"
rm -rf "/etc/netns/$SERVER_NS"
lab_end
