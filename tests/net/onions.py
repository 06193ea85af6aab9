# SPDX-License-Identifier: BSD-3-Clause
"""Onion services on the private network, hosted by real tor; and what stands behind them.

A service is a tor process in the relays' namespace with a small web server of its own:
/ says its name, /files/ has the test files, PUT and POST answer with the SHA-256 of what
came, /requests with the number of requests. Every service has a folder under the
network's, with tor's logs and control socket.
"""
import base64
import hashlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys

import netns
import relays
from client import wait_until
from network import NetworkError, find_program

UPLOADED = "Uploading hidden service descriptor: finished with status 200"
WEB_PORT = 8080
UP_TIMEOUT = 120


def control(path, *commands):
    """Sends commands to a tor's control socket; the replies as lines."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(10)
        s.connect(path)
        out = s.makefile("rw", newline="\r\n")
        lines = []
        for command in ("AUTHENTICATE",) + commands + ("QUIT",):
            out.write(command + "\r\n")
            out.flush()
        for line in out:
            lines.append(line.rstrip("\r\n"))
        return lines


class Onion:
    """One service. @keys: X25519 public keys (bytes) of those who may use it."""

    count = 0

    def __init__(self, t, name, keys=(), pow_effort=None, extra=(), keep=False):
        Onion.count += 1
        self.net, self.name = t.net, name
        self.dir = os.path.join(self.net.base, "onions", name)
        self.addr = f"127.77.0.{Onion.count % 250 + 1}"    # of its web server
        self.p = self.web = None
        self.tor = find_program("tor", "usr/bin/tor")
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)
        service = os.path.join(self.dir, "service")
        os.makedirs(os.path.join(service, "authorized_clients"), mode=0o700, exist_ok=True)
        for d in (self.dir, service):
            os.chmod(d, 0o700)
        for i, key in enumerate(keys):
            text = base64.b32encode(key).decode().rstrip("=")
            with open(os.path.join(service, "authorized_clients", f"client{i}.auth"), "w",
                      encoding="ascii") as f:
                f.write(f"descriptor:x25519:{text}\n")
        lines = relays.common_lines(self.net.relays) + [
            f"DataDirectory {self.dir}", "SocksPort 0", "ORPort 0",
            f"Log notice file {self.dir}/notice.log",
            f"Log [rend]info [dir]info file {self.dir}/rend.log",
            f"ControlSocket {self.dir}/control.sock", "CookieAuthentication 0",
            f"HiddenServiceDir {service}", f"HiddenServicePort 80 {self.addr}:{WEB_PORT}",
            f"HiddenServicePort 81 {self.addr}:1"]      # nobody listens there
        if pow_effort is not None:
            lines += ["HiddenServicePoWDefensesEnabled 1"]
        with open(os.path.join(self.dir, "torrc"), "w", encoding="ascii") as f:
            f.write("\n".join(lines + list(extra)) + "\n")
        t.onions = getattr(t, "onions", []) + [self]

    def _spawn(self, args, log):
        with open(os.path.join(self.dir, log), "ab") as f:
            return subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] +
                                    netns.in_netns(self.net.hold["relays_ns"], args),
                                    stdin=subprocess.DEVNULL, stdout=f, stderr=f)

    def start(self, wait=True):
        if not self.web:
            self.web = self._spawn([sys.executable, os.path.abspath(__file__), self.addr,
                                    self.name, os.path.join(self.net.cache, "files")], "web.log")
        path = os.path.join(self.dir, "rend.log")
        if os.path.exists(path):
            os.unlink(path)
        self.p = self._spawn([self.tor, "--quiet", "-f", f"{self.dir}/torrc", "--defaults-torrc",
                              "/nonexistent"], "stdout.log")
        if wait and not wait_until(self.is_up, UP_TIMEOUT, 0.2):
            raise NetworkError(f"the onion service {self.name} did not come up")
        return self

    def uploads(self):
        try:
            with open(os.path.join(self.dir, "rend.log"), encoding="utf-8",
                      errors="replace") as f:
                return sum(UPLOADED in line for line in f)
        except OSError:
            return 0

    def is_up(self):
        """Both descriptors are where they belong: at two replicas of four directories each."""
        return self.uploads() >= 14

    def address(self):
        with open(os.path.join(self.dir, "service", "hostname"), encoding="ascii") as f:
            return f.read().strip()

    def url(self, path="/", sub=""):
        return f"http://{sub}{self.address()}{path}"

    def forget_introductions(self):
        """Closes its circuits to introduction points; how many there were."""
        path = os.path.join(self.dir, "control.sock")
        ids = [m.group(1) for line in control(path, "GETINFO circuit-status")
               if (m := re.search(r"(\d+) BUILT .*PURPOSE=HS_SERVICE_INTRO", line))]
        control(path, *[f"CLOSECIRCUIT {x}" for x in ids])
        return len(ids)

    def stop(self, web=True):
        for p in [self.p] + ([self.web] if web else []):
            if p:
                p.kill()
                p.wait()
        self.p = None
        if web:
            self.web = None


def address_of(key):
    """The address of the service with this Ed25519 public key (rend-spec-v3 6)."""
    check = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + check + b"\3").decode().lower() + ".onion"


def x25519_pair():
    """A client's key: (secret in base 32, public as bytes)."""
    secret = subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-outform", "DER"],
                            stdout=subprocess.PIPE, check=True, timeout=20).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
                            input=secret, stdout=subprocess.PIPE, check=True, timeout=20).stdout
    return base64.b32encode(secret[-32:]).decode().rstrip("=").lower(), public[-32:]


def rend_circuits(client):
    """Open circuits that end at a service, with their streams."""
    return [x for x in client.circuits() if x["purpose"] == "client-rend" and
            any((h.get("handshake") or "").startswith("hs-ntor") for h in x["hops"])]


def socks_connect(port, host, dest_port, command=1, timeout=115):
    """The code that a SOCKS 5 request is answered with."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(b"\5\1\0")
        if s.recv(2) != b"\5\0":
            return -1
        s.sendall(bytes([5, command, 0, 3, len(host)]) + host.encode() +
                  dest_port.to_bytes(2, "big"))
        reply = s.recv(10)
        return reply[1] if len(reply) > 1 else -2


def with_onions(fn):
    """Stops the scenario's services whatever comes."""
    def run(t):
        try:
            fn(t)
        finally:
            for o in getattr(t, "onions", []):
                o.stop()
    run.__name__, run.__module__ = fn.__name__, fn.__module__
    return run


# --- the web server behind a service ---

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name, files, requests = "", "", 0

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):    # pylint: disable=invalid-name
        Handler.requests += 1
        if self.path == "/":
            self.answer(200, f"Hello from {self.name}\nHost: {self.headers['Host']}\n".encode())
        elif self.path == "/requests":
            self.answer(200, f"{Handler.requests}\n".encode())
        elif self.path.startswith("/files/") and "/" not in self.path[7:]:
            self.send_file(os.path.join(self.files, self.path[7:]))
        else:
            self.answer(404, b"no such page\n")

    def send_file(self, path):
        try:
            with open(path, "rb") as f:
                self.send_response(200)
                self.send_header("Content-Length", str(os.fstat(f.fileno()).st_size))
                self.end_headers()
                self.connection.sendfile(f)
        except OSError:
            self.answer(404, b"no such file\n")

    def do_PUT(self):    # pylint: disable=invalid-name
        Handler.requests += 1
        left, h = int(self.headers["Content-Length"]), hashlib.sha256()
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        while left > 0:
            block = self.rfile.read(min(left, 1 << 16))
            if not block:
                return
            h.update(block)
            left -= len(block)
        self.answer(200, h.hexdigest().encode() + b"\n")

    do_POST = do_PUT


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


if __name__ == "__main__":
    Handler.name, Handler.files = sys.argv[2], sys.argv[3]
    Server((sys.argv[1], WEB_PORT), Handler).serve_forever()
