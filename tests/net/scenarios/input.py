# SPDX-License-Identifier: BSD-3-Clause
"""What users get wrong: a clear sentence, the right exit status, no half-started agent."""
import os

from basic import WWW
from client import run
from harness import Skip, scenario

NOBODY = 65534


def rejected(t, c, needle, options=()):
    """onionify refuses, soon, with 125 and a message that has @needle; no agent stays."""
    r = c.run(["curl", "-sS", WWW + "/addr"], timeout=30, options=options)
    t.equal(r.status, 125, f"exit status ({r})")
    t.check("onionify" in r.err and needle in r.err, f"message lacks {needle!r}: {r.err!r}")
    t.equal(c.agent_pid(), 0, "process id of a half-started agent")
    return r


@scenario("unknown option: line number and suggestion")
def unknown_option(t):
    c = t.user(extra=["SocksProt 127.0.0.1:9050"])
    with open(c.config, encoding="utf-8") as f:
        line = next(i for i, x in enumerate(f, 1) if "SocksProt" in x)
    rejected(t, c, f"{line}")
    r = run([os.path.join(c.build, "onionify-agent"), "--config", c.config, "--verify-config"],
            c.env, 10)
    t.check(r.status != 0 and f"{line}" in r.err and "SocksPort" in r.err, f"verify: {r}")


@scenario("wrong values: each is named with its line")
def wrong_values(t):
    c = t.user()
    for value in ("SocksPort 70000", "DirAuthority nonsense", "TestingTorNetwork maybe",
                  "VirtualAddrNetworkIPv4 300.1.2.3/8", "ClientRejectInternalAddresses",
                  "DataDirectory relative/path", "ExitNodes {", "Log loud stderr", "\x01\x02"):
        c.write_config(extra=[value])
        r = run([os.path.join(c.build, "onionify-agent"), "--config", c.config,
                 "--verify-config"], c.env, 10)
        t.check(r.status not in (0, -1000) and r.status > 0 and r.err,
                f"{value!r} is accepted or crashes: {r}")


@scenario("a good configuration verifies")
def good_config(t):
    c = t.user()
    t.ok(run([os.path.join(c.build, "onionify-agent"), "--config", c.config, "--verify-config"],
             c.env, 10), "--verify-config")


@scenario("a configuration file that is not there, or not readable")
def no_config(t):
    c = t.user()
    os.unlink(c.config)
    rejected(t, c, "onionify.conf")
    os.mkdir(c.config)
    rejected(t, c, "onionify.conf")
    os.rmdir(c.config)


@scenario("a data directory that is a file, or below one")
def directory_is_file(t):
    c = t.user()
    with open(c.state, "w", encoding="ascii"):
        pass
    rejected(t, c, c.state)
    os.unlink(c.state)


@scenario("a data directory that others may write to")
def directory_open(t):
    c = t.user()
    os.mkdir(c.state)
    os.chmod(c.state, 0o777)
    rejected(t, c, c.state)


@scenario("a data directory of another user")
def directory_foreign(t):
    c = t.user()
    os.mkdir(c.state, 0o700)
    try:
        os.chown(c.state, NOBODY, NOBODY)
    except OSError as e:
        raise Skip("needs root") from e
    rejected(t, c, c.state)
    os.chown(c.state, 0, 0)


@scenario("a socket folder of another user, or open to all")
def socket_foreign(t):
    c = t.user()
    run_dir = os.path.dirname(c.socket)
    os.chmod(run_dir, 0o777)
    rejected(t, c, run_dir)
    os.chmod(run_dir, 0o700)
    try:
        os.chown(run_dir, NOBODY, NOBODY)
    except OSError as e:
        raise Skip("needs root for the other half") from e
    rejected(t, c, run_dir)
    os.chown(run_dir, 0, 0)


@scenario("a stale socket file is replaced", timeout=90)
def stale_socket(t):
    import socket
    c = t.user()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(c.socket)
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60))


@scenario("damaged cache and state are set aside and rebuilt", timeout=120)
def damaged_files(t):
    c = t.user()
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60))
    t.check(c.stop(), "the agent stops when told")
    count = 0
    for d in (c.state, c.cache):
        for base, _, files in os.walk(d):
            for name in files:
                path = os.path.join(base, name)
                with open(path, "r+b") as f:
                    size = os.path.getsize(path)
                    f.seek(size // 3)
                    f.write(b"\0\xff damaged \r\n" * 5)
                    f.truncate(max(1, size // 2))
                count += 1
    t.check(count >= 2, f"only {count} files in state and cache")
    t.ok(c.run(["curl", "-sS", WWW + "/addr"], timeout=60))


@scenario("help and version go to standard output")
def help_version(t):
    c = t.regular()
    for option in ("--help", "--version"):
        r = run([c.program(), option], c.env, 10)
        t.check(r.status == 0 and r.text and not r.err, f"{option}: {r}")


@scenario("no command at all: usage and 125")
def no_command(t):
    c = t.regular()
    r = run([c.program()], c.env, 10)
    t.check(r.status == 125 and r.err, r)
