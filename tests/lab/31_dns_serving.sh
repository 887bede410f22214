#!/usr/bin/env bash
# 31_dns_serving.sh - serving DNS to strangers and over TLS and HTTPS, with the clients that people use
#
#   client: dig, kdig, curl, openssl ---- UDP, TCP, TLS, HTTPS ---- gw: resolver ---- server: nsd
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "serving: cookies, rates, TLS, HTTPS"
for tool in kdig openssl; do
	command -v "$tool" >/dev/null || lab_skip_all "$tool is not installed (tools/install-deps --lab)"
done
must "the lab stands" lab_up
TLS=$LAB_DIR/tls
AAAA=64:ff9b::c633:640a

# make_certificate NAME: a certificate for dns.lab.example that signs itself, and its key.
make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=DNS:dns.lab.example,IP:$GW6" -keyout "$TLS/$1.key" -out "$TLS/$1.pem" 2>/dev/null &&
		chmod 600 "$TLS/$1.key"
}
use_certificate() { cp "$TLS/$1.pem" "$TLS/certificate.pem" && cp "$TLS/$1.key" "$TLS/key.pem"; }
serve_tls() {
	sed -i "s|^dns64:|dns64:\n  https: { listen: [\"[::]:443\"], certificate: $TLS/certificate.pem, key: $TLS/key.pem }|" \
		"$LAB_DIR/isthmus.yaml"
	sed -i "s|^dns64:|dns64:\n  tls: { listen: [\"[::]:853\", \"0.0.0.0:853\"], certificate: $TLS/certificate.pem, key: $TLS/key.pem }|" \
		"$LAB_DIR/isthmus.yaml"
}
mkdir "$TLS"
must "certificates are made" eval 'make_certificate first && make_certificate second && use_certificate first'
lab_config dedicated
serve_tls
sed -i "s|^dns64:|&\n  threads: 2|" "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway
BACK_MS=$(back_ms)

counter() { isthmus counters --all --json | python3 -c '
import json, sys
print(sum(r["value"] for r in map(json.loads, sys.stdin) if r.get("group") == "dns64" and r.get("name") == sys.argv[1]))' "$1"; }
kdig_tls() { client kdig "@$GW6" +timeout=3 +retry=0 +tls "$@"; }
verified() { kdig_tls +tls-ca="$TLS/$1.pem" +tls-hostname=dns.lab.example +short www.lab.example AAAA; }
answers() { same "$("$@")" "$AAAA"; }
# All of them over one connection.
pipelined() {
	local out
	out=$(kdig_tls +keepopen +short www.lab.example AAAA six.lab.example AAAA text.lab.example TXT both.lab.example AAAA) ||
		return
	same "$out" "$AAAA
2001:db8:2::6
\"a text\"
2001:db8:2::7"
}
over_ipv4() { answers gw kdig "@$GW4" +timeout=3 +tls +short www.lab.example AAAA; }
long_answers_are_whole() {
	same "$(kdig_tls +short big.lab.example TXT | wc -l)" 20
}
shown() { client sh -c "openssl s_client -connect '[$GW6]:853' </dev/null 2>/dev/null" | openssl x509 -noout -subject; }
old_tls_is_refused() {
	not client sh -c "openssl s_client -connect '[$GW6]:853' -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null" &&
		[ "$(counter tls_failed)" -gt 0 ]
}
strangers_are_closed() {
	local before
	client ip -6 addr add 2001:dba::5/128 dev uplink && gw ip -6 route add 2001:dba::5/128 dev lan6 || return
	before=$(counter tls_refused_stranger)
	not client kdig -b 2001:dba::5 "@$GW6" +tls +timeout=2 +retry=0 +short www.lab.example AAAA
	[ "$(counter tls_refused_stranger)" -gt "$before" ]
}
# The certificates of the lab are good for two days.
expiry_is_shown() {
	prints 'over TLS  *\[::\]:853, 0.0.0.0:853' isthmus status && prints 'certificate good for 1 day$' isthmus status &&
		prints 'over HTTPS  *\[::\]:443$' isthmus status &&
		grep -q 'dns64.tls: the certificate is good for 1 more day only' "$LAB_DIR/gateway.log" &&
		prints '_certificate_expires_timestamp_seconds{over="https"} [0-9]' gw curl -gsS 'http://[::1]:9964/metrics'
}
# Questions all the time, one connection each, while the certificate changes; each must be answered.
load() {
	local end=$((SECONDS + 6)) asked=0 failed=0
	while [ "$SECONDS" -lt "$end" ]; do
		[ "$(kdig_tls +short www.lab.example AAAA 2>/dev/null)" = "$AAAA" ] || failed=$((failed + 1))
		asked=$((asked + 1))
	done
	echo "$asked $failed"
}
renewed_under_load() {
	local pid before asked failed n
	before=$(role_pids resolver)
	load >"$LAB_DIR/out/load" &
	pid=$!
	for n in second first second; do
		sleep 1
		use_certificate "$n" && isthmus reload || return
	done
	wait "$pid"
	read -r asked failed <"$LAB_DIR/out/load"
	printf '%s questions, %s unanswered\n' "$asked" "$failed"
	[ "$asked" -gt 5 ] && [ "$failed" = 0 ] && same "$(role_pids resolver)" "$before" && same "$(shown)" 'subject=CN = second'
}
bad_certificate_is_refused() {
	cp "$TLS/first.key" "$TLS/key.pem"
	prints 'dns64.tls: certificate and key: the private key does not belong' isthmus reload || return
	rm "$TLS/key.pem"
	prints 'dns64.tls.key: .*/key.pem cannot be read: No such file' isthmus reload || return
	answers verified second
}
restarted_resolver_has_it() {
	use_certificate second && isthmus reload && comes_back resolver answers verified second
}
start_without_certificate() {
	local status
	lab_gateway_stop && rm "$TLS/certificate.pem" || return
	gw timeout 20 "$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >"$LAB_DIR/out/start" 2>&1
	status=$?
	cat "$LAB_DIR/out/start"
	[ "$status" = 1 ] && grep -q 'dns64.tls.certificate: .*/certificate.pem cannot be read' "$LAB_DIR/out/start"
}

dig_cookie() { client dig "@$GW6" +tries=1 +time=1 "$@"; }
# dig says (good) if the server's cookie belongs to its own.
cookie_is_given() { prints 'COOKIE: [0-9a-f]\{48\} (good)' dig_cookie +cookie www.lab.example AAAA; }
# Takes the cookie of one answer into the next question.
cookie_is_known() {
	local before cookie
	before=$(counter queries_cookie_valid)
	cookie=$(dig_cookie +cookie www.lab.example AAAA | sed -n 's/.*COOKIE: \([0-9a-f]*\) .*/\1/p')
	dig_cookie +cookie="$cookie" www.lab.example AAAA | grep "COOKIE: $cookie (good)" &&
		[ "$(counter queries_cookie_valid)" -gt "$before" ]
}
rate_is_set() {
	sed -i "s|^dns64:|dns64:\n  per-client: { responses-per-second: $1, slip: $2 }|" "$LAB_DIR/isthmus.yaml" && isthmus reload
}
rate_is_unset() { sed -i '/^  per-client:/d' "$LAB_DIR/isthmus.yaml" && isthmus reload; }
# A flood without cookies, as if somebody forged the client's address: what comes back is bounded.
flood_is_bounded() {
	rate_is_set 10 0 || return
	client python3 - "$GW6" <<-'END'
		import socket, sys, time
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s.connect((sys.argv[1], 53))
		s.settimeout(0.2)
		query = bytes.fromhex("000101000001000000000000037777 77036c6162076578616d706c6500001c0001")
		sent, got, begin = 2000, 0, time.time()
		for i in range(sent):
		    s.send(query)
		try:
		    while True:
		        got += len(s.recv(4096)) > 0
		except TimeoutError:
		    pass
		print(f"{sent} queries in {time.time() - begin:.1f} s, {got} answers")
		sys.exit(not 10 <= got <= 40)
	END
}
# While the rate is used up, a client with cookies needs one exchange more, and one without goes to TCP.
honest_clients_are_served() {
	rate_is_unset && rate_is_set 1 1 || return
	dig_cookie +nocookie +ignore www.lab.example AAAA >/dev/null
	prints 'status: NOERROR' dig_cookie +cookie +qr www.lab.example AAAA &&
		same "$(dig_cookie +nocookie +short www.lab.example AAAA)" "$AAAA" &&
		[ "$(counter refused_rate)" -gt 0 ] && [ "$(counter refused_bad_cookie)" -gt 0 ] && rate_is_unset
}

DOH=https://[$GW6]/dns-query
# www.lab.example, AAAA
GET_QUERY=AAABAAABAAAAAAAAA3d3dwNsYWIHZXhhbXBsZQAAHAAB
kdig_https() {
	client kdig "@$GW6" +timeout=3 +retry=0 +https +tls-ca="$TLS/$1.pem" +tls-hostname=dns.lab.example "${@:2}" +short \
		www.lab.example AAAA
}
doh_curl() { client curl -sS -g -m 5 --cacert "$TLS/first.pem" "$@"; }
curl_finds_the_web() {
	same "$(doh_curl -6 --doh-url "$DOH" http://www.lab.example/whoami | cut -d ' ' -f 1)" "$POOL4"
}
# RFC 8484 s6: what EDNS says of datagrams does not count.
https_is_no_datagram() {
	same "$(client kdig "@$GW6" +timeout=3 +retry=0 +https +bufsize=512 +short big.lab.example TXT | wc -l)" 20
}
has_max_age() { prints '^cache-control: max-age=[1-9]' doh_curl -o /dev/null -D - "$DOH?dns=$GET_QUERY"; }
status_is() { same "$(doh_curl -o /dev/null -w '%{http_code}' "${@:2}")" "$1"; }
wrong_requests() {
	status_is 200 "$DOH?dns=$GET_QUERY" && status_is 400 "$DOH" && status_is 404 "https://[$GW6]/other" &&
		status_is 405 -X PUT "$DOH?dns=$GET_QUERY" && status_is 415 -d x "$DOH" &&
		head -c 5000 /dev/zero >"$LAB_DIR/out/long" &&
		status_is 413 -H 'content-type: application/dns-message' --data-binary "@$LAB_DIR/out/long" "$DOH" &&
		[ "$(counter https_refused)" -ge 5 ]
}
many_requests() {
	local before n urls=()
	before=$(counter queries_over_https)
	for n in $(seq 100); do
		urls+=(-o /dev/null "$DOH?dns=$GET_QUERY")
	done
	doh_curl -Z --parallel-max 50 -f "${urls[@]}" && same "$(($(counter queries_over_https) - before))" 100
}

# What each thread of the resolver says it has, one line each.
of_threads() { isthmus status --json | python3 -c '
import json, sys
rows = [r for r in map(json.loads, sys.stdin) if r["role"] == "resolver"]
print(*(t[sys.argv[1]] for t in rows[0]["threads"]))' "$1"; }
both_answer() {
	local pid a b rest
	pid=$(role_pids resolver)
	client python3 "$LAB_ROOT/tests/lab/dns_load.py" "$GW6" www.lab.example "$AAAA" 0.5 || return
	read -r a b rest <<<"$(of_threads answered)"
	printf 'answers: %s and %s\n' "$a" "$b"
	[ -z "$rest" ] && [ "$a" -gt 0 ] && [ "$b" -gt 0 ] && same "$((a + b))" "$(counter answered)" &&
		grep -qx 'resolver 1' "/proc/$pid/task/"*/comm && grep -q 'Seccomp:.*2' "/proc/$pid/task/"*/status &&
		prints "threads  *2, which sent" isthmus status
}
connections_are_spread() {
	local i before now
	before=$(counter tcp_accepted)
	for i in $(seq 12); do
		same "$(client dig "@$GW6" +tcp +short www.lab.example AAAA)" "$AAAA" || return
	done
	now=$(counter tcp_accepted)
	same "$((now - before))" 12
}
reload_loses_nothing() {
	local i pid asked unanswered wrong
	client python3 "$LAB_ROOT/tests/lab/dns_load.py" "$GW6" www.lab.example "$AAAA" 3 >"$LAB_DIR/out/load" &
	pid=$!
	for i in 1 2 3 4 5 6 7 8; do
		isthmus reload || return
	done
	wait "$pid"
	read -r asked unanswered wrong <"$LAB_DIR/out/load"
	printf '%s questions, %s unanswered, %s wrong answers\n' "$asked" "$unanswered" "$wrong"
	[ "$asked" -gt 100 ] && [ "$unanswered" = 0 ] && [ "$wrong" = 0 ]
}

section "Threads"
step "both threads answer, inside the sandbox, and their counters add up" both_answer
step "connections are counted over both" connections_are_spread
step "reloads under load lose no question" reload_loses_nothing

section "Cookies and rates"
step "dig is given a cookie, and finds it good" cookie_is_given
step "and is known by it afterwards" cookie_is_known
step "a flood without cookies is answered at the configured rate" flood_is_bounded
step "meanwhile dig is served with a cookie, or over TCP without" honest_clients_are_served

section "DNS over TLS"
step "kdig asks over TLS, and finds the certificate good" answers verified first
step "another certificate would not have been" not verified second
step "over IPv4, too" over_ipv4
step "several questions over one connection" pipelined
step "an answer that UDP would cut is whole" long_answers_are_whole
step "TLS 1.1 is refused" old_tls_is_refused
step "clients that may not ask are closed before the handshake" strangers_are_closed

step "status says where, and for how long the certificate is good" expiry_is_shown

is_padded() { prints 'PADDING: [0-9]* B' kdig_tls +padding=128 www.lab.example AAAA && prints '468 B' kdig_tls +padding=128 www.lab.example AAAA; }
step "padded queries get padded replies" is_padded
step "the idle time is told to who asks" prints 'TCP KEEPALIVE: 10.0 secs' client dig "@$GW6" +tcp +keepalive www.lab.example AAAA
step "a cookie can be asked for alone" prints 'COOKIE: [0-9a-f]\{48\} (good)' client dig "@$GW6" +header-only +cookie
section "DNS over HTTPS"
step "kdig asks with POST, and finds the certificate good" answers kdig_https first
step "and with GET" answers kdig_https first +https-get
step "an answer is whole, whatever size of datagrams the client takes" https_is_no_datagram
step "curl finds a web server through it, and NAT64 leads there" curl_finds_the_web
step "the answer says how long it may be kept" has_max_age
step "what is no query gets an error of HTTP" wrong_requests
step "HTTP/1.1 is refused" not client curl -sS --http1.1 --cacert "$TLS/first.pem" -o /dev/null "$DOH?dns=AAAB"
step "a hundred requests over a few connections" many_requests

section "Certificates"
step "the certificate changes three times under load, and no question is lost" renewed_under_load
step "one that cannot be used is refused with a reason, and the old one stays" bad_certificate_is_refused
step "a resolver that was killed comes back with the newest one" restarted_resolver_has_it
step "without its certificate the gateway does not start, and says why" start_without_certificate
lab_end
