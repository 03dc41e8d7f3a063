"""Play many seeds and say how it went: `python -m tests.simulation [--start N] [--seeds N]`.

`--tell` prints everything that happens in a seed. Ends with 1 when something was wrong.
"""

import argparse
import sys
import time
from collections import Counter

from tests.simulation import repeatable


def main():
    """The command."""
    arguments = _arguments()
    repeatable.same_order_of_sets()
    from tests.simulation.play import play

    counts, hours, events, bad = Counter(), 0.0, 0, []
    begun = time.monotonic()
    played_seeds = []
    for seed in arguments.only or range(arguments.start, arguments.start + arguments.seeds):
        if arguments.seconds and time.monotonic() - begun > arguments.seconds:
            break
        played_seeds.append(seed)
        played = play(seed, sys.stdout if arguments.tell else None, arguments.faults)
        counts += played.counts
        hours += played.hours
        events += played.events
        if arguments.digests:
            print(f"{seed} {played.digest}")
        if played.wrong:
            bad.append(seed)
            print(f"seed {seed} ({repeatable.versions()}; {played.faults}):", flush=True)
            for each in played.wrong[:10]:
                print(f"    {each}", flush=True)
    _figures(played_seeds, counts, hours, events, bad, time.monotonic() - begun)
    return 1 if bad else 0


def _figures(seeds, counts, hours, events, bad, seconds):
    sound = len(seeds) - len(bad)
    print(f"{len(seeds)} seeds from {seeds[0]} to {seeds[-1]}: {sound} sound, {len(bad)} not")
    if bad:
        print("not sound:", *bad)
    for kind, count in sorted(counts.items()):
        print(f"{count:10,} × {kind}")
    print(f"{events:,} steps, {hours:,.0f} simulated hours in {seconds:,.0f} s")


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--only", type=int, nargs="+", help="just these")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--seconds", type=float, default=0, help="begin no seed after so many")
    parser.add_argument(
        "--faults", default="", help="in place of the seeds' own: 'power=3 line=0.1'"
    )
    parser.add_argument("--tell", action="store_true", help="print everything that happens")
    parser.add_argument("--digests", action="store_true", help="print the hash of every run")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
