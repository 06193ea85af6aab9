# SPDX-License-Identifier: BSD-3-Clause
"""Groups of scenarios on several networks at once.

A scenario waits for most of its time, so two networks need about half the time of
one. Each has a process inside its namespace (attend()), which takes a group, runs
it with its output in a file, answers with one line of JSON and is given the next.
What a group does to relays stays in its network.
"""
import json
import os
import subprocess
import sys
import threading

from network import NetworkError

# Groups that take long, in seconds: they begin early, so that none is left alone at the end.
SECONDS = {"onion": 185, "onion_host": 130, "bridges": 75, "transfer": 65, "leaks": 50, "loop": 45,
           "errors": 41, "load": 22, "conflux": 20, "manager": 15, "top": 12}
USUAL_SECONDS = 10


# --- outside ---

class Queue:
    """Groups that wait, in the order in which they are given out."""

    def __init__(self, groups, first, last):
        middle = sorted((g for g in groups if g not in first + last),
                        key=lambda g: -SECONDS.get(g, USUAL_SECONDS))
        self.groups = [g for g in first if g in groups] + middle + [g for g in last if g in groups]
        self.lock = threading.Lock()

    def take(self):
        with self.lock:
            return self.groups.pop(0) if self.groups else None


class Score:
    """What came of it all; shows the output of a group in one piece."""

    def __init__(self):
        self.counts = {"ok": 0, "FAILED": 0, "skipped": 0}
        self.times = []     # (seconds, scenario)
        self.lock = threading.Lock()

    def add(self, counts, times=(), text=""):
        with self.lock:
            for verdict, n in counts.items():
                self.counts[verdict] += n
            self.times += [tuple(x) for x in times]
            print(text, end="", flush=True)


class Attendant(threading.Thread):
    """One network: is started, is brought groups of the queue until there are no more."""

    def __init__(self, place, args, queue, score):
        super().__init__(daemon=True)
        self.place, self.net, self.args = place, place.net, args
        self.queue, self.score = queue, score
        self.p = None

    def run(self):
        group = None
        try:
            self.place.bring_up()
            self.place.well = True
            self.p = subprocess.Popen(self.net.exec_args(self.args), text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            while group := self.queue.take():
                self.bring(group)
            self.bring("")      # its long-lived agents end
            self.p.wait()
        except (NetworkError, OSError, ValueError) as e:
            self.broke_off(group, e)

    def bring(self, group):
        self.p.stdin.write(group + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise NetworkError(f"its process ended, status {self.p.wait()}")
        answer = json.loads(line)
        with open(answer["output"], encoding="utf-8", errors="replace") as f:
            self.score.add(answer["counts"], answer["times"], f.read())
        self.place.well = self.place.well and not answer["counts"]["FAILED"]

    def broke_off(self, group, why):
        self.place.well = False
        text = f"FAILED  {group or 'network'}: broke off in {self.net.base}: {why}\n"
        if group and os.path.exists(output_path(self.net, group)):
            with open(output_path(self.net, group), encoding="utf-8", errors="replace") as f:
                text = f.read() + text
        self.score.add({"FAILED": 1}, text=text)

    def end(self):
        """After an interruption, too."""
        if self.p and self.p.poll() is None:
            self.p.kill()
            self.p.wait()


# --- inside ---

def output_path(net, group):
    return os.path.join(net.base, f"output.{group or 'end'}")


def attend(net, run_group, end):
    """Runs the groups that come by standard input; each function returns counts and times."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        group = line.strip()
        path = output_path(net, group)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        os.close(fd)
        counts, times = run_group(group) if group else end()
        sys.stdout.flush()
        print(json.dumps({"output": path, "counts": counts, "times": times}), file=answers,
              flush=True)
        if not group:
            return
