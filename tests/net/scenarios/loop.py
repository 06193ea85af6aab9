# SPDX-License-Identifier: BSD-3-Clause
"""Scripts that run onionify over and over again."""
import time

from basic import PROBE, WWW
from harness import scenario
import netns

ROUNDS = 700
AT_ONCE = 8


def domain_circuits(c):
    """Circuits that belong to a domain."""
    doc = c.ctl_json("circuits") or {}
    return [x for x in doc.get("circuits", []) if x.get("domain")]


@scenario("when an invocation ends its circuits and names go; a named domain keeps them",
          timeout=120)
def leases(t):
    c = t.user()
    t.ok(c.run(["curl", "-sS", "--noproxy", "*", WWW + "/addr"], timeout=70), "curl")
    t.eventually(lambda: not domain_circuits(c), 10, "no circuit of the ended invocation")
    t.ok(c.run(["curl", "-sS", "--noproxy", "*", WWW + "/addr"], options=["--isolate", "kept"]),
         "curl --isolate")
    time.sleep(5)
    t.check(domain_circuits(c), "the named domain has a circuit")
    r = t.start(c, ["sh", "-c", f"curl -sS --noproxy '*' {WWW}/addr; sleep 8"])
    time.sleep(6)
    t.check(len(domain_circuits(c)) >= 2, "a running invocation keeps its circuit")
    t.ok(r.finish(30), "sh")


@scenario(f"{ROUNDS} invocations in a row, each with a connection, none waits for room",
          timeout=560)
def many(t):
    c = t.user()
    t.ok(c.run(["true"], timeout=80), "first")
    began, slowest, most, running = time.monotonic(), 0, 0, []
    for i in range(ROUNDS):
        running.append(t.start(c, ["python3", "-S", "-E", PROBE, "connect", netns.WEB_ADDR, "80"]))
        t.background.pop()
        if len(running) == AT_ONCE or i == ROUNDS - 1:
            for r in running:
                done = t.ok(r.finish(60), f"round {i}")
                slowest = max(slowest, done.seconds)
            running = []
            most = max(most, len(domain_circuits(c)))
    seconds = time.monotonic() - began
    print(f"        {ROUNDS} in {seconds:.0f} s, slowest {slowest:.1f} s, "
          f"at most {most} circuits of domains", flush=True)
    t.check(most < 256, f"{most} circuits of domains at once")
    t.check(slowest < 40, f"one took {slowest:.1f} s")
    t.check_no_leak()
