#!/usr/bin/env bash
# 16_workers.sh - four workers share one pool: whatever queue a packet comes by, its owner translates it
#
#   client: 16 subscribers, 2001:db8:100::2 to 2001:db8:10f::2 ---- gw: 4 workers, pool 192.0.2.64 ---- server
#
# Everything is done twice: with the kernel's program that gives each worker its packets, and without it, where the kernel
# spreads them by a hash of its own and the workers hand over what is not theirs.
LAB_WORKERS=4
LAB_FILE_BYTES=1000000
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
UDP=$LAB_ROOT/tests/lab/udp.py
SUBSCRIBERS=16
STATIC_PORT=8088

subscriber() { printf '2001:db8:10%x::2\n' "$1"; }

lab_begin "several workers"
must "the lab stands" lab_up
must "... with 16 subscribers" ip -n "$GW_NS" -6 route add 2001:db8:100::/40 via "$CLIENT6" dev lan6
for i in $(seq 0 $((SUBSCRIBERS - 1))); do
	ip -n "$CLIENT_NS" addr add "$(subscriber "$i")/128" dev uplink nodad
done
udp_echo "$SERVER_NS" "$WEB4"
background "$SERVER_NS" python3 -u "$UDP" fragments 7778 "$WEB4"
background "$CLIENT_NS" python3 -u -m http.server --bind "$(subscriber 3)" -d "$LAB_DIR/www" 8080

counter() {
	isthmus counters --json | python3 -c '
import json, sys
print(sum(r["value"] for r in map(json.loads, sys.stdin) if r.get("name") == sys.argv[1]))' "$1"
}
is_none() { same "$(counter "$1")" 0; }
# On a machine that is busy otherwise, a worker may wait for a processor until a ring is full.
is_rare() { [ $(($(counter "$1") * 100)) -le "$(counter "$2")" ]; }
is_some() { [ "$(counter "$1")" -gt 0 ]; }
workers_run() {
	local pid
	pid=$(role_pids translator | head -n 1)
	same "$(cat "/proc/$pid"/task/*/comm | grep -c '^worker/')" "$1"
}
# Every subscriber at once.
all_download() {
	local i pids=() status=0 pid
	for i in $(seq 0 $((SUBSCRIBERS - 1))); do
		client curl -sS -m 60 --interface "$(subscriber "$i")" -o "$LAB_DIR/out/part$i" "http://[$WEB64]/big" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || status=1; done
	for i in $(seq 0 $((SUBSCRIBERS - 1))); do
		same "$(hash_of "$LAB_DIR/out/part$i")" "$BIG_HASH" || return
	done
	return "$status"
}
all_ping() {
	local i
	for i in $(seq 0 $((SUBSCRIBERS - 1))); do
		client ping -6 -n -q -c 2 -i 0.05 -W 2 -I "$(subscriber "$i")" "$WEB64" || return
	done
}
# Opens UDP port 41000 of each subscriber, and answers come back; the sockets of two of them then write to each other's outside
# address, which the server has told them.
all_udp_and_hairpins() {
	client python3 - "$WEB64" "$POOL4" "$SUBSCRIBERS" <<-'END'
		import re, socket, sys
		web, pool, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
		pool6 = "64:ff9b::" + pool
		at = []
		for i in range(n):
		    t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    t.settimeout(1)
		    t.bind((f"2001:db8:10{i:x}::2", 41000))
		    t.connect((web, 7777))
		    for _ in range(4):
		        try:
		            t.send(b"hello %d" % i)
		            assert t.recv(100) == b"hello %d" % i
		            break
		        except socket.timeout:
		            continue
		    else:
		        sys.exit(f"subscriber {i}: no answer")
		    t.close()
		    # The same port, free for everybody now: the mapping does not depend on the destination.
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    s.settimeout(1)
		    s.bind((f"2001:db8:10{i:x}::2", 41000))
		    at.append(s)
		outside = {}
		for line in open("/dev/fd/3"):
		    m = re.search(r"\[2001:db8:10(.)::2\]:41000 .*?" + re.escape(pool) + r":(\d+)", line)
		    if m:
		        outside[int(m[1], 16)] = int(m[2])
		assert len(outside) == n, outside
		for a in range(n):
		    for b in range(n):
		        for size in (20, 3000):
		            if a == b:
		                continue
		            at[a].sendto(b"x" * size, (pool6, outside[b]))
		            data, peer = at[b].recvfrom(4000)
		            assert len(data) == size and peer[:2] == (socket.inet_ntop(socket.AF_INET6,
		                socket.inet_pton(socket.AF_INET6, pool6)), outside[a]), (a, b, peer, outside)
	END
}
hairpins() {
	# What the sockets have outside is known once they have sent; so the table is read in between, through a pipe.
	local i
	for i in $(seq 0 $((SUBSCRIBERS - 1))); do
		client python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 41000))
s.sendto(b"open", (sys.argv[2], 7777))' "$(subscriber "$i")" "$WEB64"
	done
	wait_for 5 all_are_bound || return
	all_udp_and_hairpins 3< <(isthmus bib --proto udp)
}
all_are_bound() { [ "$(isthmus bib --proto udp | grep -c ':41000 ')" = "$SUBSCRIBERS" ]; }
# The client learns of the narrow link by an ICMP error, which finds the worker of the packet inside.
narrow_upload() {
	local status
	ip -n "$GW_NS" route replace "$WEB4/32" via "$NS4" mtu 1300
	upload && prints "mtu 1320" client ip -6 route get "$WEB64"
	status=$?
	ip -n "$GW_NS" route del "$WEB4/32"
	client ip -6 route flush cache
	return "$status"
}
# From many ports, so that each worker has some; a SYN would wait for six seconds.
unbound_ports() {
	local port before
	before=$(counter 46_NO_BINDING)
	for port in $(seq 50000 512 60000); do
		server bash -c "echo x >/dev/udp/$POOL4/$port"
	done
	wait_for 5 counted_more 46_NO_BINDING $((before + 20))
}
counted_more() { [ "$(counter "$1")" -ge "$2" ]; }
traces() { prints "$GLOBAL64\|64:ff9b::" client traceroute -6 -n -q 1 -w 2 -m 3 "$WEB64"; }
many_flows_of_one() {
	client python3 - "$WEB64" <<-'END'
		import socket, sys
		s = []
		for i in range(400):
		    c = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
		    c.settimeout(10)
		    c.bind(("2001:db8:101::2", 0))
		    c.connect((sys.argv[1], 80))
		    s.append(c)
		for c in s[::20]:
		    c.sendall(b"GET /whoami HTTP/1.0\r\n\r\n")
		    assert b"200 OK" in c.recv(1000)
	END
}
# What waits for another worker is sent again, as everybody does who speaks UDP.
many_ports_of_one() {
	client python3 - "$WEB64" <<-'END'
		import resource, select, socket, sys, time
		resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
		waiting = {}
		for i in range(1500):
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    s.bind(("2001:db8:101::2", 0))
		    s.connect((sys.argv[1], 7777))
		    waiting[s.fileno()] = s
		poll = select.poll()
		for s in waiting.values():
		    poll.register(s, select.POLLIN)
		done = []
		for _ in range(8):
		    for s in list(waiting.values()):
		        try:
		            s.send(b"x")
		        except OSError as e:
		            sys.exit(f"refused: {e}")
		        for fd, _ in poll.poll(0):
		            done.append(waiting.pop(fd))
		            poll.unregister(fd)
		    end = time.monotonic() + 2
		    while waiting and time.monotonic() < end:
		        for fd, _ in poll.poll(100):
		            done.append(waiting.pop(fd))
		            poll.unregister(fd)
		    if not waiting:
		        break
		sys.exit(f"{len(waiting)} flows had no answer" if waiting else 0)
	END
}
blocks_are() { isthmus pool --json | grep -q "\"blocks\": *$1[,}]"; }
pool_is_whole() {
	isthmus pool --json >"$LAB_DIR/out/pool"
	python3 -c '
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
rows = [r for r in rows if "address" in r]
print(rows)
sys.exit(len(rows) != 1 or rows[0]["blocks"] != 126)' "$LAB_DIR/out/pool"
}
reload_works() { isthmus reload && isthmus reload && client curl -sS -f -m 10 -o /dev/null "http://[$WEB64]/"; }

everything() {
	step "four threads translate" workers_run 4
	step "16 subscribers download at once" all_download
	step "16 subscribers ping" all_ping
	step "UDP of each, and each writes to each other's outside address" hairpins
	step "400 connections of one subscriber at once" many_flows_of_one
	step "path MTU discovery" narrow_upload
	step "traceroute" traces
	step "UDP in fragments both ways" client "$UDP" sizes "$WEB64" 7777 3000 65507 12502
	step "IPv4 fragments in reverse order" client "$UDP" sizes "$WEB64" 7778 1300 40000 5503
	step "IPv6 fragments in reverse order" client "$UDP" backwards "$WEB64" 7777 1300 9000 40000
	step "ping of 20000 bytes" client ping -6 -n -q -c 2 -i 0.2 -W 3 -s 20000 "$WEB64"
	step "an IPv4-only host reaches a subscriber by a static binding" \
		server curl -sS -f -m 10 -o /dev/null "http://$POOL4:$STATIC_PORT/"
	step "what has no binding is refused by the worker that owns its port" unbound_ports
	step "the pool is listed once, with all its blocks" pool_is_whole
	step "a reload reaches all workers" reload_works
	step "hardly anything was lost between workers" is_rare HANDOVER_FULL handed_over
}
static_binding() {
	printf '  static:\n    - { protocol: tcp, outside: "%s:%s", inside: "[%s]:8080" }\n' \
		"$POOL4" "$STATIC_PORT" "$(subscriber 3)" >"$LAB_DIR/static"
	sed -i "/^    - { /r $LAB_DIR/static" "$LAB_DIR/isthmus.yaml"
}

section "With the kernel's program"
lab_config dedicated
static_binding
must "the gateway serves" lab_gateway
step "status says so" prints "workers.*4.*eBPF" isthmus status
all_download >/dev/null && all_ping >/dev/null
step "whole packets come to their owners at once" is_none handed_over
everything
step "hairpins and fragments went between workers" is_some handed_over
must "the gateway ends" lab_gateway_stop

section "Without"
export ISTHMUS_NO_QUEUE_PROGRAM=1
must "the gateway serves" lab_gateway
step "status says so" prints "workers.*4.*hand packets" isthmus status
everything
step "packets went between workers" is_some handed_over
must "the gateway ends" lab_gateway_stop
unset ISTHMUS_NO_QUEUE_PROGRAM

section "One subscriber needs more blocks than its worker has"
# 64 blocks, 16 for each worker; 1500 ports are 24 of them.
sed -i '/^  static:/,+1d; s/ports: 1024-65535/ports: 20032-24127/' "$LAB_DIR/isthmus.yaml"
sed -i 's/^  workers: 4/  workers: 4\n  ports-per-block: 64\n  max-blocks-per-subscriber: 60/' "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway
step "1500 UDP flows of it" many_ports_of_one
step "nothing was refused" is_none POOL_EXHAUSTED
step "the pool has all its blocks still" blocks_are 64
must "the gateway ends" lab_gateway_stop

section "A pool of 64 ports, asked for four workers"
sed -i 's/ports: 20032-24127/ports: 8064-8127/' "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway
step "one worker has it all" workers_run 1
step "a download" download
step "the translator always ended in time" not grep -q SIGKILL "$LAB_DIR/gateway.log"
lab_end
