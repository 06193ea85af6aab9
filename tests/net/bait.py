# SPDX-License-Identifier: BSD-3-Clause
"""Programs that try to get out, and the trap's view of them.

programs/escape.c makes numbered attempts; the number is in whatever it sends, so
that the trap's log tells which attempt got through.
"""
import contextlib
import itertools
import os
import re
import shutil
import socket
import subprocess
import threading

from client import wait_until
from harness import Failure, Skip
import netns
from network import ROOT
import once
import trap

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
BUILT = os.path.join(ROOT, "build", "programs")
PEERS = os.path.join(ROOT, "build", "peers", "programs")
BUILD_TIMEOUT = 300
_tokens = itertools.count()

# Name of a build: (source, compiler and flags before "-o", after the source).
C_FLAGS = ["-D_GNU_SOURCE", "-O1", "-w"]
BUILDS = {
    "escape": ("escape.c", ["gcc", *C_FLAGS], ["-lresolv", "-pthread"]),
    "escape-static": ("escape.c", ["gcc", *C_FLAGS, "-static"], ["-lresolv", "-pthread"]),
    "escape-static-pie": ("escape.c", ["gcc", *C_FLAGS, "-static-pie"], ["-lresolv", "-pthread"]),
    "escape-musl": ("escape.c", ["musl-gcc", *C_FLAGS, "-idirafter", "/usr/include", "-idirafter",
                                 "/usr/include/x86_64-linux-gnu", "-static"], []),
    "escape32": ("escape32.c", ["gcc", "-m32", "-nostdlib", "-static", "-fno-pic", "-no-pie",
                                "-fno-stack-protector", "-fcf-protection=none", "-O1"], []),
    "bare": ("bare.c", ["gcc", *C_FLAGS, "-static"], []),
    "fetch": ("fetch.c", ["gcc", *C_FLAGS], []),
    "fetch-static": ("fetch.c", ["gcc", *C_FLAGS, "-static"], []),
    "fetch-static-pie": ("fetch.c", ["gcc", *C_FLAGS, "-static-pie"], []),
    "fetch-musl": ("fetch.c", ["musl-gcc", *C_FLAGS, "-static"], []),
    "fetch-musl-dynamic": ("fetch.c", ["musl-gcc", *C_FLAGS], []),
    "fetch-go": ("fetch.go", ["go", "build", "-trimpath"], []),
    "fetch-cgo": ("fetch.go", ["go", "build", "-trimpath", "-tags", "netcgo"], []),
    "fetch-rust": ("fetch.rs", ["rustc", "-C", "opt-level=1"], []),
}
GO_ENV = {"GOFLAGS": "-mod=mod", "GO111MODULE": "off", "GOPROXY": "off", "GOTOOLCHAIN": "local",
          "GOCACHE": os.path.join(BUILT, "go-cache")}


def built(name):
    """Path of a program of programs/, built when its source is newer; Skip where it cannot be."""
    source, compiler, after = BUILDS[name]
    source, path = os.path.join(PROGRAMS, source), os.path.join(BUILT, name)
    with once.making(path):
        if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
            _build(name, compiler + ["-o", path + ".new", source] + after)
            os.chmod(path + ".new", 0o755)
            os.replace(path + ".new", path)
    return path


def _build(name, command):
    compiler = command[0]
    if not shutil.which(compiler):
        raise Skip(f"no {compiler}")
    env = dict(os.environ)
    if compiler == "go":
        env.update(GO_ENV, CGO_ENABLED="1" if "netcgo" in command else "0")
    try:
        r = subprocess.run(command, env=env, text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False, timeout=BUILD_TIMEOUT)
    except subprocess.TimeoutExpired as e:
        raise Skip(f"{compiler} takes too long here") from e
    if r.returncode:
        raise Skip(f"{compiler} cannot build {name} here: {r.stdout[-200:]}")


# --- the trap ---

def trapped_now(t):
    """Leaks since the case began, with nothing still under way to the log."""
    token = f"{os.getpid()}-{next(_tokens)}"
    trap.mark(token)
    path = os.path.join(t.net.base, "trap.log")

    def arrived():
        with open(path, encoding="ascii") as f:
            return sum(line.startswith(f"# marker {token} ") for line in f) == 2
    if not wait_until(arrived, 10):
        raise Failure("the trap does not see its own markers")
    return t.leaks()


def forget(t):
    """What was trapped up to now was meant to be."""
    trapped_now(t)
    t.trap_from = len(t.net.trapped())


def attempt_numbers():
    r = subprocess.run([built("escape"), "list"], stdout=subprocess.PIPE, text=True, timeout=20,
                       check=True)
    return {name: int(n) for name, n in (line.split() for line in r.stdout.splitlines())}


PLAIN = (    # what shows the attempt without a number
    (r"-> 203\.0\.113\.80 ports \d+ -> 443 ", "udp-quic"),
    (r"who-has 192\.0\.2\.\d+", "udp-on-link"),
    (r"protocol 6 .* -> 100\.64\.9\.9 ports \d+ -> 53 ", "tcp-port-53"),
    (r"protocol 6 .* -> 100\.64\.0\.54 ports \d+ -> 53 ", "dns-tcp"),
)
NUMBERED = (re.compile(rb"a(\d+)\x04bait"), re.compile(rb"a(\d+)\x05onion"),
            re.compile(rb"[\x01-\x03](\d+)\x0211\x0264\x03100"))


def attempt_of(line, names):
    """Which attempt a line of the trap's log comes from, or None."""
    for pattern, name in PLAIN:
        if re.search(pattern, line + " "):
            return name
    m = (re.search(r" -> 2(0\d\d\d) ", line) or re.search(r"-> 100\.64\.10\.()(\d+)", line)
         or re.search(r"protocol 58 .* -> 2001:db8:bad::([0-9a-f]+)", line)
         or re.search(r"ef0900([0-9a-f]{2})", line))
    if m and "protocol 58" in line:
        return names.get(int(m.group(1), 16))
    if m and "ef0900" in line and "ports" not in line:
        return names.get(int(m.group(1), 16))
    if m:
        return names.get(int(m.group(m.lastindex)))
    last = line.rsplit(" ", 1)[-1]
    data = bytes.fromhex(last) if re.fullmatch(r"(?:[0-9a-f]{2})+", last) else b""
    m = next(filter(None, (p.search(data) for p in NUMBERED)), None)
    return names.get(int(m.group(1))) if m else None


def attempts_seen(t):
    """Names of the attempts that the trap saw since the case began."""
    names = {n: name for name, n in attempt_numbers().items()}
    return {attempt_of(line, names) for line in trapped_now(t)} - {None}


# --- sockets from elsewhere, for the attempts "inherited" and "handed-over" ---

class Sockets:
    """Open sockets at high descriptors, and a helper that hands out more of them."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "giver.sock")
        self.fds = self._inheritable()
        self.server = socket.socket(socket.AF_UNIX)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server.bind(self.path)
        os.chmod(self.path, 0o777)
        self.server.listen(64)
        threading.Thread(target=self._give, daemon=True).start()
        self.env = {"ESCAPE_FDS": str(self.fds[0]), "ESCAPE_GIVER": self.path}

    @staticmethod
    def _inheritable():
        fds, port = [], 20000 + attempt_numbers()["inherited"]
        for n, (kind, connected) in enumerate(((socket.SOCK_DGRAM, True), (socket.SOCK_DGRAM, False),
                                               (socket.SOCK_STREAM, False))):
            s = socket.socket(socket.AF_INET, kind)
            s.setblocking(False)
            if connected:
                s.connect(("100.64.9.9", port))
            os.dup2(s.fileno(), 200 + n, inheritable=True)
            s.close()
            fds.append(200 + n)
        return fds

    def _give(self):
        while True:
            try:
                conn, _ = self.server.accept()
            except OSError:
                return
            with conn:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.setblocking(False)
                        socket.send_fds(conn, [b"s"], [s.fileno()])

    def close(self):
        self.server.close()
        for fd in self.fds:
            os.close(fd)


def quick_resolver(net):
    """Makes resolvers give up soon, and the kernel ask once: nobody answers in the trap."""
    with open(os.path.join(net.base, "client-resolv.conf"), "w", encoding="ascii") as f:
        f.write(f"nameserver {netns.TRAP_NAMESERVER}\noptions timeout:1 attempts:1\n")
    with contextlib.suppress(OSError):
        with open("/proc/sys/net/ipv4/neigh/uplink/mcast_solicit", "w", encoding="ascii") as f:
            f.write("1")
