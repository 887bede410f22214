#!/usr/bin/env python3
"""trace_begin.py - what is sent as soon as a trace says that it has begun is seen by it, however many flows there are

    trace_begin.py ADDRESS FLOWS READY <rows-of-a-trace

Makes flows by UDP, one for each port of the address from 1024 on, and the file READY when that is done. The first row of the trace
says that it has begun: at once a datagram is sent on each of some flows, the newest first. All must be in the rows that follow.
"""
import json
import re
import select
import socket
import sys
import time

FIRST_PORT = 1024
PROBES = 100  # their steps find room in the ring of one worker; the trace may end with so many packets
ROUNDS = 3  # what is lost while flows are made comes with the next one
BURST = 50  # packets until the gateway gets a moment
WAIT_SECONDS = 10
QUIET_SECONDS = 0.2  # until the last of what makes flows has passed


def make_flows(s, address, flows):
    for _ in range(ROUNDS):
        for i in range(flows):
            s.sendto(b"flow", (address, FIRST_PORT + i))
            if i % BURST == 0:
                time.sleep(0.001)
    time.sleep(QUIET_SECONDS)


def ports_seen(wanted):
    seen, end = set(), time.monotonic() + WAIT_SECONDS
    while not wanted <= seen and time.monotonic() < end:
        if not select.select([sys.stdin], [], [], 1)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        row = json.loads(line)
        if row.get("step") == "PARSED":
            seen |= {int(port) for port in re.findall(r"[.:\]](\d+)\b", row["text"])}
    return seen


def main(address, flows, ready):
    flows = int(flows)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    make_flows(s, address, flows)
    probes = [FIRST_PORT + flows - 1 - i * (flows // PROBES) for i in range(PROBES)]
    open(ready, "w", encoding="utf-8").close()
    first = sys.stdin.readline()
    for port in probes:
        s.sendto(b"seen?", (address, port))
    if "lost" not in first:
        print(f"the first row is not that it has begun: {first}")
        return 1
    missed = set(probes) - ports_seen(set(probes))
    print(f"{flows} flows, {PROBES} datagrams, {len(missed)} not seen: {sorted(missed)[:10]}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
