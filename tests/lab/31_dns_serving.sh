#!/usr/bin/env bash
# 31_dns_serving.sh - serving DNS over TLS, with the clients that people use
#
#   client: kdig, openssl ---- TLS, port 853 ---- gw: resolver ---- server: nsd
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "serving over TLS"
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
	sed -i "s|^dns64:|dns64:\n  tls: { listen: [\"[::]:853\", \"0.0.0.0:853\"], certificate: $TLS/certificate.pem, key: $TLS/key.pem }|" \
		"$LAB_DIR/isthmus.yaml"
}
mkdir "$TLS"
must "certificates are made" eval 'make_certificate first && make_certificate second && use_certificate first'
lab_config dedicated
serve_tls
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

section "DNS over TLS"
step "kdig asks over TLS, and finds the certificate good" answers verified first
step "another certificate would not have been" not verified second
step "over IPv4, too" over_ipv4
step "several questions over one connection" pipelined
step "an answer that UDP would cut is whole" long_answers_are_whole
step "TLS 1.1 is refused" old_tls_is_refused
step "clients that may not ask are closed before the handshake" strangers_are_closed

section "Certificates"
step "the certificate changes three times under load, and no question is lost" renewed_under_load
step "one that cannot be used is refused with a reason, and the old one stays" bad_certificate_is_refused
step "a resolver that was killed comes back with the newest one" restarted_resolver_has_it
step "without its certificate the gateway does not start, and says why" start_without_certificate
lab_end
