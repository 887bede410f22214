#!/usr/bin/env python3
"""dns_same.py FROM SERVER - the same query again and again gets the same bytes, whoever gives them

Each query is sent until XDP must have it (an answer is offered when it is given for the second time), and again. All replies
must be the same but for TTLs, which may only go down. A query with a pad option behind it (RFC 7830) takes the way over the
socket, and its reply, without OPT, must be the same too.
"""
import socket
import struct
import sys

NAMES = ["www.lab.example", "WwW.lAb.example", "six.lab.example", "both.lab.example", "alias2.lab.example",
         "many.lab.example", "nothing.lab.example", "text.lab.example"]
TYPES = {"A": 1, "AAAA": 28, "TXT": 16, "MX": 15, "PTR": 12}
ROUNDS = 5


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def query(name, kind, flags, opt):
    """opt: None, or (size, DO, options)"""
    message = struct.pack("!6H", 0x1234, 0x0100 | flags, 1, 0, 0, opt is not None) + name_bytes(name)
    message += struct.pack("!2H", kind, 1)
    if opt:
        size, do, options = opt
        message += struct.pack("!BHHIH", 0, 41, size, 0x8000 if do else 0, len(options)) + options
    return message


def skip_name(message, at):
    while message[at]:
        if message[at] & 0xc0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def split(message):
    """(bytes without TTLs and OPT, TTLs, whether there was OPT)"""
    counts = struct.unpack("!6H", message[:12])
    at = skip_name(message, 12) + 4
    bare, ttls, has_opt = bytearray(message[:10] + message[12:at]), [], False
    for _ in range(sum(counts[3:])):
        start, at = at, skip_name(message, at)
        kind, _, ttl, length = struct.unpack("!2HIH", message[at:at + 10])
        if kind == 41:
            has_opt = True
        else:
            ttls.append(ttl)
            bare += message[start:at + 4] + message[at + 8:at + 10 + length]
        at += 10 + length
    if at != len(message):
        raise SystemExit(f"{len(message) - at} bytes behind the last record")
    return bytes(bare), ttls, has_opt


def main(source, server):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind((source, 0))
    s.connect((server, 53))
    s.settimeout(3)
    asked = 0

    def ask(message):
        s.send(message)
        return split(s.recv(4096))

    for name in NAMES:
        for kind in TYPES.values():
            for flags in (0, 0x10, 0x20):
                for opt in (None, (512, False, b""), (1232, False, b""), (4096, True, b"")):
                    plain, ttls, has_opt = ask(query(name, kind, flags, opt))
                    for _ in range(ROUNDS - 1):
                        again, later, has_opt_again = ask(query(name, kind, flags, opt))
                        if again != plain or has_opt != has_opt_again or len(ttls) != len(later) or \
                                any(b > a for a, b in zip(ttls, later)):
                            raise SystemExit(f"{name} {kind} {flags:#x} {opt}:\n{plain.hex()} {ttls}\n{again.hex()} {later}")
                        ttls = later
                        asked += 1
                    size, do, _ = opt or (512, False, b"")
                    padded = query(name, kind, flags, (size, do, struct.pack("!2H", 12, 0)))
                    over_socket, later, _ = ask(padded)
                    if over_socket != plain or any(b > a for a, b in zip(ttls, later)):
                        raise SystemExit(f"{name} {kind} {flags:#x} {opt} over the socket:\n{plain.hex()}\n{over_socket.hex()}")
    print(f"{asked} queries")


main(*sys.argv[1:])
