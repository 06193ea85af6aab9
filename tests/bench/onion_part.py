# SPDX-License-Identifier: BSD-3-Clause
"""Onion services: onionify as their client and as their host, beside tor in each place.

Client: services of one tor that nothing but this measures; each is cold once after every
start of a client. Host: a service with a new key at every start, fetched by one tor's client;
"reachable" is its first page there, not the host's own word. Behind every service is the same
small web server. tor's solver for Equi-X has no program: ours is told by itself.

Our host takes full vanguards, tor's as it comes the light ones: our clients' data passes one
relay more, which on a network without load is what a round trip and so an upload are made of.
"tor-layers" is a tor whose host has both layers and so ways as long as ours.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import types

import onions
import services
from client import TorClient, run, wait_until
from network import NetworkError
from onionhost import OnionClient, address_of, hs_lines
from sides import Ours, Theirs, built, cpu_seconds, show, timed

MIB = 64
COLD = 3                # services, and so cold first bytes in one run
PREPARED = 4.0          # s after a start: circuits made in advance are there
FETCH_SECONDS = 170
REACHABLE_SECONDS = 150
HOST_WEB = "127.78.0.1"
WWW = "http://www.example.test/addr"

CLIENT_ROWS = (
    ("cold", "first byte, nothing known of the service", "ms", False),
    ("warm", "first byte, its circuit is there", "ms", False),
    ("down", f"download {MIB} MiB, one stream", "MiB/s", True),
    ("up", f"upload {MIB} MiB", "MiB/s", True),
    ("cpu_down", "CPU of the client, down", "s/GiB", False),
    ("cpu_up", "CPU of the client, up", "s/GiB", False),
)
HOST_ROWS = (
    ("reachable", "from start to first page, new key", "s", False),
    ("down", f"clients download {MIB} MiB", "MiB/s", True),
    ("up", f"clients upload {MIB} MiB", "MiB/s", True),
    ("cpu_down", "CPU of the host, download", "s/GiB", False),
    ("cpu_up", "CPU of the host, upload", "s/GiB", False),
)

CURL = ("curl -sS -o /dev/null -m %d -w '%%{http_code} %%{time_starttransfer} %%{time_total}\\n'"
        % FETCH_SECONDS)


def parsed(line, what):
    """(seconds to the first byte, to the last) of what CURL wrote."""
    words = line.split()
    if len(words) != 3 or words[0] != "200":
        raise NetworkError(f"{what}: answer {line.strip()!r}")
    return float(words[1]), float(words[2])


class Session:
    """One invocation of a client's wrapper that fetches on demand: one circuit to a service."""

    def __init__(self, side):
        self.name = side.name
        script = f'while read -r line; do eval "{CURL} $line" </dev/null; done'
        self.p = subprocess.Popen(side.wrap([os.path.realpath("/bin/sh"), "-c", script]),
                                  env=side.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.p.stdin.close()
        try:
            self.p.wait(FETCH_SECONDS + 10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.p.stdout.close()

    def fetch(self, *args):
        self.p.stdin.write(shlex.join(args) + "\n")
        self.p.stdin.flush()
        return parsed(self.p.stdout.readline(), f"{self.name}: {' '.join(args)}")


def account(pid, key, fetch):
    """MiB a second and seconds of processor a GiB while @fetch moves MIB."""
    before = cpu_seconds(pid)
    seconds = fetch()[1]
    return {key: MIB / seconds, "cpu_" + key: (cpu_seconds(pid) - before) * 1024 / MIB}


# --- as a client ---

def restart(side):
    """A client with its directory and prepared circuits that has met no service."""
    side.stop()
    side.start()
    timed(side, ["curl", "-sS", "-o", "/dev/null", WWW])
    time.sleep(PREPARED)
    return {}


def first_bytes(side, url):
    with Session(side) as s:
        return {"cold": s.fetch(url + "/")[0] * 1000, "warm": s.fetch(url + "/")[0] * 1000}


def client_transfer(side, url, key, args):
    with Session(side) as s:
        s.fetch(url + "/")
        return account(side.pid(), key, lambda: s.fetch(*args))


def client_steps(urls, path):
    yield restart
    for url in urls:
        yield lambda s, url=url: first_bytes(s, url)
    down, up = urls[0] + f"/files/{MIB}m.bin", urls[0] + "/upload"
    yield lambda s: client_transfer(s, urls[0], "down", [down])
    yield lambda s: client_transfer(s, urls[0], "up", ["-T", path, up])


def start_services(net):
    """COLD services of one tor; its Onion and their URLs."""
    o = onions.Onion(types.SimpleNamespace(net=net), "bench")
    more = [os.path.join(o.dir, f"service{i}") for i in range(1, COLD)]
    with open(os.path.join(o.dir, "torrc"), "a", encoding="ascii") as f:
        for d in more:
            f.write("\n".join(hs_lines(d, f"Port 80 {o.addr}:{onions.WEB_PORT}")) + "\n")
    o.start(wait=False)
    if not wait_until(lambda: o.uploads() >= 14 * COLD, onions.UP_TIMEOUT, 0.2):
        o.stop()
        raise NetworkError("the services to measure with did not come up")
    return o, [o.url("")] + [f"http://{address_of(d)}" for d in more]


# --- as a host ---

class OurHost(Ours):
    def __init__(self, net):
        self.service = os.path.join(net.base, "clients", "bench-host", "hs")
        super().__init__(net, "host", hs_lines(self.service, f"Port 80 {HOST_WEB}:8080"))
        self.name = "onionify"

    def start(self):
        timed(self, ["true"])


class TorHost:
    def __init__(self, net, name, port, extra=()):
        self.name = name
        self.service = os.path.join(net.base, "clients", f"bench-{name}-host", "hs")
        self.tor = TorClient(net, f"bench-{name}-host", port,
                             hs_lines(self.service, f"Port 80 {HOST_WEB}:8080") + list(extra))

    def start(self):
        self.tor.start()

    def stop(self):
        self.tor.stop()

    def pid(self):
        return self.tor.p.pid


def layers(net):
    """Lines for tor: as many vanguards as the defaults of full ones say (prop292)."""
    ids = [r.fingerprint for r in net.relays if r.role != "authority"]
    return ["HSLayer2Nodes " + ",".join(ids[1:5]), "HSLayer3Nodes " + ",".join(ids[:8])]


def socks_fetch(tor, *args):
    r = run(shlex.split(CURL) + ["--socks5-hostname", f"127.0.0.1:{tor.port}", *args],
            timeout=FETCH_SECONDS + 10)
    return parsed(r.text, f"tor's client: {' '.join(args)}: {r.err.strip()}")


def answers(tor, host):
    address = address_of(host.service)
    try:
        return bool(address and socks_fetch(tor, f"http://{address}/"))
    except NetworkError:
        return False


def reachable(host, tor):
    """A new service: from the start of its host, whose directory is cached, to a page."""
    host.stop()
    shutil.rmtree(host.service, ignore_errors=True)
    began = time.monotonic()
    host.start()
    if not wait_until(lambda: answers(tor, host), REACHABLE_SECONDS, 0.1):
        raise NetworkError(f"{host.name} as a host: no page within {REACHABLE_SECONDS} s")
    return {"reachable": time.monotonic() - began}


def host_transfer(host, tor, key, *args):
    url = f"http://{address_of(host.service)}"
    socks_fetch(tor, url + "/")
    return account(host.pid(), key, lambda: socks_fetch(tor, *args[:-1], url + args[-1]))


def host_steps(tor, path):
    yield lambda h: reachable(h, tor)
    yield lambda h: host_transfer(h, tor, "down", f"/files/{MIB}m.bin")
    yield lambda h: host_transfer(h, tor, "up", "-T", path, "/upload")


# --- both ---

def one_run(steps, sides, results, i):
    """Every measurement by every side, the first one changing; what fails is told and left out."""
    order = sides[i % len(sides):] + sides[:i % len(sides)]
    for step in steps:
        for side in order:
            try:
                values = step(side)
            except NetworkError as e:
                print(f"not measured: {e}", file=sys.stderr, flush=True)
                values = {"failed": 1}
            for key, value in values.items():
                results.setdefault(side.name, {}).setdefault(key, []).append(value)


def equix():
    """Lines of the solver, on one core."""
    lines = [x for x in built("bench_pow").splitlines() if re.match("Equi-X|proof", x)]
    print("\n".join(["", "Equi-X on one core, ours alone (tor's has no program of its own):"] +
                    lines), flush=True)
    return lines


def measure(net, runs, seconds):
    """Everything; tables and what else belongs into the document."""
    path = services.test_file(net.cache, MIB)[0]
    clients, hosts, done, longest = {}, {}, 0, 0.0
    began = time.monotonic()
    o, urls = start_services(net)
    web = subprocess.Popen([sys.executable, os.path.abspath(onions.__file__), HOST_WEB, "bench",
                            os.path.join(net.cache, "files")],
                           stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    fetcher = OnionClient(net, "bench-fetch")
    users = [Ours(net, "onionify"),
             Theirs(net, "torsocks", TorClient(net, "bench-tor", 9050))]
    servers = [OurHost(net), TorHost(net, "tor", 9061),
               TorHost(net, "tor-layers", 9062, layers(net))]
    try:
        fetcher.start()
        for server in servers:      # the first start is for the directory
            server.start()
            server.stop()
        for i in range(runs):
            if i and time.monotonic() - began + longest > seconds:
                print(f"onion: time is up after {i} of {runs} runs")
                break
            print(f"onion: run {i + 1} of {runs}", flush=True)
            before = time.monotonic()
            one_run(client_steps(urls, path), users, clients, i)
            for user in users:
                user.stop()
            one_run(host_steps(fetcher, path), servers, hosts, i)
            for server in servers:
                server.stop()
            longest, done = max(longest, time.monotonic() - before), i + 1
    finally:
        for x in users + servers + [fetcher, o]:
            x.stop()
        web.kill()
        web.wait()
    print("\nas a client of tor's services", end="")
    client = show(clients, CLIENT_ROWS, "torsocks")
    print("\nas their host, for tor's client", end="")
    host = show(hosts, HOST_ROWS, "tor")
    print("ratio: onionify against tor, above 1 is better; tor-layers has ways as long as ours",
          flush=True)
    return {"runs": done, "client": client, "host": host, "equix": equix()}
