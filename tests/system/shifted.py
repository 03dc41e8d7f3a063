"""Runs the command with a clock that is wrong: `shifted.py SECONDS ARGUMENTS…`."""

import runpy
import sys
import time

shift_s = int(sys.argv.pop(1))
_now_ns = time.time_ns


def time_ns():
    return _now_ns() + shift_s * 10**9


time.time_ns = time_ns
time.time = lambda: time_ns() / 1e9
runpy.run_module("cozysync", run_name="__main__")
