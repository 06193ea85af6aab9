# SPDX-License-Identifier: BSD-3-Clause
"""Plain HTTP through the agent: what servers and programs see, and what is refused."""
import os
import socket

from basic import WWW
from client import run
from harness import scenario
from proxies import HTTP, proxied, talk
import services

SHOW = "http://www.example.test:8006"
VIA = ["curl", "-sS", "-m", "40", "-x", f"http://127.0.0.1:{HTTP}"]


def asked(t, args, runner=run, via=None):
    """What the server was asked by curl, as text."""
    return t.ok(runner((via or VIA) + args, timeout=50), " ".join(args)).text


@scenario("plain HTTP: what identifies does not arrive, what is needed does", timeout=120)
def filtered(t):
    proxied(t)
    told = ["-H", "X-Forwarded-For: 10.1.2.3", "-H", "Via: 1.1 mine", "-H", "From: me@example.org",
            "-e", "http://other.example.test/secret", "-H", "Cookie: a=b",
            "-H", "Proxy-Connection: keep-alive", "-U", "tor:abc", "-A", "agent/1"]
    text = asked(t, told + [SHOW + "/x?y"])
    t.check(text.startswith("GET /x?y HTTP/1.1\r\nHost: www.example.test:8006\r\n"), text)
    for word in ("10.1.2.3", "Via", "From", "Referer", "Proxy", "Connection"):
        t.check(word.lower() not in text.lower(), f"{word} in {text}")
    for word in ("Cookie: a=b", "User-Agent: agent/1"):
        t.check(word in text, f"{word} not in {text}")
    t.check_no_leak()
    proxied(t, ["HTTPProxyFilter strict"])
    text = asked(t, told + [SHOW + "/"])
    t.check("Firefox" in text and "agent/1" not in text and "Referer" not in text, text)
    proxied(t, ["HTTPProxyFilter 0"])
    text = asked(t, told + [SHOW + "/"])
    for word in ("10.1.2.3", "Via: 1.1 mine", "Referer: http://other"):
        t.check(word in text, f"{word} not in {text}")
    t.check("Proxy" not in text, text)


@scenario("plain HTTP: bodies of every framing, both ways, whole or visibly broken", timeout=150)
def bodies(t):
    c = proxied(t)
    for runner, via in ((run, VIA), (c.run, ["curl", "-sS", "-m", "40", "-x", "http://198.18.0.1:8118"])):
        text = asked(t, ["-d", "hello=1", SHOW + "/"], runner, via)
        t.check(text.endswith("\r\n\r\nhello=1") and "Content-Length: 7" in text, text)
        text = asked(t, ["-d", "hello", "-H", "Transfer-Encoding: chunked", SHOW + "/chunked"],
                     runner, via)
        t.check(text.endswith("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), text)
        text = asked(t, [SHOW + "/close"], runner, via)
        t.check(text.startswith("GET /close "), text)
        text = asked(t, ["--http1.0", SHOW + "/chunked"], runner, via)
        t.check(text.startswith("GET /chunked HTTP/1.1\r\n"), text)
        text = asked(t, ["-i", SHOW + "/early"], runner, via)
        t.check(text.startswith("HTTP/1.1 103 ") and "HTTP/1.1 200 OK" in text, text)
        t.ok(runner(via + ["-I", SHOW + "/"], timeout=50), "HEAD")
        text = asked(t, ["-H", "Expect: 100-continue", "-d", "x", SHOW + "/"], runner, via)
        t.check(text.endswith("\r\n\r\nx"), text)
        for path, args in (("/cut", []), ("/reset", []), ("/reset", ["--http1.0"])):
            r = runner(via + args + [SHOW + path], timeout=50)
            t.check(r.status in (18, 56) and r.text.startswith("GET "), f"{path}: {r}")
    _, digest = services.test_file(t.net.cache, 1)
    r = t.ok(run(["sh", "-c", " ".join(VIA) + f" {WWW}/files/1m.bin | sha256sum"], timeout=60))
    t.equal(r.text.split()[0], digest, "a megabyte down")
    path, _ = services.test_file(t.net.cache, 1)
    t.ok(run(VIA + ["-f", "-T", path, WWW + "/upload/plain.bin"], timeout=60), "a megabyte up")
    with open(os.path.join(t.net.base, "web", "upload", "plain.bin"), "rb") as f:
        t.equal(services.hashlib.sha256(f.read()).hexdigest(), digest, "a megabyte up")


@scenario("plain HTTP: one stream serves many requests of a connection, and a pipeline", timeout=90)
def kept(t):
    proxied(t)
    r = t.ok(run(VIA + ["-i"] + [SHOW + f"/{i}" for i in range(5)], timeout=60))
    for i in range(5):
        t.check(f"X-Request: {i + 1}\r\n" in r.text and f"GET /{i} HTTP" in r.text, r.text)
    one = b"GET %s/%%d HTTP/1.1\r\nHost: x\r\n\r\n" % SHOW.encode()
    out = talk(b"".join(one % i for i in range(5)) +
               b"GET %s/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % SHOW.encode(), HTTP)
    places = [out.find(b"GET /%d " % i) for i in range(5)] + [out.find(b"GET /last ")]
    t.check(places == sorted(places) and places[0] > 0, out)
    t.check(out.count(b"HTTP/1.1 200 OK\r\n") == 6, out)


@scenario("plain HTTP: what is ambiguous or not HTTP is refused, on both sides", timeout=120)
def strict(t):
    proxied(t)
    head = f"POST {SHOW}/ HTTP/1.1\r\nHost: x\r\n"
    for what, text, status in (
            ("two lengths", head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
            ("length and chunks", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("unknown coding", head + "Transfer-Encoding: gzip\r\n\r\n", 501),
            ("folded line", head + "X: a\r\n b\r\n\r\n", 400),
            ("blank before the colon", head + "X : a\r\n\r\n", 400),
            ("bare LF", head + "X: a\nY: b\r\n\r\n", 400),
            ("bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
            ("https", "GET https://www.example.test/ HTTP/1.1\r\nHost: x\r\n\r\n", 501),
            ("password in the address", "GET http://u:p@www.example.test/ HTTP/1.0\r\n\r\n", 400),
            ("long head", head + "X: " + 17000 * "x", 431),
            ("server's contradiction", f"GET {SHOW}/smuggle HTTP/1.0\r\n\r\n", 502),
            ("not a web server", "GET http://www.example.test:8002/ HTTP/1.0\r\n\r\n", 502),
            ("reset", "GET http://www.example.test:8003/ HTTP/1.0\r\n\r\n", 502),
            ("unknown name", "GET http://unknown.example.test/ HTTP/1.0\r\n\r\n", 503),
            ("closed port", "GET http://www.example.test:81/ HTTP/1.0\r\n\r\n", 502),
            ("local name", "GET http://localhost/ HTTP/1.0\r\n\r\n", 503),
            ("internal address", "GET http://10.0.0.1/ HTTP/1.0\r\n\r\n", 503),
            ("ourselves", f"GET http://127.0.0.1:{HTTP}/ HTTP/1.0\r\n\r\n", 503)):
        out = talk(text.encode(), HTTP)
        t.check(out.startswith(b"HTTP/1.1 %d " % status), f"{what}: {out}")
        t.check(len(out.split(b"\r\n\r\n", 1)[1]) > 20, f"{what}: no words: {out}")
    t.check_no_leak()


@scenario("plain HTTP: a websocket becomes a tunnel", timeout=90)
def websocket(t):
    proxied(t)
    with socket.create_connection(("127.0.0.1", HTTP), 40) as s:
        s.settimeout(40)
        s.sendall(f"GET {SHOW}/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\n\r\n".encode())
        out = b""
        while not out.endswith(b"\r\n\r\n"):
            out += s.recv(4096)
        t.check(out.startswith(b"HTTP/1.1 101 ") and b"Upgrade: websocket" in out, out)
        for word in (b"ping", b"\0\1\2", 60000 * b"x"):
            s.sendall(word)
            back = b""
            while len(back) < len(word):
                back += s.recv(65536)
            t.equal(back, word, "echo")
