"""The server that `cozysync up` runs for a person who has none: a child of the daemon."""

import subprocess
import sys
from pathlib import Path

import trio

from cozysync.daemon.config_keys import Address
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError

# One that was just killed still holds its directory and port for a moment.
START_WITHIN_S = 15.0
STOP_WITHIN_S = 8.0
_PAUSE_S = 0.3
_TOLD_BYTES = 4096


class ServerDown(CozyError):
    """The embedded server does not start, or has ended."""

    def __init__(self, log: Path, why: str) -> None:
        super().__init__(
            f"The embedded server is down: {why or 'it ended without a word'}",
            f"Its output is in {log}; it is started again by itself.",
        )


class EmbeddedServer:
    """Runs the server as a child process, which ends with this one whatever happens to it.

    `options` are more of the command's.
    """

    def __init__(self, home: Home, listen: Address, *options: str, tls: bool) -> None:
        self._options = options
        self._home = home
        self._listen = listen
        self._tls = tls

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """One life of the server; a part for the supervisor. Raises `ServerDown` when it ends."""
        give_up = trio.current_time() + START_WITHIN_S
        process = await self._spawn()
        try:
            while not await _is_ready(process):
                await process.wait()
                if trio.current_time() > give_up:
                    raise ServerDown(self._home.server_log_file, self._last_words())
                await trio.sleep(_PAUSE_S)
                process = await self._spawn()
            task_status.started()
            await process.wait()
            raise ServerDown(self._home.server_log_file, self._last_words())
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)

    async def _spawn(self) -> trio.Process:
        command = [sys.executable, "-m", "cozysync", "server", "run", "--until-input-ends"]
        command += ["--data", str(self._home.server_data), "--listen", str(self._listen)]
        command += self._options
        command.append("--tls" if self._tls else "--plain")
        with self._home.server_log_file.open("ab") as log:
            return await trio.lowlevel.open_process(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def _last_words(self) -> str:
        try:
            told = self._home.server_log_file.read_bytes()[-_TOLD_BYTES:].decode(errors="replace")
        except OSError:
            return ""
        lines = [line for line in told.splitlines() if line.strip()]
        return " ".join(lines[-2:])


async def _is_ready(process: trio.Process) -> bool:
    """Whether the server says that it is up; False when it ends instead."""
    assert process.stdout is not None
    return bool(await process.stdout.receive_some())


async def _end(process: trio.Process) -> None:
    if process.stdin is not None:
        await process.stdin.aclose()  # for the server, the end of its parent
    with trio.move_on_after(STOP_WITHIN_S):
        await process.wait()
        return
    process.kill()
    await process.wait()
