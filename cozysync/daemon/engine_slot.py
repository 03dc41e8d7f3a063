"""The engine of the daemon at this moment: it may have failed and be about to start again."""

import os
from typing import Any

import trio

from cozysync.daemon.config import Config
from cozysync.daemon.engine_api import BuildEngine, EngineLike
from cozysync.daemon.supervise import Supervisor
from cozysync.sync.home import Home
from cozysync.sync.status import Blocked, ServerStatus, State, Status
from cozysync.vault.errors import CozyError


class EngineDown(CozyError):
    """The engine is not running just now."""


class EngineSlot:
    """Builds and runs the engine, as often as the supervisor asks, and hands it out.

    A failed engine is thrown away and a new one built: nothing but the disk survives a failure,
    so a restart is the same as a start.
    """

    def __init__(
        self, home: Home, config: Config, build: BuildEngine, supervisor: Supervisor
    ) -> None:
        self._home = home
        self._config = config
        self._build = build
        self._supervisor = supervisor
        self._engine: EngineLike | None = None
        self._changed = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """One engine's life; a part for the supervisor."""
        engine = self._build(self._home, self._config)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(_run_engine, engine)
                self._put(engine)
                task_status.started()
        finally:
            self._put(None)

    async def up(self) -> EngineLike:
        """The engine, as soon as there is one."""
        while self._engine is None:
            await self._changed.wait()
        return self._engine

    @property
    def is_up(self) -> bool:
        """Whether there is an engine at this moment."""
        return self._engine is not None

    def has(self, engine: EngineLike) -> bool:
        """Whether this engine is the one at this moment."""
        return self._engine is engine

    async def gone(self, engine: EngineLike) -> None:
        """Return when this engine is not the one any more."""
        while self._engine is engine:
            await self._changed.wait()

    def _put(self, engine: EngineLike | None) -> None:
        self._engine = engine
        self._changed.set()
        self._changed = trio.Event()

    def require(self) -> EngineLike:
        """The engine; raises `EngineDown` with the reason while there is none."""
        if self._engine is not None:
            return self._engine
        for trouble in self._supervisor.troubles:
            raise EngineDown(trouble.reason, trouble.remedy)
        raise EngineDown("The daemon is just starting.", "Try again in a moment.")

    def status(self) -> dict[str, Any]:
        """The engine's status with the daemon's own troubles, and the daemon's process id."""
        status = self._engine.status() if self._engine is not None else self._blank()
        plain = status.to_json()
        for trouble in self._supervisor.troubles:
            plain["state"] = str(State.ATTENTION)
            plain["attention"].append(
                {"path": "", "reason": trouble.reason, "remedy": trouble.remedy}
            )
        plain["daemon"] = {"pid": os.getpid(), "home": str(self._home.root)}
        return plain

    def _blank(self) -> Status:
        url = self._config.engine.server or ""
        waiting = Blocked("", "The engine is just starting.", "Look again in a moment.")
        return Status(
            state=State.ATTENTION,
            device=self._config.engine.device,
            server=ServerStatus(url, reachable=False, position=0, last_contact=None),
            folders=(),
            conflicts=0,
            devices=(),
            attention=(waiting,),
            outbox=0,
            memory=0,
            version="",
        )


async def _run_engine(engine: EngineLike, *, task_status: trio.TaskStatus[None]) -> None:
    await engine.run(task_status=task_status)
