# SPDX-License-Identifier: BSD-3-Clause
"""Many open streams on many circuits: all work, and memory returns to what it was."""
import os
import re
import time

from harness import scenario

STREAMS_PY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                          "streams.py")
SECONDS = float(os.environ.get("TIME", "12"))   # TIME=600 for a long one
WARM_UP = 3
COMMANDS, EACH = 20, 50     # domains, each with circuits of its own; streams in each
GROWTH_MIB = 3              # heap that the same load used before stays in use, no more
PEAK_MIB_PER_STREAM = 0.1


def heap_mib(pid):
    """What is its own alone: a share of libraries would vary with who else uses them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return int(re.search(r"^Anonymous:\s+(\d+) kB", f.read(), re.M).group(1)) / 1024


def hold(t, c, seconds):
    """COMMANDS x EACH streams for @seconds; memory and streams while all were open."""
    runs = [t.start(c, ["python3", STREAMS_PY, f"load{i}.any.example.test", "8001", str(EACH),
                        str(seconds)], options=["--isolate", f"load{i}"])
            for i in range(COMMANDS)]
    peak, most, circuits = 0.0, 0, 0
    deadline = time.monotonic() + seconds + 150
    while time.monotonic() < deadline and any(r.p.poll() is None for r in runs):
        pid = c.agent_pid()
        t.check(pid, "the agent lives")
        now = c.circuits()
        most = max(most, sum(x.get("streams") or 0 for x in now))
        circuits = max(circuits, len(now))
        peak = max(peak, heap_mib(pid))
        time.sleep(0.5)
    for r in runs:
        done = t.ok(r.finish(5), "streams")
        t.check(done.text.startswith(f"held {EACH}, "), done)
    return peak, most, circuits


@scenario("1,000 open streams on many circuits: none is lost, memory does not grow",
          timeout=int(SECONDS) + 320)
def thousand(t):
    c = t.user()
    t.ok(c.run(["true"]), "the agent's start")
    hold(t, c, WARM_UP)     # the same before: its buffers and circuits are there already
    pid = c.agent_pid()
    before = heap_mib(pid)
    peak, most, circuits = hold(t, c, SECONDS)
    t.equal(c.agent_pid(), pid, "the agent's process")
    # A sanitizer keeps what was freed: its memory says nothing.
    plain = c.variant == "release"
    if plain:
        t.eventually(lambda: heap_mib(pid) < before + GROWTH_MIB, 15,
                     f"memory as before, {before:.1f} MiB")
    print(f"        {most} streams on {circuits} circuits; memory {before:.1f} MiB before, "
          f"{peak:.1f} at most, {heap_mib(pid):.1f} after", flush=True)
    t.check(most >= COMMANDS * EACH * 0.95, f"only {most} streams at once")
    t.check(not plain or peak < before + COMMANDS * EACH * PEAK_MIB_PER_STREAM,
            f"{peak:.1f} MiB at most")
