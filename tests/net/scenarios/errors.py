# SPDX-License-Identifier: BSD-3-Clause
"""What fails, fails as it would on a direct connection, and in bounded time."""
from basic import PROBE
from harness import scenario
import netns

BOUND = 75


def probe(t, *words, timeout=BOUND):
    r = t.regular().run(["python3", PROBE] + list(words), timeout=timeout)
    return t.ok(r, " ".join(words)).text.strip()


def expect(t, wanted, *words):
    got = probe(t, *words)
    t.check(got in wanted, f"{' '.join(words)}: got {got}, wanted {' or '.join(wanted)}")


@scenario("a refused port gives ECONNREFUSED, blocking and not", timeout=160)
def refused(t):
    expect(t, ("ECONNREFUSED",), "connect", "refused.example.test", "81")
    expect(t, ("ECONNREFUSED",), "connect-nb", netns.WEB_ADDR, "81")


@scenario("an unknown name gives a resolver error or no route", timeout=160)
def unknown_name(t):
    # Names are resolved at the exit: connect() is where the truth comes out.
    wanted = ("EAI_NONAME", "EAI_NODATA", "EHOSTUNREACH")
    expect(t, wanted, "connect", "unknown.example.test", "80")
    expect(t, wanted, "connect-nb", "unknown.example.test", "80")


@scenario("an unreachable host gives EHOSTUNREACH", timeout=160)
def unreachable(t):
    expect(t, ("EHOSTUNREACH", "ENETUNREACH"), "connect", "unreachable.example.test", "80")
    expect(t, ("EHOSTUNREACH", "ENETUNREACH"), "connect-nb", netns.UNREACHABLE_ADDR, "80")


@scenario("a network without route gives EHOSTUNREACH or ENETUNREACH", timeout=80)
def no_route(t):
    expect(t, ("EHOSTUNREACH", "ENETUNREACH"), "connect", "nonet.example.test", "80")


@scenario("a port that every exit refuses gives an error", timeout=80)
def refused_by_policy(t):
    expect(t, ("ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EACCES"), "connect",
           netns.WEB_ADDR, "25")


@scenario("a port that one exit refuses works through the others")
def one_exit_refuses(t):
    exits = {r.exit_addr for r in t.net.relays if r.exit_addr and not r.policy}
    for i in range(6):
        r = t.ok(t.regular().run(["curl", "-sS", f"http://{netns.WEB_ADDR}:8080/addr"]), f"run {i}")
        t.check(r.text.strip() in exits, f"came from {r.text.strip()}")


@scenario("a host that never answers ends with an error", timeout=200)
def silent_host(t):
    got = probe(t, "connect", "silent.example.test", "80", timeout=190)
    t.check(got in ("ETIMEDOUT", "EHOSTUNREACH", "ECONNREFUSED"), got)


@scenario("a connection that the server resets ends for the program")
def reset(t):
    expect(t, ("ECONNRESET", "closed"), "reset", "www.example.test", "8003")


@scenario("curl and wget report failure for an unknown name", timeout=160)
def tools(t):
    for args in (["curl", "-sS"], ["wget", "-q", "-t", "1"]):
        r = t.regular().run(args + ["http://unknown.example.test/"], timeout=BOUND)
        t.check(r.status not in (0, -1000), f"{args[0]}: {r}")
