"""Seeds of the simulation that every test run plays, and those that once showed a fault."""

import subprocess
import sys

# Each showed a fault in its day; docs/SIMULATION.md tells which. What a seed plays changes with
# the product, so the faults themselves are pinned by tests of their own.
ONCE_BAD = (1, 4, 7, 11, 15, 21, 26, 43, 10004, 10042)


def test_seeds():
    """As many as fit beside the other tests, about a dozen; `make simulate` plays more."""
    play("--start", "1000", "--seeds", "30", "--seconds", "15")


def test_seeds_that_once_showed_a_fault():
    for seed in ONCE_BAD:
        play("--start", str(seed), "--seeds", "1")


def play(*arguments):
    # A process of its own: the order of sets must be the same in every run.
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert told.returncode == 0, told.stdout + told.stderr
