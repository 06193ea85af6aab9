# SPDX-License-Identifier: BSD-3-Clause
"""Hours of onion services in minutes: periods and random values change, points rotate.

On a network of its own (relays.SHORT_LINES). Visitors never stop coming meanwhile, each
with what it knows fresh, and connections from the beginning are kept to the end.
"""
import http.client
import os
import re
import threading
import time

import relays
from harness import scenario
from onion_host import HELLO, host, tor_client
from onionhost import LocalServer, OnionClient, await_reachable, service
from onions import Onion, control, with_onions

NETWORK = "short"

SOCKS_PORT = 9180
PAUSE_S = 3             # between two visits
NEWNYM_EVERY = 4        # visits; tor allows one in 10 s
FAIL_OURS = 10          # of so many visits one may fail: a circuit may break at any time
FAIL_TORS = 3           # tor's host drops points at once, and quiet relays hear of it late
BEFORE_S = 50           # to bring up tor's host and to visit it
AFTERWARDS_S = 30       # consensuses that say the new period have reached everybody
HALF_RUN = relays.SHORT_RUN // 2


class Worker(threading.Thread):
    """Does step() again and again until stop()."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name, self.over = name, threading.Event()
        self.good, self.bad = [], []    # times of success; what went wrong
        self.began = time.time()

    def run(self):
        while not self.over.is_set():
            try:
                error = self.step()
            except (OSError, http.client.HTTPException, ValueError) as e:
                error = repr(e)
            if error:
                self.bad.append(f"{time.time() - self.began:.0f} s: {error}")
            else:
                self.good.append(time.time())
            self.over.wait(PAUSE_S)

    def stop(self):
        self.over.set()
        self.join(90)

    def gap(self):
        """The longest time without success."""
        times = [self.began] + self.good + [time.time()]
        return max(b - a for a, b in zip(times, times[1:]))


class Visits(Worker):
    """@fetch(number) gives the Result of one visit, by a new client or as good as that."""

    def __init__(self, name, fetch, wanted):
        super().__init__(name)
        self.fetch, self.wanted, self.n = fetch, wanted, 0

    def step(self):
        self.n += 1
        r = self.fetch(self.n)
        return "" if r.status == 0 and self.wanted in r.text else str(r)


class Held(Worker):
    """One connection through @port's SOCKS; requests on it from time to time."""

    def __init__(self, name, net, port, address, wanted):
        super().__init__(name)
        self.wanted, self.http = wanted, http.client.HTTPConnection(address, timeout=30)
        for _ in range(3):
            self.http.sock = OnionClient(net, "none", port).connect(address, 80)
            if self.http.sock:
                break

    def step(self):
        if not self.http.sock:
            return "no connection"
        self.http.auto_open = 0
        self.http.request("GET", "/")
        body = self.http.getresponse().read().decode()
        return "" if self.wanted in body else f"answer: {body!r}"


class States(Worker):
    """What the agent says about its service: reachable, all the time."""

    def __init__(self, client, address):
        super().__init__("the agent's own opinion")
        self.client, self.address = client, address

    def step(self):
        s = service(self.client, self.address)
        return "" if s.get("state") == "reachable" else str(s)


def fetch_with_tor(tor, address):
    def fetch(n):
        if n % NEWNYM_EVERY == 0:   # forgets all descriptors
            control(os.path.join(tor.dir, "control.sock"), "SIGNAL NEWNYM")
        return tor.curl(f"http://{address}/", isolate=f"visit{n}")
    return fetch


def fetch_with_ours(user, address):
    def fetch(_n):  # a new domain: it shares no descriptor and no circuit with those before
        return user.run(["curl", "-sS", "--max-time", "58", f"http://{address}/"], timeout=70)
    return fetch


def sleep_until(when):
    time.sleep(max(0, when - time.time()))


def finish(t, workers, boundary, fail=FAIL_OURS):
    """Stops @workers and checks that nothing was amiss, around @boundary above all.

    The longest gap is told, not judged: it also says how busy the machine was.
    """
    for w in workers:
        w.over.set()
    for w in workers:
        w.stop()
        print(f"        {w.name}: {len(w.good)} times, longest gap {w.gap():.0f} s"
              + (f", failures: {w.bad}" if w.bad else ""), flush=True)
    for w in workers:
        t.check(len(w.good) >= 5, f"{w.name}: {len(w.good)} times, {w.bad}")
        t.check(w.good[0] < boundary < w.good[-1], f"{w.name} at {boundary}: {w.good}")
        # A visit is bound to fail now and then; what was there must stay.
        few = 0 if isinstance(w, Held) else 1 + len(w.good) // fail
        t.check(len(w.bad) <= few, f"{w.name}: {w.bad}")


def visit_tors_host(t, visitor, boundary):
    """
    Around one boundary. There tor keeps introduction points for 10 to 30 s and asks for 28
    in 5 minutes at most: without that there is nothing to visit after three minutes.
    """
    sleep_until(boundary - BEFORE_S)
    name = f"tor's at {boundary:.0f}"
    theirs = Onion(t, name.replace("'", "").replace(" ", "-")).start()
    hello = f"Hello from {theirs.name}"
    workers = [Visits("ours, tor's host", fetch_with_ours(visitor, theirs.address()), hello),
               Held("ours, tor's host, kept", t.net, SOCKS_PORT, theirs.address(), hello)]
    for w in workers:
        w.start()
    sleep_until(boundary + AFTERWARDS_S)
    finish(t, workers, boundary, FAIL_TORS)
    theirs.stop()


def check_log(t, log):
    """What the host did: descriptors of further periods, points by time and by number."""
    begun = set(re.findall("descriptor of period ([0-9]+) begins", log))
    t.check(len(begun) >= 3, f"periods with a descriptor: {begun}")
    sent = re.findall("descriptor of period ([0-9]+) with [0-9]+ introduction points goes to "
                      "([0-9]+) directories", log)
    t.check({p for p, _ in sent} == begun and all(int(n) >= 6 for _, n in sent),
            f"published: {sent}")
    again = max(sum(p == q for q, _ in sent) for p in begun)
    t.check(again >= 3, f"published again as time goes by: {sent}")
    served = [int(n) for n in re.findall("served long enough, with ([0-9]+) introductions", log)]
    t.check(any(n < 6 for n in served), f"points replaced by time: {served}")
    t.check(any(n >= 6 for n in served), f"points replaced by number: {served}")
    retired = log.count("by way of a point that is retired")
    print(f"        points replaced: {len(served)}, introductions at replaced ones: {retired}",
          flush=True)
    t.check(retired > 0, "visitors with an older descriptor")


def check_fetches(t, tor):
    """tor's client found descriptors where it looked for them."""
    with open(os.path.join(tor.dir, "rend.log"), encoding="utf-8", errors="replace") as f:
        status = re.findall("Received v3 hsdesc [^,]*, status ([0-9]+)", f.read())
    print(f"        tor's client: {len(status)} descriptors asked for, "
          f"{status.count('404')} not there", flush=True)
    t.check(len(status) >= 5, f"descriptors that it fetched: {status}")
    t.check(status.count("404") <= len(status) // 4, f"not where it looked: {status}")


@scenario("a time period ends, a random value comes, introduction points rotate: everybody "
          "gets in all the time, connections stay", timeout=600)
@with_onions
def crossing(t):
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        visitor = t.user("onion-periods-visitor")
        visitor.write_config([f"SocksPort 127.0.0.1:{SOCKS_PORT}"])
        t.ok(visitor.run(["true"], timeout=70), "the visitor's agent starts")
        folder = os.path.join(t.net.base, "clients", "onion-client")
        tor = tor_client(t, [f"ControlSocket {folder}/control.sock", "CookieAuthentication 0",
                             f"Log [rend]info [dir]info file {folder}/rend.log"])
        await_reachable(t, c, address)
        workers = [
            Visits("tor's client, our host", fetch_with_tor(tor, address), HELLO),
            Visits("ours, our host", fetch_with_ours(visitor, address), HELLO),
            Held("tor's client, our host, kept", t.net, tor.port, address, HELLO),
            Held("ours, our host, kept", t.net, SOCKS_PORT, address, HELLO),
            States(c, address)]
        for w in workers:
            w.start()
        first = (time.time() + BEFORE_S) // HALF_RUN * HALF_RUN + HALF_RUN
        for boundary in (first, first + HALF_RUN):
            visit_tors_host(t, visitor, boundary)
        finish(t, workers, first)
        with open(os.path.join(t.net.base, "middle1", "cached-microdesc-consensus"),
                  encoding="ascii", errors="replace") as f:
            t.check("shared-rand-current-value" in f.read(), "a random value has come")
        check_log(t, c.log_text())
        check_fetches(t, tor)
