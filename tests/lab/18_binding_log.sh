#!/usr/bin/env bash
# 18_binding_log.sh - who had which IPv4 address and ports: to a file, the system's log and IPFIX collectors
#
#   client ---- gw: isthmus run ---- server: nginx; nfcapd (UDP 4739); a recorder (TCP 4739) read by ipfixDump
#                |       \
#           bindings.log  log.sock (a recorder in the place of the system's log)
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
export LAB_FILE_BYTES=300000

lab_begin "the binding log"
for tool in nfcapd nfdump ipfixDump; do
	command -v "$tool" >/dev/null || lab_skip_all "$tool is not installed (tools/install-deps --lab)"
done
must "the lab stands" lab_up

LOG=$LAB_DIR/log/bindings.log
SYSLOG=$LAB_DIR/out/log.sock
PORT=4739
COLLECTED=$LAB_DIR/out/collected

# Writes the configuration with the given mapping at log.bindings.
config() {
	lab_config dedicated
	sed -i "s#^  level: info#&\n  bindings: { $1 }#" "$LAB_DIR/isthmus.yaml"
}
restart_with() {
	lab_gateway_stop && config "$1" && lab_gateway
}
# What was logged; the thread writes at most 100 ms later.
has_line() { grep -qE -e "$1" "$LOG"; }
logged() { wait_for 5 has_line "$1" || { tail -n 20 "$LOG"; printf 'wanted: %s\n' "$1"; return 1; }; }
lines() { grep -cE -e "$1" "$LOG"; }
utc_now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
who() { gw "$ISTHMUS" who --log "$LOG" "$@"; }
recorder() { background "$1" python3 "$LAB_ROOT/tests/lab/recorder.py" "${@:2}"; }
# The value of a counter; none is 0.
counter() { isthmus counters --all --json | sed -n "s/.*\"group\":\"binding_log\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p"; }
counter_is_above() { [ "$(counter "$1")" -gt "$2" ]; }
stamp_of() { grep -E -e "$1" "$LOG" | tail -n 1 | cut -d ' ' -f 1; }
field_of() { grep -E -e "$1" "$LOG" | tail -n 1 | tr ' ' '\n' | sed -n "s/^$2=//p"; }

#
# Session detail, to all three at once
#

collector_up() {
	mkdir -p "$LAB_DIR/nfcapd"
	background "$SERVER_NS" nfcapd -p "$PORT" -b "$NS4" -w "$LAB_DIR/nfcapd" -t 3600 -e
	NFCAPD=$!
	wait_for 5 eval '[ -n "$(server ss -Hlun "( sport = :$PORT )")" ]'
}
some_traffic() {
	download && client ping -6 -n -q -c 2 -i 0.2 "$WEB64" &&
		client dig +short +time=2 +tries=2 -b "$CLIENT6#41000" "@$NS64" www.lab.example A
}
SUB='subscriber=2001:db8:1::/64'
lines_are_right() {
	logged "start detail=session version=" && logged "block-lent $SUB address=$POOL4 ports=[0-9]+-[0-9]+$" &&
		logged "session-made proto=tcp client=\[$CLIENT6\]:[0-9]+ via=$POOL4:[0-9]+ remote=$WEB4:80$" &&
		logged "session-made proto=icmp client=\[$CLIENT6\]:[0-9]+ via=$POOL4:[0-9]+ remote=$WEB4:0$" &&
		logged "session-made proto=udp client=\[$CLIENT6\]:41000 via=$POOL4:[0-9]+ remote=$NS4:53$"
}
# The port that the log names is the one that the server saw.
server_agrees() {
	local seen
	seen=$(client curl -sS -m 5 --local-port 42000 "http://[$WEB64]/whoami") || return
	logged "session-made proto=tcp client=\[$CLIENT6\]:42000 " || return
	same "$(field_of 'client=\[2001:db8:1::2\]:42000 ' via)" "${seen/ /:}"
}
syslog_has_the_same() {
	sleep 0.3
	sed -n 's/^<30>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]* isthmus-bindings: //p' "$LAB_DIR/out/syslog" >"$LAB_DIR/out/syslog.lines"
	cmp "$LAB_DIR/out/syslog.lines" "$LOG"
}
file_is_private() { same "$(stat -c %a "$LOG")" 640; }

# What nfdump makes of it, against the lines of the file: each session of the file is there once, field by field.
nfdump_agrees() {
	sleep 0.3
	kill -INT "$NFCAPD"
	wait_for 5 eval '[ -n "$(ls "$LAB_DIR"/nfcapd/nfcapd.2* 2>/dev/null)" ]' || { ls -la "$LAB_DIR/nfcapd"; return 1; }
	nfdump -R "$LAB_DIR/nfcapd" -o json >"$LAB_DIR/out/nfdump.json" || return
	python3 "$LAB_ROOT/tests/lab/binding_log.py" nfdump "$LOG" "$LAB_DIR/out/nfdump.json"
}

mkdir "$LAB_DIR/nfcapd"
recorder "$GW_NS" unix "$SYSLOG" "$LAB_DIR/out/syslog"
must "a collector listens (nfcapd)" collector_up
config "to: [file, syslog, ipfix], path: $LOG, detail: session, syslog: $SYSLOG, collector: \"$NS4:$PORT\", template-refresh: 1s"
must "the gateway serves" lab_gateway
section "Each session"
step "some traffic" some_traffic
step "the file has a line for the start, the block and each session" lines_are_right
step "the port that the log names is the one that the server saw" server_agrees
step "the log is for its owner and the group only" file_is_private
step "the system's log got the same lines" syslog_has_the_same
step "nothing was lost" eval '[ "$(counter lost_file)$(counter lost_syslog)$(counter lost_buffer_full)" = 000 ]'
step "nfdump reads the same sessions, field by field" nfdump_agrees
lab_end
