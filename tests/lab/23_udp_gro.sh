#!/usr/bin/env bash
# 23_udp_gro.sh - datagrams that the kernel joins before they are translated, and cuts again behind
#
#   client: volleys of small and large datagrams both ways; gw: GRO that waits 50 us; server: with and without DF
#
# A train that is translated as one must arrive as the datagrams that were sent; those whose sender left them to be fragmented
# must fit a path of 1280 bytes.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "datagrams joined by the kernel"
must "the lab stands" lab_up
lab_config dedicated
sed -i 's/^  allow-non-global: true/&\n  gro-wait-us: 50/;' "$LAB_DIR/isthmus.yaml"
# The same key stands in dns64, too.
sed -i '/^dns64:/,$ { /gro-wait-us/d }' "$LAB_DIR/isthmus.yaml"

feature() { gw ethtool -k "$1" 2>/dev/null | sed -n "s/^$2: \([a-z]*\).*/\1/p"; }
# One line a setting of everything that this feature may touch.
settings() {
	local link
	for link in lan6 wan4; do
		printf '%s gro %s udp %s timeout %s defer %s\n' "$link" "$(feature $link generic-receive-offload)" \
			"$(feature $link rx-udp-gro-forwarding)" "$(gw cat /sys/class/net/$link/gro_flush_timeout)" \
			"$(gw cat /sys/class/net/$link/napi_defer_hard_irqs)"
	done
}
volley() { client "$LAB_ROOT/tests/lab/udp.py" volley "$WEB64" 7778 "$@"; }
counter() { isthmus counters --json | python3 -c '
import json, sys
print(sum(r["value"] for r in map(json.loads, sys.stdin) if r.get("name") == sys.argv[1]))' "$1"; }
grew() {
	local now
	now=$(counter "$1")
	printf '%s: %s before, %s now\n' "$1" "$2" "$now"
	[ "$now" -gt "$2" ]
}

if [ "$(gw ethtool -k lan6 | grep -c rx-udp-gro-forwarding)" = 0 ]; then
	lab_skip_all "this kernel does not join datagrams that are forwarded"
fi
before=$(settings)
must "the gateway serves" lab_gateway
if ! isthmus status | grep -q ' USO'; then
	skip "the TUN device of this kernel takes no trains of datagrams"
	lab_end
fi

section "What is set"
step "isthmus status says so" prints 'joined on 2 interfaces, which may hold them for 50 us' isthmus status
step "on both interfaces" same "$(settings)" "lan6 gro on udp on timeout 50000 defer 1
wan4 gro on udp on timeout 50000 defer 1"

section "Volleys"
background "$SERVER_NS" python3 -u "$LAB_ROOT/tests/lab/udp.py" volleys 7778 "$WEB4"
wait_for 5 server grep -q ':1E62 ' /proc/net/udp
trains_64=$(counter trains_64)
trains_46=$(counter trains_46)
for size in 16 64 512 1232; do
	step "200 datagrams of $size bytes each way, DF set" volley "$size" 200 1
done
for size in 64 1232; do
	step "200 datagrams of $size bytes each way, DF clear" volley "$size" 200 0
done
step "trains were translated to IPv4" grew trains_64 "$trains_64"
step "trains were translated to IPv6" grew trains_46 "$trains_46"

section "Too long for 1280 bytes"
split=$(counter split)
capture "$CLIENT_NS" uplink client -s 128 udp or ip6 proto 44
step "100 datagrams of 1300 bytes, DF clear" volley 1300 100 0
captures_end
step "each was cut by itself" grew split "$split"
step "no packet to the client is longer than 1280 bytes" no_packets client "dst $CLIENT6 and greater 1295"
step "fragments arrived" some_packets client "dst $CLIENT6 and ip6 proto 44"
step "100 datagrams of 1300 bytes, DF set" volley 1300 100 1

section "Undone"
step "the gateway ends" lab_gateway_stop
step "as before" same "$(settings)" "$before"
must "the gateway serves again" lab_gateway
step "killed" sh -c "kill -KILL $GATEWAY_PID"
wait "$GATEWAY_PID" 2>/dev/null
sed -i 's/gro-wait-us: 50/udp-gro: off/' "$LAB_DIR/isthmus.yaml"
must "the gateway serves once more, without" lab_gateway
step "what the killed one had set is undone" same "$(settings)" "$before"
lab_end
