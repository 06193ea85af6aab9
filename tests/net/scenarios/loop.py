# SPDX-License-Identifier: BSD-3-Clause
"""Scripts that run onionify over and over again."""
import time

from basic import PROBE, WWW
from client import Running
from harness import scenario
import netns

ROUNDS = 400        # more than there is room for circuits of domains
AT_ONCE = 8


def domain_circuits(c):
    """Circuits that belong to a domain."""
    doc = c.ctl_json("circuits") or {}
    return [x for x in doc.get("circuits", []) if x.get("domain")]


def run_bare(c, args):
    """As a program that knows of the agent by its SOCKS port alone."""
    return Running(args, c.env)


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


USERS = 600
SOCKS_USERS = """
import socket, struct, sys, time
port, host, first, n = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
slowest = 0
for i in range(first, first + n):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        user = b"user%d" % i
        s.sendall(b"\\x05\\x01\\x02")
        assert s.recv(2) == b"\\x05\\x02"
        s.sendall(b"\\x01" + bytes([len(user)]) + user + b"\\x01p")
        assert s.recv(2) == b"\\x01\\x00"
        s.sendall(b"\\x05\\x01\\x00\\x01" + socket.inet_aton(host) + struct.pack("!H", 80))
        reply = s.recv(10)
        assert reply[1] == 0, reply
    slowest = max(slowest, time.monotonic() - began)
print(f"{slowest:.2f}")
"""


@scenario(f"{USERS} users of the SOCKS port in a row, who have no leases: the oldest make room",
          timeout=400)
def socks_users(t):
    c = t.user(extra=["SocksPort 9973"])
    t.ok(c.run(["true"], timeout=80), "first")
    began = time.monotonic()
    runs = [run_bare(c, ["python3", "-c", SOCKS_USERS, "9973", netns.WEB_ADDR,
                         str(k * USERS // 4), str(USERS // 4)]) for k in range(4)]
    slowest = max(float(t.ok(r.finish(300), "users").text) for r in runs)
    print(f"        {USERS} users in {time.monotonic() - began:.0f} s, slowest {slowest:.1f} s, "
          f"{len(domain_circuits(c))} circuits left", flush=True)
    t.check(len(domain_circuits(c)) > 400, "circuits stay while there is room")
    t.check(slowest < 40, f"one took {slowest:.1f} s")
