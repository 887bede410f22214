#!/usr/bin/env python3
"""tcx.py INTERFACE - numbers and names of the eBPF programs that links hold at tc ingress, which the bpftool of Debian 12 does not list"""
import ctypes
import json
import platform
import socket
import struct
import subprocess
import sys

BPF_PROG_QUERY = 16
BPF_TCX_INGRESS = 46
SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}[platform.machine()]

ids = (ctypes.c_uint32 * 64)()
attr = ctypes.create_string_buffer(
    struct.pack("=IIIIQI4xQQQQ", socket.if_nametoindex(sys.argv[1]), BPF_TCX_INGRESS, 0, 0, ctypes.addressof(ids), 64,
                0, 0, 0, 0))
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(SYSCALL, BPF_PROG_QUERY, attr, ctypes.c_uint(len(attr) - 1)) < 0:
    sys.exit(f"{sys.argv[1]}: errno {ctypes.get_errno()}")
for n in ids[:struct.unpack_from("=I", attr, 24)[0]]:
    print(n, json.loads(subprocess.check_output(["bpftool", "-j", "prog", "show", "id", str(n)]))["name"])
