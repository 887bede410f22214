#!/usr/bin/env python3
"""recorder.py - stands at the other end of the binding log, and writes down what arrives

    recorder.py unix PATH OUT        datagrams of a log socket, one a line
    recorder.py tcp ADDRESS PORT OUT bytes of each connection, one connection after the other
"""
import os
import socket
import sys


def unix(path, out):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    os.chmod(path, 0o666)
    with open(out, "ab", buffering=0) as f:
        while True:
            f.write(s.recv(65536) + b"\n")


def tcp(address, port, out):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, int(port)))
    s.listen()
    with open(out, "ab", buffering=0) as f:
        while True:
            c, _ = s.accept()
            while data := c.recv(65536):
                f.write(data)
            c.close()


if __name__ == "__main__":
    {"unix": unix, "tcp": tcp}[sys.argv[1]](*sys.argv[2:])
