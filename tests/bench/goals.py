# SPDX-License-Identifier: BSD-3-Clause
"""What is aimed at beside tor's client, and why it is not reached where it is not.

A goal is a ratio as in the tables: above 1 is better than tor with torsocks. Reasons are
told with figures of measurements on such networks; they are told only where a goal is missed.
"""

EXACT = """the program waits for CONNECTED: three relays 60 ms, the exit asks for the name 40 and
connects 40, back 60; then its question 80 and the answer 80: 360 ms. torsocks asks for the name
first, 160 ms more, and waits for as much: 480. 1.33 is what the network leaves."""
OPTIMISTIC = """there 60 ms, name 40, connect 40, question and answer 40, back 60: 240 of the 480 ms
that torsocks takes. 2.00 is what the network leaves."""
NO_DISTANCE = """without distance it is how soon a busy machine runs three relays, the exit's name
server and the web server, one after the other; round trips count on the wide-area network."""
WINDOW = """a stream is as fast as its window, which is the protocol's (Tor-Vegas) and the same for
all clients: the one who sends fills it at every moment, and the links are idle most of the time.
Slow start ends near 400 cells and 10 are added a round trip. %s"""
DOWN_WAN = WINDOW % """It is the exit's: ours to give are acknowledgements at once."""
UP_WAN = WINDOW % """It is ours, on one leg at a time, for that is what exits ask of clients."""
RELAYS = """the relays, which share this machine's processors, are what limits: three of them
spend more on each byte than the client."""
CPU = """of a download's cycles two fifths are the kernel's (a quarter of them is the relay's end
of the loopback device), a fifth is AES and POLYVAL of three layers, an eighth TLS, a tenth copies
and memory of libc; rounds are 2 ms apart already."""
MEMORY = """libraries of which we are the only user here: libcurl with those it needs is 0.8 MiB.
Above it a large transfer leaves up to 3 MiB of heap that the next one uses again."""
MEMORY_DIR = """0.5 KiB a relay, 1.3 MiB for libraries (libcurl with those it needs is 0.8 of them)
and 0.7 MiB of our own program, which nobody else has mapped."""

# network: (key, side, ratio, reason)
GOALS = {
    "loopback": (
        ("ttfb", "exact", 1.54, NO_DISTANCE),
        ("ttfb", "optimistic", 2.5, NO_DISTANCE),
        ("down", "onionify", 1.5, RELAYS),
        ("par", "onionify", 1.0, RELAYS),
        ("up", "onionify", 1.5, RELAYS),
        ("cpu_down", "onionify", 3.0, CPU),
        ("cpu_up", "onionify", 3.0, CPU),
        ("pss", "onionify", 3.0, MEMORY),
    ),
    "wan": (
        ("ttfb", "exact", 1.54, EXACT),
        ("ttfb", "optimistic", 2.5, OPTIMISTIC),
        ("down", "onionify", 1.5, DOWN_WAN),
        ("par", "onionify", 1.0, DOWN_WAN),
        ("up", "onionify", 1.5, UP_WAN),
        ("cpu_down", "onionify", 3.0, CPU),
        ("cpu_up", "onionify", 3.0, CPU),
        ("pss", "onionify", 3.0, MEMORY),
    ),
    "dir": (
        ("pss", "onionify", 3.0, MEMORY_DIR),
    ),
}


def tell(which, table, theirs):
    """Prints each goal of network @which beside what was measured, from a table of show()."""
    print(f"\n{'goal, as a ratio':54}{'side':>13}{'goal':>8}{'is':>8}")
    out = []
    for key, side, goal, reason in GOALS[which]:
        row = table[key]
        mine, other = row["median"].get(side), row["median"].get(theirs)
        if not mine or not other:
            continue
        ratio = round(mine / other if row["more_is_better"] else other / mine, 2)
        print(f"{row['title']:54}{side:>13}{goal:>8.2f}{ratio:>8.2f}"
              f"{'' if ratio >= goal else '  missed'}")
        out.append({"key": key, "side": side, "goal": goal, "ratio": ratio, "reason": reason})
    missed = [g for g in out if g["ratio"] < g["goal"]]
    for reason in dict.fromkeys(g["reason"] for g in missed):
        titles = dict.fromkeys(table[g["key"]]["title"] for g in missed if g["reason"] == reason)
        print(f"- {'; '.join(titles)}: {reason}")
    return out
