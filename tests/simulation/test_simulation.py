"""Seeds of the simulation that every test run plays, and those that once showed a fault."""

import subprocess
import sys

# Each showed a fault in its day that no smaller test shows as well (docs/SIMULATION.md).
ONCE_BAD = (4, 11, 10042)


def test_seeds():
    """As many as fit beside the other tests, about a dozen; `make simulate` plays more."""
    play("--start", "3000", "--seeds", "30", "--seconds", "15")


def test_seeds_that_once_showed_a_fault():
    play("--only", *map(str, ONCE_BAD))


def play(*arguments):
    # A process of its own: the order of sets must be the same in every run.
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert told.returncode == 0, told.stdout + told.stderr
