#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Small TCP services whose exact behaviour a web server does not show.

Usage: tcpservices.py ADDRESS...   (ports 8001 to 8005, see services.py)
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


SERVICES = {8001: echo, 8002: greet, 8003: reset, 8004: silent, 8005: count}


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
