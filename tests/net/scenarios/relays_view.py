# SPDX-License-Identifier: BSD-3-Clause
"""What tor's relays themselves count of our clients: accepted, modern, within the protocol."""
import re
import urllib.request

from basic import WWW
from harness import scenario
from onion_host import await_reachable, host
from onionhost import LocalServer
from relays import METRICS_PORT

SAMPLE = re.compile(r"^tor_relay_([a-z0-9_]+)(?:\{([^}]*)\})? ([0-9]+)$", re.M)
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def counts(relay):
    """The relay's counters: {(name, labels): number}."""
    with DIRECT.open(f"http://{relay.addr}:{METRICS_PORT}/metrics", timeout=20) as f:
        text = f.read(1 << 20).decode()
    return {(name, labels): int(n) for name, labels, n in SAMPLE.findall(text)}


def total(all_counts, name, *labels):
    """Sum over relays of the counters with all @labels."""
    return sum(n for one in all_counts for (key, got), n in one.items()
               if key == name and all(label in got for label in labels))


class Watch:
    """What the relays count from its making on. Nobody else may use the network meanwhile."""

    def __init__(self, t):
        self.relays = t.net.relays
        self.before = [counts(r) for r in self.relays]
        self.after = []

    def look(self):
        self.after = [counts(r) for r in self.relays]

    def more(self, name, *labels):
        return total(self.after, name, *labels) - total(self.before, name, *labels)

    def check_protocol(self, t):
        t.equal(self.more("load_onionskins_total", 'type="tap"'), 0, "TAP handshakes")
        t.check(all(("circ_proto_violation_total", "") in one for one in self.after),
                "violations are counted")
        t.equal(self.more("circ_proto_violation_total"), 0, "violations of the protocol")


@scenario("relays count ntor v3 handshakes, congestion control and no violation of the protocol",
          timeout=120)
def pages(t):
    watch = Watch(t)
    c = t.user()
    for _ in range(3):
        t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60), "a page")
        t.ok(c.ctl("new-identity"), "other circuits")
    watch.look()
    modern = watch.more("load_onionskins_total", 'type="ntor_v3"', 'action="processed"')
    t.check(modern >= 9, f"{modern} ntor v3 handshakes for three circuits and more")
    t.check(watch.more("congestion_control_total", 'action="circs_created"') >= 3,
            "circuits with congestion control at exits")
    t.equal(watch.more("load_onionskins_total", 'type="ntor"'), 0, "older ntor handshakes")
    watch.check_protocol(t)


@scenario("an onion service of ours and its visitor: points as tor counts them, no violation",
          timeout=240)
def onion(t):
    with LocalServer() as web:
        watch = Watch(t)
        c, address = host(t, target=web.target)
        await_reachable(t, c, address)
        visitor = t.user("relays_view-visitor")
        t.ok(visitor.run(["curl", "-sS", "--max-time", "80", f"http://{address}/"], timeout=90),
             "a page of the service")
        watch.look()
    t.check(watch.more("est_intro_total", 'action="success"') >= 3, "introduction points")
    for name in ("est_rend_total", "intro1_total", "rend1_total"):
        t.check(watch.more(name, 'action="success"') >= 1, name)
    watch.check_protocol(t)
