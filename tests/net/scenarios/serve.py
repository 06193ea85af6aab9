# SPDX-License-Identifier: BSD-3-Clause
"""onionify --serve: ordinary servers become onion services, other users fetch from them."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from client import wait_until
from harness import scenario

REACHABLE = re.compile(r"reachable: (?:https?://)?([a-z2-7]{56}\.onion)")
PUBLISH_S = 90      # circuits, descriptors, and a stream through all of it


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """onionify --serve with a command in the background; what it says is read as it comes."""

    def __init__(self, t, user, options, args, cwd=None):
        self.err = tempfile.NamedTemporaryFile("w+", prefix="onionify-serve-", delete=False)
        self.p = subprocess.Popen(user.command(args, options), env=user.env, cwd=cwd,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=self.err, start_new_session=True)
        self.t = t
        t.background.append(self)

    def text(self):
        with open(self.err.name, encoding="utf-8") as f:
            return f.read()

    def address(self):
        """Waits until it is told, that is until the service can be reached."""
        wait_until(lambda: REACHABLE.search(self.text()) or self.p.poll() not in (None, 0),
                   PUBLISH_S)
        found = REACHABLE.search(self.text())
        self.t.check(found, f"not reachable: {self.text()!r}")
        return found.group(1)

    def stop(self, sig=signal.SIGTERM):
        os.kill(self.p.pid, sig)
        return self.p.wait(20)

    def kill(self):
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.p.wait(10)
        try:
            os.unlink(self.err.name)
        except FileNotFoundError:
            pass


def fetch(t, user, url, timeout=60):
    """With a few tries: a service that has just come up may lose a first circuit."""
    result = None
    for _ in range(3):
        result = user.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(timeout), url],
                          timeout=timeout + 10)
        if result.status == 0:
            break
        time.sleep(2)
    return t.ok(result, f"curl {url}")


def folder(user):
    path = os.path.join(user.dir, "site")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "page"), "w", encoding="utf-8") as f:
        f.write("from an onion\n")
    return path


def listener_of(port):
    return subprocess.run(["ss", "-lntH", "sport", f"= :{port}"], stdout=subprocess.PIPE, text=True,
                          check=False).stdout


def listener_process(port):
    found = re.search("pid=([0-9]+)", subprocess.run(
        ["ss", "-lntpH", "sport", f"= :{port}"], stdout=subprocess.PIPE, text=True,
        check=False).stdout)
    return int(found.group(1))


@scenario("python's http.server becomes an onion service and another user fetches from it",
          timeout=240)
def http_server(t):
    port = free_port()
    user = t.user("serving")
    server = Server(t, user, ["--serve", f"80:{port}"],
                    ["python3", "-m", "http.server", str(port)], folder(user))
    address = server.address()
    t.check("%lo" in listener_of(port), f"not bound to loopback: {listener_of(port)!r}")
    visitor = t.user("visiting")
    r = fetch(t, visitor, f"http://{address}/page")
    t.equal(r.text, "from an onion\n", "the page")
    t.equal(server.stop(), -signal.SIGTERM, "the server's end")
    # A relay of this quiet network may keep a DESTROY until it has something else to send
    # there: the introduction point may still take the client's word, and he waits.
    r = visitor.run(["curl", "-sS", "--noproxy", "*", "--max-time", "6", f"http://{address}/page"])
    t.check(r.status != 0, f"fetched from a service that has ended: {r}")
    t.check_no_leak()


NGINX = """\
{user}
worker_processes 2;
pid {d}/nginx.pid;
error_log {d}/error.log;
events {{ }}
http {{
    access_log {d}/access.log;
    client_body_temp_path {d}/body;
    proxy_temp_path {d}/proxy;
    fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi;
    scgi_temp_path {d}/scgi;
    server {{
        listen {port};
        listen [::]:{port};
        location / {{ default_type text/plain; return 200 "$remote_addr\\n"; }}
    }}
}}
"""


def nginx_program(t):
    unpacked = os.path.join(os.path.dirname(t.net.base), "peers", "root", "usr", "sbin", "nginx")
    here = os.path.dirname(os.path.abspath(__file__))
    built = os.path.join(here, "..", "..", "..", "build", "peers", "root", "usr", "sbin", "nginx")
    for path in (unpacked, built, "/usr/sbin/nginx"):
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    return None


@scenario("nginx as a daemon with workers: served until it stops, clients told apart, the same "
          "address again", timeout=300)
def nginx(t):
    user = t.user("serving")
    d, port, program = folder(user), free_port(), nginx_program(t)
    t.check(program, "no nginx")
    conf, key = os.path.join(d, "nginx.conf"), os.path.join(d, "key")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(NGINX.format(d=d, port=port, user="user root root;" if os.geteuid() == 0 else ""))
    options = ["--serve", f"80:{port}", "--serve-key", key]
    server = Server(t, user, options, [program, "-c", conf, "-p", d])
    t.equal(server.p.wait(30), 0, "the starter's status")
    address = server.address()
    t.equal(os.stat(key).st_mode & 0o777, 0o600, "the key's mode")
    sources = []
    for name in ("one", "two"):
        visitor = t.user("visiting-" + name)
        seen = {fetch(t, visitor, f"http://{address}/").text.strip() for _ in range(2)}
        sources.append(seen)
        t.check(all(s.startswith("127.") and s != "127.0.0.1" for s in seen), f"seen as {seen}")
    t.check(not sources[0] & sources[1], f"two clients were seen as {sources}")
    with open(os.path.join(d, "nginx.pid"), encoding="utf-8") as f:
        os.kill(int(f.read()), signal.SIGQUIT)
    t.eventually(lambda: not listener_of(port), 20, "nginx has ended")
    again = Server(t, user, options, [program, "-c", conf, "-p", d, "-g", "daemon off;"])
    t.equal(again.address(), address, "the address with the same key")
    fetch(t, t.user("visiting-three"), f"http://{address}/")
    again.stop(signal.SIGQUIT)
    t.check_no_leak()


COMING = """
import http.server, os, signal, sys, time
state = {}
def on(_sig, _frame):
    state["server"] = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])),
                                                      http.server.SimpleHTTPRequestHandler)
    state["server"].timeout = 0.1
def off(_sig, _frame):
    state.pop("server").server_close()
signal.signal(signal.SIGUSR1, on)
signal.signal(signal.SIGUSR2, off)
on(0, 0)
while True:
    if "server" in state:
        state["server"].handle_request()
    else:
        time.sleep(0.1)
"""


@scenario("a command that stops listening and lives on is served when it listens, and at the same "
          "address again; another program on its port never", timeout=300)
def coming(t):
    port = free_port()
    user = t.user("serving")
    server = Server(t, user, ["--serve", f"80:{port}"], ["python3", "-c", COMING, str(port)],
                    folder(user))
    address = server.address()
    visitor = t.user("visiting")
    fetch(t, visitor, f"http://{address}/page")
    listener = listener_process(port)
    os.kill(listener, signal.SIGUSR2)
    with socket.socket() as other:
        t.eventually(lambda: not listener_of(port), 10, "the command has closed it")
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen(1)
        t.eventually(lambda: address not in user.ctl("service", "list").text, 30,
                     "it is not served any more")
    t.check("no longer listens" in server.text(), server.text())
    t.check(server.p.poll() is None, "the command lives")
    told = len(REACHABLE.findall(server.text()))
    os.kill(listener, signal.SIGUSR1)
    t.eventually(lambda: len(REACHABLE.findall(server.text())) > told, PUBLISH_S,
                 f"served again: {server.text()!r}")
    t.equal(REACHABLE.findall(server.text())[-1], address, "the address")
    fetch(t, t.user("visiting-again"), f"http://{address}/page")
    server.stop()
    t.check_no_leak()


FORKING = """
import os, socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nchild of %d\\n" % os.getppid())
class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
Server(("", int(sys.argv[1])), Handler).serve_forever()
"""


@scenario("a server that forks for each connection, and onionctl's view of it", timeout=240)
def forking(t):
    port = free_port()
    user = t.user("serving")
    server = Server(t, user, ["--serve", f"8080:{port}"], ["python3", "-c", FORKING, str(port)])
    address = server.address()
    t.check(f"reachable: {address}:8080" in server.text(), server.text())
    visitor = t.user("visiting")
    for _ in range(3):
        r = fetch(t, visitor, f"http://{address}:8080/")
        t.check(r.text.startswith("child of "), f"page was {r.text!r}")
    listed = user.ctl("service", "list")
    t.check(address in t.ok(listed, "onionctl service list").text, f"listed: {listed}")
    server.stop()
    t.eventually(lambda: address not in user.ctl("service", "list").text, 15,
                 "the service is not listed any more")
    t.check_no_leak()
