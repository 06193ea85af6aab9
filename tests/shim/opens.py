#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Streams that the preload library asks the supervisor for (shim/notify_open.c).

opens.py ONIONIFY: what that call refuses, signals in the middle of it, many at once, no
descriptor free, an agent that dies and comes back, and one other than the supervisor's. Prints "ok ..." or
"bad ..." a check. Needs no agent: it starts its own.
"""
import concurrent.futures
import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CALL = 0x4f4e494c
HELD = 1
libc = ctypes.CDLL(None, use_errno=True)


def check(what, good):
    print("ok" if good else "bad", what, flush=True)


# --- inside onionify ---

def frame(kind=1, flags=HELD, domain=None, cut=0):
    domain = os.environ["ONIONIFY_DOMAIN"].encode() if domain is None else domain
    body = struct.pack(">BQBI", flags, int.from_bytes(os.urandom(8), "big"), 4, os.getpid())
    body += b"\4" + socket.inet_aton("203.0.113.1") + struct.pack(">H", 80)
    body += b"\0" + bytes([len(domain)]) + domain + b"\4test"
    return struct.pack(">BBH", 1, kind, len(body)) + body[:len(body) - cut]


def ask(fd, data, path=None, at=None, length=None):
    """What the call comes to: 0 or an errno."""
    buf = ctypes.create_string_buffer(data, len(data))
    where = ctypes.create_string_buffer((path or os.environ["ONIONIFY_SOCKET"]).encode())
    r = libc.prctl(ctypes.c_int(CALL), ctypes.c_long(fd),
                   ctypes.c_void_p(ctypes.addressof(buf) if at is None else at),
                   ctypes.c_ulong(len(data) if length is None else length), where)
    return 0 if r == 0 else ctypes.get_errno()


def fresh(kind=socket.SOCK_STREAM, family=socket.AF_UNIX, blocking=False):
    s = socket.socket(family, kind)
    s.setblocking(blocking)
    return s


def is_unconnected(s):
    try:
        s.getpeername()
    except OSError as e:
        return e.errno == errno.ENOTCONN
    return False


def echoes(s):
    s.settimeout(5)
    s.sendall(b"hello")
    return s.recv(5) == b"hello"


def granted():
    s = fresh()
    check("a stand-in is connected", ask(s.fileno(), frame()) == 0)
    check("the same call again changes nothing", ask(s.fileno(), frame()) == 0)
    time.sleep(0.3)     # its buffer has room: what is sent too early counts as filler
    check("it is the stream", echoes(s))


def refused(other):
    path = os.environ["ONIONIFY_SOCKET"]
    for what, s, args in (
            ("a blocking socket", fresh(blocking=True), (frame(),)),
            ("a datagram socket", fresh(socket.SOCK_DGRAM), (frame(),)),
            ("a packet socket", fresh(socket.SOCK_SEQPACKET), (frame(),)),
            ("a TCP socket", fresh(family=socket.AF_INET), (frame(),)),
            ("a UDP socket", fresh(socket.SOCK_DGRAM, socket.AF_INET), (frame(),)),
            ("WAIT", fresh(), (frame(kind=5),)),
            ("CONTROL", fresh(), (b"\1\6\0\4stop",)),
            ("LEASE", fresh(), (frame(kind=7),)),
            ("a stream that is not held", fresh(), (frame(flags=0),)),
            ("another domain", fresh(), (frame(domain=b"name:other"),)),
            ("no domain", fresh(), (frame(domain=b""),)),
            ("a frame cut off", fresh(), (frame(cut=1),)),
            ("a frame and more", fresh(), (frame() + b"x",)),
            ("no frame", fresh(), (b"",)),
            ("a header alone", fresh(), (frame()[:4],)),
            ("a bad pointer", fresh(), (frame(), None, 8)),
            ("a long frame", fresh(), (frame(), None, None, 1 << 40)),
            ("another path", fresh(), (frame(), other)),
            ("a longer path", fresh(), (frame(), path + "x")),
            ("a shorter path", fresh(), (frame(), path[:-1])),
            ("no path", fresh(), (frame(), "\0"))):
        got = ask(s.fileno(), *args)
        alone = s.type == socket.SOCK_DGRAM or is_unconnected(s)
        check(f"refused: {what}", got == errno.ENOTCONN and alone)
    check("refused: no descriptor", ask(-1, frame()) == errno.ENOTCONN)
    check("refused: a file", ask(0, frame()) == errno.ENOTCONN)
    if os.geteuid() == 0:
        os.seteuid(65534)
        s = fresh()
        os.seteuid(0)
        check("refused: another user's socket",
              ask(s.fileno(), frame()) == errno.ENOTCONN and is_unconnected(s))


def signals():
    """With a handler that interrupts and one that restarts."""
    for restart in (False, True):
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.siginterrupt(signal.SIGALRM, not restart)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        others = set()
        for _ in range(300):
            with socket.socket() as s:
                s.setblocking(False)
                others.add(s.connect_ex(("203.0.113.1", 80)))
        signal.setitimer(signal.ITIMER_REAL, 0)
        others.discard(errno.EINPROGRESS)
        check(f"signals, {'restarting' if restart else 'interrupting'}"
              + "".join(f", but {errno.errorcode.get(e, e)}" for e in others), not others)


def connect_some(n):
    """How many of @n streams carry something."""
    good = 0
    for _ in range(n):
        try:
            with socket.create_connection(("203.0.113.1", 80), 10) as s:
                good += echoes(s)
        except OSError:
            pass
    return good


def crowds():
    """Threads, children, a program with no descriptor but its standard ones, one with all."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        check("threads", sum(pool.map(connect_some, [10] * 16)) == 160)
    pids = []
    for _ in range(8):
        pids.append(os.fork())
        if pids[-1] == 0:
            os._exit(connect_some(10))
    check("children", all(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) == 10 for p in pids))
    os.closerange(3, 256)
    check("all descriptors closed", connect_some(2) == 2)
    s = socket.socket()
    resource.setrlimit(resource.RLIMIT_NOFILE, (s.fileno() + 1,) * 2)
    s.settimeout(10)
    s.connect(("203.0.113.1", 80))
    check("no descriptor free", echoes(s))


def obey():
    """One connection a line of standard input; what became of it."""
    for line in sys.stdin:
        try:
            with socket.create_connection(("203.0.113.1", int(line)), 10) as s:
                print("echo" if echoes(s) else "other", flush=True)
        except OSError as e:
            print(errno.errorcode.get(e.errno, str(e)), flush=True)


# --- outside ---

def start_agent(path):
    """A stand-in agent that takes connections."""
    p = subprocess.Popen([os.path.join(HERE, "test_agent.py"), path], stdin=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(path) == 0:
                return p
        time.sleep(0.05)
    raise SystemExit("bad the stand-in agent does not come up")


def tell(p, port):
    p.stdin.write(f"{port}\n")
    p.stdin.flush()
    return p.stdout.readline().strip()


def inside(onionify, words, env):
    args = [onionify, "-q"] + words
    env = {**os.environ, "ONIONIFY_CONFIG": "/nonexistent", **env}   # no agent but ours
    return subprocess.Popen(args, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def restarts(onionify, path):
    """The agent is killed and another one takes its place."""
    agent = start_agent(path)
    p = inside(onionify, [sys.executable, __file__, "--obey"], {"ONIONIFY_SOCKET": path})
    check("before", tell(p, 80) == "echo")
    agent.kill()
    agent.wait()
    check("an agent that is gone", tell(p, 80) == "ENETUNREACH")
    agent = start_agent(path)
    check("another agent in its place", tell(p, 80) == "echo")
    p.communicate()
    agent.kill()
    agent.wait()


def other_agent(onionify, path, other):
    """Programs that were told of an agent of their own use that one."""
    agents = [start_agent(path), start_agent(other)]
    for port, words in ((4001, []), (4002, ["env", f"ONIONIFY_SOCKET={other}"]),
                        (4003, ["env", f"ONIONIFY_SOCKET={other}", onionify, "-q"]),
                        (4004, [onionify, "-q", "--isolate", "inner"])):
        p = inside(onionify, words + [sys.executable, __file__, "--obey"],
                   {"ONIONIFY_SOCKET": path})
        good = tell(p, port) == "echo"
        p.communicate()
        mine = other if port in (4002, 4003) else path
        with open(mine + ".log", encoding="utf-8") as log:
            check(f"port {port} by its own agent",
                  good and sum(f"203.0.113.1:{port}\n" in line for line in log) == 1)
    p = inside(onionify, [sys.executable, __file__, "--inside", other], {"ONIONIFY_SOCKET": path})
    print(p.communicate()[0], end="", flush=True)
    for agent in agents:
        agent.kill()
        agent.wait()


def main():
    if sys.argv[1] == "--inside":
        granted()
        refused(sys.argv[2])
        signals()
        crowds()
    elif sys.argv[1] == "--obey":
        obey()
    else:
        with tempfile.TemporaryDirectory() as d:
            paths = [os.path.join(d, name, "agent.sock") for name in "ab"]
            for path in paths:
                os.mkdir(os.path.dirname(path), 0o700)
            restarts(sys.argv[1], paths[0])
            other_agent(sys.argv[1], *paths)


if __name__ == "__main__":
    main()
