#!/usr/bin/env bash
# 53_http_forward.sh - a proxy for the web: HTTP/1.1 and HTTP/2, tunnels, bodies, passwords, and clients with bad manners
#
#   client: 2001:db8:1::2, IPv6 only       gw: isthmus run                   server: 192.0.2.10, IPv4 only
#   curl, wget, nghttp, Chromium           :3128 HTTP, :3129 over TLS        nginx :80, an origin that tells :8000,
#   nginx :80 for the other direction      :3130 with passwords              WebSocket :8001
#
# What arrives at the origin is looked at there, and not only what comes back.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS wget openssl nghttp h2load wrk htpasswd"

lab_begin "A proxy for the web"
must "the lab stands" lab_up

HELPER=$LAB_ROOT/tests/lab/http_forward.py
ORIGIN=$NS4:8000
background "$SERVER_NS" /usr/bin/python3 "$HELPER" origin "$NS4" 8000 "$LAB_DIR/out/origin.log"
background "$SERVER_NS" /usr/bin/python3 "$HELPER" websocket "$NS4" 8001
cat >"$LAB_DIR/nginx/six.conf" <<-END
	user root;
	worker_processes 1;
	daemon off;
	pid $LAB_DIR/nginx/six.pid;
	events { worker_connections 256; }
	http {
		access_log off;
		client_body_temp_path $LAB_DIR/nginx/body6;
		server { listen [::]:80 ipv6only=on; root $LAB_DIR/www; }
	}
END
background "$CLIENT_NS" nginx -e "$LAB_DIR/nginx/six.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB_DIR/proxy.key" -out "$LAB_DIR/proxy.pem" \
	-days 3 -subj /CN=proxy.lab.example -addext "subjectAltName=DNS:proxy.lab.example,IP:$GW6" 2>/dev/null
background "$SERVER_NS" openssl s_server -accept "$WEB4:443" -www -cert "$LAB_DIR/proxy.pem" -key "$LAB_DIR/proxy.key"
htpasswd -nbB -C 5 ada secret >"$LAB_DIR/users" 2>/dev/null
htpasswd -nbm bob secret2 >>"$LAB_DIR/users" 2>/dev/null
sed -i '/^$/d' "$LAB_DIR/users"
cat >"$LAB_DIR/isthmus.yaml" <<-END
	relay:
	  allow: ["2001:db8:1::/64", 192.0.2.0/24]
	  connections-per-client: 2000
	  resolver: [$NS4]
	  timeouts: { connect: 2s, head: 1s }
	  services:
	    - { type: http-forward, name: proxy, listen: ["[$GW6]:3128", "$GW4:3128"] }
	    - { type: http-forward, name: proxy-tls, listen: "[$GW6]:3129", tls: { certificate: $LAB_DIR/proxy.pem, key: $LAB_DIR/proxy.key } }
	    - { type: http-forward, name: proxy-users, listen: "[$GW6]:3130", users: $LAB_DIR/users }
	control:
	  socket: $LAB_DIR/run/control.sock
	log:
	  level: info
END
relay_serves() {
	kill -0 "$GATEWAY_PID" 2>/dev/null || return 2
	isthmus status >/dev/null 2>&1 && client curl -sf -m 1 -o /dev/null -x "http://[$GW6]:3128" "http://$WEB4/"
}
lab_gateway_begin
must "the gateway serves" wait_for 20 relay_serves
wait_for 5 server curl -sf -m 1 -o /dev/null "http://$ORIGIN/"

PROXY=(-x "http://[$GW6]:3128")
PROXY_TLS=(-x "https://proxy.lab.example:3129" --proxy-cacert "$LAB_DIR/proxy.pem" --resolve "proxy.lab.example:3129:[$GW6]")
fetch() { # NS URL CURL-ARGUMENTS...
	local ns=$1 url=$2
	shift 2
	"$ns" curl -sS -f -m 20 "$@" -o "$LAB_DIR/out/got" "$url" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"
}

section "both directions"
step "an IPv6-only client has a file of an IPv4-only server, by name" fetch client http://www.lab.example/big "${PROXY[@]}"
step "by its IPv4 address" fetch client "http://$WEB4/big" "${PROXY[@]}"
step "by its IPv4 address inside brackets" fetch client "http://[::ffff:$WEB4]/big" "${PROXY[@]}"
step "through a tunnel" fetch client http://www.lab.example/big -p "${PROXY[@]}"
step "an IPv4-only client has a file of an IPv6-only server, by its address" fetch server "http://[$CLIENT6]/big" -x "http://$GW4:3128"
wgets() { client env http_proxy="http://[$GW6]:3128" wget -q -T 5 -t 1 -O "$LAB_DIR/out/got" http://www.lab.example/big && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
step "wget has it too" wgets
took() { "$@" -o /dev/null -w '%{time_total} %{http_code}\n'; }
step "a host with a dead IPv6 address answers within 400 ms" prints '^0\.[0-3][0-9]* 200' took client curl -sS -m 5 "${PROXY[@]}" http://both.lab.example/

section "HTTP/2 and TLS"
step "over TLS to the proxy" fetch client http://www.lab.example/big "${PROXY_TLS[@]}"
step "a tunnel over TLS to the proxy" fetch client http://www.lab.example/big -p "${PROXY_TLS[@]}"
h2_file() { client nghttp --no-dep -t 10 -H ':authority: www.lab.example' "http://[$GW6]:3128/big" >"$LAB_DIR/out/got" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
step "a file over HTTP/2" h2_file
many_streams() { client h2load -n 2000 -c 4 -m 20 -H ':authority: www.lab.example' "http://[$GW6]:3128/"; }
step "2000 requests in 80 streams of HTTP/2 at a time" prints '2000 succeeded' many_streams

h2_upload() {
	head -c 700000 "$LAB_DIR/www/big" >"$LAB_DIR/out/part"
	client nghttp --no-dep -t 10 -d "$LAB_DIR/out/part" -H ":authority: $ORIGIN" "http://[$GW6]:3128/upload" |
		prints "$(hash_of "$LAB_DIR/out/part") 700000" cat
}
# Many times: a window that stayed shut stopped one of thirty.
h2_uploads() {
	local i
	for i in $(seq 1 30); do h2_upload >/dev/null || return; done
}
step "bodies over HTTP/2" h2_uploads

section "what arrives"
fields() { client curl -sS -m 5 "${PROXY[@]}" "http://$ORIGIN/x?y" -H 'X-Hop: 1' -H 'Connection: X-Hop' -H 'Via: 1.0 before'; }
step "Via and Forwarded say who was there" prints 'Via: 1.1 isthmus-' fields
step "and for whom" prints "Forwarded: for=\"\[$CLIENT6\]\";proto=http" fields
step "what is for one connection only stays there" not prints 'X-Hop' fields
step "a chunked body, its trailer, and 100-continue" prints 'arrived' client /usr/bin/python3 "$HELPER" upload "$GW6" 3128 "$ORIGIN"
trailers() { client curl -sS -m 5 --raw "${PROXY[@]}" "http://$ORIGIN/trailers"; }
step "the trailers of an answer" prints 'X-Sum: 1' trailers
step "WebSocket" prints 'echoed 100000 bytes' client /usr/bin/python3 "$HELPER" echo "$GW6" 3128 "$NS4:8001"
SHOW=1 step "what can be understood in two ways is refused, and the origin does not hear of it" \
	client /usr/bin/python3 "$HELPER" corpus "$GW6" 3128 "$ORIGIN" "$LAB_DIR/out/origin.log" "$LAB_ROOT/tests/lab/http_smuggling.txt"

section "who may"
code() { client curl -s -m 5 -o /dev/null -w '%{http_code}\n' "$@"; }
step "without a password nobody" prints 407 code -x "http://[$GW6]:3130" "http://$ORIGIN/"
step "a wrong one" prints 407 code -x "http://ada:wrong@[$GW6]:3130" "http://$ORIGIN/"
step "bcrypt" prints 200 code -x "http://ada:secret@[$GW6]:3130" "http://$ORIGIN/"
step "Apache's MD5" prints 200 code -x "http://bob:secret2@[$GW6]:3130" "http://$ORIGIN/"
step "a tunnel" prints 200 code -p -x "http://ada:secret@[$GW6]:3130" "http://$ORIGIN/"
step "the proxy itself" prints 403 code "${PROXY[@]}" "http://[$GW6]:3128/"
step "a name without address" prints 502 code "${PROXY[@]}" http://nowhere.lab.example/
step "nobody listens" prints 502 code "${PROXY[@]}" "http://$NS4:1/"

section "bad manners"
step "slow heads are shown the door" prints '^0 left' client /usr/bin/python3 "$HELPER" slow "$GW6" 3128 200
step "clients leave at every point" prints 'left at every point' client /usr/bin/python3 "$HELPER" vanish "$GW6" 3128 "$ORIGIN"
cat >"$LAB_DIR/out/absolute.lua" <<-END
	wrk.path = "http://$WEB4/"
	wrk.headers["Host"] = "$WEB4"
END
flood() { client wrk -t1 -c200 -d1s -s "$LAB_DIR/out/absolute.lua" "http://[$GW6]:3128"; }
step "200 clients at once lose no request" not prints 'Non-2xx|Socket errors: connect [1-9]' flood
nobody_left() { isthmus status | grep -qE 'proxy .* 0 '; }
step "afterwards it serves as before" fetch client http://www.lab.example/big "${PROXY[@]}"

if command -v chromium >/dev/null; then
	section "a browser"
	cat >"$LAB_DIR/www/page.html" <<-END
		<html><body><p id="a">nothing</p><script src="/page.js"></script></body></html>
	END
	echo 'document.getElementById("a").textContent = "Chromium was here";' >"$LAB_DIR/www/page.js"
	browse() { # PROXY ARGUMENTS...
		local proxy=$1
		shift
		client timeout 25 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$LAB_DIR/out/chromium" \
			--proxy-server="$proxy" --ignore-certificate-errors --dump-dom "$1" 2>/dev/null
	}
	step "Chromium over HTTP" prints 'Chromium was here' browse "http://[$GW6]:3128" http://www.lab.example/page.html
	step "Chromium over HTTP/2 and TLS" prints 'Chromium was here' browse "https://[$GW6]:3129" http://www.lab.example/page.html
	step "Chromium in a tunnel inside HTTP/2, to a server with TLS" prints 'New, TLSv1.3' browse "https://[$GW6]:3129" https://www.lab.example/
else
	skip "a browser" "chromium is not installed"
fi
SHOW=1 step "the operator sees it" prints 'proxy-tls' isthmus status

lab_end
