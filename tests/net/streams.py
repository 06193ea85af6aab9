#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Opens many connections to an echo service and holds them, a little busy.

Usage: streams.py HOST PORT N SECONDS

Every connection sends some bytes about once a second and must get them back. Last
line: "held N, B bytes", or what went wrong.
"""
import asyncio
import os
import random
import sys
import time

ANSWER_WITHIN = 60      # s; a busy machine is slow, a lost byte would never come
CONNECT_WITHIN = 120
PIECE = 64


async def hold(host, port, opened, everyone, seconds):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_WITHIN)
    opened.append(1)
    if len(opened) == everyone["n"]:
        everyone["there"].set()
    n = 0
    await everyone["there"].wait()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        piece = os.urandom(PIECE)
        writer.write(piece)
        back = await asyncio.wait_for(reader.readexactly(PIECE), ANSWER_WITHIN)
        if back != piece:
            raise ValueError("other bytes came back")
        n += PIECE
        await asyncio.sleep(random.uniform(0.5, 1.5))
    writer.close()
    return n


async def main(host, port, n, seconds):
    opened, everyone = [], {"n": n, "there": asyncio.Event()}
    counts = await asyncio.gather(*(hold(host, port, opened, everyone, seconds)
                                    for _ in range(n)))
    return sum(counts)


if __name__ == "__main__":
    HOST, PORT, N, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    try:
        print(f"held {N}, {asyncio.run(main(HOST, PORT, N, SECONDS))} bytes")
    except (OSError, ValueError, EOFError, asyncio.TimeoutError) as e:
        print(f"{type(e).__name__}: {e}")
        sys.exit(1)
