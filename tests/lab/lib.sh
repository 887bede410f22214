# lib.sh - the lab: an IPv6-only client, the gateway, an IPv4-only server, on one machine
#
#   +------------------+        +---------------------------+        +----------------------------+
#   | client           |        | gw                        |        | server                     |
#   | IPv6 only        |        | isthmus run               |        | IPv4 only                  |
#   |                  |        | translator  64:ff9b::/96  |        | nginx :80, nsd :53         |
#   | curl, dig, ping  |        | resolver    port 53       |        | 198.51.100.10, 198.18.0.10 |
#   |           uplink +--------+ lan6                 wan4 +--------+ uplink                     |
#   |    2001:db8:1::2 |        | 2001:db8:1::1   192.0.2.1 |        | 192.0.2.10                 |
#   +------------------+        +---------------------------+        +----------------------------+
#
# Sourced by the scenarios (NN_what.sh) and by demo.sh. Each box is a network namespace of its own, and its name
# carries the process id, so that several labs may run side by side. Everything is undone on exit, whatever the reason:
# namespaces, processes, files. After a failure, logs and packet captures are kept and their ends are printed.
#
#   lab_begin TITLE        check for root and tools (exit 77 without them), print the topology
#   lab_up                 namespaces, links, addresses, name server, web server
#   lab_config dedicated|shared    write $LAB_DIR/isthmus.yaml
#   lab_gateway            start `isthmus run` on it and wait until it serves
#   step TEXT COMMAND...   run a step, count it, print ok or FAIL (and what it said)
#   lab_end                summary line, and exit status of the scenario
#
# LAB_FASTPATH=tc (or xdp) runs any scenario with the fast path. PATIENCE=4 waits four times as long for everything, on a slow machine. LAB_KEEP=1 keeps the lab standing after the scenario, LAB_TRACE=1 traces the script.
# shellcheck shell=bash
set -u
[ -z "${LAB_TRACE:-}" ] || set -x

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_NAME=$(basename "$0" .sh)
LAB_TOOLS="ip nginx nsd curl dig ping traceroute tcpdump ethtool python3 sha256sum setpriv"
# The lab's own processes, oldest first; the gateway is not among them.
LAB_PIDS=()
LAB_DIR=
LAB_BPFFS=
GATEWAY_PID=
LAB_DONE=
PASSED=0
FAILED=0
SKIPPED=0

CLIENT_NS=ist$$-client
GW_NS=ist$$-gw
SERVER_NS=ist$$-server
# Namespaces that a scenario makes itself, and that go down with the lab.
MORE_NS=()

CLIENT6=2001:db8:1::2
GW6=2001:db8:1::1
GW4=192.0.2.1
POOL4=192.0.2.64
NS4=192.0.2.10
WEB4=198.51.100.10
# Stands for an address of the public internet; nothing leaves the lab. The well-known prefix takes only such addresses
# unless `allow-non-global` is set (RFC 6052 s3.1).
GLOBAL4=45.0.0.10
NS64=64:ff9b::c000:20a
WEB64=64:ff9b::c633:640a
GLOBAL64=64:ff9b::2d00:a
SHARED_PORTS=49152-65535

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	GREEN=$'\e[32m' RED=$'\e[31m' YELLOW=$'\e[33m' BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
	GREEN='' RED='' YELLOW='' BOLD='' DIM='' PLAIN=''
fi

client() { ip netns exec "$CLIENT_NS" "$@"; }
gw() { ip netns exec "$GW_NS" "$@"; }
server() { ip netns exec "$SERVER_NS" "$@"; }

# The operator's commands, asked of this lab's daemon.
isthmus() {
	local command=$1
	shift
	gw "$ISTHMUS" "$command" --socket "$LAB_DIR/run/control.sock" "$@"
}

lab_begin() {
	local tool
	printf '%s%s: %s%s\n' "$BOLD" "$LAB_NAME" "$1" "$PLAIN"
	if [ "$(id -u)" != 0 ]; then
		lab_skip_all "network namespaces need root"
	fi
	for tool in $LAB_TOOLS; do
		command -v "$tool" >/dev/null || lab_skip_all "$tool is not installed (tools/install-deps --lab)"
	done
	lab_find_program
	LAB_DIR=$(mktemp -d /tmp/isthmus-lab.XXXXXX)
	# The roles are other users: they may look in, the web server's files are no secret.
	chmod 755 "$LAB_DIR"
	mkdir "$LAB_DIR/run" "$LAB_DIR/out"
	trap lab_exit EXIT
	trap 'printf "interrupted\n"; exit 130' INT
	trap 'printf "asked to end\n"; exit 143' TERM HUP
	# Nobody reads any more (`... | head`): without this, the shell would die before it could clean up.
	trap 'exit 141' PIPE
}

lab_find_program() {
	local build
	if [ -z "${ISTHMUS:-}" ]; then
		for build in build-test build; do
			ISTHMUS=$LAB_ROOT/$build/src/cmd/isthmus
			[ ! -x "$ISTHMUS" ] || break
		done
	fi
	if [ ! -x "$ISTHMUS" ]; then
		printf 'FAIL there is no program %s: build first, or set ISTHMUS\n' "$ISTHMUS"
		printf '0 passed, 1 failed, 0 skipped\n'
		exit 1
	fi
	ISTHMUS=$(realpath "$ISTHMUS")
}

lab_skip_all() {
	printf 'skip %s\n0 passed, 0 failed, 1 skipped\n' "$1"
	exit 77
}

lab_topology() {
	sed -n '3,10s/^# //p' "${BASH_SOURCE[0]}"
	printf '\n'
}

#
# The lab goes up
#

lab_up() {
	lab_namespaces && lab_links && lab_files && lab_name_server && lab_web_server
}

lab_namespaces() {
	local ns
	for ns in "$CLIENT_NS" "$GW_NS" "$SERVER_NS"; do
		ip netns add "$ns" || return
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_ratelimit=0 || return
		ip -n "$ns" link set lo up || return
	done
	server sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1 || return
	# `ip netns exec` shows these to programs inside as /etc/resolv.conf.
	mkdir -p "/etc/netns/$CLIENT_NS" "/etc/netns/$GW_NS" || return
	printf 'nameserver %s\n' "$GW6" >"/etc/netns/$CLIENT_NS/resolv.conf"
	printf 'nameserver %s\n' "$NS4" >"/etc/netns/$GW_NS/resolv.conf"
}

# The two ends of a link: uplink in a namespace, the other one in the gateway's.
lab_pair() { ip -n "$1" link add uplink type veth peer name "$2" netns "$GW_NS"; }

lab_links() {
	lab_pair "$CLIENT_NS" lan6 && lab_pair "$SERVER_NS" wan4 || return
	# The link to the server has no IPv6 at either end.
	gw sysctl -qw net.ipv6.conf.wan4.disable_ipv6=1 || return
	ip -n "$CLIENT_NS" addr add "$CLIENT6/64" dev uplink nodad &&
		ip -n "$CLIENT_NS" link set uplink up &&
		ip -n "$GW_NS" addr add "$GW6/64" dev lan6 nodad &&
		ip -n "$GW_NS" link set lan6 up &&
		ip -n "$GW_NS" addr add "$GW4/24" dev wan4 &&
		ip -n "$GW_NS" link set wan4 up &&
		ip -n "$SERVER_NS" addr add "$NS4/24" dev uplink &&
		ip -n "$SERVER_NS" link set uplink up || return
	for address in "$WEB4" 198.18.0.10 "$GLOBAL4"; do
		ip -n "$SERVER_NS" addr add "$address/32" dev lo || return
	done
	ip -n "$CLIENT_NS" -6 route add default via "$GW6" &&
		ip -n "$GW_NS" route add default via "$NS4" &&
		wait_for 5 has_link_local "$CLIENT_NS" uplink && wait_for 5 has_link_local "$GW_NS" lan6
}

# The kernel adds these a moment after the link is up; before that, the host's state is not steady.
has_link_local() { ip -n "$1" -6 route show table local dev "$2" | grep -q '^local fe80'; }

lab_files() {
	mkdir -p "$LAB_DIR/www/upload" "$LAB_DIR/nsd" "$LAB_DIR/nginx" || return
	cat >"$LAB_DIR/www/index.html" <<-END
		<!doctype html>
		<title>An IPv4-only server</title>
		<p>This page lives on a server that has only IPv4.
	END
	head -c "${LAB_FILE_BYTES:-8000000}" /dev/urandom >"$LAB_DIR/www/big" || return
	BIG_HASH=$(hash_of "$LAB_DIR/www/big")
}

lab_name_server() {
	local i
	cat >"$LAB_DIR/nsd/nsd.conf" <<-END
		server:
		  ip-address: $NS4
		  ip-address: $WEB4
		  port: 53
		  server-count: 1
		  username: ""
		  chroot: ""
		  zonesdir: "$LAB_DIR/nsd"
		  zonelistfile: "$LAB_DIR/nsd/zone.list"
		  database: ""
		  xfrdfile: "$LAB_DIR/nsd/xfrd.state"
		  xfrdir: "$LAB_DIR/nsd"
		  pidfile: "$LAB_DIR/nsd/nsd.pid"
		  logfile: "$LAB_DIR/nsd/nsd.log"
		  hide-version: yes
		  ipv4-edns-size: 4096
		remote-control:
		  control-enable: no
		zone:
		  name: lab.example
		  zonefile: lab.example.zone
		zone:
		  name: 18.198.in-addr.arpa
		  zonefile: reverse.zone
	END
	cat >"$LAB_DIR/nsd/lab.example.zone" <<-END
		\$ORIGIN lab.example.
		\$TTL 300
		@	IN SOA	ns hostmaster 1 3600 600 86400 60
		@	IN NS	ns
		ns	IN A	$NS4
		www	IN A	$WEB4
		global	IN A	$GLOBAL4
		alias	IN CNAME www
		alias2	IN CNAME alias
		six	IN AAAA	2001:db8:2::6
		both	IN A	$WEB4
		both	IN AAAA	2001:db8:2::7
		here6	IN AAAA	2001:db8:6::2
		here46	IN A	$WEB4
		here46	IN AAAA	2001:db8:6::2
		many	IN A	$WEB4
		many	IN A	198.18.0.10
		text	IN TXT	"a text"
	END
	for i in $(seq 20); do
		printf 'big IN TXT "a part of an answer that is too large for one packet, number %d: %0100d"\n' "$i" 0
	done >>"$LAB_DIR/nsd/lab.example.zone"
	cat >"$LAB_DIR/nsd/reverse.zone" <<-END
		\$ORIGIN 18.198.in-addr.arpa.
		\$TTL 300
		@	IN SOA	ns.lab.example. hostmaster.lab.example. 1 3600 600 86400 60
		@	IN NS	ns.lab.example.
		10.0	IN PTR	bench.lab.example.
	END
	ip netns exec "$SERVER_NS" nsd -d -c "$LAB_DIR/nsd/nsd.conf" >"$LAB_DIR/nsd/nsd.out" 2>&1 &
	LAB_PIDS+=($!)
	wait_for 5 server dig +short +time=1 +tries=1 "@$NS4" www.lab.example A
}

lab_web_server() {
	cat >"$LAB_DIR/nginx/nginx.conf" <<-END
		user root;
		worker_processes 1;
		daemon off;
		pid $LAB_DIR/nginx/nginx.pid;
		error_log $LAB_DIR/nginx/error.log;
		events { worker_connections 512; }
		http {
			access_log $LAB_DIR/nginx/access.log;
			client_body_temp_path $LAB_DIR/nginx/body;
			proxy_temp_path $LAB_DIR/nginx/proxy;
			fastcgi_temp_path $LAB_DIR/nginx/fastcgi;
			uwsgi_temp_path $LAB_DIR/nginx/uwsgi;
			scgi_temp_path $LAB_DIR/nginx/scgi;
			sendfile on;
			server {
				listen $NS4:80;
				listen $WEB4:80;
				listen $GLOBAL4:80;
				root $LAB_DIR/www;
				location = /whoami { return 200 "\$remote_addr \$remote_port\\n"; }
				location = /slow { alias $LAB_DIR/www/big; limit_rate $((3072 / ${PATIENCE:-1}))k; }
				location = /slower { alias $LAB_DIR/www/big; limit_rate $((1500 / ${PATIENCE:-1}))k; }
				location /upload/ { dav_methods PUT; client_max_body_size 0; }
			}
		}
	END
	ip netns exec "$SERVER_NS" nginx -e "$LAB_DIR/nginx/error.log" -p "$LAB_DIR/nginx" \
		-c "$LAB_DIR/nginx/nginx.conf" >"$LAB_DIR/nginx/out" 2>&1 &
	LAB_PIDS+=($!)
	wait_for 5 server curl -sf -m 1 -o /dev/null "http://$WEB4/"
}

# Starts another web server: NAMESPACE NAME LISTEN..., with what comes from standard input in its server block.
lab_nginx() {
	local ns=$1 name=$2 listen
	shift 2
	{
		cat <<-END
			user root;
			worker_processes 1;
			daemon off;
			pid $LAB_DIR/nginx/$name.pid;
			events { worker_connections 1024; }
			http {
				access_log off;
				client_body_temp_path $LAB_DIR/nginx/body-$name;
				proxy_temp_path $LAB_DIR/nginx/proxy-$name;
				fastcgi_temp_path $LAB_DIR/nginx/fastcgi-$name;
				uwsgi_temp_path $LAB_DIR/nginx/uwsgi-$name;
				scgi_temp_path $LAB_DIR/nginx/scgi-$name;
				server {
					root $LAB_DIR/www;
		END
		for listen in "$@"; do printf '\t\tlisten %s;\n' "$listen"; done
		cat
		printf '\t}\n}\n'
	} >"$LAB_DIR/nginx/$name.conf"
	background "$ns" nginx -e "$LAB_DIR/nginx/$name.log" -p "$LAB_DIR/nginx" -c "$LAB_DIR/nginx/$name.conf"
}

#
# The gateway
#

# Writes $LAB_DIR/isthmus.yaml; the addresses of documentation count as not global. Sessions end with the daemon, unless
# LAB_STATE_FILE says where they are kept.
lab_config() {
	local pool
	case $1 in
	dedicated) pool="{ address: $POOL4, ports: 1024-65535 }" ;;
	shared) pool="{ interface: wan4, ports: $SHARED_PORTS }" ;;
	esac
	cat >"$LAB_DIR/isthmus.yaml" <<-END
		nat64:
		  workers: ${LAB_WORKERS:-auto}
		  fastpath: ${LAB_FASTPATH:-auto}
		  state-file: ${LAB_STATE_FILE:-none}
		  max-sessions: 100000
		  prefixes: [64:ff9b::/96]
		  allow-non-global: true
		  pool:
		    - $pool
		dns64:
		  listen: ["[::]:53", "0.0.0.0:53"]
		  allow: ["2001:db8::/32", "192.0.2.0/24", "::1/128", "127.0.0.0/8"]
		  upstream: [$NS4]
		  prefixes: [64:ff9b::/96]
		  dnssec: off
		  allow-non-global: true
		control:
		  socket: $LAB_DIR/run/control.sock
		log:
		  level: info
		  to: [stderr]
	END
}

# A bpffs for the gateway, which outlives it; goes with the lab.
lab_bpffs() {
	mkdir -p "$LAB_DIR/bpf" && mount -t bpf bpf "$LAB_DIR/bpf" && LAB_BPFFS=$LAB_DIR/bpf
}

# The file may be edited by the scenario between lab_config and this.
lab_gateway() { lab_gateway_begin && wait_for 20 gateway_serves; }

# The same without waiting until it serves.
lab_gateway_begin() {
	# shellcheck disable=SC2016
	ip netns exec "$GW_NS" sh -c '[ -z "$1" ] || mount --bind "$1" /sys/fs/bpf; shift; exec "$@"' sh "$LAB_BPFFS" \
		"$ISTHMUS" run --config "$LAB_DIR/isthmus.yaml" >>"$LAB_DIR/gateway.log" 2>&1 &
	GATEWAY_PID=$!
}

gateway_serves() {
	kill -0 "$GATEWAY_PID" 2>/dev/null || return 2
	isthmus status >/dev/null 2>&1 && client ping -6 -n -q -c 1 -W 1 "$NS64" >/dev/null 2>&1 &&
		client dig +short +time=1 +tries=1 "@$GW6" www.lab.example AAAA | grep -q .
}

# Ends the daemon as an operator would; fails if it does not end by itself, or not with status 0.
lab_gateway_stop() {
	local pid=$GATEWAY_PID status
	[ -n "$pid" ] || return 0
	GATEWAY_PID=
	kill -TERM "$pid" 2>/dev/null
	if ! wait_for 10 not kill -0 "$pid"; then
		say "the daemon did not end within 10 s of SIGTERM"
		kill -KILL "$pid"
		return 1
	fi
	wait "$pid"
	status=$?
	[ "$status" = 0 ] || say "the daemon ended with status $status"
	return "$status"
}

# Process ids of a role (translator, resolver, monitor) in this lab.
role_pids() {
	local pid
	for pid in $(ip netns pids "$GW_NS" 2>/dev/null); do
		if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q " role $1"; then
			printf '%s\n' "$pid"
		fi
	done
}

# Kills a role hard, and returns when it is dead.
kill_role() {
	local pids
	pids=$(role_pids "$1")
	[ -n "$pids" ] || { printf 'no process has the role %s\n' "$1"; return 1; }
	# shellcheck disable=SC2086
	kill -KILL $pids
	wait_for 5 not is_alive "${pids%%$'\n'*}"
}
is_alive() { [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }
# Kills a role; COMMAND must succeed again within BACK_MS.
comes_back() {
	local role=$1 ms
	shift
	kill_role "$role" || return
	ms=$(milliseconds_until "$@") || { printf 'not back after 10 s\n'; return 1; }
	printf 'back after %s ms\n' "$ms"
	[ "$ms" -le "$BACK_MS" ]
}
is_unprivileged() {
	local pid
	pid=$(role_pids "$1" | head -n 1)
	[ -n "$pid" ] || return
	grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status"
	grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status" && grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status" &&
		grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" && ! grep -q '^Uid:[[:space:]]*0' "/proc/$pid/status"
}
# With sanitizers a start takes longer; a release build must hold the second.
back_ms() {
	if nm "$ISTHMUS" 2>/dev/null | grep -q __asan_init; then
		printf '3000\n'
	else
		printf '1000\n'
	fi
}

#
# Steps
#

say() { printf '     %s\n' "$*"; }
section() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
not() { ! "$@"; }

# Runs COMMAND; shows what it printed only if it failed (or always, after SHOW=1).
step() {
	local text=$1 out status
	shift
	out=$LAB_DIR/out/step
	"$@" >"$out" 2>&1
	status=$?
	if [ "$status" = 0 ]; then
		PASSED=$((PASSED + 1))
		printf '%sok%s   %s\n' "$GREEN" "$PLAIN" "$text"
	else
		FAILED=$((FAILED + 1))
		printf '%sFAIL%s %s\n' "$RED" "$PLAIN" "$text"
	fi
	if [ "$status" != 0 ] || [ -n "${SHOW:-}" ]; then
		head -n "${SHOW_LINES:-40}" "$out" | sed "s/^/     ${DIM}/; s/\$/${PLAIN}/"
	fi
	return "$status"
}

skip() {
	SKIPPED=$((SKIPPED + 1))
	printf '%sskip%s %s\n' "$YELLOW" "$PLAIN" "$1"
}

# A step without which the rest makes no sense.
must() { step "$@" || exit 1; }

# Tries COMMAND until it succeeds, at most SECONDS (times PATIENCE); COMMAND says with status 2 that waiting is of no use.
wait_for() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000 * ${PATIENCE:-1})) status
	shift
	while :; do
		"$@" >/dev/null 2>&1
		status=$?
		[ "$status" != 0 ] || return 0
		[ "$status" != 2 ] || return 1
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# Milliseconds until COMMAND succeeds, at most 10 s.
milliseconds_until() {
	local start=${EPOCHREALTIME/[.,]/}
	wait_for 10 "$@" || return
	printf '%d\n' $(((${EPOCHREALTIME/[.,]/} - start) / 1000))
}

hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# Fails and says so unless the two are equal.
same() {
	[ "$1" = "$2" ] && return
	printf 'got:    %s\nwanted: %s\n' "$1" "$2"
	return 1
}

# Reads the first argument as a basic regular expression and looks for it in what COMMAND prints.
prints() {
	local wanted=$1 out
	shift
	out=$("$@" 2>&1)
	printf '%s\n' "$out"
	printf '%s\n' "$out" | grep -q -e "$wanted" && return
	printf 'wanted: %s\n' "$wanted"
	return 1
}

#
# Traffic
#

# Fetches a file of the server through the translator and compares its hash.
download() {
	local got=$LAB_DIR/out/download url=${1:-http://[$WEB64]/big}
	rm -f "$got"
	client curl -sS -m $((${SECONDS_MAX:-60} * ${PATIENCE:-1})) -o "$got" -w '%{speed_download}\n' "$url" >"$LAB_DIR/out/speed" &&
		same "$(hash_of "$got")" "$BIG_HASH"
}

upload() {
	rm -f "$LAB_DIR/www/upload/big"
	client curl -sS -f -m $((${SECONDS_MAX:-60} * ${PATIENCE:-1})) -T "$LAB_DIR/www/big" -o /dev/null "http://[$WEB64]/upload/big" &&
		same "$(hash_of "$LAB_DIR/www/upload/big")" "$BIG_HASH"
}

# Runs a program in a namespace in the background; it ends with the lab. Not `client COMMAND &`: that would give the
# process id of a shell, and a signal would not reach the program.
background() {
	ip netns exec "$@" >>"$LAB_DIR/background.log" 2>&1 &
	LAB_PIDS+=($!)
}

# An echo service for datagrams at ADDRESS, port 7777.
udp_echo() {
	background "$1" python3 -u "$LAB_ROOT/tests/lab/udp.py" echo 7777 "$2"
	wait_for 5 ip netns exec "$1" grep -q ':1E61 ' /proc/net/udp
}

# Starts a capture NAME.pcap in a namespace and returns when it runs.
capture() {
	local ns=$1 device=$2 name=$3
	shift 3
	: >"$LAB_DIR/$name.tcpdump" # grep of a file that is not there yet would end the waiting
	ip netns exec "$ns" tcpdump -Z root -U --immediate-mode -s 256 -n -i "$device" -w "$LAB_DIR/$name.pcap" "$@" \
		2>"$LAB_DIR/$name.tcpdump" &
	LAB_PIDS+=($!)
	CAPTURES+=($!)
	wait_for 5 grep -q 'listening on' "$LAB_DIR/$name.tcpdump"
}
CAPTURES=()

# Ends all captures; what was on the way has arrived by then.
captures_end() {
	local pid
	sleep 0.3
	for pid in "${CAPTURES[@]}"; do
		kill -INT "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	CAPTURES=()
}

# How many packets of a capture match a filter.
packets() { tcpdump -n -r "$LAB_DIR/$1.pcap" "$2" 2>/dev/null | wc -l; }

# Fails and shows some if a capture has packets that match.
no_packets() {
	local n
	n=$(packets "$1" "$2")
	[ "$n" = 0 ] && return
	printf '%d packets match "%s" in %s:\n' "$n" "$2" "$1"
	tcpdump -n -r "$LAB_DIR/$1.pcap" "$2" 2>/dev/null | head -n 5
	return 1
}

some_packets() {
	[ "$(packets "$1" "$2")" -gt 0 ] && return
	printf 'no packet matches "%s" in %s:\n' "$2" "$1"
	tcpdump -n -r "$LAB_DIR/$1.pcap" 2>/dev/null | head -n 10
	return 1
}

#
# The lab goes down
#

lab_end() {
	[ -n "${LAB_KEEP:-}" ] || step "the gateway ends by itself on SIGTERM, with status 0" lab_gateway_stop
	LAB_DONE=yes
	exit 0
}

lab_exit() {
	trap '' INT TERM HUP PIPE
	if [ -z "$LAB_DONE" ] && [ "$FAILED" = 0 ]; then
		FAILED=1
		printf '%sFAIL%s the scenario did not reach its end\n' "$RED" "$PLAIN"
	fi
	if [ -n "${LAB_KEEP:-}" ]; then
		printf '\nkept: namespaces %s %s %s, files %s\n' "$CLIENT_NS" "$GW_NS" "$SERVER_NS" "$LAB_DIR"
		printf 'remove with: for n in %s %s %s; do ip netns pids $n | xargs -r kill; ip netns del $n; ' \
			"$CLIENT_NS" "$GW_NS" "$SERVER_NS"
		printf 'rm -rf /etc/netns/$n; done; rm -rf %s\n' "$LAB_DIR"
	else
		captures_end
		[ "$FAILED" = 0 ] || lab_show_logs
		lab_down
	fi
	printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
	[ "$FAILED" = 0 ] || exit 1
	[ "$PASSED" -gt 0 ] || exit 77
	exit 0
}

lab_show_logs() {
	local keep=${TMPDIR:-/tmp}/isthmus-lab-failed/$LAB_NAME-$$ file
	for file in gateway.log nginx/error.log nsd/nsd.log; do
		if [ -s "$LAB_DIR/$file" ]; then
			printf '%s-- end of %s%s\n' "$DIM" "$file" "$PLAIN"
			tail -n 25 "$LAB_DIR/$file" | sed 's/^/     /'
		fi
	done
	mkdir -p "$keep"
	cp "$LAB_DIR"/*.log "$LAB_DIR"/*.pcap "$LAB_DIR"/*.yaml "$keep" 2>/dev/null
	printf '     logs and captures are kept in %s\n' "$keep"
}

lab_down() {
	local ns pid
	if [ -n "$GATEWAY_PID" ]; then
		kill -TERM "$GATEWAY_PID" 2>/dev/null
		wait_for 5 not kill -0 "$GATEWAY_PID"
	fi
	for ns in "$CLIENT_NS" "$GW_NS" "$SERVER_NS" "${MORE_NS[@]}"; do
		lab_kill_all "$ns"
		ip netns del "$ns" 2>/dev/null
		rm -rf "/etc/netns/$ns"
	done
	for pid in "${LAB_PIDS[@]}"; do
		wait "$pid" 2>/dev/null
	done
	# Only if this lab made it and nobody else has an entry there.
	rmdir /etc/netns 2>/dev/null
	[ -z "$LAB_BPFFS" ] || umount "$LAB_BPFFS"
	rm -rf "$LAB_DIR"
}

lab_kill_all() {
	local pids signal
	for signal in TERM KILL; do
		pids=$(ip netns pids "$1" 2>/dev/null) || return
		[ -n "$pids" ] || return
		# shellcheck disable=SC2086
		kill "-$signal" $pids 2>/dev/null
		wait_for 2 lab_is_empty "$1" && return
	done
}

lab_is_empty() { [ -z "$(ip netns pids "$1" 2>/dev/null)" ]; }
