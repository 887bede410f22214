#!/usr/bin/env python3
"""udp.py - datagrams for the scenarios

    udp.py echo PORT [LOCAL-ADDRESS]          answer every datagram with itself, forever
    udp.py sizes ADDRESS PORT FIRST LAST STEP send datagrams of these payload sizes one by one; each must come back
                                              with the same content
    udp.py fragments PORT ADDRESS             as echo, but every answer leaves in fragments of 1400 bytes, the last one
                                              first, and without checksum if the first byte of the datagram is odd
    udp.py backwards ADDRESS PORT SIZE...     send datagrams of these payload sizes in fragments of 1200 bytes, the last
                                              one first; each must come back with the same content (IPv6)
    udp.py volleys PORT ADDRESS               to a datagram that says SIZE COUNT DF, answer with COUNT datagrams of that size
                                              as fast as possible; DF is 1 or 0
    udp.py volley ADDRESS PORT SIZE COUNT DF  ask for that, with as many datagrams as shall come; each must come with the
                                              right content
    udp.py mirror PORT ADDRESS                answer every datagram with the address and port that it came from, forever
    udp.py mirrored ADDRESS PORT FROM-PORT    print what the mirror says of a datagram from this port; what is lost is sent again
    udp.py refused ADDRESS PORT               succeed if the kernel reports "connection refused" for a datagram
    udp.py unreachable ADDRESS PORT           succeed if it reports that host or network is unreachable
"""
import errno
import random
import socket
import struct
import sys

TRIES = 4
WAIT_SECONDS = 1.0
FAILURES_MAX = 5  # then it gives up
IPV6_RECVERR = 25  # of <linux/in6.h>; without it Linux keeps "unreachable" from a UDP socket


def echo(port, address="0.0.0.0"):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
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


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def udp_datagram(pseudo, sport, dport, data, is_summed=True):
    head = struct.pack("!HHH", sport, dport, 8 + len(data))
    total = checksum(pseudo + head + b"\0\0" + data) or 0xFFFF
    return head + struct.pack("!H", total if is_summed else 0) + data


def backwards_parts(datagram, size):
    """(offset, whether more follows, bytes) of each part, the last one first"""
    for at in reversed(range(0, len(datagram), size)):
        yield at, at + size < len(datagram), datagram[at : at + size]


def send_backwards4(raw, src, dst, sport, dport, data, is_summed):
    a, b = socket.inet_aton(src), socket.inet_aton(dst)
    pseudo = a + b + struct.pack("!HH", socket.IPPROTO_UDP, 8 + len(data))
    datagram = udp_datagram(pseudo, sport, dport, data, is_summed)
    number = random.randrange(1, 65536)
    for offset, more, part in backwards_parts(datagram, 1400):
        # The kernel fills in the header checksum.
        word = (0x2000 if more else 0) | offset // 8
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), number, word, 64, socket.IPPROTO_UDP, 0, a, b)
        raw.sendto(head + part, (dst, 0))


def echo_fragments(port, address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    print("ready", flush=True)
    while True:
        data, peer = s.recvfrom(65536)
        send_backwards4(raw, address, peer[0], int(port), peer[1], data, is_summed=data[0] % 2 == 0)


def send_backwards6(raw, s, data):
    (src, sport), (dst, dport) = s.getsockname()[:2], s.getpeername()[:2]
    a, b = socket.inet_pton(socket.AF_INET6, src), socket.inet_pton(socket.AF_INET6, dst)
    pseudo = a + b + struct.pack("!II", 8 + len(data), socket.IPPROTO_UDP)
    number = random.randrange(1 << 32)
    for offset, more, part in backwards_parts(udp_datagram(pseudo, sport, dport, data), 1200):
        head = struct.pack("!IHBB16s16s", 6 << 28, 8 + len(part), 44, 64, a, b)
        fragment = struct.pack("!BBHI", socket.IPPROTO_UDP, 0, offset | more, number)
        raw.sendto(head + fragment + part, (dst, 0))


def backwards(address, port, *payloads):
    s = connected(address, port)
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    failed = []
    for n in map(int, payloads):
        data = random.Random(n).randbytes(n)
        send_backwards6(raw, s, data)
        try:
            if s.recv(65536) != data:
                print(f"{n} bytes came back changed")
                failed.append(n)
        except socket.timeout:
            failed.append(n)
    if failed:
        print(f"sizes that did not come back: {failed}")
    return bool(failed)


IP_MTU_DISCOVER, PMTUDISC_DONT, PMTUDISC_DO = 10, 0, 2  # of <linux/in.h>; Python does not have them


def volley_part(size, i):
    return struct.pack("!I", i) + random.Random(size + i).randbytes(size - 4)


def volleys(port, address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    print("ready", flush=True)
    while True:
        data, peer = s.recvfrom(65536)
        words = data.split(b" ")
        if len(words) != 4:
            continue
        size, count, df = map(int, words[:3])
        parts = [volley_part(size, i) for i in range(count)]
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO if df else PMTUDISC_DONT)
        for part in parts:
            s.sendto(part, peer)


def volley(address, port, size, count, df):
    s = connected(address, port)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    # What asks is as long as what comes, so that one way is filled like the other.
    ask = f"{size} {count} {df} ".encode().ljust(int(size), b"x")
    missing = set(range(int(count)))
    for _ in range(TRIES):
        for _ in range(int(count) - 1):
            s.send(b"x" * int(size))
        s.send(ask)
        try:
            while missing:
                data = s.recv(65536)
                (i,) = struct.unpack("!I", data[:4])
                if data != volley_part(int(size), i):
                    print(f"datagram {i} came changed")
                    return 1
                missing.discard(i)
        except socket.timeout:
            continue
        return 0
    print(f"datagrams that never came: {len(missing)}")
    return 1


def mirror(port, address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    print("ready", flush=True)
    while True:
        _, peer = s.recvfrom(65536)
        s.sendto(f"{peer[0]}:{peer[1]}".encode(), peer)


def mirrored(address, port, sport):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(WAIT_SECONDS)
    s.bind(("::", int(sport)))
    for _ in range(TRIES):
        try:
            s.sendto(b"who am I?", (address, int(port)))
            print(s.recv(65536).decode())
            return 0
        except (socket.timeout, OSError):
            continue
    print("no answer")
    return 1


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
    "fragments": echo_fragments,
    "backwards": backwards,
    "volleys": volleys,
    "volley": volley,
    "mirror": mirror,
    "mirrored": mirrored,
    "refused": lambda a, p: fails_with(a, p, (errno.ECONNREFUSED,)),
    "unreachable": lambda a, p: fails_with(a, p, (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES)),
}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
