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

#
# Blocks, asked for by time
#

who_says() {
	local wanted=$1
	shift
	prints "$wanted" who "$@"
}
ask_port() { via=$(field_of "block-lent $SUB" ports); printf '%s:%s' "$POOL4" "${via%-*}"; }
# The old file under another name, and the gateway told: the new one answers for itself.
rotate() {
	mv "$LOG" "$LOG.1" && isthmus reload && wait_for 5 test -s "$LOG" && logged "block-held $SUB address=$POOL4 ports="
}

section "Blocks"
step "the gateway logs blocks only" restart_with "to: [file], path: $LOG, detail: block"
step "some traffic" some_traffic
step "a line for the block" logged "block-lent $SUB address=$POOL4 ports=[0-9]+-[0-9]+$"
step "no session is named" eval '[ "$(sed "1,/detail=block/d" "$LOG" | grep -c session-)" = 0 ]'
AT=$(ask_port)
NOW=$(utc_now)
step "who --at: now" who_says '2001:db8:1::/64' "$AT" --at "$NOW"
step "who --at: an hour ago, which the log does not cover" who_says 'begins' "$AT" --at "$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)"
step "who --at: local time" who_says '2001:db8:1::/64' "$AT" --at "$(date '+%Y-%m-%d %H:%M:%S.%3N')"
step "who --at: what is no time" not who "$AT" --at yesterday
step "rotation: the new file begins with what is lent" rotate
step "who --at: the moment before, from the old file" who_says '2001:db8:1::/64' "$AT" --at "$NOW"
gzip "$LOG.1"
step "who --at: the same, compressed" who_says '2001:db8:1::/64' "$AT" --at "$NOW"
BACK_MS=$(back_ms)
step "the translator is killed, and the log goes on" comes_back translator gateway_serves
step "a start says that all that was open has ended" logged " start detail=block version="

#
# A collector that stops reading
#

stopped_reader_up() {
	recorder "$SERVER_NS" tcp "$NS4" "$((PORT + 1))" "$LAB_DIR/out/ipfix.tcp"
	READER=${LAB_PIDS[-1]}
	wait_for 5 eval '[ -n "$(server ss -Hltn "( sport = :$((PORT + 1)) )")" ]'
}
ipfixdump_reads() {
	ipfixDump --in "$LAB_DIR/out/ipfix.tcp" >"$LAB_DIR/out/ipfixdump" 2>&1
	grep -q natEvent "$LAB_DIR/out/ipfixdump" && grep -q portRangeStart "$LAB_DIR/out/ipfixdump" && return
	head -n 30 "$LAB_DIR/out/ipfixdump"
	return 1
}
# More new flows than the smallest buffers and the kernel's can hold.
many_flows() {
	client python3 - "$WEB64" <<-'PYTHON'
		import socket, sys
		for i in range(40):
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    for port in range(10000, 12000):
		        s.sendto(b"x", (sys.argv[1], port))
	PYTHON
}

section "A collector that stops reading"
step "a collector over TCP" stopped_reader_up
step "the gateway logs sessions to it" restart_with \
	"to: [file, ipfix], path: $LOG, detail: session, buffer: 1024, transport: tcp, collector: \"$NS4:$((PORT + 1))\""
step "some traffic" some_traffic
wait_for 5 test -s "$LAB_DIR/out/ipfix.tcp"
sleep 1
step "ipfixDump reads it" ipfixdump_reads
kill -STOP "$READER"
step "it stops, and many flows come" many_flows
step "a download is not held up" download
step "what did not fit was counted" wait_for 10 counter_is_above lost_ipfix 0
kill -CONT "$READER"
lab_end
