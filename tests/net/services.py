# SPDX-License-Identifier: BSD-3-Clause
"""What stands behind the exits: name server, web server and small TCP services.

    www.example.test        nginx: /, /addr, /files/, /slow/ (2 MB/s), PUT /upload/
    v6only.example.test     the same by IPv6 only
    refused.example.test    the web host; ports 81-90 are closed
    X.any.example.test      the web host by IPv4, for every X
    unreachable, nonet, silent .example.test    no host, no network, no answer
    unknown.example.test    no such name

Port 8001 echoes, 8002 speaks first and closes, 8003 resets, 8004 stays silent,
8005 reads until end of file and then answers with the number of bytes, 8006 is a
web server that answers with what it was asked.
"""
import hashlib
import os
import shutil
import subprocess

import once
from netns import (DNS_ADDR, NO_ROUTE_ADDR, SILENT_ADDR, UNREACHABLE_ADDR, WEB_ADDR, WEB_ADDR6)

MIB = 1 << 20

NGINX_CONF = """\
daemon off;
user root root;
worker_processes 1;
pid {d}/nginx.pid;
error_log {d}/nginx-error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format net '$remote_addr "$request" $status $body_bytes_sent $request_length';
    access_log {d}/access.log net;
    client_body_temp_path {d}/tmp/body;
    proxy_temp_path {d}/tmp/proxy;
    fastcgi_temp_path {d}/tmp/fastcgi;
    uwsgi_temp_path {d}/tmp/uwsgi;
    scgi_temp_path {d}/tmp/scgi;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 60;
    keepalive_requests 100000;
    client_max_body_size 0;
    server {{
        listen {v4}:80 backlog=1024;
        listen {v4}:8080;
        listen {v4}:443 ssl;
        listen [{v6}]:80;
        listen [{v6}]:443 ssl;
        server_name www.example.test;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location = / {{
            default_type text/plain;
            return 200 "Hello from the private network.\\nYou came from $remote_addr.\\n";
        }}
        location = /addr {{
            default_type text/plain;
            return 200 "$remote_addr\\n";
        }}
        location /files/ {{ alias {files}/; }}
        location /slow/ {{ alias {files}/; limit_rate 2m; }}
        location /upload/ {{
            alias {d}/upload/;
            dav_methods PUT DELETE;
            dav_access user:rw;
        }}
    }}
}}
"""

HOSTS = (
    ("www.example.test", (WEB_ADDR, WEB_ADDR6)),
    ("v4only.example.test", (WEB_ADDR,)),
    ("v6only.example.test", (WEB_ADDR6,)),
    ("refused.example.test", (WEB_ADDR,)),
    ("unreachable.example.test", (UNREACHABLE_ADDR,)),
    ("nonet.example.test", (NO_ROUTE_ADDR,)),
    ("silent.example.test", (SILENT_ADDR,)),
)


def make_certificate(cache):
    """A self-signed certificate for the web server; (certificate, key) paths."""
    cert, key = os.path.join(cache, "web.crt"), os.path.join(cache, "web.key")
    with once.making(cert):
        if not os.path.exists(cert):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-days", "365", "-subj",
                            "/CN=www.example.test", "-addext",
                            "subjectAltName=DNS:www.example.test,DNS:v6only.example.test",
                            "-keyout", key, "-out", cert + ".new"], check=True, timeout=60,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            os.replace(cert + ".new", cert)
    return cert, key


def test_file(cache, mib):
    """A file of @mib MiB that does not compress; (path, SHA-256 in hexadecimal)."""
    path = os.path.join(cache, "files", f"{mib}m.bin")
    with once.making(path):
        return path, _make_missing_file(path, mib)


def _make_missing_file(path, mib):
    try:
        with open(path + ".sha256", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        pass
    h = hashlib.sha256()
    with open(path + ".new", "wb") as f:
        for _ in range(mib):
            block = os.urandom(MIB)
            h.update(block)
            f.write(block)
    os.replace(path + ".new", path)
    with open(path + ".sha256", "w", encoding="ascii") as f:
        f.write(h.hexdigest() + "\n")
    return h.hexdigest()


def prepare(base, cache):
    """Folders and configuration of the servers under @base."""
    d = os.path.join(base, "web")
    for sub in ("tmp", "upload"):
        os.makedirs(os.path.join(d, sub), exist_ok=True)
    test_file(cache, 1)
    cert, key = make_certificate(cache)
    with open(os.path.join(d, "nginx.conf"), "w", encoding="ascii") as f:
        f.write(NGINX_CONF.format(d=d, v4=WEB_ADDR, v6=WEB_ADDR6, cert=cert, key=key,
                                  files=os.path.join(cache, "files")))
    with open(os.path.join(d, "resolv.conf"), "w", encoding="ascii") as f:
        f.write(f"nameserver {DNS_ADDR}\n")
    return os.path.join(d, "resolv.conf")


def commands(base, nginx):
    """(name, command) of each server process, for the web server's namespace."""
    d = os.path.join(base, "web")
    dns = ["--no-daemon", "--conf-file=/dev/null", "--no-resolv",
           "--no-hosts", "--no-poll", f"--pid-file={d}/dns.pid",
           "--bind-interfaces", f"--listen-address={DNS_ADDR}", "--except-interface=lo",
           "--local=/test/", "--local-ttl=60", f"--log-facility={d}/dns.log", "--log-queries",
           "--cache-size=0"]
    dns += [f"--address=/any.example.test/{WEB_ADDR}"]
    dns += [f"--host-record={name},{','.join(addrs)}" for name, addrs in HOSTS]
    services = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tcpservices.py")
    return [("dns", [shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"] + dns),
            ("nginx", [nginx, "-p", d, "-c", f"{d}/nginx.conf",
                       "-e", f"{d}/nginx-error.log"]),
            ("tcpservices", ["python3", services, WEB_ADDR, WEB_ADDR6])]
