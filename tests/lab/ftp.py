#!/usr/bin/env python3
"""ftp.py - an FTP client of the lab that says exactly what a scenario wants

    ftp.py SERVER modes HASH FILE   ftplib in both modes, down and up
    ftp.py SERVER commands          what RFC 6384 says about ALGS, EPSV and EPRT
    ftp.py SERVER bytes             a session of one byte in a segment, and one with all commands in one
    ftp.py SERVER auth              after a refused AUTH, commands are changed again
    ftp.py SERVER off               without the gateway's help

Exit status 0 if all was as wanted; else it says what was not.
"""
import ftplib
import hashlib
import re
import socket
import sys
import time


class Control:
    """A control connection, line by line."""

    def __init__(self, server, greeted=True):
        self.socket = socket.create_connection((server, 21), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.own = self.socket.getsockname()[0]
        if greeted:
            self.wants(r"220 ")

    def reply(self):
        line = self.file.readline().decode()
        if re.match(r"\d\d\d-", line):
            end = line[:3] + " "
            while not line.startswith(end):
                line = self.file.readline().decode()
        return line

    def wants(self, pattern):
        line = self.reply()
        print("   <", line.strip())
        if not re.match(pattern, line):
            sys.exit(f"got {line!r}, wanted {pattern}")
        return line

    def ask(self, command, pattern):
        print("   >", command)
        self.socket.sendall(command.encode() + b"\r\n")
        return self.wants(pattern)

    def login(self):
        self.ask("USER anonymous", r"331|230")
        return self

    def ask_slowly(self, command, pattern):
        for byte in command.encode() + b"\r\n":
            self.socket.sendall(bytes([byte]))
            time.sleep(0.002)
        return self.wants(pattern)


EXTENDED = r"229 .*\(\|\|\|(\d+)\|\)"


def modes(server, wanted, path):
    for passive in True, False:
        ftp = ftplib.FTP(timeout=30)
        ftp.connect(server)
        ftp.login()
        ftp.set_pasv(passive)
        digest = hashlib.sha256()
        ftp.retrbinary("RETR /big", digest.update)
        if digest.hexdigest() != wanted:
            sys.exit(f"passive {passive}: another file came")
        with open(path, "rb") as file:
            ftp.storbinary(f"STOR /upload/ftplib-{passive}", file)
        size = ftp.size(f"/upload/ftplib-{passive}")
        if "big" not in " ".join(ftp.nlst("/")) or size is None:
            sys.exit(f"passive {passive}: the list is not right")
        digest = hashlib.sha256()
        ftp.retrbinary(f"RETR /upload/ftplib-{passive}", digest.update)
        if digest.hexdigest() != wanted:
            sys.exit(f"passive {passive}: what came back is not what went")
        ftp.delete(f"/upload/ftplib-{passive}")
        ftp.quit()


def commands(server):
    control = Control(server)
    control.ask("ALGS STATUS64", r"216 EPSVEPRT")  # before the login: vsftpd refuses our NOOP with 530
    control.login()
    control.ask("ALGS", r"50[24] ")
    control.ask("EPSV ALL", r"504 ")
    control.ask("EPSV 1", r"522 ")
    control.ask("EPSV 2", EXTENDED)
    control.ask(f"EPRT |2|{control.own}|22|", r"504 ")
    control.ask("EPRT |2|2001:db8::dead|5000|", r"5\d\d ")
    control.ask("ALGS DISABLE64", r"216 NONE")
    control.ask("EPSV", EXTENDED)  # vsftpd knows it
    control.ask("PASV", r"227 ")
    control.ask("ALGS ENABLE64", r"216 EPSVEPRT")
    control.ask("EPSV", EXTENDED)
    control.ask("PASV", r"227 ")
    control.ask("NOOP", r"200 NOOP")
    control.ask("QUIT", r"221 ")


def size_by(server, control, extended):
    port = int(re.match(EXTENDED, extended).group(1))
    with socket.create_connection((server, port), timeout=20) as data:
        control.ask("RETR /big", r"150 ")
        size = 0
        while True:
            part = data.recv(65536)
            if not part:
                break
            size += len(part)
    control.wants(r"226 ")
    return size


def in_bytes(server):
    control = Control(server)
    control.ask_slowly("USER anonymous", r"331|230")
    control.ask_slowly("ALGS STATUS64", r"216 EPSVEPRT")
    control.ask_slowly("TYPE I", r"200 ")
    extended = control.ask_slowly("EPSV", EXTENDED)
    size = size_by(server, control, extended)
    if size < 1000000:
        sys.exit(f"only {size} bytes came")
    listener = socket.create_server((control.own, 0), family=socket.AF_INET6)
    control.ask_slowly(f"EPRT |2|{control.own}|{listener.getsockname()[1]}|", r"200 ")
    control.ask_slowly("LIST", r"150 ")
    data, peer = listener.accept()
    print("   connected from", peer[0], peer[1])
    if b"big" not in data.makefile("rb").read() or peer[1] != 20:
        sys.exit("the list is not right, or not from port 20")
    control.wants(r"226 ")
    control = Control(server)
    control.socket.sendall(b"USER anonymous\r\nTYPE I\r\nEPSV\r\nALGS STATUS64\r\nEPSV ALL\r\nEPSV\r\nNOOP\r\n")
    for wanted in r"331|230", r"200 ", EXTENDED, r"216 EPSVEPRT", r"504 ", EXTENDED, r"200 NOOP":
        control.wants(wanted)


def auth(server):
    control = Control(server)
    control.ask("AUTH TLS", r"5\d\d ")
    control.login()
    control.ask("EPSV ALL", r"504 ")
    control.ask("EPSV", EXTENDED)


def off(server):
    control = Control(server).login()
    control.ask("ALGS STATUS64", r"500 ")
    control.ask("EPSV", EXTENDED)
    control.ask("EPRT |2|" + control.own + "|5000|", r"5\d\d ")


WHAT = {"modes": modes, "commands": commands, "bytes": in_bytes, "auth": auth, "off": off}

if __name__ == "__main__":
    WHAT[sys.argv[2]](sys.argv[1], *sys.argv[3:])
