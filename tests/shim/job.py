#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""onionify under an interactive shell: stopping, continuing, signals, the terminal.

job.py ONIONIFY: drives bash in a pseudo-terminal; prints "ok WHAT" or "bad WHAT".
"""
import os
import pty
import re
import select
import signal
import sys
import time

onionify = sys.argv[1]
pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "$ "
    os.environ["TERM"] = "dumb"
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])


shown = ""      # since something was typed, and not read yet


def read_until(pattern, seconds=20.0):
    """What the terminal shows until pattern comes; None when it does not."""
    global shown
    end = time.time() + seconds
    while time.time() < end:
        found = re.search(pattern, shown)
        if found:
            text, shown = shown[:found.end()], shown[found.end():]
            return text
        if select.select([fd], [], [], 0.1)[0]:
            try:
                shown += os.read(fd, 4096).decode(errors="replace")
            except OSError:
                break
    return None


def type_in(text):
    global shown
    shown = ""
    os.write(fd, text.encode())


def check(what, ok):
    print("ok" if ok else "bad", what, flush=True)


def in_front():
    """Waits until the terminal is the job's, no more the shell's."""
    end = time.time() + 20
    while os.tcgetpgrp(fd) == pid and time.time() < end:
        time.sleep(0.02)


def started():
    """The command runs once it has written its word."""
    return read_until(r"^up\b|[\r\n]up\b") is not None


command = onionify + " -q sh -c 'echo u''p; exec %s'\n"
read_until(r"\$ $")
type_in(command % "sleep 20")
check("starts", started())
type_in("\x1a")
check("Ctrl-Z stops it", read_until("Stopped") is not None)
read_until(r"\$ $")
type_in("bg\n")
read_until(r"\$ $")
type_in("jobs\n")
check("bg continues it", read_until("Running") is not None)
type_in("fg\n")
read_until("sleep 20")
in_front()
type_in("\x03")
read_until(r"\$ $")
type_in("echo status=$?\n")
check("Ctrl-C ends it with 130", read_until("status=130") is not None)
type_in(command % "sleep 20")
started()
type_in("\x1c")
read_until(r"\$ $")
type_in("echo status=$?\n")
check("Ctrl-\\ ends it with 131", read_until("status=131") is not None)
type_in(onionify + " -q cat\n")
in_front()
type_in("a line\n")
check("it reads the terminal", read_until(r"a line\r\na line") is not None)
type_in("\x04")
read_until(r"\$ $")
type_in("echo status=$?\n")
check("end of input ends it", read_until("status=0") is not None)
type_in(onionify + " -q sh -c 'trap \"echo size changed; exit 4\" WINCH; echo u''p;"
        " while :; do sleep 0.1; done'\n")
started()
import fcntl
import struct
import termios
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
check("a new window size reaches it", read_until("size changed") is not None)
read_until(r"\$ $")
type_in("SHELL=/bin/bash " + onionify + " -q --shell; echo stat''us=$?\n")
type_in("sh -c 'echo u''p; exec sleep 20'\n")
started()
type_in("\x1a")
check("--shell: jobs of its own", read_until("Stopped") is not None)
type_in("kill -9 %1; exit 3\n")
left = read_until("status=3|stopped jobs")
if left and "status" not in left:   # it has not heard of the job's end yet
    type_in("exit 3\n")
    left = read_until("status=3")
check("--shell: its exit status", left is not None)
type_in("exit\n")
time.sleep(0.2)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
