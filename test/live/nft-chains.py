"""Makes the nftables chains that miniupnpd puts its rules into, over netlink: nft itself need not be installed."""
import socket
import struct
import sys

NETLINK_NETFILTER = 12
NFNL_SUBSYS_NFTABLES = 10
BATCH_BEGIN, BATCH_END = 16, 17
NEWTABLE, NEWCHAIN = 0, 3
REQUEST, ACK, CREATE = 1, 4, 0x400
NESTED = 0x8000
INET = 1
TABLE = "filter"


def attribute(kind, value):
    data = struct.pack("=HH", len(value) + 4, kind) + value
    return data + bytes(-len(data) % 4)


def text(kind, value):
    return attribute(kind, value.encode() + b"\0")


def message(kind, flags, sequence, family, resource, body=b""):
    payload = struct.pack("=BBH", family, 0, socket.htons(resource)) + body
    return struct.pack("=IHHII", len(payload) + 16, kind, flags, sequence, 0) + payload


def chain(name, hook, priority, kind):
    place = attribute(1, struct.pack(">I", hook)) + attribute(2, struct.pack(">i", priority))
    return NEWCHAIN, text(1, TABLE) + text(3, name) + attribute(4 | NESTED, place) + text(7, kind)


OPERATIONS = [
    (NEWTABLE, text(1, TABLE)),
    chain("miniupnpd", 2, 0, "filter"),
    chain("prerouting_miniupnpd", 0, -100, "nat"),
    chain("postrouting_miniupnpd", 4, 100, "nat"),
]

netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
netlink.bind((0, 0))
batch = message(BATCH_BEGIN, REQUEST, 0, 0, NFNL_SUBSYS_NFTABLES)
for index, (kind, body) in enumerate(OPERATIONS):
    batch += message(NFNL_SUBSYS_NFTABLES << 8 | kind, REQUEST | ACK | CREATE, index + 1, INET, 0, body)
batch += message(BATCH_END, REQUEST, len(OPERATIONS) + 1, 0, NFNL_SUBSYS_NFTABLES)
netlink.send(batch)
for _ in OPERATIONS:
    error = struct.unpack_from("=i", netlink.recv(65536), 16)[0]
    if error != 0:
        sys.exit(f"nftables: error {-error}")
