#!/usr/bin/env bash
# 04_mtu.sh - path MTU discovery through the translator, in both directions
#
#   client ---- (route MTU 1280 or 1500) gw (route MTU 1300 or 1500) ---- server
#
# The gateway's routes stand for narrower links further on: a packet that is too big for one is answered by the kernel
# with an ICMP error, which the translator must carry over with the right arithmetic (RFC 7915 s4.2, s5.2).
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "path MTU"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway

# Forgets what the ends have learned so far.
forget() {
	client ip -6 route flush cache
	server ip route flush cache
}
narrow_ipv4() { ip -n "$GW_NS" route replace "$WEB4/32" via "$NS4" mtu "$1"; }
wide_ipv4() { ip -n "$GW_NS" route del "$WEB4/32"; }
narrow_ipv6() { ip -n "$GW_NS" -6 route replace "$CLIENT6/128" dev lan6 mtu "$1"; }
wide_ipv6() { ip -n "$GW_NS" -6 route del "$CLIENT6/128"; }
ping_big() { client ping -6 -n -M "do" -s "$1" -c 4 -i 0.2 -W 2 "$WEB64"; }
# The first is refused on the way; the kernel then knows the limit.
ping_learns() {
	prints "[Mm]tu[=:] *$2" ping_big "$1"
}

section "A narrow link on the IPv4 side (1300): clients may send 1320 of IPv6"
narrow_ipv4 1300
step "an upload arrives" upload
step "the client has learned 1320" prints "mtu 1320" client ip -6 route get "$WEB64"
forget
step "ping with 1400 bytes and no fragmentation is told 1320" ping_learns 1352 1320
forget
step "ping that just fits passes" ping_big 1272
step "a download, too" download
wide_ipv4
forget

section "A narrow link on the IPv6 side (1280): servers may send 1260 of IPv4"
narrow_ipv6 1280
step "a download arrives" download
step "the server has learned 1260" prints "mtu 1260" server ip route get "$POOL4"
step "an upload, too" upload
wide_ipv6
forget

section "Narrow on both sides"
narrow_ipv4 1300
narrow_ipv6 1400
step "a download" download
step "an upload" upload
wide_ipv4
wide_ipv6
forget

section "Links that are themselves narrow"
ip -n "$CLIENT_NS" link set uplink mtu 1280
ip -n "$GW_NS" link set lan6 mtu 1280
step "IPv6 link of 1280: a download" download
step "IPv6 link of 1280: an upload" upload
step "IPv6 link of 1280: ping of a full packet" ping_big 1232
ip -n "$CLIENT_NS" link set uplink mtu 1500
ip -n "$GW_NS" link set lan6 mtu 1500
forget
ip -n "$GW_NS" link set wan4 mtu 576
ip -n "$SERVER_NS" link set uplink mtu 576
step "IPv4 link of 576: a download" download
step "IPv4 link of 576: an upload" upload
lab_end
