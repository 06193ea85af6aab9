# SPDX-License-Identifier: BSD-3-Clause
"""Servers on the user's own computer, and clients that reach them as onion services.

Everything runs inside the client's namespace: servers on loopback or Unix sockets, the
agent that offers them, and a real tor whose SocksPort fetches them.
"""
import base64
import hashlib
import http.server
import os
import socket
import socketserver
import threading

from client import TorClient, run, wait_until

SOCKS_PORT = 9170
END_S = 10      # for a server's end: it is not what is tested


def pattern(n):
    """@n bytes that are the same every time and repeat nowhere near."""
    out, i = [], 0
    while len(out) * 65536 < n:
        out.append(hashlib.shake_256(b"onion%d" % i).digest(65536))
        i += 1
    return b"".join(out)[:n]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def parse_request(self):
        """A PROXY line goes before the first request of a connection."""
        if self.raw_requestline.startswith(b"PROXY "):
            self.server.prefaces.append(self.raw_requestline.decode().strip())
            self.raw_requestline = self.rfile.readline(65537)
        return super().parse_request()

    def reply(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        what, _, n = self.path.strip("/").partition("/")
        self.server.peers.append(self.client_address)
        if what == "bytes" and n.isdigit():
            self.reply(pattern(int(n)))
        elif what == "peer":
            self.reply(str(self.client_address[0]).encode())
        else:
            self.reply(b"hello from behind the onion\n")

    def do_PUT(self):
        digest, left = hashlib.sha256(), int(self.headers.get("Content-Length", 0))
        while left > 0:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                return
            digest.update(chunk)
            left -= len(chunk)
        self.reply(digest.hexdigest().encode())


class Quiet:
    """Clients that vanish are part of the tests."""

    def handle_error(self, _request, _address):
        pass


class TcpServer(Quiet, socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True


class UnixServer(Quiet, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        request, _ = super().get_request()
        return request, ("unix", 0)


class LocalServer:
    """An HTTP server in a thread; a context manager. @where: a port of 127.0.0.1, or a path."""

    def __init__(self, where=0):
        if isinstance(where, str):
            if os.path.exists(where):
                os.unlink(where)
            self.server = UnixServer(where, Handler)
            self.target = f"unix:{where}"
        else:
            self.server = TcpServer(("127.0.0.1", where), Handler)
            self.target = f"127.0.0.1:{self.server.server_address[1]}"
        self.server.peers, self.server.prefaces = [], []
        # A client that is gone by the time it is accepted must not hold up the others, or the end.
        self.server.socket.settimeout(1)

    @property
    def peers(self):
        """Client addresses of requests so far."""
        return self.server.peers

    @property
    def prefaces(self):
        """PROXY lines so far."""
        return self.server.prefaces

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc):
        end = threading.Thread(target=self.server.shutdown, daemon=True)
        end.start()
        end.join(END_S)
        self.server.server_close()


def hs_lines(directory, *lines):
    """Configuration of one service; each line without its "HiddenService"."""
    return [f"HiddenServiceDir {directory}"] + ["HiddenService" + line for line in lines]


def address_of(directory):
    try:
        with open(os.path.join(directory, "hostname"), encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def services(client):
    data = client.ctl_json("service", "list")
    return data.get("services", []) if isinstance(data, dict) else []


def service(client, address):
    return next((s for s in services(client) if s["address"] == address), {})


def await_reachable(t, client, address, timeout=120):
    t.eventually(lambda: service(client, address).get("state") == "reachable", timeout,
                 f"the service is reachable: {services(client)}")


def start_agent(t, client):
    """The agent starts with the first command of its user."""
    t.ok(client.run(["true"], timeout=70), "the agent starts")


class OnionClient(TorClient):
    """tor's own client, for services."""

    def __init__(self, net, name="onion-client", port=SOCKS_PORT, extra=()):
        super().__init__(net, name, port, extra)

    def curl(self, url, *args, timeout=60, isolate=""):
        user = ["--proxy-user", f"{isolate}:x"] if isolate else []
        return run(["curl", "-sS", "--max-time", str(timeout - 2), "--socks5-hostname",
                    f"127.0.0.1:{self.port}", *user, *args, url], timeout=timeout)

    def connect(self, host, port, timeout=60):
        """A socket to @host:@port through tor, or None."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout)
        try:
            s.sendall(b"\x05\x01\x00")
            s.recv(2)
            s.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() +
                      port.to_bytes(2, "big"))
            if s.recv(10)[1:2] == b"\x00":
                return s
        except OSError:
            pass
        s.close()
        return None

    def fetch(self, t, address, path="/", timeout=90):
        """Tries until the page comes: a descriptor may just have moved."""
        last = None

        def ok():
            nonlocal last
            last = self.curl(f"http://{address}{path}", timeout=45)
            return last.status == 0
        t.check(wait_until(ok, timeout, 1), f"tor's client fetches {path}: {last}")
        return last


def x25519_public(secret):
    """RFC 7748's ladder; for test keys alone."""
    p, k = 2 ** 255 - 19, bytearray(secret)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    bits = int.from_bytes(k, "little")
    x2, z2, x3, z3 = 1, 0, 9, 1
    for i in reversed(range(255)):
        swap = bits >> i & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % p, c * b % p, a * a % p, b * b % p
        x3, z3 = (da + cb) ** 2 % p, 9 * (da - cb) ** 2 % p
        e = aa - bb
        x2, z2 = aa * bb % p, e * (aa + 121665 * e) % p
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def client_auth_pair():
    """(what the service's file says, what tor's client's file says after the address)."""
    secret = os.urandom(32)

    def text(b):
        return base64.b32encode(b).decode().rstrip("=")
    return (f"descriptor:x25519:{text(x25519_public(secret))}\n",
            f"descriptor:x25519:{text(secret)}\n")
