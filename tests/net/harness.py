# SPDX-License-Identifier: BSD-3-Clause
"""What scenarios stand on: registration, checks, bounded time, cleaning up.

A scenario is a function with @scenario(...). It gets a Case and fails by a false
check, an exception or its time limit. Afterwards its clients are stopped and
every relay runs again, whatever it did to them.
"""
import os
import signal
import time
import traceback

from client import Client, TorClient, process_alive, wait_until

SCENARIOS = []
DEFAULT_TIMEOUT = 60
LOG_TAIL = 25


class Failure(Exception):
    """A check that did not hold."""


class Skip(Exception):
    """The machine lacks what the scenario needs; says what."""


class OutOfTime(Exception):
    """The scenario's time limit."""


def scenario(title, timeout=DEFAULT_TIMEOUT):
    """Registers a function as a scenario; its name selects it on the command line."""
    def register(fn):
        SCENARIOS.append((fn.__module__.split(".")[-1] + "." + fn.__name__, title, timeout, fn))
        return fn
    return register


class TorsocksClient(Client):
    """Runs commands under torsocks and tor's client: shakes out the scenarios themselves."""

    peer = None

    def command(self, args, options=()):
        if TorsocksClient.peer is None:
            TorsocksClient.peer = TorClient(self.net, "torsocks-peer", 9150)
            TorsocksClient.peer.start()
        return ["torsocks", "-P", "9150"] + list(args)

    def stop(self):
        return True


class Case:
    """One run of one scenario."""

    client_class = Client
    shared_clients = {}

    def __init__(self, net, name):
        self.net, self.name = net, name
        self.clients = []
        self.background = []
        self.log_from = len(net.access_log())
        self.trap_from = len(net.trapped())

    # --- actors ---

    def user(self, name=None, extra=()):
        """A new onionify user without agent, state or cache."""
        c = self.client_class(self.net, name or self.name.replace(".", "-"), extra)
        c.forget()
        self.clients.append(c)
        return c

    def regular(self):
        """The user whose agent lives on through the scenarios; cheap."""
        c = Case.shared_clients.get("regular")
        if not c:
            c = Case.shared_clients["regular"] = self.client_class(self.net, "regular")
        return c

    def start(self, client, args, **kw):
        """A command in the background, killed at the scenario's end at the latest."""
        r = client.start(args, **kw)
        self.background.append(r)
        return r

    # --- checks ---

    @staticmethod
    def check(condition, what):
        if not condition:
            raise Failure(str(what))

    def equal(self, got, wanted, what):
        self.check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")

    def ok(self, result, what="command"):
        self.check(result.status == 0, f"{what}: {result}")
        return result

    def eventually(self, condition, timeout, what):
        self.check(wait_until(condition, timeout), f"not within {timeout} s: {what}")

    def requests(self):
        """The web server's log since the scenario began."""
        return self.net.access_log()[self.log_from:]

    def leaks(self):
        return self.net.trapped()[self.trap_from:]

    def check_no_leak(self):
        leaks = self.leaks()
        self.check(not leaks, f"{len(leaks)} packets left outside Tor, first: {leaks[:2]}")
        exits = {a for r in self.net.relays for a in (r.exit_addr, r.exit_addr6) if a}
        strange = {r[0] for r in self.requests()} - exits
        self.check(not strange, f"requests not from exits: {strange}")

    # --- after it ---

    def clean_up(self):
        for r in self.background:
            r.kill()
        for c in self.clients:
            c.stop()
        self.repair_relays()
        for c in self.clients:
            self.check(not c.sanitizer_reports(), c.sanitizer_reports()[:3000])

    def repair_relays(self):
        for r in self.net.relays:
            pid = self.net.relay_pid(r)
            if pid:
                os.kill(pid, signal.SIGCONT)
            elif not self.net.start_relay(r):
                raise Failure(f"relay {r.name} does not start again")


def _alarm(_sig, _frame):
    raise OutOfTime()


def run_one(net, entry):
    """Runs one scenario; ("ok" | "FAILED" | "skipped", reason, seconds)."""
    name, _, timeout, fn = entry
    case = Case(net, name)
    began = time.monotonic()
    verdict, reason = "ok", ""
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(timeout)
    try:
        fn(case)
        case.check_no_leak()
    except Failure as e:
        verdict, reason = "FAILED", str(e)
    except Skip as e:
        verdict, reason = "skipped", str(e)
    except OutOfTime:
        where = traceback.extract_tb(__import__("sys").exc_info()[2])
        line = next((f for f in reversed(where) if "scenarios" in f.filename), None)
        verdict, reason = "FAILED", f"time limit of {timeout} s" + (
            f" at line {line.lineno}: {line.line}" if line else "")
    except Exception:   # a broken scenario is a failed one
        verdict, reason = "FAILED", traceback.format_exc(limit=-3)
    finally:
        signal.alarm(0)
    seconds = time.monotonic() - began
    if verdict == "FAILED":
        reason += log_tails(case)
    try:
        signal.alarm(60)
        case.clean_up()
    except (Failure, OutOfTime, OSError) as e:
        verdict, reason = "FAILED", f"{reason}\ncleaning up: {e!r}"
    finally:
        signal.alarm(0)
    return verdict, reason, seconds


def log_tails(case):
    out = ""
    for c in case.clients or list(Case.shared_clients.values()):
        lines = c.log_text().splitlines()[-LOG_TAIL:]
        if lines:
            out += f"\n    log of {c.name}'s agent:" + "".join(f"\n      {x}" for x in lines)
    return out


def stop_shared():
    """True when every long-lived agent ended as it was told."""
    good = True
    for c in Case.shared_clients.values():
        pid = c.agent_pid()
        good = c.stop() and not (pid and process_alive(pid)) and good
        if c.sanitizer_reports():
            print(c.sanitizer_reports()[:3000])
            good = False
    if TorsocksClient.peer:
        TorsocksClient.peer.stop()
    return good
