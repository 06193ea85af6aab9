# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces of the private network.

    client  --uplink--  relays  --web link--  web
       \\--trap (default route: whatever would leave the machine ends here)

The client's namespace has routes to the relays alone; relays do not forward, so
the web server is reached through exits or not at all. No namespace has a link
to the host. Only veth links are used: every kernel with namespaces has them.
"""
import os
import subprocess
import time

CLIENT_ADDR, CLIENT_ADDR6 = "192.0.2.2", "2001:db8:1::2"
GATEWAY, GATEWAY6 = "192.0.2.1", "2001:db8:1::1"
RELAYS_NET, RELAYS_NET6 = "198.51.100.0/24", "2001:db8:10::/64"
WEB_ADDR, WEB_ADDR6 = "203.0.113.80", "2001:db8:80::80"
DNS_ADDR = "203.0.113.53"
RELAYS_WEB_ADDR, RELAYS_WEB_ADDR6 = "203.0.113.1", "2001:db8:80::1"
SILENT_ADDR = "203.0.113.99"        # packets to it vanish: connections time out
UNREACHABLE_ADDR = "203.0.113.200"  # EHOSTUNREACH at the exit
NO_ROUTE_ADDR = "192.88.99.1"       # ENETUNREACH at the exit
TRAP_NAMESERVER = "100.64.0.53"     # the client's resolv.conf: caught by the trap

# With a process namespace the kernel ends every process together with the holder;
# where /proc cannot be mounted (some containers), the holder does what it can.
UNSHARE_VARIANTS = (
    ["-n", "-m", "-p", "--fork", "--kill-child", "--mount-proc"],
    ["-n", "-m", "--fork", "--kill-child"],
)


def unshare_flags():
    """Options for unshare(1) that work here; users without root get a user namespace."""
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    probe = "ip link set lo up && ip link add veth0 type veth peer name veth1"
    last = ""
    for variant in UNSHARE_VARIANTS:
        r = subprocess.run(["unshare"] + user + variant + ["sh", "-c", probe], text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20,
                           check=False)
        if r.returncode == 0:
            return user + variant
        last = r.stderr.strip()
    raise RuntimeError("cannot make a network namespace here "
                       f"(root or unprivileged user namespaces are needed): {last}")


def nsenter_args(unshare_pid, flags):
    """Command prefix that runs a program in the client's namespaces, from outside."""
    ns = f"/proc/{unshare_pid}/ns"
    args = ["nsenter", f"--net={ns}/net", f"--mount={ns}/mnt", f"--pid={ns}/pid_for_children"]
    if "-U" in flags:
        args += [f"--user={ns}/user", "--preserve-credentials"]
    return args


def in_netns(keeper_pid, args):
    """Command that runs @args in the network namespace of @keeper_pid, from inside."""
    return ["nsenter", f"--net=/proc/{keeper_pid}/ns/net"] + list(args)


def new_keeper():
    """A process that holds a new network namespace open."""
    p = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
    own = os.readlink("/proc/self/ns/net")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{p.pid}/comm", encoding="ascii") as f:
                comm = f.read().strip()
            if os.readlink(f"/proc/{p.pid}/ns/net") != own and comm == "sleep":
                return p
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError("a new network namespace did not appear")


def run_ip(keeper, *args):
    cmd = ["ip"] + list(args)
    if keeper:
        cmd = in_netns(keeper, cmd)
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=20, check=False)
    if r.returncode:
        raise RuntimeError(f"{' '.join(cmd)}: {r.stdout.strip()}")
    return r.stdout


def _sysctl(keeper, key, value):
    cmd = ["sh", "-c", 'echo "$2" >"/proc/sys/net/$1" 2>/dev/null || :', "sh", key, value]
    subprocess.run(in_netns(keeper, cmd) if keeper else cmd, timeout=20, check=False)


def quiet_ipv6(keeper):
    """No router solicitations, no duplicate address detection, no privacy addresses."""
    for scope in ("all", "default"):
        for key, value in (("router_solicitations", "0"), ("accept_dad", "0"),
                           ("accept_ra", "0"), ("addr_gen_mode", "1")):
            _sysctl(keeper, f"ipv6/conf/{scope}/{key}", value)


def add_link(a_ns, a, b_ns, b):
    """A veth pair made in the client's namespace; its ends are moved where they belong."""
    run_ip(None, "link", "add", "name", a, "type", "veth", "peer", "name", b)
    for ns, end in ((a_ns, a), (b_ns, b)):
        if ns:
            run_ip(None, "link", "set", "dev", end, "netns", str(ns))


def add_addr(ns, dev, addr):
    run_ip(ns, "addr", "add", addr, "dev", dev, *(["nodad"] if ":" in addr else []))


def mac_of(ns, dev):
    return run_ip(ns, "-o", "link", "show", "dev", dev).split("link/ether ")[1].split()[0]


def build(relays_ns, web_ns, all_relays):
    """Links, addresses and routes; called inside the client's namespace."""
    for ns in (None, relays_ns, web_ns):
        quiet_ipv6(ns)
        run_ip(ns, "link", "set", "lo", "up")
    add_link(None, "uplink", relays_ns, "clients")
    add_link(None, "trap", relays_ns, "trapend")
    add_link(relays_ns, "weblink", web_ns, "websrv")
    for ns, dev in ((None, "uplink"), (relays_ns, "clients"), (None, "trap"),
                    (relays_ns, "trapend"), (relays_ns, "weblink"), (web_ns, "websrv")):
        if dev == "trap":
            run_ip(ns, "link", "set", "dev", dev, "arp", "off")
        run_ip(ns, "link", "set", "dev", dev, "up")
    for ns, dev, addrs in (
            (None, "uplink", (CLIENT_ADDR + "/24", CLIENT_ADDR6 + "/64")),
            (relays_ns, "clients", (GATEWAY + "/24", GATEWAY6 + "/64")),
            (relays_ns, "weblink", (RELAYS_WEB_ADDR + "/24", RELAYS_WEB_ADDR6 + "/64")),
            (web_ns, "websrv", (WEB_ADDR + "/24", DNS_ADDR + "/24", WEB_ADDR6 + "/64"))):
        for addr in addrs:
            add_addr(ns, dev, addr)
    for r in all_relays:
        add_addr(relays_ns, "lo", r.addr + "/32")
        if r.addr6:
            add_addr(relays_ns, "lo", r.addr6 + "/128")
        if r.exit_addr:
            add_addr(relays_ns, "weblink", r.exit_addr + "/24")
            add_addr(relays_ns, "weblink", r.exit_addr6 + "/64")
    run_ip(None, "route", "add", RELAYS_NET, "via", GATEWAY)
    run_ip(None, "-6", "route", "add", RELAYS_NET6, "via", GATEWAY6)
    run_ip(None, "route", "add", "default", "dev", "trap", "src", CLIENT_ADDR)
    run_ip(None, "-6", "route", "add", "default", "dev", "trap", "src", CLIENT_ADDR6)
    run_ip(relays_ns, "route", "add", "unreachable", UNREACHABLE_ADDR)
    run_ip(relays_ns, "neigh", "add", SILENT_ADDR, "lladdr", mac_of(web_ns, "websrv"),
           "dev", "weblink")
    # Links have no link-local addresses, and the relays' addresses are on lo: nothing that
    # the relays' side could ask for the client's link address from.
    run_ip(relays_ns, "neigh", "add", CLIENT_ADDR6, "lladdr", mac_of(None, "uplink"),
           "dev", "clients", "nud", "permanent")
