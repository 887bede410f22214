#!/usr/bin/env bash
# 08_config.sh - the configuration file, its errors, reload, and who may ask the daemon
#
#   operator, stranger ---- control socket ---- gw: supervisor, translator, resolver
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "configuration and control"
must "the lab stands" lab_up
lab_config dedicated

# Writes a file and checks it: exit status and the wanted words of the message.
check_says() {
	local wanted=$1 status out
	cat >"$LAB_DIR/out/bad.yaml"
	out=$(gw "$ISTHMUS" check "$LAB_DIR/out/bad.yaml" 2>&1)
	status=$?
	printf '%s\nexit status %s, wanted 2 and: %s\n' "$out" "$status" "$wanted"
	[ "$status" = 2 ] && printf '%s\n' "$out" | grep -q -e "$wanted"
}
check_of() { printf '%s\n' "${@:2}" | check_says "$1"; }
stranger() {
	gw setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
}
stranger_is_refused() {
	local out status
	chmod 755 "$LAB_DIR/run"
	out=$(stranger "$ISTHMUS" sessions --socket "$LAB_DIR/run/control.sock" 2>&1)
	status=$?
	printf '%s\nexit status %s\n' "$out" "$status"
	[ "$status" != 0 ] && grep -q "$1" <<<"$out" && not grep -q "$CLIENT6" <<<"$out"
}
# Even where the file's mode would let anybody in, the daemon looks at who is there.
stranger_gets_an_error_line() {
	local out
	chmod 666 "$LAB_DIR/run/control.sock"
	out=$(stranger /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
try:
    s.sendall(b"{\"cmd\":\"sessions\",\"role\":\"translator\"}\n")
    while data := s.recv(4096):
        print(data.decode(), end="")
except (BrokenPipeError, ConnectionResetError):
    print(s.recv(4096).decode(), end="")' "$LAB_DIR/run/control.sock" 2>&1)
	chmod 660 "$LAB_DIR/run/control.sock"
	printf '%s\n' "$out"
	grep -q '"error"' <<<"$out" && not grep -q "$CLIENT6" <<<"$out"
}
garbage_on_the_socket() {
	gw python3 - "$LAB_DIR/run/control.sock" <<-'END'
		import os, socket, sys
		for request in (b"", b"\n", b"{", b"[]\n", b'{"cmd": 1}\n', b'{"cmd": "status", "role": "cook"}\n',
		                b"x" * 100000, os.urandom(4000) + b"\n", b'{"cmd":"counters","role":"translator"}'):
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(5)
		    s.connect(sys.argv[1])
		    try:
		        s.sendall(request)
		        s.shutdown(socket.SHUT_WR)
		        while s.recv(65536):
		            pass
		    except (BrokenPipeError, ConnectionResetError):
		        pass
		    s.close()
	END
}
reload_takes() {
	sed -i 's/^dns64:/  lifetimes: { udp: 6m }\ndns64:/' "$LAB_DIR/isthmus.yaml"
	isthmus reload
}
reload_refuses() {
	local out status
	cp "$LAB_DIR/isthmus.yaml" "$LAB_DIR/out/good.yaml"
	sed -i 's/^dns64:/  nonsense: 1\ndns64:/' "$LAB_DIR/isthmus.yaml"
	out=$(isthmus reload 2>&1)
	status=$?
	printf '%s\nexit status %s\n' "$out" "$status"
	cp "$LAB_DIR/out/good.yaml" "$LAB_DIR/isthmus.yaml"
	[ "$status" != 0 ] && grep -q nonsense <<<"$out"
}
reload_keeps_download() {
	local pid status
	client curl -sS -f -m 60 -o "$LAB_DIR/out/slow" "http://[$WEB64]/slow" &
	pid=$!
	sleep 0.5
	isthmus reload || return
	kill -0 "$pid" || { printf 'the download was over too early to tell\n'; return 1; }
	wait "$pid"
	status=$?
	same "$(hash_of "$LAB_DIR/out/slow")" "$BIG_HASH" && return "$status"
}

section "isthmus check"
step "a good file" gw "$ISTHMUS" check "$LAB_DIR/isthmus.yaml"
step "unknown key: file, line and key are named" check_of 'bad.yaml:2: .*prefixs' 'nat64:' '  prefixs: [64:ff9b::/96]'
step "wrong prefix length" check_of 'bad.yaml:2: ' 'nat64:' '  prefixes: [64:ff9b::/97]'
step "wrong port range" check_of 'bad.yaml:' 'nat64:' '  prefixes: [64:ff9b::/96]' '  pool:' \
	'    - { address: 192.0.2.2, ports: 70000-80000 }'
step "broken YAML" check_of 'bad.yaml:' 'nat64: [' '  }'
step "siit without any host is refused, and says so" check_of 'siit.mappings: no IPv6 host' 'siit:' '  prefix: 2001:db8:100::/40'
step "relay comes later, and says so" check_of 'relay' 'relay:' '  allow: []'
step "a file that is not there" not gw "$ISTHMUS" check "$LAB_DIR/none.yaml"
step "an empty file or one with control characters does not crash it" bash -c '
	for f in "" "\0" "\t" "nat64:\n\tx: 1" "%" "&a [*a]" "{{{{{{{{"; do
		printf "$f" >'"$LAB_DIR"'/out/bad.yaml
		'"$ISTHMUS"' check '"$LAB_DIR"'/out/bad.yaml
		[ $? -le 2 ] || exit 1
	done'
step "check --host says what this machine has" prints . gw "$ISTHMUS" check --host "$LAB_DIR/isthmus.yaml"
step "run refuses a bad file with status 2" bash -c '
	printf "nat65: 1\n" >"$1/out/bad.yaml"; ip netns exec "$2" timeout 10 "$3" run --config "$1/out/bad.yaml"; [ $? = 2 ]' - \
	"$LAB_DIR" "$GW_NS" "$ISTHMUS"

section "The running daemon"
must "the gateway serves" lab_gateway
step "a stranger is refused" stranger_is_refused "no permission"
step "... by the daemon too, not just by the mode of the file" stranger_gets_an_error_line
step "garbage on the control socket" garbage_on_the_socket
step "... harms nobody" isthmus status
step "reload takes a good change" reload_takes
step "reload refuses a bad file and names the key" reload_refuses
step "... and the service is unchanged" download
step "reload does not disturb a download" reload_keeps_download
step "SIGHUP reloads, too" kill -HUP "$GATEWAY_PID"
step "... and it goes on" wait_for 5 gateway_serves

section "Words"
step "version" prints "[0-9]\.[0-9]" "$ISTHMUS" version
for command in "" run check status sessions bib pool counters address reload version; do
	# shellcheck disable=SC2086
	step "${command:-isthmus} --help" prints "[Uu]sage" "$ISTHMUS" $command --help
done
step "an unknown command is refused" not "$ISTHMUS" nonsense
step "address: embed" prints "$WEB64" "$ISTHMUS" address embed 64:ff9b::/96 "$WEB4"
step "address: explain" prints "$WEB4" "$ISTHMUS" address explain "$WEB64"
step "address: extract" prints "$WEB4" "$ISTHMUS" address extract "$WEB64"
lab_end
