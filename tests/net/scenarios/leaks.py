# SPDX-License-Identifier: BSD-3-Clause
"""Whatever a program does, nothing but TCP to relays leaves the client.

Every scenario checks that; these try hard. The default route and the name
server of the client's namespace are a trap that records each packet.
"""
import os
import shutil
import subprocess

from basic import PROBE, exit_addresses
from harness import Skip, scenario
import netns

CONNECT_C = r"""
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(80) };
	char buf[4096];
	long n, fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	const char *q = "GET /addr HTTP/1.0\r\nHost: www.example.test\r\n\r\n";

	inet_pton(AF_INET, argc > 1 ? argv[1] : "", &sa.sin_addr);
	if (fd < 0 || syscall(SYS_connect, fd, &sa, sizeof sa) < 0) {
		printf("errno %s\n", strerror(errno));
		return 1;
	}
	if (write(fd, q, strlen(q)) < 0)
		return 1;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		if (write(1, buf, n) < 0)
			return 1;
	return 0;
}
"""


def compiled(t, name, source, *flags):
    if not shutil.which("gcc"):
        raise Skip("no gcc")
    path = os.path.join(t.regular().dir, name)
    with open(path + ".c", "w", encoding="ascii") as f:
        f.write(source)
    r = subprocess.run(["gcc", "-o", path, path + ".c", *flags], stderr=subprocess.PIPE,
                       text=True, timeout=60, check=False)
    if r.returncode:
        raise Skip(f"cannot build it here: {r.stderr[-200:]}")
    return path


def refused(t, *words, env=None):
    r = t.regular().run(["python3", PROBE] + list(words), env=env)
    t.check(r.text.strip() not in ("sent", "ok"), f"{' '.join(words)}: {r}")


@scenario("the trap works: a direct connection and a direct look-up are seen")
def trap_itself(t):
    env = dict(os.environ)
    for words in (["connect-nb", netns.WEB_ADDR, "80"], ["resolve", "direct.example.org"]):
        p = subprocess.Popen(["python3", PROBE] + words, env=env, stdout=subprocess.DEVNULL)
        t.eventually(lambda w=words: any(("-> 53" if w[0] == "resolve" else "-> 80") in x
                                         for x in t.leaks()), 10, f"trapped {words}")
        p.kill()
        p.wait()
    t.trap_from = len(t.net.trapped())


@scenario("a static program with its own system calls goes through Tor or fails")
def static_program(t):
    path = compiled(t, "static-connect", CONNECT_C, "-static")
    r = t.regular().run([path, netns.WEB_ADDR], timeout=40)
    exits = exit_addresses(t)
    if r.status == 0:
        t.check(r.text.split()[-1:] and r.text.split()[-1] in exits, r)
    else:
        t.check("errno" in r.text or r.status == 125, r)


@scenario("raw system calls in a dynamic program go through Tor or fail")
def raw_system_calls(t):
    r = t.regular().run([compiled(t, "raw-connect", CONNECT_C), netns.WEB_ADDR], timeout=40)
    t.check(r.status != -1000, r)


@scenario("UDP is refused, also to a name server")
def udp(t):
    refused(t, "udp", netns.WEB_ADDR, "443")
    refused(t, "udp", netns.TRAP_NAMESERVER, "53")
    refused(t, "udp", netns.WEB_ADDR6, "443")


@scenario("raw and packet sockets are refused")
def raw_sockets(t):
    refused(t, "raw")
    refused(t, "packet")


@scenario("a cleared environment does not lead around Tor")
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
    refused(t, "udp", "127.0.0.1", "53")
