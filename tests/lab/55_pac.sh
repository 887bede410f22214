#!/usr/bin/env bash
# 55_pac.sh - a browser finds the proxy by itself: PAC and WPAD, from either family
#
#   client: IPv6 only                      gw: isthmus run                       server: IPv4 only
#   nginx [2001:db8:1::2]:80               relay: pac :80, http-forward :3128    nginx 192.0.2.10:80, 198.51.100.10:80
#   Chromium                               2001:db8:1::1, 192.0.2.1              Chromium
#
# There is no translator and no DNS64: what the browser does not send through the proxy it does not reach.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "PAC and WPAD: a browser finds the proxy by itself"
must "the lab stands" lab_up
sed "s/listen $NS4:80;/listen [::]:80 ipv6only=on;/; /listen $WEB4\|listen $GLOBAL4/d; s/nginx.pid/six.pid/; s/access\.log/six.log/" \
	"$LAB_DIR/nginx/nginx.conf" >"$LAB_DIR/nginx/six.conf"
background "$CLIENT_NS" nginx -e "$LAB_DIR/nginx/six-error.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"
mkdir -p "/etc/netns/$SERVER_NS"
printf '%s proxy.lab.example wpad\n::1 localhost\n' "$GW6" >"/etc/netns/$CLIENT_NS/hosts"
printf '%s proxy.lab.example wpad\n127.0.0.1 localhost\n' "$GW4" >"/etc/netns/$SERVER_NS/hosts"
cat >"$LAB_DIR/isthmus.yaml" <<END
relay:
  allow: ["2001:db8:1::/64", 192.0.2.0/24]
  resolver: [$NS4]
  timeouts: { head: 1s }
  services:
    - { type: pac, listen: ["[$GW6]:80", "$GW4:80"], proxy: "proxy.lab.example:3128" }
    - { type: http-forward, name: proxy, listen: ["[$GW6]:3128", "$GW4:3128"] }
control:
  socket: $LAB_DIR/run/control.sock
END
lab_gateway_begin
pac() { client curl -sS -m 5 "$@"; }
must "the gateway serves" wait_for 20 pac -f -o /dev/null http://wpad/wpad.dat

section "the file"
step "it is served as what it is" prints 'Content-Type: application/x-ns-proxy-autoconfig' pac -D - http://wpad/wpad.dat
step "its old name is known too" prints 'PROXY proxy.lab.example:3128' pac "http://[$GW6]/proxy.pac"
step "nothing else is" prints '^404$' pac -o /dev/null -w '%{http_code}\n' http://wpad/../etc/passwd
step "nobody can send anything" prints '^405$' pac -o /dev/null -w '%{http_code}\n' -d x http://wpad/wpad.dat
step "who says nonsense is told" prints '^400$' pac -o /dev/null -w '%{http_code}\n' -H 'Bad Header: x' http://wpad/wpad.dat
slow() { local ms; ms=$(milliseconds_until client timeout 5 bash -c "exec 3<>/dev/tcp/$GW6/80; printf 'GET / HT' >&3; cat <&3 >/dev/null; true") && [ "$ms" -lt 3000 ]; }
step "who says nothing more is closed" slow
step "a client over IPv4 is told of the proxy for IPv6 addresses" prints 'fe.*DIRECT" : proxy' server curl -sS -m 5 http://wpad/wpad.dat

if command -v node >/dev/null; then
	section "what it says"
	decides() { # FAMILY HOST WANTED
		"$1" curl -sS -m 5 http://wpad/wpad.dat >"$LAB_DIR/out/pac.js"
		same "$(node -e 'eval(require("fs").readFileSync(process.argv[1], "utf8") + ";FindProxyForURL"); console.log(eval(require("fs").readFileSync(process.argv[1], "utf8") + ";FindProxyForURL")("http://x/", process.argv[2]))' "$LAB_DIR/out/pac.js" "$2")" "$3"
	}
	P="PROXY proxy.lab.example:3128"
	while read -r family host wanted; do
		step "$family, $host: $wanted" decides "$family" "$host" "${wanted/P/$P}"
	done <<-END
		client www.example.net P; DIRECT
		client 198.51.100.10 P
		client 2001:db8::1 DIRECT
		client [2001:db8::1] DIRECT
		client localhost DIRECT
		client 127.0.0.1 DIRECT
		client fe80::1 DIRECT
		client printer DIRECT
		client proxy.lab.example DIRECT
		server 198.51.100.10 DIRECT
		server 2001:db8::1 P
		server ::1 DIRECT
		server www.example.net P; DIRECT
	END
fi

if command -v chromium >/dev/null; then
	section "a browser"
	browse() { # BOX HOW URL
		"$1" timeout 30 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
			--user-data-dir="$LAB_DIR/chromium-$1" "$2" --dump-dom "$3" 2>"$LAB_DIR/out/chromium"
	}
	step "IPv6 only, WPAD: a name that has IPv4 only" prints 'IPv4-only server' browse client --proxy-auto-detect http://www.lab.example/
	step "IPv6 only, PAC: an IPv4 address" prints 'IPv4-only server' browse client "--proxy-pac-url=http://[$GW6]/proxy.pac" "http://$WEB4/"
	step "IPv4 only, WPAD: an IPv6 address" prints 'IPv4-only server' browse server --proxy-auto-detect "http://[$CLIENT6]/"
	SHOW=1 step "all of them came through the proxy" prints 'proxy at' isthmus status
else
	skip "a browser: chromium is not installed"
fi
rm -rf "/etc/netns/$SERVER_NS"
lab_end
