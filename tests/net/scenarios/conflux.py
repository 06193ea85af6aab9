# SPDX-License-Identifier: BSD-3-Clause
"""Sets of two circuits to one exit (conflux), as tor's own exits see them."""
import collections
import os
import re
import signal
import time

from agent import flow
from basic import WWW
from client import wait_until
from harness import Skip, scenario
import services
from transfer import hash_of

LINK = re.compile(r"Processing a CONFLUX_LINK for set ([0-9A-F]+)")
LINKED = "Successfully linked a conflux relay set"


def exit_log(t, relay):
    with open(os.path.join(relay.dir(t.net.base), "circ.log"), encoding="utf-8",
              errors="replace") as f:
        return f.read()


def sets(c, busy=None):
    """Open circuits with their legs; @busy: with streams or without."""
    found = [x for x in c.circuits() if x.get("legs") and x.get("state") == "open"]
    return [x for x in found if busy is None or bool(x.get("streams")) == busy]


def legs_of(c, one):
    return [x for x in c.circuits() if x.get("set") == one["id"]]


def fetch(t, c, what="/addr", timeout=60):
    return t.ok(c.run(["curl", "-sS", "--noproxy", "*", WWW + what], timeout=timeout), what)


def busy_set(t, c):
    """A set of two legs with a slow download on it.

    The first circuits of an agent may be single ones, begun to learn build times; and
    of this network's few relays not every set finds a second path.
    """
    services.test_file(t.net.cache, 256)
    fetch(t, c)
    for _ in range(8):
        t.eventually(lambda: [x for x in sets(c, busy=False) if len(x["legs"]) == 2], 10,
                     "a set of two legs in reserve")
        run = flow(t, c)
        found = [x for x in sets(c, busy=True) if len(x["legs"]) == 2]
        if found:
            return found[0]
        run.kill()
    t.check(False, "no stream got a set of two legs")
    return None


@scenario("an exit circuit has two legs through different guards, and tor's exit linked them",
          timeout=120)
def two_legs(t):
    c = t.user()
    used = [busy_set(t, c)]
    legs = legs_of(c, used[0])
    t.equal(len(legs), 2, "number of legs")
    paths = [c.path_of(x) for x in legs]
    t.check(all(len(p) == 3 and all(p) for p in paths), f"paths of legs: {paths}")
    t.check(paths[0][2] is paths[1][2], "one exit")
    others = [r.name for p in paths for r in p[:2]]
    t.equal(len(set(others)), 4, f"distinct guards and middles in {others}")
    t.check(all(x["linked"] and x["rtt_us"] > 0 for x in used[0]["legs"]), used[0]["legs"])
    t.check(all("cc" in x["hops"][2]["handshake"] for x in legs), "congestion control")
    log = exit_log(t, paths[0][2])
    nonces = collections.Counter(LINK.findall(log))
    t.check(2 in nonces.values(), f"{paths[0][2].name} was asked to link: {nonces}")
    t.check(log.count(LINKED) >= 2, f"{paths[0][2].name} linked {log.count(LINKED)} legs")
    t.check("set of" in c.ctl("circuits").text, "onionctl circuits names the set")


@scenario("64 MiB down and 64 MiB up over a set, equal hashes, both legs in use", timeout=240)
def both_ways(t):
    c = t.user()
    path, wanted = services.test_file(t.net.cache, 64)
    out = os.path.join(c.dir, "down.bin")
    fetch(t, c)
    received = set()
    for _ in range(4):  # not every circuit of this small network has two legs
        run = t.start(c, ["curl", "-sS", "--noproxy", "*", "-o", out, WWW + "/files/64m.bin"])
        while run.p.poll() is None:
            for one in sets(c, busy=True):
                received |= {x["circuit"] for x in one["legs"] if x["received"] > 100}
            time.sleep(0.2)
        t.ok(run.finish(60), "download")
        t.equal(hash_of(out), wanted, "hash of the download")
        if len(received) >= 2:
            break
    t.check(len(received) >= 2, f"legs that brought data: {received}")
    t.ok(c.run(["curl", "-sS", "--noproxy", "*", "-T", path, WWW + "/upload/64m.bin"],
               timeout=200), "upload")
    stored = os.path.join(t.net.base, "web", "upload", "64m.bin")
    t.equal(hash_of(stored), wanted, "hash of the upload")
    os.unlink(stored)


def kill_guard_of(t, sending):
    """Kills the guard of one leg in mid-transfer; the program hears of it or gets all."""
    c = t.user()
    services.test_file(t.net.cache, 64)
    _, wanted = services.test_file(t.net.cache, 64)
    fetch(t, c)
    out = os.path.join(c.dir, "down.bin")
    for _ in range(8):  # the first circuits of an agent may be single ones
        run = t.start(c, ["curl", "-sS", "--noproxy", "*", "-o", out, WWW + "/files/64m.bin"])
        if wait_until(lambda: run.p.poll() is not None or sets(c, busy=True), 30) and \
                run.p.poll() is None:
            break
        run.kill()
        t.ok(c.ctl("new-identity"), "other circuits")
    t.check(run.p.poll() is None, "a busy set in one of eight downloads")
    t.eventually(lambda: os.path.exists(out) and os.path.getsize(out) > 1 << 20, 30, "data")
    leg = next((x for x in sets(c, busy=True)[0]["legs"] if x["sending"] == sending), None)
    if not leg:
        raise Skip("this small network had no path for a second leg")
    circuit = next(x for x in c.circuits() if x["id"] == leg["circuit"])
    guard = c.path_of(circuit)[0]
    os.kill(t.net.relay_pid(guard), signal.SIGKILL)
    done = run.finish(60)
    if done.status == 0:
        t.equal(hash_of(out), wanted, "hash of what arrived all the same")
    t.check(done.status != -1000, f"neither an end nor an error: {done}")
    began = time.monotonic()
    fetch(t, c, timeout=60)
    print(f"        curl's status {done.status}; next connection after "
          f"{time.monotonic() - began:.1f} s", flush=True)


@scenario("the guard of the leg in use is killed in mid-transfer", timeout=200)
def sending_guard_killed(t):
    kill_guard_of(t, True)


@scenario("the guard of the other leg is killed in mid-transfer", timeout=200)
def other_guard_killed(t):
    kill_guard_of(t, False)


@scenario("a set that has nothing under way goes on when the guard of its other leg dies",
          timeout=150)
def idle_guard_killed(t):
    c = t.user()
    fetch(t, c)
    unused = []
    t.eventually(lambda: unused.extend(x for x in sets(c) if x["dirty_ms"] < 0 and
                                       len(x["legs"]) == 2) or unused, 20, "a set in reserve")
    leg = next(x for x in unused[0]["legs"] if not x["sending"])
    circuit = next(x for x in c.circuits() if x["id"] == leg["circuit"])
    os.kill(t.net.relay_pid(c.path_of(circuit)[0]), signal.SIGKILL)

    def is_left():
        one = [x for x in c.circuits() if x["id"] == unused[0]["id"] and x["state"] == "open"]
        return one and len(one[0]["legs"]) == 1
    t.eventually(is_left, 10, "the set with one leg")
    for _ in range(5):
        fetch(t, c, timeout=40)


@scenario("ConfluxEnabled 0: single circuits", timeout=90)
def switched_off(t):
    c = t.user(extra=["ConfluxEnabled 0"])
    fetch(t, c)
    t.equal(sets(c), [], "sets")
    t.check(not [x for x in c.circuits() if x.get("set")], "legs")
