#!/usr/bin/env python3
"""metrics.py - what 10_metrics.sh asks of the monitor, and cannot be said in shell

    metrics.py parse                      read metrics from stdin, as strictly as the format is; print NAME{LABELS} VALUE
    metrics.py compare BEFORE FILE AFTER  each counter of BEFORE and AFTER (isthmus counters --json) is in FILE (metrics),
                                          with a value that lies between the two
    metrics.py page                       read the status page from stdin: well-formed, and nothing but HTML and CSS
    metrics.py hostile PORT               send what no scraper sends to [::1]:PORT; every answer must be the expected one
    metrics.py hold PORT N SECONDS        open N connections and say nothing
    metrics.py dawdle PORT SECONDS        ask for the page and do not read
"""
import html.parser
import json
import re
import socket
import sys
import time

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
SAMPLE = re.compile(rf'^({NAME})(?:\{{((?:{NAME}="(?:[^"\\\n]|\\[\\n"])*",?)*)\}})? (-?[0-9]+(?:\.[0-9]+)?)$')
LABEL = re.compile(rf'({NAME})="((?:[^"\\]|\\.)*)"')


def parse(text):
    """{(name, ((label, value), ...)): number}; SystemExit with a sentence if the text is not of the format."""
    samples, families, kind, helped, current = {}, set(), None, None, None
    if not text.endswith("\n"):
        sys.exit("the last line is not ended")
    for number, line in enumerate(text[:-1].split("\n"), 1):
        where = f"line {number}: {line!r}: "
        m = re.match(rf"^# HELP ({NAME}) (.+)$", line)
        if m:
            if m[1] in families:
                sys.exit(where + "the family was there already")
            families.add(m[1])
            helped, current = m[1], None
            continue
        m = re.match(rf"^# TYPE ({NAME}) (counter|gauge)$", line)
        if m:
            if m[1] != helped:
                sys.exit(where + "TYPE does not follow its HELP")
            current, kind = m[1], m[2]
            continue
        m = SAMPLE.match(line)
        if not m:
            sys.exit(where + "neither comment nor sample")
        if m[1] != current:
            sys.exit(where + f"a sample among those of {current}")
        if (kind == "counter") != m[1].endswith("_total"):
            sys.exit(where + f"the name is not that of a {kind}")
        key = (m[1], tuple(LABEL.findall(m[2] or "")))
        if key in samples:
            sys.exit(where + "twice")
        samples[key] = float(m[3])
    return samples


def samples_of(row):
    """The metrics of a counter's row and their values: one, or for a drop one for each direction and protocol."""
    if row["group"] != "drop":
        return {metric_of(row): row["value"]}
    parts = {
        ("isthmus_drops_total", (("reason", row["name"]), ("direction", d), ("protocol", p))): value
        for d, protocols in row["by"].items()
        for p, value in protocols.items()
    }
    if sum(parts.values()) != row["value"] or len(parts) != 9:
        sys.exit(f"the parts of {row['name']} do not add up: {parts}")
    return parts


def metric_of(row):
    """The metric of a counter's row, by the rule of docs/metrics.md (written down here a second time)."""
    group, name = row["group"], row["name"]
    if group in ("translated", "stateless", "icmp", "fastpath"):
        labels, parts = [], []
        words = {"64": "direction", "46": "direction", "tcp": "protocol", "udp": "protocol", "icmp": "protocol",
                 "other": "protocol"}
        for part in name.split("_"):
            if part in words:
                labels.append((words[part], part))
            elif part in ("v4", "v6"):
                labels.append(("family", "ip" + part))
            else:
                parts.append({"pkts": "packets"}.get(part, part))
        return f"isthmus_{group}_{'_'.join(parts)}_total", tuple(labels)
    return "isthmus_" + ("" if group == "other" else group + "_") + name + "_total", ()


def read_rows(path):
    with open(path, encoding="utf-8") as f:
        rows = [samples_of(row) for row in map(json.loads, f) if "value" in row]
    return {key: value for row in rows for key, value in row.items()}


def compare(before_path, metrics_path, after_path):
    before, after = read_rows(before_path), read_rows(after_path)
    with open(metrics_path, encoding="utf-8") as f:
        samples = parse(f.read())
    faults = 0
    for key in sorted(set(before) | set(after)):
        value = samples.get(key)
        if value is None or not before[key] <= value <= after[key]:
            print(f"{key}: {value}, but the counter went from {before[key]} to {after[key]}")
            faults += 1
    moved = sum(1 for v in before.values() if v > 0)
    print(f"{len(before)} counters, {moved} of them not zero")
    return faults == 0 and len(before) > 50 and moved > 5


class Page(html.parser.HTMLParser):
    VOID = {"meta", "br"}
    ALLOWED = VOID | set("html head title style body main header h1 h2 section div span b i p table tr th td code "
                         "footer a".split())

    def __init__(self):
        super().__init__()
        self.open, self.faults = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.ALLOWED:
            self.faults.append(f"<{tag}> has no place here")
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href") and not (value or "").startswith("/")):
                self.faults.append(f"<{tag} {name}={value}>")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")


def page(text):
    p = Page()
    p.feed(text)
    p.close()
    for fault in p.faults + [f"<{tag}> stays open" for tag in p.open]:
        print(fault)
    return not p.faults and not p.open


def connect(port, patience=20):
    s = socket.create_connection(("::1", port), patience)
    s.settimeout(patience)
    return s


def say(port, data):
    """What comes back, to the end; a reset counts as an end."""
    got = b""
    with connect(port) as s:
        try:
            s.sendall(data)
            while chunk := s.recv(65536):
                got += chunk
        except (BrokenPipeError, ConnectionResetError):
            pass
    return got


HOST = b"Host: x\r\n"
HOSTILE = [
    ("another path", b"GET /etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    ("a path that climbs", b"GET /../metrics HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    ("a long path", b"GET /" + 4000 * b"a" + b" HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    ("a query", b"GET /metrics?x=%00<script> HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    ("absolute form", b"GET http://elsewhere.example/metrics HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 200),
    ("a host with markup", b"GET / HTTP/1.1\r\nHost: <script>alert(1)</script>\r\n\r\n", 200),
    ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", 200),
    ("line feeds alone", b"GET / HTTP/1.1\nHost: x\n\n", 200),
    ("POST", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", 405),
    ("PUT of a lot", b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n" + 100000 * b"x", 405),
    ("chunks", b"POST /metrics HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 405),
    ("an unknown method", b"FROBNICATE / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("CONNECT", b"CONNECT example.net:443 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    ("a blank before the colon", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    ("a folded field", b"GET / HTTP/1.1\r\n" + HOST + b" y\r\n\r\n", 400),
    ("a zero byte", b"GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /\r\n\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("TLS", bytes.fromhex("160301020001fc0303") + 200 * b"\xaa" + b"\n", 400),
    ("zeros", 9000 * b"\0", 431),
    ("a head without end", b"GET / HTTP/1.1\r\n" + 3000 * b"X: y\r\n", 431),
    ("a long field", b"GET / HTTP/1.1\r\nHost: " + 20000 * b"h" + b"\r\n\r\n", 431),
    ("nothing", b"", None),
]


def hostile(port):
    good = True
    for name, data, wanted in HOSTILE:
        if wanted is None:
            with connect(port):
                continue
        got = say(port, data)
        m = re.match(rb"HTTP/1\.1 (\d{3}) ", got)
        status = int(m[1]) if m else None
        if status != wanted or b"<script" in got:
            print(f"{name}: {status} instead of {wanted}: {got[:80]!r}")
            good = False
    whole = say(port, b"HEAD /metrics HTTP/1.1\r\n" + HOST + b"\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    if body or not length or int(length[1]) < 1000:
        print(f"HEAD: {whole[:200]!r}")
        good = False
    # Cut at every byte: never an answer, never an end of the monitor.
    request = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    for n in range(1, len(request)):
        with connect(port) as s:
            s.sendall(request[:n])
            s.shutdown(socket.SHUT_WR)
            if s.recv(10):
                print(f"an answer to {request[:n]!r}")
                good = False
    return good


def hold(port, count, seconds):
    held = [connect(port) for _ in range(count)]
    print(f"{len(held)} connections", flush=True)
    time.sleep(seconds)
    return True


def dawdle(port, seconds):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    s.connect(("::1", port))
    s.sendall(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n")
    print("asked", flush=True)
    time.sleep(seconds)
    return True


def main(argv):
    what = argv[1] if len(argv) > 1 else ""
    if what == "parse":
        for (name, labels), value in parse(sys.stdin.read()).items():
            print(name + "{" + ",".join(f"{k}={v}" for k, v in labels) + "} " + f"{value:g}")
        return 0
    if what == "compare":
        return 0 if compare(*argv[2:5]) else 1
    if what == "page":
        return 0 if page(sys.stdin.read()) else 1
    if what == "hostile":
        return 0 if hostile(int(argv[2])) else 1
    if what == "hold":
        return 0 if hold(*map(int, argv[2:5])) else 1
    if what == "dawdle":
        return 0 if dawdle(*map(int, argv[2:4])) else 1
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
