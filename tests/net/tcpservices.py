#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Small TCP services whose exact behaviour a web server does not show.

Usage: tcpservices.py ADDRESS...   (ports 8001 to 8006, see services.py)
"""
import asyncio
import socket
import struct
import sys


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def greet(_reader, writer):
    writer.write(b"220 hello\r\n")
    writer.close()


async def reset(reader, writer):
    await reader.read(1)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader, writer):
    while await reader.read(65536):
        pass
    writer.close()


async def count(reader, writer):
    n = 0
    while data := await reader.read(65536):
        n += len(data)
    writer.write(b"%d\n" % n)
    writer.close()


async def http_body(reader, head):
    """The raw bytes of a request's body."""
    lines = [line.lower() for line in head.split(b"\r\n")]
    for line in lines:
        if line.startswith(b"content-length:"):
            return await reader.readexactly(int(line.split(b":")[1]))
    raw = b""
    if b"transfer-encoding: chunked" in lines:
        while not raw.endswith(b"0\r\n\r\n") and not reader.at_eof():
            raw += await reader.readline()
    return raw


async def websocket(reader, writer):
    """What comes goes back, as after any 101."""
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                 b"Upgrade: websocket\r\n\r\n")
    await echo(reader, writer)


async def http(reader, writer):
    """A web server that shows what it was asked, in the manner that the path names."""
    number = 0
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            break
        way = head.split()[1]
        if way == b"/websocket":
            return await websocket(reader, writer)
        if b"100-continue" in head:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            text = head + await http_body(reader, head)
        except asyncio.IncompleteReadError:
            break
        number += 1
        start = b"HTTP/1.1 200 OK\r\nX-Request: %d\r\n" % number
        if way == b"/chunked":
            writer.write(start + b"Transfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%s\r\n0\r\nX: y\r\n\r\n"
                         % (len(text), text))
        elif way in (b"/close", b"/reset"):
            writer.write(start + b"\r\n" + text)
            break
        elif way == b"/cut":
            writer.write(start + b"Content-Length: 100000\r\n\r\n" + text)
            break
        elif way == b"/smuggle":
            writer.write(start + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        elif way == b"/early":
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + start
                         + b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        else:
            body = b"" if head.startswith(b"HEAD ") else text
            writer.write(start + b"Content-Length: %d\r\n\r\n%s" % (len(text), body))
        await writer.drain()
    if b"/reset" in head:
        await writer.drain()
        await asyncio.sleep(1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                   struct.pack("ii", 1, 0))
        writer.transport.abort()
    writer.close()


SERVICES = {8001: echo, 8002: greet, 8003: reset, 8004: silent, 8005: count, 8006: http}


async def main(addresses):
    async def guarded(handler, reader, writer):
        try:
            await handler(reader, writer)
        except OSError:
            writer.close()

    servers = []
    for port, handler in SERVICES.items():
        def accepted(reader, writer, handler=handler):
            return guarded(handler, reader, writer)
        servers.append(await asyncio.start_server(accepted, addresses, port, backlog=512))
    await asyncio.gather(*(s.serve_forever() for s in servers))


asyncio.run(main(sys.argv[1:]))
