#!/usr/bin/env python3
"""udp.py - datagrams for the scenarios

    udp.py echo PORT [LOCAL-ADDRESS]          answer every datagram with itself, forever (IPv4)
    udp.py sizes ADDRESS PORT FIRST LAST STEP send datagrams of these payload sizes one by one; each must come back
                                              with the same content
    udp.py refused ADDRESS PORT               succeed if the kernel reports "connection refused" for a datagram
    udp.py unreachable ADDRESS PORT           succeed if it reports that host or network is unreachable
"""
import errno
import random
import socket
import sys

TRIES = 4
WAIT_SECONDS = 1.0
FAILURES_MAX = 5  # then it gives up
IPV6_RECVERR = 25  # of <linux/in6.h>; without it Linux keeps "unreachable" from a UDP socket


def echo(port, address="0.0.0.0"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    print("ready", flush=True)
    while True:
        try:
            data, peer = s.recvfrom(65536)
        except ConnectionRefusedError:
            continue
        for _ in range(2):
            try:
                s.sendto(data, peer)
                break
            except OSError as e:
                # The first datagram after a "fragmentation needed" fails; the kernel knows better at the second.
                if e.errno not in (errno.EMSGSIZE, errno.ECONNREFUSED):
                    raise


def connected(address, port):
    family, kind, proto, _, where = socket.getaddrinfo(address, int(port), type=socket.SOCK_DGRAM)[0]
    s = socket.socket(family, kind, proto)
    s.settimeout(WAIT_SECONDS)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    s.connect(where)
    return s


def comes_back(s, data):
    """Whether the echo answers with the same bytes; what was lost is sent again, as an application would."""
    for _ in range(TRIES):
        try:
            s.send(data)
            got = s.recv(65536)
        except (socket.timeout, OSError):
            continue
        if got == data:
            return True
        print(f"{len(data)} bytes came back changed: {len(got)} bytes")
        return False
    return False


def sizes(address, port, first, last, step):
    s = connected(address, port)
    # The content depends on the size alone, so that a failure can be looked at again.
    failed = []
    for n in range(int(first), int(last) + 1, int(step)):
        if not comes_back(s, random.Random(n).randbytes(n)):
            failed.append(n)
        if len(failed) == FAILURES_MAX:
            break
    if failed:
        print(f"sizes that did not come back: {failed}")
    return bool(failed)


def fails_with(address, port, numbers):
    s = connected(address, port)
    for _ in range(TRIES):
        try:
            s.send(b"anybody there?")
            s.recv(65536)
            print("an answer came")
            return 1
        except socket.timeout:
            continue
        except OSError as e:
            print(f"the kernel says: {e.strerror}")
            return e.errno not in numbers
    print("no answer and no error")
    return 1


COMMANDS = {
    "echo": echo,
    "sizes": sizes,
    "refused": lambda a, p: fails_with(a, p, (errno.ECONNREFUSED,)),
    "unreachable": lambda a, p: fails_with(a, p, (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES)),
}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
