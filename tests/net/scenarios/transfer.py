# SPDX-License-Identifier: BSD-3-Clause
"""Much data, many streams: every byte arrives, in order."""
import hashlib
import os
import signal
import time

from basic import PROBE, WWW
from harness import scenario
import services


def hash_of(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(
            hashlib, "file_digest") else hashlib.sha256(f.read()).hexdigest()


def download(t, mib, timeout, args=()):
    _, wanted = services.test_file(t.net.cache, mib)
    out = os.path.join(t.regular().dir, "download")
    r = t.ok(t.regular().run(["curl", "-sS", "--noproxy", "*", "-o", out, *args,
                              f"{WWW}/files/{mib}m.bin"], timeout=timeout), "download")
    t.equal(hash_of(out), wanted, "SHA-256 of what arrived")
    os.unlink(out)
    return r


@scenario("256 MiB down, equal hash", timeout=240)
def download_256(t):
    r = download(t, 256, 230)
    print(f"        download: {256 / r.seconds:.1f} MiB/s", flush=True)


@scenario("64 MiB up, equal hash", timeout=180)
def upload_64(t):
    path, wanted = services.test_file(t.net.cache, 64)
    r = t.ok(t.regular().run(["curl", "-sS", "--noproxy", "*", "-T", path,
                              f"{WWW}/upload/64m.bin"], timeout=170), "upload")
    stored = os.path.join(t.net.base, "web", "upload", "64m.bin")
    t.equal(hash_of(stored), wanted, "SHA-256 of what the server stored")
    os.unlink(stored)
    print(f"        upload: {64 / r.seconds:.1f} MiB/s", flush=True)


@scenario("100 streams at once, 1 MiB each", timeout=150)
def hundred(t):
    _, wanted = services.test_file(t.net.cache, 1)
    r = t.ok(t.regular().run(["python3", PROBE, "many", "www.example.test", "80", "100",
                              "/files/1m.bin"], timeout=140))
    t.equal(r.text.strip(), f"100 {wanted}", "answers")


@scenario("eight downloads at once by eight processes", timeout=150)
def eight_processes(t):
    _, wanted = services.test_file(t.net.cache, 16)
    runs = [t.start(t.regular(), ["sh", "-c", 'curl -sS "$0" | sha256sum',
                                  f"{WWW}/files/16m.bin"]) for _ in range(8)]
    for r in runs:
        t.equal(t.ok(r.finish(140)).text.split()[:1], [wanted], "hash")


@scenario("a program that does not read for a while loses nothing, and others go on", timeout=120)
def slow_reader(t):
    _, wanted = services.test_file(t.net.cache, 32)
    slow = t.start(t.regular(), ["sh", "-c", 'curl -sS "$0" | { sleep 6; sha256sum; }',
                                 f"{WWW}/files/32m.bin"])
    time.sleep(2)
    t.ok(t.regular().run(["curl", "-sS", WWW + "/addr"], timeout=20), "another program meanwhile")
    t.equal(t.ok(slow.finish(100)).text.split()[:1], [wanted], "hash")


@scenario("a stopped program goes on where it was", timeout=75)
def stopped_program(t):
    _, wanted = services.test_file(t.net.cache, 16)
    r = t.start(t.regular(), ["sh", "-c", 'curl -sS "$0" | sha256sum', f"{WWW}/slow/16m.bin"])
    time.sleep(3)
    os.killpg(r.p.pid, signal.SIGSTOP)
    time.sleep(4)
    os.killpg(r.p.pid, signal.SIGCONT)
    t.equal(t.ok(r.finish(45)).text.split()[:1], [wanted], "hash")
