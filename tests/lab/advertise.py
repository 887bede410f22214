#!/usr/bin/env python3
"""advertise.py - a router's advertisements, with the NAT64 prefix in them (RFC 4861 s4.2, RFC 8781 s4)

    advertise.py INTERFACE [--prefix 2001:db8:1::/64] [--lifetime 1800] [--pref64 64:ff9b::/96=600]... [--mtu 1500]

Sends one at once, one every second, and one to whoever solicits. The prefix is for autoconfiguration; --pref64 may stand
several times, each with its lifetime in seconds, 0 to take it back. Ends on SIGTERM without a last word.
"""
import argparse
import ipaddress
import select
import signal
import socket
import struct
import sys
import time

ALL_NODES = "ff02::1"
ROUTER_SOLICIT, ROUTER_ADVERT = 133, 134
LENGTH_CODES = {96: 0, 64: 1, 56: 2, 48: 3, 40: 4, 32: 5}


def prefix_option(text):
    net = ipaddress.IPv6Network(text)
    return struct.pack(">BBBBIII", 3, 4, net.prefixlen, 0xC0, 86400, 14400, 0) + net.network_address.packed


def pref64_option(text):
    prefix, seconds = text.split("=")
    net = ipaddress.IPv6Network(prefix)
    scaled = (int(seconds) + 7) // 8
    return struct.pack(">BBH", 38, 2, scaled << 3 | LENGTH_CODES[net.prefixlen]) + net.network_address.packed[:12]


def mtu_option(mtu):
    return struct.pack(">BBHI", 5, 1, 0, mtu)


def advertisement(args):
    head = struct.pack(">BBHBBHII", ROUTER_ADVERT, 0, 0, 64, 0, args.lifetime, 0, 0)
    options = [prefix_option(args.prefix)] if args.prefix else []
    options += [pref64_option(p) for p in args.pref64]
    options += [mtu_option(args.mtu)] if args.mtu else []
    return head + b"".join(options)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interface")
    parser.add_argument("--prefix")
    parser.add_argument("--lifetime", type=int, default=1800)
    parser.add_argument("--pref64", action="append", default=[])
    parser.add_argument("--mtu", type=int)
    parser.add_argument("--hop-limit", type=int, default=255)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.interface.encode() + b"\0")
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, args.hop_limit)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    index = socket.if_nametoindex(args.interface)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                 socket.inet_pton(socket.AF_INET6, "ff02::2") + struct.pack("@I", index))
    message = advertisement(args)
    due = 0.0
    while True:
        now = time.monotonic()
        if now >= due:
            s.sendto(message, (ALL_NODES, 0, 0, index))
            due = now + 1
        ready, _, _ = select.select([s], [], [], max(0, due - now))
        if ready and s.recv(2048)[:1] == bytes([ROUTER_SOLICIT]):
            due = 0.0


main()
