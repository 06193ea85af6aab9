# SPDX-License-Identifier: BSD-3-Clause
"""What the matrix of programs stands on: its servers and its files.

Everything is made from nothing in a folder of the network: a git repository, a
Debian archive, a Python index and an npm registry of one package each, keys.
Servers run behind the exits and end with this process.
"""
import atexit
import base64
import glob
import hashlib
import json
import os
import shutil
import subprocess
import zipfile

import bait
from client import wait_until
import netns

WWW = "http://www.example.test"
HOST = "v4only.example.test"        # where the servers of this file are
FILES = f"http://{HOST}:8081"
PASSWD_SSHD = "sshd:x:74:65534::/run/sshd:/usr/sbin/nologin\n"
SSHD_CONFIG = """\
Port 8022
ListenAddress {addr}
HostKey {d}/host_key
AuthorizedKeysFile {d}/user_key.pub
PidFile {d}/sshd.pid
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""
RSYNCD_CONFIG = """\
use chroot = no
uid = {uid}
gid = {uid}
log file = {d}/rsyncd.log
[files]
path = {d}/www/tree
read only = yes
"""


def peer_program(*paths):
    """An unpacked program, or the system's of the same name, or None."""
    for path in paths:
        for place in (os.path.join(bait.PEERS, path), "/" + path):
            if os.access(place, os.X_OK):
                return place
    return shutil.which(os.path.basename(paths[0]))


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def quiet(args, **kw):
    """True when the command succeeds."""
    try:
        return subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60, check=False,
                              **kw).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


# --- files ---

def make_tree(d):
    for name, links in (("index", ("a", "b")), ("a", ("b", "c")), ("b", ()), ("c", ())):
        body = "".join(f'<a href="{x}.html">{x}</a>' for x in links)
        write(f"{d}/www/tree/{name}.html", f"<html><body>page {name} {body}</body></html>\n")


def make_git(d):
    repo = f"{d}/www/repo.git"
    env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": d, "GIT_AUTHOR_NAME": "t",
           "GIT_AUTHOR_EMAIL": "t@example.test", "GIT_COMMITTER_NAME": "t",
           "GIT_COMMITTER_EMAIL": "t@example.test"}
    write(f"{d}/src/hello.txt", "hello from the private network\n")
    return all(quiet(["git", *words], env=env) for words in (
        ["-C", f"{d}/src", "init", "-q"], ["-C", f"{d}/src", "add", "hello.txt"],
        ["-C", f"{d}/src", "commit", "-q", "-m", "one"],
        ["clone", "-q", "--bare", f"{d}/src", repo], ["-C", repo, "update-server-info"]))


def make_apt(d):
    write(f"{d}/deb/DEBIAN/control", "Package: hello-net\nVersion: 1.0\nArchitecture: all\n"
          "Maintainer: nobody <nobody@example.test>\nDescription: test of the private network\n")
    os.makedirs(f"{d}/www/apt", exist_ok=True)
    os.chmod(f"{d}/deb/DEBIAN", 0o755)
    deb = f"{d}/www/apt/hello-net_1.0_all.deb"
    if not quiet(["dpkg-deb", "--root-owner-group", "-b", f"{d}/deb", deb]):
        return
    with open(deb, "rb") as f:
        data = f.read()
    with open(f"{d}/deb/DEBIAN/control", encoding="ascii") as f:
        control = f.read()
    write(f"{d}/www/apt/Packages", control + f"Filename: ./hello-net_1.0_all.deb\n"
          f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n")


def make_pip(d):
    folder = f"{d}/www/simple/hello-net"
    os.makedirs(folder, exist_ok=True)
    name = "hello_net-1.0-py3-none-any.whl"
    info = "hello_net-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as z:
        z.writestr("hello_net.py", "hello = 1\n")
        z.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hello-net\nVersion: 1.0\n")
        z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
                   "Tag: py3-none-any\n")
        z.writestr(f"{info}/RECORD", "")
    write(f"{folder}/index.html", f'<html><body><a href="{name}">{name}</a></body></html>\n')


def make_npm(d):
    write(f"{d}/npm/package/package.json", json.dumps({"name": "hello-net", "version": "1.0.0"}))
    tgz = f"{d}/www/npm-files/hello-net-1.0.0.tgz"
    os.makedirs(os.path.dirname(tgz), exist_ok=True)
    if not quiet(["tar", "-C", f"{d}/npm", "-czf", tgz, "package"]):
        return
    with open(tgz, "rb") as f:
        digest = base64.b64encode(hashlib.sha512(f.read()).digest()).decode()
    version = {"name": "hello-net", "version": "1.0.0", "dist": {
        "tarball": f"{FILES}/npm-files/hello-net-1.0.0.tgz", "integrity": "sha512-" + digest}}
    write(f"{d}/www/npm/hello-net", json.dumps({
        "name": "hello-net", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}))


# --- servers ---

class Servers:
    """Started once for all programs; ends with the process at the latest."""

    running = None

    def __init__(self, net):
        self.net = net
        self.dir = d = os.path.join(net.base, "programs")
        shutil.rmtree(d, ignore_errors=True)
        os.makedirs(d)
        self.processes = []
        self.git = make_git(d)
        for make in (make_tree, make_apt, make_pip, make_npm):
            make(d)
        atexit.register(self.stop)
        self._spawn("python3", os.path.join(bait.PROGRAMS, "servers.py"), netns.WEB_ADDR, d)
        self.sshd = self._start_sshd()
        self.rsyncd = self._start_rsyncd()
        if self.git:
            self._spawn("git", "daemon", f"--base-path={d}/www", "--export-all", "--reuseaddr",
                        f"--listen={netns.WEB_ADDR}", "--port=8418")
        self.up = {name: self._answers(port) for name, port in
                   (("http", 8081), ("ssh", 8022), ("rsync", 8873), ("git", 8418))}

    @classmethod
    def get(cls, net):
        if cls.running is None:
            cls.running = cls(net)
        return cls.running

    def _spawn(self, *args):
        with open(os.path.join(self.dir, "servers.log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                netns.in_netns(self.net.hold["web_ns"], ["setpriv", "--pdeathsig", "KILL", *args]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _answers(self, port):
        """True when something listens there, behind the exits."""
        code = ("import socket,sys;socket.create_connection((sys.argv[1],int(sys.argv[2])),2)")
        started = {8022: self.sshd, 8873: self.rsyncd, 8418: self.git}.get(port, True)
        return bool(started) and wait_until(lambda: quiet(netns.in_netns(
            self.net.hold["web_ns"], ["python3", "-c", code, netns.WEB_ADDR, str(port)])), 10, 0.2)

    def _start_sshd(self):
        """sshd wants its account and /run/sshd: both exist in its mount namespace alone."""
        d, sshd = self.dir, peer_program("usr/sbin/sshd")
        if not sshd or not shutil.which("ssh-keygen"):
            return None
        for key in ("host_key", "user_key"):
            if not quiet(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{d}/{key}"]):
                return None
        write(f"{d}/sshd_config", SSHD_CONFIG.format(addr=netns.WEB_ADDR, d=d))
        with open("/etc/passwd", encoding="utf-8") as f:
            known = f.read()
        write(f"{d}/passwd", known if "\nsshd:" in known else known + PASSWD_SSHD)
        script = ("mount -t tmpfs none /run && mkdir -m 755 /run/sshd && "
                  f"mount --bind {d}/passwd /etc/passwd && exec {sshd} -D -e -f {d}/sshd_config")
        self._spawn("unshare", "-m", "sh", "-c", script)
        return sshd

    def _start_rsyncd(self):
        rsync = peer_program("usr/bin/rsync")
        if rsync:
            write(f"{self.dir}/rsyncd.conf", RSYNCD_CONFIG.format(d=self.dir, uid=0))
            self._spawn(rsync, "--daemon", "--no-detach", f"--config={self.dir}/rsyncd.conf",
                        f"--address={netns.WEB_ADDR}", "--port=8873")
        return rsync

    def peers(self):
        """Addresses that connected to servers which keep a log."""
        found = set()
        try:
            with open(os.path.join(self.dir, "peers.log"), encoding="ascii") as f:
                found = {line.split()[1] for line in f if line.strip()}
        except OSError:
            pass
        return found - {netns.WEB_ADDR}

    def stop(self):
        for p in self.processes:
            p.kill()
        for p in self.processes:
            p.wait()
        self.processes = []


def libraries():
    """Folders of unpacked libraries, for unpacked programs."""
    return ":".join(glob.glob(os.path.join(bait.PEERS, "usr/lib/*-linux-gnu")) +
                    glob.glob(os.path.join(bait.PEERS, "usr/lib/*-linux-gnu/pulseaudio")) +
                    glob.glob(os.path.join(bait.PEERS, "usr/lib*/sudo")))
