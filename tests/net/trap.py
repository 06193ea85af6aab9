#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes down every packet of the client that is not TCP to a relay.

Usage: trap.py LOGFILE   (in the client's namespace)

On the interface "trap" (the default route) everything counts; on "uplink" all
but TCP from and to the relays, which a filter in the kernel leaves out. Told
apart is what the kernel sends by itself: neighbour discovery for the gateway,
group reports for the groups of its own, router solicitations. Asking for any
other neighbour is a leak: some program sent to it.

A line that starts with "#" is no leak: "# marker N" notes a packet sent by
mark(), which tells its sender that all earlier packets are in the log.
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
CLIENT, CLIENT6 = "192.0.2.2", "2001:db8:1::2"
GATEWAY, GATEWAY6 = "192.0.2.1", "2001:db8:1::1"
TRAPPED = "100.64.255.254"          # markers go there
MARK = b"onionify-trap-marker "
WITH_PORTS = (socket.IPPROTO_TCP, socket.IPPROTO_UDP, 33, 132, 136)  # DCCP, SCTP, UDP-Lite
SOLICITED = ipaddress.ip_address("ff02::1:ff00:0")
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


def describe_arp(arp):
    """A leak when a program made the kernel ask for a neighbour that is not the gateway."""
    if len(arp) < 28:
        return f"short ARP {arp.hex()}"
    request, target = arp[6:8] == b"\0\1", ipaddress.ip_address(arp[24:28])
    if not request or str(target) in (GATEWAY, CLIENT):
        return None
    return f"ARP who-has {target}"


def is_kernels_icmp6(src, dst, icmp):
    """What the kernel sends by itself: MLD reports, DAD, router and gateway discovery."""
    kind = icmp[0] if icmp else 0
    if kind in (132, 133, 136, 143):
        return True
    if kind == 131:
        return dst.is_multicast
    if kind != 135 or len(icmp) < 24:
        return False
    target = str(ipaddress.ip_address(icmp[8:24]))
    return src.is_unspecified or target in (GATEWAY6, CLIENT6) or not dst.is_multicast


def strange_group(icmp):
    """The group of an MLD report that no kernel joins by itself, or None."""
    if len(icmp) < 28 or icmp[0] != 143:
        return None
    group = ipaddress.ip_address(icmp[12:28])
    own = group.packed[:13] == SOLICITED.packed[:13] or group.packed[:2] in (b"\xff\1", b"\xff\2")
    return None if own and group.packed[-1] != 0xfb else group


def describe(frame):
    """One line for a leaked packet, or None for what the kernel sends by itself."""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    ip = frame[14:]
    if ethertype == 0x0806:
        return describe_arp(ip)
    if ethertype == ETH_P_IP and len(ip) >= 20:
        proto, head = ip[9], (ip[0] & 15) * 4
        src, dst = (ipaddress.ip_address(ip[i:i + 4]) for i in (12, 16))
    elif ethertype == ETH_P_IPV6 and len(ip) >= 40:
        proto, head = ip[6], 40
        src, dst = (ipaddress.ip_address(ip[i:i + 16]) for i in (8, 24))
        if proto == 0 and len(ip) >= 48:     # hop-by-hop options before a group report
            proto, head = ip[40], 48 + ip[41] * 8
        if proto == socket.IPPROTO_ICMPV6 and is_kernels_icmp6(src, dst, ip[head:]) \
                and not strange_group(ip[head:]):
            return None
    else:
        return f"ethertype {ethertype:#06x} {frame[:48].hex()}"
    ports = ""
    if proto in WITH_PORTS and len(ip) >= head + 4:
        ports = " ports %d -> %d" % struct.unpack("!HH", ip[head:head + 4])
    data = ip[head + 8:]
    if proto == socket.IPPROTO_UDP and data.startswith(MARK):
        return "# marker " + data[len(MARK):].decode("ascii", "replace")
    return f"protocol {proto} {src} -> {dst}{ports} {ip[head:head + 80].hex()}"


def mark(token):
    """Sends a marker over both interfaces; "trap: # marker TOKEN" will appear for each."""
    for family, addr in ((socket.AF_INET, TRAPPED), (socket.AF_INET, GATEWAY)):
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.sendto(MARK + token.encode("ascii"), (addr, 9))


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
                    log.write(f"{line} {addr[0]}\n" if line.startswith("#") else
                              f"{addr[0]}: {line}\n")


if __name__ == "__main__":
    main(sys.argv[1])
