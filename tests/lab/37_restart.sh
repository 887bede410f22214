#!/usr/bin/env bash
# 37_restart.sh - sessions over a restart: a stop writes them down, the next start finds them
#
#   client ------------------ gw: isthmus run, SIGTERM, isthmus run ... ------------------ server: nginx, a mirror of datagrams
#                                   |            ^
#                                   v            |
#                                state/sessions (nat64.state-file)
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "sessions over a restart"
must "the lab stands" lab_up

export LAB_STATE_FILE=$LAB_DIR/state/sessions
LOG=$LAB_DIR/run/bindings.log
MIRROR_PORT=7000
STATIC="{ protocol: tcp, outside: \"$POOL4:8080\", inside: \"[2001:db8:7::2]:80\" }"

# config WORKERS PORTS: a log of sessions, and a way in that is written down
config() {
	LAB_WORKERS=$1
	lab_config dedicated
	sed -i -e "s#ports: 1024-65535#ports: $2#" -e "s#^  level: info#&\n  bindings: { to: [file], path: $LOG, detail: session }#" \
		-e "s#^  max-sessions:.*#&\n  static: [$STATIC]#" "$LAB_DIR/isthmus.yaml"
}
restart() { lab_gateway_stop && lab_gateway; }
logged() { grep -e "$1" "$LAB_DIR/gateway.log"; }
# What the last start said of the sessions that it found.
last_restored() { grep "saved sessions:.* restored in" "$LAB_DIR/gateway.log" | tail -n 1; }
restored() { isthmus counters --all --json | sed -n "s/.*\"group\":\"restored\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p"; }
restored_is() { same "$(restored "$1")" "$2"; }
restored_some() { [ "$(restored "$1")" -gt 0 ]; }
# The pool's address and port of the client's datagrams from a port, as the server sees them.
mirrored() { client python3 "$LAB_ROOT/tests/lab/udp.py" mirrored "$NS64" "$MIRROR_PORT" "$1"; }
port_is() { same "$(mirrored "$1")" "$2"; }
port_is_not() { [ "$(mirrored "$1")" != "$2" ]; }
utc_now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
private() { same "$(stat -c '%a %U' "$1")" "600 root"; }

background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" mirror "$MIRROR_PORT" "$NS4"
config 4 1024-65535
must "the gateway serves with four workers" lab_gateway

section "A download and other flows, through a stop and a start"
begin_download() {
	client curl -sS -m 30 -o "$LAB_DIR/out/slow" "http://[$WEB64]/slow" 2>"$LAB_DIR/out/curl.err" &
	CURL=$!
	wait_for 5 eval '[ "$(stat -c %s "$LAB_DIR/out/slow" 2>/dev/null || echo 0)" -gt 500000 ]'
}
end_download() {
	wait "$CURL" || { cat "$LAB_DIR/out/curl.err"; return 1; }
	same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH"
}
is_downloading() { kill -0 "$CURL"; }
must "datagrams have a port" eval 'SEEN=$(mirrored 45000)'
must "an echo has a session" client ping -6 -n -q -c 1 -W 2 "$NS64"
must "the download has begun" begin_download
SINCE=$(utc_now)
must "the daemon stops in order" lab_gateway_stop
step "and has written down what it had" private "$LAB_STATE_FILE"
STOPPED=$(utc_now)
must "it starts again" lab_gateway
step "the file is gone: it is read once" not test -e "$LAB_STATE_FILE"
step "the download was not over by then" is_downloading
step "sessions were restored, and none refused" prints "restored in [0-9]* ms, after a break of [0-9.]* s$" last_restored
step "datagrams have the port that they had" port_is 45000 "$SEEN"
step "the download completes, and is right" end_download
step "isthmus status says it" prints "restored .*sessions\? at the start, after a break of" isthmus status

section "Who had it, by the log"
who_now() { gw "$ISTHMUS" who "$SEEN" --log "$LOG" --at "$1"; }
step "before the restart" prints "\[$CLIENT6\]:45000" who_now "$SINCE"
step "and since then" wait_for 5 prints "\[$CLIENT6\]:45000" who_now "$(utc_now)"
nobody_at() { not prints "\[$CLIENT6\]:45000" who_now "$1" && who_now "$1" 2>&1 | grep -q "not running\|was down\|note:"; }
step "but not while the gateway was down" nobody_at "$STOPPED"

section "Another number of workers, another pool"
config 1 1024-65535
step "one worker takes over what four had" restart
step "with the same port" port_is 45000 "$SEEN"
config 4 1024-65535
step "and four what one had" restart
step "with the same port" port_is 45000 "$SEEN"
step "with nothing refused" not grep refused <<<"$(last_restored)"
# The block of the port is no more.
LOW=$((${SEEN##*:} / 512 * 512))
without_block() { if [ "$LOW" -gt 32768 ]; then echo "1024-$((LOW - 1))"; else echo "$((LOW + 512))-65535"; fi; }
config 4 "$(without_block)"
step "a pool without its block" restart
step "ends it, and says why" prints "refused: .*pool [0-9]" last_restored
step "and counts it" restored_some refused_pool
step "a new port is had" port_is_not 45000 "$SEEN"

section "Files that are not right"
damage() {
	lab_gateway_stop || return
	"$@" && lab_gateway
}
SEEN=$(mirrored 45000)
flip() { printf '\377' | dd of="$LAB_STATE_FILE" bs=1 seek="$1" conv=notrunc status=none; }
step "one with a damaged record" damage flip 230
step "is refused as far as it is damaged, and that is told" logged "the file is damaged: [0-9]* sessions in 1 chunks are lost"
step "nothing of it is restored" restored_is sessions 0
step "one that was cut is told, too" eval 'damage truncate -s 200 "$LAB_STATE_FILE" && logged "the file is damaged: its end is missing"'
garbage() { head -c 100000 /dev/urandom >"$LAB_STATE_FILE"; }
step "one of garbage is none of ours" eval 'damage garbage && logged "none of ours; none is restored"'
step "one that somebody else could have written is not even read" eval \
	'damage chmod 666 "$LAB_STATE_FILE" && logged "others than we could have written it"'
step "flows begin anew after all that" mirrored 45000
rm -f "$LAB_STATE_FILE"

section "Ends that are not in order"
step "a restart restores" eval 'restart && restored_some sessions'
BACK_MS=$(back_ms)
step "a translator that dies comes back" comes_back translator gateway_serves
step "and is not given what is not true any more" restored_is sessions 0
step "it serves" mirrored 45000
at_once() {
	local pid=$GATEWAY_PID
	GATEWAY_PID=
	kill -STOP "$(role_pids translator | head -n 1)"
	kill -TERM "$pid"
	sleep 0.1
	kill -TERM "$pid"
	wait_for 2 not kill -0 "$pid" || return
	wait "$pid"
	! ls "$LAB_DIR/state" | grep .
}
step "a second SIGTERM ends it at once, and leaves no file" at_once
step "the log says so" logged "the sessions are not saved"
config 4 1024-65535
sed -i 's#state-file: .*#state-file: none#' "$LAB_DIR/isthmus.yaml"
must "with state-file: none it starts" lab_gateway
sed -i 's#state-file: .*#state-file: /proc/nowhere/sessions#' "$LAB_DIR/isthmus.yaml"
step "a path that cannot be written is told at a reload" eval 'isthmus reload && logged "/proc/nowhere/sessions cannot be written"'
sed -i 's#state-file: .*#state-file: none#' "$LAB_DIR/isthmus.yaml"
step "and stops, switched off again" eval 'isthmus reload && lab_gateway_stop'
nothing_is_left() { ! ls "$LAB_DIR/state" | grep .; }
step "and leaves no file" nothing_is_left

lab_end
