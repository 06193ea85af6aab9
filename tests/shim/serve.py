#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""onionify --serve against the stand-in agent: from listen() to the end of the service.

serve.py ONIONIFY SERVER [TEST...]: prints "ok WHAT" or "bad WHAT". SERVER is server.c, linked
statically.
"""
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
onionify, static_server, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
work = tempfile.mkdtemp(prefix="onionify-serve.")
os.chmod(work, 0o700)
A, B = "a" * 56 + ".onion", "b" * 56 + ".onion"

# Listens on argv[2] of argv[1] after argv[3] seconds, answers each connection with its peer, ends
# with status 7 when one of them has said "end".
SERVER = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
time.sleep(float(sys.argv[3]))
s = socket.socket(family)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(8)
while True:
    c, peer = s.accept()
    c.sendall(peer[0].encode())
    if c.recv(3) == b"end":
        sys.exit(7)
    c.close()
"""


def check(what, ok):
    print("ok" if ok else "bad", what, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Agent:
    """A stand-in of its own, in a mood."""

    def __init__(self, mood="", at=None):
        self.dir = at or tempfile.mkdtemp(dir=work)
        self.path = os.path.join(self.dir, "agent.sock")
        env = dict(os.environ, TEST_AGENT_SERVICE=mood)
        self.proc = subprocess.Popen([os.path.join(HERE, "test_agent.py"), self.path], env=env,
                                     stdin=subprocess.DEVNULL)
        while not self.answers():
            time.sleep(0.02)
        self.env = dict(os.environ, ONIONIFY_SOCKET=self.path, ONIONIFY_CONFIG="/nonexistent")

    def answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.path) == 0

    def log(self):
        try:
            with open(self.path + ".log", encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            if re.search(pattern, self.log()):
                return True
            time.sleep(0.02)
        return False

    def stop(self):
        self.proc.kill()
        self.proc.wait()


class Run:
    """onionify with these arguments; its standard error is read as it comes."""

    def __init__(self, agent, args):
        self.err = open(os.path.join(agent.dir, "err-%f" % time.time()), "w+", encoding="utf-8")
        self.proc = subprocess.Popen([onionify] + args, env=agent.env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=self.err)

    def text(self):
        with open(self.err.name, encoding="utf-8") as f:
            return f.read()

    def wait(self, pattern, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            if re.search(pattern, self.text()):
                return True
            time.sleep(0.02)
        print("        ", pattern, "is not in", repr(self.text()))
        return False

    def finish(self, seconds=30):
        try:
            return self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            return None


def server(port, host="0.0.0.0", delay=0):
    return ["python3", "-c", SERVER, host, str(port), str(delay)]


def ask(port, word=b"bye", host="127.0.0.1"):
    with socket.create_connection((host, port), timeout=30) as s:
        peer = s.recv(100)
        s.sendall(word)
        return peer.decode()


def leaves_no_core(agent):
    """The process that has the key of this agent's service: its limit, which nothing raises."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, encoding="utf-8") as f:
                words = f.read().split("\0")
            if not words[0].endswith("/onionify-serve") or agent.path not in words:
                continue
            with open("/proc/%s/limits" % pid, encoding="utf-8") as f:
                return bool(re.search(r"Max core file size +0 +0 ", f.read()))
        except OSError:
            continue
    return False


def plain(agent):
    port = free_port()
    r = Run(agent, ["--serve", "80:%d" % port] + server(port, delay=0.3))
    check("the address is told when it works", r.wait(r"onionify: reachable: http://%s/\n" % A))
    check("and before, that it is being published",
          "publishing port %d of the command as %s:80" % (port, A) in r.text())
    check("the agent was asked for that port", agent.wait_log(
        r"service add bound circuit-source=1 80:127.0.0.1:%d \d+:127.0.0.1:\d+ show-key" % port))
    check("no code is drawn into a file", "\x1b" not in r.text())
    check("the key is in no core file", leaves_no_core(agent))
    check("the server goes on", ask(port, b"end") == "127.0.0.1")
    check("its exit status is onionify's", r.finish() == 7)
    check("then the service ends", agent.wait_log("service end " + A))
    check("standard output is the command's", r.proc.stdout.read() == b"")


def only_local(agent):
    """Bound to every address, reached from this machine alone."""
    port = free_port()
    r = Run(agent, ["--serve", "80:%d" % port] + server(port))
    r.wait("reachable")
    device = subprocess.run(["ss", "-lntH", "sport", "= :%d" % port], stdout=subprocess.PIPE,
                            text=True, check=False).stdout
    check("the listener is bound to the loopback device: " + device.strip(), "%lo" in device)
    ask(port, b"end")
    r.finish()


def addresses(agent):
    for host, at in (("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", r"\[::1\]"),
                     ("127.0.0.9", "127.0.0.9")):
        port = free_port()
        r = Run(agent, ["--serve", str(port)] + server(port, host))
        check("a server on %s is found" % host,
              r.wait("reachable: %s:%d" % (A, port)) and agent.wait_log("%d:%s:%d" % (port, at, port)))
        r.proc.terminate()
        check("SIGTERM is the command's", r.finish() == -signal.SIGTERM)


def machine_address():
    """An address of this machine other than loopback, or None."""
    words = subprocess.run(["ip", "-4", "-o", "addr", "show", "scope", "global"],
                           stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return words[words.index("inet") + 1].split("/")[0] if "inet" in words else None


def elsewhere(agent):
    """Bound to an address that others see: it is on loopback instead."""
    host = machine_address()
    if not host:
        print("        (no address but loopback: skipped)")
        return
    port = free_port()
    r = Run(agent, ["--serve", "80:%d" % port] + server(port, host))
    check("a server on this machine's address is found on loopback",
          r.wait("reachable") and agent.wait_log("80:127.0.0.1:%d" % port))
    try:
        ask(port, b"bye", host)
        check("and not on the address", False)
    except OSError:
        check("and not on the address", True)
    ask(port, b"end")
    r.finish()


def static(agent):
    """Servers that the preload library is not in."""
    for host in ("0.0.0.0", "127.0.0.1", machine_address() or "127.0.0.2"):
        port = free_port()
        r = Run(agent, ["--serve", "80:%d" % port, static_server, host, str(port)])
        check("a static server on %s is served" % host, r.wait("reachable"))
        shown = subprocess.run(["ss", "-lntH", "sport", "= :%d" % port], stdout=subprocess.PIPE,
                               text=True, check=False).stdout
        check("and bound to the loopback device", "%lo" in shown)
        ask(port, b"end", "127.0.0.2" if host == "127.0.0.2" else "127.0.0.1")
        check("and ends as it does", r.finish() == 7)


def datagrams(agent):
    """What a command receives by UDP comes from this machine."""
    r = Run(agent, ["--serve", "80", "python3", "-c",
                    "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
                    "s.bind(('',0))\nprint(s.getsockname()[1],flush=True)\n"
                    "d,p=s.recvfrom(9)\ns.sendto(d+b'!',p)"])
    port = int(r.proc.stdout.readline())
    shown = subprocess.run(["ss", "-lnuH", "sport", "= :%d" % port], stdout=subprocess.PIPE,
                           text=True, check=False).stdout
    check("a datagram socket is bound to the loopback device: " + shown.strip(), "%lo" in shown)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(b"hi", ("127.0.0.1", port))
        check("and works there", s.recv(9) == b"hi!")
    r.finish()


def two_ports(agent):
    one, two = free_port(), free_port()
    r = Run(agent, ["--serve", "80:%d" % one, "--serve", "443:%d" % two, "sh", "-c",
                    "python3 -c \"$0\" 0.0.0.0 %d 0 & exec python3 -c \"$0\" 0.0.0.0 %d 0.5"
                    % (one, two), SERVER])
    check("two servers are one service", r.wait("http://%s/(.|\n)*https://%s/" % (A, A)))
    check("asked for once", agent.log().count("service add") == 1)
    ask(one, b"end")
    ask(two, b"end")
    check("it ends with the last", r.finish() == 7 and agent.wait_log("service end"))


def keys(agent):
    port = free_port()
    path = os.path.join(agent.dir, "key")
    options = ["--serve", "80:%d" % port, "--serve-key", path]
    r = Run(agent, options + server(port))
    r.wait("reachable")
    data = open(path, "rb").read()
    check("the key is kept", len(data) == 96 and data.startswith(b"== ed25519v1-secret: type0 ==\0"))
    check("for the user alone", os.stat(path).st_mode & 0o777 == 0o600)
    ask(port, b"end")
    r.finish()
    r = Run(agent, options + server(port))
    check("and used the next time", r.wait("reachable: http://%s/" % B) and
          "key=ED25519-V3:AAAA" in agent.log())
    ask(port, b"end")
    r.finish()
    check("the file is as it was", open(path, "rb").read() == data)
    os.chmod(path, 0o644)
    r = Run(agent, options + ["echo", "ran"])
    check("a key that others can read is refused", r.finish() == 125 and "chmod 600" in r.text() and
          r.proc.stdout.read() == b"")
    os.chmod(path, 0o600)
    for name, bad in (("empty", b""), ("short", data[:95]), ("long", data + b"x"),
                      ("of another kind", b"x" + data[1:])):
        with open(path, "wb") as f:
            f.write(bad)
        r = Run(agent, options + ["echo", "ran"])
        check("a key file that is %s is refused" % name, r.finish() == 125 and
              "key of an onion service" in r.text() and r.proc.stdout.read() == b"")
    os.unlink(path)
    os.symlink("/etc/passwd", path)
    r = Run(agent, options + ["echo", "ran"])
    check("a link is refused", r.finish() == 125 and r.proc.stdout.read() == b"")
    r = Run(agent, ["--serve", "80", "--serve-key", "/no/such/dir/key", "echo", "ran"])
    check("a folder that is missing is refused", r.finish() == 125 and "folder" in r.text())


def refusals(agent):
    for args, word in ((["--serve", "0"], "1 to 65535"), (["--serve", "65536"], "1 to 65535"),
                       (["--serve", "80:"], "1 to 65535"), (["--serve", "80:x"], "1 to 65535"),
                       (["--serve", ""], "1 to 65535"), (["--serve", "+80"], "1 to 65535"),
                       (["--serve", "80:1:2"], "1 to 65535"),
                       (["--serve", "80", "--serve", "80:81"], "already"),
                       (["--serve-key", "x"], "for --serve"),
                       (["--serve", "80", "--serve-key", ""], "takes a file"),
                       ([w for i in range(17) for w in ("--serve", str(i + 1))], "16 times")):
        r = Run(agent, args + ["echo", "ran"])
        check("refused: " + " ".join(args)[:40],
              r.finish() == 125 and word in r.text() and r.proc.stdout.read() == b"")
    r = Run(agent, ["-q", onionify, "--serve", "80", "echo", "ran"])
    check("refused within another onionify", r.finish() == 125 and "outer one" in r.text())


def taken(agent):
    """Somebody else's server on the port is not the command's to publish."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        r = Run(agent, ["--serve", "80:%d" % port] + server(port))
        check("a command that cannot bind ends as it does", r.finish() == 1)
        check("nothing is published", "service" not in agent.log() and "publishing" not in r.text())


def single(agent):
    """A server for one connection is left to its one client."""
    port = free_port()
    r = Run(agent, ["--serve", "80:%d" % port, "python3", "-c",
                    "import socket\ns=socket.create_server(('',%d))\nc,p=s.accept()\n"
                    "c.sendall(p[0].encode())\nraise SystemExit(c.recv(9)!=b'bye')" % port])
    check("it is reachable and goes on", r.wait("reachable") and r.proc.poll() is None)
    check("its client is served", ask(port) == "127.0.0.1" and r.finish() == 0)


def silent(agent):
    r = Run(agent, ["--timeout", "1", "--serve", "80:%d" % free_port(), "sleep", "3"])
    check("a command that does not listen is told of", r.wait("does not listen on port .* yet"))
    check("and runs on", r.finish() == 0 and "service" not in agent.log())


def late(agent):
    port = free_port()
    r = Run(agent, ["--timeout", "1", "--serve", "80:%d" % port] + server(port, delay=1.5))
    check("one that listens late is served", r.wait("does not listen(.|\n)*reachable"))
    ask(port, b"end")
    r.finish()


def daemon(agent):
    """The command ends, what it has left behind serves on."""
    port = free_port()
    r = Run(agent, ["--serve", "80:%d" % port, "sh", "-c",
                    "setsid python3 -c \"$0\" 0.0.0.0 %d 0.3 </dev/null >/dev/null 2>&1 & exit 3"
                    % port, SERVER])
    check("a daemon's starter ends", r.finish() == 3)
    check("the daemon is served", r.wait("reachable"))
    ask(port, b"end")
    check("until it ends", agent.wait_log("service end"))


def forking(agent):
    """A server whose children accept."""
    port = free_port()
    code = ("import os,socket,sys\n"
            "s=socket.create_server(('',%d))\n"
            "for i in range(3):\n"
            "  if os.fork()==0:\n"
            "    while True:\n"
            "      c,p=s.accept();c.sendall(b'%%d'%%os.getpid());c.close()\n"
            "os.wait()\n" % port)
    r = Run(agent, ["--serve", "80:%d" % port, "python3", "-c", code])
    check("a forking server is served", r.wait("reachable"))
    os.kill(r.proc.pid, signal.SIGTERM)
    check("and ends by its signal", r.finish() == -signal.SIGTERM)
    check("its children keep the service", not agent.wait_log("service end", 0.5))
    pids = {ask(port) for _ in range(12)}
    for p in pids:
        os.kill(int(p), signal.SIGKILL)
    while len(pids) < 3:    # whoever has not answered so far does now
        pids.add(ask(port))
        for p in pids:
            try:
                os.kill(int(p), signal.SIGKILL)
            except ProcessLookupError:
                pass
    check("until they have gone", agent.wait_log("service end"))


def moods():
    for mood, word in (("refused", r"cannot serve: too many \?\[31mservices"),
                       ("unpublished", "not published yet; still trying"),
                       ("unreachable", r"test through Tor has failed so far \(No route to host\)"),
                       ("gone", "no longer served: it was removed")):
        agent = Agent(mood)
        port = free_port()
        r = Run(agent, ["--timeout", "1", "--serve", "80:%d" % port] + server(port))
        check("%s: said so" % mood, r.wait(word))
        check("%s: the command runs on" % mood, ask(port, b"end") == "127.0.0.1" and r.finish() == 7)
        agent.stop()


def agent_dies(agent):
    port = free_port()
    r = Run(agent, ["--serve", "80:%d" % port] + server(port))
    r.wait("reachable")
    agent.stop()
    check("the agent's end is told", r.wait("the agent has gone"))
    check("the command goes on", ask(port) == "127.0.0.1")
    again = Agent(at=agent.dir)
    check("with the next agent the service is back, with its key",
          again.wait_log("service add .* 80:127.0.0.1:%d .* key=ED25519-V3:A" % port) and
          r.wait("reachable(.|\n)*reachable"))
    ask(port, b"end")
    check("and the command's status is its own", r.finish() == 7)
    check("and the service ends with it", again.wait_log("service end"))
    again.stop()


def quiet(agent):
    port = free_port()
    r = Run(agent, ["-q", "--serve", "80:%d" % port] + server(port))
    agent.wait_log("service add")
    time.sleep(0.3)
    ask(port, b"end")
    check("--quiet says nothing", r.finish() == 7 and r.text() == "")


def code(agent):
    port = free_port()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(agent.env, LC_ALL="C.UTF-8")
        os.execv(onionify, [onionify, "--serve", "80:%d" % port] + server(port))
    text, end = b"", time.time() + 30
    while time.time() < end and text.count("\u2588".encode()) < 20:
        text += os.read(fd, 65536)
    check("a terminal gets a code to scan", text.count("\u2580".encode()) > 20)
    ask(port, b"end")
    os.waitpid(pid, 0)


def main():
    tests = [plain, only_local, addresses, elsewhere, static, datagrams, two_ports, keys, refusals,
             taken, single, silent, late, daemon, forking, quiet, code, agent_dies]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        agent = Agent()
        try:
            test(agent)
        except (OSError, ValueError) as e:
            check("%s: %s" % (test.__name__, e), False)
        agent.stop()
    if not wanted or "moods" in wanted:
        moods()
    subprocess.run(["rm", "-rf", work], check=False)


main()
