#!/usr/bin/env bash
# 10_metrics.sh - metrics and the status page
#
#   gw: curl, promtool, strangers ---- [::1]:9964 monitor ---- supervisor ---- translator, resolver
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
export LAB_FILE_BYTES=2000000

lab_begin "metrics and the status page"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway
BACK_MS=$(back_ms)

PORT=9964
URL=http://[::1]:$PORT
METRICS=$LAB_DIR/out/metrics

fetch() { gw curl -sS -f -g -m 10 "$@"; }
scrape() { fetch -o "$METRICS" "$URL/metrics"; }
monitor() { gw python3 "$LAB_ROOT/tests/lab/metrics.py" "$@"; }
counters() { isthmus counters --all --json; }
# The value of one sample, as metrics.py writes it: NAME{label=value,...}
sample() { monitor parse <"$METRICS" | sed -n "s/^$(printf '%s' "$1" | sed 's/[.[\*^$]/\\&/g') //p"; }
# Scrapes and compares one sample.
sample_is() { scrape && same "$(sample "$1")" "$2"; }

some_traffic() {
	download && client ping -6 -n -q -c 3 "$WEB64" && client dig +short "@$GW6" www.lab.example AAAA &&
		client dig +short "@$GW6" nowhere.lab.example AAAA
}
same_as_counters() {
	counters >"$LAB_DIR/out/before" && scrape && counters >"$LAB_DIR/out/after" &&
		monitor compare "$LAB_DIR/out/before" "$METRICS" "$LAB_DIR/out/after"
}
# Status and metrics agree about what does not move by itself.
same_as_status() {
	local status
	status=$(isthmus status --json) && scrape || return
	printf '%s\n' "$status" | python3 -c '
import json, sys
rows = {row["role"]: row for row in map(json.loads, sys.stdin)}
t, s = rows["translator"], rows["supervisor"]
print(t["max_sessions"], t["blocks"], t["blocks_lent"], t["subscribers"], t["bindings"]["tcp"], s["version"])
' >"$LAB_DIR/out/status" || return
	same "$(sample 'isthmus_max_sessions{}' | python3 -c 'print(int(float(input())))') $(
		sample 'isthmus_port_blocks{}') $(sample 'isthmus_port_blocks_lent{}') $(
		sample 'isthmus_subscribers{}') $(sample 'isthmus_bindings{protocol=tcp}') $(
		monitor parse <"$METRICS" | sed -n 's/^isthmus_build_info{version=\(.*\)} 1$/\1/p')" \
		"$(cat "$LAB_DIR/out/status")"
}
promtool_is_happy() { promtool check metrics <"$METRICS"; }
# The rule file of docs/metrics.md: the YAML that begins with "groups:".
rules_are_sound() {
	sed -n '/^groups:/,/^```/p' "$LAB_ROOT/docs/metrics.md" | sed '/^```/d' >"$LAB_DIR/out/rules.yml"
	prints 'SUCCESS: 8 rules found' promtool check rules "$LAB_DIR/out/rules.yml"
}
# One that can go wrong shows before it has.
has_zero_samples() { sample_is 'isthmus_drops_total{reason=POOL_EXHAUSTED,direction=64,protocol=tcp}' 0; }
page_is_sound() {
	fetch -o "$LAB_DIR/out/page" "$URL/" && monitor page <"$LAB_DIR/out/page" &&
		grep -q 'all processes answer' "$LAB_DIR/out/page" && grep -q 'DNS64 answers' "$LAB_DIR/out/page" &&
		not grep -qi '<script' "$LAB_DIR/out/page"
}
# The lines below each drop add up to it.
parts_add_up() {
	isthmus counters --by "$1" | awk '
		{ gsub(",", "") }
		$1 == "drop" { if (left != 0) exit 1; left = $2; drops++; next }
		$1 ~ /^[0-9]+$/ && left > 0 { left -= $1; parts++; next }
		END { print drops, "drops in", parts, "parts"; exit left != 0 || drops == 0 || parts < drops }'
}
has_header() { prints "^$1: $2" fetch -o /dev/null -D - "$URL/$3"; }
stays_the_same() {
	local role=$1 before
	shift
	before=$(role_pids "$role")
	[ -n "$before" ] && "$@" && same "$(role_pids "$role")" "$before"
}
monitor_dies_alone() {
	local others
	others="$(role_pids translator) $(role_pids resolver)"
	comes_back monitor scrape && same "$(role_pids translator) $(role_pids resolver)" "$others"
}
# The client's packets and a scrape go on while all places are taken by connections that say nothing.
silent_clients_hold_up_nothing() {
	local ms
	background "$GW_NS" python3 "$LAB_ROOT/tests/lab/metrics.py" hold "$PORT" 100 30
	wait_for 5 eval '[ "$(gw ss -Htn state established "( sport = :$PORT )" | wc -l)" -ge 64 ]' || return
	client ping -6 -n -q -c 2 -i 0.2 -W 1 "$WEB64" || return
	client dig +short +time=1 +tries=1 "@$GW6" www.lab.example AAAA || return
	ms=$(milliseconds_until scrape) || return
	printf 'the scrape was answered after %s ms\n' "$ms"
}
slow_readers_hold_up_nothing() {
	local n
	for n in 1 2 3 4 5 6 7 8; do
		background "$GW_NS" python3 "$LAB_ROOT/tests/lab/metrics.py" dawdle "$PORT" 20
	done
	sleep 1
	fetch -m 2 -o "$METRICS" "$URL/metrics"
}
many_scrapers() {
	local n pids=()
	for n in $(seq 40); do
		fetch -o "$LAB_DIR/out/many.$n" "$URL/metrics" &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n" || return
	done
	for n in $(seq 40); do
		monitor parse <"$LAB_DIR/out/many.$n" | grep '^isthmus_up{role=translator} 1$' || return
	done
}
a_stopped_resolver_is_down() {
	local pid status
	pid=$(role_pids resolver)
	kill -STOP "$pid" || return
	wait_for 5 sample_is 'isthmus_up{role=resolver}' 0 && same "$(sample 'isthmus_up{role=translator}')" 1 &&
		same "$(sample 'isthmus_dns64_queries_udp_total{}')" "" &&
		prints 'the resolver does not answer' fetch "$URL/"
	status=$?
	kill -CONT "$pid"
	[ "$status" = 0 ] && wait_for 5 sample_is 'isthmus_up{role=resolver}' 1
}
reload_refuses() {
	sed -i "s/^control:/control:\n  metrics: $1/" "$LAB_DIR/isthmus.yaml"
	prints 'control.metrics cannot be changed while running' isthmus reload
}
port_is_taken() {
	local status
	lab_gateway_stop || return
	sed -i '/^  metrics:/d' "$LAB_DIR/isthmus.yaml"
	background "$GW_NS" python3 -c 'import socket, time
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::1", 9964))
s.listen()
time.sleep(60)'
	wait_for 5 eval 'gw ss -Hltn "( sport = :$PORT )" | grep -q .' || return
	gw timeout 20 "$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >"$LAB_DIR/out/taken" 2>&1
	status=$?
	cat "$LAB_DIR/out/taken"
	[ "$status" = 1 ] && grep -q 'control.metrics: \[::1\]:9964 is taken by python3 (process' "$LAB_DIR/out/taken"
}
no_monitor_when_off() {
	sed -i 's/^control:/control:\n  metrics: off/' "$LAB_DIR/isthmus.yaml"
	lab_gateway && same "$(role_pids monitor)" "" && not prints 9964 isthmus status
}

step "the monitor has no rights: another user, no capabilities, seccomp" is_unprivileged monitor
step "some traffic" some_traffic
step "metrics are read by a strict parser, and every counter agrees with isthmus counters" same_as_counters
step "isthmus counters --by direction,protocol adds up" parts_add_up direction,protocol
step "and so does --by protocol" parts_add_up protocol
step "gauges agree with isthmus status" same_as_status
step "what never happened is there as 0" has_zero_samples
if command -v promtool >/dev/null; then
	step "promtool has nothing to say against them" promtool_is_happy
	step "nor against the alert rules of docs/metrics.md" rules_are_sound
else
	skip "promtool is not installed (Debian: prometheus)"
fi
step "the type is that of the text format" has_header Content-Type 'text/plain; version=0.0.4' metrics
step "the status page is well-formed, and has neither script nor outside parts" page_is_sound
step "the browser is told to let nothing in" has_header Content-Security-Policy "default-src 'none'" ''
step "isthmus status says where" prints "http://\[::1\]:$PORT/ (status page)" isthmus status
step "other machines do not reach it" not client curl -sS -g -m 2 -o /dev/null "http://[$GW6]:$PORT/"
step "hostile requests get what they deserve, and the monitor lives" stays_the_same monitor monitor hostile "$PORT"
step "forty scrapers at a time" stays_the_same monitor many_scrapers
step "slow readers hold up nothing" stays_the_same monitor slow_readers_hold_up_nothing
step "a hundred silent clients hold up no packet, no query and no scrape" stays_the_same monitor \
	silent_clients_hold_up_nothing
step "a resolver that hangs is shown as down, the rest as up" a_stopped_resolver_is_down
step "a killed monitor is back within $BACK_MS ms, and nobody else notices" monitor_dies_alone
step "the restart is counted" sample_is 'isthmus_role_restarts_total{role=monitor}' 1
step "the counters still agree" same_as_counters
step "a reload that moves it is refused" reload_refuses '"[::1]:9965"'
step "who has the port is said" port_is_taken
step "without control.metrics there is no monitor" no_monitor_when_off
lab_end
