# SPDX-License-Identifier: BSD-3-Clause
"""The same network with distance: every host in a namespace of its own.

    client   relay   relay   ...   web
       \\       \\      |      /     /
        `------- wan (wan.c) ------'      the same delay between any two

Kernels without netem have no delay to offer, so one process carries all frames
between TAP devices and hands each over when its time has come. The client's
device has the name that the trap watches, and its default route stays the trap.
"""
import os
import subprocess
import time

import netns

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(ROOT, "build", "release", "tests", "net", "wan")
MTU = "9000"            # fewer frames for a small machine to carry
QUEUE_FRAMES = "4000"
READY_TIMEOUT = 20
NETS = ("192.0.2.0/24", netns.RELAYS_NET, "203.0.113.0/24",
        "2001:db8:1::/64", netns.RELAYS_NET6, "2001:db8:80::/64")


def check_usable():
    """Raises RuntimeError with a sentence when this machine cannot make such a network."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as e:
        raise RuntimeError("the wide-area network needs TAP devices, and /dev/net/tun cannot be "
                           f"used here ({e.strerror}); run as root, or without --wan") from e
    if not os.path.exists(PROGRAM) or os.path.getmtime(PROGRAM) < os.path.getmtime(
            os.path.join(HERE, "wan.c")):
        r = subprocess.run(["make", "--no-print-directory", "-s", "-C", ROOT, "VARIANT=release",
                            os.path.relpath(PROGRAM, ROOT)], timeout=120, check=False, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if r.returncode:
            raise RuntimeError(f"{PROGRAM} cannot be built: {r.stdout.strip()[-500:]}")


def _hosts(spaces, web_ns, all_relays):
    """(namespace or None, device, addresses) of every host; the client comes first."""
    out = [(None, "uplink", [netns.CLIENT_ADDR, netns.CLIENT_ADDR6])]
    for r in all_relays:
        out.append((spaces[r.name], "wan", [a for a in (r.addr, r.addr6, r.exit_addr,
                                                        r.exit_addr6) if a]))
    out.append((web_ns, "wan", [netns.WEB_ADDR, netns.DNS_ADDR, netns.WEB_ADDR6]))
    return out


def command(spaces, web_ns, all_relays, delay_ms, mbit):
    """Arguments of the process that carries the frames."""
    specs = [f"{dev}@/proc/{ns or os.getpid()}/ns/net={','.join(addrs)}"
             for ns, dev, addrs in _hosts(spaces, web_ns, all_relays)]
    return [PROGRAM, str(delay_ms), str(mbit)] + specs


def await_ready(log):
    """Waits until the carrier has made its devices."""
    deadline = time.monotonic() + READY_TIMEOUT
    text = ""
    while time.monotonic() < deadline:
        with open(log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if "ready\n" in text:
            return
        if "wan: " in text:
            break
        time.sleep(0.02)
    raise RuntimeError(f"the wide-area network did not start: {text.strip()}")


def _up(ns, dev):
    """Without ARP and neighbour discovery: the carrier knows who is where."""
    netns.run_ip(ns, "link", "set", "dev", dev, "arp", "off", "mtu", MTU,
              "txqueuelen", QUEUE_FRAMES)
    netns.run_ip(ns, "link", "set", "dev", dev, "up")


def prepare(spaces, web_ns):
    """Before the carrier starts: no namespace says anything by itself."""
    for ns in [None, web_ns] + list(spaces.values()):
        netns.quiet_ipv6(ns)
        netns.run_ip(ns, "link", "set", "lo", "up")


def build(spaces, web_ns, all_relays):
    """Addresses and routes; called inside the client's namespace when devices exist."""
    for ns, dev, addrs in _hosts(spaces, web_ns, all_relays):
        _up(ns, dev)
        for addr in addrs:
            netns.add_addr(ns, dev, addr + ("/128" if ":" in addr else "/32"))
        for net in NETS:
            # The client reaches relays alone, as in the other network.
            if ns or net in (netns.RELAYS_NET, netns.RELAYS_NET6):
                family = "-6" if ":" in net else "-4"
                netns.run_ip(ns, family, "route", "add", net, "dev", dev)
    first = next(iter(spaces.values()))
    netns.add_link(None, "trap", first, "trapend")
    netns.run_ip(None, "link", "set", "dev", "trap", "arp", "off")
    netns.run_ip(None, "link", "set", "dev", "trap", "up")
    netns.run_ip(first, "link", "set", "dev", "trapend", "up")
    netns.run_ip(None, "route", "add", "default", "dev", "trap", "src", netns.CLIENT_ADDR)
    netns.run_ip(None, "-6", "route", "add", "default", "dev", "trap", "src", netns.CLIENT_ADDR6)
    for r in all_relays:
        if r.exit_addr:
            netns.run_ip(spaces[r.name], "route", "add", "unreachable", netns.UNREACHABLE_ADDR)
