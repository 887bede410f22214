#!/usr/bin/env bash
# 22_soak.sh - many clients over bad links for a while: everything arrives whole, nothing sticks, nothing leaks, the sums are right
#
#   client (64 addresses, 32 subscribers) --rough-- gw --rough-- server
#
#   rough (tests/lab/rough.c): loses, repeats, delays and reorders frames, by a seed. Meanwhile the links go down and up, and the
#   configuration is reloaded. LAB_SOAK_SECONDS says how long (45; `make soak`: 600), LAB_SEED replays the dice. From 300 seconds
#   on it also waits until every session has expired.
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_SOAK_SECONDS=${LAB_SOAK_SECONDS:-45}
SEED=${LAB_SEED:-$RANDOM}
SUBSCRIBERS=32
# Frames in ten thousand that a link loses and repeats; its delay in ms; frames in ten thousand that are late.
ROUGH="50 50 2 200"

lab_begin "a soak of $LAB_SOAK_SECONDS s over bad links, LAB_SEED=$SEED"
ROUGH_PROGRAM=$(dirname "$ISTHMUS")/../../tests/rough
[ -x "$ROUGH_PROGRAM" ] || lab_skip_all "tests/rough is not built"

# Instead of one veth pair, each link is two, with rough between them; its ends have no addresses and speak for nobody.
lab_links() {
	rough_link "$CLIENT_NS" lan6 && rough_link "$SERVER_NS" wan4 || return
	gw sysctl -qw net.ipv6.conf.wan4.disable_ipv6=1 || return
	ip -n "$CLIENT_NS" addr add "$CLIENT6/64" dev uplink nodad && ip -n "$CLIENT_NS" link set uplink up &&
		ip -n "$GW_NS" addr add "$GW6/64" dev lan6 nodad && ip -n "$GW_NS" link set lan6 up &&
		ip -n "$GW_NS" addr add "$GW4/24" dev wan4 && ip -n "$GW_NS" link set wan4 up &&
		ip -n "$SERVER_NS" addr add "$NS4/24" dev uplink && ip -n "$SERVER_NS" link set uplink up || return
	for address in "$WEB4" 198.18.0.10 "$GLOBAL4"; do
		ip -n "$SERVER_NS" addr add "$address/32" dev lo || return
	done
	ip -n "$CLIENT_NS" -6 route add default via "$GW6" && ip -n "$GW_NS" route add default via "$NS4" &&
		ip -n "$GW_NS" -6 route add 2001:db8:100::/40 via "$CLIENT6" &&
		wait_for 5 has_link_local "$CLIENT_NS" uplink && wait_for 5 has_link_local "$GW_NS" lan6 && soak_sources
}
rough_link() {
	local ns=$1 far=$2 seed=$((SEED + ${#2} + $(printf '%d' "'$2")))
	ip -n "$ns" link add uplink type veth peer name rough0 && ip -n "$ns" link add rough1 type veth peer name "$far" netns "$GW_NS" || return
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.rough0.disable_ipv6=1 net.ipv6.conf.rough1.disable_ipv6=1 || return
	ip -n "$ns" link set rough0 arp off up && ip -n "$ns" link set rough1 arp off up || return
	ip netns exec "$ns" ethtool -K uplink tx off tso off gso off gro off >/dev/null 2>&1
	gw ethtool -K "$far" tx off tso off gso off gro off >/dev/null 2>&1
	# shellcheck disable=SC2086
	ip netns exec "$ns" "$ROUGH_PROGRAM" rough0 rough1 "$seed" $ROUGH >"$LAB_DIR/out/$far.rough" 2>&1 &
	ROUGH_PIDS+=($!)
	LAB_PIDS+=($!)
	wait_for 5 grep -q seed "$LAB_DIR/out/$far.rough"
}
ROUGH_PIDS=()
SOURCES=()
soak_sources() {
	local i host
	for i in $(seq $SUBSCRIBERS); do
		for host in 1 2; do
			SOURCES+=("$(printf '2001:db8:1%02x::%d' "$i" $host)")
			printf 'addr add %s/128 dev lo nodad\n' "${SOURCES[-1]}"
		done
	done >"$LAB_DIR/out/sources"
	ip -n "$CLIENT_NS" -batch "$LAB_DIR/out/sources"
}

soak_files() {
	local size
	mkdir -p "$LAB_DIR/www/soak"
	for size in 1 700 40000 300000 2000000; do
		head -c $size /dev/urandom >"$LAB_DIR/www/soak/$size" || return
	done
	chmod 777 "$LAB_DIR/www/upload"
}
soak_config() {
	lab_config dedicated
	sed -i '0,/^  allow-non-global: true/s//&\n  lifetimes: { udp: 2m, tcp-established: 2h4m, tcp-transitory: 4m, icmp: 60s }/' "$LAB_DIR/isthmus.yaml"
}

#
# What happens meanwhile
#

resident_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$(role_pids translator | head -1)/status"; }
# The far end of a link goes down: the gateway loses its carrier, and keeps its addresses.
flap() {
	ip -n "$1" link set rough1 down
	sleep 0.4
	ip -n "$1" link set rough1 arp off up
}
disturb() {
	local round=0 begin=$SECONDS half=0
	RELOADS=0
	while kill -0 "$CLIENTS_PID" 2>/dev/null; do
		sleep 5
		round=$((round + 1))
		case $((round % 3)) in
		0) flap "$CLIENT_NS" ;;
		1) flap "$SERVER_NS" ;;
		2) isthmus reload >>"$LAB_DIR/out/reloads" 2>&1 && RELOADS=$((RELOADS + 1)) ;;
		esac
		if [ $half = 0 ] && [ $((2 * (SECONDS - begin))) -ge "$LAB_SOAK_SECONDS" ]; then
			half=1
			MEMORY_HALF=$(resident_kib)
		fi
	done
	MEMORY_END=$(resident_kib)
}
soak() {
	local status
	# shellcheck disable=SC2086
	client python3 "$LAB_ROOT/tests/lab/soak.py" clients "$LAB_SOAK_SECONDS" "$SEED" "$WEB64" "$LAB_DIR/www" \
		"${SOURCES[@]}" >"$LAB_DIR/out/clients" 2>&1 &
	CLIENTS_PID=$!
	disturb
	wait "$CLIENTS_PID"
	status=$?
	cat "$LAB_DIR/out/clients"
	return $status
}

#
# What must hold afterwards
#

links_were_bad() {
	local pid
	for pid in "${ROUGH_PIDS[@]}"; do kill "$pid"; done
	sleep 0.3
	cat "$LAB_DIR"/out/*.rough
	python3 - "$LAB_DIR"/out/*.rough <<-'END'
		import json, sys
		for path in sys.argv[1:]:
		    did = json.loads(open(path).read().splitlines()[-1])
		    assert did["lost"] > 0 and did["repeated"] > 0 and did["late"] > 0, path
	END
}
memory_is_steady() {
	printf 'resident: %s KiB at half time, %s KiB at the end\n' "$MEMORY_HALF" "$MEMORY_END"
	[ $((MEMORY_END - MEMORY_HALF)) -lt 20480 ]
}
nobody_was_restarted() {
	local status
	status=$(isthmus status --json) && [[ $status == *'"restarts":0'* ]] && [[ ! $status =~ \"restarts\":[1-9] ]]
}
# What the kernel gave to the device is what was translated (but for what the fast path did), dropped, or given back: nothing is counted twice or not at all.
counters_add_up() {
	isthmus counters --all --json >"$LAB_DIR/out/counters" || return
	ip -n "$GW_NS" -json -s link show isthmus0 >"$LAB_DIR/out/device" || return
	python3 - "$LAB_DIR/out/counters" "$LAB_DIR/out/device" <<-'END'
		import json, sys
		rows = [json.loads(line) for line in open(sys.argv[1])]
		value = {(r["group"], r["name"]): r["value"] for r in rows}
		came = json.load(open(sys.argv[2]))[0]["stats64"]["tx"]["packets"]
		translated = sum(v for (g, n), v in value.items() if g == "translated" and n.startswith("pkts_"))
		translated -= sum(v for (g, n), v in value.items() if g == "fastpath" and n.startswith("pkts_"))
		errors = value["icmp", "errors_64"] + value["icmp", "errors_46"]
		not_packets = ("ICMP_RATE_LIMIT", "ICMP_NOT_ALLOWED", "TUN_WRITE")
		dropped = sum(v for (g, n), v in value.items() if g == "drop" and n not in not_packets)
		passed = value["other", "passed"]
		trains = sum(v for (g, n), v in value.items() if g == "translated" and n.startswith("trains_"))
		trains -= sum(v for (g, n), v in value.items() if g == "fastpath" and n.startswith("trains_"))
		waiting = value["fragments", "held"]
		print(f"came {came} = translated {translated} + errors {errors} + dropped {dropped} + passed {passed}; trains {trains}, "
		      f"fragments that waited {waiting}")
		sys.exit(trains == 0 and came != translated + errors + dropped + passed)
	END
}
only_expected_drops() {
	python3 - "$LAB_DIR/out/counters" <<-'END'
		import json, sys
		# The host's own multicast; what a link that repeats and loses does to fragments; what came when nobody waited any more.
		expected = {"IP6_DESTINATION", "FRAGMENT_DUPLICATE", "FRAGMENT_EXPIRED", "64_NO_SESSION", "46_NO_SESSION"}
		seen = {r["name"]: r["value"] for line in open(sys.argv[1]) for r in [json.loads(line)]
		        if r["group"] == "drop" and r["value"]}
		print(seen)
		sys.exit(not set(seen) <= expected)
	END
}
# A connection that was closed is in its last four minutes; one that a client gave up may count as established, as a late segment
# after a RST makes it so (RFC 6146 s3.5.2.2, TRANS).
no_connection_is_stuck() {
	isthmus sessions --json --proto tcp >"$LAB_DIR/out/sessions" || return
	python3 - "$LAB_DIR/out/sessions" "$LAB_DIR/out/clients" <<-'END'
		import collections, json, sys
		states = collections.Counter(json.loads(line)["state"] for line in open(sys.argv[1]))
		given_up = json.loads(open(sys.argv[2]).read().splitlines()[-1])
		allowed = given_up.get("retries_download", 0) + given_up.get("retries_upload", 0)
		print(dict(states), "attempts given up:", allowed)
		sys.exit(states["ESTABLISHED"] + states["V4_FIN_RCV"] + states["V6_FIN_RCV"] > allowed)
	END
}
# All but the connections that no_connection_is_stuck allows.
tables_are_empty() {
	isthmus sessions --json >"$LAB_DIR/out/sessions" && ! grep -v '"state":"ESTABLISHED"' "$LAB_DIR/out/sessions"
}
# A block of ports that nobody uses any more is given back.
blocks_are_back() {
	isthmus status --json | python3 -c '
import json, sys
t = next(r for r in map(json.loads, sys.stdin) if r["role"] == "translator")
left = len(open(sys.argv[1]).readlines())
print(t["sessions"], t["bindings"], t["subscribers"], t["blocks_lent"], "sessions left:", left)
sys.exit(sum(t["bindings"].values()) > left or t["blocks_lent"] > left or t["subscribers"] > left)' "$LAB_DIR/out/sessions"
}

must "the lab stands, with rough links" lab_up
must "there are files to move" soak_files
soak_config
must "the gateway serves" lab_gateway
# The gateway has interfaces join datagrams, and a train is one packet to the device; so that sums can be compared, not here.
for link in lan6 wan4; do gw ethtool -K $link gro off rx-gro-list off rx-udp-gro-forwarding off >/dev/null 2>&1; done
udp_echo "$SERVER_NS" "$WEB4"
step "$LAB_SOAK_SECONDS s of downloads, uploads, datagrams and pings from ${#SOURCES[@]} addresses, all content right" soak
cat "$LAB_DIR/out/clients"
step "the configuration was reloaded meanwhile" test "$RELOADS" -gt 0
sleep 3 # the last frames, and fragments that wait for two seconds
step "no process was restarted" nobody_was_restarted
step "what came is what was translated or dropped" counters_add_up
step "no unexpected reason for a drop" only_expected_drops
step "no connection is stuck" no_connection_is_stuck
step "memory is steady" memory_is_steady
if [ "$LAB_SOAK_SECONDS" -ge 300 ]; then
	step "four minutes and a half later every session has expired" wait_for 270 tables_are_empty
	step "... and every binding and block of ports with it" blocks_are_back
fi
step "the links did lose, repeat and delay" links_were_bad
lab_end
