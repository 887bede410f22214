#!/usr/bin/env bash
# 12_hostile.sh - whatever comes in: no crash, a counted reason, and the service goes on
#
#   client: broken packets, broken queries ---- gw ---- server: broken packets, also to lent ports and as ICMP errors
#
# On a build with sanitizers a bad access ends the process, which the count of restarts would show. LAB_SEED replays.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
SEED=${LAB_SEED:-$RANDOM}
PACKETS=${LAB_PACKETS:-20000}

lab_begin "hostile traffic, LAB_SEED=$SEED"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway

hostile() { "$LAB_ROOT/tests/lab/hostile.py" "$@"; }
mac_of() { ip -n "$GW_NS" -json link show "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["address"])'; }
drop_reasons() {
	isthmus counters --json | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
seen = {r["name"]: r["value"] for r in rows if r.get("group") == "drop" and r["value"]}
print(len(seen), "reasons:", seen)
sys.exit(len(seen) < 8)'
}
nobody_was_restarted() {
	local restarts
	restarts=$(isthmus status --json | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
print(sum(role["restarts"] for row in rows for role in row.get("roles", [])))')
	printf 'restarts: %s\n' "$restarts"
	[ "$restarts" = 0 ]
}
open_some_bindings() {
	client "$LAB_ROOT/tests/lab/udp.py" sizes "$WEB64" 7777 1 200 20
}

udp_echo "$SERVER_NS" "$WEB4"
step "bindings for the strangers to aim at" open_some_bindings
step "broken IPv6 packets to a server" client "$LAB_ROOT/tests/lab/hostile.py" packets uplink "$(mac_of lan6)" \
	"$CLIENT6" "$WEB64" "$PACKETS" "$SEED"
step "broken IPv6 packets to the pool (hairpins)" client "$LAB_ROOT/tests/lab/hostile.py" packets uplink \
	"$(mac_of lan6)" "$CLIENT6" "64:ff9b::$POOL4" "$PACKETS" "$SEED"
step "broken IPv4 packets to the pool" server "$LAB_ROOT/tests/lab/hostile.py" packets uplink "$(mac_of wan4)" \
	"$WEB4" "$POOL4" "$PACKETS" "$SEED"
step "broken queries" client "$LAB_ROOT/tests/lab/hostile.py" queries "$GW6" 2000 "$SEED"
step "broken requests to the control socket" hostile control "$LAB_DIR/run/control.sock" 300 "$SEED"
step "many reasons were counted" drop_reasons
step "no process was restarted" nobody_was_restarted
step "a name is still resolved" prints "$WEB64" client dig +short +time=5 "@$GW6" www.lab.example AAAA
step "a download still works" download
lab_end
