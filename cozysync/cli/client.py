"""Talking to the daemon over its control socket."""

from collections.abc import Mapping
from typing import Any

import httpx

from cozysync.daemon.control_gate import HOST
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError, ExitCode

ANSWER_S = 60.0


class NotRunning(CozyError):
    """Nobody answers at the control socket."""

    exit_code = ExitCode.NOT_RUNNING

    def __init__(self, home: Home) -> None:
        super().__init__(f"The daemon is not running for {home.root}.", "Start it: cozysync start.")


class DaemonError(CozyError):
    """What the daemon answered instead of doing it."""

    def __init__(self, message: str, remedy: str, exit_code: int) -> None:
        super().__init__(message, remedy)
        self.exit_code = ExitCode(exit_code)


class Client:
    """One daemon's control socket."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def is_up(self) -> bool:
        """Whether the daemon answers."""
        if not self._home.socket.exists():
            return False
        try:
            self.get("/v1/status")
        except NotRunning:
            return False
        return True

    def get(self, path: str, /, **params: str | int) -> Any:
        """The answer to a question; raises `NotRunning` or `DaemonError`."""
        return self._ask("GET", path, params=params)

    def bytes(self, path: str) -> bytes:
        """The answer to a question, as it comes; raises as `get` does."""
        return self._answer("GET", path).content

    def post(self, path: str, fields: Mapping[str, Any], wait_s: float | None = ANSWER_S) -> Any:
        """The answer to a request, waited for at most so long; raises as `get` does."""
        return self._ask("POST", path, json=dict(fields), timeout=wait_s)

    def delete(self, path: str) -> Any:
        """Give something up; raises as `get` does."""
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **rest: Any) -> Any:
        return self._answer(method, path, **rest).json()

    def _answer(self, method: str, path: str, **rest: Any) -> httpx.Response:
        rest.setdefault("timeout", ANSWER_S)
        transport = httpx.HTTPTransport(uds=str(self._home.socket))
        with httpx.Client(
            transport=transport, base_url=f"http://{HOST}", trust_env=False
        ) as client:
            try:
                response = client.request(method, path, **rest)
            except httpx.TimeoutException:
                raise DaemonError(
                    "The daemon does not answer in time.",
                    "Try again; if it stays so, run cozysync restart.",
                    ExitCode.FAILED,
                ) from None
            except httpx.TransportError:
                raise NotRunning(self._home) from None
        if response.status_code >= 400:
            answer = response.json()
            raise DaemonError(answer["detail"], answer["remedy"], answer["exit_code"])
        return response
