# SPDX-License-Identifier: BSD-3-Clause
"""A network that is down, lies or grows old. Scenarios that stop authorities come last."""
import os
import re
import signal
import subprocess
import time

from basic import WWW
from harness import scenario

WRONG = "DEADBEEF" * 5


def fetch(t, c, timeout=70, **kw):
    return t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=timeout, **kw), "curl")


def gives_up(t, c, seconds=5):
    """onionify --timeout ends with 125 and a message, about when it was told to."""
    r = c.run(["curl", "-sS", WWW + "/addr"], options=["--timeout", str(seconds)],
              timeout=seconds + 30)
    t.equal(r.status, 125, f"exit status ({r})")
    t.check("onionify: " in r.err, f"message: {r.err!r}")
    t.check(not t.requests(), "nothing reached the web server")


@scenario("one authority with a wrong fingerprint in the configuration: the others do", timeout=120)
def one_wrong_fingerprint(t):
    c = t.user()
    lines = t.net.authority_lines()
    c.write_config(authorities=[re.sub(r"[0-9A-F]{40}$", WRONG, lines[0])] + lines[1:])
    fetch(t, c)


@scenario("every authority with a wrong fingerprint: no bootstrap, a clear end", timeout=120)
def wrong_fingerprints(t):
    c = t.user()
    c.write_config(authorities=[re.sub(r"[0-9A-F]{40}$", WRONG, x)
                                for x in t.net.authority_lines()])
    gives_up(t, c)


@scenario("a consensus that foreign authorities signed is not believed", timeout=120)
def foreign_consensus(t):
    c = t.user()
    c.write_config(authorities=[re.sub(r"v3ident=[0-9A-F]{40}", f"v3ident={WRONG[:38]}{i:02d}", x)
                                for i, x in enumerate(t.net.authority_lines())])
    gives_up(t, c)


@scenario("only one of three known authorities signed: not believed", timeout=120)
def minority_consensus(t):
    c = t.user()
    lines = t.net.authority_lines()
    c.write_config(authorities=[lines[0]] + [
        re.sub(r"v3ident=[0-9A-F]{40}", f"v3ident={WRONG[:38]}{i:02d}", x)
        for i, x in enumerate(lines[1:])])
    gives_up(t, c)


@scenario("no network at all: an error in the time asked for, and it works when it is back",
          timeout=200)
def no_network(t):
    c = t.user()
    subprocess.run(["ip", "link", "set", "dev", "uplink", "down"], check=True, timeout=10)
    try:
        gives_up(t, c)
    finally:
        restore_uplink()
    fetch(t, c, timeout=90)


@scenario("the network goes away for ten seconds and comes back", timeout=200)
def network_flaps(t):
    c = t.user()
    fetch(t, c)
    subprocess.run(["ip", "link", "set", "dev", "uplink", "down"], check=True, timeout=10)
    try:
        time.sleep(10)
    finally:
        restore_uplink()
    t.eventually(lambda: c.run(["curl", "-sS", WWW + "/addr"], timeout=60).status == 0, 90,
                 "a page after the network came back")


def restore_uplink():
    """The link, and the addresses and routes that went with it."""
    import netns
    ip = ["ip"]
    subprocess.run(ip + ["link", "set", "dev", "uplink", "up"], check=True, timeout=10)
    subprocess.run(ip + ["addr", "replace", netns.CLIENT_ADDR6 + "/64", "dev", "uplink", "nodad"],
                   check=True, timeout=10)
    for version, net, gateway in (("-4", netns.RELAYS_NET, netns.GATEWAY),
                                  ("-6", netns.RELAYS_NET6, netns.GATEWAY6)):
        subprocess.run(ip + [version, "route", "replace", net, "via", gateway], check=True,
                       timeout=10)
    subprocess.run(ip + ["-6", "route", "replace", "default", "dev", "trap", "src",
                         netns.CLIENT_ADDR6], check=True, timeout=10)


def valid_until(c):
    """The cached consensus's end of validity, as seconds since the epoch, or 0."""
    import calendar
    for base, _, files in os.walk(c.cache):
        for name in files:
            with open(os.path.join(base, name), "rb") as f:
                m = re.search(rb"^valid-until (\S+ \S+)$", f.read(20000), re.M)
            if m:
                return calendar.timegm(time.strptime(m.group(1).decode(), "%Y-%m-%d %H:%M:%S"))
    return 0


@scenario("authorities dead and the consensus expired: the agent goes on, and a restarted one works",
          timeout=240)
def expired_consensus(t):
    c = t.user()
    fetch(t, c)
    for r in t.net.relays:
        if r.role == "authority":
            os.kill(t.net.relay_pid(r), signal.SIGKILL)
    until = valid_until(c)
    t.check(until, "no consensus in the cache")
    t.check(until - time.time() < 90, "the consensus is valid for too long")
    pid = c.agent_pid()
    time.sleep(max(0, until - time.time() + 2))
    fetch(t, c)
    t.equal(c.agent_pid(), pid, "the agent's process")
    t.check(c.stop(), "the agent stops when told")
    fetch(t, c, timeout=90)
