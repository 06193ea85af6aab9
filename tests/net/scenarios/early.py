# SPDX-License-Identifier: BSD-3-Clause
"""Optimistic data: first bytes that travel with RELAY_BEGIN."""
import netns
from basic import WWW, exit_addresses
from harness import scenario

TWICE = """
import errno, socket, sys
host, port = sys.argv[1], int(sys.argv[2])
for i in range(3):
    s = socket.create_connection((host, port))
    s.sendall(b"GET /addr HTTP/1.0\\r\\nHost: www.example.test\\r\\n\\r\\n")
    data = b""
    while True:
        more = s.recv(65536)
        if not more:
            break
        data += more
    print(data.decode().split()[-1])
"""


@scenario("--optimistic: pages arrive, and what the exit refuses is a reset")
def flag(t):
    c = t.regular()
    r = t.ok(c.run(["curl", "-sS", "--noproxy", "*", WWW + "/addr"], options=["--optimistic"]))
    t.check(r.text.strip() in exit_addresses(t), f"reached from {r.text!r}")
    r = c.run(["curl", "-sS", "--noproxy", "*", f"http://{netns.WEB_ADDR}:81/"],
              options=["--optimistic"])
    t.check(r.status in (52, 55, 56), f"a closed port: {r}")
    r = c.run(["curl", "-sS", "--noproxy", "*", f"http://{netns.WEB_ADDR}:81/"])
    t.equal(r.status, 7, "a closed port without: curl's status")
    t.check_no_leak()


@scenario("a host that the program was connected to before gets its first bytes early")
def learned(t):
    c = t.regular()
    for host in ("www.example.test", netns.WEB_ADDR):
        r = t.ok(c.run(["python3", "-c", TWICE, host, "80"]), "three times")
        t.check(len(r.text.split()) == 3 and set(r.text.split()) <= exit_addresses(t), r)
    t.check_no_leak()


@scenario("OptimisticData none and a list of ports")
def option(t):
    for value in ("none", "80,443"):
        c = t.user(f"early-{value[:2]}", extra=[f"OptimisticData {value}"])
        r = t.ok(c.run(["python3", "-c", TWICE, "www.example.test", "80"], timeout=80), value)
        t.equal(len(r.text.split()), 3, "pages")
