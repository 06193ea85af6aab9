# SPDX-License-Identifier: BSD-3-Clause
"""Programs with proxy settings of their own, against the agent's listeners.

None of them runs under onionify. What a program may need is brought by
tests/net/programs-deps; one that is missing is skipped.
"""
import os
import shutil
import tempfile

from basic import exit_addresses
from client import run
from harness import Skip, scenario
import matrix
from matrix import FILES, peer_program
import netns
from proxies import DNS, HTTP, SOCKS, proxied

HELLO = "hello from the private network"
SHOW = "http://www.example.test:8006"
SSH_HOST = "v4only.example.test"
HTTP_URL, SOCKS_URL = f"http://127.0.0.1:{HTTP}", f"socks5h://127.0.0.1:{SOCKS}"


class Place:
    """A listening agent, the servers behind the exits, and a folder to work in."""

    def __init__(self, t, server=None, extra=()):
        self.t = t
        self.servers = matrix.Servers.get(t.net)
        if server and not self.servers.up[server]:
            raise Skip(f"no {server} server could be started")
        self.client = proxied(t, extra)
        self.dir = tempfile.mkdtemp(prefix="onionify-clients-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, args, env=None, timeout=50):
        base = {"PATH": os.environ["PATH"], "HOME": self.dir, "LANG": "C.UTF-8",
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        return self.t.ok(run(args, {**base, **(env or {})}, timeout, cwd=self.dir), " ".join(args))

    def came_by_tor(self):
        """Every server that keeps a log was reached by an exit, and nothing went past Tor."""
        strange = self.servers.peers() - exit_addresses(self.t)
        self.t.check(not strange, f"servers were reached from {strange}")
        self.t.check_no_leak()


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def ssh_options(p, proxy):
    return ["-p", "8022", "-i", f"{p.servers.dir}/user_key", "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
            f"UserKnownHostsFile={p.dir}/known", "-F", "none", "-o", f"ProxyCommand={proxy}"]


PROXY_COMMANDS = (f"nc -X 5 -x 127.0.0.1:{SOCKS} %h %p", f"nc -X connect -x 127.0.0.1:{HTTP} %h %p")


@scenario("ssh and git over ssh with nc -X as ProxyCommand, by SOCKS and by CONNECT", timeout=150)
def ssh(t):
    needs("ssh", "git", "nc")
    with Place(t, "ssh") as p:
        for proxy in PROXY_COMMANDS:
            r = p.run(["ssh", *ssh_options(p, proxy), f"root@{SSH_HOST}", "echo $SSH_CONNECTION"])
            t.check(r.text.split()[0] in exit_addresses(t), f"{proxy}: came from {r.text}")
            words = " ".join(f"'{o}'" for o in ssh_options(p, proxy))
            r = p.run(["git", "ls-remote", f"root@{SSH_HOST}:{p.servers.dir}/www/repo.git"],
                      {"GIT_SSH_COMMAND": f"ssh {words}"})
            t.check("refs/heads" in r.text, r)
        p.came_by_tor()


@scenario("git clones by http through SOCKS, through the HTTP proxy, by git:// through nc", timeout=150)
def git(t):
    needs("git", "nc")
    with Place(t, "git") as p:
        script = os.path.join(p.dir, "proxy")
        with open(script, "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\nexec nc -X 5 -x 127.0.0.1:{SOCKS} "$1" "$2"\n')
        os.chmod(script, 0o755)
        for i, (url, setting) in enumerate((
                (f"{FILES}/repo.git", f"http.proxy={SOCKS_URL}"),
                (f"{FILES}/repo.git", f"http.proxy={HTTP_URL}"),
                (f"git://{SSH_HOST}:8418/repo.git", f"core.gitProxy={script}"))):
            p.run(["git", "-c", setting, "clone", "-q", url, f"clone{i}"])
            with open(f"{p.dir}/clone{i}/hello.txt", encoding="ascii") as f:
                t.equal(f.read().strip(), HELLO, setting)
        p.came_by_tor()


VARIABLES = {"http_proxy": HTTP_URL, "https_proxy": HTTP_URL}


@scenario("programs that know http_proxy: wget, python, perl, pip", timeout=200)
def variables(t):
    with Place(t) as p:
        asked = {
            "wget": ["wget", "-q", "-T", "30", "-t", "1", "-O", "-", f"{SHOW}/x"],
            "python3": ["python3", "-c", "import urllib.request as u;"
                        f"print(u.urlopen('{SHOW}/x', timeout=30).read().decode())"],
            "lwp-request": ["lwp-request", "-t", "30", f"{SHOW}/x"],
        }
        for program, args in asked.items():
            if not shutil.which(program):
                continue
            env = {**VARIABLES, "PERL_LWP_ENV_PROXY": "1"}
            text = p.run(args, env).text
            t.check(text.startswith("GET /x HTTP/1.1") and "Via" not in text and "Proxy" not in text,
                    f"{program}: {text}")
        if shutil.which("pip3"):
            p.run(["pip3", "download", "-q", "--no-deps", "--no-cache-dir",
                   "--disable-pip-version-check", "--proxy", HTTP_URL, "-i", FILES + "/simple",
                   "--trusted-host", SSH_HOST, "-d", "out", "hello-net"])
            t.check(os.listdir(f"{p.dir}/out"), "pip fetched nothing")
        p.came_by_tor()


@scenario("npm installs from a registry through the HTTP proxy", timeout=120)
def npm(t):
    needs("npm")
    with Place(t) as p:
        r = p.run(["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "--proxy",
                   HTTP_URL, "--noproxy", "", "--registry", FILES + "/npm", "hello-net"])
        t.check("added 1 package" in r.text, r)
        p.came_by_tor()


@scenario("dig against DNSPort: A, AAAA, PTR, errors, UDP and TCP", timeout=120)
def dig(t):
    needs("dig")
    with Place(t) as p:
        def ask(*words):
            return p.run(["dig", "@127.0.0.1", "-p", str(DNS), "+tries=1", "+time=20", *words])
        for way in ("+notcp", "+tcp"):
            t.equal(ask(way, "+short", "www.example.test").text.strip(), netns.WEB_ADDR, way)
            t.equal(ask(way, "+short", "AAAA", "v6only.example.test").text.strip(), netns.WEB_ADDR6, way)
            t.equal(ask(way, "+short", "-x", netns.WEB_ADDR).text.strip(), "www.example.test.", way)
            t.check("NXDOMAIN" in ask(way, "unknown.example.test").text, "unknown name")
            t.check("NOTIMP" in ask(way, "MX", "www.example.test").text, "what Tor cannot ask")
        p.came_by_tor()


@scenario("chromium without a head, through SOCKS and through the HTTP proxy", timeout=150)
def chromium(t):
    program = peer_program("usr/lib/chromium/chromium")
    if not program:
        raise Skip("no chromium: tests/net/programs-deps chromium")
    with Place(t) as p:
        env = {"LD_LIBRARY_PATH": matrix.libraries()}
        for proxy in (f"socks5://127.0.0.1:{SOCKS}", HTTP_URL):
            r = p.run([program, "--headless", "--no-sandbox", "--disable-gpu",
                       "--disable-dev-shm-usage", "--disable-background-networking",
                       "--disable-component-update", "--no-first-run",
                       f"--user-data-dir={p.dir}/chromium", f"--proxy-server={proxy}", "--dump-dom",
                       f"{SHOW}/page"], env, timeout=60)
            t.check("GET /page HTTP/1.1" in r.text, f"{proxy}: {r}")
            if proxy == HTTP_URL:
                t.check("Proxy-" not in r.text and "Sec-CH" not in r.text, r.text)
        p.came_by_tor()


@scenario("one isolation for each user of the HTTP proxy, plain requests and tunnels alike", timeout=120)
def users(t):
    with Place(t) as p:
        def exit_of(user, tunnel):
            args = ["curl", "-sS", "-m", "40", "-x", f"http://{user}@127.0.0.1:{HTTP}"]
            return p.run(args + (["-p"] if tunnel else []) + ["http://www.example.test/addr"]).text.strip()
        for i in range(3):
            same = {exit_of(f"tor:u{i}", tunnel) for tunnel in (True, False, True, False)}
            t.equal(len(same), 1, f"exits of one user: {same}")
        several = {exit_of(f"tor:v{i}", False) for i in range(12)}
        t.check(len(several) > 1, f"12 users left by {several}")
        t.check(several <= exit_addresses(t), several)


@scenario("--report: names, ports, bytes and failures of every stream, and what was refused", timeout=120)
def report(t):
    def told(args, options=()):
        r = c.run(args, ["--report", *options], timeout=60)
        return [line.removeprefix("onionify: ") for line in r.err.splitlines()
                if line.startswith("onionify: re")]
    c = t.user()
    www = "http://www.example.test/addr"
    for name, args in (("directly", ["curl", "-s", www]),
                       ("through the proxy", ["curl", "-s", "-x", "http://198.18.0.1:8118", www]),
                       ("through SOCKS with a password",
                        ["curl", "-s", "-x", "socks5h://u:p@198.18.0.1:9050", www])):
        lines = told(args)
        t.check(lines and lines[0].startswith("report: 1 streams through Tor, 0 failed, "), f"{name}: {lines}")
        t.check(lines[1].startswith("report:   www.example.test:80: 1, ") and " 0 B" not in lines[1],
                f"{name}: {lines}")
    lines = told(["sh", "-c", f"curl -s {www}; curl -s {www}; curl -s http://www.example.test:81/; "
                  "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
                  ".sendto(b\"x\", (\"9.9.9.9\", 443))'"])
    t.check(any(line.startswith("report:   www.example.test:80: 2, ") for line in lines), lines)
    t.check(any(line.startswith("report:   www.example.test:81: 0, 1 failed (") for line in lines), lines)
    t.check(any(line.startswith("refused: python3: UDP to 9.9.9.9:443 (") for line in lines), lines)
    for _ in range(2):      # a shared name's account begins anew
        lines = told(["curl", "-s", www], ["--isolate", "shared"])
        t.check(lines[0].startswith("report: 1 streams "), lines)
