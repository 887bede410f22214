#!/usr/bin/env python3
"""socks.py - SOCKS 5 as a client that no library helps, for the scenarios

    socks.py udp PROXY PORT HOST PORT SIZE...   associate (RFC 1928 s7), and send datagrams of these payload sizes to an echo
                                                service; each must come back. HOST is a name, or an address of either family
    socks.py fragment PROXY PORT HOST PORT      the same with one datagram that says to be a fragment: none may come back
    socks.py many PROXY PORT HOST PORT COUNT    so many associations at once, each with one datagram
    socks.py request PROXY PORT COMMAND HOST PORT   print the code of the reply to a command (a number)
"""
import ipaddress
import os
import socket
import struct
import sys

TRIES = 4
WAIT_SECONDS = 1.0


def packed(host, port):
    try:
        address = ipaddress.ip_address(host)
        return bytes([1 if address.version == 4 else 4]) + address.packed + struct.pack("!H", port)
    except ValueError:
        name = host.encode()
        return bytes([3, len(name)]) + name + struct.pack("!H", port)


def take(s, length):
    data = b""
    while len(data) < length:
        more = s.recv(length - len(data))
        if not more:
            raise SystemExit(f"the proxy ended the connection after {len(data)} of {length} bytes")
        data += more
    return data


def unpacked(kind, rest):
    size = 4 if kind == 1 else 16
    return str(ipaddress.ip_address(rest[:size])), struct.unpack("!H", rest[size:size + 2])[0], rest[size + 2:]


def ask(proxy, port, command, host, target):
    """The connection, the reply's code and its address."""
    s = socket.create_connection((proxy, int(port)), timeout=5)
    s.sendall(b"\x05\x01\x00")
    if take(s, 2) != b"\x05\x00":
        raise SystemExit("the proxy wants a password")
    s.sendall(bytes([5, int(command), 0]) + packed(host, int(target)))
    head = take(s, 4)
    address, bound, _ = unpacked(head[3], take(s, 6 if head[3] == 1 else 18))
    return s, head[1], address, bound


def associate(proxy, port):
    control, code, address, bound = ask(proxy, port, 3, "0.0.0.0", 0)
    if code != 0:
        raise SystemExit(f"UDP ASSOCIATE was answered with {code}")
    u = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    u.connect((address, bound))
    u.settimeout(WAIT_SECONDS)
    return control, u


def echoed(u, host, port, payload, fragment=0, tries=TRIES):
    """Whether a datagram comes back; what is lost is sent again."""
    for _ in range(tries):
        u.send(bytes([0, 0, fragment]) + packed(host, int(port)) + payload)
        try:
            data = u.recv(65535)
        except TimeoutError:
            continue
        _, source, rest = unpacked(data[3], data[4:])
        if data[:3] != b"\0\0\0" or source != int(port) or rest != payload:
            raise SystemExit(f"came back wrong: {data[:40]!r}, {len(rest)} bytes from port {source}")
        return True
    return False


def udp(proxy, port, host, target, *sizes):
    control, u = associate(proxy, port)
    for size in sizes:
        if not echoed(u, host, target, os.urandom(int(size))):
            raise SystemExit(f"{size} bytes did not come back")
    control.close()


def fragment(proxy, port, host, target):
    control, u = associate(proxy, port)
    u.settimeout(0.3)
    if echoed(u, host, target, b"x", fragment=1, tries=1):
        raise SystemExit("a fragment was relayed")
    control.close()


def many(proxy, port, host, target, count):
    open_now = [associate(proxy, port) for _ in range(int(count))]
    for _, u in open_now:
        if not echoed(u, host, target, os.urandom(100)):
            raise SystemExit("a datagram did not come back")
    print(f"{len(open_now)} associations")


def request(proxy, port, command, host, target):
    print(ask(proxy, port, command, host, target)[1])


if __name__ == "__main__":
    COMMANDS = {"udp": udp, "fragment": fragment, "many": many, "request": request}
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
