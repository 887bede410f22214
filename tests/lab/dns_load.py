#!/usr/bin/env python3
"""dns_load.py SERVER NAME ADDRESS SECONDS: ask for AAAA over UDP from ever new ports, 8 at once, and count what is not answered.

Prints "ASKED UNANSWERED WRONG"; an answer is right if it holds ADDRESS. Nothing is asked twice.
"""
import ipaddress
import socket
import struct
import sys
import threading
import time

server, name, address, seconds = sys.argv[1:]
wanted = ipaddress.ip_address(address).packed
question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack(">HH", 28, 1)
end = time.monotonic() + float(seconds)
counts = [[0, 0, 0] for _ in range(8)]


def ask(count):
    number = 0
    while time.monotonic() < end:
        number = (number + 1) & 0xFFFF
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(3)
            s.connect((server, 53))
            s.send(struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + question)
            count[0] += 1
            try:
                reply = s.recv(4096)
            except OSError:
                count[1] += 1
                continue
            count[2] += reply[:2] != struct.pack(">H", number) or wanted not in reply


threads = [threading.Thread(target=ask, args=(c,)) for c in counts]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(*(sum(c[i] for c in counts) for i in range(3)))
