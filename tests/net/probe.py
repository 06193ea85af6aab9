#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One network operation of an ordinary program; prints its outcome as one word.

Usage: probe.py connect|connect-nb HOST PORT | resolve HOST | echo HOST PORT BYTES
     | reset HOST PORT | many HOST PORT N PATH | udp ADDR PORT | raw | packet
     | then FILE OPERATION ARGS...   (waits until FILE exists, then does OPERATION)

Outcomes: "ok", an errno's name, a resolver error's name, or what is asked for.
"""
import concurrent.futures
import errno
import hashlib
import os
import select
import socket
import sys
import time
import urllib.request

EAI = {getattr(socket, n): n for n in dir(socket) if n.startswith("EAI_")}
WAIT = 90


def connect(host, port):
    socket.create_connection((host, int(port)), timeout=None).close()
    return "ok"


def connect_nb(host, port):
    """Non-blocking: EINPROGRESS, then writable, then SO_ERROR."""
    family, _, _, _, addr = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setblocking(False)
        began = time.monotonic()
        e = s.connect_ex(addr)
        if time.monotonic() - began > 0.5:
            return "blocked"
        if e not in (0, errno.EINPROGRESS):
            return errno.errorcode[e]
        poll = select.poll()
        poll.register(s, select.POLLOUT)
        if not poll.poll(WAIT * 1000):
            return "never-writable"
        e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode[e] if e else "ok"


def resolve(host):
    return socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)[0][4][0]


def echo(host, port, n):
    """Sends n bytes while reading them back, then shuts down; all must return."""
    data = os.urandom(int(n))
    back = b""
    with socket.create_connection((host, int(port))) as s:
        s.settimeout(WAIT)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(s.sendall, data)
            while len(back) < len(data):
                chunk = s.recv(65536)
                if not chunk:
                    return f"short-{len(back)}"
                back += chunk
            sent.result()
    return "ok" if back == data else "different"


def reset(host, port):
    with socket.create_connection((host, int(port))) as s:
        s.settimeout(WAIT)
        s.sendall(b"x")
        return "closed" if s.recv(1) == b"" else "data"


def many(host, port, n, path):
    """n requests at once; the number of right answers and of distinct hashes."""
    def one(_):
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=WAIT) as r:
            return hashlib.sha256(r.read()).hexdigest()
    with concurrent.futures.ThreadPoolExecutor(int(n)) as pool:
        hashes = list(pool.map(one, range(int(n))))
    return f"{len(hashes)} {','.join(sorted(set(hashes)))}"


def udp(addr, port):
    with socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        s.sendto(b"leak", (addr, int(port)))
    return "sent"


def raw():
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.sendto(b"\x08\x00\xf7\xff\x00\x00\x00\x00", ("203.0.113.80", 0))
    return "sent"


def packet():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300) as s:
        s.bind(("trap", 0x0800))
        s.send(b"\x02" * 12 + b"\x08\x00" + b"\x45" + b"\0" * 40)
    return "sent"


def then(path, operation, *args):
    deadline = time.monotonic() + WAIT
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            return "never-told"
        time.sleep(0.05)
    return OPERATIONS[operation](*args)


OPERATIONS = {"connect": connect, "connect-nb": connect_nb, "resolve": resolve, "echo": echo,
              "reset": reset, "many": many, "udp": udp, "raw": raw, "packet": packet,
              "then": then}


def main():
    try:
        print(OPERATIONS[sys.argv[1]](*sys.argv[2:]))
    except socket.gaierror as e:
        print(EAI.get(e.errno, e.errno))
    except urllib.error.URLError as e:
        print(f"url-error {e.reason}")
    except TimeoutError:
        print("ETIMEDOUT")
    except OSError as e:
        print(errno.errorcode.get(e.errno, e))


main()
