# SPDX-License-Identifier: BSD-3-Clause
"""An installed onionify under a real systemd user manager: socket and service."""
import os
import shutil

from basic import WWW, exit_addresses
from client import run
from harness import Skip, scenario
from network import ROOT

MANAGER = os.path.join(ROOT, "tests", "net", "usermanager")
UNIT = "onionify-agent"
# Each line is one step: its number, exit status and output come back.
STEPS = f"""
step() {{
	out=$("$@" 2>&1)
	echo "== $? $*"
	echo "$out"
}}
step systemctl --user enable --now {UNIT}.socket
step systemctl --user is-active {UNIT}.socket
step systemctl --user is-active {UNIT}.service
step onionify curl -sS -m 40 {WWW}/addr
step systemctl --user is-active {UNIT}.service
step onionctl status
first=$(systemctl --user show -P MainPID {UNIT}.service)
reload='systemctl --user reload {UNIT}.service && sleep 1 && echo still there >&3 && head -n 1 <&3'
step onionify bash -c "exec 3<>/dev/tcp/www.example.test/8001 && $reload"
step sh -c "[ $(systemctl --user show -P MainPID {UNIT}.service) = $first ]"
step onionctl stop
for i in 1 2 3 4 5 6 7 8 9 10; do
	systemctl --user -q is-active {UNIT}.service || break
	sleep 0.5
done
step systemctl --user is-active {UNIT}.service
step systemctl --user is-active {UNIT}.socket
step onionify curl -sS -m 40 {WWW}/addr
second=$(systemctl --user show -P MainPID {UNIT}.service)
kill -SEGV "$second"
sleep 6
step onionify curl -sS -m 40 {WWW}/addr
step sh -c "[ $(systemctl --user show -P NRestarts {UNIT}.service) -ge 1 ]"
step systemd-analyze --user --no-pager security {UNIT}.service
step systemctl --user disable --now {UNIT}.socket {UNIT}.service
step sh -c '! test -S "$XDG_RUNTIME_DIR/onionify/agent.sock"'
"""


def steps(text):
    """(command, status, output) of each."""
    for part in text.split("== ")[1:]:
        head, _, out = part.partition("\n")
        status, _, command = head.partition(" ")
        yield command, int(status), out.strip()


@scenario("socket and service under a real systemd user manager: start, reload, crash, stop", timeout=180)
def service(t):
    if not shutil.which("systemctl"):
        raise Skip("no systemd here")
    c = t.user()
    if c.variant != "release":
        raise Skip("a library with sanitizers cannot be installed: programs lack its runtime")
    home, prefix = os.path.join(c.dir, "home"), os.path.join(c.dir, "installed")
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(os.path.join(home, ".config", "onionify"))
    units = os.path.join(home, ".config", "systemd", "user")
    t.ok(run(["make", "-C", ROOT, "install", f"VARIANT={c.variant}", f"PREFIX={prefix}",
              f"UNITDIR={units}"], {**os.environ, "MAKEFLAGS": ""}, timeout=100), "make install")
    with open(os.path.join(home, ".config", "onionify", "onionify.conf"), "w", encoding="ascii") as f:
        f.write("\n".join(list(t.net.authority_lines()) + ["TestingTorNetwork 1"]) + "\n")
    env = {"PATH": f"{prefix}/bin:" + os.environ["PATH"], "LANG": "C.UTF-8", "SHELL": "/bin/bash"}
    r = run([MANAGER, home, "bash", "-c", STEPS], env, timeout=170)
    if r.status == 77:
        raise Skip(r.err.strip())
    with open(os.path.join(home, "manager.log"), encoding="utf-8", errors="replace") as f:
        manager = f.read()[-1500:]
    done = list(steps(r.text))
    wanted = [0, 0, 3, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    t.equal(len(done), len(wanted), f"steps: {r} {manager}")
    for (command, status, out), want in zip(done, wanted):
        t.equal(status, want, f"{command}: {out} {manager}")
        if " curl " in command:
            t.check(out in exit_addresses(t), f"{command}: {out}")
        if " reload " in command:
            t.equal(out, "still there", "a stream over a reload")
    t.check_no_leak()
