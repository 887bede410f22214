#!/usr/bin/env bash
# demo.sh - the main job, shown to a person: an IPv6-only host uses an IPv4-only server through Isthmus
#
# The topology is drawn in lib.sh. Exit status 0 only if every step held; nothing is left behind.
LAB_FILE_BYTES=100000000
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "an IPv6-only client, the gateway, an IPv4-only server"
lab_topology
must "the lab stands: three network namespaces, a real web server, a real name server" lab_up
lab_config shared
must "isthmus runs, on the gateway's own IPv4 address, ports $SHARED_PORTS" lab_gateway

SHOW=1

client_has_no_ipv4() {
	client ip -brief address show scope global
	[ -z "$(client ip -4 -brief address show scope global)" ]
}
server_has_no_ipv6() {
	server ip -brief address show scope global
	[ -z "$(server ip -6 -brief address show)" ]
}
page() {
	client curl -sS -f -w 'from %{remote_ip}, HTTP status %{http_code}\n' http://www.lab.example/
}
big_download() {
	download http://www.lab.example/big || return
	awk -v ipv4="$WEB4" '{ printf "100 MB from %s at %.2f Gbit/s, every byte right (sha256)\n", ipv4, $1 * 8 / 1e9 }' \
		"$LAB_DIR/out/speed"
}
traceroute_arrives() {
	prints " $WEB64 " client traceroute -6 -n -q 1 -w 2 -m 8 "$@" "$WEB64"
}

section "Who is who"
step "the client has no IPv4" client_has_no_ipv4
step "the server has no IPv6" server_has_no_ipv6

section "DNS64: a name that has only an A record gets an AAAA"
step "dig www.lab.example AAAA" prints "$WEB64" client dig +noall +answer www.lab.example AAAA
step "dig alias2.lab.example AAAA (two CNAMEs on the way)" prints "$WEB64" client dig +noall +answer alias2.lab.example AAAA

section "TCP: a page from the IPv4-only web server"
step "curl http://www.lab.example/" prints "only IPv4" page

section "UDP: a DNS query through the translator, straight to the IPv4-only name server"
step "dig @$NS64 www.lab.example A" prints "$WEB4" client dig +noall +answer "@$NS64" www.lab.example A

section "ICMP: ping and traceroute"
step "ping www.lab.example" client ping -6 -n -c 3 -i 0.2 www.lab.example
step "traceroute with UDP" traceroute_arrives
step "traceroute with ICMP" traceroute_arrives -I

section "A large download"
step "100 MB by curl" big_download

section "What the operator sees"
step "isthmus status" isthmus status
step "isthmus bib" prints "$CLIENT6" isthmus bib
step "isthmus sessions" prints "$CLIENT6" isthmus sessions
step "isthmus pool" isthmus pool
step "isthmus counters" isthmus counters

SHOW=
section "The end"
lab_end
