#!/usr/bin/env bash
# 09_default_config.sh - `isthmus run` with no file at all
#
#   client ---- gw: shares 192.0.2.1 (interface of the default route), DNS64 forwards to /etc/resolv.conf ---- server
#
# The default holds the well-known prefix to its rule: only addresses of the public internet (RFC 6052 s3.1). 45.0.0.10
# plays one. The default also validates DNSSEC, for which the lab has no signed root: names that the resolver answers
# by itself must work, others must fail closed.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "the built-in default configuration"
must "the lab stands" lab_up

# The control socket has its default place; a /run of its own keeps it off this machine's.
default_gateway() {
	ip netns exec "$GW_NS" sh -c '
		mount -t tmpfs none /run || exit
		mkdir -p /var/lib/isthmus && mount -t tmpfs none /var/lib/isthmus || exit
		[ ! -d /etc/isthmus ] || mount -t tmpfs none /etc/isthmus || exit
		exec "$0" run --built-in' "$ISTHMUS" >>"$LAB_DIR/gateway.log" 2>&1 &
	GATEWAY_PID=$!
	wait_for 20 default_serves
}
in_gateway() { nsenter -t "$GATEWAY_PID" -n -m "$@"; }
default_serves() {
	kill -0 "$GATEWAY_PID" 2>/dev/null || return 2
	in_gateway "$ISTHMUS" status >/dev/null 2>&1 && client ping -6 -n -q -c 1 -W 1 "$GLOBAL64" >/dev/null 2>&1
}
page() { client curl -sS -m 10 "http://[$GLOBAL64]/"; }
whoami() { client curl -sS -m 10 "http://[$GLOBAL64]/whoami"; }

must "isthmus run, with no file" default_gateway
step "a page over TCP" prints "only IPv4" page
step "the server sees the host's own address" prints "^$GW4 " whoami
step "ping" client ping -6 -n -q -c 3 -i 0.1 -W 2 "$GLOBAL64"
step "documentation addresses are not for the well-known prefix" not client curl -sS -m 3 "http://[$WEB64]/"
step "ipv4only.arpa is answered without help" prints 64:ff9b::c000:aa client dig +short ipv4only.arpa AAAA
step "a zone without a chain of trust fails closed" prints SERVFAIL client dig www.lab.example AAAA
the_log_says_why() { grep "resolver: the upstream" "$LAB_DIR/gateway.log"; }
step "and the log says that it is the upstream" wait_for 15 the_log_says_why
for command in status bib sessions pool counters; do
	step "isthmus $command" in_gateway "$ISTHMUS" "$command"
done
lab_end
