"""Starting the daemon in the background, and stopping it."""

import contextlib
import os
import subprocess
import sys
import time

from cozysync.cli.client import Client, NotRunning
from cozysync.cli.passphrase import passphrase_for
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError, ExitCode

START_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
_PAUSE_S = 0.05


class NotStarted(CozyError):
    """The daemon ended before it was ready; its own words say why."""

    def __init__(self, message: str, remedy: str, exit_code: int) -> None:
        super().__init__(message, remedy)
        known = exit_code in [int(code) for code in ExitCode] and exit_code != ExitCode.DONE
        self.exit_code = ExitCode(exit_code) if known else ExitCode.FAILED


def start_daemon(home: Home, passphrase_fd: int | None = None) -> bool:
    """Start the daemon unless it runs; returns whether it had to be started, once it answers.

    A passphrase is asked for here, and goes to the daemon through a pipe.
    """
    home.require_vault()
    client = Client(home)
    if client.is_up():
        return False
    home.prepare()
    passphrase = passphrase_for(home, passphrase_fd)
    options = [] if passphrase is None else ["--passphrase-fd", "0"]
    with home.output_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cozysync", "start", "--foreground", *options],
            stdin=subprocess.DEVNULL if passphrase is None else subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd="/",
            env=os.environ | _absolute_home(home),
            start_new_session=True,
        )
    if process.stdin is not None and passphrase is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin:  # it says itself why it ended
            process.stdin.write(passphrase.encode() + b"\n")
    give_up = time.monotonic() + START_WITHIN_S
    while not client.is_up():
        code = process.poll()
        if code is not None:
            raise _failure(home, code)
        if time.monotonic() > give_up:
            raise NotStarted(
                f"The daemon does not answer after {START_WITHIN_S:.0f} seconds.",
                f"Its log is {home.log_file}.",
                ExitCode.FAILED,
            )
        time.sleep(_PAUSE_S)
    return True


def stop_daemon(home: Home) -> bool:
    """Ask the daemon to stop, and return once it has; whether there was one."""
    try:
        Client(home).post("/v1/stop", {})
    except NotRunning:
        if not home.in_use():
            return False
    give_up = time.monotonic() + STOP_WITHIN_S
    while home.in_use():
        if time.monotonic() > give_up:
            raise CozyError(
                f"The daemon (process {home.holder()}) does not end.",
                f"Its log is {home.log_file}; end it with kill {home.holder()}.",
            )
        time.sleep(_PAUSE_S)
    return True


def _absolute_home(home: Home) -> dict[str, str]:
    given = os.environ.get("COZYSYNC_HOME")
    return {"COZYSYNC_HOME": str(home.root)} if given else {}


def _failure(home: Home, code: int) -> NotStarted:
    told = home.output_file.read_text(errors="replace").strip().splitlines()
    message = told[0].removeprefix("cozysync: ") if told else f"The daemon ended (status {code})."
    remedy = "\n".join(told[1:]) or f"Its log is {home.log_file}."
    return NotStarted(message, remedy, code)
