#!/usr/bin/env bash
# 54_reverse.sh - http-reverse: names lead to web servers of the other family, with TLS that ends at the gateway or passes it
#
#   client: 2001:db8:1::2, IPv6 only     gw: isthmus run               server: 192.0.2.10, IPv4 only
#   nginx :8001, :8443 (TLS)             http-reverse :80, :443        nginx :8001, :8002, :8443 (TLS), WebSocket :8765
#   curl, h2load, openssl                2001:db8:1::1, 192.0.2.1      curl
#
# The two outer boxes are clients and servers at once, each for the other one's family.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS wrk h2load openssl"

lab_begin "http-reverse: names lead to web servers of the other family"
must "the lab stands" lab_up

certificate() { # FILE NAME...
	local file=$1 names
	shift
	names=$(printf ',%s' "$@")
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$file" -addext "subjectAltName=${names#,}" \
		-keyout "$LAB_DIR/$file.key" -out "$LAB_DIR/$file.pem" 2>/dev/null
}
web() { # NAMESPACE NAME LISTEN...
	lab_nginx "$@" <<-END
		keepalive_requests 1000000;
		ssl_certificate $LAB_DIR/servers.pem;
		ssl_certificate_key $LAB_DIR/servers.key;
		location = /who { return 200 "$2 \$host xff=\$http_x_forwarded_for proto=\$http_x_forwarded_proto fwd=\$http_forwarded via=\$http_via\\n"; }
		location = /slow { alias $LAB_DIR/www/big; limit_rate 4m; }
		location = /upload { dav_methods PUT; client_max_body_size 0; }
	END
}
web_ends() { ip netns exec "$1" nginx -e "$LAB_DIR/nginx/$2.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/$2.conf" -s stop; }
certificate four DNS:four.test DNS:ws.test
certificate six DNS:six.test
certificate servers DNS:a.pass.test DNS:pass6.test IP:192.0.2.10
certificate other DNS:other.test
web "$SERVER_NS" first "$NS4:8001" "$NS4:8443 ssl http2"
web "$SERVER_NS" second "$NS4:8002"
web "$CLIENT_NS" sixth "[$CLIENT6]:8001 ipv6only=on" "[$CLIENT6]:8443 ssl ipv6only=on"
cat >"$LAB_DIR/echo.py" <<'END'
import asyncio, sys, websockets
async def echo(ws, path):
    async for m in ws:
        await ws.send(m)
async def main():
    async with websockets.serve(echo, sys.argv[1], 8765):
        await asyncio.Future()
asyncio.run(main())
END
cat >"$LAB_DIR/talk.py" <<'END'
import asyncio, ssl, sys, websockets
async def main():
    tls = ssl.create_default_context(cafile=sys.argv[1])
    async with websockets.connect("wss://ws.test/", host=sys.argv[2], port=443, ssl=tls, server_hostname="ws.test", max_size=None) as ws:
        for n in (1, 125, 126, 65536, 1000000):
            await ws.send(bytes(n))
            assert await ws.recv() == bytes(n)
        await ws.send("a text")
        print(await ws.recv())
asyncio.run(main())
END

nsd_again() {
	kill "${LAB_PIDS[0]}" && wait "${LAB_PIDS[0]}"
	background "$SERVER_NS" nsd -d -c "$LAB_DIR/nsd/nsd.conf"
	wait_for 5 server dig +short +time=1 +tries=1 "@$NS4" silent.lab.example A
}

relay_config() {
	cat >"$LAB_DIR/isthmus.yaml" <<-END
		relay:
		  allow: ["2001:db8:1::/64", 192.0.2.0/24]
		  connections-per-client: 500
		  resolver: [$NS4]
		  timeouts: { connect: 2s, head: 2s }
		  services:
		    - type: http-reverse
		      name: web
		      listen: ["[$GW6]:443", "$GW4:443", "[$GW6]:80", "$GW4:80"]
		      routes:
		        - { host: four.test, to: "$NS4:8001", tls: { certificate: four.pem, key: four.key } }
		        - { host: ws.test, to: "$NS4:8765", tls: { certificate: four.pem, key: four.key } }
		        - { host: six.test, to: "[$CLIENT6]:8001", tls: { certificate: six.pem, key: six.key } }
		        - { host: "*.pass.test", to: "$NS4:8443", tls: passthrough }
		        - { host: pass6.test, to: "[$CLIENT6]:8443", tls: passthrough }
		        - { host: four.test, to: "$NS4:8001" }
		        - { host: six.test, to: "[$CLIENT6]:8001" }
		        - { host: silent.test, to: "silent.lab.example:8001" }
		        - { host: unreachable.test, to: "both.lab.example:8001" }
		        - { host: refusing.test, to: "refusing.lab.example:8001" }
		        - host: two.test
		          to: ["$NS4:8001", "$NS4:8002"]
		          health: { interval: 200ms, timeout: 1s, fall: 2, rise: 1, path: /who }
		        - { host: hash.test, to: ["$NS4:8001", "$NS4:8002"], balance: hash, health: { interval: 0s } }
		        - { host: raced.test, to: ["[2001:db8:9::11]:8001", "$NS4:8001"], health: { interval: 0s } }
		        - { host: posted.test, to: ["[2001:db8:9::12]:8001", "$NS4:8001"], health: { interval: 0s } }
		        - { host: last.test, to: ["[2001:db8:9::13]:8001", "[2001:db8:9::14]:8001", "$NS4:8001"], health: { interval: 0s } }
		        - { host: raced-tls.test, to: ["[2001:db8:9::15]:8443", "$NS4:8443"], to-tls: true, to-ca: servers.pem, health: { interval: 0s } }
		        - { host: secret.test, to: "$NS4:8443", to-tls: true, to-ca: servers.pem }
		        - { host: impostor.test, to: "$NS4:8443", to-tls: true, to-ca: other.pem }
		    - { type: tcp, name: raced, listen: "[$GW6]:8099", to: ["[2001:db8:9::16]:8001", "$NS4:8001"], health: { interval: 0s } }
		control:
		  socket: $LAB_DIR/run/control.sock
		  metrics: "[::1]:9964"
		log:
		  level: info
	END
}
relay_serves() {
	kill -0 "$GATEWAY_PID" 2>/dev/null || return 2
	isthmus status >/dev/null 2>&1 && client curl -sf -m 1 -o /dev/null --connect-to "::[$GW6]:80" "http://four.test/"
}
cat >>"$LAB_DIR/nsd/lab.example.zone" <<END
silent IN A $NS4
silent IN AAAA 2001:db8:9::1
refusing IN A $NS4
refusing IN AAAA $GW6
END
must "the name server knows more" nsd_again
gw ip -6 route add 2001:db8:9::/64 via "$CLIENT6"
relay_config
lab_gateway_begin
must "the gateway serves" wait_for 20 relay_serves
background "$SERVER_NS" /usr/bin/python3 "$LAB_DIR/echo.py" "$NS4"

# With `client` over IPv6, with `server` over IPv4.
gateway_of() { if [ "$1" = client ]; then printf '[%s]' "$GW6"; else printf '%s' "$GW4"; fi; }
ask() { # BOX OPTION... URL
	local box=$1
	shift
	"$box" curl -sS -m 20 --connect-to "::$(gateway_of "$box"):" "$@"
}
fetch() { ask "$@" -f -o "$LAB_DIR/out/got" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }

section "TLS ends at the gateway"
of_four() { ask client --cacert "$LAB_DIR/four.pem" -w '%{http_version}\n' "$@" https://four.test/who; }
step "an IPv6 client, HTTP/2, an IPv4 server that sees whose request it is" \
	prints "^first four.test xff=$CLIENT6 proto=https fwd=.*for=\"\[$CLIENT6\].*\".*via=2" of_four
step "... over HTTP/1.1" prints '^1.1$' of_four --http1.1
step "an IPv4 client, an IPv6 server" prints "^sixth six.test xff=$NS4 proto=https fwd=.*for=$NS4" \
	ask server --cacert "$LAB_DIR/six.pem" https://six.test/who
step "a file, by its hash, over HTTP/2" fetch client --cacert "$LAB_DIR/four.pem" https://four.test/big
step "... and over HTTP/1.1 from the IPv6 server" fetch server --http1.1 --cacert "$LAB_DIR/six.pem" https://six.test/big
step "the certificate is that of the name" not ask client --cacert "$LAB_DIR/four.pem" https://six.test/who
step "another host on the same connection is misdirected" prints '^421$' \
	ask client --cacert "$LAB_DIR/four.pem" -o /dev/null -w '%{http_code}\n' -H 'Host: six.test' https://four.test/who
step "... unless it has the same certificate" prints '^4\(00\|26\)$' \
	ask client --cacert "$LAB_DIR/four.pem" -o /dev/null -w '%{http_code}\n' -H 'Host: ws.test' https://four.test/who
handshakes() { client openssl s_client -connect "[$GW6]:443" -servername four.test "$@" </dev/null 2>&1; }
reused() { same "$(handshakes -tls1_2 -reconnect | grep -c '^Reused')" 5; }
step "sessions are resumed, whichever thread takes the connection (TLS 1.2)" reused
resumed13() {
	local i
	(sleep 0.3) | client openssl s_client -connect "[$GW6]:443" -servername four.test -sess_out "$LAB_DIR/session" >/dev/null 2>&1
	for i in 1 2 3 4; do handshakes -sess_in "$LAB_DIR/session" | grep -q '^Reused, TLSv1.3' || return; done
}
step "... (TLS 1.3)" resumed13
step "TLS 1.1 is refused" prints 'alert protocol version\|no protocols available' handshakes -tls1_1
step "a name without a route is not known" prints 'unrecognized name' handshakes -servername unknown.test
if /usr/bin/python3 -c 'import websockets' 2>/dev/null; then
	step "WebSocket, up to a megabyte in one message" prints 'a text' client /usr/bin/python3 "$LAB_DIR/talk.py" "$LAB_DIR/four.pem" "$GW6"
else
	skip "WebSocket: python3-websockets is not installed (tools/install-deps --lab)"
fi

section "TLS passes through"
step "an IPv6 client sees the IPv4 server's certificate, and HTTP/2" prints '^2$' \
	ask client --cacert "$LAB_DIR/servers.pem" -o /dev/null -w '%{http_version}\n' https://a.pass.test/
step "an IPv4 client has a file of the IPv6 server" fetch server --cacert "$LAB_DIR/servers.pem" https://pass6.test/big

section "to the servers"
step "over TLS, with a certificate that is checked" prints '^first' ask client http://secret.test/who
step "a server that cannot prove who it is gets nothing" prints '^502$' \
	ask client -o /dev/null -w '%{http_code}\n' http://impostor.test/who
step "a host without a route" prints '^421$' ask server -o /dev/null -w '%{http_code}\n' http://unknown.test/
both() { for _ in 1 2 3 4; do ask client http://two.test/who; done | cut -d ' ' -f 1 | sort -u | tr '\n' ' '; }
both_again() { same "$(both)" "first second "; }
step "both servers of a route have their turns" both_again
always_one() { same "$(for _ in 1 2 3 4; do ask server http://hash.test/who; done | cut -d ' ' -f 1 | sort | uniq -c | wc -l)" 1; }
step "... or a client always the same one" always_one
answers() { for _ in $(seq 20); do ask client -f -o /dev/null http://two.test/who || return; done; }
web_ends "$SERVER_NS" second
step "one of two servers has ended, and nobody notices" answers
is_down() { grep -c "the target $NS4:8002 is down" "$LAB_DIR/gateway.log"; }
step "... but the log" wait_for 5 is_down
step "... and the operator" prints "$NS4:8002 is down .*the last one: \(connection refused\|not reached\)" isthmus status
web "$SERVER_NS" second "$NS4:8002"
step "it is used again when it is back" wait_for 5 prints "the target $NS4:8002 is up again" cat "$LAB_DIR/gateway.log"
step "... by turns" both_again

step "a server is up again, in the metrics too" prints "relay_target_up{target=\"$NS4:8002\",checked=\"yes\"} 1" \
	gw curl -sS "http://[::1]:9964/metrics"

section "a family of a server is dead"
# The client's box drops what is for others without a word; nobody has a route to the other address.
within() { ask client -f -o /dev/null -w '%{time_total}\n' "http://$1/who" | awk '{ print; exit $1 > 0.4 }'; }
step "it drops packets: an answer within 400 ms" within silent.test
step "there is no way to it: an answer within 400 ms" within unreachable.test
step "nobody listens: an answer within 400 ms" within refusing.test

section "one of several servers is dead, and drops packets"
# Whatever is for 2001:db8:9::/64 is lost. The next one is tried after a quarter of a second, and goes first from then on.
between() { # LEAST MOST COMMAND...
	local least=$1 most=$2
	shift 2
	"$@" -f -o "$LAB_DIR/out/who" -w '%{time_total}\n' | awk -v least="$least" -v most="$most" '{ print; exit !($1 >= least && $1 <= most) }' &&
		grep -q '^first' "$LAB_DIR/out/who"
}
step "a request is answered within 400 ms" between 0.24 0.4 ask client http://raced.test/who
step "... the next ones at once" between 0 0.2 ask client http://raced.test/who
step "... by the other family's clients, too" between 0 0.2 ask server http://raced.test/who
step "one that may not be repeated is, too, as it was not sent before" between 0.24 0.6 ask client -d data http://posted.test/who
step "with two of three dead, in two steps" between 0.48 0.9 ask client http://last.test/who
step "over TLS, and the certificate is that of the one that was reached" between 0.24 0.6 ask client http://raced-tls.test/who
step "a connection of the service tcp" between 0.24 0.6 client curl -sS -m 20 "http://[$GW6]:8099/who"
step "... the next one" between 0 0.2 client curl -sS -m 20 "http://[$GW6]:8099/who"
step "the operator sees why" prints '2001:db8:9::11\]:8001.*not there after 250 ms' isthmus status
step "... and how often" prints ' \([5-9]\|[1-9][0-9]\)  retried ' isthmus counters

section "another configuration"
# Some requests are under way at each reload.
reloads() { for _ in 1 2 3 4 5; do sleep 0.3 && isthmus reload || return; done; }
loses_nothing() { # COMMAND...
	"$@" >"$LAB_DIR/out/load" 2>&1 &
	local load=$!
	LAB_PIDS+=("$load")
	reloads || return
	wait "$load"
	cat "$LAB_DIR/out/load"
}
step "no request is lost over HTTP/1.1" prints 'Requests/sec' loses_nothing \
	client wrk -t 1 -c 20 -d 2s -H 'Host: four.test' "http://[$GW6]/who"
step "... none was answered with an error, none broke" not grep -E 'Non-2xx|Socket errors' "$LAB_DIR/out/load"
# curl opens another connection when it is told to go (GOAWAY), as browsers do; h2load does not.
of_h2() {
	ask client --cacert "$LAB_DIR/four.pem" -f -Z --parallel-max 20 --no-progress-meter -o /dev/null \
		-w '%{http_version} %{http_code} %{num_connects}\n' 'https://four.test/who?[1-25000]'
}
step "... nor over HTTP/2" loses_nothing of_h2
all_answered() { same "$(grep -c '^2 200' "$LAB_DIR/out/load")" 25000; }
step "... each of 25000 was answered" all_answered
several() { [ "$(grep -c '^2 200 1$' "$LAB_DIR/out/load")" -gt 3 ]; }
step "... over a connection of each configuration" several
cp "$LAB_DIR/four.pem" "$LAB_DIR/old.pem"
ask client --cacert "$LAB_DIR/old.pem" -o "$LAB_DIR/out/slow" https://four.test/slow &
SLOW=$!
LAB_PIDS+=("$SLOW")
begun() { [ -s "$LAB_DIR/out/slow" ]; }
must "a download begins" wait_for 5 begun
certificate four DNS:four.test DNS:ws.test
step "a certificate is renewed" isthmus reload
step "new connections are shown it" ask client --cacert "$LAB_DIR/four.pem" -o /dev/null https://four.test/
step "... and not the old one" not ask client --cacert "$LAB_DIR/old.pem" -o /dev/null https://four.test/
whole() { wait "$SLOW" && same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH"; }
step "a download that began before goes on to its end" whole
printf 'no certificate\n' >"$LAB_DIR/four.pem"
step "one that cannot be used is refused" prints 'four.pem' not isthmus reload
step "... and all goes on" ask client -f -o /dev/null http://two.test/who

lab_end
