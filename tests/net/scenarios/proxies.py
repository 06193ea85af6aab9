# SPDX-License-Identifier: BSD-3-Clause
"""Programs that speak SOCKS, HTTP CONNECT or DNS to the agent, outside and inside onionify."""
import os
import shutil
import socket
import struct

from basic import WWW, exit_addresses
from client import run
from harness import Skip, scenario
import netns
import services

SOCKS, GROUPED, HTTP, DNS = 19050, 19051, 18118, 15353
INSIDE = "198.18.0.1"
NAME = b"www.example.test"
REQUEST = b"GET /addr HTTP/1.0\r\nHost: www.example.test\r\n\r\n"
A, PTR, TXT, AAAA, HTTPS = 1, 12, 16, 28, 65
NOERROR, NXDOMAIN, NOTIMP = 0, 3, 4

DNS_CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dnsquery.py")


def proxied(t, extra=()):
    """An agent with every kind of listener, connected."""
    c = t.user(extra=[f"SocksPort {SOCKS} ExtendedErrors", f"SocksPort unix:{t.net.base}/socks.sock",
                      f"SocksPort {GROUPED} IsolateDestPort IsolateDestAddr",
                      f"HTTPTunnelPort 127.0.0.1:{HTTP}", f"DNSPort {DNS}"] + list(extra))
    t.ok(c.run(["true"], timeout=80))
    return c


def fetch(t, args, runner=run, url=WWW + "/addr"):
    r = t.ok(runner(["curl", "-sSk", "-m", "40"] + args + [url], timeout=50), " ".join(args))
    t.check(r.text.strip() in exit_addresses(t), f"{args}: came from {r.text.strip()!r}")
    return r.text.strip()


def talk(data, port=SOCKS, shut=False):
    """Sends @data on one connection; all that comes back."""
    with socket.create_connection(("127.0.0.1", port), 40) as s:
        s.settimeout(40)
        s.sendall(data)
        if shut:
            s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            try:
                got = s.recv(65536)
            except ConnectionResetError:
                return out
            if not got:
                return out
            out += got


def named(command, name=NAME, port=80):
    return bytes([5, 1, 0, 5, command, 0, 3, len(name)]) + name + struct.pack(">H", port)


def circuits_in_use(c):
    return {s.get("circuit") for s in (c.ctl_json("streams") or {}).get("streams", [])}


@scenario("curl through SocksPort and HTTPTunnelPort: SOCKS 4a, 5, a Unix socket, CONNECT", timeout=150)
def clients(t):
    c = proxied(t)
    for proxy in (f"socks5h://127.0.0.1:{SOCKS}", f"socks4a://127.0.0.1:{SOCKS}",
                  f"socks5h://user:password@127.0.0.1:{SOCKS}",
                  f"socks5h://localhost{t.net.base}/socks.sock"):
        fetch(t, ["-x", proxy])
        fetch(t, ["-x", proxy], url="https://www.example.test/addr")
    fetch(t, ["-x", f"socks5://127.0.0.1:{SOCKS}"], url=f"http://{netns.WEB_ADDR}/addr")
    fetch(t, ["-x", f"socks4://127.0.0.1:{SOCKS}"], url=f"http://{netns.WEB_ADDR}/addr")
    fetch(t, ["-x", f"socks5://127.0.0.1:{SOCKS}"], url=f"http://[{netns.WEB_ADDR6}]/addr")
    fetch(t, ["-p", "-x", f"http://127.0.0.1:{HTTP}"])
    fetch(t, ["-p", "-x", f"http://tor:abc@127.0.0.1:{HTTP}"])
    fetch(t, ["-x", f"http://127.0.0.1:{HTTP}"], url="https://www.example.test/addr")
    r = run(["nc", "-w", "20", "-X", "5", "-x", f"127.0.0.1:{SOCKS}", "www.example.test", "8002"],
            timeout=40)
    t.equal(r.text, "220 hello\r\n", "nc")
    r = run(["nc", "-w", "20", "-X", "connect", "-x", f"127.0.0.1:{HTTP}", "www.example.test", "8002"],
            timeout=40)
    t.equal(r.text, "220 hello\r\n", "nc connect")
    t.check_no_leak()
    t.eventually(lambda: not circuits_in_use(c), 60, "streams end with their clients")


@scenario("credentials set streams apart, the same ones do not", timeout=120)
def isolation(t):
    proxied(t)

    def exit_of(user, port=SOCKS, scheme="socks5h", path="/addr"):
        return fetch(t, ["-p", "-x", f"{scheme}://{user}@127.0.0.1:{port}"], url=WWW + path)
    t.equal({exit_of("a:b") for _ in range(6)}, {exit_of("a:b")}, "exits of one user")
    several = {exit_of(f"user{i}:x") for i in range(12)}
    t.check(len(several) > 1, f"12 users left by {several}")
    t.equal({exit_of("tor:b", HTTP, "http") for _ in range(4)}, {exit_of("tor:b", HTTP, "http")},
            "exits of one user of HTTP")


@scenario("what is pipelined before the reply arrives, and nothing comes before the reply", timeout=90)
def early_data(t):
    proxied(t)
    for shut in (False, True):
        out = talk(named(1) + REQUEST, shut=shut)
        t.equal(out[:12], bytes.fromhex("0500" "05000001000000000000"), "replies")
        t.check(out[12:].startswith(b"HTTP/1.") and out.split()[-1].decode() in exit_addresses(t), out)
    out = talk(b"\x04\x01\0P\0\0\0\1me\0" + NAME + b"\0" + REQUEST)
    t.equal(out[:8], bytes.fromhex("005a000000000000"), "SOCKS 4a reply")
    t.check(b"200 OK" in out, out)
    out = talk(b"CONNECT www.example.test:80 HTTP/1.1\r\n\r\n" + REQUEST, HTTP)
    t.check(out.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\nHTTP/1." in out, out)


@scenario("SOCKS failures have their codes", timeout=200)
def socks_errors(t):
    proxied(t)
    for what, data, code in (
            ("refused port", named(1, port=81), 5), ("unknown name", named(1, b"unknown.example.test"), 4),
            ("BIND", named(2), 7), ("UDP", named(3), 7), ("no address type", b"\5\1\0\5\1\0\2", 8),
            ("bad onion", named(1, b"x.onion"), 0xf6), ("port 0", named(1, port=0), 1),
            ("not a name", named(1, b"a b"), 1), ("local name", named(1, b"printer.local"), 4),
            ("unbound virtual address", b"\5\1\0\5\1\0\1\xc6\x12\1\1\0P", 4)):
        out = talk(data)
        t.equal((out[:2], out[2:4]), (b"\5\0", bytes([5, code])), what)
    t.equal(talk(b"\5\1\2" + b"\1\x0a<torS0X>1x\0" + named(1)[3:])[:4], b"\5\2\1\1", "<torS0X>1")
    t.equal(talk(b"\5\1\2" + b"\1\x09<torS0X>0\0" + named(1)[3:] + REQUEST)[:6], b"\5\2\1\0\5\0", "<torS0X>0")
    t.equal(talk(b"\5\1\1"), b"\5\xff", "no method that is known")
    t.equal(talk(b"\4\2\0P\1\2\3\4\0")[:2], b"\0\x5b", "SOCKS 4 BIND")
    t.equal(talk(b"\0\0\0"), b"", "no SOCKS at all")
    t.check(b"SOCKS port" in talk(b"GET / HTTP/1.0\r\n\r\n"), "page for browsers")


@scenario("HTTP failures have their status, other methods an explanation", timeout=200)
def http_errors(t):
    proxied(t)

    def status(text):
        return talk(text.encode(), HTTP).split(b"\r\n")[0].decode()
    t.check(status("CONNECT unknown.example.test:80 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 503"), "name")
    t.check(status("CONNECT www.example.test:81 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 502"), "port")
    t.check(status("CONNECT x.onion:80 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 503"), "onion")
    t.check(status("CONNECT nonsense HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 400"), "no port")
    t.check(status("CONNECT a:1 HTTP/3.0\r\n\r\n").startswith("HTTP/1.1 505"), "version")
    t.check(status("CONNECT a:1 HTTP/1.1\r\nX: " + 17000 * "x").startswith("HTTP/1.1 431"), "length")
    t.check(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith("HTTP/1.1 405"), "GET")
    t.check(status("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith("HTTP/1.1 200"), "OPTIONS")
    t.equal(status("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n"), "", "a page that rebinds names")


@scenario("tor's RESOLVE and RESOLVE_PTR over SOCKS", timeout=90)
def resolve(t):
    proxied(t)
    web = socket.inet_aton(netns.WEB_ADDR)
    web6 = socket.inet_pton(socket.AF_INET6, netns.WEB_ADDR6)
    out = talk(named(0xf0))[2:]
    t.check(out in (b"\5\0\0\1" + web + b"\0\0", b"\5\0\0\4" + web6 + b"\0\0"), out)
    t.equal(talk(b"\5\1\0\5\xf0\0\1\1\2\3\4\0\0")[2:], b"\5\0\0\1\1\2\3\4\0\0", "a literal")
    t.equal(talk(b"\5\1\0\5\xf1\0\1" + web + b"\0\0")[2:],
            b"\5\0\0\3\x10www.example.test\0\0", "reverse")
    t.equal(talk(named(0xf0, b"unknown.example.test"))[2:4], b"\5\4", "unknown name")
    t.equal(talk(b"\4\xf0\0\0\0\0\0\1\0v4only.example.test\0"), b"\0\x5a\0\0" + web, "SOCKS 4a")


def ask(t, name, kind, tcp=False, server=("127.0.0.1", DNS), runner=run):
    r = t.ok(runner(["python3", DNS_CLIENT, "tcp" if tcp else "udp", server[0], str(server[1]), name,
                     str(kind)], timeout=60), f"DNS {name}")
    words = r.text.split()
    return int(words[0]), words[1:]


@scenario("DNSPort over UDP and TCP gives real answers", timeout=120)
def dns(t):
    proxied(t)
    for tcp in (False, True):
        t.equal(ask(t, "www.example.test", A, tcp), (NOERROR, [netns.WEB_ADDR]), "A")
        code, answers = ask(t, "WWW.Example.Test", AAAA, tcp)
        t.equal((code, [socket.inet_pton(socket.AF_INET6, a) for a in answers]),
                (NOERROR, [socket.inet_pton(socket.AF_INET6, netns.WEB_ADDR6)]), "AAAA")
        t.equal(ask(t, "v6only.example.test", A, tcp), (NOERROR, []), "no address of that family")
        t.equal(ask(t, "unknown.example.test", A, tcp), (NXDOMAIN, []), "no such name")
        t.equal(ask(t, "printer.local", A, tcp), (NXDOMAIN, []), "a name of the local network")
        t.equal(ask(t, "x.onion", A, tcp), (NXDOMAIN, []), "an onion name")
        t.equal(ask(t, "localhost", A, tcp), (NOERROR, ["127.0.0.1"]), "localhost")
        t.equal(ask(t, "www.example.test", TXT, tcp), (NOTIMP, []), "TXT")
        t.equal(ask(t, "www.example.test", HTTPS, tcp), (NOERROR, []), "HTTPS")
        reverse = ".".join(reversed(netns.WEB_ADDR.split("."))) + ".in-addr.arpa"
        t.equal(ask(t, reverse, PTR, tcp), (NOERROR, ["www.example.test"]), "PTR")
        t.equal(ask(t, "1.0.168.192.in-addr.arpa", PTR, tcp)[1], [], "PTR of an internal address")
    t.check_no_leak()


@scenario("broken DNS messages and half requests do not disturb the agent", timeout=120)
def garbage(t):
    c = proxied(t)
    pid = c.agent_pid()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for n in list(range(0, 40)) + [512, 1024, 1025, 4000, 60000]:
            s.sendto(os.urandom(n), ("127.0.0.1", DNS))
    held = [socket.create_connection(("127.0.0.1", port), 10)
            for port in (SOCKS, HTTP, DNS) for _ in range(100)]
    for s in held[::2]:
        s.sendall(b"\5")
    fetch(t, ["-x", f"socks5h://127.0.0.1:{SOCKS}"])
    for s in held:
        s.close()
    for _ in range(50):
        talk(os.urandom(300), SOCKS, shut=True)
        talk(os.urandom(300), HTTP, shut=True)
        talk(os.urandom(300), DNS, shut=True)
    fetch(t, ["-p", "-x", f"http://127.0.0.1:{HTTP}"])
    t.equal(c.agent_pid(), pid, "agent")


@scenario("inside onionify the first virtual address speaks SOCKS, CONNECT and DNS", timeout=120)
def inside(t):
    c = t.regular()
    fetch(t, ["-x", f"socks5h://{INSIDE}:9050"], c.run)
    fetch(t, ["-x", f"socks5://{INSIDE}:9050"], c.run)
    fetch(t, ["-x", f"socks4a://{INSIDE}:9050"], c.run)
    fetch(t, ["-x", f"socks5h://me:you@{INSIDE}:9050"], c.run)
    fetch(t, ["-x", "socks5h://[fd6f:6e69:6f6e:6966::1]:9050"], c.run)
    fetch(t, ["-p", "-x", f"http://{INSIDE}:8118"], c.run)
    r = t.ok(c.run(["nc", "-w", "20", "-X", "5", "-x", f"{INSIDE}:9050", "www.example.test", "8002"]))
    t.equal(r.text, "220 hello\r\n", "nc")
    code, answers = ask(t, "www.example.test", A, True, (INSIDE, 53), c.run)
    t.check(code == NOERROR and len(answers) == 1 and answers[0].startswith("198.18."), answers)
    r = c.run(["nc", "-w", "5", INSIDE, "9051"])
    t.check(r.status != 0, "another port of the agent is closed")


USERS_OWN = {"http_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1",
             "all_proxy": "socks5://10.0.0.1:1", "ALL_PROXY": "socks5://10.0.0.1:1", "NO_PROXY": "*"}
PYTHON = ("import ssl,sys,urllib.request as u;sys.stdout.write(u.urlopen(sys.argv[1],"
          "context=ssl._create_unverified_context()).read().decode())")


@scenario("proxy variables point to the agent, the user's own are gone, and programs work", timeout=120)
def environment(t):
    def proxies(client, options=()):
        r = client.run(["env"], options=options, env=USERS_OWN, timeout=60)
        return dict(x.split("=", 1) for x in t.ok(r).text.splitlines() if "proxy=" in x.lower())
    wanted = {n: f"http://{INSIDE}:8118" for n in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")}
    wanted.update({n: "localhost,127.0.0.1,127.0.0.0/8,::1" for n in ("no_proxy", "NO_PROXY")})
    t.equal(proxies(t.regular()), wanted, "variables")
    t.equal(proxies(t.regular(), ["--no-proxy-env"]), {}, "with --no-proxy-env")
    for scheme in ("http", "https"):
        for args in (["curl", "-sSk", "-m", "30"], ["python3", "-c", PYTHON],
                     ["wget", "-q", "--no-check-certificate", "-T", "30", "-t", "1", "-O", "-"]):
            r = t.ok(t.regular().run(args + [f"{scheme}://www.example.test/addr"], timeout=40,
                                     env=USERS_OWN), f"{scheme} {args[0]}")
            t.check(r.text.strip() in exit_addresses(t), r)
    other = t.user(extra=["VirtualAddrNetworkIPv4 10.192.0.0/10"])
    t.equal(proxies(other)["https_proxy"], "http://10.192.0.1:8118", "with another range")
    t.ok(other.run(["curl", "-sSk", "-m", "30", "https://www.example.test/addr"], timeout=40))


@scenario("git clones by http and https, under onionify and through SocksPort", timeout=120)
def git(t):
    if not shutil.which("git"):
        raise Skip("git is not installed")
    c = proxied(t)
    made = os.path.join(t.net.base, "web", "upload", "repo")
    shutil.rmtree(made, ignore_errors=True)
    env = {**c.env, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
           "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    for args in (["init", "-q", "-b", "main", made],
                 ["-C", made, "commit", "-q", "--allow-empty", "-m", "first"],
                 ["-C", made, "update-server-info"]):
        t.ok(run(["git"] + args, env), "git " + args[0])
    for scheme in ("http", "https"):
        for how, start in ((c.run, []), (run, ["-c", f"http.proxy=socks5h://127.0.0.1:{SOCKS}"])):
            out = os.path.join(c.dir, f"clone-{scheme}-{how is run}")
            t.ok(how(["git", "-c", "http.sslVerify=false"] + start +
                     ["clone", "-q", f"{scheme}://www.example.test/upload/repo/.git", out],
                     env=env, timeout=60), f"clone by {scheme}")
            t.equal(run(["git", "-C", out, "log", "--format=%s"], env).text.strip(), "first", "log")
            shutil.rmtree(out)
    shutil.rmtree(made)


@scenario("a megabyte through each proxy is whole, and a reset is no end of file", timeout=150)
def bulk(t):
    proxied(t)
    _, digest = services.test_file(t.net.cache, 1)
    for proxy in (f"socks5h://127.0.0.1:{SOCKS}", f"http://127.0.0.1:{HTTP}"):
        r = t.ok(run(["sh", "-c", f"curl -sSp -m 60 -x {proxy} {WWW}/files/1m.bin | sha256sum"],
                     timeout=70))
        t.equal(r.text.split()[0], digest, proxy)
    with socket.create_connection(("127.0.0.1", SOCKS), 40) as s:
        s.settimeout(40)
        s.sendall(named(1, port=8003) + b"x")
        try:
            while s.recv(4096):
                pass
            t.check(False, "the server's reset arrived as an orderly end")
        except ConnectionResetError:
            pass


@scenario("a port that is taken is an error at the start, and Unix sockets are the user's alone", timeout=60)
def listening(t):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", SOCKS))
        s.listen()
        c = t.user(extra=[f"SocksPort {SOCKS}"])
        r = c.run(["true"], timeout=40)
        t.check(r.status == 125 and "SocksPort" in r.err + c.log_text(), f"port taken: {r}")
    c = proxied(t, ["SocksPort auto"])
    listeners = {x["address"]: x["option"] for x in c.ctl_json("status")["listeners"]}
    t.equal(listeners.pop(f"127.0.0.1:{DNS}"), "DNSPort", "status")
    t.equal(len(listeners), 5, f"listeners {listeners}")
    for place in listeners:
        if place.startswith("127.") and listeners[place] == "SocksPort":
            fetch(t, ["-x", f"socks5h://{place}"])
    t.equal(os.stat(f"{t.net.base}/socks.sock").st_mode & 0o777, 0o600, "mode of the socket")
    # Its name may stay behind: the agent's sandbox keeps it from removing files.
    c.stop()
    t.ok(c.run(["true"], timeout=80), "start over a socket that was left behind")
    fetch(t, ["-x", f"socks5h://localhost{t.net.base}/socks.sock"])
