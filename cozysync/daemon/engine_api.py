"""What the daemon asks of the engine: the whole of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import trio

from cozysync.daemon.config import Config
from cozysync.sync.alarms import Alarms
from cozysync.sync.approvals import Approvals
from cozysync.sync.explainer import Explainer
from cozysync.sync.home import Home
from cozysync.sync.inbox import Inbox
from cozysync.sync.members import Members
from cozysync.sync.past import Past
from cozysync.sync.status import Status
from cozysync.sync.upkeep import Upkeep
from cozysync.sync.verify import Verifier
from cozysync_conflict import Policy


class SettledLike(Protocol):
    """How a full round of syncing ended."""

    @property
    def in_sync(self) -> bool:
        """Whether everything is on the server and in place here."""

    @property
    def reasons(self) -> Sequence[str]:
        """What is not in sync, a sentence each; empty when `in_sync`."""


class PairingLike(Protocol):
    """A device being added."""

    @property
    def code(self) -> str:
        """What the person types on the other device."""

    async def finished(self) -> str:
        """Return the other device's name once it is in; raises a `CozyError` when it failed."""


class EngineLike(Protocol):
    """An engine. Everything but `run` may be called once `run` has reported that it started."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sync until cancelled."""

    def status(self) -> Status:
        """Everything about this device, now."""

    async def settle(self) -> SettledLike:
        """Look at everything once and move everything that moves."""

    async def add_folder(self, path: Path, name: str) -> None:
        """Bind a directory."""

    async def remove_folder(self, path: Path) -> None:
        """Unbind a directory; its files stay."""

    async def pause_folder(self, path: Path) -> None:
        """Leave a folder alone until resumed."""

    async def resume_folder(self, path: Path) -> None:
        """Take up a paused folder."""

    @property
    def inbox(self) -> Inbox:
        """The conflicts, and decisions about them."""

    @property
    def explainer(self) -> Explainer:
        """Why a path is, or is not, in sync."""

    @property
    def approvals(self) -> Approvals:
        """The deletions that wait for a person."""

    @property
    def upkeep(self) -> Upkeep:
        """What keeps the vault small."""

    @property
    def past(self) -> Past:
        """The history, and bringing back what was."""

    @property
    def verifier(self) -> Verifier:
        """Looking through what the server holds."""

    @property
    def alarms(self) -> Alarms:
        """The alarm that stands, and ending it."""

    @property
    def members(self) -> Members:
        """The devices, and what may be done with them."""

    async def give(self, invitation: str) -> None:
        """Give everything to a server that has lost it all."""

    async def set_policy(self, path: Path, policy: Policy) -> None:
        """Say how a folder's conflicts are kept."""

    async def pair(self) -> PairingLike:
        """Begin to add a device."""


BuildEngine = Callable[[Home, Config], EngineLike]
