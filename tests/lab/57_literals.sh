#!/usr/bin/env bash
# 57_literals.sh - a page with links of every kind, in a real browser on an IPv6-only host, in four ways: which of them work
#
#   client: 2001:db8:1::2, ::9, IPv6 only      gw: isthmus run                       server: 192.0.2.10, IPv4 only
#   Chromium; isthmus run (clat) at the end    NAT64, DNS64                          nginx :80, the page
#                                              relay: http-forward for all,          six: 2001:db8:6::2, IPv6 only
#                                              transparent with literal-zone for ::9 nginx :80
#
# Links lead to names with A only, AAAA only and both, and to literals of both families.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS nft"
CLAT_PID=
OTHER6=2001:db8:1::9
SIX6=2001:db8:6::2
SIX_NS=ist$$-six
MORE_NS=("$SIX_NS")

clat_down() {
	[ -z "$CLAT_PID" ] || kill -TERM "$CLAT_PID" 2>/dev/null
	[ "$FAILED" = 0 ] || [ ! -s "$LAB_DIR/clat.log" ] || tail -n 25 "$LAB_DIR/clat.log" | sed 's/^/     clat: /'
}

lab_begin "Links to addresses, in a browser"
command -v chromium >/dev/null || lab_skip_all "chromium is not installed"
trap 'clat_down; lab_exit' EXIT
must "the lab stands" lab_up
ip -n "$CLIENT_NS" addr add "$OTHER6/64" dev uplink nodad preferred_lft 0
ip netns add "$SIX_NS"
ip link add six6 netns "$GW_NS" type veth peer name uplink netns "$SIX_NS"
ip -n "$GW_NS" addr add 2001:db8:6::1/64 dev six6 nodad
ip -n "$GW_NS" link set six6 up
ip -n "$SIX_NS" link set lo up
ip -n "$SIX_NS" addr add "$SIX6/64" dev uplink nodad
ip -n "$SIX_NS" link set uplink up
ip -n "$SIX_NS" -6 route add default via 2001:db8:6::1
gw sysctl -qw net.ipv6.conf.all.forwarding=1
sed "s/listen $NS4:80;/listen [::]:80 ipv6only=on;/; /listen $WEB4\|listen $GLOBAL4/d; s/nginx.pid/six.pid/; s/access\.log/six.log/" \
	"$LAB_DIR/nginx/nginx.conf" >"$LAB_DIR/nginx/six.conf"
background "$SIX_NS" nginx -e "$LAB_DIR/nginx/six-error.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"

# Each link is followed by the page itself, and what is there says its number.
LINKS=("A only|http://www.lab.example" "AAAA only|http://here6.lab.example" "A and AAAA|http://here46.lab.example"
	"IPv4 literal|http://$WEB4" "IPv6 literal|http://[$SIX6]")
echo 'document.getElementById("n" + new URL(document.currentScript.src).search.slice(1)).textContent = "works";' \
	>"$LAB_DIR/www/link.js"
{
	echo '<!DOCTYPE html><html><body>'
	for i in "${!LINKS[@]}"; do echo "<p id=\"n$i\">fails</p>"; done
	for i in "${!LINKS[@]}"; do echo "<script src=\"${LINKS[$i]#*|}/link.js?$i\"></script>"; done
	echo '</body></html>'
} >"$LAB_DIR/www/links.html"

lab_config dedicated
cat >>"$LAB_DIR/isthmus.yaml" <<-END
	relay:
	  allow: "2001:db8:1::/64"
	  services:
	    - { type: http-forward, name: proxy, listen: "[$GW6]:3128" }
	    - { type: transparent, name: take, listen: "[::]:8480", allow: "$OTHER6", literal-zone: v4.lab.example }
END
relay_serves() { kill -0 "$GATEWAY_PID" 2>/dev/null || return 2; client curl -sf -m 1 -o /dev/null -x "http://[$GW6]:3128" http://www.lab.example/; }
lab_gateway_begin
must "the gateway serves" wait_for 20 relay_serves

BROWSER_HOME=$LAB_DIR/out/browser
# What the page says of each link, in one line: works works fails ... Addresses for documentation are to Chromium a local network,
# which pages of others may not use; those of the internet are none.
browse() { # CHROMIUM-ARGUMENTS...
	client env HOME="$BROWSER_HOME" timeout 20 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$BROWSER_HOME" \
		--disable-features=LocalNetworkAccessChecks \
		"$@" --dump-dom http://www.lab.example/links.html 2>/dev/null | sed -n 's/.*<p id="n[0-9]">\([a-z]*\)<.*/\1/p' | tr '\n' ' '
}
declare -A TABLE
try() { # MODE WANTED CHROMIUM-ARGUMENTS...
	local mode=$1 wanted=$2
	shift 2
	rm -rf "$BROWSER_HOME"
	TABLE[$mode]=$(browse "$@")
	same "${TABLE[$mode]% }" "$wanted"
}
ALL="works works works works works"

section "which links work"
step "NAT64 and DNS64 alone: all but the IPv4 literal" try nat64 "works works works fails works"
step "with the proxy: all" try proxy "$ALL" --proxy-server="http://[$GW6]:3128"
ip -n "$CLIENT_NS" -6 route change default via "$GW6" dev uplink src "$OTHER6"
step "with links that are changed on their way: all" try rewritten "$ALL"
step "the page has the name in it" prints '"http://198-51-100-10\.v4\.lab\.example/link\.js.3"' \
	client curl -sS -m 5 --interface "$OTHER6" http://www.lab.example/links.html
literal() { client dig +short +time=2 "@$GW6" "$1" "$2"; }
step "the resolver knows it" prints '^64:ff9b::c633:640a$' literal 198-51-100-10.v4.lab.example AAAA
step "in IPv4 too" prints '^198\.51\.100\.10$' literal 198-51-100-10.v4.lab.example A
step "and no other name there" prints 'NXDOMAIN' client dig +time=2 "@$GW6" www.v4.lab.example AAAA
ip -n "$CLIENT_NS" -6 route change default via "$GW6" dev uplink

mkdir -p "$LAB_DIR/clat"
printf 'clat:\n  allow-non-global: true\n  prefix: "64:ff9b::/96"\ncontrol:\n  socket: %s\n  metrics: off\n' "$LAB_DIR/clat/control.sock" >"$LAB_DIR/clat.yaml"
ip netns exec "$CLIENT_NS" "$ISTHMUS" run --config "$LAB_DIR/clat.yaml" >>"$LAB_DIR/clat.log" 2>&1 &
CLAT_PID=$!
clat_serves() { kill -0 "$CLAT_PID" 2>/dev/null || return 2; client curl -sf -m 1 -o /dev/null "http://$WEB4/"; }
must "a CLAT on the host" wait_for 20 clat_serves
step "with it: all" try clat "$ALL"

section "the table"
printf '     %-14s %-12s %-12s %-12s %-12s\n' link nat64 proxy rewritten clat
for i in "${!LINKS[@]}"; do
	row=()
	for mode in nat64 proxy rewritten clat; do row+=("$(cut -d ' ' -f $((i + 1)) <<<"${TABLE[$mode]:-}")"); done
	printf '     %-14s %-12s %-12s %-12s %-12s\n' "${LINKS[$i]%%|*}" "${row[@]}"
done

lab_end
