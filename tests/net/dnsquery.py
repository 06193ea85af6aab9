#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One DNS question with nothing but sockets: udp|tcp SERVER PORT NAME TYPE.

Prints the response code and the answers' data (addresses, names) in one line.
"""
import os
import socket
import struct
import sys

A, PTR, AAAA = 1, 12, 28


def skip_name(b, at):
    while b[at]:
        if b[at] >= 0xc0:
            return at + 2
        at += 1 + b[at]
    return at + 1


def read_name(b, at):
    labels = []
    while b[at]:
        if b[at] >= 0xc0:
            at = struct.unpack(">H", b[at:at + 2])[0] & 0x3fff
            continue
        labels.append(b[at + 1:at + 1 + b[at]].decode("ascii"))
        at += 1 + b[at]
    return ".".join(labels)


def exchange(how, server, message):
    if how == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(45)
            s.sendto(message, server)
            return s.recv(4096)
    with socket.create_connection(server, 45) as s:
        s.sendall(struct.pack(">H", len(message)) + message)
        reply = b""
        while len(reply) < 2 or len(reply) < 2 + struct.unpack(">H", reply[:2])[0]:
            got = s.recv(4096)
            if not got:
                raise EOFError("closed before the reply was complete")
            reply += got
        return reply[2:]


def main():
    how, server, port, name, kind = sys.argv[1:]
    ident = os.urandom(2)
    question = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0" + \
        struct.pack(">HH", int(kind), 1)
    reply = exchange(how, (server, int(port)),
                     ident + struct.pack(">5H", 0x100, 1, 0, 0, 0) + question)
    if reply[:2] != ident or reply[12:12 + len(question)] != question or not reply[2] & 0x80:
        sys.exit("not a reply to this question")
    out, at = [str(reply[3] & 15)], 12 + len(question)
    for _ in range(struct.unpack(">H", reply[6:8])[0]):
        at = skip_name(reply, at)
        got, _, _, size = struct.unpack(">HHIH", reply[at:at + 10])
        at += 10
        if got in (A, AAAA):
            out.append(socket.inet_ntop(socket.AF_INET if got == A else socket.AF_INET6,
                                        reply[at:at + size]))
        elif got == PTR:
            out.append(read_name(reply, at))
        at += size
    print(" ".join(out))


if __name__ == "__main__":
    main()
