# threads.sh - for benchmarks in the lab: the gateway's ends of the links are polled by threads of the kernel, whose time counts
#
# Sourced after tests/lab/lib.sh. LAST_CPU is the processor of client and server; the gateway's threads have the first.
# shellcheck shell=bash
NAPI=()

# threaded NETNS INTERFACE CPU: its packets are taken by a thread of the kernel on that processor; prints the thread
threaded() {
	local before
	before=$(pgrep "^napi/$2" | sort)
	# GRO, switched on and not left on, is what makes the kernel poll a veth.
	ip netns exec "$1" sh -c "ethtool -K $2 gro off && ethtool -K $2 gro on && echo 1 >/sys/class/net/$2/threaded" || return
	comm -13 <(printf '%s\n' "$before") <(pgrep "^napi/$2" | sort) | while read -r pid; do
		taskset -p -c "$3" "$pid" >/dev/null && printf '%s\n' "$pid"
	done
}

# The hosts take packets some microseconds late, all that have come, as network cards have it. Else each packet would have to wake
# a thread on the other processor, in the gateway's time.
coalesced() {
	ip netns exec "$1" sh -c "echo 1000 >/sys/class/net/$2/napi_defer_hard_irqs && echo 20000 >/sys/class/net/$2/gro_flush_timeout"
}

threads_up() {
	coalesced "$CLIENT_NS" uplink && coalesced "$SERVER_NS" uplink || return
	mapfile -t NAPI < <(threaded "$GW_NS" lan6 0 && threaded "$GW_NS" wan4 0)
	[ "${#NAPI[@]}" -ge 2 ] && threaded "$CLIENT_NS" uplink "$LAST_CPU" && threaded "$SERVER_NS" uplink "$LAST_CPU"
}

# Processor time of the gateway so far, in nanoseconds: these threads, and the program's processes.
time_of_gateway() {
	local pid pids=("${NAPI[@]}")
	for pid in $(ip netns pids "$GW_NS"); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q isthmus || pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		cat /proc/"$pid"/task/*/schedstat
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# The fast path has XDP on virtual pairs too, which asks for whole checksums from what sends there by a socket.
pairs_trusted() {
	export ISTHMUS_XDP_NATIVE=1
	client ethtool -K uplink tx off && server ethtool -K uplink tx off
}
