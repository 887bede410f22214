#!/usr/bin/env bash
# 01_main_job.sh - the whole path, with an IPv4 address of its own for the pool
#
#   client (only IPv6) ---- gw: isthmus, pool 192.0.2.64 ---- server (only IPv4)
#          ^ capture "client"                          ^ capture "server"
#
# Looks at the packets on both sides as well as at the programs.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "an IPv6-only client reaches an IPv4-only server"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway
capture "$CLIENT_NS" uplink client
capture "$SERVER_NS" uplink server

aaaa_of() { client dig +short "$1" AAAA | sort | tr '\n' ' '; }
source_is_of_the_pool() {
	local address port
	read -r address port <<<"$(client curl -sS -m 5 "http://[$WEB64]/whoami")"
	printf 'the server saw %s port %s\n' "$address" "$port"
	[ "$address" = "$POOL4" ] && [ "$port" -ge 1024 ]
}
# Endpoint-independent mapping (RFC 6146 s3.5.1.1): one source port, two servers, one outside port.
client_ports_keep_their_mapping() {
	client python3 - "$CLIENT6" "$WEB64" "$NS64" <<-'END'
		import socket, sys
		seen = []
		for server in sys.argv[2:]:
		    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		    s.settimeout(5)
		    s.bind((sys.argv[1], 40001))
		    s.connect((server, 80))
		    s.sendall(b"GET /whoami HTTP/1.0\r\n\r\n")
		    seen.append(s.makefile("rb").read().split(b"\r\n\r\n")[1].decode().strip())
		    s.close()
		print(f"the servers saw {seen}")
		sys.exit(seen[0] != seen[1])
	END
}
# RFC 6146 s3.5.1.1 with RFC 4787 REQ-3, REQ-4: an odd port gets an odd one, an unprivileged one an unprivileged one.
parity_is_kept() {
	local port via
	for port in 41001 41002 41003 41004; do
		client dig +short +tries=1 +time=3 -b "$CLIENT6#$port" "@$NS64" www.lab.example A >/dev/null || return
		via=$(isthmus bib --proto udp --client "$CLIENT6" | grep -F "$CLIENT6]:$port" | grep -o "$POOL4:[0-9]*")
		printf 'port %s goes out as %s\n' "$port" "$via"
		via=${via##*:}
		[ -n "$via" ] && [ $((via % 2)) = $((port % 2)) ] && [ "$via" -ge 1024 ] || return
	done
}
is_json_lines() {
	"$@" >"$LAB_DIR/out/rows" || return
	python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert rows, "no row"
print(rows[0])' "$LAB_DIR/out/rows"
}

section "DNS64"
step "A-only name: synthesized AAAA" same "$(aaaa_of www.lab.example)" "$WEB64 "
step "CNAME chain to an A-only name" prints "$WEB64" client dig +short alias2.lab.example AAAA
step "two A records give two AAAA" same "$(aaaa_of many.lab.example)" "64:ff9b::c612:a $WEB64 "
step "AAAA-only name: its own AAAA" same "$(aaaa_of six.lab.example)" "2001:db8:2::6 "
step "name with both: its own AAAA, nothing synthesized" same "$(aaaa_of both.lab.example)" "2001:db8:2::7 "
step "other types pass" prints "a text" client dig +short text.lab.example TXT
step "a name that does not exist does not" prints NXDOMAIN client dig none.lab.example AAAA
step "PTR of a synthesized address" prints bench.lab.example client dig +short -x 64:ff9b::c612:a
step "the same over TCP" prints "$WEB64" client dig +tcp +short www.lab.example AAAA
step "ipv4only.arpa (RFC 7050, RFC 8880)" prints 64:ff9b::c000:aa client dig +short ipv4only.arpa AAAA

section "TCP, UDP, ICMP"
step "curl finds the page by its name" prints "only IPv4" client curl -sS -f -m 10 http://www.lab.example/
step "the server sees an address and a port of the pool" source_is_of_the_pool
step "one source port has one mapping, whatever the server" client_ports_keep_their_mapping
step "UDP through the translator" prints "$WEB4" client dig +short +time=3 "@$NS64" www.lab.example A
step "UDP ports keep their parity" parity_is_kept
step "ping" client ping -6 -n -q -c 5 -i 0.1 -W 2 "$WEB64"
step "ping with 1400 bytes" client ping -6 -n -q -c 3 -i 0.1 -W 2 -s 1400 "$WEB64"
step "a download, by its hash" download
step "an upload, by its hash" upload

section "What the operator sees"
step "status" isthmus status
step "bib lists the client" prints "$CLIENT6" isthmus bib
step "sessions list the server" prints "$NS4" isthmus sessions
# The port that the server saw leads back to the client.
who_is_the_client() {
	local address port
	read -r address port <<<"$(client curl -sS -m 5 "http://[$WEB64]/whoami")"
	prints "$address  *$port  *2001:db8:1::/64  *tcp  *\[$CLIENT6\]:" isthmus who "$address:$port"
}
step "who leads from address and port to the client" who_is_the_client
step "... knows what nobody has" prints "Nobody" isthmus who "$POOL4:80"
step "... wants an address" not isthmus who nobody
step "pool lists its address" prints "$POOL4" isthmus pool
step "counters" isthmus counters
for what in status bib sessions pool counters; do
	step "$what --json: every line is a document" is_json_lines isthmus "$what" --json
done

section "The packets"
captures_end
step "the server saw TCP, UDP and ICMP from the pool" some_packets server "src $POOL4 and tcp"
step "... UDP" some_packets server "src $POOL4 and udp"
step "... ICMP" some_packets server "src $POOL4 and icmp[0] == 8"
step "nothing came from a port outside the pool" no_packets server "src $POOL4 and (tcp or udp) and src portrange 0-1023"
step "nothing reached the server but from the pool and the gateway's resolver" \
	no_packets server "ip and not host $POOL4 and not (host $GW4 and port 53)"
step "no IPv6 on the server's side" no_packets server ip6
step "no IPv4 and no ARP on the client's side" no_packets client "ip or arp"
step "the client talked to the prefix and to the gateway alone" \
	no_packets client "ip6 and not ip6 multicast and not net 64:ff9b::/96 and not icmp6 and not (host $GW6 and port 53)"
lab_end
