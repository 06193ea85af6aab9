# SPDX-License-Identifier: BSD-3-Clause
"""onionctl doctor, onionctl top in a terminal of tmux, and closing a circuit."""
import json
import os
import re
import shutil
import signal
import stat
import time

from basic import WWW
from client import run
from harness import Skip, scenario

ONIONCTL_SECONDS = 10


class Terminal:
    """A shell of 80x24 in a tmux server of its own."""

    def __init__(self, c):
        self.c = c
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", "sh", "-i",
                  env={**c.env, "PS1": "ready> ", "TERM": "xterm-256color", "ENV": ""})

    def tmux(self, *words, env=None):
        return run(["tmux", "-f", "/dev/null", "-S", os.path.join(self.c.dir, "tmux")] +
                   list(words), env or self.c.env, 10)

    def screen(self):
        return self.tmux("capture-pane", "-p").text

    def keys(self, *words):
        self.tmux("send-keys", *words)

    def state(self):
        """Alternate screen in use, cursor shown."""
        return self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").text.strip()

    def child(self):
        """Process id of what the shell runs."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").text.strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def end(self):
        self.tmux("kill-server")


def terminal(c):
    if not shutil.which("tmux"):
        raise Skip("no tmux")
    return Terminal(c)


def shown(t, term, text, seconds=ONIONCTL_SECONDS):
    deadline = time.monotonic() + seconds
    while text not in term.screen():
        t.check(time.monotonic() < deadline, f"not on the screen: {text!r}\n{term.screen()}")
        time.sleep(0.2)


def restored(t, term, what):
    """The prompt is back, the terminal as it was, and takes a command."""
    shown(t, term, "ready>")
    t.equal(term.state(), "0 1", f"alternate screen and cursor {what}")
    term.keys("stty -a | grep -o ' icanon\\| echo ' | tr -d '\\n'; echo =sane", "Enter")
    shown(t, term, " icanon echo =sane")


def circuits(c):
    return (c.ctl_json("circuits") or {}).get("circuits", [])


@scenario("onionctl top: a live screen, keys, resize, and a clean terminal", timeout=150)
def top(t):
    c = t.user()
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=80), "curl")
    t.start(c, ["curl", "-sS", "--noproxy", "*", "--limit-rate", "50k", "-o", "/dev/null",
                WWW + "/slow/16m.bin"])
    term = terminal(c)
    ctl = os.path.join(c.build, "onionctl")
    try:
        term.keys(f"{ctl} top", "Enter")
        shown(t, term, "Connected to Tor")
        for text in ("Guards:", "Received", "Sent", "RELAYS", "q quit", " > ", "80  open, ",
                     " received"):
            shown(t, term, text)
        t.check(all(len(x) <= 80 for x in term.screen().split("\n")), "wider than the terminal")
        for size in (("40", "10"), ("200", "50"), ("3", "2"), ("80", "24")):
            term.tmux("resize-window", "-x", size[0], "-y", size[1])
            time.sleep(1.5)
        shown(t, term, "q quit")
        shown(t, term, "Received")
        term.keys("n")
        shown(t, term, "new streams use new circuits")
        t.eventually(lambda: circuits(c), 30, "circuits after a new identity")
        before = {x["id"] for x in circuits(c)}
        term.keys("Down")
        term.keys("c")
        shown(t, term, "is closed")
        number = int(re.search(r"circuit (\d+) is closed", term.screen()).group(1))
        t.check(number in before, f"circuit {number} was not there")
        t.check(number not in {x["id"] for x in circuits(c)}, f"circuit {number} is still there")
        term.keys("q")
        restored(t, term, "after q")
        term.keys(f"clear; {ctl} top", "Enter")
        shown(t, term, "q quit")
        term.keys("C-c")
        restored(t, term, "after Ctrl-C")
        term.keys(f"clear; {ctl} top", "Enter")
        shown(t, term, "q quit")
        os.kill(term.child(), signal.SIGTERM)
        restored(t, term, "after SIGTERM")
        term.keys(f"clear; {ctl} top", "Enter")
        shown(t, term, "q quit")
        agent = c.agent_pid()
        os.kill(agent, signal.SIGSTOP)
        try:
            shown(t, term, "the agent has not answered for")
            term.tmux("resize-window", "-x", "100", "-y", "30")
            term.keys("n")
            shown(t, term, "the agent is still answering: try again", 2)
            began = time.monotonic()
            term.keys("q")
            restored(t, term, "with a silent agent")
            t.check(time.monotonic() - began < 2, "q waits for the agent")
        finally:
            os.kill(agent, signal.SIGCONT)
        term.keys(f"clear; {ctl} top", "Enter")
        shown(t, term, "q quit")
        c.stop()
        shown(t, term, "no agent answers")
        term.keys("q")
        restored(t, term, "after the agent has gone")
    finally:
        term.end()
    r = c.ctl("top")
    t.equal(r.status, 2, f"without a terminal ({r})")


@scenario("close-circuit: the one that is named, and only that", timeout=100)
def close_circuit(t):
    c = t.user()
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=80), "curl")
    t.eventually(lambda: len(circuits(c)) >= 2, 30, "two circuits")
    some = [x["id"] for x in circuits(c)]
    t.ok(c.ctl("close-circuit", str(some[0])), "close-circuit")
    t.check(some[0] not in [x["id"] for x in circuits(c)], "it is gone")
    for words, status in (((str(some[0]),), 1), (("0",), 1), (("-1",), 2), (("1x",), 2),
                          (("99999999999999999999999",), 2), ((), 2), (("1", "2"), 2)):
        r = c.ctl("close-circuit", *words)
        t.equal(r.status, status, f"close-circuit {words} ({r})")
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60), "curl afterwards")


def findings(c):
    r = c.ctl("doctor", "--json", timeout=60)
    return r, {x["check"]: x for x in json.loads(r.text)["checks"]}


@scenario("doctor: what is well, and what is not with the command that mends it", timeout=120)
def doctor(t):
    c = t.user()
    c.write_config()
    r, found = findings(c)
    t.equal(r.status, 1, f"without an agent ({r})")
    t.equal((found["agent"]["verdict"], found["agent"]["mend"]), ("bad", "onionify true"), "agent")
    t.equal(found["circuit"]["verdict"], "skipped", "circuit without an agent")
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=80), "curl")
    r, found = findings(c)
    t.equal(r.status, 0, f"with everything ({r})")
    kernels = ("supervisor", "sandbox")     # that they are well is not ours
    t.equal({x["verdict"] for k, x in found.items() if k not in kernels}, {"ok"}, f"all: {found}")
    box = c.ctl_json("status")["sandbox"]
    t.equal(found["sandbox"]["verdict"], "ok" if box["seccomp"] and box["landlock"] else "warning",
            f"sandbox: {box}")
    if found["sandbox"]["verdict"] == "ok":
        t.check("-> " not in t.ok(c.ctl("doctor", timeout=60), "as text").text, "nothing to mend")
    with open(c.config, "a", encoding="utf-8") as f:
        f.write("SocksProt 1\n")
    r, found = findings(c)
    t.equal(r.status, 1, f"with a wrong configuration ({r})")
    t.check("SocksPort" in found["configuration"]["detail"], found["configuration"])
    os.chmod(os.path.dirname(c.socket), stat.S_IRWXU | stat.S_IRWXO)
    r, found = findings(c)
    os.chmod(os.path.dirname(c.socket), stat.S_IRWXU)
    t.check("not private" in found["agent"]["detail"], found["agent"])
    t.check_no_leak()
