# SPDX-License-Identifier: BSD-3-Clause
"""Onion services that the agent hosts, fetched by real tor."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading

import relays
from client import Running, wait_until
from harness import Skip, scenario
from network import find_program
from onionhost import (OnionClient, LocalServer, address_of, await_reachable, client_auth_pair,
                       hs_lines, pattern, service, services, start_agent)

HELLO = "hello from behind the onion\n"


def host(t, *lines, name="svc", user=None, target=None):
    """A user whose agent hosts one service; (client, address)."""
    c = user or t.user()
    d = os.path.join(c.dir, name)
    if not user:
        shutil.rmtree(d, ignore_errors=True)
    c.write_config(hs_lines(d, f"Port 80 {target}", *lines))
    start_agent(t, c)
    t.eventually(lambda: address_of(d), 10, "the service has its address")
    return c, address_of(d)


def tor_client(t, extra=(), name="onion-client"):
    """A real tor; stopped at the end of the scenario."""
    tor = OnionClient(t.net, name, extra=extra)
    shutil.rmtree(tor.dir, ignore_errors=True)
    t.clients.append(Stopper(tor))
    tor.start()
    return tor


class Stopper:
    """What clean_up() does with clients, for a tor."""

    name = "tor"

    def __init__(self, tor):
        self.tor = tor

    def stop(self):
        self.tor.stop()

    @staticmethod
    def sanitizer_reports():
        return ""

    def log_text(self):
        try:
            with open(os.path.join(self.tor.dir, "notice.log"), encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""


@scenario("a page of a service hosted here, by tor's client", timeout=240)
def page(t):
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        await_reachable(t, c, address)
        tor = tor_client(t)
        t.equal(tor.fetch(t, address).text, HELLO, "page")
        t.equal(tor.fetch(t, address, "/peer").text, "127.0.0.1", "who the server sees")
        t.equal([x["address"] for x in c.ctl_json("status")["services"]], [address], "status")
        t.check(address in c.ctl("status").text and address in c.ctl("service", "list").text,
                "people are told, too")
        s = service(c, address)
        t.check(s["introductions"] >= 1 and s["rendezvous"] >= 1, f"counted: {s}")


@scenario("64 MiB down and up through a service, equal hash; 50 streams at once", timeout=420)
def bulk(t):
    size = 64 << 20
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        await_reachable(t, c, address)
        tor = tor_client(t)
        tor.fetch(t, address)
        out = os.path.join(c.dir, "bulk")
        r = t.ok(tor.curl(f"http://{address}/bytes/{size}", "-o", out, timeout=180), "download")
        with open(out, "rb") as f:
            t.equal(hashlib.sha256(f.read()).hexdigest(),
                    hashlib.sha256(pattern(size)).hexdigest(), "hash of the download")
        print(f"        service, down: {64 / r.seconds:.1f} MiB/s", flush=True)
        r = t.ok(tor.curl(f"http://{address}/sink", "-T", out, timeout=180), "upload")
        t.equal(r.text, hashlib.sha256(pattern(size)).hexdigest(), "hash of the upload")
        print(f"        service, up: {64 / r.seconds:.1f} MiB/s", flush=True)
        os.unlink(out)
        wanted = hashlib.sha256(pattern(300000)).hexdigest()
        results = []

        def one():
            got = tor.curl(f"http://{address}/bytes/300000", timeout=90)
            results.append(hashlib.sha256(got.out).hexdigest() if got.status == 0 else str(got))
        threads = [threading.Thread(target=one) for _ in range(50)]
        for th in threads:
            th.start()
        for th in threads:
            th.join()
        t.equal(sorted(set(results)), [wanted], "50 streams at once")


@scenario("a restart keeps the address; a directory made by tor keeps it too", timeout=420)
def restart(t):
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        await_reachable(t, c, address)
        tor = tor_client(t)
        tor.fetch(t, address)
        revision = service(c, address)["revision"]
        c.stop()
        start_agent(t, c)
        await_reachable(t, c, address)
        t.equal([s["address"] for s in services(c)], [address], "address after the restart")
        s = service(c, address)
        t.check(s["revision"] != revision, f"another revision: {s['revision']}")
        t.equal(tor.fetch(t, address, timeout=150).text, HELLO, "page after the restart")

        made = tors_directory(t, c)
        with open(os.path.join(made, "hostname"), encoding="ascii") as f:
            tors_address = f.read().strip()
        c.stop()
        c.write_config(hs_lines(made, f"Port 80 {web.target}"))
        start_agent(t, c)
        await_reachable(t, c, tors_address)
        t.equal(tor.fetch(t, tors_address).text, HELLO, "page of what was tor's service")
        t.equal(address_of(made), tors_address, "its hostname file")


def tors_directory(t, c):
    """A service directory as tor makes it; that tor has no network at all."""
    base = os.path.join(c.dir, "made-by-tor")
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base, mode=0o700)
    d = os.path.join(base, "hs")
    p = subprocess.Popen([find_program("tor", "usr/bin/tor"), "--quiet", "-f", "/nonexistent",
                          "--ignore-missing-torrc", "--defaults-torrc", "/nonexistent",
                          "--DisableNetwork", "1", "--DataDirectory", os.path.join(base, "data"),
                          "--SocksPort", "0", "--HiddenServiceDir", d,
                          "--HiddenServicePort", "80 127.0.0.1:9"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    found = wait_until(lambda: address_of(d), 20)
    p.terminate()
    p.wait(10)
    t.check(found, "tor made a service directory")
    return d


@scenario("client authorisation: who has the key gets in, who has none does not, and who is "
          "struck off neither", timeout=420)
def authorisation(t):
    public, private = client_auth_pair()
    _, other = client_auth_pair()
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        d = os.path.join(c.dir, "svc")
        with open(os.path.join(d, "authorized_clients", "alice.auth"), "w",
                  encoding="ascii") as f:
            f.write(public)
        t.ok(c.ctl("reload"), "reload")
        t.equal(service(c, address)["authorized_clients"], 1, "clients")
        await_reachable(t, c, address)
        keys = os.path.join(c.dir, "auth")
        tors = {}
        for i, (name, key) in enumerate((("with-key", private), ("wrong-key", other))):
            folder = os.path.join(keys, name)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.chmod(keys, 0o700)
            with open(os.path.join(folder, "svc.auth_private"), "w", encoding="ascii") as f:
                f.write(address.removesuffix(".onion") + ":" + key)
            tors[name] = OnionClient(t.net, name, 9171 + i, [f"ClientOnionAuthDir {folder}"])
            t.clients.append(Stopper(tors[name]))
            tors[name].start()
        t.equal(tors["with-key"].fetch(t, address).text, HELLO, "page with the key")
        r = tors["wrong-key"].curl(f"http://{address}/", timeout=60)
        t.check(r.status != 0, f"nothing with the wrong key: {r}")
        t.check("authorization" in Stopper(tors["wrong-key"]).log_text(), "tor says why")


@scenario("an introduction point that dies is replaced", timeout=300)
def replaced(t):
    with LocalServer() as web:
        c = victim = None
        for _ in range(6):
            if c:
                c.forget()  # with other vanguards there are other points
            c, address = host(t, target=web.target)
            await_reachable(t, c, address)
            points = intro_relays(t, c)
            t.check(len(points) >= 3, f"introduction points: {points}")
            # In so small a network it is a vanguard too: part of all ways leads through it.
            victim = next((r for r in points if r.role != "middle"), None)
            if victim:
                break
        if not victim:
            raise Skip("every introduction point is a guard")
        os.kill(t.net.relay_pid(victim), signal.SIGKILL)
        t.eventually(lambda: service(c, address).get("introduction_points", 0) < 3 or
                     victim not in intro_relays(t, c), 90, "the loss is noticed")
        t.eventually(lambda: victim not in intro_relays(t, c) and
                     service(c, address).get("introduction_points") == 3 and
                     service(c, address).get("state") == "reachable", 180,
                     f"another point took its place: {services(c)}")
        # It stays in the consensus of this network, and on the ways of everybody.
        t.check(t.net.start_relay(victim), "the relay runs again")
        tor = tor_client(t)
        t.equal(tor.fetch(t, address, timeout=150).text, HELLO, "page afterwards")


def intro_relays(t, c):
    found = []
    for circuit in c.circuits():
        path = t.net and c.path_of(circuit)
        if circuit.get("purpose") == "service-intro" and circuit.get("state") == "open" and path:
            found.append(path[-1])
    return [r for r in found if r]


@scenario("services by onionctl: added, listed, removed, bound to a command, with a key that is "
          "kept; unix sockets and source addresses", timeout=420)
def by_hand(t):
    c = t.user()
    c.write_config([])
    start_agent(t, c)
    key = os.path.join(c.dir, "service-key")
    if os.path.exists(key):
        os.unlink(key)
    with LocalServer() as web, LocalServer(os.path.join(c.dir, "web.sock")) as unix:
        port = web.target.rsplit(":", 1)[1]
        r = t.ok(c.ctl("service", "add", f"80:{port}", f"81:{unix.target}", "circuit-source=1",
                       "--key", key), "service add")
        address = r.text.strip()
        t.check(address.endswith(".onion") and len(address) == 62, f"address: {address}")
        t.equal(os.stat(key).st_mode & 0o777, 0o600, "mode of the key's file")
        t.check(c.ctl("service", "add", "80", "--key", key).status == 1, "twice the same key")
        await_reachable(t, c, address)
        tor = tor_client(t)
        t.equal(tor.fetch(t, address).text, HELLO, "page")
        peers = {tor.curl(f"http://{address}/peer", isolate=str(i)).text for i in range(3)}
        t.check(len(peers) == 3 and all(p.startswith("127.") and p != "127.0.0.1"
                                        for p in peers), f"an address for each circuit: {peers}")
        t.equal(tor.curl(f"http://{address}:81/").text, HELLO, "by Unix socket")
        t.check(tor.curl(f"http://{address}:82/", timeout=40).status != 0, "no such port")

        t.ok(c.ctl("service", "remove", address), "service remove")
        t.equal(services(c), [], "none is left")
        t.equal(c.ctl("service", "remove", address).status, 1, "removed twice")
        fg = Running([os.path.join(c.build, "onionctl"), "service", "add", f"80:{port}",
                      "--key", key, "--foreground"], c.env)
        t.background.append(fg)
        t.eventually(lambda: [s["address"] for s in services(c)] == [address], 15,
                     "the same address again")
        await_reachable(t, c, address)
        t.equal(tor.fetch(t, address, timeout=150).text, HELLO, "page of the one in front")
        fg.kill()
        t.eventually(lambda: not services(c), 10, "it ended with its command")
    for words in (["add"], ["add", "0"], ["add", "80:x"], ["add", "80", "key=x"],
                  ["add", "80", "max-streams=-1"], ["add", "80:192.0.2.1:80"], ["remove"],
                  ["remove", "x.onion"], ["list", "x"], ["walk"], ["add", "80", "80"]):
        t.equal(c.ctl("service", *words).status, 2, f"service {' '.join(words)}")


@scenario("proof of work: tor's client solves what our descriptor asks for", timeout=300)
def work(t):
    tor_program = find_program("tor", "usr/bin/tor")
    modules = subprocess.run([tor_program, "--list-modules"], stdout=subprocess.PIPE, text=True,
                             timeout=20, check=False).stdout
    if "pow: yes" not in modules:
        raise Skip("tor without proof of work")
    with LocalServer() as web:
        c, address = host(t, "PoWDefensesEnabled 1", "PoWMinEffort 20", target=web.target)
        await_reachable(t, c, address)
        t.equal(service(c, address)["pow_effort"], 20, "what is asked for")
        tor = tor_client(t)
        t.equal(tor.fetch(t, address).text, HELLO, "page")
        efforts = re.findall("an introduction with an effort of ([0-9]+)", c.log_text())
        t.check(efforts and int(efforts[0]) >= 20, f"efforts of tor's client: {efforts}")


@scenario("limits: streams of a client, other ports, circuit numbers for haproxy", timeout=300)
def limits(t):
    with LocalServer() as web:
        c, address = host(t, "MaxStreams 2", "ExportCircuitID haproxy", "EnableIntroDoSDefense 1",
                          "EnableIntroDoSRatePerSec 5", "EnableIntroDoSBurstPerSec 10",
                          target=web.target)
        await_reachable(t, c, address)
        tor = tor_client(t)
        t.equal(tor.fetch(t, address).text, HELLO, "page")
        t.check(web.prefaces and web.prefaces[0].startswith(
            "PROXY TCP6 fc00:dead:beef:4dad::") and web.prefaces[0].endswith(" 80"),
                f"PROXY lines: {web.prefaces}")
        socks = [tor.connect(address, 80) for _ in range(4)]
        t.equal([s is not None for s in socks], [True, True, False, False],
                "two streams of a circuit, no more")
        for s in socks:
            if s:
                s.close()
        t.check(tor.connect(address, 25) is None, "no other port")
        t.equal(tor.fetch(t, address).text, HELLO, "page afterwards")


@scenario("a reload adds and removes services, and keeps the others; a second agent is kept out",
          timeout=300)
def reload(t):
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        await_reachable(t, c, address)
        first = os.path.join(c.dir, "svc")
        c.write_config(hs_lines(first, f"Port 80 {web.target}", "MaxStreams 9"))
        t.ok(c.ctl("reload"), "reload")
        t.equal(service(c, address)["state"], "reachable", "the first goes on")
        c.write_config([])
        t.ok(c.ctl("reload"), "reload without services")
        t.equal(services(c), [], "none is left")
        c.write_config(["HiddenServicePort 80"])
        t.check(c.ctl("reload").status != 0, "nonsense is refused")
        os.chmod(first, 0o755)
        c.write_config(hs_lines(first, f"Port 80 {web.target}"))
        r = c.ctl("reload")
        t.check(r.status == 1 and "0755" in r.err, f"a directory that others may read: {r}")
        t.equal(services(c), [], "it is not served")
        c.stop()
        t.ok(c.run(["true"], timeout=70), "commands go on without it")
        os.chmod(first, 0o700)
        t.ok(c.ctl("reload"), "reload when it is private again")
        t.equal([s["address"] for s in services(c)], [address], "it is served")

        second = t.user("onion-host-second")
        second.write_config(hs_lines(first, f"Port 80 {web.target}"))
        start_agent(t, second)
        t.equal(services(second), [], "nobody serves it beside the first")
        t.check("is served already" in second.log_text(), "the second agent says why")
        t.ok(c.run(["true"]), "the first goes on")
        t.check(c.stop(), "the first ends")
        t.ok(second.ctl("reload"), "reload of the second")
        t.equal([s["address"] for s in services(second)], [address], "it takes over")


@scenario("ours to ours: another user's command, the same agent's own, and with a key", timeout=500)
def ours(t):
    public, private = client_auth_pair()
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        await_reachable(t, c, address)
        other = t.user("onion-host-visitor")
        other.write_config([])
        for who, name in ((other, "another user"), (c, "the same user")):
            r = t.ok(who.run(["curl", "-sS", "--max-time", "80", f"http://{address}/"],
                             timeout=90), name)
            t.equal(r.text, HELLO, f"page for {name}")
        size = 64 << 20
        out = os.path.join(other.dir, "bulk")
        wanted = hashlib.sha256(pattern(size)).hexdigest()
        t.ok(other.run(["curl", "-sS", "-o", out, f"http://{address}/bytes/{size}"], timeout=180),
             "download")
        with open(out, "rb") as f:
            t.equal(hashlib.sha256(f.read()).hexdigest(), wanted, "hash of the download")
        r = t.ok(other.run(["curl", "-sS", "-T", out, f"http://{address}/sink"], timeout=180),
                 "upload")
        t.equal(r.text, wanted, "hash of the upload")
        os.unlink(out)
        with open(os.path.join(c.dir, "svc", "authorized_clients", "v.auth"), "w",
                  encoding="ascii") as f:
            f.write(public)
        t.ok(c.ctl("reload"), "reload")
        await_reachable(t, c, address)
        folder = os.path.join(other.dir, "auth")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.path.join(folder, "svc.auth_private"), "w", encoding="ascii") as f:
            f.write(address.removesuffix(".onion") + ":" + private)
        other.stop()
        other.write_config([f"ClientOnionAuthDir {folder}"])
        r = t.ok(other.run(["curl", "-sS", "--max-time", "80", f"http://{address}/"], timeout=90),
                 "with the key")
        t.equal(r.text, HELLO, "page with the key")
