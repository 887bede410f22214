#!/bin/sh
# test_host.sh HOST_PROBE TRAFFIC STEER_OBJECT - what the gateway changes on a host, that it works, and that all of it is undone
#
#	 h6-PID-peer                                    h6-PID-gw
#	+-------------------+      veth, TSO on      +---------------------------------+
#	| peer0 192.0.2.9/24 |----------------------| up0 192.0.2.1/24  2001:db8::1/64 |
#	| peer1              |----------------------| down0 10.0.0.1/24                |
#	+-------------------+                        | isthmus0 (host_probe)            |
#	                                             | l3 (TUN, for l3-send)            |
#	                                             +---------------------------------+
#
# host_probe stands for the translator: it takes packets from the TUN queue, counts them, and gives IPv4 back to the
# host. The pool shares 192.0.2.1 with ports 49152-65535, or is the dedicated 192.0.2.64/29 (in the subnet: ARP) and
# 203.0.113.0/28 (a route alone). Status 77: this machine cannot run it.
set -u
probe=$1
traffic=$2
object=$3
gw=h6-$$-gw
peer=h6-$$-peer
dir=$(mktemp -d)
passed=0
failed=0
daemon=

skip() {
	echo "skipped: $1"
	rm -rf "$dir"
	exit 77
}
[ "$(id -u)" = 0 ] || skip "not root"
[ -c /dev/net/tun ] || skip "no /dev/net/tun"
command -v ip >/dev/null && command -v tc >/dev/null || skip "no iproute2"

cleanup() {
	[ -n "$daemon" ] && kill -9 "$daemon" 2>/dev/null
	ip netns del "$gw" 2>/dev/null
	ip netns del "$peer" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ip netns add "$gw" 2>/dev/null && ip netns add "$peer" || skip "no network namespaces"
in_gw() { ip netns exec "$gw" "$@"; }
in_peer() { ip netns exec "$peer" "$@"; }

ok() { # ok "sentence" command...: one check
	what=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $what"
	else
		failed=$((failed + 1))
		echo "FAILED $what: $*"
		sed 's/^/	/' "$dir/out"
	fi
}

ip -n "$gw" link add up0 type veth peer name peer0 netns "$peer"
ip -n "$gw" link add down0 type veth peer name peer1 netns "$peer"
for link in lo up0 down0; do ip -n "$gw" link set "$link" up; done
ip -n "$peer" link set lo up
ip -n "$peer" link set peer0 up
ip -n "$peer" link set peer1 up
ip -n "$gw" addr add 192.0.2.1/24 dev up0
ip -n "$gw" addr add 2001:db8::1/64 dev up0 nodad
ip -n "$gw" addr add 10.0.0.1/24 dev down0
ip -n "$peer" addr add 192.0.2.9/24 dev peer0
ip -n "$gw" route add default via 192.0.2.9
in_gw sysctl -qw net.ipv4.ip_local_reserved_ports=4000-4010,50000 net.ipv6.conf.down0.accept_ra=0 \
	net.ipv4.conf.down0.forwarding=1 net.ipv4.conf.up0.rp_filter=1
in_peer sysctl -qw net.ipv4.ip_no_pmtu_disc=0

# Everything that the gateway may touch, as text; without ages and counters.
snapshot_sysctls() { in_gw sh -c 'grep -rs . /proc/sys/net/ipv4 /proc/sys/net/ipv6 2>/dev/null | grep -v /stable_secret | sort'; }
snapshot() {
	snapshot_sysctls
	in_gw ip -o link | sed 's/@[^:]*:/:/;s/NO-CARRIER,//;s/state [A-Z]* //' # l3 has a carrier while l3-send runs
	in_gw ip -o addr | sed 's/valid_lft.*//'
	in_gw ip route show table all
	in_gw ip -6 route show table all
	in_gw ip neigh show proxy
	in_gw ip -6 neigh show proxy
	in_gw tc qdisc
	for link in up0 down0 lo; do in_gw tc filter show dev "$link" ingress; done |
		sed 's/isthmus_steer:\[[0-9]*\]/isthmus_steer/;s/ id [0-9]* / /' # a program that took the place of its like has another number
	ls "$dir/run" 2>/dev/null
	true
}
unchanged() { # unchanged FILE: the host is as it was
	snapshot >"$dir/now"
	diff "$1" "$dir/now" >"$dir/diff" && return
	head -40 "$dir/diff"
	return 1
}

start() { # start ARGUMENTS...: run the probe until `stop`
	: >"$dir/log" # else what the one before said may be read until the new one opens it
	: >"$dir/err"
	# Not in_gw: $! must be the probe itself, which `ip netns exec` becomes.
	ip netns exec "$gw" "$probe" --journal "$dir/run/host.journal" --prefix 64:ff9b::/96 "$@" run \
		>"$dir/log" 2>"$dir/err" &
	daemon=$!
	for _ in $(seq 400); do
		grep -q '^up\|^fault' "$dir/log" && break
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.05
	done
	grep '^up' "$dir/log" || { cat "$dir/log" "$dir/err"; return 1; }
}
stop() {
	kill -TERM "$daemon"
	wait "$daemon"
	result=$?
	daemon=
	cat "$dir/err"
	! grep -q "runtime error\|Sanitizer" "$dir/err" || return 1
	return $result
}
killed() {
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null
	daemon=
	for _ in $(seq 100); do
		in_gw ip link show isthmus0 >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}
refused() { # refused PATTERN ARGUMENTS...: host_up() fails with such a sentence
	pattern=$1
	shift
	in_gw "$probe" --prefix 64:ff9b::/96 "$@" run >"$dir/refused" 2>&1
	cat "$dir/refused"
	grep -q "^fault.*$pattern" "$dir/refused"
}
value() { # value SETTING WANT
	got=$(in_gw cat "/proc/sys/$1")
	echo "$1 is '$got'"
	[ "$got" = "$2" ]
}
has() { # has PATTERN COMMAND...
	pattern=$1
	shift
	"$@" >"$dir/has" 2>&1
	cat "$dir/has"
	grep -q -- "$pattern" "$dir/has"
}
lacks() { ! has "$@"; }
counted() { # counted KIND FIELD OPERATOR NUMBER, of the last run
	got=$(sed -n "s/^$1 .*$2=\([0-9]*\).*/\1/p;s/^$1 $2=\([0-9]*\).*/\1/p" "$dir/log" | head -1)
	cat "$dir/log"
	[ "$got" "$3" "$4" ]
}

shared="--shared 192.0.2.1:49152-65535"
dedicated="--pool 192.0.2.64/29:1024-65535 --pool 203.0.113.0/28:1024-65535 --pool 203.0.113.0/28:1-1023"
in_gw ip tuntap add l3 mode tun
in_gw sysctl -qw net.ipv6.conf.l3.disable_ipv6=1
ip -n "$gw" link set l3 up
in_gw sysctl -qw net.ipv4.conf.l3.rp_filter=0
sleep 2.5 # IPv6 link-local addresses settle
snapshot >"$dir/before"

echo "# dedicated pool"
# shellcheck disable=SC2086
ok "a dedicated pool comes up" start $dedicated
ok "the device's MTU is the largest of the others plus 20" has "mtu 1520" in_gw ip link show isthmus0
ok "the prefix is routed" has "64:ff9b::/96 dev isthmus0" in_gw ip -6 route
ok "the pool is routed" has "203.0.113.0/28 dev isthmus0" in_gw ip route
ok "ARP is answered for pool addresses in the subnet" has "192.0.2.65 dev up0 proxy" in_gw ip neigh show proxy
ok "and for no other address" lacks "203.0.113" in_gw ip neigh show proxy
ok "nothing is steered" lacks "isthmus_steer" in_gw tc filter show dev up0 ingress
ok "IPv4 is forwarded" value net/ipv4/conf/all/forwarding 1
ok "IPv6 is forwarded" value net/ipv6/conf/all/forwarding 1
ok "advertisements go on being taken" value net/ipv6/conf/up0/accept_ra 2
ok "and are not where they were not" value net/ipv6/conf/down0/accept_ra 0
ok "reserved ports are as before" value net/ipv4/ip_local_reserved_ports 4000-4010,50000
ok "a packet for the pool from the link reaches the device" in_peer "$traffic" udp-send 192.0.2.66 7 100
sleep 1.5 # a proxy waits up to 0.8 s before it answers ARP
ok "the probe stops" stop
ok "it came through the TUN queue" counted udp4 pkts -ge 1
ok "all is undone" unchanged "$dir/before"

echo "# shared pool"
# shellcheck disable=SC2086
ok "a shared pool comes up" start $shared
ok "the program is on the uplink" has "isthmus_steer" in_gw tc filter show dev up0 ingress
ok "and on the other interface" has "isthmus_steer" in_gw tc filter show dev down0 ingress
ok "and on the loopback, for ICMP errors" has "isthmus_steer" in_gw tc filter show dev lo ingress
ok "the ports are reserved, merged with the administrator's" value net/ipv4/ip_local_reserved_ports 4000-4010,49152-65535
ok "the host's sockets get none of them" in_gw "$traffic" ephemeral 2000 49152 65535
ok "a second gateway is refused" refused "another gateway is running" --journal "$dir/run/host.journal" --device isthmus1 $shared
ok "and it disturbed nothing" has "isthmus_steer" in_gw tc filter show dev up0 ingress
ip netns exec "$gw" "$traffic" tcp-take 50001 20000000 &
taker=$!
sleep 0.3
ok "TCP with TSO to a socket of the host in the range works by the detour" in_peer "$traffic" tcp-send 192.0.2.1 50001 20000000
ok "every byte was right" wait $taker
ok "pings of the host are answered" in_peer ping -c 2 -W 2 192.0.2.1
ok "a ping by the host with an identifier in the range works" in_gw ping -e 50007 -c 2 -W 2 192.0.2.9
ok "an ICMP error for a port in the range reaches its socket" in_gw "$traffic" udp-refused 192.0.2.9 9 50003
ip netns exec "$gw" "$traffic" udp-take 50004 4000 &
taker=$!
sleep 0.2
ok "a fragmented datagram is sent" in_peer "$traffic" udp-send 192.0.2.1 50004 4000
ok "and its fragments stay together" wait $taker
ip netns exec "$gw" "$traffic" udp-take 50005 100 &
taker=$!
sleep 0.2
ok "a datagram with IPv4 options is sent" in_peer "$traffic" udp-send 192.0.2.1 50005 100 options
ok "and arrives" wait $taker
ip netns exec "$gw" "$traffic" trains-take 50007 20 1000 &
taker=$!
sleep 0.2
ok "a train of UDP datagrams is sent" in_peer "$traffic" trains-send 192.0.2.1 50007 20 1000
ok "and arrives datagram by datagram" wait $taker
ip netns exec "$gw" "$traffic" udp-take 50008 100 &
taker=$!
sleep 0.2
ok "a datagram comes in by a device without a link header" in_gw "$traffic" l3-send l3 192.0.2.9 192.0.2.1 50008 100
ok "and arrives" wait $taker
ip netns exec "$gw" "$traffic" udp-take 40000 100 &
taker=$!
sleep 0.2
ok "a datagram to a port outside the range is sent" in_peer "$traffic" udp-send 192.0.2.1 40000 100
ok "and arrives" wait $taker
ok "the probe stops" stop
ok "TCP came as trains of segments" counted tcp4 trains -ge 20
ok "larger than any packet on the wire" counted tcp4 largest -gt 30000
ok "with partial checksums" counted tcp4 partial -ge 20
ok "the kernel took all of them back" counted tcp4 refused -eq 0
ok "no echo request was steered" counted echo4 pkts -eq 0
ok "the echo replies were, once each" counted reply4 pkts -eq 2
ok "the ICMP error was, once" counted error4 pkts -eq 1
ok "the UDP train stayed whole" counted udp4 largest -eq 20028
ok "datagrams in the range were: three fragments, one with options, a train, one by the other device" counted udp4 pkts -eq 6
ok "as the fragments they were" counted udp4 fragments -eq 3
ok "no frame was malformed" counted malformed pkts -eq 0
ok "all is undone" unchanged "$dir/before"

echo "# a strict reverse path filter for all interfaces"
in_gw sysctl -qw net.ipv4.conf.all.rp_filter=1
# shellcheck disable=SC2086
ok "a shared pool comes up" start $shared
ip netns exec "$gw" "$traffic" udp-take 50006 100 &
taker=$!
sleep 0.2
ok "a datagram in the range is sent" in_peer "$traffic" udp-send 192.0.2.1 50006 100
ok "and is taken back from the device" wait $taker
ok "the probe stops" stop
in_gw sysctl -qw net.ipv4.conf.all.rp_filter=0
ok "all is undone" unchanged "$dir/before"

echo "# killed, and started again"
# shellcheck disable=SC2086
ok "both kinds of pool come up" start $shared $dedicated
ok "it is killed" killed
ok "settings are left behind" value net/ipv6/conf/all/forwarding 1
ok "and the program" has "isthmus_steer" in_gw tc filter show dev up0 ingress
# shellcheck disable=SC2086
ok "the next start comes up" start $shared
ok "and says that it cleaned up" has "left behind" cat "$dir/err"
ok "ARP entries of the first run are gone" lacks proxy in_gw ip neigh show proxy
ok "the probe stops" stop
ok "all is undone, to what was before the first start" unchanged "$dir/before"

echo "# another configuration while it runs"
asked() { # asked SIGNAL ANSWER: the probe changes the host
	before=$(wc -l <"$dir/log")
	kill -"$1" "$daemon"
	for _ in $(seq 200); do
		[ "$(wc -l <"$dir/log")" -gt "$before" ] && break
		sleep 0.05
	done
	tail -n 1 "$dir/log"
	tail -n 1 "$dir/log" | grep -q "^$2"
}
next="--then --prefix 2001:db8:64::/96 --prefix 64:ff9b::/96 --shared 192.0.2.1:60000-61000 --pool 192.0.2.68/30:1024-65535"
# shellcheck disable=SC2086
ok "a shared and a dedicated pool come up" start $shared $dedicated $next
snapshot >"$dir/old"
for end in USR2:old USR1:new; do
	ok "the host is made fit for both" asked HUP wide
	ok "the new prefix is routed" has "2001:db8:64::/96 dev isthmus0" in_gw ip -6 route
	ok "the new pool is routed" has "192.0.2.68/30 dev isthmus0" in_gw ip route
	ok "the old pool still is" has "203.0.113.0/28 dev isthmus0" in_gw ip route
	ok "the old ports still are reserved" value net/ipv4/ip_local_reserved_ports 4000-4010,49152-65535
	ok "making it fit once more changes nothing" asked HUP wide
	ok "then it is made fit for one: ${end#*:}" asked "${end%:*}" "${end#*:}"
	[ "$end" = USR2:old ] && ok "refused by somebody: all is as before" unchanged "$dir/old"
done
ok "the old pool is not routed any more" lacks "203.0.113.0/28" in_gw ip route
ok "ARP is answered for what stays" has "192.0.2.69 dev up0 proxy" in_gw ip neigh show proxy
ok "and no more for what went" lacks "192.0.2.65" in_gw ip neigh show proxy
ok "the prefix that stays is routed" has "64:ff9b::/96 dev isthmus0" in_gw ip -6 route
ok "the ports are those of the new range" value net/ipv4/ip_local_reserved_ports 4000-4010,50000,60000-61000
ip netns exec "$gw" "$traffic" udp-take 50009 100 &
taker=$!
sleep 0.2
ok "a datagram to a port that left the range" in_peer "$traffic" udp-send 192.0.2.1 50009 100
ok "arrives" wait $taker
ok "a datagram to a port of the new range" in_peer "$traffic" udp-send 192.0.2.1 60009 100
ok "the journal names what is there" has "60000-61000" cat "$dir/run/host.journal"
ok "and no more" lacks "192.0.2.65" cat "$dir/run/host.journal"
# shellcheck disable=SC2086
ok "a second gateway is refused by the new file, too" refused "another gateway is running" --journal "$dir/run/host.journal" --device isthmus1 $shared
ok "the probe stops" stop
ok "only the port of the new range came by the device" counted udp4 pkts -eq 1
ok "all is undone" unchanged "$dir/before"
# shellcheck disable=SC2086
ok "a shared pool comes up" start $shared --then --prefix 64:ff9b::/96 --pool 192.0.2.64/29:1024-65535
ok "the host is made fit for a dedicated one" asked HUP wide
ok "which takes its place" asked USR1 new
ok "nothing is steered any more" lacks "isthmus_steer" in_gw tc filter show dev up0 ingress
ok "no port is reserved" value net/ipv4/ip_local_reserved_ports 4000-4010,50000
ok "it is killed" killed
# shellcheck disable=SC2086
ok "the next start comes up" start $shared --then --prefix 64:ff9b::/96 --pool 192.0.2.8/30:1024-65535
snapshot >"$dir/old"
ok "what the host needs itself is refused" asked HUP "fault.*default gateway"
ok "and all is as before" unchanged "$dir/old"
ok "the probe stops" stop
ok "all is undone" unchanged "$dir/before"

echo "# others change things meanwhile"
in_gw tc qdisc add dev down0 clsact
snapshot >"$dir/other"
# shellcheck disable=SC2086
ok "a shared pool comes up beside a qdisc of somebody else" start $shared
in_gw sysctl -qw net.ipv4.conf.up0.forwarding=0 net.ipv4.ip_local_reserved_ports=4000-4010,49152-65535,7000
in_gw tc filter add dev up0 egress bpf da obj "$object" sec tc
ok "the probe stops" stop
ok "a port reserved meanwhile stays" value net/ipv4/ip_local_reserved_ports 4000-4010,7000,50000
ok "the qdisc of somebody else stays" has "clsact" in_gw tc qdisc show dev down0
ok "ours stays while somebody uses it" has "direct-action" in_gw tc filter show dev up0 egress
ok "our filter is gone" lacks "isthmus_steer" in_gw tc filter show dev up0 ingress
in_gw tc qdisc del dev up0 clsact
in_gw sysctl -qw net.ipv4.ip_local_reserved_ports=4000-4010,50000
ok "the rest is undone" unchanged "$dir/other"
in_gw tc qdisc del dev down0 clsact

echo "# a device made beforehand"
in_gw ip tuntap add isthmus0 mode tun multi_queue
# shellcheck disable=SC2086
ok "it is used" start $dedicated
ok "the prefix is routed" has "64:ff9b::/96 dev isthmus0" in_gw ip -6 route
ok "the probe stops" stop
ok "it is still there, and down" has "state DOWN" in_gw ip link show isthmus0
ok "its routes are gone" lacks "64:ff9b" in_gw ip -6 route
# shellcheck disable=SC2086
ok "it can be used again" start $dedicated
ok "the probe stops" stop
in_gw ip tuntap del isthmus0 mode tun multi_queue
ok "the rest is undone" unchanged "$dir/before"

echo "# refusals, each with everything undone"
ok "the host's own address as a dedicated pool" refused "in use by this host itself" --pool 192.0.2.1/32:1-65535
ok "the default gateway as pool" refused "default gateway" --pool 192.0.2.8/30:1-65535
ip -n "$gw" addr add 10.128.0.1/9 dev down0
ok "a large pool inside a subnet" refused "larger than a /24" --pool 10.192.0.0/16:1-65535
ip -n "$gw" addr del 10.128.0.1/9 dev down0
in_gw ip route add 198.51.100.0/24 dev down0
ok "a pool that is routed elsewhere" refused "there is a route" --pool 198.51.100.0/24:1-65535
in_gw ip route del 198.51.100.0/24 dev down0
in_gw ip link add isthmus0 type veth peer name isthmus1
ok "an interface of that name" refused "isthmus0" --pool 198.51.100.0/24:1-65535
in_gw ip link del isthmus0
ok "a shared prefix" refused "not a single address" --shared 192.0.2.0/30:50000-50100
ok "all is undone" unchanged "$dir/before"

echo "# facts and findings"
ok "facts" has "route=1 uplink=up0 address=192.0.2.1" in_gw "$probe" facts
# shellcheck disable=SC2086
ok "nothing is missing here" has "^missing=0" in_gw "$probe" $shared check
ok "what run will switch on is said" has "forwarding: off; .isthmus run. switches it on" in_gw "$probe" check
ip -n "$gw" route del default
ok "a missing default route is found" has "missing: IPv4: there is no default route" in_gw "$probe" check
ok "and counted" has "^missing=1" in_gw "$probe" check
ip -n "$gw" route add default via 192.0.2.9
ok "checking changed nothing" unchanged "$dir/before"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
