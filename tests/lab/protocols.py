#!/usr/bin/env python3
"""protocols.py - protocols that have no socket in most kernels, made and checked by hand, for the scenarios

    protocols.py serve ADDRESS    IPv4: answers every packet of SCTP, GRE, ESP and DCCP that comes to ADDRESS and is right
                                  (checksum included) by one that says "got" and the payload
    protocols.py ask PROTOCOL SOURCE DESTINATION SIZE
                                  IPv6: sends one packet of SIZE bytes of payload and waits for the answer, which must be
                                  right and carry the same payload
    protocols.py udplite-serve ADDRESS PORT
    protocols.py udplite-ask SOURCE DESTINATION PORT SIZE
                                  the same with the kernel's own UDP-Lite and a checksum over 20 bytes
    protocols.py source-route SOURCE DESTINATION FIRST-HOP
                                  IPv4: a UDP datagram with a source route that is not used up; prints the ICMP error
    protocols.py routing-header SOURCE DESTINATION
                                  IPv6: a UDP datagram with a routing header that has segments left; prints the ICMP error
"""
import socket
import struct
import sys
import time

SCTP, GRE, ESP, DCCP, UDPLITE = 132, 47, 50, 33, 136
NUMBERS = {"sctp": SCTP, "gre": GRE, "esp": ESP, "dccp": DCCP}
UDPLITE_SEND_CSCOV = 10


def crc32c(data):
    """RFC 9260 appendix A, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo(source, destination, proto, length):
    if ":" in source:
        return (socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) +
                struct.pack("!II", length, proto))
    return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, proto, length)


def make(proto, source, destination, payload):
    """The transport part of a packet, as its own standard wants it."""
    if proto == SCTP:  # common header (RFC 9260 s3.1) and one HEARTBEAT chunk with the payload as its information
        chunk = struct.pack("!BBHHH", 4, 0, 8 + len(payload), 1, 4 + len(payload)) + payload
        chunk += b"\0" * (-len(chunk) % 4)
        head = struct.pack("!HHI", 5000, 5001, 0x01020304)
        return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk
    if proto == GRE:  # RFC 2784, with a checksum that covers the GRE packet alone
        body = struct.pack("!HHHH", 0x8000, 0x88B5, 0, 0) + payload
        return body[:4] + struct.pack("!H", ~ones_sum(body) & 0xFFFF) + body[6:]
    if proto == ESP:  # RFC 4303: SPI and sequence number; the rest is opaque
        return struct.pack("!II", 0x1001, 1) + payload
    head = struct.pack("!HHBBHBBHI", 5000, 5001, 4, 1, 0, 1, 0, 0, 7) + payload  # DCCP, CsCov 1: the header alone
    covered = head[:16]
    total = ones_sum(pseudo(source, destination, DCCP, len(head)) + covered)
    return head[:6] + struct.pack("!H", ~total & 0xFFFF) + head[8:]


def take(proto, source, destination, part):
    """The payload of a transport part, or None if a checksum is wrong."""
    if proto == SCTP:
        if struct.unpack("<I", part[8:12])[0] != crc32c(part[:8] + bytes(4) + part[12:]):
            return None
        return part[20:20 + struct.unpack("!H", part[18:20])[0] - 4]
    if proto == GRE:
        return part[8:] if ones_sum(part) == 0xFFFF else None
    if proto == ESP:
        return part[8:]
    right = ones_sum(pseudo(source, destination, DCCP, len(part)) + part[:16]) == 0xFFFF
    return part[16:] if right else None


def serve(address):
    import select
    sockets = {}
    for proto in NUMBERS.values():
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, proto)
        s.bind((address, 0))
        sockets[s] = proto
    print("serving", flush=True)
    while True:
        for s in select.select(list(sockets), [], [])[0]:
            packet, (source, _) = s.recvfrom(65535)
            proto = sockets[s]
            payload = take(proto, source, address, packet[(packet[0] & 15) * 4:])
            print(proto, source, "wrong" if payload is None else len(payload), flush=True)
            if payload is not None and not payload.startswith(b"got "):
                s.sendto(make(proto, address, source, b"got " + payload), (source, 0))


def payload_of(size):
    return bytes(i * 7 & 0xFF for i in range(size))


def ask(name, source, destination, size):
    proto = NUMBERS[name]
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, proto)
    s.bind((source, 0))
    s.settimeout(5)
    payload = payload_of(int(size))
    s.sendto(make(proto, source, destination, payload), (destination, 0))
    while True:
        part, (peer, *_) = s.recvfrom(65535)
        if socket.inet_pton(socket.AF_INET6, peer) == socket.inet_pton(socket.AF_INET6, destination):
            break
    answer = take(proto, destination, source, part)
    print("wrong checksum" if answer is None else "%d bytes back" % len(answer))
    return 0 if answer == b"got " + payload else 1


def udplite(family):
    return socket.socket(family, socket.SOCK_DGRAM, UDPLITE)


def udplite_serve(address, port):
    s = udplite(socket.AF_INET)
    s.setsockopt(UDPLITE, UDPLITE_SEND_CSCOV, 20)
    s.bind((address, int(port)))
    print("serving", flush=True)
    while True:
        data, peer = s.recvfrom(65535)
        s.sendto(b"got " + data, peer)


def udplite_ask(source, destination, port, size):
    s = udplite(socket.AF_INET6)
    s.setsockopt(UDPLITE, UDPLITE_SEND_CSCOV, 20)
    s.bind((source, 0))
    s.settimeout(5)
    payload = payload_of(int(size))
    s.sendto(payload, (destination, int(port)))
    answer = s.recv(65535)
    print(len(answer), "bytes back")
    return 0 if answer == b"got " + payload else 1


def wait_for_error(s, header_of, types):
    end = time.time() + 5
    while time.time() < end:
        s.settimeout(max(0.01, end - time.time()))
        packet, (peer, *_) = s.recvfrom(65535)
        icmp = packet[header_of(packet):]
        if icmp[0] in types:
            print("type %d code %d word %d from %s" % (icmp[0], icmp[1], struct.unpack("!I", icmp[4:8])[0], peer))
            return 0
    return 1


def source_route(source, destination, hop):
    icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    udp = struct.pack("!HHHH", 5000, 5001, 12, 0) + b"data"
    options = bytes([131, 7, 4]) + socket.inet_aton(hop) + b"\0"
    head = struct.pack("!BBHHHBBH", 0x47, 0, 28 + len(udp), 1, 0, 64, 17, 0)
    head += socket.inet_aton(source) + socket.inet_aton(destination) + options
    head = head[:10] + struct.pack("!H", ~ones_sum(head) & 0xFFFF) + head[12:]
    raw.sendto(head + udp, (destination, 0))
    return wait_for_error(icmp, lambda p: (p[0] & 15) * 4, {3, 12})


def routing_header(source, destination):
    icmp = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    udp = struct.pack("!HHHH", 5000, 5001, 12, 0) + b"data"
    total = ones_sum(pseudo(source, destination, 17, len(udp)) + udp)
    udp = udp[:6] + struct.pack("!H", ~total & 0xFFFF) + udp[8:]
    route = struct.pack("!BBBBI", 17, 2, 253, 1, 0) + socket.inet_pton(socket.AF_INET6, destination)
    packet = struct.pack("!IHBB", 6 << 28, len(route + udp), 43, 64)
    packet += socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + route + udp
    raw.sendto(packet, (destination, 0))
    return wait_for_error(icmp, lambda p: 0, {1, 3, 4})


COMMANDS = {"serve": serve, "ask": ask, "udplite-serve": udplite_serve, "udplite-ask": udplite_ask,
            "source-route": source_route, "routing-header": routing_header}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    try:
        sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
    except socket.timeout:
        sys.exit("no answer")
