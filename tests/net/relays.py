# SPDX-License-Identifier: BSD-3-Clause
"""The eleven relays of the private network: addresses, keys and torrc files.

Three authorities, five middle relays and three exits, all real tor processes.
Each has an address of its own and each exit a second one towards the web
server, so that the server's log tells which exit a request came through. Keys
are made once, in parallel, and kept in a cache folder for later networks.
"""
import concurrent.futures
import dataclasses
import os
import re
import shutil
import subprocess
import time

import once

OR_PORT = 9001
DIR_PORT = 7000
METRICS_PORT = 9035
CONTROL_SOCKET = "control.sock"
FIRST_INTERVAL = 10    # s; a divisor of 30 min
BANDWIDTHS = "bandwidths"
KEY_CACHE_MAX_AGE = 20 * 86400
EXIT_PORTS = ("80-90", "443", "8000-8999")


@dataclasses.dataclass
class Relay:
    name: str
    role: str               # "authority", "middle" or "exit"
    addr: str
    addr6: str = ""         # IPv6 OR port, on some
    exit_addr: str = ""     # source address of an exit's own connections
    exit_addr6: str = ""
    policy: tuple = ()      # lines before the common exit policy
    fingerprint: str = ""
    v3ident: str = ""

    def dir(self, base):
        return os.path.join(base, self.name)

    def authority_line(self):
        v6 = f" ipv6=[{self.addr6}]:{OR_PORT}" if self.addr6 else ""
        return (f"DirAuthority {self.name} orport={OR_PORT} no-v2 v3ident={self.v3ident}{v6} "
                f"{self.addr}:{DIR_PORT} {self.fingerprint}")


def relays():
    """The network's relays. The third exit refuses port 8080."""
    out = [Relay(f"auth{i}", "authority", f"198.51.100.{i}") for i in (1, 2, 3)]
    out += [Relay(f"middle{i}", "middle", f"198.51.100.{10 + i}",
                  addr6=f"2001:db8:10::{10 + i}" if i <= 2 else "") for i in range(1, 6)]
    out += [Relay(f"exit{i}", "exit", f"198.51.100.{20 + i}",
                  exit_addr=f"203.0.113.{20 + i}", exit_addr6=f"2001:db8:80::{20 + i}",
                  policy=("reject *:8080",) if i == 3 else ()) for i in (1, 2, 3)]
    return out


def _run(args, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False, **kw)


def _make_keys(tor, relay, cache):
    """Makes one relay's key folder in @cache, or does nothing when it is fresh."""
    with once.making(relay.dir(cache)):
        _make_missing_keys(tor, relay, relay.dir(cache))


def _make_missing_keys(tor, relay, d):
    stamp = os.path.join(d, "made")
    if os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < KEY_CACHE_MAX_AGE:
        return
    shutil.rmtree(d, ignore_errors=True)
    keys = os.path.join(d, "keys")
    os.makedirs(keys, mode=0o700)
    os.chmod(d, 0o700)
    if relay.role == "authority":
        gencert = os.path.join(os.path.dirname(tor), "tor-gencert")
        r = _run([gencert, "--create-identity-key", "--passphrase-fd", "0",
                  "-i", f"{keys}/authority_identity_key", "-s", f"{keys}/authority_signing_key",
                  "-c", f"{keys}/authority_certificate", "-m", "12",
                  "-a", f"{relay.addr}:{DIR_PORT}"], input="private network\n")
        if r.returncode:
            raise RuntimeError(f"tor-gencert for {relay.name}: {r.stdout.strip()}")
    # --list-fingerprint makes the other keys and exits; it opens no connection.
    r = _run([tor, "--quiet", "-f", "/nonexistent", "--ignore-missing-torrc",
              "--defaults-torrc", "/nonexistent", "--list-fingerprint",
              "--orport", str(OR_PORT), "--nickname", relay.name, "--datadirectory", d,
              "--dirserver", "x 127.0.0.1:1 " + "f" * 40])
    if r.returncode or not os.path.exists(os.path.join(d, "fingerprint")):
        raise RuntimeError(f"keys of {relay.name}: {r.stdout.strip()}")
    with open(stamp, "w", encoding="ascii"):
        pass


def make_all_keys(tor, all_relays, cache):
    """Keys for every relay (cached); fills in fingerprint and v3ident."""
    os.makedirs(cache, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda r: _make_keys(tor, r, cache), all_relays))
    for r in all_relays:
        with open(os.path.join(r.dir(cache), "fingerprint"), encoding="ascii") as f:
            r.fingerprint = f.read().split()[1]
        if r.role == "authority":
            with open(os.path.join(r.dir(cache), "keys/authority_certificate"),
                      encoding="ascii") as f:
                r.v3ident = re.search(r"^fingerprint ([0-9A-F]{40})", f.read(), re.M).group(1)


def common_lines(all_relays):
    def fingerprints(role):
        return ",".join(r.fingerprint for r in all_relays if r.role == role)

    return [r.authority_line() for r in all_relays if r.role == "authority"] + [
        "TestingTorNetwork 1",
        "RunAsDaemon 0",
        "SafeLogging 0",
        "ShutdownWaitLength 0",
        "ProtocolWarnings 1",
        "TestingDirAuthVoteHSDir *",
        "PathsNeededToBuildCircuits 0.67",
        # Strict: authorities are no guards (scenarios kill them), middles no exits.
        f"TestingDirAuthVoteGuard {fingerprints('middle')}",
        "TestingDirAuthVoteGuardIsStrict 1",
        f"TestingDirAuthVoteExit {fingerprints('exit')}",
        "TestingDirAuthVoteExitIsStrict 1",
        "TestingMinExitFlagThreshold 0",
        "V3AuthNIntervalsValid 3",
        # Nothing to fetch before the first consensus: failed tries would back off.
        f"TestingServerConsensusDownloadInitialDelay {FIRST_INTERVAL + 1}",
        "DisableDebuggerAttachment 0",
    ]


AUTHORITY_LINES = [
    "AuthoritativeDirectory 1",
    "V3AuthoritativeDirectory 1",
    "ContactInfo none@example.test",
    "AuthDirHasIPv6Connectivity 1",
    # All run, whatever the machine's load: it would come and go in the consensus.
    "AuthDirTestReachability 0",
    "ExitPolicy reject *:*",
    # The first vote comes quickly (see Holder.await_voting_round), then every 20 s.
    f"TestingV3AuthInitialVotingInterval {FIRST_INTERVAL}",
    "TestingV3AuthInitialVoteDelay 2",
    "TestingV3AuthInitialDistDelay 2",
    "V3AuthVotingInterval 20",
    "V3AuthVoteDelay 2",
    "V3AuthDistDelay 2",
]


# Where hours are to pass in minutes. A vote every 10 s, the shortest that there is: a time
# period and a run of the shared random protocol take 4 minutes, and one of them ends every
# 2 minutes. A service's introduction points serve for a minute, or for some introductions.
SHORT_LINES = [
    "V3AuthVotingInterval 10",
    "V3AuthNIntervalsValid 6",
    "ConsensusParams hs_intro_min_lifetime=50 hs_intro_max_lifetime=70 "
    "hs_intro_min_introduce2=6 hs_intro_max_introduce2=9",
]
SHORT_RUN = 24 * 10     # s; periods begin half a run after runs (rend-spec-v3 2.2.1)


def torrc(relay, all_relays, base, resolv_conf, short=False):
    d = relay.dir(base)
    lines = common_lines(all_relays) + [
        f"Nickname {relay.name}",
        f"DataDirectory {d}",
        f"PidFile {d}/pid",
        f"Log notice file {d}/notice.log",
        f"Address {relay.addr}",
        f"ORPort {relay.addr}:{OR_PORT} IPv4Only",
        f"OutboundBindAddress {relay.addr}",
        "AssumeReachable 1",
        "SocksPort 0",
        f"ControlSocket {d}/{CONTROL_SOCKET}",
        "CookieAuthentication 0",
        # What they count is about clients, not about circuits of their own made in advance.
        "__DisablePredictedCircuits 1",
        f"MetricsPort {relay.addr}:{METRICS_PORT}",
        "MetricsPortPolicy accept *",
    ]
    if relay.addr6:
        lines += [f"ORPort [{relay.addr6}]:{OR_PORT} IPv6Only", "AssumeReachableIPv6 1",
                  f"Address [{relay.addr6}]", f"OutboundBindAddress [{relay.addr6}]"]
    else:
        lines += ["AddressDisableIPv6 1"]
    if relay.role == "authority":
        lines += [f"DirPort {relay.addr}:{DIR_PORT}",
                  f"V3BandwidthsFile {base}/{BANDWIDTHS}"] + AUTHORITY_LINES
        lines += SHORT_LINES if short else []
    elif relay.role == "middle":
        lines += ["ExitPolicy reject *:*"]
    else:
        lines += ["ExitRelay 1", "IPv6Exit 1", f"Log [circ]info file {d}/circ.log",
                  f"OutboundBindAddressExit {relay.exit_addr}",
                  f"OutboundBindAddressExit [{relay.exit_addr6}]",
                  "ServerDNSDetectHijacking 0", "ServerDNSAllowBrokenConfig 1",
                  f"ServerDNSResolvConfFile {resolv_conf}"]
        lines += [f"ExitPolicy {p}" for p in relay.policy]
        lines += [f"ExitPolicy accept *:{p}" for p in EXIT_PORTS] + ["ExitPolicy reject *:*"]
    return "\n".join(lines) + "\n"


def install(all_relays, base, cache, resolv_conf, short=False):
    """Fresh data folders under @base with keys from @cache and torrc files.

    The authorities get "measurements" that make all relays equal, but themselves
    light: a relay that happened to carry a large transfer would get all the rest.
    """
    with open(os.path.join(base, BANDWIDTHS), "w", encoding="ascii") as f:
        f.write(f"{int(time.time())}\n")
        for r in all_relays:
            f.write(f"node_id=${r.fingerprint} bw={50 if r.role == 'authority' else 5000}\n")
    for r in all_relays:
        d = r.dir(base)
        shutil.copytree(r.dir(cache), d, ignore=shutil.ignore_patterns("made", "lock"))
        os.chmod(d, 0o700)
        with open(os.path.join(d, "torrc"), "w", encoding="ascii") as f:
            f.write(torrc(r, all_relays, base, resolv_conf, short))


def listed(base, relay, flags=("Running", "Valid")):
    """Names of the relays that have @flags in the consensus that @relay holds."""
    path = os.path.join(relay.dir(base), "cached-microdesc-consensus")
    names, name = set(), None
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            for line in f:
                if line.startswith("r "):
                    name = line.split()[1]
                elif line.startswith("s ") and all(x in line.split() for x in flags):
                    names.add(name)
    except OSError:
        pass
    return names
