#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams from another machine reach a program, or not.

outside.py COMMAND...: the command is "hostile listen", bare or inside onionify; it is told
the number of its device. Two
network namespaces with a cable between them stand for two machines; from one of them
datagrams are sent to the ports that the command listens on in the other. To be started
in namespaces of its own (unshare -Urn). Prints what the command does.
"""
import ctypes
import os
import socket
import subprocess
import sys

PORTS = range(4242, 4248)
NEWNET = 0x40000000


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def sender(ready, go):
    """The other machine: its end of the cable arrives, then it sends."""
    if ctypes.CDLL(None).unshare(NEWNET) != 0:
        os._exit(1)
    os.write(ready, b"r")
    os.read(go, 1)
    ip("link set b0 up")
    ip("addr add 10.9.9.2/24 dev b0")
    ip("-6 addr add fe80::2/64 dev b0 nodad")
    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    scope = socket.if_nametoindex("b0")
    while os.read(go, 1):
        for port in PORTS:
            four.sendto(b"x", ("10.9.9.1", port))
            six.sendto(b"x", ("fe80::1", port, 0, scope))
    os._exit(0)


def main():
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go[1])
        sender(ready[1], go[0])
    os.close(go[0])
    os.read(ready[0], 1)
    ip("link set lo up")
    ip("link add a0 type veth peer name b0")
    ip(f"link set b0 netns {pid}")
    ip("link set a0 up")
    ip("addr add 10.9.9.1/24 dev a0")
    ip("-6 addr add fe80::1/64 dev a0 nodad")
    os.write(go[1], b"g")
    with subprocess.Popen([*sys.argv[1:], str(socket.if_nametoindex("a0"))], stdout=subprocess.PIPE, text=True) as p:
        print(p.stdout.readline(), end="")
        os.write(go[1], b"gg")
        print(p.stdout.read(), end="")
    os.close(go[1])
    os.waitpid(pid, 0)


main()
