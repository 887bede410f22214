#!/usr/bin/env bash
# 38_killed.sh - a translator that is killed leaves its flows to the fast path, and the next one finds them there
#
#   client ------- gw: isthmus run, with eBPF programs at lan6 and wan4; kill -9 of the translator, and of everything ------- server
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/fastpath.sh"

lab_begin "flows of a translator that was killed"
must "the lab stands" lab_up
must "a bpffs" lab_bpffs
LOG=$LAB_DIR/run/bindings.log
MIRROR_PORT=7000
LAB_KILLS=${LAB_KILLS:-4}

config() {
	LAB_WORKERS=4
	lab_config dedicated
	set_key fastpath tc
	sed -i "s#^  level: info#&\n  bindings: { to: [file], path: $LOG }#" "$LAB_DIR/isthmus.yaml"
}
# The pool's address and port of the client's datagrams from a port, as the server sees them.
mirrored() { client python3 "$LAB_ROOT/tests/lab/udp.py" mirrored "$NS64" "$MIRROR_PORT" "$1"; }
port_is() { same "$(mirrored "$1")" "$2"; }
taken_over() { grep -c "fast path: [1-9][0-9]* sessions taken over with their flows, 0 flows ended" "$LAB_DIR/gateway.log"; }
taken_over_is() { same "$(taken_over)" "$1"; }
flows() { isthmus counters --all --json | sed -n "s/.*\"group\":\"restored\",\"name\":\"$1\",\"value\":\([0-9]*\).*/\1/p"; }
# A flow that has had answers is known to the programs; that its port stays proves it.
some_datagrams() { for _ in 1 2 3; do mirrored 45000 || return; done; }
# Its server sends 3 MB a second; a slower one takes eight seconds, which is more than a start on any machine.
begin_download() {
	client curl -sS -m 30 --limit-rate "${1:-100M}" -o "$LAB_DIR/out/slow" "http://[$WEB64]/slow" 2>"$LAB_DIR/out/curl.err" &
	CURL=$!
	wait_for 5 eval '[ "$(stat -c %s "$LAB_DIR/out/slow" 2>/dev/null || echo 0)" -gt 1000000 ]'
}
is_downloading() { kill -0 "$CURL"; }
end_download() {
	wait "$CURL" || { cat "$LAB_DIR/out/curl.err"; return 1; }
	same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH"
}
who() { gw "$ISTHMUS" who "$SEEN" --log "$LOG" --at "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)"; }

background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" mirror "$MIRROR_PORT" "$NS4"
config
must "the gateway serves, with four workers and the fast path" lab_gateway

section "The translator alone"
must "datagrams have a port" eval 'SEEN=$(mirrored 45000)'
must "the download has begun" begin_download 1M
must "datagrams go to and fro" some_datagrams
BACK_MS=$(back_ms)
step "killed, it comes back" comes_back translator gateway_serves
step "and finds its flows" taken_over_is 1
step "the download was not over by then" is_downloading
step "datagrams have the port that they had" port_is 45000 "$SEEN"
step "the download completes, and is right" end_download
step "the log knows whose the port is" wait_for 5 prints "2001:db8:1::/64" who

section "Everything"
must "another download has begun" begin_download
must "datagrams go to and fro" some_datagrams
step "all is killed" kill_all
step "it starts again" lab_gateway
step "and finds its flows" taken_over_is 2
step "datagrams have the port that they had" port_is 45000 "$SEEN"
step "the download completes, and is right" end_download

section "Everything, and another pool"
must "datagrams go to and fro" some_datagrams
LOW=$((${SEEN##*:} / 512 * 512))
without_block() { if [ "$LOW" -gt 32768 ]; then echo "1024-$((LOW - 1))"; else echo "$((LOW + 512))-65535"; fi; }
step "all is killed" kill_all
sed -i "s#ports: 1024-65535#ports: $(without_block)#" "$LAB_DIR/isthmus.yaml"
step "it starts again" lab_gateway
step "and ends what the pool does not have any more" [ "$(flows flows_refused)" -gt 0 ]
step "a new port is had" not port_is 45000 "$SEEN"

section "At any moment, $LAB_KILLS times"
# A start is killed before it is done, or some time after it.
killed_again() {
	lab_gateway_begin
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	kill_all
}
downloads_meanwhile() {
	local i downloads=0
	begin_download || return
	for i in $(seq "$LAB_KILLS"); do
		kill_all && killed_again || return
		is_downloading && continue
		end_download && lab_gateway && begin_download || return
		downloads=$((downloads + 1))
	done
	kill_all && lab_gateway && end_download && say "$((downloads + 1)) downloads"
}
step "every download completes, and is right" downloads_meanwhile
step "datagrams pass" some_datagrams
step "nothing is left after the last one" eval 'remember && lab_gateway_stop && nothing_is_left'

lab_end
