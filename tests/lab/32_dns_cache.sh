#!/usr/bin/env bash
# 32_dns_cache.sh - answers kept ready: TTLs, clients of different views, reload
#
#   client 2001:db8:1::2, no view ------+
#                                       +---- gw: resolver ---- nsd
#   client 2001:db8:1::3, another view -+
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

OTHER6=2001:db8:1::3
OTHER64=2001:db8:64::c633:640a

lab_begin "answers are given again, and never longer than they live"
must "the lab stands" lab_up
ip -n "$CLIENT_NS" addr add "$OTHER6/64" dev uplink nodad

# The TTL and the data of the last record; FROM is the client's address.
ask() {
	local from=$1
	shift
	client dig -b "$from" +noall +answer +time=2 +tries=1 "@$GW6" "$@" | awk '{ line = $2 " " $5 } END { print line }'
}
gets() { same "$(ask "$1" "$2" AAAA | cut -d ' ' -f 2)" "$3"; }
counter() { isthmus counters --all --json | sed -n "s/.*\"group\":\"dns64\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p" | grep .; }

# nsd reads its zone again; the serial is the number of seconds, so that it grows.
zone_says() {
	sed -i "s/hostmaster [0-9]* /hostmaster $(date +%s) /; /^short/d" "$LAB_DIR/nsd/lab.example.zone"
	printf 'short 4 IN A %s\n' "$1" >>"$LAB_DIR/nsd/lab.example.zone"
	kill -HUP "${LAB_PIDS[0]}"
	wait_for 5 zone_is "$1"
}
zone_is() { [ "$(server dig +short +time=1 +tries=1 "@$NS4" short.lab.example A)" = "$1" ]; }
is_nsd() { grep -q '^nsd' "/proc/${LAB_PIDS[0]}/comm"; }

must "the first process of the lab is its name server" is_nsd
must "the zone has a record that lives for 4 s" zone_says "$WEB4"
lab_config dedicated
# One thread has one cache: which of several is asked is up to the kernel.
sed -i "s|^dns64:|&\n  threads: 1|" "$LAB_DIR/isthmus.yaml"
sed -i "s|^dns64:|&\n  views: [{ clients: [\"$OTHER6/128\"], prefixes: [\"2001:db8:64::/96\"] }]|" "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway

section "Time"
counts_down() {
	local first next asked
	first=$(ask "$CLIENT6" www.lab.example AAAA)
	asked=$(counter upstream_asked)
	same "${first#* }" "$WEB64" && [ "${first% *}" -le 60 ] || { printf 'got %s\n' "$first"; return 1; }
	sleep 2.1
	next=$(ask "$CLIENT6" WWW.Lab.Example AAAA)
	printf '%s, then %s\n' "$first" "$next"
	same "${next#* }" "$WEB64" && [ "${next% *}" -le $((${first% *} - 2)) ] &&
		[ "${next% *}" -ge $((${first% *} - 4)) ] && same "$(counter upstream_asked)" "$asked"
}
# Asks until another address is there: by then the old one must be over, and no answer had a TTL above 4 (libunbound itself says 0 in
# the last second).
dies_in_time() {
	local answer start now ttl seen=0
	gets "$CLIENT6" short.lab.example "$WEB64" || return
	zone_says "$GLOBAL4" || return
	start=$(date +%s%N)
	while :; do
		answer=$(ask "$CLIENT6" short.lab.example AAAA)
		now=$((($(date +%s%N) - start) / 1000000))
		ttl=${answer% *}
		[ -n "$ttl" ] && [ "$ttl" -le 4 ] || { printf 'TTL "%s" after %s ms\n' "$answer" "$now"; return 1; }
		[ "${answer#* }" != "$GLOBAL64" ] || break
		seen=$((seen + 1))
		[ "$now" -le 5000 ] || { printf 'still %s after %s ms\n' "$answer" "$now"; return 1; }
		sleep 0.2
	done
	printf 'the new address after %s ms, the old one %s times\n' "$now" "$seen"
	[ "$seen" -ge 1 ]
}
counts_hits() {
	local before after i
	before=$(counter cache_hits)
	for i in 1 2 3 4 5; do
		gets "$CLIENT6" www.lab.example "$WEB64" || return
	done
	after=$(counter cache_hits)
	same "$((after - before))" 5
}
step "an answer given again is older, whatever the case of its name, and nobody else was asked" counts_down
step "every one of five more is a hit" counts_hits
step "an answer of 4 s is gone when its time is over" dies_in_time

section "Clients"
two_views() {
	local i
	for i in 1 2 3; do
		gets "$CLIENT6" www.lab.example "$WEB64" && gets "$OTHER6" www.lab.example "$OTHER64" || return
	done
	gets "$CLIENT6" six.lab.example 2001:db8:2::6 && gets "$OTHER6" six.lab.example 2001:db8:2::6
}
# What a client without EDNS, one with it, one with DO, and one over TCP get, asked twice.
many_kinds() {
	local i how
	for i in 1 2; do
		for how in +noedns +edns=0 +dnssec +tcp "+cdflag +noedns"; do
			# shellcheck disable=SC2086
			same "$(client dig -b "$CLIENT6" +short +time=2 +tries=1 $how "@$GW6" alias2.lab.example AAAA | tail -n 1)" "$WEB64" ||
				{ printf 'with %s\n' "$how"; return 1; }
		done
		# DO and CD: no synthesis (RFC 6147 s5.5)
		same "$(client dig -b "$CLIENT6" +short +time=2 +tries=1 +dnssec +cdflag "@$GW6" alias2.lab.example AAAA | tail -n 1)" \
			"www.lab.example." || return
	done
}
too_long_for_udp() {
	client dig +noedns +ignore +time=2 +tries=1 "@$GW6" big.lab.example TXT | grep -q 'flags:.* tc' &&
		same "$(client dig +short +time=2 +tries=1 "@$GW6" big.lab.example TXT | wc -l)" 20
}
step "clients of two views get each its own answer, in turn" two_views
step "EDNS, DO, CD and TCP get what they always get" many_kinds
step "an answer that is too long for UDP is cut there, and whole over TCP" too_long_for_udp

section "Why"
lookup() { gw "$ISTHMUS" dns lookup --socket "$LAB_DIR/run/control.sock" "$@"; }
says() {
	local out
	out=$(lookup "${@:2}") && printf '%s\n' "$out" && printf '%s\n' "$out" | grep -q -- "$1"
}
fails_with() { says "$@" && return 1; lookup "${@:2}" 2>&1 | grep -q -- "$1"; }
explains() {
	gets "$CLIENT6" www.lab.example "$WEB64" && says "is in no view" www.lab.example --from "$CLIENT6" &&
		says "AAAA: NOERROR, 0 records" www.lab.example AAAA --from "$CLIENT6" &&
		says "made from the A records (RFC 6147 s5.1.7)" www.lab.example --from "$CLIENT6" &&
		says "a kept answer for" www.lab.example --from "$CLIENT6" &&
		says "^  www.lab.example. [0-9]* AAAA $WEB64$" www.lab.example --from "$CLIENT6"
}
explains_views() {
	says "is in view 1" www.lab.example --from "$OTHER6" &&
		says "^  www.lab.example. [0-9]* AAAA $OTHER64$" www.lab.example --from "$OTHER6"
}
explains_the_rest() {
	says "given as it is (RFC 6147 s5.1.1)" six.lab.example && says "no such name" nothing.lab.example &&
		says "because DO and CD are set" www.lab.example --dnssec --cd &&
		says "nobody is asked" ipv4only.arpa && says "is not in dns64.allow" www.lab.example --from 203.0.113.9 &&
		says '"step":"record"' www.lab.example A --json && says "TXT: NOERROR, 20 records" big.lab.example txt
}
refuses() {
	fails_with "is no type" www.lab.example NONSENSE && fails_with "is no domain name" a..b &&
		fails_with "must be an IPv6 or IPv4 address" www.lab.example --from nobody
}
step "a synthesized answer is explained" explains
step "whose view it is, too" explains_views
step "and so are the other kinds" explains_the_rest
step "what makes no sense is refused with a sentence" refuses

section "Reload"
takes_effect() {
	sed -i '/^dns64:/,$ s|^  prefixes: \[64:ff9b::/96\]|  prefixes: ["2001:db8:96::/96", "64:ff9b::/96"]|' "$LAB_DIR/isthmus.yaml"
	isthmus reload --config "$LAB_DIR/isthmus.yaml" || return
	client dig -b "$CLIENT6" +short +time=2 +tries=1 "@$GW6" www.lab.example AAAA | grep -qx 2001:db8:96::c633:640a
}
can_be_off() {
	local before
	sed -i 's|^dns64:|&\n  answer-cache: 0|' "$LAB_DIR/isthmus.yaml"
	isthmus reload --config "$LAB_DIR/isthmus.yaml" || return
	before=$(counter cache_hits)
	gets "$CLIENT6" six.lab.example 2001:db8:2::6 && gets "$CLIENT6" six.lab.example 2001:db8:2::6 &&
		same "$(counter cache_hits)" "$before"
}
step "a prefix more counts for the next answer" takes_effect
step "without the cache the answers are the same" can_be_off
lab_end
