# SPDX-License-Identifier: BSD-3-Clause
"""Who is measured: onionify and tor's client, started, wrapped around commands, accounted.

CPU is the scheduler's own account in nanoseconds. Tables are of medians.
"""
import glob
import os
import re
import shutil
import statistics
import sys

from client import Client, run
from network import NetworkError, ROOT


class Ours:
    def __init__(self, net, name, extra=()):
        self.net, self.name = net, name
        self.client = Client(net, "bench-" + name, list(extra))
        self.client.forget()

    def wrap(self, args):
        return self.client.command(args)

    @property
    def env(self):
        return self.client.env

    def stop(self):
        self.client.stop()

    def forget(self):
        self.client.forget()

    def start(self):
        pass    # the first command does

    def pid(self):
        return self.client.agent_pid()


class Theirs:
    """tor's client, and a wrapper around the command."""

    def __init__(self, net, name, tor):
        self.net, self.name, self.tor = net, name, tor
        self.env = {**os.environ, "PROXYCHAINS_CONF_FILE": self.config()}

    def config(self):
        path = os.path.join(self.net.base, "proxychains.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write("strict_chain\nproxy_dns\nquiet_mode\nremote_dns_subnet 224\n"
                    f"[ProxyList]\nsocks5 127.0.0.1 {self.tor.port}\n")
        return path

    def wrap(self, args):
        if self.name == "proxychains":
            return ["proxychains4", "-q"] + args
        return ["torsocks", "-P", str(self.tor.port)] + args

    def stop(self):
        self.tor.stop()

    def forget(self):
        self.tor.stop()
        shutil.rmtree(self.tor.dir, ignore_errors=True)

    def start(self):
        self.tor.start()

    def pid(self):
        return self.tor.p.pid if self.tor.p else 0


def timed(side, args, timeout=180):
    r = run(side.wrap(args), side.env, timeout)
    if r.status != 0:
        raise NetworkError(f"{side.name}: {' '.join(args)}: {r}")
    return r


def cpu_seconds(pid):
    """Time on a processor of all threads, to the nanosecond."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def memory_mib(pid, field):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M).group(1)) / 1024


def show(results, rows, theirs):
    """A table of medians with a ratio, onionify against @theirs; the same as data.

    @rows: (key, title, unit, True when more is better)
    """
    names, table = list(results), {}
    print(f"\n{'':42}" + "".join(f"{n:>13}" for n in names) + f"{'ratio':>8}")
    for key, title, unit, more in rows:
        medians = {n: statistics.median(results[n][key]) for n in names if results[n].get(key)}
        ratio = None
        if medians.get("onionify") and medians.get(theirs):
            a, b = medians["onionify"], medians[theirs]
            ratio = round(a / b if more else b / a, 2)
        cells = "".join(f"{medians[n]:>13.2f}" if n in medians else f"{'-':>13}" for n in names)
        print(f"{title + ', ' + unit:42}{cells}{'' if ratio is None else f'{ratio:.2f}':>8}")
        table[key] = {"title": title, "unit": unit, "more_is_better": more, "median": medians,
                      "ratio": ratio, "runs": {n: results[n].get(key, []) for n in names}}
    return table


def program(name):
    """One of the C programs of this folder, built."""
    path = os.path.join(ROOT, "build", "release", "tests", "bench", name)
    r = run(["make", "--no-print-directory", "-s", "-C", ROOT, "VARIANT=release",
             os.path.relpath(path, ROOT)], dict(os.environ), 120)
    if r.status != 0:
        raise NetworkError(f"{name} cannot be built: {r}")
    return path


def built(name):
    """What one of the C programs of this folder prints; "" when it cannot run."""
    r = run([program(name)], dict(os.environ), 60, cwd=ROOT)
    if r.status != 0:
        print(f"{name}: not measured: {r}", file=sys.stderr)
        return ""
    return r.text.strip()
