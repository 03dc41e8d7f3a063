"""Another user of this machine at work; only root can lend a process to one."""

import json
import os
import traceback

import pytest

NOBODY = 65534

only_as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")


def as_nobody(deed):
    """What `deed` returns, or the name of the error that it raises, when nobody does it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                told = deed()
            except OSError as error:
                told = type(error).__name__
            os.write(write, json.dumps(told).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0
    return json.loads(told)
