# SPDX-License-Identifier: BSD-3-Clause
"""What several networks share is made once, by whoever comes first."""
import contextlib
import fcntl
import os


@contextlib.contextmanager
def making(path):
    """Holds the lock beside @path while in use; others wait, and then find what was made."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".lock", "a", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
