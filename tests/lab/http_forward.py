#!/usr/bin/env python3
"""http_forward.py - an origin that tells what it was asked, and clients with bad manners, for 53_http_forward.sh

    origin ADDRESS PORT LOG         answers any request with its line, its fields and a hash of its body; one line each in LOG
    websocket ADDRESS PORT          echoes messages (python3-websockets)
    echo PROXY PORT HOST:PORT       a WebSocket client through the proxy: a message of 100 kB there and back
    corpus PROXY PORT HOST:PORT LOG FILE    each request of FILE, its verdict, and what LOG says of it
    upload PROXY PORT HOST:PORT     a chunked body of 3 MB with a trailer, and 100-continue
    slow PROXY PORT N               N clients that send a byte now and then; how long until all are shown the door
    vanish PROXY PORT HOST:PORT     leave at every byte of a request, and of an answer
"""
import asyncio
import hashlib
import socket
import sys
import time


# --- the origin ---

async def read_body(reader, fields):
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            if size == 0:
                break
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        trailers = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            if line == b"\r\n":
                return body, trailers
            trailers += line
    return await reader.readexactly(int(fields.get("content-length", "0"))), b""


async def answer(reader, writer, log):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head[:-4].split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:])}
            if fields.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body, trailers = await read_body(reader, fields)
            log.write(f"{lines[0]} {len(body)}\n")
            log.flush()
            text = f"{head}{hashlib.sha256(body).hexdigest()} {len(body)} {trailers!r}\n".encode()
            if "/trailers" in lines[0]:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n"
                             % (len(text), text))
            elif "/endless" in lines[0]:
                writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + text)
                break
            elif "/never" in lines[0]:
                await reader.read(1)
                break
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def origin(address, port, path):
    with open(path, "w", encoding="latin-1") as log:
        server = await asyncio.start_server(lambda r, w: answer(r, w, log), address, int(port), limit=1 << 20)
        await server.serve_forever()


# --- WebSocket ---

async def websocket(address, port):
    import websockets

    async def echo(connection, *_):
        async for message in connection:
            await connection.send(message)
    async with websockets.serve(echo, address, int(port)):
        await asyncio.Future()


async def echo_through(proxy, port, to):
    """By an Upgrade in a request to the proxy, and not in a tunnel, which other clients make of it."""
    import websockets.client
    import websockets.uri
    import websockets.frames
    s = socket.create_connection((proxy, int(port)))
    s.sendall(f"GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += s.recv(1)
    assert b" 101 " in head and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
    message = b"x" * 100000
    frame = websockets.frames.Frame(websockets.frames.Opcode.BINARY, message)
    s.sendall(frame.serialize(mask=True))
    got = b""
    while len(got) < len(message) + 10:
        got += s.recv(65536)
    assert got[10:] == message, len(got)
    print("echoed 100000 bytes")


# --- requests ---

def connect(proxy, port):
    s = socket.create_connection((proxy, int(port)), timeout=5)
    return s


def answer_of(s):
    got = b""
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
            if b"\r\n\r\n" in got and (b"</html>" in got or b"Content-Length: 0" in got or got.endswith(b"\n")):
                break
    except OSError:
        pass
    return got


def unescape(text, to):
    return text.replace("@", to).encode().decode("unicode_escape").encode("latin-1")


def heard(log):
    with open(log, encoding="latin-1") as f:
        return f.read().splitlines()


def corpus(proxy, port, to, log, path):
    wrong = cases = 0
    with open(path, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split(" | ", 2) for line in f if line.strip() and not line.startswith("#")]
    for name, verdict, text in rows:
        before = len(heard(log))
        s = connect(proxy, port)
        s.sendall(unescape(text, to))
        got = answer_of(s)
        s.close()
        status = got.split(b" ", 2)[1].decode() if got.startswith(b"HTTP/1.1 ") else repr(got[:40])
        asked = heard(log)[before:]
        # Of a body that turns out to be malformed the origin has heard the beginning, but no request.
        good = (status, len(asked)) == (("200", 1) if verdict == "pass" else (verdict, 0))
        cases += 1
        if not good:
            wrong += 1
            print(f"{name}: {verdict} expected, got {status}; the origin heard {asked}")
    print(f"{cases} requests, {wrong} wrong")
    return 1 if wrong else 0


def upload(proxy, port, to):
    body = bytes(range(256)) * 12000
    s = connect(proxy, port)
    s.sendall(f"POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n"
              "Expect: 100-continue\r\n\r\n".encode())
    got = s.recv(4096)
    assert got.startswith(b"HTTP/1.1 100 "), got
    for at in range(0, len(body), 50000):
        part = body[at:at + 50000]
        s.sendall(b"%x\r\n%s\r\n" % (len(part), part))
    s.sendall(b"0\r\nX-T: yes\r\n\r\n")
    got = answer_of(s)
    assert hashlib.sha256(body).hexdigest().encode() in got and b"X-T: yes" in got, got
    print("3072000 bytes and a trailer arrived")


def slow(proxy, port, n):
    clients = [connect(proxy, port) for _ in range(int(n))]
    begin = time.monotonic()
    left = list(clients)
    while left and time.monotonic() - begin < 10:
        for s in list(left):
            try:
                s.sendall(b"G")
                s.settimeout(0.001)
                if s.recv(1000) == b"":
                    left.remove(s)
            except TimeoutError:
                pass
            except OSError:
                left.remove(s)
        time.sleep(0.02)
    print(f"{len(left)} left after {time.monotonic() - begin:.1f} s")
    return 1 if left else 0


def vanish(proxy, port, to):
    requests = [f"GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n",
                f"POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\nGET / HTTP/1.1\r\nHost: {to}\r\n\r\n"]
    for text in requests:
        for n in range(1, len(text) + 1, 3):
            s = connect(proxy, port)
            s.sendall(text[:n].encode())
            if n % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()
        for n in (1, 20, 200):
            s = connect(proxy, port)
            s.sendall(text.encode())
            s.recv(n)
            s.close()
    print("left at every point")


COMMANDS = {"origin": origin, "websocket": websocket, "echo": echo_through, "corpus": corpus, "upload": upload,
            "slow": slow, "vanish": vanish}

if __name__ == "__main__":
    command = COMMANDS[sys.argv[1]]
    if asyncio.iscoroutinefunction(command):
        sys.exit(asyncio.run(command(*sys.argv[2:])))
    sys.exit(command(*sys.argv[2:]))
