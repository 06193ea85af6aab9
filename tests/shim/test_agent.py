#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A stand-in agent for tests of the shim: common/PROTOCOL.md without Tor behind it.

test_agent.py SOCKET: listens there, starts its own targets on loopback (echo over
TCP) and connects streams to them by this table of destinations:

  203.0.113.1   2001:db8::1   echo.test      echo, at once
  203.0.113.2   2001:db8::2   slow.test      echo, after 0.3 s
  203.0.113.3   2001:db8::3   refused.test   ECONNREFUSED, after 0.1 s
  203.0.113.4   2001:db8::4   silent.test    nothing ever happens
  203.0.113.5   2001:db8::5   far.test       EHOSTUNREACH, after 0.1 s
  203.0.113.6   2001:db8::6   reset.test     opens, then breaks after the first bytes
  203.0.113.7   2001:db8::7   done.test      opens, sends "bye", ends

"service add ... bound" makes an onion service that its connection lives on: a stream
to its address goes to its target. With a key in the command the address is another one.
TEST_AGENT_SERVICE: "refused" refuses, "unpublished" is never published, "unreachable" is
published and not reached, "gone" is ended after a moment.

Names get addresses in 198.18.0.0/15 and fd00:6f6e::/64; nx.test does not exist,
v4only.test has no IPv6 address, again.test fails for now. Every OPEN is logged to
SOCKET.log as "domain program destination".
"""
import array
import errno
import fcntl
import os
import socket
import struct
import sys
import termios
import threading
import time

OPEN, QUERY, RESOLVE, REVERSE, WAIT, CONTROL = 1, 2, 3, 4, 5, 6
RESULT, INFO, ADDRESSES, NAME, PROGRESS, DATA, END = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
PENDING, OPENED, FAILED = 1, 2, 3
AGENT = "198.18.0.0"
HOSTS = ["echo", "slow", "refused", "silent", "far", "reset", "done"]

services = {}   # address: {port: (host, port)}
streams = {}
names = {}
lock = threading.Lock()


def take(body, n):
    if len(body) < n:
        raise ValueError("short")
    return body[:n], body[n:]


def take_str(body):
    n, body = take(body, 1)
    return take(body, n[0])


def take_addr(body):
    family, body = take(body, 1)
    raw, body = take(body, {0: 0, 4: 4, 6: 16}[family[0]])
    return family[0], raw, body


def put_addr(text):
    if text is None:
        return b"\0"
    if ":" in text:
        return b"\6" + socket.inet_pton(socket.AF_INET6, text)
    return b"\4" + socket.inet_pton(socket.AF_INET, text)


def frame(kind, body):
    return struct.pack(">BBH", 1, kind, len(body)) + body


def virtual(name):
    with lock:
        n = names.setdefault(name, len(names) + 2)
    return "198.18.%d.%d" % (n >> 8, n & 255), "fd00:6f6e::%x" % n


def host_of(family, raw):
    """Which entry of HOSTS a destination means, or None."""
    text = socket.inet_ntop(socket.AF_INET if family == 4 else socket.AF_INET6, raw)
    for name, n in list(names.items()):
        if text in ("198.18.%d.%d" % (n >> 8, n & 255), "fd00:6f6e::%x" % n):
            return name[:-5] if name.endswith(".test") else None, text
    for i, host in enumerate(HOSTS):
        if text in ("203.0.113.%d" % (i + 1), "2001:db8::%x" % (i + 1)):
            return host, text
    return None, text


def read_exactly(conn, n):
    """n bytes and the descriptors that came with them."""
    data, fds = b"", array.array("i")
    while len(data) < n:
        part, anc, _, _ = conn.recvmsg(n - len(data), socket.CMSG_SPACE(4 * 4))
        for level, kind, payload in anc:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[: len(payload) - len(payload) % 4])
        if not part:
            raise EOFError
        data += part
    return data, list(fds)


def pump(src, dst, until=None):
    try:
        while True:
            data = src.recv(65536)
            if not data:
                break
            dst.sendall(data)
            if until:
                until()
                return
    except OSError:
        pass
    try:
        dst.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def release(conn, fds):
    filler = array.array("i", [0])
    fcntl.ioctl(conn, termios.FIONREAD, filler)
    passed = socket.socket(fileno=fds[0])
    passed.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 106496)
    passed.close()
    read_exactly(conn, filler[0])


def wait_or_gone(conn, seconds, held):
    """Sleeps; True when the program has closed meanwhile."""
    import select

    p = select.poll()
    p.register(conn, 0 if held else select.POLLIN)
    return bool(p.poll(int(seconds * 1000)))


def serve_open(conn, body, fds):
    head, body = take(body, 14)
    flags, handle, app_family, _ = struct.unpack(">BQBI", head)
    family, raw, body = take_addr(body)
    port, body = take(body, 2)
    name, body = take_str(body)
    domain, body = take_str(body)
    program, body = take_str(body)
    if name:
        return serve_onion(conn, name.decode(), struct.unpack(">H", port)[0])
    host, text = host_of(family, raw)
    held = bool(flags & 1)
    peer = bytes([family]) + raw + port
    local = (b"\6" + bytes(15) + b"\1" if app_family == 6 else b"\4\x7f\0\0\1") + b"\x9c\x40"
    with open(sys.argv[1] + ".log", "a") as log:
        log.write("%s %s %s:%d\n" % (domain.decode(), program.decode(), text,
                                     struct.unpack(">H", port)[0]))
    streams[handle] = [PENDING, 0, peer, local]

    def fail(code):
        streams[handle][0:2] = [FAILED, code]
        for fd in fds:
            os.close(fd)
        if not held:
            conn.sendall(frame(RESULT, struct.pack(">I", code)))
        conn.close()

    if text == AGENT and port == b"\0\x35":
        streams[handle][0] = OPENED
        conn.sendall(frame(RESULT, struct.pack(">I", 0)))
        return serve_dns(conn)
    if host is None:
        return fail(errno.EHOSTUNREACH)
    if host == "silent":
        wait_or_gone(conn, 600, held)
        return fail(errno.ETIMEDOUT)
    delay = {"slow": 0.3, "refused": 0.1, "far": 0.1}.get(host, 0.005)
    if wait_or_gone(conn, delay, held):
        return fail(errno.ECONNABORTED)
    if host == "refused":
        return fail(errno.ECONNREFUSED)
    if host == "far":
        return fail(errno.EHOSTUNREACH)
    target = socket.create_connection(("127.0.0.1", echo_port))
    streams[handle][0] = OPENED
    if held:
        release(conn, fds)
    else:
        conn.sendall(frame(RESULT, struct.pack(">I", 0)))
    if host == "done":
        conn.sendall(b"bye")
        conn.close()
        return None
    if host == "reset":
        conn.recv(1)    # leaves bytes unread: the close resets
        time.sleep(0.05)
        conn.close()
        return None
    back = threading.Thread(target=pump, args=(target, conn), daemon=True)
    back.start()
    pump(conn, target)
    back.join()
    conn.close()
    target.close()
    return None


def note(text):
    with open(sys.argv[1] + ".log", "a") as log:
        log.write(text + "\n")


def serve_onion(conn, address, port):
    """A stream to a service of ours, as another client's would come."""
    target = services.get(address, {}).get(port)
    if not target or os.environ.get("TEST_AGENT_SERVICE") == "unreachable":
        conn.sendall(frame(RESULT, struct.pack(">I", errno.EHOSTUNREACH)))
        conn.close()
        return
    try:
        source = ("127.64.0.1", 0) if "." in target[0] else None
        peer = socket.create_connection(target, source_address=source)
    except OSError as e:
        conn.sendall(frame(RESULT, struct.pack(">I", e.errno or errno.ECONNREFUSED)))
        conn.close()
        return
    conn.sendall(frame(RESULT, struct.pack(">I", 0)))
    threading.Thread(target=pump, args=(peer, conn), daemon=True).start()
    pump(conn, peer)


def serve_control(conn, command):
    words = command.decode().split()
    note(command.decode())
    mood = os.environ.get("TEST_AGENT_SERVICE")
    if words[:2] != ["service", "add"] or mood == "refused":
        text = b"too many \x1b[31mservices"
        conn.sendall(frame(END, b"\1" + text))
        return
    keys = [w[4:] for w in words if w.startswith("key=")]
    address = ("b" if keys else "a") * 56 + ".onion"
    ports = {}
    for w in words[2:]:
        if w[0].isdigit():
            virt, host = w.split(":", 1)
            host, port = host.rsplit(":", 1)
            ports[int(virt)] = (host.strip("[]"), int(port))
    services[address] = ports
    doc = '{"address":"%s","state":"%s","ports":[]%s}'
    key = ',"key":"ED25519-V3:%s"' % (("A" * 85 + "A==") [:88]) if "show-key" in words else ""
    conn.sendall(frame(DATA, (doc % (address, "starting", key)).encode()))
    conn.sendall(frame(DATA, (doc % (address, "publishing", "")).encode()))
    if mood != "unpublished":
        conn.sendall(frame(DATA, (doc % (address, "reachable", "")).encode()))
    if mood == "gone":
        time.sleep(0.5)
        conn.sendall(frame(END, b"\1it was removed"))
        return
    conn.recv(1)
    del services[address]
    note("service end " + address)


def serve_dns(conn):
    """DNS over TCP, A records only: one question, one answer."""
    (length,) = struct.unpack(">H", read_exactly(conn, 2)[0])
    query, _ = read_exactly(conn, length)
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    v4, _ = virtual(".".join(labels))
    answer = (query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:at + 5]
              + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(v4))
    conn.sendall(struct.pack(">H", len(answer)) + answer)
    conn.recv(1)
    conn.close()


def serve_resolve(conn, body):
    _, body = take_str(body)
    name, body = take_str(body)
    name = name.decode().lower().rstrip(".")
    status = {"nx.test": 1, "nodata.test": 2, "again.test": 3, "bad.test": 4}.get(name, 0)
    if name == "agent.onionify.internal" and os.environ.get("TEST_AGENT_MUTE"):
        time.sleep(600)
    if name == "agent.onionify.internal":
        conn.sendall(frame(ADDRESSES, b"\0" + put_addr(AGENT) + put_addr(None)))
        return
    v4, v6 = virtual(name) if status == 0 else (None, None)
    if name == "v4only.test":
        v6 = None
    conn.sendall(frame(ADDRESSES, bytes([status]) + put_addr(v4) + put_addr(v6)))


def serve_reverse(conn, body):
    _, body = take_str(body)
    family, raw, _ = take_addr(body)
    host, text = host_of(family, raw)
    name = b""
    for known, n in list(names.items()):
        if text in ("198.18.%d.%d" % (n >> 8, n & 255), "fd00:6f6e::%x" % n):
            name = known.encode()
    if not name and host:
        name = host.encode() + b".test"
    conn.sendall(frame(NAME, bytes([0 if name else 1, len(name)]) + name))


def serve_query(conn, body):
    (handle,) = struct.unpack(">Q", body)
    state, code, peer, local = streams.get(handle, [0, 0, b"\0\0\0", b"\0\0\0"])
    conn.sendall(frame(INFO, struct.pack(">BI", state, code) + peer + local))


def serve_wait(conn):
    mood = os.environ.get("TEST_AGENT_WAIT")    # "stuck", "failed"
    if mood:
        text = b"no \x1b[31mnetwork"
        conn.sendall(frame(PROGRESS, struct.pack(">BBII", 5, mood == "failed", 0, 0)
                           + bytes([len(text)]) + text))
        time.sleep(5)
        return
    for percent in range(0, 101, 50):
        text = b"loading relay descriptors"
        conn.sendall(frame(PROGRESS, struct.pack(">BBII", percent, 0, 19 * percent, 1900)
                           + bytes([len(text)]) + text))
        if os.environ.get("TEST_AGENT_SLOW"):
            time.sleep(0.2)


def serve(conn):
    try:
        head, fds = read_exactly(conn, 4)
        version, kind, length = struct.unpack(">BBH", head)
        if version != 1:
            raise ValueError("version")
        body, more = read_exactly(conn, length) if length else (b"", [])
        if kind == OPEN:
            serve_open(conn, body, fds + more)
            return
        if kind == RESOLVE:
            serve_resolve(conn, body)
        elif kind == REVERSE:
            serve_reverse(conn, body)
        elif kind == QUERY:
            serve_query(conn, body)
        elif kind == WAIT:
            serve_wait(conn)
        elif kind == CONTROL:
            serve_control(conn, body)
    except (EOFError, ValueError, OSError, KeyError):
        pass
    conn.close()


def echo_server():
    server = socket.create_server(("127.0.0.1", 0), backlog=128)

    def run():
        while True:
            conn, _ = server.accept()
            threading.Thread(target=pump, args=(conn, conn), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    return server.getsockname()[1]


def main():
    global echo_port
    threading.stack_size(131072)
    echo_port = echo_server()
    path = sys.argv[1]
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(128)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


if __name__ == "__main__":
    main()
