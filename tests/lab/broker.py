#!/usr/bin/env python3
"""broker.py - the other end of a 6in4 tunnel, written without a line of the gateway (RFC 4213)

    broker.py DEVICE REMOTE-IPV4    carry packets between the device, which it makes, and the raw socket, forever

Prints "ready" when the device is there.
"""
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000


def main(device, remote):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 41)
    print("ready", flush=True)
    while True:
        for ready in select.select([tun, raw], [], [])[0]:
            if ready == tun:
                packet = os.read(tun, 65536)
                if packet[0] >> 4 == 6:
                    raw.sendto(packet, (remote, 0))
            else:
                packet, (source, _) = raw.recvfrom(65536)
                if source == remote:
                    os.write(tun, packet[(packet[0] & 15) * 4:])


if __name__ == "__main__":
    main(*sys.argv[1:])
