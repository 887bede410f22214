#!/usr/bin/env bash
# 06_roles.sh - processes die; the service goes on
#
#   gw: supervisor ---- translator (kill -9) ---- resolver (kill -9)
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
export LAB_FILE_BYTES=20000000

lab_begin "a role that dies comes back"
BACK_MS=$(back_ms)
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway

ping_once() { client ping -6 -n -q -c 1 -W 1 "$WEB64"; }
dns_once() { client dig +short +time=1 +tries=1 "@$GW6" www.lab.example AAAA | grep -q "$WEB64"; }
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
