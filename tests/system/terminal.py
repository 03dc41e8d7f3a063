"""A command at a terminal, and a person who reads and types there."""

import os
import pty
import re
import select
import signal
import subprocess
import time

from tests.system.world import COMMAND

PATIENCE_S = 60


class Terminal:
    """One command that runs at a terminal of its own."""

    def __init__(self, home, *arguments):
        self._own, other = pty.openpty()
        self.shown = ""
        self._read_to = 0
        self._process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            env=os.environ | {"COZYSYNC_HOME": str(home), "COLUMNS": "100"},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(other)

    def expect(self, pattern):
        """Read on until this is shown; returns the match."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            found = re.search(pattern, self.shown[self._read_to :])
            if found:
                self._read_to += found.end()
                return found
            assert time.monotonic() < give_up, self.shown
            assert self._more(), self.shown

    def type(self, line):
        os.write(self._own, f"{line}\n".encode())

    def interrupt(self):
        os.write(self._own, b"\x03")

    def ended(self):
        """The exit code, once it has ended."""
        while self._more():
            pass
        os.close(self._own)
        return self._process.wait(PATIENCE_S)

    def _more(self):
        ready, _, _ = select.select([self._own], [], [], PATIENCE_S)
        if not ready:
            return False
        try:
            data = os.read(self._own, 65_536)
        except OSError:  # how a terminal says that nobody is at the other end any more
            return False
        self.shown += data.decode().replace("\r\n", "\n")
        return bool(data)


def _take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # As at any terminal, though the tests may have been started where Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def phrase_in(shown):
    """The 24 words as they were shown."""
    table = shown.partition("files back.")[2]
    return " ".join(word for _, word in re.findall(r"\b(\d\d?) ([a-z]{3,8})\b", table)[:24])
