# SPDX-License-Identifier: BSD-3-Clause
"""Users of the private network: an onionify user, and tor's own client beside it.

Everything here runs inside the client's namespace (network.py exec).
"""
import dataclasses
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from network import ROOT, find_program
import once
import relays

SO_PEERCRED_LEN = 12


@dataclasses.dataclass
class Result:
    """Outcome of a finished command."""
    status: int
    out: bytes
    err: str
    seconds: float

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    def __str__(self):
        return (f"status {self.status} after {self.seconds:.1f} s, out {self.text[-300:]!r}, "
                f"err {self.err[-600:]!r}")


class Running:
    """A command in the background; finish() or kill() it."""

    def __init__(self, args, env, cwd=None, stdin=None):
        self.began = time.monotonic()
        if not shutil.which(args[0]):
            args = ["sh", "-c", 'echo "no program $1" >&2; exit 127', "sh", args[0]]
        self.p = subprocess.Popen(args, env=env, cwd=cwd,
                                  stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  start_new_session=True)

    def finish(self, timeout=60, data=None):
        """Result; a command that outlives @timeout is killed and has status -1000."""
        try:
            out, err = self.p.communicate(data, timeout=timeout)
            status = self.p.returncode
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.p.communicate()
            status, err = -1000, err + f"(killed after {timeout} s)".encode()
        return Result(status, out, err.decode("utf-8", "replace"), time.monotonic() - self.began)

    def kill(self):
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run(args, env=None, timeout=60, data=None, cwd=None):
    return Running(args, env, cwd, stdin=data is not None).finish(timeout, data)


class Client:
    """One onionify user: own configuration, state, cache, socket and log."""

    def __init__(self, net, name, extra=()):
        self.net, self.name = net, name
        self.dir = os.path.join(net.base, "clients", name)
        self.variant = os.environ.get("VARIANT", "release")
        self.build = programs_dir(self.variant)
        self.state, self.cache = os.path.join(self.dir, "state"), os.path.join(self.dir, "cache")
        self.log = os.path.join(self.dir, "agent.log")
        self.config = os.path.join(self.dir, "onionify.conf")
        self.socket = os.path.join(self.dir, "run", "agent.sock")
        for d in (self.dir, os.path.join(self.dir, "run")):
            os.makedirs(d, mode=0o700, exist_ok=True)
        if extra or not os.path.exists(self.config):
            self.write_config(extra)
        self.env = self._env()

    def _env(self):
        env = {k: v for k, v in os.environ.items()
               if k in ("PATH", "HOME", "LANG", "TERM", "VARIANT", "USER", "ASAN_OPTIONS",
                        "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        env.update(ONIONIFY_CONFIG=self.config, ONIONIFY_SOCKET=self.socket,
                   XDG_RUNTIME_DIR=os.path.dirname(self.socket),
                   XDG_STATE_HOME=self.state, XDG_CACHE_HOME=self.cache)
        if self.variant != "release":   # a background process has no standard error
            for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
                env[name] = ":".join(x for x in (
                    env.get(name), "print_stacktrace=1" if name[0] == "U" else "",
                    f"log_path={self.dir}/sanitizer") if x)
        return env

    def sanitizer_reports(self):
        """What AddressSanitizer and its kin wrote about our programs."""
        out = ""
        for name in sorted(os.listdir(self.dir)):
            if name.startswith("sanitizer."):
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    out += f.read()
        return out

    def write_config(self, extra=(), authorities=None):
        lines = list(authorities or self.net.authority_lines()) + [
            "TestingTorNetwork 1", f"DataDirectory {self.state}", f"CacheDirectory {self.cache}",
            "SafeLogging 0", f"Log info file {self.log}"] + list(extra)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    # --- commands ---

    def program(self):
        """What users call; the script itself knows the release build alone."""
        if self.variant == "release":
            return os.path.join(ROOT, "onionify.sh")
        return os.path.join(self.build, "onionify-run")

    def command(self, args, options=()):
        return [self.program()] + list(options) + ["--"] + list(args)

    def start(self, args, options=(), stdin=None, env=None):
        return Running(self.command(args, options), {**self.env, **(env or {})}, stdin=stdin)

    def run(self, args, options=(), timeout=60, data=None, env=None):
        return self.start(args, options, data is not None, env).finish(timeout, data)

    def ctl(self, *words, timeout=20):
        return run([os.path.join(self.build, "onionctl")] + list(words), self.env, timeout)

    def ctl_json(self, *words, timeout=20):
        """The JSON document, or None when onionctl failed or printed something else."""
        r = self.ctl(*words, "--json", timeout=timeout)
        try:
            return json.loads(r.text) if r.status == 0 else None
        except ValueError:
            return None

    # --- the agent ---

    def agent_pid(self):
        """Process id of whoever listens on the agent's socket, or 0."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            try:
                s.connect(self.socket)
                return struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED,
                                                        SO_PEERCRED_LEN))[0]
            except OSError:
                return 0

    def stop(self):
        """Ends the agent, politely first. True when it is gone."""
        pid = self.agent_pid()
        if not pid:
            return True
        self.ctl("stop", timeout=5)
        for sig in (None, signal.SIGTERM, signal.SIGKILL):
            if sig:
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    return True
            if wait_until(lambda: not process_alive(pid), 5):
                return sig != signal.SIGKILL
        return False

    def forget(self):
        """As if onionify had never run here."""
        self.stop()
        for d in (self.state, self.cache):
            shutil.rmtree(d, ignore_errors=True)

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def circuits(self):
        """Circuits as the agent tells them, or an empty list."""
        data = self.ctl_json("circuits")
        if isinstance(data, dict):
            data = data.get("circuits", [])
        return data if isinstance(data, list) else []

    def path_of(self, circuit):
        """The circuit's relays, in order, as objects of the network."""
        return [self.net.relay(hop.get("fingerprint") or "") if isinstance(hop, dict) else None
                for hop in circuit.get("hops") or []]

    def exit_paths(self):
        """Three-hop paths of open circuits that carry a stream, else of any that could."""
        paths = [(bool(c.get("streams")), self.path_of(c)) for c in self.circuits()]
        paths = [(busy, p) for busy, p in paths if len(p) == 3 and all(p)]
        busy = [p for b, p in paths if b]
        return busy or [p for _, p in paths]


def programs_dir(variant):
    """Folder of the programs under test.

    A sanitizer's preload library cannot be loaded into programs built without the
    sanitizer: the instrumented agent and supervisor get the release build's library.
    """
    build = os.path.join(ROOT, "build", variant)
    if variant == "release":
        return build
    mixed = os.path.join(build, "programs")
    with once.making(os.path.join(mixed, "programs")):
        for name in ("onionify-agent", "onionctl", "onionify-run", "onionify-serve",
                     "libonionify.so"):
            source = os.path.join(ROOT, "build", "release" if name.endswith(".so") else variant,
                                  name)
            target = os.path.join(mixed, name)
            if os.path.exists(source) and (not os.path.exists(target) or
                                           os.path.getmtime(source) > os.path.getmtime(target)):
                shutil.copy2(source, target + ".new")
                os.replace(target + ".new", target)
    return mixed


class TorClient:
    """tor's own client, for comparison and to prove the network itself."""

    def __init__(self, net, name="torclient", port=9150, extra=()):
        self.net, self.port, self.extra = net, port, list(extra)
        self.dir = os.path.join(net.base, "clients", name)
        self.p = None

    def start(self, timeout=60):
        """Starts it; seconds until it is bootstrapped."""
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        log = os.path.join(self.dir, "notice.log")
        if os.path.exists(log):
            os.unlink(log)
        with open(os.path.join(self.dir, "torrc"), "w", encoding="ascii") as f:
            f.write("\n".join(relays.common_lines(self.net.relays) + [
                f"DataDirectory {self.dir}", f"SocksPort 127.0.0.1:{self.port}",
                f"Log notice file {log}", "ORPort 0"] + self.extra) + "\n")
        began = time.monotonic()
        self.p = subprocess.Popen([find_program("tor", "usr/bin/tor"), "--quiet", "-f",
                                   os.path.join(self.dir, "torrc"), "--defaults-torrc",
                                   "/nonexistent"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def done():
            try:
                with open(log, encoding="utf-8", errors="replace") as f:
                    return "Bootstrapped 100%" in f.read()
            except OSError:
                return False
        if not wait_until(done, timeout, 0.02):
            self.stop()
            raise RuntimeError("tor's client did not bootstrap")
        return time.monotonic() - began

    def stop(self):
        if self.p:
            self.p.terminate()
            try:
                self.p.wait(5)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
            self.p = None


def process_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, timeout, step=0.05):
    deadline = time.monotonic() + timeout
    while True:
        if condition():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(step)
