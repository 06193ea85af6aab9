# SPDX-License-Identifier: BSD-3-Clause
"""Bridges, pluggable transports, and sets of relays that the user wants or refuses."""
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import netns
import relays
import services
from basic import WWW
from client import process_alive, wait_until
from harness import Case, Skip, scenario
from network import NetworkError, find_program

BRIDGE_ADDRS = ("198.51.100.40", "198.51.100.41")
BRIDGE_ADDRS6 = ("2001:db8:10::40", "2001:db8:10::41")
OBFS4_PORT = 9443
ETH_P_IP, ETH_P_IPV6, OUTGOING = 0x0800, 0x86DD, 4


class Bridge:
    """A real tor as bridge, in the relays' namespace; with obfs4 where asked for."""

    def __init__(self, t, number=0, obfs4=False):
        self.net, self.addr = t.net, BRIDGE_ADDRS[number]
        self.addr6 = BRIDGE_ADDRS6[number]
        self.relay = relays.Relay(f"bridge{number}", "middle", self.addr, addr6=self.addr6)
        self.dir = self.relay.dir(self.net.base)
        self.p = None
        tor = find_program("tor", "usr/bin/tor")
        relays._make_keys(tor, self.relay, self.net.cache)
        with open(os.path.join(self.relay.dir(self.net.cache), "fingerprint"),
                  encoding="ascii") as f:
            self.fingerprint = f.read().split()[1]
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.copytree(self.relay.dir(self.net.cache), self.dir,
                        ignore=shutil.ignore_patterns("made", "lock"))
        os.chmod(self.dir, 0o700)
        lines = relays.torrc(self.relay, self.net.relays, self.net.base, "/dev/null")
        # It says that it is up after a circuit of its own.
        lines = lines.replace("__DisablePredictedCircuits 1\n", "")
        lines += "BridgeRelay 1\nPublishServerDescriptor 0\nExtORPort auto\n"
        if obfs4:
            lines += (f"ServerTransportPlugin obfs4 exec {obfs4proxy()}\n"
                      f"ServerTransportListenAddr obfs4 {self.addr}:{OBFS4_PORT}\n")
        with open(os.path.join(self.dir, "torrc"), "w", encoding="ascii") as f:
            f.write(lines)
        t.bridges = getattr(t, "bridges", []) + [self]
        for addr in (self.addr + "/32", self.addr6 + "/128"):
            subprocess.run(netns.in_netns(self.net.hold["relays_ns"], [
                "ip", "addr", "replace", addr, "dev", "lo"]), check=True, timeout=10)
        self.tor = tor

    def start(self):
        with open(os.path.join(self.dir, "stdout.log"), "ab") as log:
            self.p = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL"] +
                netns.in_netns(self.net.hold["relays_ns"],
                               [self.tor, "--quiet", "-f", f"{self.dir}/torrc",
                                "--defaults-torrc", "/nonexistent"]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not wait_until(self.is_up, 60):
            raise NetworkError("the bridge did not come up")
        return self

    def is_up(self):
        with open(os.path.join(self.dir, "notice.log"), "a+", encoding="utf-8") as f:
            f.seek(0)
            return "Bootstrapped 100%" in f.read()

    def stop(self):
        if self.p:
            self.p.kill()
            self.p.wait()
            self.p = None

    def cert(self):
        """The obfs4 arguments of this bridge."""
        path = os.path.join(self.dir, "pt_state", "obfs4_bridgeline.txt")
        with open(path, encoding="ascii") as f:
            line = [x for x in f if x.startswith("Bridge ")][0]
        return line[line.index("cert="):].split()

    def line(self, fingerprint=True):
        return f"Bridge {self.addr}:{relays.OR_PORT}" + (f" {self.fingerprint}" if fingerprint
                                                         else "")

    def obfs4_line(self, args=None):
        return (f"Bridge obfs4 {self.addr}:{OBFS4_PORT} {self.fingerprint} " +
                " ".join(args or self.cert()))


def obfs4proxy():
    try:
        return find_program("obfs4proxy", "usr/bin/obfs4proxy")
    except NetworkError as e:
        raise Skip("obfs4proxy is not here") from e


class Watch:
    """Every address that this namespace sends packets to, while in use."""

    def __init__(self, t):
        for c in Case.shared_clients.values():   # its guards are not what we look at
            c.stop()
        self.seen = {}
        self.done = False
        self.sockets = []
        for dev in ("uplink", "trap"):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.bind((dev, 3))
            s.settimeout(0.2)
            self.sockets.append(s)
            threading.Thread(target=self.look, args=(s,), daemon=True).start()

    def look(self, s):
        while not self.done:
            try:
                frame, where = s.recvfrom(2048)
            except OSError:
                continue
            kind = struct.unpack("!H", frame[12:14])[0]
            if where[2] != OUTGOING or kind not in (ETH_P_IP, ETH_P_IPV6):
                continue
            if kind == ETH_P_IP:
                dst = socket.inet_ntop(socket.AF_INET, frame[30:34])
            else:
                dst = socket.inet_ntop(socket.AF_INET6, frame[38:54])
                if dst.startswith("ff") or frame[20] == socket.IPPROTO_ICMPV6:
                    continue    # the kernel looks for its neighbours
            self.seen[dst] = self.seen.get(dst, 0) + 1

    def stop(self):
        self.done = True
        time.sleep(0.3)
        for s in self.sockets:
            s.close()
        return self.seen


def only(t, watch, bridges):
    seen = watch.stop()
    print(f"        packets: {seen}", flush=True)
    strangers = set(seen) - {a for b in bridges for a in (b.addr, b.addr6)}
    t.check(not strangers, f"packets to others than the bridge: {strangers}")


def fetch(t, c, timeout=80):
    return t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=timeout), "curl").text.strip()


def never_connected(t, c, words):
    """No command is started, and before long all of @words tell the user why."""
    r = None

    def told():
        nonlocal r
        r = c.run(["curl", "-sS", WWW + "/addr"], options=["--timeout", "3"], timeout=40)
        t.equal(r.status, 125, f"not connected ({r})")
        return all(w in r.err for w in words)
    t.check(wait_until(told, 60), f"the user is told {words}: {r}")


def first_hops(c):
    return {(h[0] or {}).get("fingerprint") for h in
            [x.get("hops") or [None] for x in c.circuits()]}


def with_bridges(fn):
    """Stops the scenario's bridges whatever comes."""
    def run(t):
        try:
            fn(t)
        finally:
            for b in getattr(t, "bridges", []):
                b.stop()
    run.__name__, run.__module__ = fn.__name__, fn.__module__
    return run


@scenario("a bridge with fingerprint: everything goes through it, nobody else is contacted",
          timeout=180)
@with_bridges
def plain(t):
    b = Bridge(t).start()
    c = t.user(extra=["UseBridges 1", b.line()])
    w = Watch(t)
    fetch(t, c)
    t.equal(first_hops(c), {b.fingerprint}, "first hops")
    c.stop()
    only(t, w, [b])


@scenario("a bridge by its IPv6 address, with ClientUseIPv4 0: not one IPv4 packet", timeout=180)
@with_bridges
def ipv6(t):
    b = Bridge(t).start()
    c = t.user(extra=["UseBridges 1", "ClientUseIPv4 0",
                      f"Bridge [{b.addr6}]:{relays.OR_PORT} {b.fingerprint}"])
    w = Watch(t)
    fetch(t, c)
    c.stop()
    seen = w.stop()
    t.equal(set(seen), {b.addr6}, "addresses that packets went to")


@scenario("a bridge without fingerprint: learned, pinned, demanded after a restart", timeout=240)
@with_bridges
def unnamed(t):
    b = Bridge(t).start()
    c = t.user(extra=["UseBridges 1", b.line(False)])
    w = Watch(t)
    fetch(t, c)
    with open(os.path.join(c.state, "bridges"), encoding="ascii") as f:
        t.check(b.fingerprint in f.read(), "the identity is kept")
    c.stop()
    fetch(t, c)
    c.stop()
    only(t, w, [b])
    # Another relay at the same address must not be taken for it.
    b.stop()
    shutil.rmtree(os.path.join(b.dir, "keys"))
    for leaf in ("fingerprint", "state"):
        path = os.path.join(b.dir, leaf)
        if os.path.exists(path):
            os.unlink(path)
    os.unlink(os.path.join(b.dir, "notice.log"))
    b.start()
    never_connected(t, c, ["not the relay that was there first"])


@scenario("no bridge answers: nothing else is contacted, the message says so", timeout=90)
@with_bridges
def dead(t):
    b = Bridge(t)
    c = t.user(extra=["UseBridges 1", b.line()])
    w = Watch(t)
    never_connected(t, c, ["no bridge can be used"])
    c.stop()
    only(t, w, [b])


@scenario("a killed bridge: a clear status, and recovery when it is back", timeout=240)
@with_bridges
def killed(t):
    b = Bridge(t).start()
    c = t.user(extra=["UseBridges 1", b.line()])
    fetch(t, c)
    b.stop()
    r = c.run(["curl", "-sS", "-m", "8", WWW + "/addr"], timeout=60)
    t.check(r.status != 0, r)
    t.eventually(lambda: "no bridge can be used" in c.ctl("status").text, 60, "the status says so")
    os.unlink(os.path.join(b.dir, "notice.log"))
    b.start()
    t.eventually(lambda: c.run(["curl", "-sS", "-m", "20", WWW + "/addr"],
                               timeout=40).status == 0, 120, "a page after the bridge came back")


@scenario("two bridges, plain and obfs4: when the one in use dies, the other takes over", timeout=240)
@with_bridges
def failover(t):
    pair = [Bridge(t, 0).start(), Bridge(t, 1, obfs4=True).start()]
    c = t.user(extra=["UseBridges 1", pair[0].line(), pair[1].obfs4_line(),
                      f"ClientTransportPlugin obfs4 exec {obfs4proxy()}"])
    w = Watch(t)
    fetch(t, c)
    used = [b for b in pair if b.fingerprint in {h for p in c.circuits() if len(p["hops"]) == 3
                                                 for h in [p["hops"][0].get("fingerprint")]}]
    t.check(used, "a bridge is in use")
    used[0].stop()
    began = time.monotonic()
    t.eventually(lambda: c.run(["curl", "-sS", "-m", "20", WWW + "/addr"],
                               timeout=40).status == 0, 90, "a page through the other bridge")
    print(f"        the other bridge after {time.monotonic() - began:.1f} s", flush=True)
    c.stop()
    only(t, w, pair)


@scenario("obfs4 on both ends: 16 MiB with an equal hash, one address contacted", timeout=240)
@with_bridges
def obfs4(t):
    _, digest = services.test_file(t.net.cache, 16)
    b = Bridge(t, obfs4=True).start()
    c = t.user(extra=["UseBridges 1", b.obfs4_line(),
                      f"ClientTransportPlugin obfs4 exec {obfs4proxy()}"])
    w = Watch(t)
    out = os.path.join(c.dir, "16m.bin")
    t.ok(c.run(["curl", "-sSf", "-o", out, WWW + "/files/16m.bin"], timeout=150), "16 MiB")
    with open(out, "rb") as f:
        t.equal(hashlib.sha256(f.read()).hexdigest(), digest, "hash of 16 MiB")
    t.equal(first_hops(c), {b.fingerprint}, "first hops")
    pids = proxies(c)
    t.equal(len(pids), 1, "obfs4proxy processes")
    c.stop()
    t.eventually(lambda: not proxies(c), 5, "the transport's program ends with the agent")
    only(t, w, [b])


def proxies(c):
    """Processes of transports that were started by @c's agent."""
    mark = f"TOR_PT_STATE_LOCATION={c.state}/".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as f:
                if mark in f.read():
                    found.append(int(entry))
        except OSError:
            pass
    return found


@scenario("a wrong cert argument: a clear message, nobody else is contacted", timeout=120)
@with_bridges
def obfs4_wrong_cert(t):
    b = Bridge(t, obfs4=True).start()
    args = [a.replace(a[5:13], "AAAAAAAA") if a.startswith("cert=") else a for a in b.cert()]
    c = t.user(extra=["UseBridges 1", b.obfs4_line(args),
                      f"ClientTransportPlugin obfs4 exec {obfs4proxy()}"])
    w = Watch(t)
    never_connected(t, c, ["no bridge can be used", "obfs4"])
    c.stop()
    only(t, w, [b])


@scenario("the transport's program killed: it is started again and pages load", timeout=180)
@with_bridges
def obfs4_killed(t):
    b = Bridge(t, obfs4=True).start()
    c = t.user(extra=["UseBridges 1", b.obfs4_line(),
                      f"ClientTransportPlugin obfs4 exec {obfs4proxy()}"])
    fetch(t, c)
    old = proxies(c)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    t.eventually(lambda: proxies(c) and proxies(c) != old, 20, "a new process")
    t.eventually(lambda: c.run(["curl", "-sS", "-m", "20", WWW + "/addr"],
                               timeout=40).status == 0, 90, "a page after the restart")
    pid = c.agent_pid()
    spawner = int(process_status(proxies(c)[0])["PPid"])
    os.kill(pid, signal.SIGKILL)
    t.eventually(lambda: not proxies(c), 10, "it ends when the agent is killed")
    t.eventually(lambda: not process_alive(spawner), 10, "and so does who started it")


def process_status(pid):
    """/proc/PID/status as a dict."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@scenario("a transport's program and the sandbox: the agent is inside, the program is started by "
          "another process; a changed line needs a restart; without that process nothing goes out",
          timeout=240)
@with_bridges
def obfs4_sandbox(t):
    b = Bridge(t, obfs4=True).start()
    line = f"ClientTransportPlugin obfs4 exec {obfs4proxy()}"
    c = t.user(extra=["UseBridges 1", b.obfs4_line(), line])
    w = Watch(t)
    fetch(t, c)
    agent, (program,) = c.agent_pid(), proxies(c)
    spawner = int(process_status(program)["PPid"])
    t.equal(int(process_status(spawner)["PPid"]), agent, "the spawner's parent")
    t.equal(process_status(spawner)["Name"], "onionify-spawn", "its name")
    for pid in (spawner, program):
        t.equal((process_status(pid)["NoNewPrivs"], process_status(pid)["Seccomp"]), ("1", "2"),
                f"what process {pid} is confined by")
    box = c.ctl_json("status")["sandbox"]
    t.equal(box["programs"], True, f"the filter of programs ({box})")
    if "instruments" not in (box["missing"] or ""):
        t.equal((box["seccomp"], process_status(agent)["Seccomp"]), (True, "2"), "the agent's filter")
        t.check("a filter for transports' programs" in c.ctl("status").text, c.ctl("status"))

    c.write_config(extra=["UseBridges 1", b.obfs4_line(), line + " -enableLogging"])
    r = t.ok(c.ctl("reload"), "reload")
    t.check("restart is needed" in r.text and "ClientTransportPlugin" in r.text, r)
    t.equal(proxies(c), [program], "the program goes on")
    fetch(t, c)

    os.kill(spawner, signal.SIGKILL)
    t.eventually(lambda: not proxies(c), 10, "its program ends with the spawner")
    t.eventually(lambda: "onionctl stop" in c.ctl("status").text, 30, "the status says what to do")
    t.check("no bridge can be used" in c.ctl("status").text, c.ctl("status"))
    r = c.run(["curl", "-sS", "-m", "10", WWW + "/addr"], options=["--timeout", "10"], timeout=60)
    t.check(r.status != 0, r)
    t.equal(c.agent_pid(), agent, "the agent's process")
    t.check(c.stop(), "the agent ends")
    fetch(t, c)
    with open(f"/proc/{proxies(c)[0]}/cmdline", "rb") as f:
        t.check(b"-enableLogging" in f.read(), "the new line is in force")
    c.stop()
    only(t, w, [b])


@scenario("a transport whose program is missing: a clear message", timeout=100)
def missing_program(t):
    c = t.user(extra=["UseBridges 1", f"Bridge obfs4 {BRIDGE_ADDRS[0]}:1 {'A' * 40} cert=x",
                      "ClientTransportPlugin obfs4 exec /nonexistent/obfs4proxy"])
    never_connected(t, c, ["cannot be started"])


@scenario("ExitNodes: the exit is the asked one, over several circuits", timeout=180)
def exit_nodes(t):
    wanted = t.net.relay("exit2")
    c = t.user(extra=[f"ExitNodes ${wanted.fingerprint}", "ExcludeNodes middle3"])
    seen = {fetch(t, c) for _ in range(6)}
    t.check(seen <= {wanted.exit_addr, wanted.exit_addr6}, f"exits used: {seen}")
    names = {r.name for x in c.circuits() for r in c.path_of(x) if r}
    t.check("middle3" not in names, f"relays used: {names}")


@scenario("ExcludeExitNodes: the others are used", timeout=180)
def exclude_exits(t):
    c = t.user(extra=["ExcludeExitNodes exit1,198.51.100.22"])
    left = t.net.relay("exit3")
    seen = {fetch(t, c) for _ in range(5)}
    t.check(seen <= {left.exit_addr, left.exit_addr6}, f"exits used: {seen}")


def stable_guard(t):
    """A middle relay that may be a guard by its flags."""
    good = relays.listed(t.net.base, t.net.relay("exit1"), ("Guard", "Stable", "Fast", "V2Dir"))
    return next(r for r in t.net.relays if r.role == "middle" and r.name in good)


@scenario("EntryNodes: the guard is the asked one, and the only one", timeout=120)
def entry_nodes(t):
    wanted = stable_guard(t)
    c = t.user(extra=[f"EntryNodes {wanted.fingerprint}"])
    fetch(t, c)
    used = {p[0].name for p in c.exit_paths()}
    t.equal(used, {wanted.name}, "guards used")


@scenario("StrictNodes and no exit left: a clear failure, nothing goes out", timeout=90)
def no_exit_left(t):
    c = t.user(extra=["StrictNodes 1", "ExitNodes nosuchrelay"])
    never_connected(t, c, ["ExitNodes"])
    t.check(not t.requests(), "nothing reached the web server")


@scenario("ReachableAddresses: only what it allows is connected to", timeout=120)
def reachable(t):
    allowed = [r.addr for r in t.net.relays if r.role == "authority"] + [stable_guard(t).addr]
    c = t.user(extra=["ReachableAddresses " + ",".join(a + ":9001" for a in allowed)])
    w = Watch(t)
    fetch(t, c)
    c.stop()
    strangers = set(w.stop()) - set(allowed)
    t.check(not strangers, f"packets to {strangers}")
