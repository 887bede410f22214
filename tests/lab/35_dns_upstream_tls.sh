#!/usr/bin/env bash
# 35_dns_upstream_tls.sh - upstreams that are asked over TLS (RFC 7858): their names, their absence, their return
#
#   client ---- gw: resolver ---- TLS ---- server: unbound :853, unbound :8853 ---- nsd :53
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "upstreams over TLS"
for tool in unbound openssl; do
	command -v "$tool" >/dev/null || lab_skip_all "$tool is not installed (tools/install-deps --lab)"
done
must "the lab stands" lab_up
TLS=$LAB_DIR/tls
NAME=dns.lab.example

# An authority, and a certificate of it for $NAME.
make_certificates() {
	mkdir "$TLS" &&
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=An authority" \
			-keyout "$TLS/ca.key" -out "$TLS/ca.pem" &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=a server" \
			-keyout "$TLS/server.key" -out "$TLS/server.csr" &&
		printf 'subjectAltName=DNS:%s\n' "$NAME" >"$TLS/names" &&
		openssl x509 -req -in "$TLS/server.csr" -CA "$TLS/ca.pem" -CAkey "$TLS/ca.key" -CAcreateserial -days 2 \
			-extfile "$TLS/names" -out "$TLS/server.pem" && chmod 644 "$TLS/ca.pem"
}
# upstream PORT: unbound, which answers over TLS at that port and asks nsd.
upstream() {
	cat >"$TLS/$1.conf" <<-END
		server:
		  interface: $NS4@$1
		  tls-port: $1
		  tls-service-key: $TLS/server.key
		  tls-service-pem: $TLS/server.pem
		  access-control: 0.0.0.0/0 allow
		  username: ""
		  chroot: ""
		  directory: "$TLS"
		  pidfile: "$TLS/$1.pid"
		  use-syslog: no
		  log-queries: yes
		  logfile: "$TLS/$1.log"
		  module-config: iterator
		  do-not-query-localhost: no
		  msg-buffer-size: 65552
		stub-zone:
		  name: lab.example
		  stub-addr: $NS4@53
	END
	ip netns exec "$SERVER_NS" unbound -d -c "$TLS/$1.conf" 2>"$TLS/$1.err" &
	LAB_PIDS+=($!)
	wait_for 5 server sh -c "openssl s_client -connect $NS4:$1 </dev/null >/dev/null 2>&1"
}
stop_upstream() {
	local pid
	pid=$(cat "$TLS/$1.pid") && kill "$pid" && wait_for 5 not kill -0 "$pid" 2>/dev/null
}
asked() { grep -c ' IN$' "$TLS/$1.log"; }
counter() { isthmus counters --all --json | sed -n "s/.*\"group\":\"dns64\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p" | grep .; }
dig64() { client dig +time=5 +tries=1 "@$GW6" "$@"; }
answered() { same "$(dig64 +short "$1" AAAA)" "$2"; }
status_of() { dig64 "$1" AAAA | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
said() { wait_for 3 grep -q "$1" "$LAB_DIR/gateway.log"; }

must "certificates are made" make_certificates
must "two servers answer over TLS" eval 'upstream 853 && upstream 8853'
lab_config dedicated
sed -i "s|^  upstream: .*|  upstream: [\"tls://$NS4#$NAME\", \"tls://$NS4:8853#$NAME\"]\n  upstream-ca: $TLS/ca.pem\n  random-case: true|" "$LAB_DIR/isthmus.yaml"
sed "s|#$NAME|#other.example|g" "$LAB_DIR/isthmus.yaml" >"$LAB_DIR/other.yaml"
must "the capture runs" capture "$GW_NS" wan4 wan4
must "the gateway serves" lab_gateway

section "Answers"
many_at_once() {
	local i pids=() before
	before=$(counter upstream_tls_connections)
	for i in $(seq 40); do
		dig64 +short "none$i.lab.example" AAAA >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	printf '%s queries over %s connections\n' "$(counter upstream_tls_asked)" "$(counter upstream_tls_connections)"
	[ "$(counter upstream_tls_asked)" -ge 40 ] && [ "$(counter upstream_tls_connections)" -le $((before + 2 * $(nproc))) ]
}
whole() { same "$(dig64 +short +tcp big.lab.example TXT | wc -l)" 20; }
nothing_in_the_clear() {
	captures_end
	no_packets wan4 'port 53' && some_packets wan4 'tcp port 853 or tcp port 8853'
}
step "a synthesized answer" answered www.lab.example "$WEB64"
step "a native answer" answered six.lab.example 2001:db8:2::6
step "an answer longer than a datagram" whole
random_case() {
	grep -hiE ' none[0-9]*\.lab\.example\. ' "$TLS"/*.log | grep -v 'lab\.example\.' | grep -q '[a-z]'
}
step "many queries share the connections" many_at_once
step "names are asked for in random case" random_case
step "nothing is asked in the clear" nothing_in_the_clear

section "A server goes away and comes back"
goes_on() {
	stop_upstream 853 && answered both.lab.example 2001:db8:2::7 &&
		for i in $(seq 8); do [ "$(status_of "gone$i.lab.example")" = NXDOMAIN ] || return; done
}
nobody_answers() {
	stop_upstream 8853 && same "$(status_of lost.lab.example)" SERVFAIL && said 'upstream tls://.*:8853#.* does not work'
}
back() { [ "$(status_of "back$SECONDS$RANDOM.lab.example")" = NXDOMAIN ]; }
# Each thread of the resolver has connections of its own and notices for itself.
back_and_said() { back && grep -q "upstream tls://.*#$NAME works again" "$LAB_DIR/gateway.log"; }
both_return() { upstream 853 && upstream 8853 && wait_for 10 back_and_said; }
step "without one of them answers come from the other" goes_on
step "without both it is SERVFAIL, and the log says who does not work" nobody_answers
step "with both again, answers come" both_return

section "A domain whose servers are asked over TLS"
names_in_the_clear() { tcpdump -n -r "$LAB_DIR/wan4.pcap" 'port 53' 2>/dev/null | tr '[:upper:]' '[:lower:]'; }
one_domain_over_tls() {
	lab_gateway_stop && sed -i "s|^  upstream: \(.*\)|  upstream: [$NS4]\n  forward: [{ domain: lab.example, to: \1 }]|" \
		"$LAB_DIR/isthmus.yaml" && capture "$GW_NS" wan4 wan4 && lab_gateway || return
	answered www.lab.example "$WEB64" && answered six.lab.example 2001:db8:2::6 &&
		same "$(status_of nothing.example)" SERVFAIL || return # nsd refuses it
	captures_end
	some_packets wan4 'tcp port 853 or tcp port 8853' && names_in_the_clear | grep -q 'nothing\.example' &&
		not grep -q 'lab\.example' < <(names_in_the_clear)
}
step "they are, and other names are not" one_domain_over_tls

section "A server that does not prove its name"
# lab_gateway waits for an answer, which does not come here.
is_ready() { isthmus status --json | grep -q '"role":"resolver"'; }
start_without_answers() {
	ip netns exec "$GW_NS" "$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >>"$LAB_DIR/gateway.log" 2>&1 &
	GATEWAY_PID=$!
	wait_for 20 is_ready
}
is_not_asked() {
	local before
	lab_gateway_stop && cp "$LAB_DIR/other.yaml" "$LAB_DIR/isthmus.yaml" && start_without_answers || return
	before=$(($(asked 853) + $(asked 8853)))
	same "$(status_of "www.lab.example")" SERVFAIL && said '#other.example does not work: hostname mismatch' &&
		same "$(($(asked 853) + $(asked 8853)))" "$before" && [ "$(counter upstream_tls_failed)" -ge 2 ]
}
is_not_trusted() {
	lab_gateway_stop && sed -i "s|#other.example|#$NAME|g; s|upstream-ca: .*|upstream-ca: /etc/ssl/certs/ca-certificates.crt|" \
		"$LAB_DIR/isthmus.yaml" && start_without_answers || return
	same "$(status_of www.lab.example)" SERVFAIL && said 'does not work: unable to get local issuer certificate'
}
without_authorities() {
	lab_gateway_stop && sed -i 's|upstream-ca: .*|upstream-ca: /nonexistent.pem|' "$LAB_DIR/isthmus.yaml" || return
	not gw timeout 20 "$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >"$LAB_DIR/out/start" 2>&1
	prints '/nonexistent.pem' cat "$LAB_DIR/out/start"
}
step "another name in its certificate" is_not_asked
step "an authority that nobody trusts" is_not_trusted
step "authorities that cannot be read are said at the start" without_authorities

lab_end
