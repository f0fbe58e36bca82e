"""Prints a line for each packet that leaves through the interface argv[1]: TCP or UDP, its target, and its text.

Of IPv6 only TCP and UDP: the system sends ICMP of its own.
"""
import socket
import struct
import sys

OUTGOING = 4
ETH_P_ALL = 3
IPV4 = 0x0800
IPV6 = 0x86DD
PROTOCOLS = {6: "TCP", 17: "UDP"}

watcher = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
watcher.bind((sys.argv[1], ETH_P_ALL))
print("watching", flush=True)
while True:
    packet, (_, protocol, direction, *_) = watcher.recvfrom(65536)
    if direction != OUTGOING or protocol not in (IPV4, IPV6):
        continue
    if protocol == IPV4:
        header = (packet[0] & 15) * 4
        kind = PROTOCOLS.get(packet[9], f"protocol {packet[9]}")
        target = socket.inet_ntoa(packet[16:20])
    else:
        header = 40
        kind = PROTOCOLS.get(packet[6])
        target = f"[{socket.inet_ntop(socket.AF_INET6, packet[24:40])}]"
        if kind is None:
            continue
    if kind in ("TCP", "UDP"):
        target += f":{struct.unpack_from('!H', packet, header + 2)[0]}"
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in packet[header:])
    print(kind, target, text, flush=True)
