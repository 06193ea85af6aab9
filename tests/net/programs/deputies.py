#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command beside fake resolver services, and tells whether it asked them.

Usage: deputies.py COMMAND ARGS...   (in a mount namespace of its own: unshare -m)

Covers /run, listens where nscd, systemd-resolved and avahi would, and prints one
line "deputy NAME BYTES" for each that was asked. Exit status: the command's.
"""
import os
import socket
import subprocess
import sys
import threading

PATHS = ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve", "/run/avahi-daemon/socket")


def serve(server, path, asked):
    while True:
        conn, _ = server.accept()
        with conn:
            conn.settimeout(5)
            try:
                data = conn.recv(4096)
            except OSError:
                data = b""
        asked.append((path, data))


def main():
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True, timeout=10)
    asked = []
    for path in PATHS:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(64)
        threading.Thread(target=serve, args=(server, path, asked), daemon=True).start()
    status = subprocess.run(sys.argv[1:], timeout=60, check=False).returncode
    for path, data in asked:
        print(f"deputy {path} {data.hex()}")
    return status


sys.exit(main())
