#!/usr/bin/env bash
# 06_roles.sh - processes die; the service goes on
#
#   gw: supervisor ---- translator (kill -9) ---- resolver (kill -9)
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
export LAB_FILE_BYTES=20000000

lab_begin "a role that dies comes back"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway

ping_once() { client ping -6 -n -q -c 1 -W 1 "$WEB64"; }
dns_once() { client dig +short +time=1 +tries=1 "@$GW6" www.lab.example AAAA | grep -q "$WEB64"; }
kill_role() {
	local pids
	pids=$(role_pids "$1")
	[ -n "$pids" ] || { printf 'no process has the role %s\n' "$1"; return 1; }
	# shellcheck disable=SC2086
	kill -KILL $pids
	wait_for 5 not is_alive "${pids%%$'\n'*}"
}
is_alive() { [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }
# With sanitizers a start takes longer; a release build must hold the second.
BACK_MS=1000
if nm "$ISTHMUS" 2>/dev/null | grep -q __asan_init; then
	BACK_MS=3000
fi
comes_back() {
	local role=$1 ms
	shift
	kill_role "$role" || return
	ms=$(milliseconds_until "$@") || { printf 'not back after 10 s\n'; return 1; }
	printf 'back after %s ms\n' "$ms"
	[ "$ms" -le "$BACK_MS" ]
}
is_unprivileged() {
	local pid
	pid=$(role_pids "$1" | head -n 1)
	[ -n "$pid" ] || return
	grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status"
	grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status" && grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status" &&
		grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" && ! grep -q '^Uid:[[:space:]]*0' "/proc/$pid/status"
}
download_survives_resolver() {
	local pid status ms
	client curl -sS -f -m 60 -o "$LAB_DIR/out/slow" "http://[$WEB64]/slow" &
	pid=$!
	sleep 0.7
	kill -0 "$pid" || return
	kill_role resolver || return
	ms=$(milliseconds_until dns_once) || return
	printf 'resolver back after %s ms\n' "$ms"
	kill -0 "$pid" || { printf 'the download was over too early to tell\n'; return 1; }
	wait "$pid"
	status=$?
	same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH" && [ "$ms" -le "$BACK_MS" ] && return "$status"
}

for role in translator resolver; do
	step "the $role has no rights: another user, no capabilities, seccomp" is_unprivileged "$role"
done
step "a killed resolver is back within $BACK_MS ms" comes_back resolver dns_once
step "a killed translator is back within $BACK_MS ms" comes_back translator ping_once
step "TCP works again" download
step "a resolver killed in the middle of a download does not disturb it" download_survives_resolver
for n in 1 2 3; do
	kill_role resolver
	wait_for 10 dns_once
done
step "DNS after three more deaths" wait_for 30 dns_once
step "status shows it all running" isthmus status
lab_end
