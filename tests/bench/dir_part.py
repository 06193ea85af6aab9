# SPDX-License-Identifier: BSD-3-Clause
"""A directory as large as the public network's: onionify's agent beside tor's client.

Both find the same 9000 relays in their caches (bench_dir.c writes them), in a network
namespace without any network, where nothing can be contacted. What is measured: processor
time until the directory is read, and memory a while after.
"""
import os
import shutil
import subprocess
import time

import goals
from client import programs_dir, wait_until
from network import NetworkError, find_program
from sides import cpu_seconds, memory_mib, program, show

RELAYS = 9000
READY_SECONDS = 60
SETTLE = 3.0    # s: what reading took for a moment is given back, or is not

ROWS = (
    ("load", f"reading a directory of {RELAYS} relays, CPU", "s", False),
    ("pss", f"memory with {RELAYS} relays, PSS", "MiB", False),
    ("anon", f"memory with {RELAYS} relays, own pages", "MiB", False),
)


def prepare(base):
    """The two caches, and a configuration for each."""
    r = subprocess.run([program("bench_dir"), "write", base], timeout=60, check=False)
    if r.returncode:
        raise NetworkError("bench_dir: the directory cannot be written")
    with open(os.path.join(base, "authorities"), encoding="ascii") as f:
        authorities = f.read()
    for name in ("state", "run"):
        os.mkdir(os.path.join(base, name), 0o700)
    write(base, "onionify.conf", f"DataDirectory {base}/state\nCacheDirectory {base}/ours\n"
          f"Log info file {base}/onionify.log\n" + authorities)
    write(base, "torrc", f"DataDirectory {base}/tor\nSocksPort 127.0.0.1:9050\n"
          f"Log info file {base}/torsocks.log\n" + authorities)


def write(base, name, text):
    with open(os.path.join(base, name), "w", encoding="ascii") as f:
        f.write(text)


def commands(base):
    """What to run, and what it says when the directory is read; by the names of other tables."""
    return {
        "onionify": ([os.path.join(programs_dir("release"), "onionify-agent"), "--config",
                      f"{base}/onionify.conf", "--foreground"],
                     f"{RELAYS} of {RELAYS} relay descriptors"),
        "torsocks": ([find_program("tor", "usr/bin/tor"), "--quiet", "-f", f"{base}/torrc",
                      "--defaults-torrc", "/nonexistent"],
                     f"Found {RELAYS} descriptors"),
    }


def says(path, text):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return text in f.read()
    except OSError:
        return False


def one(base, name, args, text, alone):
    """One start of one side."""
    log = os.path.join(base, name + ".log")
    if os.path.exists(log):
        os.unlink(log)
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
    env.update(ONIONIFY_SOCKET=f"{base}/run/agent.sock", XDG_RUNTIME_DIR=f"{base}/run")
    p = subprocess.Popen(["unshare"] + alone + args, env=env, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not wait_until(lambda: says(log, text), READY_SECONDS, 0.02):
            raise NetworkError(f"{name}: the directory was not read")
        load = cpu_seconds(p.pid)
        time.sleep(SETTLE)
        return {"load": load, "pss": memory_mib(p.pid, "Pss"),
                "anon": memory_mib(p.pid, "Anonymous")}
    finally:
        p.terminate()
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def measure(base, runs):
    """The part's document."""
    alone = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base, 0o700)
    try:
        prepare(base)
        results = {}
        for i in range(runs):
            order = list(commands(base).items())
            for name, (args, text) in order if i % 2 == 0 else reversed(order):
                for key, value in one(base, name, args, text, alone).items():
                    results.setdefault(name, {}).setdefault(key, []).append(value)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    table = show(results, ROWS, "torsocks")
    return {"runs": runs, "table": table, "goals": goals.tell("dir", table, "torsocks")}
