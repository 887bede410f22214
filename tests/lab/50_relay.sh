#!/usr/bin/env bash
# 50_relay.sh - TCP and UDP services between the families: who may come, where to, PROXY headers, reload, the end
#
#   client: 2001:db8:1::2, IPv6 only       gw: isthmus run              server: 192.0.2.10, IPv4 only
#   nginx :80 for the other direction      relay: tcp, udp, socks5      nginx :80, :8082 with PROXY headers
#   curl, haproxy                          2001:db8:1::1, 192.0.2.1     curl, wrk
#
# Each service is used from the family that its server does not have.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS wrk haproxy"

lab_begin "Relays: TCP and UDP services between the families"
must "the lab stands" lab_up

nginx_config() { # NAME LISTEN...
	local name=$1 listen
	shift
	cat <<-END
		user root;
		worker_processes 1;
		daemon off;
		pid $LAB_DIR/nginx/$name.pid;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path $LAB_DIR/nginx/body-$name;
			proxy_temp_path $LAB_DIR/nginx/proxy-$name;
			fastcgi_temp_path $LAB_DIR/nginx/fastcgi-$name;
			uwsgi_temp_path $LAB_DIR/nginx/uwsgi-$name;
			scgi_temp_path $LAB_DIR/nginx/scgi-$name;
			server {
	END
	for listen in "$@"; do printf '\t\tlisten %s;\n' "$listen"; done
	cat <<-END
				root $LAB_DIR/www;
				location = /whoami { return 200 "\$remote_addr\\n"; }
				location = /head { return 200 "\$proxy_protocol_addr \$proxy_protocol_port \$proxy_protocol_server_addr\\n"; }
				location = /slow { alias $LAB_DIR/www/big; limit_rate 2m; }
			}
		}
	END
}
nginx_config six '[::]:80 ipv6only=on' '[::]:8082 ipv6only=on proxy_protocol' >"$LAB_DIR/nginx/six.conf"
nginx_config head "$NS4:8082 proxy_protocol" >"$LAB_DIR/nginx/head.conf"
background "$CLIENT_NS" nginx -e "$LAB_DIR/nginx/six.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/six.conf"
background "$SERVER_NS" nginx -e "$LAB_DIR/nginx/head.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/head.conf"
must "datagrams come back at the server" udp_echo "$SERVER_NS" "$NS4"
cat >"$LAB_DIR/haproxy.cfg" <<END
defaults
	mode tcp
	timeout connect 5s
	timeout client 20s
	timeout server 20s
frontend in
	bind [::1]:9001 v6only
	default_backend gateway
backend gateway
	server gateway [$GW6]:8084 send-proxy-v2
frontend in1
	bind [::1]:9002 v6only
	default_backend gateway1
backend gateway1
	server gateway [$GW6]:8084 send-proxy
END
background "$CLIENT_NS" haproxy -db -f "$LAB_DIR/haproxy.cfg"

# With $1: more services.
relay_config() {
	cat >"$LAB_DIR/isthmus.yaml" <<-END
		relay:
		  allow: ["2001:db8:1::/64", 192.0.2.0/24]
		  connections-per-client: 60
		  resolver: [$NS4]
		  timeouts: { connect: 2s, head: 1s }
		  services:
		    - { type: tcp, name: web64, listen: "[$GW6]:8080", to: "$NS4:80" }
		    - { type: tcp, name: web46, listen: "$GW4:8080", to: "[$CLIENT6]:80" }
		    - { type: tcp, name: by-name, listen: "[$GW6]:8081", to: "www.lab.example:80" }
		    - { type: tcp, name: head1, listen: "[$GW6]:8083", to: "$NS4:8082", proxy-protocol: v1 }
		    - { type: tcp, name: head2, listen: "$GW4:8083", to: "[$CLIENT6]:8082", proxy-protocol: v2 }
		    - { type: tcp, name: behind, listen: "[$GW6]:8084", to: "$NS4:8082", proxy-protocol: v2,
		        accept-proxy-protocol: ["$CLIENT6"], allow: ["2001:db8:1::/64", 203.0.113.0/24, "::1"] }
		    - { type: tcp, name: closed, listen: "[$GW6]:8085", to: "$NS4:80", allow: "2001:db8:9::/64" }
		    - { type: tcp, name: dead, listen: "[$GW6]:8086", to: "$NS4:81" }
		    - { type: udp, name: echo64, listen: "[$GW6]:7777", to: "$NS4:7777" }
		    - { type: socks5, name: socks, listen: "[$GW6]:1080", destinations: { deny: [198.18.0.0/15] } }
		$1
		control:
		  socket: $LAB_DIR/run/control.sock
		log:
		  level: info
	END
}
relay_serves() {
	kill -0 "$GATEWAY_PID" 2>/dev/null || return 2
	isthmus status >/dev/null 2>&1 && client curl -sf -m 1 -o /dev/null "http://[$GW6]:8080/"
}
relay_config ""
gw ss -Hltnu >"$LAB_DIR/out/listen-before"
lab_gateway_begin
must "the gateway serves" wait_for 20 relay_serves
step "the relay has no rights" is_unprivileged relay

section "both directions"
fetch() { "$1" curl -sS -f -m 20 -o "$LAB_DIR/out/got" "http://$2/big" && same "$(hash_of "$LAB_DIR/out/got")" "$BIG_HASH"; }
step "an IPv6-only client has a file of an IPv4-only server" fetch client "[$GW6]:8080"
step "an IPv4-only client has a file of an IPv6-only server" fetch server "$GW4:8080"
step "a server is found by its name" prints "IPv4-only server" client curl -sS -f -m 5 "http://[$GW6]:8081/"
step "datagrams go there and back" client python3 "$LAB_ROOT/tests/lab/udp.py" sizes "$GW6" 7777 1 1200 400
refused_after() { client curl -s -o /dev/null -w "%{time_total} %{http_code}\n" -m 5 "http://[$GW6]:8086/"; }
step "a server that refuses is told at once" prints "^0\.[0-3]" refused_after
SHOW=1 step "who is served, and what was done, is seen" prints 'web64' isthmus status

lab_end
