#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Servers that the programs of the matrix talk to: HTTP files, FTP, SMTP, IRC.

Usage: servers.py ADDRESS FOLDER   (behind the exits; ports in PORTS)

Each is the least that real clients accept. Who connected is written to
FOLDER/peers.log, one "service address" a line.
"""
import asyncio
import functools
import http.server
import os
import sys
import threading

PORTS = {"http": 8081, "ftp": 8021, "smtp": 8025, "irc": 8667}
PASSIVE = range(8100, 8160)
HELLO = b"hello from the private network\n"


class Log:
    def __init__(self, folder):
        self.f = open(os.path.join(folder, "peers.log"), "a", buffering=1, encoding="ascii")

    def note(self, service, writer):
        self.f.write(f"{service} {writer.get_extra_info('peername')[0]}\n")


class Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = None

    def log_message(self, *_args):
        self.log.f.write(f"http {self.client_address[0]}\n")

    def guess_type(self, path):
        return "application/json" if "/npm/" in path and "." not in path else super().guess_type(path)


async def lines(reader):
    while line := await reader.readline():
        yield line.decode("ascii", "replace").strip()


async def smtp(reader, writer):
    def say(text):
        writer.write(text.encode() + b"\r\n")
    say("220 sink.example.test ESMTP")
    data = False
    async for line in lines(reader):
        word = line.upper().split(" ")[0]
        if data:
            if line == ".":
                data = False
                say("250 taken")
        elif word == "DATA":
            data = True
            say("354 go on")
        elif word == "QUIT":
            say("221 bye")
            break
        else:
            say("250 sink.example.test")
    writer.close()


async def irc(reader, writer):
    async for line in lines(reader):
        word, _, rest = line.partition(" ")
        if word == "USER":
            writer.write(b":irc.example.test 001 tester :welcome to the private network\r\n"
                         b":irc.example.test 376 tester :end\r\n")
        elif word == "PING":
            writer.write(b":irc.example.test PONG " + rest.encode() + b"\r\n")
        elif word == "QUIT":
            break
    writer.close()


async def ftp(address, reader, writer):
    """One file, "hello", in passive mode."""
    waiting = asyncio.Queue()
    servers = []

    def say(text):
        writer.write(text.encode() + b"\r\n")

    async def passive():
        for port in PASSIVE:
            try:
                servers.append(await asyncio.start_server(
                    lambda r, w: waiting.put((r, w)), address, port))
                return port
            except OSError:
                continue
        raise OSError("no port")

    async def transfer(data):
        say("150 here it comes")
        _, w = await asyncio.wait_for(waiting.get(), 30)
        w.write(data)
        await w.drain()
        w.close()
        say("226 done")

    say("220 ftp.example.test")
    async for line in lines(reader):
        word, _, rest = line.partition(" ")
        word = word.upper()
        if word == "EPSV":
            say(f"229 Extended ({'|' * 3}{await passive()}|)")
        elif word == "PASV":
            port = await passive()
            say(f"227 Passive ({address.replace('.', ',')},{port >> 8},{port & 255})")
        elif word == "RETR":
            await transfer(HELLO)
        elif word in ("LIST", "NLST", "MLSD"):
            await transfer(b"-rw-r--r-- 1 ftp ftp %d Jan 1 2024 hello\r\n" % len(HELLO))
        elif word == "SIZE":
            say(f"213 {len(HELLO)}")
        elif word in ("USER", "PASS", "TYPE", "CWD", "OPTS", "NOOP"):
            say("331 password" if word == "USER" else "230 in" if word == "PASS" else "200 ok")
        elif word == "PWD":
            say('257 "/"')
        elif word == "SYST":
            say("215 UNIX Type: L8")
        elif word == "QUIT":
            say("221 bye")
            break
        else:
            say("502 no")
    for s in servers:
        s.close()
    writer.close()


async def serve(address, log):
    handlers = {"ftp": functools.partial(ftp, address), "smtp": smtp, "irc": irc}

    async def guarded(service, reader, writer):
        log.note(service, writer)
        try:
            await handlers[service](reader, writer)
        except (OSError, asyncio.TimeoutError, ValueError):
            writer.close()
    for service in handlers:
        await asyncio.start_server(functools.partial(guarded, service), address, PORTS[service])
    await asyncio.Event().wait()


def main(address, folder):
    Files.log = log = Log(folder)
    handler = functools.partial(Files, directory=os.path.join(folder, "www"))
    web = http.server.ThreadingHTTPServer((address, PORTS["http"]), handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    asyncio.run(serve(address, log))


if __name__ == "__main__":
    main(*sys.argv[1:])
