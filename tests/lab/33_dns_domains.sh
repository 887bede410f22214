#!/usr/bin/env bash
# 33_dns_domains.sh - what an operator says of single domains: forward, local, hosts-file, block, serve-stale
#
#   client: dig ---- gw: resolver ---- server: upstream.py, port 5300: for all; port 5302: for corp.example
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "single domains"
must "the lab stands" lab_up

cat >"$LAB_DIR/script" <<'SCRIPT'
www.lab.example A : www.lab.example 300 A 45.0.0.10
printer.home.arpa A : printer.home.arpa 300 A 45.0.0.66
www.ads.example A : www.ads.example 300 A 45.0.0.66
www.corp.example A : www.corp.example 300 A 45.0.0.66
svc.s.example HTTPS : svc.s.example 300 HTTPS 000104777777770173076578616d706c6500
wwww.s.example A : wwww.s.example 300 A 45.0.0.10
short.s.example A : short.s.example 2 A 45.0.0.10
short.s.example AAAA : / s.example 2 SOA 60
SCRIPT
cat >"$LAB_DIR/corp" <<'SCRIPT'
www.corp.example A : www.corp.example 300 A 45.0.0.20
SCRIPT
upstream() {
	ip netns exec "$SERVER_NS" python3 "$LAB_ROOT/tests/lab/upstream.py" "$NS4" "$1" "$2" >"$LAB_DIR/asked.$1" 2>"$LAB_DIR/upstream.$1" &
	LAB_PIDS+=($!)
	UPSTREAM=$!
	wait_for 5 server dig +tries=1 +time=1 -p "$1" "@$NS4" "$3" A
}
must "servers of corp.example" upstream 5302 "$LAB_DIR/corp" www.corp.example
must "servers of everything" upstream 5300 "$LAB_DIR/script" www.lab.example

printf '127.0.1.1 gw.lab.example\n192.0.2.77 scanner.lab.example scanner # in the cellar\nnonsense here\n' >"$LAB_DIR/hosts"
lab_config dedicated
sed -i "s|upstream: .*|upstream: [\"$NS4:5300\"]|; s|dnssec: off|dnssec: validate|" "$LAB_DIR/isthmus.yaml"
sed -i "s|^dns64:|&\\
  forward: [{ domain: corp.example, to: \"$NS4:5302\", dnssec: off }]\\
  negative-trust-anchors: [example, scanner]\\
  local:\\
    - { name: printer.home.arpa, addresses: 192.0.2.5 }\\
    - { name: good.ads.example, addresses: [192.0.2.6, \"2001:db8:2::6\"] }\\
  hosts-file: $LAB_DIR/hosts\\
  block: { nxdomain: [ads.example], refuse: [no.example] }\\
  threads: 1\\
  serve-stale: { keep: 1h, answer-after: 300ms }|" "$LAB_DIR/isthmus.yaml"
sed -i "s|^log:|&\\
  queries: { to: [file], path: $LAB_DIR/queries/log, client: prefix }|" "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway

ask() { client dig +noall +answer +time=4 +tries=1 "@$GW6" "$@" | awk '{ line = $NF } END { print line }'; }
code() { client dig +time=4 +tries=1 "@$GW6" "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
gets() { same "$(ask "$1" "$2")" "$3"; }
fails() { same "$(code "$1" "$2")" "$3"; }
counter() { isthmus counters --all --json | sed -n "s/.*\"group\":\"dns64\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p" | grep .; }

section "Who is asked"
never_left() { not grep -q "$1" "$LAB_DIR/asked.5300"; }
step "a domain has servers of its own" gets www.corp.example AAAA 64:ff9b::2d00:14
step "and nobody else is asked for it" never_left corp.example
step "isthmus status says what is not validated" prints "but not of  .*corp.example." isthmus status
step "and so does the log" grep -q "answers for example. and below are not validated" "$LAB_DIR/gateway.log"

section "Local names"
step "a local name" gets printer.home.arpa A 192.0.2.5
step "its AAAA record is synthesized" gets printer.home.arpa AAAA 64:ff9b::c000:205
step "its address has its name" gets 5.2.0.192.in-addr.arpa PTR printer.home.arpa.
step "and so has the synthesized one" gets \
	5.0.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa PTR printer.home.arpa.
step "a name of the file of hosts" gets scanner AAAA 64:ff9b::c000:24d
step "but not this host's loopback name" fails gw.lab.example A NXDOMAIN
step "what is no line of such a file is named" grep -q "hosts has 1 words that are no address" "$LAB_DIR/gateway.log"
step "a blocked domain does not exist" fails www.ads.example AAAA NXDOMAIN
step "but for a local name in it" gets good.ads.example AAAA 2001:db8:2::6
step "another one is refused" fails www.no.example A REFUSED
step "nobody was asked for all these" never_left "home.arpa\\|ads.example\\|no.example\\|192.in-addr"

section "Targets (RFC 9460)"
step "an HTTPS answer has the synthesized address of its target" prints "wwww.s.example.*AAAA.*64:ff9b::2d00:a" \
	client dig +time=4 +tries=1 +noall +answer +additional "@$GW6" svc.s.example HTTPS

section "The cache"
cache() { gw "$ISTHMUS" dns cache "$1" --socket "$LAB_DIR/run/control.sock" "${@:2}"; }
shows() { prints "www.lab.example.  *AAAA .* 1 made" cache show lab.example; }
flush() {
	gets www.lab.example AAAA 64:ff9b::2d00:a && gets wwww.s.example A 45.0.0.10 && shows || return
	sed -i 's/45.0.0.10/45.0.0.11/' "$LAB_DIR/script"
	kill "$UPSTREAM" && upstream 5300 "$LAB_DIR/script" www.lab.example || return
	gets www.lab.example AAAA 64:ff9b::2d00:a && cache flush www.lab.example &&
		gets www.lab.example AAAA 64:ff9b::2d00:b && gets wwww.s.example A 45.0.0.10 &&
		cache flush --all && gets wwww.s.example A 45.0.0.11
}
step "answers are listed, and a name, and all, are flushed" flush
step "a name or --all" not cache flush

section "Reload"
changes() {
	printf '192.0.2.78 scanner\n' >"$LAB_DIR/hosts"
	sed -i 's|nxdomain: \[ads.example\]|nxdomain: [other.example]|; /printer.home.arpa/d' "$LAB_DIR/isthmus.yaml"
	isthmus reload --config "$LAB_DIR/isthmus.yaml"
}
needs_restart() {
	sed -i 's|forward: .*|forward: []|' "$LAB_DIR/isthmus.yaml"
	prints "dns64.forward" not isthmus reload --config "$LAB_DIR/isthmus.yaml"
}
step "a reload takes the file and the lists again" changes
step "a new address" gets scanner AAAA 64:ff9b::c000:24e
step "a name that is gone" gets printer.home.arpa A 45.0.0.66
step "a domain that is free again" gets www.ads.example AAAA 64:ff9b::2d00:42
step "servers of a domain need a restart, and that is said" needs_restart

section "Who asked what"
has_line() { grep -qs "$1" "$LAB_DIR/queries/log" || return 1; } # also while there is no file
logged() { wait_for 5 has_line "client=$1 over=$2 view=0 name=$3 type=28 code=0"; }
log_tcp() { gets www.corp.example AAAA 64:ff9b::2d00:14 && client dig +tcp +short "@$GW6" www.corp.example AAAA && logged 2001:db8:1::/48 "$1" www.corp.example.; }
rotates() {
	mv "$LAB_DIR/queries/log" "$LAB_DIR/queries/log.1"
	sed -i 's|forward: \[\]|forward: [{ domain: corp.example, to: \"'"$NS4"':5302\", dnssec: off }]|; s|client: prefix|client: full|' "$LAB_DIR/isthmus.yaml"
	isthmus reload --config "$LAB_DIR/isthmus.yaml" && wait_for 5 asks_and_is_logged && tail -n 1 "$LAB_DIR/queries/log" | not grep /48
}
# The file comes to the resolver a moment after the reload is answered; until then the old one is written.
asks_and_is_logged() {
	gets www.corp.example AAAA 64:ff9b::2d00:14 &&
		has_line "client=2001:db8:1::[0-9a-f]* over=udp view=0 name=www.corp.example"
}
step "a line for an answer over UDP, with the client's prefix" log_tcp udp
step "and over TCP" log_tcp tcp
step "a file that was rotated is opened anew, and clients are named then" rotates
step "nothing was lost" same "$(counter log_lost)" 0

section "Beyond their time"
stale() {
	local ttl
	gets short.s.example AAAA 64:ff9b::2d00:b || return
	kill "$UPSTREAM"
	wait_for 8 is_stale
	ttl=$(client dig +noall +answer +time=4 +tries=1 "@$GW6" short.s.example AAAA | awk '{ print $2 }')
	printf 'TTL %s\n' "$ttl"
	[ "$ttl" -ge 20 ] && [ "$ttl" -le 29 ] && [ "$(counter upstream_stale)" -ge 1 ]
}
is_stale() { client dig +noall +answer +time=4 +tries=1 "@$GW6" short.s.example AAAA | awk '{ exit !($2 > 2) }'; }
step "servers that are gone: the old answer, for 29 s" stale

section "dnstap"
tap() {
	lab_gateway_stop && sed -i 's|queries/log,|queries/tap, format: dnstap,|' "$LAB_DIR/isthmus.yaml" && lab_gateway || return
	gets printer.home.arpa AAAA 64:ff9b::c000:205 || gets scanner AAAA 64:ff9b::c000:24e || return
	wait_for 5 reads_tap
}
reads_tap() { dnstap-read "$LAB_DIR/queries/tap" 2>/dev/null | grep -q "CR .*2001:db8:1::.* UDP .*scanner/IN/AAAA"; }
if command -v dnstap-read >/dev/null; then
	step "dnstap-read of BIND reads what was answered" tap
else
	skip "dnstap-read of BIND reads what was answered" "dnstap-read is not installed"
fi

# A collector that is away, comes, is killed, comes again, and hangs.
collector() {
	rm -f "$LAB_DIR/tap.sock"
	fstrm_capture -t protobuf:dnstap.Dnstap -u "$LAB_DIR/tap.sock" -w "$LAB_DIR/queries/$1" >>"$LAB_DIR/collector.log" 2>&1 &
	COLLECTOR=$!
	LAB_PIDS+=("$COLLECTOR")
}
collected() { wait_for 8 has_collected "$@"; }
# It flushes its file by SIGHUP, which would end it before it has a handler: bit 0 of SigCgt.
flushes() { grep -q '^Name:.*fstrm_capture' "/proc/$COLLECTOR/status" && grep -q '^SigCgt:.*[13579bdf]$' "/proc/$COLLECTOR/status"; }
has_collected() {
	flushes && kill -HUP "$COLLECTOR" && dnstap-read "$LAB_DIR/queries/$1" 2>/dev/null | grep -q " $2/IN/AAAA" || return 1 # 2 would end the waiting
}
without_collector() {
	lab_gateway_stop && sed -i "s|to: \[file\], path: [^,]*|to: [collector], collector: $LAB_DIR/tap.sock|" "$LAB_DIR/isthmus.yaml" && lab_gateway || return
	gets scanner AAAA 64:ff9b::c000:24e && wait_for 5 grep -q "query log: .*tap.sock cannot be opened: No such file" "$LAB_DIR/gateway.log"
}
collector_comes() { collector tap.1 && collected tap.1 scanner && grep -q "tap.sock is open again" "$LAB_DIR/gateway.log"; }
collector_is_killed() {
	kill -KILL "$COLLECTOR" && wait_for 5 not kill -0 "$COLLECTOR"
	fails www.no.example AAAA REFUSED && wait_for 5 grep -q "query log: the collector is let go" "$LAB_DIR/gateway.log" || return
	collector tap.2 && collected tap.2 www.no.example && not has_collected tap.2 scanner
}
collector_hangs() {
	local asked unanswered wrong
	kill -STOP "$COLLECTOR"
	read -r asked unanswered wrong < <(client python3 "$LAB_ROOT/tests/lab/dns_load.py" "$GW6" scanner 64:ff9b::c000:24e 2.5)
	printf '%s asked, %s not answered\n' "$asked" "$unanswered"
	same "$unanswered $wrong" "0 0" && wait_for 5 grep -q "the collector is let go: Connection timed out" "$LAB_DIR/gateway.log" || return
	kill -CONT "$COLLECTOR"
	gets good.ads.example AAAA 2001:db8:2::6 && collected tap.2 good.ads.example
}
if command -v dnstap-read >/dev/null && command -v fstrm_capture >/dev/null; then
	step "without a collector names are answered, and the log says so" without_collector
	step "a collector that comes gets what has waited" collector_comes
	step "one that is killed: what waits goes to the next, once" collector_is_killed
	step "one that hangs holds up no query, and gets records again when it goes on" collector_hangs
	{ kill -KILL "$COLLECTOR" && wait "$COLLECTOR"; } 2>/dev/null # SIGTERM does not end it while a connection that broke off is open
else
	skip "a collector of dnstap" "dnstap-read or fstrm_capture is not installed"
fi
lab_end
