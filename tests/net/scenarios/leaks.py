# SPDX-License-Identifier: BSD-3-Clause
"""Whatever a program does, nothing but TCP to relays leaves the client.

Every scenario checks that; these try hard. The default route and the name
server of the client's namespace are a trap that records each packet. The first
two scenarios prove the trap: the same programs bare, and under torsocks, are
seen in it.
"""
import os
import shutil
import signal
import socket
import subprocess
import time

import bait
from agent import agents, flow
from basic import PROBE, WWW, exit_addresses
from client import process_alive, run
from harness import Skip, scenario
import netns
from ordinary import NOBODY, OrdinaryUser

# What must be seen of a bare program wherever the tests run.
BARE = set("""tcp-connect tcp6 tcp6-mapped tcp-syscall tcp-inline tcp-thread tfo-sendto tfo-sendmsg
    tfo-sendmmsg tfo-option tfo-inline tcp-port-53 udp-connected udp-sendto udp-sendmsg
    udp-sendmmsg udp-inline udp-quic udp-on-link udp-broadcast udp-multicast udp6-sendto
    udp6-connected udp6-mapped udp6-multicast igmp-join dns-udp dns-udp-other dns-tcp ping-raw
    ping6-raw raw-udp packet getaddrinfo getaddrinfo-null getaddrinfo-v6 gethostbyname
    gethostbyname2 gethostbyname_r gethostbyaddr getnameinfo res_query res_search bare-execve
    bare-vfork bare-spawn bare-raw-exec bare-name unset-preload inherited handed-over""".split())
# What torsocks is known to let through (section names as in its own bug reports differ by version).
TORSOCKS = set("""getaddrinfo-null getnameinfo res_query res_search tfo-sendmsg tcp-inline
    tfo-inline udp-inline bare-execve bare-spawn bare-raw-exec""".split())
QUICK = {"RES_OPTIONS": "timeout:1 attempts:1"}
IN_ROUNDS = 40


def refused(t, *words, env=None):
    r = t.regular().run(["python3", PROBE] + list(words), env=env)
    t.check(r.text.strip() not in ("sent", "ok"), f"{' '.join(words)}: {r}")


def attempts(t, command, program, names=(), env=None):
    """Makes all attempts with @program under @command; (those seen, what they printed)."""
    with_sockets = bait.Sockets(t.regular().dir)
    try:
        r = command([bait.built(program), "each", *names], {**QUICK, **with_sockets.env,
                                                            **(env or {})}, with_sockets.fds)
    finally:
        with_sockets.close()
    t.check(r.status != -1000, f"{program} hangs: {r}")
    return bait.attempts_seen(t), r


def bare(prefix=()):
    def command(args, env, fds):
        p = subprocess.run(list(prefix) + args, env={**os.environ, **env}, pass_fds=fds,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           timeout=50, check=False)
        p.status = p.returncode
        return p
    return command


def onionified(client, prefix=()):
    def command(args, env, fds):
        words = client.command(list(prefix) + args)
        p = subprocess.Popen(words, env={**client.env, **env}, pass_fds=fds, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
        try:
            p.out, p.err = p.communicate(timeout=IN_ROUNDS)
            p.status = p.returncode
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.out, p.err = p.communicate()
            p.status = -1000
        return Outcome(p.status, p.out, p.err)
    return command


class Outcome:
    """What a round of attempts printed."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"status {self.status}, {self.out[-1500:]!r}, {self.err[-300:]!r}"


def contained(t, program, client=None, prefix=(), env=None):
    """Nothing of all attempts is seen, and all of them were made."""
    client = client or t.regular()
    t.ok(client.run(["true"], timeout=60), "the agent starts")
    seen, r = attempts(t, onionified(client, prefix), program, env=env)
    t.check(not seen, f"{program}: the trap saw {sorted(seen)}")
    t.check(not t.leaks(), f"{program}: {t.leaks()[:3]}")
    made = {line.split()[0] for line in r.out.splitlines() if len(line.split()) > 1}
    missing = set(bait.attempt_numbers()) - made
    t.check(not missing, f"{program}: attempts {sorted(missing)} were not made: {r}")
    return r


@scenario("the trap sees every attempt of a bare program", timeout=80)
def trap_itself(t):
    bait.quick_resolver(t.net)
    for program in ("escape", "escape-static"):
        seen, _ = attempts(t, bare(), program)
        t.check(BARE <= seen, f"{program}: the trap did not see {sorted(BARE - seen)}")
        print(f"        {program}: {len(seen)} of {len(bait.attempt_numbers())} attempts get out "
              "when bare", flush=True)
        bait.forget(t)


@scenario("the trap sees what torsocks lets through", timeout=80)
def trap_torsocks(t):
    if not shutil.which("torsocks"):
        raise Skip("no torsocks")
    bait.quick_resolver(t.net)
    seen, _ = attempts(t, bare(["torsocks"]), "escape")
    t.check(TORSOCKS <= seen, f"expected of torsocks but not seen: {sorted(TORSOCKS - seen)}")
    print(f"        torsocks, dynamic: {len(seen)} get out: {' '.join(sorted(seen))}", flush=True)
    bait.forget(t)
    seen, _ = attempts(t, bare(["torsocks"]), "escape-static")
    t.check(seen, "a static program under torsocks is seen")
    bait.forget(t)


@scenario("nothing of a dynamic program gets out", timeout=80)
def dynamic_program(t):
    contained(t, "escape")


@scenario("nothing of a static program gets out", timeout=80)
def static_program(t):
    contained(t, "escape-static")


@scenario("nor without a private network namespace", timeout=120)
def loopback_tier(t):
    for program in ("escape", "escape-static"):
        contained(t, program, env={**QUICK, "ONIONIFY_TIER": "loopback"})


@scenario("nothing of a static position-independent program gets out", timeout=80)
def static_pie_program(t):
    contained(t, "escape-static-pie")


@scenario("nothing of a static musl program gets out", timeout=80)
def musl_program(t):
    contained(t, "escape-musl")


@scenario("nothing gets out without environment", timeout=80)
def no_environment(t):
    variables = [f"{k}={v}" for k, v in QUICK.items()]
    contained(t, "escape", prefix=["env", "-i", *variables])
    contained(t, "escape", prefix=[bait.built("bare"), *variables])     # nobody puts it back


@scenario("nothing gets out without the library", timeout=80)
def no_preload(t):
    contained(t, "escape", prefix=["env", "-u", "LD_PRELOAD"])


@scenario("nothing of a 32-bit program gets out; bare, it does")
def program_of_32_bits(t):
    path = bait.built("escape32")
    r = run([path], timeout=20)
    if r.status <= 0:
        raise Skip("this kernel runs no 32-bit programs")
    t.check(len(bait.trapped_now(t)) >= 2, "bare, it is seen in the trap")
    bait.forget(t)
    r = t.regular().run([path], timeout=20)
    t.equal(r.status, 126, f"a 32-bit command is refused ({r})")
    r = t.regular().run(["env", path], timeout=20)
    t.equal(r.status, 0, f"calls that the kernel took ({r})")
    t.check(not bait.trapped_now(t), t.leaks()[:2])


@scenario("nothing of an ordinary user's program gets out, nor of a set-user-ID one", timeout=120)
def ordinary_user(t):
    user = OrdinaryUser(t.net)
    try:
        program = os.path.join(user.top, "bin", "setuid-escape")
        shutil.copy2(bait.built("escape"), program)
        os.chown(program, 0, 0)
        os.chmod(program, 0o4755)
        contained(t, "escape", user)
        seen, r = attempts(t, lambda args, env, fds: onionified(user)([program] + args[1:], env,
                                                                      fds), "escape")
        t.check(not seen and not t.leaks(), f"set-user-ID: {sorted(seen)} {t.leaks()[:2]}")
        t.check(r.status != -1000, r)
    finally:
        user.close()


@scenario("resolver services outside are not asked; bare, they are", timeout=80)
def deputies(t):
    script = os.path.join(bait.PROGRAMS, "deputies.py")
    if run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/run"]).status != 0:
        raise Skip("no mount namespaces here")
    words = ["getaddrinfo", "gethostbyname", "deputy-nscd", "deputy-resolved", "deputy-avahi"]
    wrapper = ["unshare", "-m", "python3", script]
    escape = [bait.built("escape"), *words]
    r = run(wrapper + escape, env={**os.environ, **QUICK}, timeout=60)
    for name in ("nscd", "resolve", "avahi"):
        t.check(f"deputy /run/{name}" in r.text.replace("systemd/", ""), f"bare {name}: {r}")
    bait.forget(t)
    c = t.regular()
    for program in ("escape", "escape-static"):
        r = run(wrapper + c.command([bait.built(program), *words]), env={**c.env, **QUICK},
                timeout=60)
        t.ok(r, program)
        t.check("deputy" not in "".join(x for x in r.text.splitlines() if " /run/" in x),
                f"{program}: {r.text}")
    t.check(not bait.trapped_now(t), t.leaks()[:2])


@scenario("routes that the program itself changes lead nowhere")
def routes(t):
    change = ("ip route add 203.0.113.0/24 via 192.0.2.1; ip route replace default via 192.0.2.1 "
              "dev uplink; ip -6 route add 2001:db8:80::/64 via 2001:db8:1::1; ")
    undo = ["sh", "-c", "ip route del 203.0.113.0/24; ip -6 route del 2001:db8:80::/64; ip route "
            f"replace default dev trap src {netns.CLIENT_ADDR}"]
    try:
        r = t.regular().run(["sh", "-c", change + f"python3 {PROBE} udp {netns.WEB_ADDR} 443; "
                             f"{bait.built('escape')} tcp-inline udp-inline tfo-inline; "
                             f"{bait.built('escape-static')} tcp-inline udp-inline packet"])
        t.check("sent" not in r.text.split(), r)
    finally:
        run(undo, timeout=20)
    t.check(not bait.trapped_now(t), t.leaks()[:2])


@scenario("UDP is refused")
def udp(t):
    refused(t, "udp", netns.WEB_ADDR, "443")
    refused(t, "udp", netns.WEB_ADDR6, "443")


ASK = """
import socket, struct, sys
q = struct.pack("!6H", 77, 256, 1, 0, 0, 0) + b"\\3www\\7example\\4test\\0\\0\\1\\0\\1"
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
if sys.argv[2] == "connect":
    s.connect((sys.argv[1], 53))
    s.send(q)
else:
    s.sendto(q, (sys.argv[1], 53))
answer, sender = s.recvfrom(4096)
print(sender[0], socket.inet_ntoa(answer[-4:]))
"""


@scenario("whatever name server a program asks, onionify answers, in its name")
def name_servers(t):
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with heard:
        heard.bind(("127.0.0.1", 53))       # as a local forwarder would
        heard.settimeout(0.2)
        for server in (netns.TRAP_NAMESERVER, "127.0.0.1", "2001:db8:bad::53"):
            for how in ("connect", "send"):
                for prefix in ([], [bait.built("bare")]):
                    r = t.ok(t.regular().run([*prefix, "/usr/bin/env", "python3", "-c", ASK, server,
                                              how]), f"{how} {server}")
                    t.check(r.text.startswith(f"{server} 198.1"), f"{how} {server}: {r}")
        try:
            t.check(False, f"a local name server was asked: {heard.recv(4096)!r}")
        except TimeoutError:
            pass
    t.check(not bait.trapped_now(t), t.leaks()[:2])


@scenario("raw and packet sockets are refused")
def raw_sockets(t):
    refused(t, "raw")
    refused(t, "packet")


@scenario("a cleared environment does not lead around Tor", timeout=90)
def cleared_environment(t):
    r = t.regular().run(["env", "-i", "/usr/bin/curl", "-sS", "-m", "20",
                         f"http://{netns.WEB_ADDR}/addr"], timeout=40)
    exits = exit_addresses(t)
    t.check(r.status != 0 or r.text.strip() in exits, r)


@scenario("names are never asked of the system's name server", timeout=120)
def names(t):
    for args in (["getent", "ahosts", "www.example.test"],
                 ["env", "-i", "/usr/bin/getent", "hosts", "secret.example.test"],
                 ["python3", "-c", "import socket;socket.gethostbyname('secret2.example.test')"],
                 ["nslookup", "-timeout=3", "secret3.example.test"],
                 ["dig", "+time=2", "+tries=1", "secret4.example.test"]):
        if shutil.which(args[0]):
            t.check(t.regular().run(args, timeout=40).status != -1000, f"{args} hung")


@scenario("children in the background keep their tunnel after the command's end")
def background_child(t):
    out = os.path.join(t.regular().dir, "background")
    if os.path.exists(out):
        os.unlink(out)
    t.ok(t.regular().run(["sh", "-c", f"(sleep 2; curl -sS -m 20 -o {out} "
                          f"http://{netns.WEB_ADDR}/addr) >/dev/null 2>&1 & exit 0"]))
    t.eventually(lambda: os.path.exists(out), 30, "the child's page")
    exits = exit_addresses(t)
    with open(out, encoding="ascii") as f:
        t.check(f.read().strip() in exits, "the child's page came through an exit")


@scenario("loopback stays local, except name service")
def loopback(t):
    code = ("import socket,threading as th;l=socket.create_server(('127.0.0.1',0));"
            "th.Thread(target=lambda:l.accept()[0].sendall(b'local'),daemon=True).start();"
            "print(socket.create_connection(l.getsockname()).recv(9).decode())")
    t.equal(t.ok(t.regular().run(["python3", "-c", code])).text.strip(), "local", "loopback")


SERVER = """
import socket, sys
s = socket.socket(socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET)
if sys.argv[2] == "bind":
    s.bind(("::" if sys.argv[1] == "6" else "0.0.0.0", 0))
s.listen()
port = s.getsockname()[1]
c = socket.create_connection(("::1" if sys.argv[1] == "6" else "127.0.0.1", port))
s.accept()[0].sendall(b"served")
print(port, c.recv(6).decode(), flush=True)
s.settimeout(5)
try:
    s.accept()[0].sendall(b"secret")
except TimeoutError:
    pass
"""
VISIT = "import socket,sys;socket.create_connection((sys.argv[1],int(sys.argv[2])),2);print('in')"


def reached(t, command, env, family):
    """True when a server that @command starts is reached from outside this machine."""
    p = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True,
                         stdin=subprocess.DEVNULL)
    t.background.append(Killable(p))
    port, said = p.stdout.readline().split()
    t.equal(said, "served", "on loopback")
    addr = netns.CLIENT_ADDR6 if family == "6" else netns.CLIENT_ADDR
    r = run(netns.in_netns(t.net.hold["relays_ns"], ["python3", "-c", VISIT, addr, port]),
            timeout=20)
    p.kill()
    p.wait()
    return r.text.strip() == "in"


@scenario("servers inside are reached from this machine alone; bare, from everywhere", timeout=90)
def servers(t):
    words, c = ["python3", "-c", SERVER], t.regular()
    t.ok(c.run(["true"]), "the agent starts")
    t.check(reached(t, words + ["4", "bind"], dict(os.environ), "4"), "bare, it is reached")
    for family in "46":
        for how in ("bind", "unbound"):
            for prefix in ([], [bait.built("bare"), "PATH=" + os.environ["PATH"]]):
                t.check(not reached(t, c.command(prefix + words + [family, how]), c.env, family),
                        f"{prefix} {family} {how} is reached from outside")
    strange = [x for x in bait.trapped_now(t) if "protocol 6 " not in x]
    t.check(not strange, strange[:2])
    bait.forget(t)      # refusals by the kernel


# --- when parts of onionify die or are missing ---

def loop(program, seconds):
    """A command that fetches a page ten times a second, for @seconds."""
    return [bait.built(program), netns.WEB_ADDR, "80", "/addr", str(seconds)]


def no_leak_and_no_page(t, program, seconds, harm):
    """Runs the loop, does @harm while it goes well, and waits for its end; the result."""
    c = t.user()
    t.ok(c.run(["true"], timeout=60), "the agent starts")
    begun = len(t.requests())
    r = t.start(c, loop(program, seconds))
    t.eventually(lambda: len(t.requests()) > begun + 2, 30, "pages before the harm")
    harm(c, r)
    time.sleep(0.5)
    before = len(t.requests())
    done = r.finish(seconds + 30)
    t.check(not bait.trapped_now(t), t.leaks()[:2])
    t.check(len(t.requests()) <= before + 1, f"pages after the harm: {t.requests()[before:]}")
    return done


def kill_agent(c, _running):
    os.kill(c.agent_pid(), signal.SIGKILL)


def kill_supervisor(_c, running):
    for pid in children(running.p.pid):
        os.kill(pid, signal.SIGKILL)


def children(parent):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(entry))
        except OSError:
            pass
    return found


@scenario("the agent killed in use: errors, no packet", timeout=80)
def agent_killed(t):
    for program in ("fetch", "fetch-static"):
        done = no_leak_and_no_page(t, program, 5, kill_agent)
        t.check(done.status > 0 and done.err.strip(), f"{program} saw errors: {done}")


@scenario("the supervisor killed in use: the command ends, no packet, and onionify says why",
          timeout=80)
def supervisor_killed(t):
    for program in ("fetch", "fetch-static"):
        done = no_leak_and_no_page(t, program, 5, kill_supervisor)
        t.check(done.status == 125 and "onionify: " in done.err, f"{program}: {done}")


@scenario("the supervisor killed: what the command left in the background has no network either",
          timeout=80)
def supervisor_killed_daemon(t):
    c = t.user()
    t.ok(c.run(["true"], timeout=60), "the agent starts")
    out = os.path.join(c.dir, "daemon")
    inner = " ".join(loop("fetch-static", 6))
    r = t.start(c, ["sh", "-c", f"setsid {inner} >{out} 2>&1 & sleep 8"])
    t.eventually(lambda: len(t.requests()) > 2, 30, "pages before the harm")
    kill_supervisor(c, r)
    time.sleep(0.5)
    before = len(t.requests())
    time.sleep(4)
    t.check(len(t.requests()) <= before + 1, "no page after the supervisor's death")
    t.check(not bait.trapped_now(t), t.leaks()[:2])
    r.finish(40)


@scenario("the library removed: not started without it; already started, nothing gets out",
          timeout=120)
def library_removed(t):
    user = OrdinaryUser(t.net, "installed", account=0)
    try:
        library = os.path.join(user.installed, "libonionify.so")
        t.ok(user.run(["true"], timeout=60), "the agent starts")
        page = f"{bait.built('fetch')} www.example.test 80"
        r = user.run(["sh", "-c", f"rm {library}; {page}; {bait.built('escape')} each; "
                      f"{bait.built('escape-static')} each"], env=QUICK, timeout=60)
        t.check(r.status != -1000, r)
        t.check(not bait.trapped_now(t), t.leaks()[:2])
        r = user.run(["curl", "-sS", WWW + "/addr"])
        t.check(r.status == 125 and "libonionify.so" in r.err, f"without library: {r}")
    finally:
        user.close()


@scenario("another user's socket in the agent's place is not talked to", timeout=80)
def foreign_socket(t):
    c = t.user()
    t.ok(c.run(["true"], timeout=60), "the agent starts")

    def swap(client, _running=None):
        os.kill(client.agent_pid(), signal.SIGKILL)
        t.eventually(lambda: not client.agent_pid(), 10, "the agent's death")
        impostor(t, client.socket)
    done = no_leak_and_no_page(t, "fetch", 5, swap)
    t.check(done.status > 0, f"in use: {done}")


@scenario("another user's socket in the agent's place: the command is not started", timeout=80)
def foreign_socket_at_start(t):
    c = t.user()
    impostor(t, c.socket)
    r = c.run(["curl", "-sS", WWW + "/addr"], timeout=40)
    t.check(r.status == 125 and "onionify: " in r.err, f"at start: {r}")
    t.check(not bait.trapped_now(t), t.leaks()[:2])


IMPOSTOR = """
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
path = sys.argv[1]
if os.path.exists(path):
    os.unlink(path)
s.bind(path)
os.chmod(path, 0o666)
os.setgid(%d)
os.setuid(%d)
s.listen(16)
print("ready", flush=True)
for _ in range(200):
    c = s.accept()[0]
    c.settimeout(1)
    try:
        print("got", c.recv(4096).hex(), flush=True)
    except OSError:
        pass
"""


def impostor(t, path):
    """A listener of another account at @path, killed at the scenario's end."""
    import ordinary
    ordinary.check_accounts()
    p = subprocess.Popen(["timeout", "60", "python3", "-c", IMPOSTOR % (NOBODY, NOBODY), path],
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    t.background.append(Killable(p))
    t.equal(p.stdout.readline(), "ready\n", "the impostor listens")


class Killable:
    def __init__(self, p):
        self.p = p

    def kill(self):
        self.p.kill()
        self.p.wait()
