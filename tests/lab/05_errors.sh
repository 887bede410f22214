#!/usr/bin/env bash
# 05_errors.sh - what a client is told when something is not there
#
#   client ---- gw (no route to 203.0.113.0/24) ---- server (port 81 closed)
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "errors reach the client"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway
ip -n "$GW_NS" route add unreachable 203.0.113.0/24

udp() { client "$LAB_ROOT/tests/lab/udp.py" "$@"; }
# curl's 7 is "could not connect"; a timeout is 28.
tcp_fails_at_once() {
	client curl -sS -m 5 "http://[$1]:$2/"
	same $? 7
}
traceroute_says() { prints "$1" client traceroute -6 -n -q 1 -w 2 -m 8 "${@:2}" "$WEB64"; }
drops() {
	isthmus counters --json | python3 -c '
import json, re, sys
print(sum(int(n) for n in re.findall(r": (\d+)", json.dumps([json.loads(line) for line in sys.stdin]))))'
}
counted() {
	local before after
	before=$(drops)
	"$@"
	after=$(drops)
	printf 'sum of all counters before %s, after %s\n' "$before" "$after"
	[ "$after" -gt "$before" ]
}

section "Closed ports"
step "TCP: refused at once" tcp_fails_at_once "$WEB64" 81
step "UDP: port unreachable" udp refused "$WEB64" 81

section "No such host"
step "TCP: unreachable at once" tcp_fails_at_once 64:ff9b::cb00:7101 80
step "UDP: unreachable" udp unreachable 64:ff9b::cb00:7101 7777
step "ping: the error is shown" prints "[Uu]nreachable" client ping -6 -n -c 1 -W 2 64:ff9b::cb00:7101

section "Destinations that are never translated to"
step "loopback (64:ff9b::127.0.0.1): refused at once" tcp_fails_at_once 64:ff9b::7f00:1 80
step "link-local (64:ff9b::169.254.1.1): refused at once" tcp_fails_at_once 64:ff9b::a9fe:101 80
step "... and counted" counted client curl -sS -m 5 "http://[64:ff9b::7f00:1]/"

section "Hop limits"
step "the first hop is the gateway" traceroute_says "^ 1  $GW6 "
step "UDP arrives" traceroute_says " $WEB64 "
step "ICMP arrives" traceroute_says " $WEB64 " -I
step "TCP arrives" traceroute_says " $WEB64 " -T -p 80
step "hop limit 1 does not pass" prints "[Tt]ime exceeded\|[Hh]op limit" client ping -6 -n -c 1 -W 2 -t 1 "$WEB64"

section "Nobody asked for it"
step "the IPv4 side cannot open a connection to a free port of the pool" \
	not server curl -sS -m 2 "http://$POOL4:5000/"
step "the gateway still serves" download
lab_end
