#!/usr/bin/env python3
"""upstream.py - a name server that does as a script says, over UDP and TCP

    upstream.py ADDRESS PORT SCRIPT

Each line of the script is `NAME TYPE [WORD...] : RECORDS [/ RECORDS]`, the answer and the authority section. Records are
`OWNER TTL TYPE DATA` and separated by `;`. Words:

    rcode=N     the response code
    drop        no answer at all
    delay=S     the answer comes after S seconds
    forged      before the right answer comes one with another id
    wrong-id    only the answer with another id comes
    wrong-name  the answer is for another question
    tc          over UDP the answer is empty and cut
    lame        a referral without AA and RA

A name that has other types has no data of this one, and a name that has none does not exist; both come with an SOA record
of 30 seconds. What was asked is printed, one line each: `udp NAME TYPE`.
"""
import ipaddress
import socket
import struct
import sys
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "DNAME": 39, "HTTPS": 65, "ANY": 255}
NAMES = {number: name for name, number in TYPES.items()}
SOA = "s.example 30 SOA 30"


def put_name(name):
    labels = [part.encode() for part in name.rstrip(".").split(".") if part]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def put_data(kind, data):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(data).packed
    if kind in ("CNAME", "DNAME", "NS", "PTR"):
        return put_name(data)
    if kind == "SOA":
        return put_name("ns.s.example") + put_name("admin.s.example") + struct.pack("!5I", 1, 1, 1, 1, int(data))
    if kind == "TXT":
        return bytes([len(data)]) + data.encode()
    return bytes.fromhex(data)


def put_record(text):
    owner, ttl, kind, data = text.split(None, 3)
    rdata = put_data(kind, data)
    return put_name(owner) + struct.pack("!HHIH", TYPES[kind], 1, int(ttl), len(rdata)) + rdata


def records_of(text):
    return [part.strip() for part in text.split(";") if part.strip()]


class Rule:
    def __init__(self, line):
        head, _, sections = (line + " ").partition(" : ")
        self.name, self.kind, *words = head.split()
        self.words = dict(word.partition("=")[::2] for word in words)
        answer, _, authority = (" " + sections).partition(" / ")
        self.answer, self.authority = records_of(answer), records_of(authority)

    def has(self, word):
        return word in self.words


class Script:
    def __init__(self, path):
        with open(path, encoding="ascii") as lines:
            rules = [Rule(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
        self.rules = {(rule.name, rule.kind): rule for rule in rules}
        self.names = {rule.name for rule in rules}

    def find(self, name, kind):
        rule = self.rules.get((name, kind)) or self.rules.get((name, "*"))
        if rule:
            return rule
        exists = any(n == name or n.endswith("." + name) for n in self.names)
        return Rule(f"{name} {kind} rcode={0 if exists else 3} : / {SOA}")


def read_question(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack("!H", query[at + 1 : at + 3])[0], query[12 : at + 5]


def reply_to(query, question, rule, is_udp, ident=None):
    is_cut = is_udp and rule.has("tc")
    answer, authority = ([], []) if is_cut else (rule.answer, rule.authority)
    flags = 0x8100 | int(rule.words.get("rcode", 0)) | (0x0200 if is_cut else 0)
    if not rule.has("lame"):
        flags |= 0x0480
    if ident is None:
        ident = struct.unpack("!H", query[:2])[0]
    head = struct.pack("!6H", ident, flags, 1, len(answer), len(authority), 0)
    return head + question + b"".join(put_record(text) for text in answer + authority)


def answers_to(query, script, is_udp):
    """The messages that go back, in order."""
    name, number, question = read_question(query)
    kind = NAMES.get(number, str(number))
    print("udp" if is_udp else "tcp", name, kind, flush=True)
    rule = script.find(name, kind)
    if rule.has("drop"):
        return
    time.sleep(float(rule.words.get("delay", 0)))
    if rule.has("forged") or rule.has("wrong-id"):
        other = (struct.unpack("!H", query[:2])[0] + 1) & 0xFFFF
        lie = Rule(f"{name} {kind} : {name} 3600 AAAA 2001:db8:bad::1")
        yield reply_to(query, question, lie, is_udp, other)
        time.sleep(0.05)
    if rule.has("wrong-name"):
        question = put_name("bad.example") + question[-4:]
    if not rule.has("wrong-id"):
        yield reply_to(query, question, rule, is_udp)


def serve_udp(sock, script):
    while True:
        query, peer = sock.recvfrom(4096)
        threading.Thread(target=lambda q=query, p=peer: [sock.sendto(m, p) for m in answers_to(q, script, True)],
                         daemon=True).start()


def serve_connection(conn, script):
    stream = conn.makefile("rb")
    while True:
        length = stream.read(2)
        if len(length) < 2:
            return
        query = stream.read(struct.unpack("!H", length)[0])
        for message in answers_to(query, script, False):
            conn.sendall(struct.pack("!H", len(message)) + message)


def main():
    address, port, script = sys.argv[1], int(sys.argv[2]), Script(sys.argv[3])
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, port))
    tcp = socket.create_server((address, port))
    threading.Thread(target=serve_udp, args=(udp, script), daemon=True).start()
    while True:
        conn, _ = tcp.accept()
        threading.Thread(target=serve_connection, args=(conn, script), daemon=True).start()


if __name__ == "__main__":
    main()
