#!/usr/bin/env bash
# 91_without.sh - a kernel that lacks what the programs of the fast path need (Linux before 5.11): Isthmus says so, and works without
#
#   the lab's topology (tests/lab/lib.sh); the pool is wan4's own address, which another program has to steer packets for
#
# Run by tests/kernels/guest; skipped where the kernel has all.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/../lab/lib.sh"
# shellcheck source=tests/lab/fastpath.sh
. "$(dirname "$0")/../lab/fastpath.sh"
SECONDS_MAX=15
LAB_FILE_BYTES=2000000
WHY="cannot load the eBPF programs of nat64.fastpath (.*Linux 5.15 or newer is needed)"

lab_begin "a kernel without the fast path"
must "the lab stands" lab_up
lab_config shared
set_key fastpath tc
sed -i "s|^dns64:|&\n  fastpath: xdp\n  fastpath-interfaces: [lan6]|" "$LAB_DIR/isthmus.yaml"
must "the gateway serves" lab_gateway
if not prints "fast path  *off:" isthmus status >/dev/null; then
	skip "this kernel has all that the programs need"
	lab_end
fi
SHOW=1 step "status says what the fast path lacks" prints "fast path   off: $WHY" isthmus status
SHOW=1 step "the log says it once, and who does the work" eval 'same 1 "$(grep -c "there is no fast path: $WHY; the translator does it all" "$LAB_DIR/gateway.log")" && grep "no fast path" "$LAB_DIR/gateway.log"'
SHOW=1 step "so does isthmus check" prints "fast path.*Linux 5.15 or newer" gw "$ISTHMUS" check --host "$LAB_DIR/isthmus.yaml"
step "a download" download
step "an upload" upload
step "ping" client ping -6 -n -q -c 20 -i 0.02 -W 2 "$WEB64"
step "a name is asked for, and its answers are given by XDP" eval 'prints "DNS in XDP  on; lan6" isthmus status && prints 64:ff9b client dig +short "@$GW6" www.lab.example AAAA'
step "no session is the kernel's" eval 'isthmus sessions | grep -q tcp && not prints kernel isthmus sessions'
step "a reload changes nothing of it" eval 'isthmus reload && prints "fast path   off: $WHY" isthmus status && download'
lab_end
