#!/usr/bin/env python3
"""soak.py - many clients at once, for 22_soak.sh

    soak.py clients SECONDS SEED HOST WWW SOURCE...   downloads, uploads, datagrams and pings to HOST, an IPv6 address, each from
                                                      one of the SOURCE addresses; everything by content. WWW is the web
                                                      server's folder, where uploads can be read. Prints a line of JSON.

A link that loses frames, or is down for a moment, may cost an attempt: each job has ATTEMPTS. Wrong content is a failure at
once. Exit status 1 if any job failed.
"""
import collections
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time

ATTEMPTS = 4
THREADS = 6
ECHO_PORT = 7777
SIZES = (1, 700, 40_000, 300_000, 2_000_000)
DATAGRAMS = (1, 64, 512, 1232, 1400, 2500, 4000)


class Wrong(Exception):
    """What came is not what was sent."""


class Soak:
    def __init__(self, seconds, seed, host, www, sources):
        self.end = time.monotonic() + seconds
        self.seed, self.host, self.www, self.sources = seed, host, www, sources
        self.lock = threading.Lock()
        self.count = collections.Counter()
        self.faults = []

    def note(self, name, value=1):
        with self.lock:
            self.count[name] += value

    # Each returns the bytes that were moved, or None if the attempt did not get through.

    def curl(self, source, *args):
        done = subprocess.run(["curl", "-g", "-sS", "-f", "-m", "60", "--connect-timeout", "15", "--interface", source, *args],
                              capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def download(self, rng, source):
        size = rng.choice(SIZES)
        body = self.curl(source, f"http://[{self.host}]/soak/{size}")
        if body is None:
            return None
        with open(os.path.join(self.www, "soak", str(size)), "rb") as f:
            if hashlib.sha256(body).digest() != hashlib.sha256(f.read()).digest():
                raise Wrong(f"download of {size} bytes from {source}: {len(body)} bytes, another hash")
        return size

    def upload(self, rng, source):
        size = rng.choice(SIZES)
        name = f"{rng.getrandbits(64):x}"
        path = os.path.join(self.www, "upload", name)
        original = os.path.join(self.www, "soak", str(size))
        if self.curl(source, "-T", original, f"http://[{self.host}]/upload/{name}") is None:
            return None
        with open(path, "rb") as got, open(original, "rb") as f:
            is_right = hashlib.sha256(got.read()).digest() == hashlib.sha256(f.read()).digest()
        os.unlink(path)
        if not is_right:
            raise Wrong(f"upload of {size} bytes from {source}: another hash")
        return size

    def datagrams(self, rng, source):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            s.connect((self.host, ECHO_PORT))
            s.settimeout(1.0)
            moved = 0
            for _ in range(8):
                data = rng.randbytes(rng.choice(DATAGRAMS))
                if not self.echo(s, data):
                    return None
                moved += len(data)
            return moved

    def echo(self, s, data):
        for _ in range(6):
            try:
                s.send(data)
                while True:
                    got = s.recv(65536)
                    if got == data:
                        return True
                    # An answer to an earlier attempt, late or repeated, is whole as well; its digest says so.
                    if not self.is_known(s, got):
                        raise Wrong(f"a datagram of {len(got)} bytes that nobody sent")
            except OSError:
                continue
            finally:
                self.remember(s, data)
        return False

    sent = threading.local()

    def remember(self, s, data):
        known = self.sent.__dict__.setdefault("known", collections.deque(maxlen=64))
        known.append(hashlib.sha256(data).digest())

    def is_known(self, s, data):
        return hashlib.sha256(data).digest() in self.sent.__dict__.get("known", ())

    def ping(self, rng, source):
        size = rng.choice((8, 56, 1000, 1452, 2800))
        done = subprocess.run(["ping", "-6", "-n", "-q", "-c", "4", "-i", "0.2", "-W", "2", "-s", str(size), "-I", source,
                               self.host], capture_output=True, check=False)
        return 4 * size if done.returncode == 0 else None

    def job(self, rng):
        kind = rng.choices(("download", "upload", "datagrams", "ping"), (40, 25, 25, 10))[0]
        source = rng.choice(self.sources)
        for _ in range(ATTEMPTS):
            moved = getattr(self, kind)(rng, source)
            if moved is not None:
                self.note(kind)
                self.note("bytes", moved)
                return
            self.note("retries")
            self.note("retries_" + kind)
        raise Wrong(f"{kind} from {source}: no attempt got through")

    def run(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        while time.monotonic() < self.end:
            try:
                self.job(rng)
            except Wrong as e:
                with self.lock:
                    self.faults.append(str(e))

    def all(self):
        threads = [threading.Thread(target=self.run, args=(i,)) for i in range(THREADS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        print(json.dumps(dict(self.count, faults=self.faults)))
        return not self.faults and all(self.count[k] > 0 for k in ("download", "upload", "datagrams", "ping"))


def main():
    if len(sys.argv) < 7 or sys.argv[1] != "clients":
        sys.exit(__doc__)
    seconds, seed, host, www = sys.argv[2:6]
    sys.exit(not Soak(float(seconds), seed, host, www, sys.argv[6:]).all())


main()
