#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes down every packet of the client that is not TCP to a relay.

Usage: trap.py LOGFILE   (in the client's namespace)

It listens on "trap", the default route, and on "uplink", the way to the relays
(their packets take the default route while that link is down). A filter in the
kernel leaves out the TCP of relays. Address resolution and multicast of the
kernel itself are no leak and are ignored.
"""
import ctypes
import ipaddress
import select
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
PACKET_OUTGOING = 4
SO_ATTACH_FILTER = 26
RELAYS = ipaddress.ip_network("198.51.100.0/24")
RELAYS6_WORDS = (0x20010DB8, 0x00100000)

LDH, LDB, LDW, AND, JEQ, RET = 0x28, 0x30, 0x20, 0x54, 0x15, 0x06


def relay_tcp_filter():
    """BPF: 0 for TCP whose source or destination is a relay, else the whole packet."""
    net, mask = int(RELAYS.network_address), int(RELAYS.netmask)
    keep, drop = "keep", "drop"
    prog = [
        (None, LDH, 12, None, None), (None, JEQ, ETH_P_IP, None, "six"),
        (None, LDB, 23, None, None), (None, JEQ, socket.IPPROTO_TCP, None, keep),
        (None, LDW, 26, None, None), (None, AND, mask, None, None), (None, JEQ, net, drop, None),
        (None, LDW, 30, None, None), (None, AND, mask, None, None), (None, JEQ, net, drop, keep),
        ("six", JEQ, ETH_P_IPV6, None, keep),
        (None, LDB, 20, None, None), (None, JEQ, socket.IPPROTO_TCP, None, keep),
        (None, LDW, 22, None, None), (None, JEQ, RELAYS6_WORDS[0], None, "dst"),
        (None, LDW, 26, None, None), (None, JEQ, RELAYS6_WORDS[1], drop, None),
        ("dst", LDW, 38, None, None), (None, JEQ, RELAYS6_WORDS[0], None, keep),
        (None, LDW, 42, None, None), (None, JEQ, RELAYS6_WORDS[1], drop, keep),
        (keep, RET, 0xFFFF, None, None), (drop, RET, 0, None, None),
    ]
    at = {ins[0]: i for i, ins in enumerate(prog) if ins[0]}
    out = b""
    for i, (_, code, k, yes, no) in enumerate(prog):
        out += struct.pack("HBBI", code, at[yes] - i - 1 if yes else 0,
                           at[no] - i - 1 if no else 0, k)
    return out


def open_capture(interface, bpf=None):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    if bpf:
        buf = ctypes.create_string_buffer(bpf)
        s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                     struct.pack("HL", len(bpf) // 8, ctypes.addressof(buf)))
    s.bind((interface, ETH_P_ALL))
    return s


def describe(frame):
    """One line for a leaked packet, or None for what the kernel sends by itself."""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    ip = frame[14:]
    if ethertype == ETH_P_IP and len(ip) >= 20:
        proto, head = ip[9], (ip[0] & 15) * 4
        src, dst = (ipaddress.ip_address(ip[i:i + 4]) for i in (12, 16))
    elif ethertype == ETH_P_IPV6 and len(ip) >= 40:
        proto, head = ip[6], 40
        src, dst = (ipaddress.ip_address(ip[i:i + 16]) for i in (8, 24))
        if proto in (0, socket.IPPROTO_ICMPV6) and (dst.is_multicast or dst.is_link_local
                                                    or src.is_link_local
                                                    or ip[40:41] in (b"\x87", b"\x88")):
            return None
    elif ethertype == 0x0806:
        return None
    else:
        return f"ethertype {ethertype:#06x} {frame[:48].hex()}"
    ports = ""
    if proto in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) and len(ip) >= head + 4:
        ports = " ports %d -> %d" % struct.unpack("!HH", ip[head:head + 4])
    return f"protocol {proto} {src} -> {dst}{ports} {ip[head:head + 64].hex()}"


def main(path):
    captures = [open_capture(i, relay_tcp_filter()) for i in ("trap", "uplink")]
    with open(path, "a", buffering=1, encoding="ascii") as log:
        log.write("# ready\n")
        while True:
            for s in select.select(captures, [], [])[0]:
                try:
                    frame, addr = s.recvfrom(65536)
                except OSError:     # the link went down: a scenario's doing
                    continue
                line = describe(frame) if addr[2] == PACKET_OUTGOING else None
                if line:
                    log.write(f"{addr[0]}: {line}\n")


main(sys.argv[1])
