#!/usr/bin/env python3
"""hostile.py - traffic that nobody should send, for the scenarios; what it sends follows from the seed

    hostile.py packets INTERFACE GATEWAY-MAC SOURCE DESTINATION COUNT SEED
                                  frames with broken packets of the addresses' family: right at first, then bytes
                                  changed, cut off, lengths lied about, headers piled up
    hostile.py queries ADDRESS COUNT SEED
                                  broken DNS queries to port 53, over UDP and TCP
    hostile.py control PATH COUNT SEED
                                  broken requests to a control socket
"""
import random
import socket
import struct
import sys

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
TCP, UDP, ICMP4, ICMP6, FRAGMENT, ROUTING, HOPOPTS, DSTOPTS = 6, 17, 1, 58, 44, 43, 0, 60


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Family:
    """Builds whole packets of one family between two addresses."""

    def __init__(self, rng, source, destination):
        self.rng = rng
        self.is6 = ":" in source
        family = socket.AF_INET6 if self.is6 else socket.AF_INET
        self.source = socket.inet_pton(family, source)
        self.destination = socket.inet_pton(family, destination)
        self.icmp = ICMP6 if self.is6 else ICMP4

    def header(self, proto, payload, source, destination):
        hops = self.rng.choice([0, 1, 2, 64, 64, 64, 255])
        if self.is6:
            return struct.pack("!IHBB", 6 << 28, len(payload), proto, hops) + source + destination + payload
        words = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), self.rng.getrandbits(16),
                            self.rng.choice([0x4000, 0x4000, 0, 0x2000, 0x0010]), hops, proto, 0)
        words += source + destination
        return words[:10] + struct.pack("!H", checksum(words)) + words[12:] + payload

    def pseudo(self, proto, payload, source, destination):
        if self.is6:
            return source + destination + struct.pack("!II", len(payload), proto) + payload
        return source + destination + struct.pack("!BBH", 0, proto, len(payload)) + payload

    def transport(self, proto, source, destination):
        """A transport header with payload and a right checksum."""
        rng = self.rng
        data = rng.randbytes(rng.choice([0, 1, 2, 20, 500, 1300]))
        ports = struct.pack("!HH", rng.randrange(65536), rng.choice([53, 80, 0, 65535, rng.randrange(65536)]))
        if proto == UDP:
            body, at = ports + struct.pack("!HH", 8 + len(data), 0) + data, 6
        elif proto == TCP:
            options = rng.randbytes(4 * rng.choice([0, 0, 3, 10]))
            body = ports + rng.randbytes(8) + bytes([(5 + len(options) // 4) << 4, rng.getrandbits(8)])
            body, at = body + b"\xff\xff\0\0\0\0" + options + data, 16
        else:
            kinds = [128, 129] if self.is6 else [8, 0]
            body, at = bytes([rng.choice(kinds), 0, 0, 0]) + rng.randbytes(4) + data, 2
        covered = body if proto == ICMP4 else self.pseudo(proto, body, source, destination)
        return body[:at] + struct.pack("!H", checksum(covered)) + body[at + 2:]

    def plain(self, source, destination):
        proto = self.rng.choice([TCP, UDP, self.icmp])
        return proto, self.transport(proto, source, destination)

    def error(self):
        """An ICMP error about a packet that was sent the other way."""
        rng = self.rng
        proto, inner = self.plain(self.destination, self.source)
        quoted = self.header(proto, inner, self.destination, self.source)[:rng.choice([28, 48, 68, 548, 1200])]
        kinds = [1, 2, 3, 4] if self.is6 else [3, 4, 5, 11, 12]
        body = bytes([rng.choice(kinds), rng.randrange(16), 0, 0]) + rng.randbytes(4) + quoted
        covered = self.pseudo(ICMP6, body, self.source, self.destination) if self.is6 else body
        return self.icmp, body[:2] + struct.pack("!H", checksum(covered)) + body[4:]

    def packet(self):
        rng = self.rng
        proto, body = self.error() if rng.random() < 0.3 else self.plain(self.source, self.destination)
        while self.is6 and rng.random() < 0.3:
            kind = rng.choice([FRAGMENT, ROUTING, HOPOPTS, DSTOPTS])
            if kind == FRAGMENT:
                words = bytes([proto, 0]) + struct.pack("!HI", rng.choice([0, 1, 8, 9, 0xFFF9]), rng.randrange(4))
            else:
                words = bytes([proto, rng.choice([0, 0, 1, 255])]) + rng.randbytes(6)
            proto, body = kind, words + body
        return self.header(proto, body, self.source, self.destination)


def spoil(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 8])):
        if data:
            data[rng.randrange(len(data))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.getrandbits(8)])
    if rng.random() < 0.2:
        data = data[:rng.randrange(len(data) + 1)]
    elif rng.random() < 0.1:
        data += rng.randbytes(rng.randrange(64))
    return bytes(data)


def mend(packet):
    """Gives an IPv4 header its checksum back, so that the kernel lets it through."""
    size = (packet[0] & 15) * 4 if packet else 0
    if not packet or packet[0] >> 4 != 4 or size < 20 or size > len(packet):
        return packet
    bare = packet[:10] + b"\0\0" + packet[12:size]
    return packet[:10] + struct.pack("!H", checksum(bare)) + packet[12:]


def packets(interface, mac, source, destination, count, seed):
    rng = random.Random(int(seed))
    family = Family(rng, source, destination)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, 0))
    own = s.getsockname()[4]
    kind = ETH_P_IPV6 if family.is6 else ETH_P_IP
    for _ in range(int(count)):
        body = mend(spoil(rng, family.packet()))[:1500]
        s.send(bytes.fromhex(mac.replace(":", "")) + own + struct.pack("!H", kind) + body.ljust(46, b"\0"))


def query(rng):
    labels = b"".join(bytes([len(l)]) + l for l in rng.choice([
        [b"www", b"lab", b"example"], [b"ipv4only", b"arpa"], [b"x" * 63] * 3, [b"\0", b"."], []]))
    types = [1, 28, 12, 5, 255, 252, 65, 41, rng.getrandbits(16)]
    head = struct.pack("!HHHHHH", rng.getrandbits(16), rng.choice([0x0100, 0x0110, 0, rng.getrandbits(16)]),
                       rng.choice([1, 1, 1, 0, 2, 65535]), 0, 0, rng.choice([0, 1, 1, 9]))
    edns = b"\0" + struct.pack("!HHIH", 41, rng.choice([0, 512, 1232, 65535]), rng.choice([0, 0x8000, 0x10000]), 0)
    return head + labels + b"\0" + struct.pack("!HH", rng.choice(types), rng.choice([1, 1, 1, 3, 255])) + edns


def queries(address, count, seed):
    rng = random.Random(int(seed))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.connect((address, 53))
    for i in range(int(count)):
        message = spoil(rng, query(rng))
        try:
            udp.send(message)
        except OSError:
            pass
        if i % 20 == 0:
            with socket.create_connection((address, 53), timeout=5) as tcp:
                length = rng.choice([len(message), len(message), 0, 65535])
                tcp.sendall(struct.pack("!H", length) + message)


def control(path, count, seed):
    rng = random.Random(int(seed))
    for _ in range(int(count)):
        line = rng.choice([
            b'{"cmd":"status","role":"translator"}\n', b'{"cmd":"sessions","role":"translator","args":{"limit":3}}\n',
            b'{"cmd":"counters","role":"resolver"}\n', b'{"cmd":"reload","role":"moon"}\n', b"[" * 3000 + b"\n"])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(0.3)  # for a request without an end there is no answer, and others need not wait
            s.connect(path)
            try:
                s.sendall(spoil(rng, line))
                if rng.random() < 0.5:
                    s.recv(65536)
            except OSError:
                pass


if __name__ == "__main__":
    {"packets": packets, "queries": queries, "control": control}[sys.argv[1]](*sys.argv[2:])
