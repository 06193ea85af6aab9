# SPDX-License-Identifier: BSD-3-Clause
"""Onion services that real tor hosts, reached through onionify."""
import os
import re
import signal
import time

import client
from basic import PROBE
from harness import scenario
from onions import (Onion, address_of, rend_circuits, socks_connect, with_onions, x25519_pair)
from transfer import hash_of
import services

# curl: no such name, no connection; through the HTTP proxy, a page that breaks off.
REFUSED = (6, 7, 18)
# The variables that point to the agent's HTTP proxy are for other scenarios.
DIRECT = ["--noproxy", "*"]
CURL = "curl -sS --noproxy '*'"
DNSQUERY = os.path.join(os.path.dirname(os.path.abspath(client.__file__)), "dnsquery.py")

# Public keys of RFC 8032 7.1: points of the curve, services of nobody.
NOBODY = address_of(bytes.fromhex(
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
NOBODY2 = address_of(bytes.fromhex(
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))


def mistyped(address):
    return ("b" if address[0] == "a" else "a") + address[1:]


def get(t, c, url, timeout=110, options=()):
    return c.run(["curl", "-sS", *DIRECT, "-m", str(timeout - 10), *options, url], timeout=timeout)


def again(url):
    """Shell code that asks until there is an answer: the service's own tor needs its time too."""
    return f"for i in $(seq 40); do {CURL} -m 100 {url} && break; sleep 3; done"


def told_to_exits(t):
    """Questions for .onion names that reached the exits' name server."""
    with open(os.path.join(t.net.base, "web", "dns.log"), encoding="utf-8",
              errors="replace") as f:
        return [line for line in f if ".onion" in line]


@scenario("a page of an onion service, by its name and by one below it", timeout=200)
@with_onions
def page(t):
    o = Onion(t, "page").start()
    c = t.user()
    began = time.monotonic()
    r = t.ok(get(t, c, o.url()), "curl")
    t.check("Hello from page" in r.text, r)
    first = time.monotonic() - began
    r = t.ok(get(t, c, o.url(sub="www.shop.")), "curl to a name below it")
    t.check(f"Host: www.shop.{o.address()}" in r.text, r)
    t.ok(get(t, c, o.url().replace(o.address(), o.address().upper())), "upper case")
    t.ok(c.run(["curl", "-sS", *DIRECT, "-m", "60", o.url()], options=["--optimistic"], timeout=70),
         "optimistic")
    print(f"        first page, with bootstrap: {first:.1f} s", flush=True)
    t.equal(told_to_exits(t), [], "names that exits heard")


@scenario("64 MiB of an onion service down and up, equal hashes", timeout=600)
@with_onions
def transfer(t):
    path, wanted = services.test_file(t.net.cache, 64)
    o = Onion(t, "transfer").start()
    c = t.regular()
    out = os.path.join(c.dir, "onion-download")
    t.ok(get(t, c, o.url()), "the first page")
    r = t.ok(c.run(["curl", "-sS", *DIRECT, "-o", out, o.url("/files/64m.bin")], timeout=240), "download")
    t.equal(hash_of(out), wanted, "SHA-256 of what arrived")
    os.unlink(out)
    print(f"        download: {64 / r.seconds:.1f} MiB/s", flush=True)
    r = t.ok(c.run(["curl", "-sS", *DIRECT, "-T", path, o.url("/upload")], timeout=240), "upload")
    t.equal(r.text.strip(), wanted, "SHA-256 of what the service got")
    print(f"        upload: {64 / r.seconds:.1f} MiB/s", flush=True)


@scenario("50 streams at once to one service, on one circuit", timeout=200)
@with_onions
def streams(t):
    _, wanted = services.test_file(t.net.cache, 1)
    o = Onion(t, "streams").start()
    c = t.user()
    r = t.start(c, ["sh", "-c", f"python3 {PROBE} many {o.address()} 80 50 /files/1m.bin; sleep 2"])
    t.eventually(lambda: len(rend_circuits(c)) == 1, 120, "a circuit to the service")
    r = t.ok(r.finish(100))
    t.equal(r.text.strip(), f"50 {wanted}", "answers")


@scenario("two invocations share no circuit to a service; one that goes on keeps its own",
          timeout=200)
@with_onions
def isolation(t):
    o = Onion(t, "isolation").start()
    c = t.user()
    hold = ["sh", "-c", f"{CURL} -m 90 {o.url()}; sleep 6; {CURL} -m 90 {o.url()}"]
    runs = [t.start(c, hold) for _ in range(2)]
    t.eventually(lambda: len(rend_circuits(c)) == 2, 110, "two circuits to the service")
    before = {x["id"] for x in rend_circuits(c)}
    t.equal(len({x["domain"] for x in rend_circuits(c)}), 2, "domains")
    for r in runs:
        t.equal(t.ok(r.finish(110)).text.count("Hello from isolation"), 2, "pages")
    after = {x["id"] for x in rend_circuits(c)}
    t.check(after <= before, f"circuits before {before}, after {after}")
    # What has ended leaves nothing behind.
    t.eventually(lambda: not rend_circuits(c), 20, "no circuit to the service is left")


@scenario("new-identity: the next stream to a service gets another circuit", timeout=200)
@with_onions
def identity(t):
    o = Onion(t, "identity").start()
    c = t.user()
    t.start(c, ["sh", "-c", f"while :; do {CURL} -m 90 {o.url()}; sleep 1; done"])
    t.eventually(lambda: rend_circuits(c), 110, "a circuit to the service")
    old = {x["id"] for x in rend_circuits(c)}
    t.ok(c.ctl("new-identity"), "new-identity")
    t.eventually(lambda: {x["id"] for x in rend_circuits(c)} - old, 60, "another circuit")
    t.eventually(lambda: not {x["id"] for x in rend_circuits(c)} & old, 20, "the old one is gone")


@scenario("names that no service can have are refused at once, in words", timeout=100)
def bad_names(t):
    c = t.regular()
    for name in (mistyped(NOBODY), "expyuzz4wqqyqhjn.onion", "short.onion", "onion",
                 NOBODY.replace("d.onion", "e.onion")):
        began = time.monotonic()
        r = get(t, c, f"http://{name}/", 40)
        t.check(r.status in REFUSED, f"{name}: {r}")
        t.check(time.monotonic() - began < 8, f"{name}: at once")
    t.check("checksum" in c.log_text(), "the log says why")
    for name in (NOBODY, mistyped(NOBODY)):
        r = c.ctl("resolve", name)
        t.check(r.status == 1 and ("onion" in r.err or "checksum" in r.err), r)
    t.equal(told_to_exits(t), [], "names that exits heard")


@scenario("a service that does not exist: an error, not a wait", timeout=150)
def nobody(t):
    c = t.regular()
    r = get(t, c, f"http://{NOBODY}/", 100)
    t.check(r.status in REFUSED and r.seconds < 60, r)
    t.check("no directory knows" in c.log_text(), "the log says why")
    shown = c.run(["curl", "-sS", "-m", "90", f"http://{NOBODY2}/"], timeout=100)
    t.check("no directory knows" in shown.text, f"the page of the HTTP proxy: {shown}")
    print(f"        told after {r.seconds:.1f} s", flush=True)


@scenario("client authorisation: no key, a wrong one, the right one, kept over a restart",
          timeout=300)
@with_onions
def authorisation(t):
    secret, public = x25519_pair()
    wrong, _ = x25519_pair()
    o = Onion(t, "auth", keys=[public]).start()
    c = t.user()
    r = get(t, c, o.url())
    t.check(r.status in REFUSED and "wants authorisation" in c.log_text(), r)
    t.ok(c.ctl("onion-auth", "add", o.address(), wrong), "add")
    r = get(t, c, o.url())
    t.check(r.status in REFUSED and "does not accept the key" in c.log_text(), r)
    # From standard input, where nobody sees it.
    added = client.run([os.path.join(c.build, "onionctl"), "onion-auth", "add", o.address()],
                       c.env, 20, data=(secret + "\n").encode())
    t.ok(added, "add from standard input")
    t.check("Hello from auth" in t.ok(get(t, c, o.url())).text, "with the right key")
    t.equal(c.ctl_json("onion-auth", "list"), {"services": [o.address()]}, "list")
    path = os.path.join(c.state, "onion-auth", o.address().replace(".onion", ".auth_private"))
    with open(path, encoding="ascii") as f:
        t.equal(f.read().strip().lower(), f"{o.address()[:56]}:descriptor:x25519:{secret}", "file")
    t.equal(os.stat(path).st_mode & 0o777, 0o600, "its mode")
    c.stop()
    t.check("Hello from auth" in t.ok(get(t, c, o.url())).text, "after a restart")
    t.ok(c.ctl("onion-auth", "remove", o.address()), "remove")
    t.check(not os.path.exists(path), "the file is gone")
    r = get(t, c, o.url())
    t.check(r.status in REFUSED, f"without the key again: {r}")
    t.equal(c.ctl_json("onion-auth", "list"), {"services": []}, "list")
    t.check(secret not in c.log_text(), "the key is in no log")


@scenario("ClientOnionAuthDir of tor: read at start, open folders are refused", timeout=200)
@with_onions
def auth_dir(t):
    secret, public = x25519_pair()
    o = Onion(t, "authdir", keys=[public]).start()
    c = t.user()
    folder = os.path.join(c.dir, "keys")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, "shop.auth_private"), "w", encoding="ascii") as f:
        f.write(f"{o.address()[:56]}:descriptor:x25519:{secret}\n")
    with open(os.path.join(folder, "bad.auth_private"), "w", encoding="ascii") as f:
        f.write("nonsense\n")
    c.write_config([f"ClientOnionAuthDir {folder}"])
    t.check("Hello from authdir" in t.ok(get(t, c, o.url())).text, "a page")
    t.check("bad.auth_private" in c.log_text(), "the bad file is told")
    c.stop()
    os.chmod(folder, 0o755)
    r = get(t, c, o.url(), 40)
    t.check(r.status == 125 and "0700" in r.err, r)


@scenario("a service that did not come is offered proof of work, and comes", timeout=300)
@with_onions
def proof_of_work(t):
    o = Onion(t, "pow", pow_effort=0).start()
    c = t.user()
    t.check("Hello from pow" in t.ok(get(t, c, o.url())).text, "before")
    # Asleep for one introduction: the next one is worth more to us.
    os.kill(o.p.pid, signal.SIGSTOP)
    r = t.start(c, ["curl", "-sS", *DIRECT, "-m", "110", o.url()])
    time.sleep(33)
    os.kill(o.p.pid, signal.SIGCONT)
    t.check("Hello from pow" in t.ok(r.finish(115)).text, "after")
    with open(os.path.join(o.dir, "rend.log"), encoding="utf-8", errors="replace") as f:
        t.check(re.search("pqueue with effort: [1-9]", f.read()), "the service saw an effort")


def received(c):
    return sum(x["bytes_received"] for x in (c.ctl_json("streams") or {}).get("streams", []))


@scenario("the rendezvous point dies: streams break, new ones find their way", timeout=250)
@with_onions
def rendezvous_dies(t):
    o = Onion(t, "rendezvous").start()
    c = t.user()
    slow = t.start(c, ["sh", "-c", f"{CURL} --limit-rate 200k -o /dev/null {o.url('/files/64m.bin')};"
                       f" echo $?; {again(o.url())}"])
    t.eventually(lambda: received(c) > 100000, 100, "bytes of the service")
    circuit = [x for x in rend_circuits(c) if x["streams"]][0]
    point = [h for h in c.path_of(circuit) if h][-1]
    os.kill(t.net.relay_pid(point), signal.SIGKILL)
    t.eventually(lambda: circuit["id"] not in [x["id"] for x in c.circuits()], 30, "the circuit ends")
    # In a network this small real tor's own circuits suffer too: back it comes.
    t.check(t.net.start_relay(point), "the relay runs again")
    r = slow.finish(150)
    t.check(r.status == 0 and "Hello from rendezvous" in r.text, r)
    t.check(r.text.split()[0] in ("56", "18"), f"the broken stream: {r}")


@scenario("introduction points forget the service: a fresh descriptor, or patience, leads to it",
          timeout=300)
@with_onions
def introductions_die(t):
    o = Onion(t, "introductions").start()
    c = t.user()
    hold = t.start(c, ["sh", "-c", f"{CURL} -m 90 {o.url()}; read x; {again(o.url())}"], stdin=True)
    t.eventually(lambda: rend_circuits(c), 100, "a circuit to the service")
    time.sleep(1)
    t.check(o.forget_introductions() > 0, "introduction circuits were there")
    for x in rend_circuits(c):
        c.ctl("close-circuit", str(x["id"]))
    r = hold.finish(150, b"\n")
    t.equal(r.text.count("Hello from introductions"), 2, f"pages ({r})")


@scenario("a service that restarts is reached again", timeout=300)
@with_onions
def restart(t):
    o = Onion(t, "restart").start()
    c = t.user()
    script = (f"{CURL} -m 90 {o.url()}; read x;"
              f" {again(o.url())}")
    r = t.start(c, ["sh", "-c", script], stdin=True)
    t.eventually(lambda: rend_circuits(c), 100, "a circuit to the service")
    time.sleep(1)
    o.stop(web=False)
    o.start()
    r = r.finish(200, b"\n")
    t.equal(r.text.count("Hello from restart"), 2, f"pages ({r})")


@scenario("SOCKS: every kind of failure has its code (ExtendedErrors), and works without", timeout=250)
@with_onions
def socks_errors(t):
    _, public = x25519_pair()
    wrong, _ = x25519_pair()
    closed = Onion(t, "closed", keys=[public]).start(wait=False)
    o = Onion(t, "open").start()
    c = t.user(extra=["SocksPort 127.0.0.1:19050 ExtendedErrors", "SocksPort 127.0.0.1:19051"])
    t.ok(get(t, c, o.url()), "the agent is there")
    t.eventually(closed.is_up, 60, "the closed service is up")
    t.equal(socks_connect(19050, o.address(), 80), 0, "a service that is there")
    t.equal(socks_connect(19050, NOBODY2, 80), 0xf0, "no descriptor")
    t.equal(socks_connect(19050, closed.address(), 80), 0xf4, "no key")
    t.ok(c.ctl("onion-auth", "add", closed.address(), wrong), "add")
    t.equal(socks_connect(19050, closed.address(), 80), 0xf5, "a wrong key")
    t.equal(socks_connect(19050, mistyped(NOBODY), 80), 0xf6, "a wrong checksum")
    t.equal(socks_connect(19050, "expyuzz4wqqyqhjn.onion", 80), 0xf6, "version 2")
    t.equal(socks_connect(19051, NOBODY2, 80), 4, "no descriptor, plain")
    t.equal(socks_connect(19051, mistyped(NOBODY), 80), 4, "a wrong checksum, plain")
    t.equal(socks_connect(19050, o.address(), 81), 5, "a port where nobody listens")
    t.equal(socks_connect(19050, NOBODY, 0, command=0xf0), 4, "RESOLVE")
    t.equal(told_to_exits(t), [], "names that exits heard")


@scenario("HTTP CONNECT to a service; DNSPort and MapAddress", timeout=200)
@with_onions
def other_ways(t):
    o = Onion(t, "ways").start()
    c = t.user(extra=["HTTPTunnelPort 127.0.0.1:18118", "DNSPort 127.0.0.1:15353"])
    c.write_config(["HTTPTunnelPort 127.0.0.1:18118", "DNSPort 127.0.0.1:15353",
                    f"MapAddress shop.example.test {o.address()}"])
    t.check("Hello from ways" in t.ok(get(t, c, "http://shop.example.test/")).text, "MapAddress")
    r = client.run(["curl", "-sS", "-m", "90", "-p", "-x", "http://127.0.0.1:18118", o.url()], None, 100)
    t.check("Hello from ways" in t.ok(r).text, "HTTP CONNECT")
    r = client.run(["curl", "-sS", "-m", "90", "-x", "http://127.0.0.1:18118", o.url()], None, 100)
    t.check("Hello from ways" in t.ok(r).text, "plain HTTP by proxy")
    some = c.ctl_json("status")["onions"]
    t.check({(x["address"], x["state"]) for x in some} >= {(o.address(), "joined")}, some)
    r = client.run(["python3", DNSQUERY, "udp", "127.0.0.1", "15353", o.address(), "1"], None, 60)
    t.equal(r.text.strip(), "3", "DNSPort: no such name")
    t.equal(told_to_exits(t), [], "names that exits heard")
