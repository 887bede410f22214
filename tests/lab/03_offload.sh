#!/usr/bin/env bash
# 03_offload.sh - segmentation and checksum offloads on and off, on every path
#
#   client, gw, server: tso gso gro tx rx of both ends of both links, in all 32 combinations
#
# A 64 KiB segment that is translated as one, and a checksum that a network card is to finish later, are where
# translators break: contents are compared by hash, and checksums on the wire by tcpdump where nothing is left to finish.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
export LAB_FILE_BYTES=3000000

lab_begin "offloads on and off"
must "the lab stands" lab_up
lab_config dedicated
must "the gateway serves" lab_gateway
udp_echo "$SERVER_NS" "$WEB4"

offload() { ip netns exec "$1" ethtool -K "$2" "${@:3}" >/dev/null 2>&1; }
# Both ends of both links alike.
offload_all() {
	offload "$CLIENT_NS" uplink "$@"
	offload "$GW_NS" lan6 "$@"
	offload "$GW_NS" wan4 "$@"
	offload "$SERVER_NS" uplink "$@"
}
udp_sizes() { client "$LAB_ROOT/tests/lab/udp.py" sizes "$WEB64" 7777 "$@"; }
both_ways() { download && upload && udp_sizes 1 1452 363 && udp_sizes 1453 9000 1731; }
checksums_are_right() {
	local bad
	bad=$(tcpdump -n -vv -r "$LAB_DIR/$1.pcap" "$2" 2>/dev/null | grep -E '\(incorrect|bad (udp|icmp6|tcp|icmp)? ?cksum|wrong icmp cksum')
	[ -z "$bad" ] && return
	printf '%s\n' "$bad" | head -n 5
	return 1
}

section "Datagrams of every size"
step "UDP, every payload from 1 to 1452 bytes" udp_sizes 1 1452 1
step "UDP in two fragments and more, from 1453 bytes, which is one too many" udp_sizes 1453 8000 97

section "All combinations"
for tso in on off; do
	for gso in on off; do
		for gro in on off; do
			for tx in on off; do
				for rx in on off; do
					offload_all rx "$rx" tx "$tx" gso "$gso" gro "$gro" tso "$tso"
					step "tso $tso, gso $gso, gro $gro, tx $tx, rx $rx" both_ways
				done
			done
		done
	done
done

section "One side with, the other without"
offload_all rx on tx on gso on gro on tso on
offload "$CLIENT_NS" uplink tso off gso off gro off tx off
step "client without" both_ways
offload_all rx on tx on gso on gro on tso on
offload "$SERVER_NS" uplink tso off gso off gro off tx off
step "server without" both_ways
offload_all rx on tx on gso on gro on tso on
offload "$GW_NS" lan6 tso off gso off gro off tx off
offload "$GW_NS" wan4 tso off gso off gro off tx off
step "gateway without" both_ways

section "Checksums on the wire, with nothing left for a card to finish"
offload_all rx off tx off gso off gro off tso off
# Whole packets, or tcpdump cannot sum them up.
capture "$CLIENT_NS" uplink client -s 0 -c 4000
capture "$SERVER_NS" uplink server -s 0 -c 4000
step "traffic" both_ways
step "ping" client ping -6 -n -q -c 3 -i 0.1 -s 1001 -W 2 "$WEB64"
captures_end
step "packets were captured" some_packets server "src $POOL4 and tcp"
step "right at the server" checksums_are_right server "src $POOL4"
step "right at the client" checksums_are_right client "src net 64:ff9b::/96"
lab_end
