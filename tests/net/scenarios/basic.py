# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary programs reach the web server through an exit and notice nothing."""
import os

from harness import scenario
import netns

PROBE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "probe.py")
WWW = "http://www.example.test"


def exit_addresses(t):
    return {a for r in t.net.relays for a in (r.exit_addr, r.exit_addr6) if a}


def fetch(t, args, url, **kw):
    """The server's view of the client, as @args + [url] printed it."""
    r = t.ok(t.regular().run(args + [url], **kw), f"{args[0]} {url}")
    t.check(r.text.strip() in exit_addresses(t), f"{url} was reached from {r.text.strip()!r}")
    return r


@scenario("the first command starts agent and network, and prints the page", timeout=90)
def first(t):
    r = t.ok(t.user().run(["curl", "-s", WWW + "/"], timeout=80), "curl")
    t.check("Hello from the private network" in r.text, f"page was {r.text!r}")
    t.check(len(t.requests()) == 1, f"requests: {t.requests()}")


@scenario("curl by name")
def curl_name(t):
    fetch(t, ["curl", "-sS"], WWW + "/addr")


@scenario("curl by name without the proxy variables: the shim's own path")
def curl_no_proxy(t):
    fetch(t, ["curl", "-sS", "--noproxy", "*"], WWW + "/addr")


@scenario("curl by IPv4 address")
def curl_ipv4(t):
    fetch(t, ["curl", "-sS", "--noproxy", "*"], f"http://{netns.WEB_ADDR}/addr")


@scenario("curl by IPv6 address")
def curl_ipv6(t):
    fetch(t, ["curl", "-sS", "--noproxy", "*"], f"http://[{netns.WEB_ADDR6}]/addr")


@scenario("curl by a name that has an IPv6 address alone")
def curl_v6only(t):
    fetch(t, ["curl", "-sS", "--noproxy", "*"], "http://v6only.example.test/addr")


@scenario("curl by https")
def curl_https(t):
    fetch(t, ["curl", "-sSk", "--noproxy", "*"], "https://www.example.test/addr")


@scenario("wget")
def wget(t):
    fetch(t, ["wget", "-q", "-T", "30", "-t", "1", "-O", "-"], WWW + "/addr")


@scenario("python3 urllib")
def python(t):
    code = "import sys,urllib.request as u;sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())"
    fetch(t, ["python3", "-c", code], WWW + "/addr")


@scenario("netcat, where the server speaks first")
def netcat(t):
    r = t.ok(t.regular().run(["nc", "-w", "20", "www.example.test", "8002"], timeout=40), "nc")
    t.equal(r.text, "220 hello\r\n", "greeting")


@scenario("1 MB both ways at once on one connection")
def echo(t):
    r = t.ok(t.regular().run(["python3", PROBE, "echo", "www.example.test", "8001", "1000000"]))
    t.equal(r.text.strip(), "ok", "echo")


@scenario("a non-blocking connect returns at once and becomes writable")
def nonblocking(t):
    r = t.ok(t.regular().run(["python3", PROBE, "connect-nb", "www.example.test", "80"]))
    t.equal(r.text.strip(), "ok", "connect")


@scenario("fifty requests on one connection")
def keepalive(t):
    r = t.ok(t.regular().run(["curl", "-sS", "--noproxy", "*"] + [WWW + "/addr"] * 50), "curl")
    t.equal(len(r.text.split()), 50, "answers")


@scenario("input, output and exit status are the command's")
def transparent(t):
    r = t.regular().run(["sh", "-c", "cat; echo to-stderr >&2; exit 7"], data=b"a\0b\n",
                        options=["--quiet"])
    t.equal((r.status, r.out), (7, b"a\0b\n"), "status and output")
    t.equal(r.err, "to-stderr\n", "standard error")


@scenario("exit statuses of a missing and of a non-executable command, and of a wrong option")
def statuses(t):
    c = t.regular()
    t.equal(c.run(["/nonexistent/program"]).status, 127, "missing command")
    t.equal(c.run([os.path.join(c.dir, "onionify.conf")]).status, 126, "not executable")
    r = c.run(["true"], options=["--no-such-option"])
    t.equal(r.status, 125, "wrong option")
    t.check("onionify: " in r.err, f"message: {r.err!r}")


@scenario("a command killed by a signal is reported as such")
def signalled(t):
    r = t.regular().run(["sh", "-c", "kill -TERM $$"])
    t.check(r.status in (-15, 143), f"status {r.status}")
