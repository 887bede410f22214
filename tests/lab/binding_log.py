#!/usr/bin/env python3
"""binding_log.py - compare what collectors read with the lines of the binding log

    binding_log.py nfdump LOG JSON      as `nfdump -o json` shows it
"""
import collections
import ipaddress
import json
import sys

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}
BLOCKS = {"block-lent": 16, "block-returned": 17}
SESSIONS = {"session-made": 6, "session-ended": 7}
PREFIX = ipaddress.ip_network("64:ff9b::/96")


def lines(path):
    """The records of a log: kind and fields."""
    with open(path, encoding="ascii") as f:
        for line in f:
            stamp, kind, *fields = line.split()
            yield {"time": stamp, "kind": kind, **dict(field.split("=", 1) for field in fields)}


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return address.strip("[]"), int(port)


def embedded(address):
    return str(PREFIX[int(ipaddress.ip_address(address))])


def compare(wanted, got):
    for row in list(wanted - got)[:5]:
        print("missing:", row)
    for row in list(got - wanted)[:5]:
        print("extra:  ", row)
    print(f"{sum(got.values())} records read, {sum(wanted.values())} in the log")
    return 1 if wanted != got or not wanted else 0


# nfdump shows no ports of ICMP, and of a port block the event and the addresses only.
def nfdump_wanted(r):
    if r["kind"] in BLOCKS:
        return BLOCKS[r["kind"]], r["subscriber"].split("/")[0], r["address"]
    client, port = endpoint(r["client"])
    remote, remote_port = endpoint(r["remote"])
    protocol = PROTOCOLS[r["proto"]]
    ports = (port, remote_port) if protocol != 1 else (None, None)
    return (SESSIONS[r["kind"]], protocol, client, *endpoint(r["via"]), embedded(remote), remote, *ports)


def nfdump_got(f):
    event = int(f["nat_event_id"])
    if event in BLOCKS.values():
        return event, f["src6_addr"], f["src4_xlt_ip"]
    return (event, f["proto"], f["src6_addr"], f["src4_xlt_ip"], int(f["src_xlt_port"]), f["dst6_addr"],
            f["dst4_xlt_ip"], f.get("src_port"), f.get("dst_port"))


def main_nfdump(log, path):
    with open(path, encoding="utf-8") as f:
        flows = json.load(f)
    return compare(collections.Counter(nfdump_wanted(r) for r in lines(log) if r["kind"] in BLOCKS | SESSIONS),
                   collections.Counter(nfdump_got(f) for f in flows))


if __name__ == "__main__":
    sys.exit({"nfdump": main_nfdump}[sys.argv[1]](*sys.argv[2:]))
