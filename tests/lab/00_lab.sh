#!/usr/bin/env bash
# 00_lab.sh - the lab itself: it stands, it catches failures, and it leaves nothing behind
#
#   this scenario ---- starts ---- other labs, which end well, fail, are interrupted
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "the lab itself"
must "the lab stands" lab_up
step "the server has its page" server curl -sS -f -o /dev/null "http://$WEB4/"
step "without a gateway the client does not reach it" not client curl -sS -m 1 "http://[$WEB64]/"

# Runs another lab whose scenario is $1; wants exit status $2 and words $3; nothing of it may be left.
other_lab() {
	local status pid
	printf '. %q\nlab_begin other\nlab_up || exit 1\n%s\n' "$LAB_ROOT/tests/lab/lib.sh" "$1" >"$LAB_DIR/out/other.sh"
	TMPDIR=$LAB_DIR/out ISTHMUS=$ISTHMUS bash "$LAB_DIR/out/other.sh" >"$LAB_DIR/out/other.log" 2>&1 &
	pid=$!
	if [ -n "${4:-}" ]; then
		wait_for 20 grep -q "ready to be ended" "$LAB_DIR/out/other.log"
		kill "-$4" "$pid"
	fi
	wait "$pid"
	status=$?
	cat "$LAB_DIR/out/other.log"
	printf 'exit status %s, wanted %s and "%s"\n' "$status" "$2" "$3"
	[ "$status" = "$2" ] && grep -q -x -e "$3" "$LAB_DIR/out/other.log" && nothing_left "$pid"
}
nothing_left() {
	local left dir
	dir=$(sed -n 's/^dir //p' "$LAB_DIR/out/other.log")
	[ -n "$dir" ] || { printf 'the other lab did not say where it was\n'; return 1; }
	# The servers carry the folder in their command lines.
	left=$(ip netns list | grep "ist$1-"; ls -d "/etc/netns/ist$1-"* "$dir" 2>/dev/null; pgrep -a -f "$dir")
	[ -z "$left" ] && return
	printf 'left behind: %s\n' "$left"
	return 1
}

step "one that ends well" other_lab \
	'printf "dir %s\n" "$LAB_DIR"; step "true" true; LAB_DONE=yes' 0 '1 passed, 0 failed, 0 skipped'
step "one with a failed step" other_lab \
	'printf "dir %s\n" "$LAB_DIR"; step "false" false; LAB_DONE=yes' 1 '0 passed, 1 failed, 0 skipped'
step "one that stops half-way" other_lab \
	'printf "dir %s\n" "$LAB_DIR"; step "true" true; exit 0' 1 '1 passed, 1 failed, 0 skipped'
step "one with a mistake in its script" other_lab \
	'printf "dir %s\n" "$LAB_DIR"; step "true" true; echo $not_set' 1 '1 passed, 1 failed, 0 skipped'
step "one that is asked to end" other_lab \
	'printf "dir %s\nready to be ended\n" "$LAB_DIR"; sleep 1; sleep 1; sleep 1' 1 '0 passed, 1 failed, 0 skipped' TERM
# Its output goes to a reader that leaves at once.
unread_lab() {
	printf '. %q\nlab_begin other\necho "$$ $LAB_DIR" >%q\nlab_up\nsleep 0.5\nstep a true\nstep b true\nLAB_DONE=yes\n' \
		"$LAB_ROOT/tests/lab/lib.sh" "$LAB_DIR/out/unread" >"$LAB_DIR/out/other.sh"
	ISTHMUS=$ISTHMUS bash "$LAB_DIR/out/other.sh" | head -n 1
	read -r pid dir <"$LAB_DIR/out/unread" || return
	printf 'dir %s\n' "$dir" >"$LAB_DIR/out/other.log"
	nothing_left "$pid"
}
step "one whose output nobody reads" unread_lab
LAB_DONE=yes
