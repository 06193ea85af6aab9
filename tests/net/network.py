#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A private Tor network in network namespaces of its own.

    network.py start [--dir D] [--wan MS [--mbit N]] [--short]
                                   start it; returns when every relay is in the consensus
    network.py status [--dir D]    one line; exit status 0 when it runs
    network.py exec [--dir D] CMD ARGS...    run CMD where onionify's user would sit
    network.py env [--dir D] [NAME]          print the environment of a client, for a shell
    network.py stop [--dir D]

Default folder: build/net (or $ONIONIFY_NET). Nothing of it can reach the host's
network: see netns.py. One process, the holder, starts and ends all others; as
first process of a process namespace its death is theirs. Real tor, nginx and
dnsmasq are used; tests/deps puts them into build/peers. With --wan every host has
a namespace of its own and every packet takes MS milliseconds: see wide.py. With --short
what takes hours for onion services takes minutes: see relays.py.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import netns     # noqa: E402
import relays    # noqa: E402
import services  # noqa: E402
import wide      # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = os.path.join(ROOT, "build", "peers", "root")
READY_TIMEOUT = 150
STOP_TIMEOUT = 15


class NetworkError(Exception):
    """A sentence for the user."""


def find_program(name, *places):
    """Debian's unpacked program, else one of the system's."""
    for path in [os.path.join(PEERS, p) for p in places] + [shutil.which(name) or ""]:
        if path and os.access(path, os.X_OK):
            return path
    raise NetworkError(f"{name} is missing: run tests/deps")


def default_dir():
    given = os.environ.get("ONIONIFY_NET", "").split(os.pathsep)[0]
    return given or os.path.join(ROOT, "build", "net")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _read_json(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def _write_json(path, data):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1)
    os.replace(path + ".new", path)


class Network:
    """Handle on a network folder; a context manager that starts and stops it."""

    def __init__(self, base=None):
        self.base = os.path.abspath(base or default_dir())
        self.cache = os.path.join(ROOT, "build", "net-keys")
        self.relays = relays.relays()
        self.state = _read_json(self._path("state.json"))
        self.hold = _read_json(self._path("hold.json"))
        for r in self.relays:
            known = self.hold.get("relays", {}).get(r.name, {})
            r.fingerprint = known.get("fingerprint", "")
            r.v3ident = known.get("v3ident", "")

    def _path(self, *parts):
        return os.path.join(self.base, *parts)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    # --- from outside ---

    def is_running(self):
        pid = self.state.get("unshare_pid")
        return bool(pid and _alive(pid))

    def is_ready(self):
        return self.is_running() and bool(self.hold.get("ready"))

    def refresh(self):
        self.__init__(self.base)

    def launch(self, wan_ms=0, mbit=0, short=False):
        """Starts the holder and returns at once; wait_ready() does the waiting."""
        if self.is_running():
            raise NetworkError(f"already running in {self.base}")
        find_program("tor", "usr/bin/tor")
        find_program("nginx", "usr/sbin/nginx")
        try:
            if wan_ms:
                wide.check_usable()
            flags = netns.unshare_flags()
        except RuntimeError as e:
            raise NetworkError(str(e)) from e
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(self.base, mode=0o700)
        with open(self._path("hold.log"), "wb") as log:
            p = subprocess.Popen(["unshare"] + flags + [sys.executable, os.path.abspath(__file__),
                                                        "hold", "--dir", self.base,
                                                        "--wan", str(wan_ms),
                                                        "--mbit", str(mbit)]
                                 + (["--short"] if short else []),
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
        self.state = {"unshare_pid": p.pid, "flags": flags, "started": time.time()}
        _write_json(self._path("state.json"), self.state)

    def wait_ready(self, timeout=READY_TIMEOUT):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.refresh()
            if self.is_ready():
                return
            if not self.is_running():
                break
            time.sleep(0.1)
        with open(self._path("hold.log"), encoding="utf-8", errors="replace") as f:
            tail = f.read()[-2000:].strip()
        self.stop()
        raise NetworkError(f"the private network did not come up (logs in {self.base}): {tail}")

    def start(self, wan_ms=0, mbit=0, short=False):
        self.launch(wan_ms, mbit, short)
        self.wait_ready()

    def stop(self):
        pid = self.state.get("unshare_pid")
        if pid and _alive(pid):
            holder = _only_child(pid)
            left = [] if "-p" in self.state["flags"] else _in_namespace_of(pid)
            if holder:
                _signal(holder, signal.SIGTERM)
            if not _wait_gone(pid, STOP_TIMEOUT):
                _signal(holder or pid, signal.SIGKILL)
                _signal(pid, signal.SIGKILL)
                _wait_gone(pid, 5)
            for other in left:
                _signal(other, signal.SIGKILL)
        self.state = {}
        try:
            os.unlink(self._path("state.json"))
        except OSError:
            pass

    def remove(self):
        """Deletes the folder with its logs; called when all went well."""
        shutil.rmtree(self.base, ignore_errors=True)

    def exec_args(self, args, cwd=None):
        """@args as a command that runs in the client's namespace, from outside."""
        if not self.is_running():
            raise NetworkError(f"no network runs in {self.base}: network.py start")
        inner = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", cwd or os.getcwd()]
        return (netns.nsenter_args(self.state["unshare_pid"], self.state["flags"]) + inner +
                list(args))

    # --- from inside (scenarios), by the holder's record ---

    def relay(self, key):
        """A relay by name or fingerprint ($ and ~name are ignored), or None."""
        key = key.lstrip("$").split("~")[0].split("=")[0]
        for r in self.relays:
            if key == r.name or key.upper() == r.fingerprint:
                return r
        return None

    def relay_pid(self, relay):
        try:
            with open(os.path.join(relay.dir(self.base), "pid"), encoding="ascii") as f:
                pid = int(f.read())
        except (OSError, ValueError):
            return 0
        return pid if _alive(pid) else 0

    def start_relay(self, relay):
        """Starts @relay again after its death; True when it listens within 20 s."""
        d = relay.dir(self.base)
        try:
            os.unlink(os.path.join(d, "pid"))
        except OSError:
            pass
        with open(os.path.join(d, "stdout.log"), "ab") as log:
            subprocess.Popen(netns.in_netns(self.hold["relays"][relay.name]["ns"],
                                            [self.hold["tor"], "--quiet", "-f", f"{d}/torrc",
                                             "--defaults-torrc", "/nonexistent"]),
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.relay_pid(relay):
                return True
            time.sleep(0.1)
        return False

    def access_log(self):
        """Requests that the web server saw: (client address, request, status, bytes)."""
        out = []
        with open(self._path("web", "access.log"), encoding="utf-8", errors="replace") as f:
            for line in f:
                addr, _, rest = line.partition(' "')
                request, _, numbers = rest.rpartition('" ')
                n = numbers.split()
                out.append((addr, request, int(n[0]), int(n[1])))
        return out

    def trapped(self):
        """Packets of the client that went anywhere but to a relay."""
        with open(self._path("trap.log"), encoding="ascii") as f:
            return [line.strip() for line in f if not line.startswith("#")]

    def authority_lines(self):
        return [r.authority_line() for r in self.relays if r.role == "authority"]


def _in_namespace_of(pid):
    """Processes in @pid's network namespace, which is ours alone."""
    own, found = os.readlink(f"/proc/{pid}/ns/net"), []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/net") == own:
                found.append(int(entry))
        except OSError:
            pass
    return found


def _only_child(pid):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                    if int(f.read().rpartition(")")[2].split()[1]) == pid:
                        return int(entry)
            except (OSError, IndexError, ValueError):
                pass
    return 0


def _signal(pid, sig):
    try:
        os.kill(pid, sig)
    except (ProcessLookupError, PermissionError):
        pass


def _wait_gone(pid, timeout):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        if not _alive(pid):
            return True
        time.sleep(0.02)
    return False


# --- the holder: first process inside ---

class Holder:
    def __init__(self, base, wan_ms=0, mbit=0, short=False):
        self.net = Network(base)
        self.wan_ms, self.mbit, self.short = wan_ms, mbit, short
        self.children = {}
        self.kept = []      # a dropped Popen object would collect its child behind our back
        self.stopping = False
        self.ready = False

    def spawn(self, name, args, log):
        with open(log, "ab") as f:
            p = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + args,
                                 stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        self.children[p.pid] = name
        self.kept.append(p)

    def build(self):
        net, base = self.net, self.net.base
        tor = find_program("tor", "usr/bin/tor")
        relays.make_all_keys(tor, net.relays, net.cache)
        resolv = services.prepare(base, net.cache)
        relays.install(net.relays, base, net.cache, resolv, self.short)
        web_ns, spaces = self.build_links()
        self.mask_resolv_conf()
        self.spawn("trap", [sys.executable, os.path.join(HERE, "trap.py"),
                            os.path.join(base, "trap.log")], os.path.join(base, "hold.log"))
        nginx = find_program("nginx", "usr/sbin/nginx")
        for name, args in services.commands(base, nginx):
            self.spawn(name, netns.in_netns(web_ns, args),
                       os.path.join(base, "web", name + ".out"))
        self.await_voting_round()
        for r in net.relays:
            d = r.dir(base)
            self.spawn(r.name, netns.in_netns(spaces[r.name],
                                              [tor, "--quiet", "-f", f"{d}/torrc",
                                               "--defaults-torrc", "/nonexistent"]),
                       f"{d}/stdout.log")
        return {"relays_ns": spaces[net.relays[0].name], "web_ns": web_ns, "tor": tor,
                "nginx": nginx, "wan_ms": self.wan_ms, "mbit": self.mbit,
                "relays": {r.name: {"fingerprint": r.fingerprint, "v3ident": r.v3ident,
                                    "ns": spaces[r.name]} for r in net.relays}}

    def new_space(self):
        keeper = netns.new_keeper()
        self.kept.append(keeper)
        self.children[keeper.pid] = "keeper"
        return keeper.pid

    def build_links(self):
        """The web server's namespace, and each relay's by its name."""
        web_ns, all_relays = self.new_space(), self.net.relays
        if not self.wan_ms:
            relays_ns = self.new_space()
            netns.build(relays_ns, web_ns, all_relays)
            return web_ns, {r.name: relays_ns for r in all_relays}
        spaces = {r.name: self.new_space() for r in all_relays}
        wide.prepare(spaces, web_ns)
        log = os.path.join(self.net.base, "wan.log")
        self.spawn("wan", wide.command(spaces, web_ns, all_relays, self.wan_ms, self.mbit), log)
        wide.await_ready(log)
        wide.build(spaces, web_ns, all_relays)
        return web_ns, spaces

    @staticmethod
    def await_voting_round():
        """Sleeps until the relays have the most time to publish before the first vote.

        The first consensus is valid from the next multiple of the first interval
        and voted on 4 s before; a relay that misses it waits for a whole interval.
        """
        time.sleep(-time.time() % relays.FIRST_INTERVAL)

    def mask_resolv_conf(self):
        """The client's name server is an address that the trap catches."""
        path = os.path.join(self.net.base, "client-resolv.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"nameserver {netns.TRAP_NAMESERVER}\n")
        r = subprocess.run(["mount", "--bind", path, os.path.realpath("/etc/resolv.conf")],
                           stderr=subprocess.PIPE, text=True, timeout=10, check=False)
        if r.returncode:
            print(f"resolv.conf stays the host's: {r.stderr.strip()}", flush=True)

    def is_ready(self):
        """Every relay knows every other: exits refuse streams from relays unknown to them."""
        want = {r.name for r in self.net.relays}
        return all(relays.listed(self.net.base, r) >= want for r in self.net.relays)

    def reap(self):
        """Collects the dead; a dead server of ours ends the whole network."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self.children.pop(pid, None)
            if name and not self.stopping:
                print(f"{name} ended with status {status}", flush=True)
                if not self.ready or name in ("keeper", "trap", "dns", "nginx", "tcpservices",
                                             "wan"):
                    raise NetworkError(f"{name} died")

    def run(self):
        def on_signal(_sig, _frame):
            self.stopping = True
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        began = time.monotonic()
        record = self.build()
        path = os.path.join(self.net.base, "hold.json")
        _write_json(path, record)
        while not self.stopping:
            self.reap()
            if not self.ready and self.is_ready():
                self.ready = True
                record.update(ready=True, seconds=round(time.monotonic() - began, 1))
                _write_json(path, record)
            time.sleep(0.1)
        self.end()

    def end(self):
        self.stopping = True
        for pid in list(self.children):
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + 3
        while self.children and time.monotonic() < deadline:
            self.reap()
            if set(self.children.values()) <= {"keeper"}:
                break
            time.sleep(0.02)
        for pid in list(self.children):
            _signal(pid, signal.SIGKILL)


def hold(base, wan_ms, mbit, short):
    h = Holder(base, wan_ms, mbit, short)
    try:
        h.run()
    except (NetworkError, RuntimeError, OSError, subprocess.SubprocessError) as e:
        print(e, flush=True)
        h.end()
        return 1
    return 0


def main():
    p = argparse.ArgumentParser(description="a private Tor network")
    actions = p.add_subparsers(dest="action", required=True)
    for action in ("start", "status", "exec", "env", "stop", "hold"):
        sub = actions.add_parser(action)
        sub.add_argument("--dir", default=default_dir())
        if action in ("start", "hold"):
            sub.add_argument("--wan", metavar="MS", type=int, default=0,
                             help="milliseconds one way between any two hosts")
            sub.add_argument("--mbit", type=int, default=0, help="of each host, with --wan")
            sub.add_argument("--short", action="store_true", help="time periods of 4 minutes")
        if action in ("exec", "env"):
            sub.add_argument("rest", nargs=argparse.REMAINDER)
    a = p.parse_args()
    if a.action == "hold":
        return hold(a.dir, a.wan, a.mbit, a.short)
    net = Network(a.dir)
    try:
        if a.action == "start":
            net.start(a.wan, a.mbit, a.short)
            print(f"network: {len(net.relays)} relays in {net.hold['seconds']} s, {net.base}")
        elif a.action == "stop":
            net.stop()
        elif a.action == "status":
            print("ready" if net.is_ready() else "starting" if net.is_running() else "stopped")
            return 0 if net.is_running() else 1
        elif a.action == "env":
            from client import Client
            for key, value in Client(net, a.rest[0] if a.rest else "default").env.items():
                print(f"export {key}='{value}'")
        elif not a.rest:
            raise NetworkError("exec: no command")
        else:
            args = net.exec_args(a.rest)
            os.execvp(args[0], args)
    except NetworkError as e:
        print(f"network: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
