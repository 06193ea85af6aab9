#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Targets on loopback for running tests/shim/conform without onionify.

Prints "ECHO_PORT REFUSED_PORT SILENT_PORT" and serves until its input ends. The
silent one is a listener whose queue is full: Linux drops further SYNs.
"""
import socket
import sys
import threading


def pump(conn):
    while True:
        try:
            data = conn.recv(65536)
            if not data:
                break
            conn.sendall(data)
        except OSError:
            break
    conn.close()


def serve(server):
    while True:
        conn, _ = server.accept()
        threading.Thread(target=pump, args=(conn,), daemon=True).start()


echo4 = socket.create_server(("127.0.0.1", 0), backlog=128)
port = echo4.getsockname()[1]
echo6 = socket.create_server(("::1", port), family=socket.AF_INET6, backlog=128)
closed = socket.create_server(("127.0.0.1", 0))
refused_port = closed.getsockname()[1]
closed.close()
silent = socket.socket()
silent.bind(("127.0.0.1", 0))
silent.listen(0)
parked = []
for _ in range(3):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(silent.getsockname())
    parked.append(s)
for server in (echo4, echo6):
    threading.Thread(target=serve, args=(server,), daemon=True).start()
print(port, refused_port, silent.getsockname()[1], flush=True)
sys.stdin.read()
