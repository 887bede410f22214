#!/usr/bin/env bash
# 41_fastpath_killed.sh - the programs of nat64.fastpath outlive a gateway that is killed, and nothing outlives one that ends
#
#   gw: kill -9 of everything, with links and with filters; new starts, with and without the fast path; XDP; no rights
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/fastpath.sh"

lab_begin "the fast path, killed"
must "the lab stands" lab_up
must "a bpffs" lab_bpffs
lab_config dedicated
set_key fastpath tc
set_key fastpath-flows 1000

must "the gateway starts" lab_gateway
section "Killed"
map_id() { bpftool -j map show pinned "$(echo "$LAB_BPFFS"/isthmus/isthmus0-*/head)" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }
stays() {
	MAP=$(map_id) && kill_all && is_at lan6 && is_at wan4 && ip -n "$GW_NS" route show | grep "$POOL4" &&
		not client ping -6 -n -q -c 1 -W 1 "$WEB64"
}
# No error may tell a client that there is nothing: it would give up a connection that is about to go on.
is_silent() { client ping -6 -n -c 1 -W 1 "$WEB64" | not grep -i unreachable; }
is_taken_over() { lab_gateway && grep -q "took over the tables" "$LAB_DIR/gateway.log" && same "$(map_id)" "$MAP" && is_at lan6; }
# The device is persistent, and would take more queues.
second_is_refused() {
	sed "s#$LAB_DIR/run/control.sock#$LAB_DIR/run2/control.sock#" "$LAB_DIR/isthmus.yaml" >"$LAB_DIR/second.yaml"
	prints "another program holds it" gw timeout $((10 * ${PATIENCE:-1})) "$ISTHMUS" run --config "$LAB_DIR/second.yaml"
}
step "a second gateway is refused" second_is_refused
step "programs, tables, device and routes outlive kill -9" stays
step "and no error is sent meanwhile" is_silent
step "the next start takes all over" is_taken_over
grows() {
	kill_all && set_key fastpath-flows 5000 && lab_gateway && remember && same 8192 "$(status flows_max)" &&
		same False "$(status taken_over)"
}
sweeps() { kill_all && set_key fastpath off && lab_gateway && not is_at lan6 && same "$(pins)" "" && lab_gateway_stop && nothing_is_left; }
step "tables of another size are made anew" grows
step "a start without the fast path removes what a killed one has left" sweeps

section "Elsewhere"
# Linux before 6.6.
as_filter() { ISTHMUS_NO_TC_LINKS=1 lab_gateway && not links_at lan6 && filters_at lan6 && filters_at wan4; }
filters_undone() { remember && kill_all && filters_at lan6 && ISTHMUS_NO_TC_LINKS=1 lab_gateway && lab_gateway_stop && nothing_is_left; }
export ISTHMUS_XDP_NATIVE=1 # on virtual pairs too
at_xdp() { lab_gateway && remember && xdp_at lan6 && is_at lan6 && prints "lan6: xdp" isthmus status; }
without_rights() {
	ip netns exec "$GW_NS" setpriv --bounding-set -bpf,-sys_admin,-perfmon --inh-caps -bpf,-sys_admin,-perfmon \
		"$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >>"$LAB_DIR/gateway.log" 2>&1 &
	GATEWAY_PID=$!
	wait_for 20 gateway_serves && prints "fast path   off: cannot load .*CAP_BPF" isthmus status
}
set_key fastpath tc
step "without links for tc, filters are used" as_filter
step "which a killed gateway leaves, and the next start and stop remove" filters_undone
set_key fastpath xdp
step "xdp, where the driver has it" at_xdp
all_offloads off # what comes from a virtual pair has no checksum yet otherwise
step "a download goes that way" goes_fast 5000 pkts_46_tcp download
step "an upload, too" goes_fast 5000 pkts_64_tcp upload
step "of which nothing is left" eval 'lab_gateway_stop && nothing_is_left'
step "without the right to load programs all works, and status says why" without_rights
lab_end
