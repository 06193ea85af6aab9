# SPDX-License-Identifier: BSD-3-Clause
"""An onionify user who is not root: account "nobody", with folders of its own."""
import os
import shutil
import subprocess
import tempfile
import types

from client import Client, programs_dir
from harness import Skip

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
             "--inh-caps=-all", "--bounding-set=-all", "--"]
PROGRAMS = ("onionify-agent", "onionctl", "onionify-run", "onionify-serve", "libonionify.so")


def check_accounts():
    """Skip where this user namespace knows one account alone."""
    r = subprocess.run(AS_NOBODY + ["true"], stderr=subprocess.PIPE, text=True, timeout=10,
                       check=False)
    if os.geteuid() != 0 or r.returncode:
        raise Skip("no second account here: not root")


class OrdinaryUser(Client):
    """Client whose commands and agent run as nobody; close() deletes its folder."""

    def __init__(self, net, name="nobody", account=NOBODY):
        check_accounts()
        self.top = tempfile.mkdtemp(prefix="onionify-test-")
        os.chmod(self.top, 0o755)
        place = types.SimpleNamespace(base=self.top, authority_lines=net.authority_lines,
                                      relay=net.relay)
        super().__init__(place, name)
        self.installed = os.path.join(self.top, "bin")
        os.makedirs(self.installed)
        for program in PROGRAMS:
            shutil.copy2(os.path.join(programs_dir(self.variant), program), self.installed)
        for folder, _, files in os.walk(os.path.join(self.top, "clients")):
            os.chown(folder, account, account)
            for f in files:
                os.chown(os.path.join(folder, f), account, account)
        self.env["HOME"] = self.dir
        self.env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.prefix = AS_NOBODY if account == NOBODY else []

    def program(self):
        return os.path.join(self.installed, "onionify-run")

    def command(self, args, options=()):
        return self.prefix + super().command(args, options)

    def close(self):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)
