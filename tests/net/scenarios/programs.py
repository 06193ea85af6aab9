# SPDX-License-Identifier: BSD-3-Clause
"""Real programs, each checked for what it fetched and for leaks.

The programs that every machine with this project has run in the normal test
run, as root and with the environment emptied inside by a static program (so that
only the supervisor is left); "tests/net/run programs" runs all, and as an ordinary
user too. A program that is missing is skipped by name; tests/net/programs-deps
brings them all. The last scenario prints the table.
"""
import atexit
import os
import re
import shutil
import sys
import tempfile

import bait
from basic import exit_addresses
from harness import Failure, Skip, scenario
import matrix
from matrix import FILES, WWW, peer_program
import netns
from ordinary import NOBODY, OrdinaryUser, check_accounts

# None: found out by a static program that fetches a page. Without the native door
# whatever does not load the library must be refused; with it, it must work.
NATIVE_DOOR = None
ALL = any(word.split(".")[0] == "programs" for word in sys.argv[1:])
MODES = ("root", "user", "env-i")
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else "python3"
ADDR = WWW + "/addr"
TIMEOUT = 45
results = {}        # program: {mode: word}
leaky = set()


class Place:
    """Where one program runs in one mode: its user, folder and expectations."""

    def __init__(self, t, mode):
        self.t, self.mode, self.servers = t, mode, matrix.Servers.get(t.net)
        self.exits = exit_addresses(t)
        if mode == "user":
            check_accounts()
            self.client = users(t)
        else:
            self.client = t.regular()
        self.dir = tempfile.mkdtemp(prefix="onionify-program-")
        self.key = os.path.join(self.dir, "key")
        source = os.path.join(self.servers.dir, "user_key")
        if os.path.exists(source):
            shutil.copyfile(source, self.key)
            os.chmod(self.key, 0o600)
        if mode == "user":
            os.chown(self.dir, NOBODY, NOBODY)
            if os.path.exists(self.key):
                os.chown(self.key, NOBODY, NOBODY)

    def environment(self):
        env = {"PATH": PATH, "HOME": self.dir, "LANG": "C.UTF-8", "TERM": "xterm",
               "SHELL": "/bin/sh"}
        if matrix.libraries():
            env["LD_LIBRARY_PATH"] = matrix.libraries()
        return env

    def run(self, args, data):
        env = self.environment()
        if self.mode == "env-i":
            words = [bait.built("bare")] + [f"{k}={v}" for k, v in env.items()]
            env = {}
        else:
            words = []
        return self.client.run(words + ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", self.dir]
                               + args, timeout=TIMEOUT, data=data, env=env)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


_users = []


def users(t):
    """The ordinary user, kept for all programs."""
    if not _users:
        _users.append(OrdinaryUser(t.net))
        atexit.register(_users[0].close)
    return _users[0]


def native_door(t):
    global NATIVE_DOOR
    if NATIVE_DOOR is None:
        try:
            r = t.regular().run([bait.built("fetch-static"), "www.example.test", "80"], timeout=40)
            NATIVE_DOOR = r.status == 0
        except Skip:
            NATIVE_DOOR = False
        print(f"        the native door is {'there' if NATIVE_DOOR else 'not there'}", flush=True)
    return NATIVE_DOOR


class Program:
    """One line of the matrix.

    args: list, or a function of Place. want: regular expression that standard output
    (and files named in "files") must contain, or None for an exit's address. refused:
    the program must fail, with these words (regular expression) on its output.
    """

    def __init__(self, name, args, want=None, *, needs=(), data=None, native=False, refused=None,
                 server=None, files=(), default=False, status=(0,), modes=MODES, module=None):
        self.name, self.args, self.want = name, args, want
        self.needs, self.data, self.native, self.refused = needs, data, native, refused
        self.server, self.files, self.default, self.status = server, files, default, status
        self.modes, self.module = modes, module

    def command(self, p):
        for program in self.needs:
            if not shutil.which(program, path=PATH) and not os.access(program, os.X_OK):
                raise Skip(f"no {program}")
        if self.module and not matrix.quiet([PYTHON, "-c", f"import {self.module}"]):
            raise Skip(f"no Python module {self.module}")
        if self.server and not p.servers.up[self.server]:
            raise Skip(f"no {self.server} server")
        return self.args(p) if callable(self.args) else self.args

    def judge(self, p, r, must_fail):
        """Raises Failure; else the word for the table."""
        out = r.text
        for name in self.files:
            try:
                with open(os.path.join(p.dir, name), encoding="utf-8", errors="replace") as f:
                    out += f.read()
            except OSError:
                pass
        if r.status == -1000:
            raise Failure(f"hangs: {r}")
        if must_fail:
            words = self.refused or ".*"
            if r.status == 0 or not re.search(words, out + r.err, re.S | re.I):
                raise Failure(f"not refused in clear words: {r}")
            return "refused"
        if r.status not in self.status:
            raise Failure(str(r))
        if self.want is None and not any(re.search(rf"(?<![\d.]){re.escape(a)}(?![\d.])", out)
                                         for a in p.exits):
            raise Failure(f"no exit's address in its output: {r}")
        if self.want is not None and not re.search(self.want, out, re.S):
            raise Failure(f"{self.want!r} is not in its output: {out[-300:]!r} {r}")
        return "ok"

    def run_in(self, t, mode):
        p = Place(t, mode)
        try:
            command = self.command(p)
            native = self.native or mode == "env-i"
            must_fail = bool(self.refused) or (native and not native_door(t))
            data = self.data.encode() if self.data is not None else None
            verdict = self.judge(p, p.run(command, data), must_fail)
            leaks = bait.trapped_now(t)
            if leaks:
                leaky.add(self.name)
                raise Failure(f"{len(leaks)} packets leaked: {leaks[:2]}")
            strange = p.servers.peers() - p.exits
            if strange:
                leaky.add(self.name)
                raise Failure(f"servers were reached from {strange}")
            return verdict
        finally:
            p.close()

    def run(self, t):
        words = results.setdefault(self.name, {})
        failures = []
        for mode in self.modes if ALL else [m for m in self.modes if m != "user"]:
            try:
                words[mode] = self.run_in(t, mode)
            except Skip as e:
                words[mode] = "skipped"
                words.setdefault("why", str(e))
            except Failure as e:
                words[mode] = "FAILED"
                failures.append(f"{mode}: {e}")
                bait.forget(t)
        if failures:
            raise Failure("; ".join(failures))
        if all(w == "skipped" for m, w in words.items() if m != "why"):
            raise Skip(words["why"])


def python(code):
    return [PYTHON, "-c", code]


def ssh(p, *words):
    options = ["-p", "8022"] if words[0] == "ssh" else ["-P", "8022"]
    return [words[0], *options, "-i", p.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=known", "-F", "none",
            *words[1:]]


def apt(sandbox):
    lines = ["mkdir -p l/partial c/archives/partial",
             "[ $(id -u) -ne 0 ] || { chmod 755 .; chown _apt . l/partial c/archives/partial; }",
             f"echo 'deb [trusted=yes] {FILES}/apt ./' >s"]
    o = ("-o Dir::Etc::sourcelist=$PWD/s -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$PWD "
         "-o Dir::State::lists=$PWD/l -o Dir::State::status=/dev/null -o Dir::Cache=$PWD/c "
         f"-o Acquire::Retries=0 -o APT::Sandbox::User={sandbox} -o Acquire::Languages=none")
    return ["sh", "-c", "; ".join(lines) + f"; apt-get {o} update && apt-get {o} download hello-net "
            "&& dpkg-deb -f hello-net_1.0_all.deb Package"]


ASYNCIO = f"""
import asyncio
async def one(i):
    r, w = await asyncio.open_connection("www.example.test", 80)
    w.write(b"GET /addr HTTP/1.0\\r\\nHost: www.example.test\\r\\n\\r\\n")
    data = await r.read()
    w.close()
    return data.split(b"\\r\\n\\r\\n")[1].decode()
async def main():
    print("".join(await asyncio.gather(*(one(i) for i in range(20)))), end="")
asyncio.run(main())
"""
PERL_SOCKET = ("use IO::Socket::INET; my $s = IO::Socket::INET->new('www.example.test:80') or die $@;"
               r'print $s "GET /addr HTTP/1.0\r\nHost: www.example.test\r\n\r\n"; print <$s>;')
BASH_TCP = (r"exec 3<>/dev/tcp/www.example.test/80; printf "
            r"'GET /addr HTTP/1.0\r\nHost: www.example.test\r\n\r\n' >&3; cat <&3")
GET = "GET /addr HTTP/1.0\r\nHost: www.example.test\r\n\r\n"
HELLO = "hello from the private network"
AN_ADDRESS = r"\b(198\.1[89]|203\.0)\.\d+\.\d+|f[cd][0-9a-f]{2}:|2001:db8:80::80"
NO_WAY = (r"not permitted|denied|unreachable|refused|not allowed|cannot|must be|failure|no new priv"
          r"|incorrect|setuid|root")
TWENTY = r"(\S+\n){20}"
NMAP = ["-sT", "-n", "-Pn", "--initial-rtt-timeout", "8s"]


def typing(awaited, line, command):
    """A command that gets a line, and then the end, once it has said what is awaited."""
    return ["sh", "-c", f"(i=0; until grep -q '{awaited}' out || [ $i = 300 ]; do i=$((i + 1)); "
            f"sleep 0.1; done; echo '{line}') 2>/dev/null | {command} >out 2>&1; cat out"]


PROGRAMS = (
    Program("c", lambda p: [bait.built("fetch"), "www.example.test", "80"], default=True),
    Program("c-static", lambda p: [bait.built("fetch-static"), "www.example.test", "80"],
            native=True, default=True),
    Program("c-static-pie", lambda p: [bait.built("fetch-static-pie"), "www.example.test", "80"],
            native=True),
    Program("musl-static", lambda p: [bait.built("fetch-musl"), "www.example.test", "80"],
            native=True),
    # The library is made for another C library, and is left out.
    Program("musl-dynamic", lambda p: [bait.built("fetch-musl-dynamic"), "www.example.test", "80"],
            native=True, modes=("root", "user")),
    Program("musl-dynamic-bare", lambda p: [bait.built("fetch-musl-dynamic"), "www.example.test",
                                            "80"], native=True, modes=("env-i",)),
    Program("go-static", lambda p: [bait.built("fetch-go"), ADDR], native=True),
    Program("go-cgo", lambda p: [bait.built("fetch-cgo"), ADDR], native=True),
    Program("rust", lambda p: [bait.built("fetch-rust"), "www.example.test", "80", "/addr"]),
    Program("python-urllib", python("import urllib.request as u;"
                                    f"print(u.urlopen('{ADDR}').read().decode())"), default=True),
    Program("python-asyncio", python(ASYNCIO), TWENTY, default=True),
    Program("python-requests", python(f"import requests;print(requests.get('{ADDR}').text)"),
            module="requests"),
    Program("python-httpx", python(f"import httpx;print(httpx.get('{ADDR}').text)"),
            module="httpx"),
    Program("pip", [PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir",
                    "--disable-pip-version-check", "-i", FILES + "/simple", "--trusted-host",
                    "v4only.example.test", "-d", "out", "hello-net"], "", module="pip"),
    Program("node-http", ["node", "-e", f"require('http').get('{ADDR}',r=>r.pipe(process.stdout))"],
            needs=["node"]),
    Program("node-fetch", ["node", "-e", f"fetch('{ADDR}').then(r=>r.text()).then(console.log)"],
            needs=["node"]),
    Program("node-dns", ["node", "-e", "require('dns').resolve4('www.example.test',(e,a)=>"
                         "console.log(e||a))"], AN_ADDRESS, needs=["node"]),
    Program("npm", ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier",
                    "--registry", FILES + "/npm", "hello-net"], r"added 1 package", needs=["npm"]),
    Program("java", lambda p: ["java", "-cp", java_class(), "Fetch", ADDR], needs=["java"]),
    Program("perl-socket", ["perl", "-e", PERL_SOCKET], needs=["perl"], default=True),
    Program("perl-lwp", ["perl", "-MLWP::Simple", "-e", f"getprint '{ADDR}'"], needs=["lwp-request"]),
    Program("ruby", ["ruby", "-rnet/http", "-e", f"print Net::HTTP.get(URI('{ADDR}'))"],
            needs=["ruby"]),
    Program("php", lambda p: php(), want=None),
    Program("curl", ["curl", "-sS", ADDR], needs=["curl"], default=True),
    Program("curl-https", ["curl", "-sSk", "https://www.example.test/addr"], needs=["curl"],
            default=True),
    Program("curl-ipv6", ["curl", "-sS", f"http://[{netns.WEB_ADDR6}]/addr"], needs=["curl"]),
    Program("curl-parallel", ["curl", "-sS", "-Z", "--parallel-max", "20"] + [ADDR] * 20, TWENTY,
            needs=["curl"], default=True),
    Program("wget", ["wget", "-q", "-T", "30", "-t", "1", "-O", "-", ADDR], needs=["wget"],
            default=True),
    Program("wget-recursive", ["sh", "-c", f"wget -q -T 30 -t 1 -r -nH {FILES}/tree/index.html; "
                               "cat tree/*.html"], "page a.*page b.*page c.*page index",
            needs=["wget"]),
    Program("wget2", ["wget2", "-q", "-T", "30", "--tries=1", "-O", "-", ADDR], needs=["wget2"]),
    Program("aria2", ["aria2c", "-q", "--no-conf", "-s", "4", "-x", "4", "-k", "1M", "-o", "out",
                      ADDR], needs=["aria2c"], files=["out"]),
    Program("axel", ["axel", "-q", "-n", "3", "-o", "out", ADDR], needs=["axel"], files=["out"]),
    Program("ab", ["ab", "-q", "-n", "40", "-c", "8", ADDR], r"Failed requests: +0\b", needs=["ab"]),
    Program("lynx", ["lynx", "-dump", "-nolist", ADDR], needs=["lynx"]),
    Program("w3m", ["w3m", "-dump", ADDR], needs=["w3m"]),
    Program("git-http", ["sh", "-c", f"git clone -q {FILES}/repo.git r && cat r/hello.txt"], HELLO,
            needs=["git"], server="git"),
    Program("git-daemon", ["sh", "-c", "git clone -q git://v4only.example.test:8418/repo.git r && "
                           "cat r/hello.txt"], HELLO, needs=["git"], server="git"),
    Program("ssh", lambda p: ssh(p, "ssh", "root@v4only.example.test", "echo $SSH_CONNECTION"),
            needs=["ssh"], server="ssh"),
    Program("git-ssh", lambda p: ["env", "GIT_SSH_COMMAND=" + " ".join(ssh(p, "ssh")), "git",
                                  "ls-remote", f"root@v4only.example.test:{p.servers.dir}/www/repo.git"],
            "refs/heads", needs=["ssh", "git"], server="ssh"),
    Program("scp", lambda p: ssh(p, "scp", "-q", f"root@v4only.example.test:{p.servers.dir}/src/"
                                 "hello.txt", "out"), HELLO, needs=["scp"], server="ssh",
            files=["out"]),
    Program("sftp", lambda p: ssh(p, "sftp", "-q", f"root@v4only.example.test:{p.servers.dir}/src/"
                                  "hello.txt", "out"), HELLO, needs=["sftp"], server="ssh",
            files=["out"]),
    Program("rsync-daemon", lambda p: [rsync(), "-a", "--timeout=30",
                                       "rsync://v4only.example.test:8873/files/index.html", "out"],
            "page index", server="rsync", files=["out"]),
    Program("rsync-ssh", lambda p: [rsync(), "-a", f"--rsync-path={rsync()}", "-e",
                                    " ".join(ssh(p, "ssh")), "root@v4only.example.test:"
                                    f"{p.servers.dir}/src/hello.txt", "out"], HELLO, needs=["ssh"],
            server="ssh", files=["out"]),
    Program("ftp", ["tnftp", "-V", "-o", "out", "ftp://v4only.example.test:8021/hello"], HELLO,
            needs=["tnftp"], files=["out"]),
    Program("curl-ftp", ["curl", "-sS", "ftp://v4only.example.test:8021/hello"], HELLO,
            needs=["curl"]),
    Program("lftp", ["lftp", "-c", "set net:max-retries 1; set net:timeout 20; open "
                     "ftp://v4only.example.test:8021; cat hello"], HELLO, needs=["lftp"]),
    Program("nc-openbsd", ["nc.openbsd", "-w", "20", "www.example.test", "8002"], "220 hello",
            needs=["nc.openbsd"], default=True),
    Program("nc-traditional", ["nc.traditional", "-w", "20", "www.example.test", "8002"],
            "220 hello", needs=["nc.traditional"]),
    Program("ncat", ["ncat", "-w", "20", "www.example.test", "8002"], "220 hello", needs=["ncat"]),
    Program("socat", ["socat", "-T", "20", "-", "TCP:www.example.test:8002"], "220 hello",
            needs=["socat"]),
    # It ends with its input, whatever is still to come.
    Program("telnet", typing("220 hello", "", "telnet www.example.test 8002"), "220 hello",
            needs=["telnet"]),
    Program("openssl", ["openssl", "s_client", "-quiet", "-connect", "www.example.test:443"],
            needs=["openssl"], data=GET, default=True),
    Program("gnutls-cli", ["gnutls-cli", "--insecure", "www.example.test"], needs=["gnutls-cli"],
            data=GET, status=(0, 1)),
    Program("swaks", ["swaks", "--server", "v4only.example.test:8025", "--from", "a@example.test",
                      "--to", "b@example.test", "--helo", "c.test"], "250 taken", needs=["swaks"]),
    Program("msmtp", ["msmtp", "-v", "--host=v4only.example.test", "--port=8025", "--domain=c.test",
                      "--from=a@example.test", "b@example.test"], "250 taken", needs=["msmtp"],
            data="Subject: x\n\nbody\n"),
    Program("irc", typing("welcome to", "/quit", "ircII -d -q tester v4only.example.test:8667"),
            "welcome to the private network", needs=["ircII"]),
    Program("apt-get", apt("root"), "hello-net", needs=["apt-get", "dpkg-deb"]),
    Program("apt-get-sandbox", apt("_apt"), "hello-net", needs=["apt-get", "dpkg-deb"],
            modes=("root", "env-i")),
    Program("getent", ["getent", "ahosts", "www.example.test"], AN_ADDRESS, needs=["getent"],
            default=True),
    Program("dig", ["dig", "+short", "+time=20", "+tries=1", "www.example.test"], AN_ADDRESS,
            needs=["dig"]),
    Program("dig-tcp", ["dig", "+short", "+tcp", "+time=20", "+tries=1", "www.example.test"],
            AN_ADDRESS, needs=["dig"]),
    Program("host", ["host", "-W", "20", "-t", "A", "www.example.test"], AN_ADDRESS, needs=["host"]),
    Program("nslookup", ["nslookup", "-timeout=20", "www.example.test"], AN_ADDRESS,
            needs=["nslookup"]),
    Program("drill", ["drill", "www.example.test"], AN_ADDRESS, needs=["drill"]),
    # It takes a port that does not answer within a second for one that nobody answers for.
    Program("nmap", ["nmap", *NMAP, "--unprivileged", "-p", "80,84,8002", "www.example.test"],
            r"80/tcp +open", needs=["nmap"]),
    Program("nmap-as-it-is", ["nmap", *NMAP, "-p", "80,84,8002", "www.example.test"],
            r"80/tcp +open", needs=["nmap"], modes=("root", "user")),
    Program("bash-tcp", ["bash", "-c", BASH_TCP], needs=["bash"], default=True),
    Program("pipeline", ["sh", "-c", f"for i in 1 2 3; do curl -sS {ADDR} & done | sort | uniq -c; "
                         "wait"], needs=["curl"]),
    Program("xargs-parallel", ["sh", "-c", "seq 20 | xargs -P 8 -I@ curl -sS '" + ADDR + "?@'"],
            TWENTY, needs=["curl", "xargs"], default=True),
    Program("tmux", ["sh", "-c", f"tmux -S s -f /dev/null new-session -d 'curl -sS -o out {ADDR}; "
                     "sleep 1' && for i in $(seq 100); do [ -s out ] && break; sleep 0.2; done"],
            needs=["tmux", "curl"], files=["out"]),
    Program("screen", lambda p: ["sh", "-c", f"mkdir -m 700 d; SCREENDIR=$PWD/d {screen()} -D -m "
                                 f"sh -c 'curl -sS -o out {ADDR}'"], needs=["curl"], files=["out"]),
    Program("strace", ["strace", "-f", "-q", "-o", "trace", "curl", "-sS", ADDR],
            needs=["strace", "curl"]),
    Program("gdb", ["gdb", "-q", "-batch", "-ex", "run", "--args", "curl", "-sS", ADDR],
            needs=["gdb", "curl"]),
    Program("nohup-setsid", ["sh", "-c", f"setsid nohup curl -sS -o out {ADDR} >/dev/null 2>&1; "
                             "cat out"], needs=["curl"]),
    Program("chromium", ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                         ADDR], needs=["chromium"]),
    Program("ping", ["ping", "-c", "1", "-W", "2", netns.WEB_ADDR], refused=NO_WAY, needs=["ping"]),
    Program("traceroute", ["traceroute", "-m", "2", "-w", "1", netns.WEB_ADDR], refused=NO_WAY,
            needs=["traceroute"]),
    Program("su", ["su", "-c", "true", "root"], refused=NO_WAY, needs=["su"], modes=("user",)),
    Program("sudo", lambda p: [sudo(), "-n", "true"], refused=NO_WAY),
    # As root it compares what netlink tells with /proc/net, and gives up in words of its own.
    Program("nmap-udp", ["nmap", "-sU", "-Pn", "-p", "53", netns.WEB_ADDR],
            refused=NO_WAY + r"|can't find interface",
            needs=["nmap"]),
)


def java_class():
    """The class folder, compiled where there is a compiler."""
    target = os.path.join(bait.BUILT, "Fetch.class")
    source = os.path.join(bait.PROGRAMS, "Fetch.java")
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        if not shutil.which("javac"):
            raise Skip("no javac")
        if not matrix.quiet(["javac", "-d", bait.BUILT, source]):
            raise Skip("javac fails")
    return bait.BUILT


def peer(*paths):
    path = peer_program(*paths)
    if not path:
        raise Skip("no " + os.path.basename(paths[0]))
    return path


def rsync():
    return peer("usr/bin/rsync")


def screen():
    return peer("usr/bin/screen")


def sudo():
    return peer("usr/bin/sudo")


def php():
    return [peer("usr/bin/php8.2", "usr/bin/php"), "-n", "-r",
            f"echo file_get_contents('{ADDR}');"]


def register(program):
    def run(t):
        program.run(t)
    run.__name__ = program.name
    scenario("a real program", timeout=3 * TIMEOUT + bait.BUILD_TIMEOUT)(run)


for _program in PROGRAMS:
    if ALL or _program.default:
        register(_program)


@scenario("the table of real programs")
def table(t):
    """Prints who did what; fails when a program leaked."""
    counts = {"ok": 0, "refused": 0, "FAILED": 0, "skipped": 0}
    print(f"        {'program':18}{''.join(f'{m:>10}' for m in MODES)}{'leak':>8}")
    for name, words in results.items():
        for mode in MODES:
            if mode in words:
                counts[words[mode]] += 1
        print(f"        {name:18}{''.join(f'{words.get(m, chr(45)):>10}' for m in MODES)}"
              f"{'LEAK' if name in leaky else 'none':>8}"
              + (f"  ({words['why']})" if "why" in words else ""))
    print(f"        {len(results)} programs: {counts['ok'] + counts['refused']} passed, "
          f"{counts['FAILED']} failed, {counts['skipped']} skipped", flush=True)
    t.check(not leaky, f"leaks by {sorted(leaky)}")
