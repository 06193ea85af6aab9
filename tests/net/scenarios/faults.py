# SPDX-License-Identifier: BSD-3-Clause
"""Relays that die or stall in mid-transfer."""
import os
import signal
import time

from agent import flow
from basic import WWW
from harness import scenario
import services

ROLES = ("guard", "middle", "exit")
ERROR_WITHIN = 45       # from the death of a relay to the program's error
NEXT_WITHIN = 60        # until a new connection works again


def stream_path(t, c):
    """The relays of the circuit that carries a stream now."""
    paths = []
    t.eventually(lambda: paths.extend(c.exit_paths()) or paths, 10,
                 "a path with three known relays in onionctl circuits")
    return paths[0]


def relay_goes(t, role, sig):
    services.test_file(t.net.cache, 256)
    c = t.user()
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60), "before")
    r = flow(t, c)
    relay = stream_path(t, c)[ROLES.index(role)]
    os.kill(t.net.relay_pid(relay), sig)
    if sig == signal.SIGKILL:
        done = r.finish(ERROR_WITHIN)
        t.check(done.status not in (0, -1000), f"curl after the death of {relay.name}: {done}")
    began = time.monotonic()
    done = c.run(["curl", "-sS", WWW + "/addr"], timeout=NEXT_WITHIN)
    t.ok(done, f"the next connection without {relay.name}")
    print(f"        next connection after {time.monotonic() - began:.1f} s", flush=True)
    if sig == signal.SIGSTOP:
        os.kill(t.net.relay_pid(relay), signal.SIGCONT)


@scenario("the exit is killed", timeout=200)
def exit_killed(t):
    relay_goes(t, "exit", signal.SIGKILL)


@scenario("the middle relay is killed", timeout=200)
def middle_killed(t):
    relay_goes(t, "middle", signal.SIGKILL)


@scenario("the guard is killed", timeout=200)
def guard_killed(t):
    relay_goes(t, "guard", signal.SIGKILL)


@scenario("the exit stalls: new connections go round it", timeout=200)
def exit_stalled(t):
    relay_goes(t, "exit", signal.SIGSTOP)


@scenario("the middle relay stalls: new connections go round it", timeout=200)
def middle_stalled(t):
    relay_goes(t, "middle", signal.SIGSTOP)


@scenario("the guard stalls: new connections go round it", timeout=200)
def guard_stalled(t):
    relay_goes(t, "guard", signal.SIGSTOP)


@scenario("all exits are dead: an error in bounded time, and life returns with them", timeout=300)
def all_exits(t):
    c = t.user(extra=["SocksTimeout 30"])
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60), "before")
    exits = [r for r in t.net.relays if r.role == "exit"]
    for r in exits:
        os.kill(t.net.relay_pid(r), signal.SIGKILL)
    done = c.run(["curl", "-sS", WWW + "/addr"], timeout=150)
    t.check(done.status not in (0, -1000), f"curl without exits: {done}")
    for r in exits:
        t.check(t.net.start_relay(r), f"{r.name} starts again")
    t.eventually(lambda: c.run(["curl", "-sS", WWW + "/addr"], timeout=40).status == 0, 90,
                 "a page after the exits came back")
