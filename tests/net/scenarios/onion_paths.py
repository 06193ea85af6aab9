# SPDX-License-Identifier: BSD-3-Clause
"""Circuits of onion services: their lengths, their vanguards, their reserve."""
import os

from harness import scenario
from onion_host import HELLO, host
from onionhost import LocalServer, await_reachable

# Relays of a path, with vanguards-lite and with full vanguards (agent/path/path.h).
LENGTHS = {
    "onion-reserve": (3, 3), "client-hsdir": (4, 5), "client-intro": (4, 5),
    "client-rend": (3, 4), "service-hsdir": (4, 4), "service-intro": (4, 4),
    "service-rend": (4, 5),
}


class Seen:
    """Relays by position, of every complete circuit for onion services that was listed."""

    def __init__(self):
        self.second, self.third, self.purposes = set(), set(), set()

    def look(self, t, client, full):
        for c in client.circuits():
            if c["purpose"] not in LENGTHS or c["state"] not in ("open", "retired"):
                continue
            relays = [h for h in c["hops"] if h["fingerprint"]]
            if not all(h["open"] for h in relays):
                continue
            # A stem may be on its way to a target; that is one hop or two more.
            if c["purpose"] != "onion-reserve" and len(relays) < LENGTHS[c["purpose"]][full]:
                continue
            t.equal(len(relays), LENGTHS[c["purpose"]][full], f"relays of a {c['purpose']}")
            ids = [h["fingerprint"] for h in relays]
            for i, one in enumerate(ids):
                t.check(one not in ids[i + 1:i + 3], f"{c['purpose']}: {ids} repeats too soon")
            self.purposes.add(c["purpose"])
            self.second.add(ids[1])
            # The third of a client's short path is the rendezvous point itself.
            if full:
                self.third.add(ids[2])


@scenario("onion circuits have their lengths and keep to their vanguards, also over a restart",
          timeout=400)
def vanguards(t):
    with LocalServer() as web:
        c, address = host(t, target=web.target)
        seen = Seen()

        def visit(client, full, times, into):
            for i in range(times):
                r = t.ok(client.run(["curl", "-sS", "--max-time", "80", f"http://{address}/"],
                                    timeout=90), f"visit {i}")
                t.equal(r.text, HELLO, "page")
                into.look(t, client, full)

        await_reachable(t, c, address)
        visit(c, True, 3, seen)
        t.check(seen.second and len(seen.second) <= 4, f"second hops: {seen.second}")
        t.check(seen.third and len(seen.third) <= 8, f"third hops: {seen.third}")
        t.check({"service-intro", "service-rend"} <= seen.purposes, seen.purposes)

        guest = t.user("onion-paths-guest")
        guest.write_config([])
        lite = Seen()
        visit(guest, False, 4, lite)
        t.check({"client-rend"} <= lite.purposes, lite.purposes)
        t.check(lite.second and len(lite.second) <= 4, f"a visitor's second hops: {lite.second}")
        t.eventually(lambda: sum(x["purpose"] == "onion-reserve" and x["state"] == "open"
                                 for x in guest.circuits()) >= 3, 20, "three stems in reserve")
        found = [os.path.join(d, f) for d, _, files in os.walk(guest.dir) for f in files
                 if f == "vanguards"]
        t.equal(found, [], "files of a visitor's vanguards")

        c.stop()
        found = [os.path.join(d, f) for d, _, files in os.walk(c.dir) for f in files
                 if f == "vanguards"]
        t.equal(len(found), 1, "the file of full vanguards")
        t.equal(os.stat(found[0]).st_mode & 0o777, 0o600, "its mode")
        before = seen.second
        t.ok(c.run(["true"], timeout=60), "the agent starts again")
        await_reachable(t, c, address)
        visit(c, True, 2, seen)
        t.check(len(seen.second) <= 4 and before <= seen.second,
                f"second hops before and after: {before}, {seen.second}")
        t.check(len(seen.third) <= 8, f"third hops before and after: {seen.third}")
