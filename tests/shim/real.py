#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Python's own network code inside onionify; prints "ok WHAT" or "bad WHAT"."""
import asyncio
import errno
import os
import selectors
import socket
import subprocess
import sys
import threading
import time


def check(what, ok):
    print("ok" if ok else "bad", what, flush=True)


def refuses(what, want, call):
    try:
        call()
        check(what, False)
    except OSError as e:
        check(what, e.errno == want)


def exchange(s, size=300000):
    data = os.urandom(size)
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    got = b""
    while len(got) < size:
        part = s.recv(65536)
        if not part:
            break
        got += part
    sender.join()
    return got == data


s = socket.create_connection(("echo.test", 80), timeout=5)
check("create_connection with a timeout carries 300 kB both ways", exchange(s))
check("the peer is the virtual address", s.getpeername()[0].startswith("198.18."))
s.close()
refuses("a refusal", errno.ECONNREFUSED, lambda: socket.create_connection(("refused.test", 80)))
refuses("no route", errno.EHOSTUNREACH, lambda: socket.create_connection(("far.test", 80)))
begin = time.time()
try:
    socket.create_connection(("silent.test", 80), timeout=0.3)
    check("a timeout", False)
except TimeoutError:
    check("a timeout", 0.2 < time.time() - begin < 10)


async def one(host):
    reader, writer = await asyncio.open_connection(host, 80)
    writer.write(b"hello")
    data = await reader.readexactly(5)
    writer.close()
    return data == b"hello"


async def many():
    return await asyncio.gather(*(one("slow.test" if i % 2 else "echo.test") for i in range(60)))

begin = time.time()
check("60 asyncio streams at once", all(asyncio.run(many())) and time.time() - begin < 30)


async def cancelled():
    try:
        await asyncio.wait_for(asyncio.open_connection("silent.test", 80), 0.3)
    except asyncio.TimeoutError:
        return True
    return False

check("asyncio can give up", asyncio.run(cancelled()))
s = socket.create_connection(("done.test", 80))
check("an orderly end", s.recv(100) == b"bye" and s.recv(100) == b"")
s.close()
s = socket.create_connection(("reset.test", 80))
s.sendall(b"12345")
try:
    s.recv(100)
    check("a broken stream is a reset", False)
except ConnectionResetError:
    check("a broken stream is a reset", True)
s.close()
sel = selectors.EpollSelector()
socks = []
for _ in range(200):
    s = socket.socket()
    s.setblocking(False)
    sel.register(s, selectors.EVENT_WRITE)
    s.connect_ex(("203.0.113.1", 80))
    socks.append(s)
done, end = set(), time.time() + 40
while len(done) < 200 and time.time() < end:
    for key, _ in sel.select(1):
        if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            done.add(key.fileobj)
            sel.unregister(key.fileobj)
check("200 sockets in an epoll set before they connect", len(done) == 200)
for s in socks:
    s.close()
code = "import socket; s = socket.create_connection(('echo.test', 80)); s.sendall(b'x'); s.recv(1)"
r = subprocess.run([sys.executable, "-c", code], env={"PATH": os.environ["PATH"],
                                                       "HOME": os.environ.get("HOME", "/")})
check("a child with a changed environment is inside too", r.returncode == 0)
