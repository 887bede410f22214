#!/usr/bin/env bash
# 44_fastpath_links.sh - the fast path on VLANs, and on links that have no link header: tunnels, WireGuard, PPP
#
#   client: lan6 carries VLAN 7, an IPv6 tunnel and WireGuard    server: wan4 carries VLAN 8, an IPv4 tunnel and WireGuard
#   client and gateway, gateway and server: PPP, by a line between two processes
#
# In both modes. That packets took the fast path is seen by the counters, that they were right by the file's hash and by the tags
# in the captures. A kernel that lacks a kind of link skips it (tests/kernels/run has one that has them all).
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/fastpath.sh"
SECONDS_MAX=15
LAB_FILE_BYTES=2000000

lab_begin "the fast path on VLANs, tunnels, WireGuard and PPP"
must "the lab stands" lab_up
lab_config dedicated
set_key fastpath tc
must "the gateway serves" lab_gateway
all_offloads "${LAB_OFFLOADS:-off}"

# link_add NAMESPACE NAME LOWER TYPE...: a link upon another one; it is up.
link_add() {
	local ns=$1 name=$2
	shift 2
	# shellcheck disable=SC2086
	ip -n "$ns" link add $UPON name "$name" type "$@" && ip -n "$ns" link set "$name" up
}
# Both sides move to new links NAME6 and NAME4 of the gateway, which the client knows as inner, and the server, too.
sides_move() {
	local gw6=$1 gw4=$2
	gw sysctl -qw "net/ipv6/conf/$gw4/disable_ipv6=1" && gw sysctl -qw net.ipv4.conf.all.rp_filter=0 "net/ipv4/conf/$gw4/rp_filter=0" &&
		server sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.inner.rp_filter=0 &&
		ip -n "$CLIENT_NS" addr add 2001:db8:7::2/64 dev inner nodad && ip -n "$GW_NS" addr add 2001:db8:7::1/64 dev "$gw6" nodad &&
		ip -n "$GW_NS" addr add 192.0.7.1/24 dev "$gw4" && ip -n "$SERVER_NS" addr add 192.0.7.10/24 dev inner &&
		ip -n "$CLIENT_NS" route replace 64:ff9b::/96 via 2001:db8:7::1 dev inner src 2001:db8:7::2 &&
		ip -n "$GW_NS" route replace "$WEB4" via 192.0.7.10 dev "$gw4" &&
		ip -n "$SERVER_NS" route replace "$POOL4" via 192.0.7.1 dev inner && wait_for 3 is_at "$gw6" && wait_for 3 is_at "$gw4"
}
links_go() {
	ip -n "$CLIENT_NS" link del inner && ip -n "$SERVER_NS" link del inner && ip -n "$GW_NS" link del "$1" && ip -n "$GW_NS" link del "$2"
}
# The names of the programs at two interfaces; an older bpftool and tc cut them.
have_program() { is_at "$1" | grep -q "$3" && is_at "$2" | grep -q "$3"; }
# Packets that the device sees are no measure in mode route.
goes_fast_in() {
	local counted
	counted=$(counter fastpath "$2")
	"${@:3}" || return
	counted=$(($(counter fastpath "$2") - counted))
	printf '%d packets on the fast path\n' "$counted"
	[ "$counted" -ge "$1" ]
}
both_ways() {
	step "a download" goes_fast_in 1000 pkts_46_tcp download
	step "an upload" goes_fast_in 1000 pkts_64_tcp upload
	step "ping" goes_fast_in 15 pkts_64_icmp client ping -6 -n -q -c 20 -i 0.02 -W 2 "$WEB64"
}
in_both_modes() {
	step "redirected, as far as the kernel can" eval 'reloads fastpath-mode redirect && says_way redirected'
	both_ways
	step "routed" eval 'reloads fastpath-mode route && says_way routed'
	both_ways
}

section "VLANs"
vlans() {
	UPON="link uplink" link_add "$CLIENT_NS" inner vlan id 7 && UPON="link lan6" link_add "$GW_NS" lan6.7 vlan id 7 &&
		UPON="link wan4" link_add "$GW_NS" wan4.8 vlan id 8 && UPON="link uplink" link_add "$SERVER_NS" inner vlan id 8
}
if modprobe -q 8021q 2>/dev/null || [ -d /proc/net/vlan ]; then
	must "VLAN 7 to the client, VLAN 8 to the server" vlans
	must "all goes by them" sides_move lan6.7 wan4.8
	capture "$CLIENT_NS" uplink client_side
	capture "$SERVER_NS" uplink server_side
	in_both_modes
	captures_end
	step "the client's packets have one tag, its own" eval 'some_packets client_side "vlan 7 and tcp" && no_packets client_side "not vlan and tcp" && no_packets client_side "vlan 8"'
	step "the server's, too" eval 'some_packets server_side "vlan 8 and tcp" && no_packets server_side "not vlan and tcp" && no_packets server_side "vlan 7"'
	must "they go" links_go lan6.7 wan4.8
else
	skip "this kernel has no VLANs"
fi

section "Tunnels without a link header"
tunnels() {
	UPON="" link_add "$CLIENT_NS" inner ip6tnl local "$CLIENT6" remote "$GW6" mode any encaplimit none dev uplink &&
		UPON="" link_add "$GW_NS" tunnel6 ip6tnl local "$GW6" remote "$CLIENT6" mode any encaplimit none dev lan6 &&
		UPON="" link_add "$GW_NS" tunnel4 ipip local "$GW4" remote "$NS4" dev wan4 &&
		UPON="" link_add "$SERVER_NS" inner ipip local "$NS4" remote "$GW4" dev uplink
}
if tunnels 2>"$LAB_DIR/out/tunnels"; then
	must "all goes by them" sides_move tunnel6 tunnel4
	step "they have the program for bare packets" have_program tunnel6 tunnel4 isthmus_flow_ba
	capture "$CLIENT_NS" uplink client_tunnel
	capture "$SERVER_NS" uplink server_tunnel
	in_both_modes
	captures_end
	step "packets to the client are IPv6 in IPv6" eval 'some_packets client_tunnel "ip6 proto 41" && no_packets client_tunnel "ip6 proto 6"'
	step "those to the server IPv4 in IPv4" eval 'some_packets server_tunnel "ip proto 4" && no_packets server_tunnel "ip proto 6"'
	must "they go" links_go tunnel6 tunnel4
else
	skip "this kernel has no tunnels: $(tail -n 1 "$LAB_DIR/out/tunnels")"
fi

section "WireGuard"
# wireguard_add NAMESPACE NAME PORT: a link with a key of its own.
wireguard_add() {
	UPON="" link_add "$1" "$2" wireguard && wg genkey >"$LAB_DIR/$1.$2" && ip netns exec "$1" wg set "$2" private-key "$LAB_DIR/$1.$2" listen-port "$3"
}
# wireguard_meet NAMESPACE NAME PEER PEERS-NAME [ENDPOINT]
wireguard_meet() {
	# shellcheck disable=SC2086
	ip netns exec "$1" wg set "$2" peer "$(wg pubkey <"$LAB_DIR/$3.$4")" allowed-ips 0.0.0.0/0,::/0 ${5:+endpoint $5}
}
wireguards() {
	wireguard_add "$CLIENT_NS" inner 51820 && wireguard_add "$GW_NS" wg6 51820 && wireguard_add "$GW_NS" wg4 51821 &&
		wireguard_add "$SERVER_NS" inner 51821 && wireguard_meet "$CLIENT_NS" inner "$GW_NS" wg6 "[$GW6]:51820" &&
		wireguard_meet "$GW_NS" wg6 "$CLIENT_NS" inner && wireguard_meet "$GW_NS" wg4 "$SERVER_NS" inner "$NS4:51821" &&
		wireguard_meet "$SERVER_NS" inner "$GW_NS" wg4
}
if ! command -v wg >/dev/null; then
	skip "wg is not installed"
elif wireguards 2>"$LAB_DIR/out/wireguard"; then
	must "all goes by it" sides_move wg6 wg4
	step "it has the program for bare packets" have_program wg6 wg4 isthmus_flow_ba
	capture "$CLIENT_NS" uplink client_wireguard
	capture "$SERVER_NS" uplink server_wireguard
	in_both_modes
	captures_end
	step "packets to the client are WireGuard's" eval 'some_packets client_wireguard "udp port 51820" && no_packets client_wireguard "tcp"'
	step "those to the server, too" eval 'some_packets server_wireguard "udp port 51821" && no_packets server_wireguard "tcp"'
	must "they go" links_go wg6 wg4
else
	skip "this kernel has no WireGuard: $(tail -n 1 "$LAB_DIR/out/wireguard")"
fi

section "PPP"
# ppp_add NAME NAMESPACE OPTION...: a link to inner in a namespace.
ppp_add() {
	local name=$1 ns=$2 line="nodetach local noauth noccp novj nobsdcomp nodeflate nodefaultroute asyncmap 0"
	shift 2
	# shellcheck disable=SC2086
	ip netns exec "$GW_NS" pppd $line ifname "$name" logfile "$LAB_DIR/$name.log" "${@:2}" \
		pty "ip netns exec $ns pppd $line notty ifname inner logfile $LAB_DIR/$name.inner.log $1" >/dev/null 2>&1 &
	PPP_PIDS+=($!)
}
ppp_is_up() { ip -n "$1" addr show dev "$2" up | grep -q "$3"; }
ppps() {
	PPP_PIDS=()
	ppp_add ppp6 "$CLIENT_NS" "noip +ipv6" noip +ipv6
	ppp_add ppp4 "$SERVER_NS" "noipv6" noipv6 10.7.0.1:10.7.0.2
	wait_for 10 ppp_is_up "$GW_NS" ppp6 fe80 && wait_for 10 ppp_is_up "$CLIENT_NS" inner fe80 &&
		wait_for 10 ppp_is_up "$GW_NS" ppp4 10.7.0.1 && wait_for 10 ppp_is_up "$SERVER_NS" inner 10.7.0.2
}
ppps_go() { kill "${PPP_PIDS[@]}" && wait_for 5 not ip -n "$GW_NS" link show ppp6 && wait_for 5 not ip -n "$GW_NS" link show ppp4; }
if ! command -v pppd >/dev/null; then
	skip "pppd is not installed"
elif modprobe -q ppp_async 2>/dev/null || [ -e /dev/ppp ]; then
	must "a line to the client, one to the server" ppps
	must "all goes by them" sides_move ppp6 ppp4
	step "they have the program for bare packets" have_program ppp6 ppp4 isthmus_flow_ba
	in_both_modes
	must "they go" ppps_go
else
	skip "this kernel has no PPP"
fi
lab_end
