#!/usr/bin/env bash
# 24_who.sh - `isthmus who --config`: deterministic blocks are computed from a file, and the gateway lends the same
#
#   client 2001:db8:1::2 ---- gw: 192.0.2.64, two blocks of 1024 ports for each of two subscribers ---- server
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "who has a port, by computation"
must "the lab stands" lab_up
lab_config dedicated
cp "$LAB_DIR/isthmus.yaml" "$LAB_DIR/dynamic.yaml"
sed -e "s|- { address: $POOL4, ports: 1024-65535 }|- { address: $POOL4, ports: 1024-65535, subscribers: [\"2001:db8:1::/63\"], deterministic-blocks: 2 }|" \
	-e "s|^  max-sessions|  ports-per-block: 1024\n  max-sessions|" "$LAB_DIR/dynamic.yaml" >"$LAB_DIR/isthmus.yaml"

who() { gw "$ISTHMUS" who --config "$LAB_DIR/isthmus.yaml" "$@"; }
old_who() { gw "$ISTHMUS" who --config "$LAB_DIR/dynamic.yaml" "$@"; }
row_of_client="$POOL4  *1024-3071  *2001:db8:1::/64"

# No gateway runs yet.
step "a port leads to its subscriber, without a gateway or a session" prints "$POOL4  *4096-5119  *2001:db8:1:1::/64" who "$POOL4:5000"
step "a subscriber leads to its ports" prints "$row_of_client" who 2001:db8:1::/64
step "... so does an address of it" prints "$row_of_client" who "$CLIENT6"
step "... as JSON" prints '"ports":"1024-3071"' who --json 2001:db8:1::/64
step "the overflow is lent dynamically" prints "lent dynamically" who "$POOL4:5120"
step "a file without deterministic blocks says so" prints "no deterministic blocks" old_who "$POOL4:2000"
step "nonsense is refused" not who "$POOL4"
step "a file and a socket are two answers" not who --socket /nonexistent "$POOL4:2000"

must "the gateway runs" lab_gateway
the_gateway_agrees() {
	client ping -6 -n -q -c 1 -W 2 "$WEB64" >/dev/null || return
	client curl -sS -m 10 "http://[$WEB64]/" >/dev/null || return
	local via port
	via=$(isthmus sessions --json --proto tcp --limit 1 | sed -n 's/.*"via":"\([^"]*\)".*/\1/p')
	port=${via##*:}
	printf 'via %s\n' "$via"
	[ "${via%:*}" = "$POOL4" ] && [ "$port" -ge 1024 ] && [ "$port" -le 3071 ] &&
		prints "2001:db8:1::/64" who "$via" && prints "2001:db8:1::/64" isthmus who "$via"
}
step "the gateway lends what the file computes" the_gateway_agrees
lab_end
