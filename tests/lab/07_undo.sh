#!/usr/bin/env bash
# 07_undo.sh - the gateway leaves the host as it found it
#
#   gw: links, addresses, routes, rules, neighbours, tc filters, sysctls: before == after
#
# Once with a pool address of its own, once with the host's shared address; after SIGTERM, after SIGINT, and after a
# start that fails.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "everything is undone at the end"
must "the lab stands" lab_up

# What the host looks like, without what changes by itself (times, counters, learned neighbours).
host_state() {
	local device
	echo "== links";      gw ip -o link show | sed 's/ state [A-Z]*//; s/^[0-9]*: //'
	echo "== addresses";  gw ip -o addr show | sed 's/^[0-9]*: //; s/valid_lft.*//'
	echo "== routes 4";   gw ip -4 route show table all
	echo "== routes 6";   gw ip -6 route show table all | sed 's/ expires [0-9a-z]*//' | grep -v ' cache'
	echo "== rules";      gw ip -4 rule; gw ip -6 rule
	echo "== proxy";      gw ip -4 neigh show proxy; gw ip -6 neigh show proxy
	for device in lan6 wan4 lo; do
		echo "== tc $device"
		gw tc qdisc show dev "$device"
		gw tc filter show dev "$device" ingress
		gw tc filter show dev "$device" egress
	done
	echo "== sysctls";    gw sysctl -a 2>/dev/null | grep -E '^net\.(ipv4|ipv6|core)\.' |
		grep -v -E 'netdev_rss_key|random|stable_secret|\.route\.flush|tcp_fastopen_key'
}
unchanged() {
	host_state >"$LAB_DIR/out/after"
	diff -u "$LAB_DIR/out/before" "$LAB_DIR/out/after"
}
# Something must have changed in between, or the comparison says nothing.
changed() { not diff -q "$LAB_DIR/out/before" <(host_state); }
stop_by() {
	local pid=$GATEWAY_PID
	GATEWAY_PID=
	kill "-$1" "$pid" && wait_for 10 not kill -0 "$pid" && wait "$pid"
}
fails_to_start() {
	local status
	gw timeout 20 "$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml"
	status=$?
	printf 'exit status %s\n' "$status"
	[ "$status" != 0 ] && [ "$status" != 124 ]
}

host_state >"$LAB_DIR/out/before"
step "the host's state is steady by itself" unchanged
for pool in dedicated shared; do
	section "Pool: $pool"
	lab_config "$pool"
	step "the gateway serves" lab_gateway
	step "... and has changed the host" changed
	step "... passes traffic" download
	step "... ends by SIGTERM with status 0" stop_by TERM
	step "all is as before" unchanged
done

section "Other ends"
lab_config dedicated
step "the gateway serves" lab_gateway
step "... ends by SIGINT with status 0" stop_by INT
step "all is as before" unchanged

# Its port 53 is taken: it must say so, end, and undo what it had done by then.
background "$GW_NS" python3 -c '
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 53))
time.sleep(60)'
wait_for 5 sh -c "ip netns exec $GW_NS grep -q ':0035 ' /proc/net/udp6"
step "a start with port 53 taken fails" fails_to_start
step "all is as before" unchanged
lab_end
