# SPDX-License-Identifier: BSD-3-Clause
"""What tor's relays themselves count of our clients: accepted, modern, within the protocol."""
import re
import urllib.request

from basic import WWW
from harness import scenario
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


@scenario("relays count ntor v3 handshakes, congestion control and no violation of the protocol",
          timeout=120)
def counters(t):
    relays = [r for r in t.net.relays if r.role != "authority"]
    before = [counts(r) for r in relays]
    c = t.user()
    for _ in range(3):
        t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60), "a page")
        t.ok(c.ctl("new-identity"), "other circuits")
    after = [counts(r) for r in relays]

    def more(name, *labels):
        return total(after, name, *labels) - total(before, name, *labels)

    modern = more("load_onionskins_total", 'type="ntor_v3"', 'action="processed"')
    t.check(modern >= 9, f"{modern} ntor v3 handshakes for three circuits and more")
    t.equal(more("load_onionskins_total", 'type="tap"'), 0, "TAP handshakes")
    t.equal(more("load_onionskins_total", 'type="ntor"'), 0, "handshakes of the older ntor")
    t.check(more("congestion_control_total", 'action="circs_created"') >= 3,
            "circuits with congestion control at exits")
    # Since they started: by every client of every scenario so far.
    t.check(all(("circ_proto_violation_total", "") in one for one in after), "it is counted")
    t.equal(total(after, "circ_proto_violation_total"), 0, "violations of the protocol")
