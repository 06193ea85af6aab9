# SPDX-License-Identifier: BSD-3-Clause
"""Relays that die or stall in mid-transfer; a machine without disk or descriptors."""
import os
import shutil
import signal
import subprocess
import time

from agent import flow
from basic import WWW
from client import run
from harness import scenario
from load import STREAMS_PY
import services

ROLES = ("guard", "middle", "exit")
ERROR_WITHIN = 45       # from the death of a relay to the program's error
NEXT_WITHIN = 100       # until a new connection works again: five tries of 10 and 15 s, and time to begin them


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
    try:
        if sig == signal.SIGKILL:
            done = r.finish(ERROR_WITHIN)
            t.check(done.status not in (0, -1000), f"curl after the death of {relay.name}: {done}")
        began = time.monotonic()
        done = c.run(["curl", "-sS", WWW + "/addr"], timeout=NEXT_WITHIN)
        t.ok(done, f"the next connection without {relay.name}")
        print(f"        next connection after {time.monotonic() - began:.1f} s", flush=True)
    finally:
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
    c = t.user(extra=["SocksTimeout 15"])
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


# --- the machine fails, not the network ---

SMALL_KIB = 64          # for the agent's files: too little for the consensus and all descriptors
FEW_FILES = 40          # descriptors that the agent may have
BUSY_AT_MOST = 0.5      # s of processor in IDLE_SECONDS without work to do
IDLE_SECONDS = 4


def page(t, c, what, timeout=60):
    return t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=timeout), what)


def warnings(c, text, since=0):
    """The agent's, from the log's character @since on."""
    return [line for line in c.log_text()[since:].splitlines()
            if "[warn]" in line and text in line]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def small_disk(folder):
    """A file system of SMALL_KIB KiB there that has no room left; the file that fills it."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_KIB}k,mode=0700", "none", folder],
                   check=True, timeout=10)
    fill = os.path.join(folder, "fill")
    with open(fill, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    return fill


def disk_full_at(t, c):
    since = len(c.log_text())
    page(t, c, "with no room for files")
    pid = c.agent_pid()
    said = (warnings(c, "cannot write", since) + warnings(c, "not cached", since)
            + warnings(c, "could not be saved", since))
    t.check(said, "the agent says that it cannot write")
    t.check(len(said) <= 6, f"it says so {len(said)} times")
    page(t, c, "again")
    t.equal(c.agent_pid(), pid, "the agent's process")


@scenario("the disk is full: all works, the user is told; files are written when there is room",
          timeout=150)
def disk_full(t):
    c = t.user()
    fills = [small_disk(d) for d in (c.cache, c.state)]
    try:
        disk_full_at(t, c)
        for fill in fills:
            os.unlink(fill)
        t.check(c.stop(), "the agent stops when told")
        saved = [f for _, _, files in os.walk(c.state) for f in files]
        t.check(any(f.startswith("guards") for f in saved), f"guards were saved at the end: {saved}")
    finally:
        c.stop()
        for folder in (c.cache, c.state):
            subprocess.run(["umount", "-l", folder], check=False, timeout=10)


@scenario("cache and state are removed under the agent: it goes on, and starts again", timeout=150)
def files_removed(t):
    c = t.user()
    page(t, c, "before")
    pid = c.agent_pid()
    for folder in (c.cache, c.state):
        shutil.rmtree(folder, ignore_errors=True)
    page(t, c, "without its files")
    t.equal(c.agent_pid(), pid, "the agent's process")
    t.check(c.stop(), "the agent stops when told")
    page(t, c, "a new agent", timeout=90)
    t.check(os.path.isdir(c.cache) and os.path.isdir(c.state), "its folders are there again")


@scenario("out of descriptors: an error for those too many, no busy loop, and life goes on",
          timeout=200)
def few_descriptors(t):
    c = t.user()
    since = len(c.log_text())
    started = run(["sh", "-c", f'ulimit -n {FEW_FILES} && exec "$@"', "sh"]
                  + c.command(["curl", "-sS", WWW + "/addr"]), c.env, 60)
    t.ok(started, f"an agent with {FEW_FILES} descriptors")
    pid = c.agent_pid()
    many = t.start(c, ["python3", STREAMS_PY, "many.any.example.test", "8001",
                       str(2 * FEW_FILES), "60"])
    time.sleep(6)
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    spent = cpu_seconds(pid) - before
    print(f"        {spent:.3f} s of processor in {IDLE_SECONDS} s", flush=True)
    t.check(spent < BUSY_AT_MOST, f"{spent:.2f} s of processor in {IDLE_SECONDS} s of nothing")
    said = warnings(c, "", since)
    t.equal(len(said), 1, f"the user is told once: {said[:2]}")
    many.kill()
    t.eventually(lambda: c.run(["curl", "-sS", WWW + "/addr"], timeout=40).status == 0, 90,
                 "a page when the others are gone")
    t.equal(c.agent_pid(), pid, "the agent's process")


@scenario("all guards are dead: an error in bounded time, and life returns with them", timeout=300)
def all_guards(t):
    c = t.user(extra=["SocksTimeout 15"])
    page(t, c, "before")
    guards = [r for r in t.net.relays if r.role == "middle"]
    for r in guards:
        os.kill(t.net.relay_pid(r), signal.SIGKILL)
    done = c.run(["curl", "-sS", WWW + "/addr"], timeout=150)
    t.check(done.status not in (0, -1000), f"curl without guards: {done}")
    t.check(c.agent_pid(), "the agent lives")
    for r in guards:
        t.check(t.net.start_relay(r), f"{r.name} starts again")
    t.eventually(lambda: c.run(["curl", "-sS", WWW + "/addr"], timeout=40).status == 0, 120,
                 "a page after the guards came back")
