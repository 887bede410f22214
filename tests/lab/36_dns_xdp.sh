#!/usr/bin/env bash
# 36_dns_xdp.sh - ready answers given by XDP: the same bytes, to the same clients, and nothing left behind
#
#   client 2001:db8:1::2, no view ------+
#   client 2001:db8:1::3, another view -+---- lan6 [XDP] gw: resolver ---- nsd
#   client 2001:db8:1::4, not allowed --+
#   client 203.0.113.2, no view --------+
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

OTHER6=2001:db8:1::3
STRANGER6=2001:db8:1::4
OTHER64=2001:db8:64::c633:640a
CLIENT4=203.0.113.2
LAN4=203.0.113.1

lab_begin "ready answers are given where queries come in"
command -v bpftool >/dev/null || lab_skip_all "bpftool is not installed (tools/install-deps)"
must "the lab stands" lab_up
for address in "$OTHER6" "$STRANGER6"; do
	ip -n "$CLIENT_NS" addr add "$address/64" dev uplink nodad preferred_lft 0
done
ip -n "$CLIENT_NS" addr add "$CLIENT4/24" dev uplink
ip -n "$GW_NS" addr add "$LAN4/24" dev lan6

counters() { isthmus counters --all --json; }
counter() { counters | sed -n "s/.*\"group\":\"dns64\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p" | grep .; }
# The number of the program on lan6; nothing if there is none.
program_of() { ip -n "$GW_NS" -d link show lan6 | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p'; }
write_config() {
	lab_config dedicated
	sed -i "s|^dns64:|&\n  fastpath: xdp\n  fastpath-interfaces: [lan6]\n  threads: 1|
		s|^  allow: .*|  allow: [\"2001:db8:1::2/127\", \"192.0.2.0/24\", \"203.0.113.0/24\"]\n  views: [{ clients: [\"$OTHER6/128\"], prefixes: [\"2001:db8:64::/96\"] }]|" "$LAB_DIR/isthmus.yaml"
}
write_config
must "the gateway serves" lab_gateway
is_on() { prints "DNS in XDP  on; lan6 (generic)" isthmus status; }
step "it says that the program is on, on which interface and how" is_on

section "Answers"
# Sends the same query until XDP has given the answer; at most five times.
asks() {
	local from=$1 before i
	shift
	before=$(counter xdp_answered)
	for i in 1 2 3 4 5; do
		client dig -b "$from" +nocookie +time=2 +tries=1 "$@" >"$LAB_DIR/out/answer" || return
		[ "$(counter xdp_answered)" = "$before" ] || return 0
	done
	printf 'XDP never answered %s\n' "$*"
	return 1
}
says() { grep -v '^;;\? \(Query time\|WHEN\|SERVER\|<<>>\|global\|(1 server\|MSG SIZE\)' "$LAB_DIR/out/answer" | sed '/^; <<>>/d'; }
data() { client dig -b "$1" +nocookie +short +time=2 +tries=1 "@$GW6" "${@:2}"; }
is_synthesized() { asks "$CLIENT6" "@$GW6" www.lab.example AAAA && same "$(data "$CLIENT6" www.lab.example AAAA)" "$WEB64"; }
in_its_view() { asks "$OTHER6" "@$GW6" www.lab.example AAAA && same "$(data "$OTHER6" www.lab.example AAAA)" "$OTHER64"; }
over_ipv4() { asks "$CLIENT4" "@$LAN4" www.lab.example AAAA && same "$(client dig -b "$CLIENT4" +nocookie +short "@$LAN4" www.lab.example AAAA)" "$WEB64"; }
keeps_case() { asks "$CLIENT6" "@$GW6" wWw.lAb.ExAmPlE AAAA && grep -q '^wWw\.lAb\.ExAmPlE\.' "$LAB_DIR/out/answer"; }
refuses_strangers() {
	local before
	before=$(counter xdp_passed_client)
	client dig -b "$STRANGER6" +nocookie +time=2 +tries=1 "@$GW6" www.lab.example AAAA | grep -q 'status: REFUSED' &&
		[ "$(counter xdp_passed_client)" -gt "$before" ]
}
passes_cookies() {
	local before answered
	before=$(counter xdp_passed_shape)
	answered=$(counter xdp_answered)
	client dig -b "$CLIENT6" +cookie +time=2 +tries=1 "@$GW6" www.lab.example AAAA | grep -q 'COOKIE: .*(good)' &&
		[ "$(counter xdp_passed_shape)" -gt "$before" ] && same "$(counter xdp_answered)" "$answered"
}
forwards_the_rest() {
	local before
	before=$(counter xdp_answered)
	# The name server on the other side, through the translator: not a word of it is for the resolver.
	client dig -b "$CLIENT6" +nocookie +short +time=2 +tries=1 "@$NS64" www.lab.example A | grep -qx "$WEB4" &&
		same "$(counter xdp_answered)" "$before"
}
counts_down() {
	local first next
	asks "$CLIENT6" "@$GW6" www.lab.example AAAA || return
	first=$(awk '$5 == "'"$WEB64"'" { print $2 }' "$LAB_DIR/out/answer")
	sleep 1.1
	asks "$CLIENT6" "@$GW6" www.lab.example AAAA || return
	next=$(awk '$5 == "'"$WEB64"'" { print $2 }' "$LAB_DIR/out/answer")
	printf '%s, then %s\n' "$first" "$next"
	[ "$next" -lt "$first" ] && [ "$next" -ge $((first - 3)) ]
}
step "a synthesized answer is given by XDP" is_synthesized
step "a client of another view gets its own" in_its_view
step "so does one over IPv4" over_ipv4
step "the name comes back in the case that it was asked in" keeps_case
step "who is not allowed is refused by the resolver" refuses_strangers
step "a query with a cookie goes to the resolver" passes_cookies
step "what is addressed to others is not looked at" forwards_the_rest
step "TTLs are counted down" counts_down

section "The same as from the socket"
step "every answer is the same bytes as the resolver's own" client python3 "$LAB_ROOT/tests/lab/dns_same.py" "$CLIENT6" "$GW6"

section "Reload, and the death of processes"
takes_effect() {
	sed -i '/^dns64:/,$ s|^  prefixes: \[64:ff9b::/96\]|  prefixes: ["2001:db8:96::/96"]|' "$LAB_DIR/isthmus.yaml"
	isthmus reload --config "$LAB_DIR/isthmus.yaml" || return
	same "$(data "$CLIENT6" www.lab.example AAAA)" 2001:db8:96::c633:640a &&
		asks "$CLIENT6" "@$GW6" www.lab.example AAAA && grep -q 2001:db8:96::c633:640a "$LAB_DIR/out/answer"
}
is_refused() {
	sed 's|^  prefixes: .*|  prefixes: ["2001:db8:97::/95"]|' "$LAB_DIR/isthmus.yaml" >"$LAB_DIR/bad.yaml"
	cp "$LAB_DIR/isthmus.yaml" "$LAB_DIR/good.yaml"
	cp "$LAB_DIR/bad.yaml" "$LAB_DIR/isthmus.yaml"
	isthmus reload && { printf 'a bad file was taken\n'; return 1; }
	cp "$LAB_DIR/good.yaml" "$LAB_DIR/isthmus.yaml"
	asks "$CLIENT6" "@$GW6" www.lab.example AAAA && grep -q 2001:db8:96::c633:640a "$LAB_DIR/out/answer"
}
bars_a_client() {
	sed -i 's|"2001:db8:1::2/127"|"2001:db8:1::5/128"|' "$LAB_DIR/isthmus.yaml"
	isthmus reload || return
	client dig -b "$CLIENT6" +nocookie +time=2 +tries=1 "@$GW6" www.lab.example AAAA | grep -q 'status: REFUSED' || return
	sed -i 's|"2001:db8:1::5/128"|"2001:db8:1::2/127"|' "$LAB_DIR/isthmus.yaml"
	isthmus reload
}
# While the resolver is stopped, only XDP can answer.
answers_alone() {
	local pid status
	asks "$CLIENT6" "@$GW6" www.lab.example AAAA || return
	pid=$(role_pids resolver)
	kill -STOP "$pid"
	client dig -b "$CLIENT6" +nocookie +short +time=1 +tries=1 "@$GW6" www.lab.example AAAA >"$LAB_DIR/out/alone"
	grep -x 2001:db8:96::c633:640a "$LAB_DIR/out/alone" || { cat "$LAB_DIR/out/alone"; false; }
	status=$?
	kill -CONT "$pid"
	return "$status"
}
survives_the_resolver() {
	kill_role resolver && wait_for 10 gateway_serves && asks "$CLIENT6" "@$GW6" www.lab.example AAAA
}
# The answers of the dead one are of the old configuration; nobody is there to take the new one.
survives_both() {
	sed -i 's|2001:db8:96::/96|2001:db8:98::/96|' "$LAB_DIR/isthmus.yaml"
	kill_role resolver && isthmus reload && wait_for 10 gateway_serves && asks "$CLIENT6" "@$GW6" www.lab.example AAAA &&
		grep -q 2001:db8:98::c633:640a "$LAB_DIR/out/answer"
}
follows_addresses() {
	ip -n "$GW_NS" addr add 2001:db8:1::11/64 dev lan6 nodad
	wait_for 5 asks "$CLIENT6" "@2001:db8:1::11" www.lab.example AAAA || return
	ip -n "$GW_NS" addr del 2001:db8:1::11/64 dev lan6
	wait_for 3 not answered_at 2001:db8:1::11
}
answered_at() { client dig -b "$CLIENT6" +nocookie +short +time=1 +tries=1 "@$1" www.lab.example AAAA | grep -q ^2001; }
cleans_up() {
	PROGRAM=$(program_of)
	[ -n "$PROGRAM" ] || return
	kill -KILL "$GATEWAY_PID"
	wait "$GATEWAY_PID" 2>/dev/null
	wait_for 5 nothing_is_left || { bpftool prog show id "$PROGRAM"; ip -n "$GW_NS" -d link show lan6; return 1; }
}
nothing_is_left() { [ -z "$(program_of)" ] && not bpftool prog show id "$PROGRAM"; }
step "a new prefix counts from the next answer on" takes_effect
step "a reload that is refused changes nothing" is_refused
step "a client that is not allowed any more is refused at once" bars_a_client
step "answers are given while the resolver stands still" answers_alone
step "a resolver that dies comes back, and its answers with it" survives_the_resolver
step "a reload while it is dead counts from the next answer on" survives_both
step "a new address of the host is served, and one that is gone is not" follows_addresses
step "after kill -9 nothing of it is left on the host" cleans_up

section "Native mode"
# The other end of a veth takes what is turned around only if it has an XDP program too: this one passes all without its ports. Its
# kernel then checks the checksums, which it does not in generic mode.
OBJECT=$(dirname "$ISTHMUS")/../../bpf/dns.bpf.o
is_native() {
	export ISTHMUS_XDP_NATIVE=1
	lab_gateway && prints "DNS in XDP  on; lan6 (native)" isthmus status
}
# A veth leaves little room behind a frame, so many are moved forward (resize() of the program).
same_in_native_mode() {
	client python3 "$LAB_ROOT/tests/lab/dns_same.py" "$CLIENT6" "$GW6" && [ "$(counter xdp_answered)" -gt 1000 ] &&
		same "$(counter xdp_passed_room)" 0 && same "$(client nstat -az Udp6InCsumErrors | awk '/Udp6/ { print $2 }')" 0
}
if ip -n "$CLIENT_NS" link set uplink xdpdrv obj "$OBJECT" sec xdp 2>/dev/null; then
	must "it starts again, in native mode, and says so" is_native
	step "every answer is the same bytes there, too, with the right checksums" same_in_native_mode
	ip -n "$CLIENT_NS" link set uplink xdpdrv off
else
	skip "ip cannot attach a program to the other end"
	must "it starts again" lab_gateway
	step "and gives answers again" asks "$CLIENT6" "@$GW6" www.lab.example AAAA
fi
PROGRAM=$(program_of)
step "the gateway ends by itself on SIGTERM, with status 0" lab_gateway_stop
step "and leaves nothing" nothing_is_left
gives_way() {
	sed -i "s|^log:|&\n  queries: { to: [file], path: $LAB_DIR/queries.log }|" "$LAB_DIR/isthmus.yaml"
	lab_gateway && prints "DNS in XDP  off: log.queries is on" isthmus status || return
	client dig -b "$CLIENT6" +nocookie +short "@$GW6" www.lab.example AAAA && wait_for 5 grep -q www.lab.example "$LAB_DIR/queries.log"
}
# As in a container that may not load eBPF programs.
without_rights() {
	lab_gateway_stop && sed -i "s/^  fastpath: .*/  fastpath: auto/" "$LAB_DIR/isthmus.yaml" || return
	ip netns exec "$GW_NS" setpriv --bounding-set -bpf,-sys_admin,-perfmon --inh-caps -bpf,-sys_admin,-perfmon \
		"$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >>"$LAB_DIR/gateway.log" 2>&1 &
	GATEWAY_PID=$!
	wait_for 20 gateway_serves && prints "DNS in XDP  off: cannot load .*CAP_BPF" isthmus status
}
step "a log of queries misses nothing: the program gives way" gives_way
step "without the right to load it, auto serves from the sockets and says why" without_rights
lab_end
