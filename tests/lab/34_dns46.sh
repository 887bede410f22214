#!/usr/bin/env bash
# 34_dns46.sh - an IPv4-only client reaches IPv6-only servers by their names: DNS46
#
#   IPv6-only servers ------------- gw: isthmus run ------------------------- IPv4-only client, and upstream.py :5300
#   nginx 2001:db8:1::2, ::3, ::4   dns46: two addresses, 192.0.2.80/31       192.0.2.10
#                                   siit:  2001:db8:46::/96 is the clients
#
# The boxes of the other labs with their parts exchanged. The pool lies in the subnet of the client, so the gateway answers
# for it there. NAT64 is on beside it, so that a server that was lent an address is also a client of that.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "DNS46: IPv6-only servers for IPv4-only clients"
must "the lab stands" lab_up
BACK_MS=$(back_ms)
SEEN=2001:db8:46::$(printf '%x:%x' $((192 * 256)) $((2 * 256 + 10)))
for address in 2001:db8:1::3 2001:db8:1::4; do
	ip -n "$CLIENT_NS" addr add "$address/64" dev uplink nodad preferred_lft 0
done
mkdir -p "/etc/netns/$SERVER_NS" && printf 'nameserver %s\n' "$GW4" >"/etc/netns/$SERVER_NS/resolv.conf"
cat >"$LAB_DIR/script" <<'END'
www.lab.example A : www.lab.example 300 A 198.51.100.10
web.six.example AAAA : web.six.example 300 AAAA 2001:db8:1::2
web.six.example A : / six.example 300 SOA 20
alias.six.example * : alias.six.example 300 CNAME web.six.example / six.example 300 SOA 20
alias.six.example AAAA : alias.six.example 300 CNAME web.six.example; web.six.example 300 AAAA 2001:db8:1::2
second.six.example AAAA : second.six.example 300 AAAA 2001:db8:1::3
second.six.example A : / six.example 300 SOA 20
third.six.example AAAA : third.six.example 300 AAAA 2001:db8:1::4
third.six.example A : / six.example 300 SOA 20
both.six.example A : both.six.example 300 A 198.51.100.10
both.six.example AAAA : both.six.example 300 AAAA 2001:db8:1::4
ours.six.example AAAA : ours.six.example 300 AAAA 64:ff9b::c000:201
ours.six.example A : / six.example 300 SOA 20
web.other.example AAAA : web.other.example 300 AAAA 2001:db8:1::4
web.other.example A : / other.example 300 SOA 20
END
cat >"$LAB_DIR/nginx/six.conf" <<END
user root;
worker_processes 1;
daemon off;
pid $LAB_DIR/nginx/six.pid;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path $LAB_DIR/nginx/body6;
	proxy_temp_path $LAB_DIR/nginx/proxy6;
	fastcgi_temp_path $LAB_DIR/nginx/fastcgi6;
	uwsgi_temp_path $LAB_DIR/nginx/uwsgi6;
	scgi_temp_path $LAB_DIR/nginx/scgi6;
	server {
		listen [::]:80 ipv6only=on;
		root $LAB_DIR/www;
		location = /whoami { return 200 "\$remote_addr \$server_addr\n"; }
		location = /slow { alias $LAB_DIR/www/big; limit_rate 4m; }
		location /upload/ { dav_methods PUT; client_max_body_size 0; }
	}
}
END
background "$SERVER_NS" python3 "$LAB_ROOT/tests/lab/upstream.py" "$NS4" 5300 "$LAB_DIR/script"
background "$CLIENT_NS" nginx -e "$LAB_DIR/nginx/six.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"
background "$CLIENT_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7777 "$CLIENT6"
must "the servers serve their own network" wait_for 5 client curl -sS -f -o /dev/null "http://[2001:db8:1::4]/"
must "the upstream answers" wait_for 5 server dig +tries=1 +time=1 -p 5300 "@$NS4" www.lab.example A
lab_config dedicated
sed -i "s/upstream: .*/upstream: [\"$NS4:5300\"]/" "$LAB_DIR/isthmus.yaml"
cat >>"$LAB_DIR/isthmus.yaml" <<END
siit:
  prefix: 2001:db8:46::/96
dns46:
  pool: 192.0.2.80/31
  domains: [six.example]
END
gw ip -4 route >"$LAB_DIR/out/routes4"
gw ip -6 route >"$LAB_DIR/out/routes6"

ask() { server dig +short +time=3 +tries=2 "@$GW4" "$1" "${2:-A}"; }
code_of() { server dig +time=3 +tries=2 "@$GW4" "$1" A; }
fetch() { server curl -sS -f -m 60 -o "$LAB_DIR/out/got" "http://$1/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
put() {
	server curl -sS -f -m 60 -T "$LAB_DIR/www/big" -o /dev/null "http://$1/upload/big" &&
		same "$(hash_of "$LAB_DIR/www/upload/big")" "$BIG_HASH"
}
closed_port() {
	server python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('web.six.example', 8099)); s.settimeout(3); s.send(b'x')
try: s.recv(10)
except ConnectionRefusedError: raise SystemExit(0)
raise SystemExit(1)"
}
same_address_again() { same "$(ask web.six.example)" "$WEB_LENT"; }

section "Names become addresses of the pool"
must "the gateway serves" lab_gateway
step "a name with AAAA only has an A record of the pool" prints '^192\.0\.2\.8[01]$' ask web.six.example
WEB_LENT=$(ask web.six.example)
SHOW=1 step "... for as long as the lack of A may be believed, 20 s" prints 'web.six.example.*[[:space:]]\(1[0-9]\|20\)[[:space:]]IN[[:space:]]A' code_of web.six.example
step "behind an alias it is the same" prints "^$WEB_LENT\$" ask alias.six.example
step "a name with an A record keeps it" prints '^198.51.100.10$' ask both.six.example
step "a name that is not listed has none" prints 'NOERROR.*id:' code_of web.other.example
step "... and takes nothing of the pool" prints 'DNS46 *1 of 2 addresses' isthmus status
step "no address is lent to what lies under our prefix" prints 'ANSWER: 0' code_of ours.six.example
step "dns lookup says why" prints "2001:db8:1::2 has $WEB_LENT" gw "$ISTHMUS" dns lookup --socket "$LAB_DIR/run/control.sock" web.six.example A

section "IPv4 reaches IPv6 by name"
step "curl, and the server sees the client under the prefix" prints "^$SEEN 2001:db8:1::2\$" server curl -sS -f -m 5 http://web.six.example/whoami
step "8 MB down, by their hash" fetch web.six.example
step "8 MB up" put web.six.example
step "UDP, from 1 byte to several fragments" server python3 "$LAB_ROOT/tests/lab/udp.py" sizes "$WEB_LENT" 7777 1 4000 333
step "ping, in fragments too" server ping -n -q -c 2 -i 0.1 -W 2 -s 4000 web.six.example
step "a closed port is told by the server's own error" closed_port
SHOW=1 step "traceroute ends at the address" prints " $WEB_LENT " server traceroute -n -q 1 -w 2 -N 1 -m 4 web.six.example
step "the server is a client of NAT64 too" prints "^$POOL4 " client curl -sS -f -m 5 "http://[$WEB64]/whoami"
ip -n "$GW_NS" -6 route replace "$CLIENT6/128" dev lan6 mtu 1280
step "over a link of 1280 bytes, 8 MB" put web.six.example
step "... and the client has learned 1260" prints 'mtu 1260' server ip route get "$WEB_LENT"
ip -n "$GW_NS" -6 route del "$CLIENT6/128"

section "A full pool, and addresses of nobody"
step "an address that is lent to nobody is unreachable" prints 'Unreachable' \
	server ping -n -c 1 -W 2 "192.0.2.$((161 - ${WEB_LENT##*.}))"
step "... and counted" prints '[1-9].*46_NOT_LENT' isthmus counters
step "the second address is lent" prints '^192\.0\.2\.8[01]$' ask second.six.example
step "the third host gets none: SERVFAIL, with an extended error" prints 'SERVFAIL' code_of third.six.example
step "... which is counted" prints '[1-9].*dns46_refused' isthmus counters
step "... and in the log" grep -q 'dns46: no address of 192.0.2.80/31 is free' "$LAB_DIR/gateway.log"
SHOW=1 step "dns46 lists both" prints "^$WEB_LENT *2001:db8:1::2 .* lent" isthmus dns46
step "status says it" prints 'DNS46 *2 of 2 addresses' isthmus status
step "a trace names the rule" prints 'DNS46 has lent to it' bash -c "
	ip netns exec $GW_NS '$ISTHMUS' trace --socket '$LAB_DIR/run/control.sock' --count 1 --seconds 5 2001:db8:1::2 &
	for i in \$(seq 20); do ip netns exec $SERVER_NS ping -n -q -c 1 -W 1 $WEB_LENT >/dev/null; sleep 0.1; kill -0 \$! 2>/dev/null || break; done; wait"

step "explain, whose tables are empty, says so" prints '46_NOT_LENT\|lent to nobody' bash -c "
	python3 -c \"
import socket, struct
h = struct.pack('!BBHHHBBH4s4s', 69, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton('$NS4'), socket.inet_aton('$WEB_LENT'))
s = sum(struct.unpack('!10H', h)); s = (s & 0xffff) + (s >> 16)
print((h[:10] + struct.pack('!H', 65535 - s) + h[12:] + struct.pack('!HHHH', 1000, 53, 8, 1)).hex())\" | '$ISTHMUS' explain --config '$LAB_DIR/isthmus.yaml'"

section "Roles that die"
background "$SERVER_NS" bash -c "curl -sS -f -m 30 -o $LAB_DIR/out/through http://web.six.example/slow || echo LOST"
wait_for 5 test -s "$LAB_DIR/out/through"
step "the resolver is killed and comes back" comes_back resolver ask both.six.example
step "... and has taken over what was lent" same_address_again
step "... also that the pool is full" prints 'SERVFAIL' code_of third.six.example
step "the download meanwhile has not noticed" bash -c "
	for i in \$(seq 200); do [ \"\$(stat -c %s $LAB_DIR/out/through)\" = \"\$(stat -c %s $LAB_DIR/www/big)\" ] && break; sleep 0.05; done
	cmp $LAB_DIR/out/through $LAB_DIR/www/big"
step "the translator is killed, and the address leads to its server again" comes_back translator \
	server curl -sS -f -m 1 -o /dev/null "http://$WEB_LENT/"

section "Other domains by a reload, another pool by none"
sed -i 's/domains: .*/domains: [other.example]/' "$LAB_DIR/isthmus.yaml"
step "reload" isthmus reload
step "a name that is not listed any more has no A record" prints 'ANSWER: 0' code_of web.six.example
step "... but its address still leads there" server curl -sS -f -m 5 -o /dev/null "http://$WEB_LENT/"
sed -i 's/pool: 192.0.2.80.31/pool: 192.0.2.96\/31/' "$LAB_DIR/isthmus.yaml"
step "another pool needs a restart" prints 'dns46.pool' isthmus reload
step "the gateway ends" lab_gateway_stop
step "routes are as before" diff "$LAB_DIR/out/routes4" <(gw ip -4 route)
step "... of IPv6, too" diff "$LAB_DIR/out/routes6" <(gw ip -6 route)
step "nobody is answered for any more" prints '^0$' bash -c "ip -n $GW_NS neigh show proxy | grep -c ."
lab_end
