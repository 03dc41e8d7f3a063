"""The engine of one device: what ties ledger, server and folders together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import trio

import cozysync
from cozysync.replica import FolderRow, FolderState
from cozysync.sync.alarms import Alarms, leaves_of
from cozysync.sync.anew import open_or_renew, what_was_set_aside
from cozysync.sync.approvals import Approvals
from cozysync.sync.bindings import bind, set_state, unbind
from cozysync.sync.bindings_file import keep_bindings
from cozysync.sync.config import EngineConfig
from cozysync.sync.download import Downloader
from cozysync.sync.explainer import Explainer
from cozysync.sync.folder import FolderSync
from cozysync.sync.heartbeat import Heartbeat
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.inbox import Inbox
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.members import Members
from cozysync.sync.memory import memory_in_use
from cozysync.sync.mend import Mender
from cozysync.sync.merger import Merger
from cozysync.sync.offer import Known, Offering, begin_offer
from cozysync.sync.past import Past
from cozysync.sync.paths import Paths
from cozysync.sync.pull import Puller
from cozysync.sync.push import push
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.repair import Repairs
from cozysync.sync.roots import root_of
from cozysync.sync.seams import Seams
from cozysync.sync.setbacks import Setbacks
from cozysync.sync.status import (
    FolderStatus,
    ServerStatus,
    Status,
    not_begun,
    overall,
)
from cozysync.sync.trust import ServerTrust
from cozysync.sync.upkeep import Upkeep
from cozysync.sync.upload import Uploader
from cozysync.sync.verify import Verifier
from cozysync.vault import Ask, CozyError, VaultKeys, load_secrets, save_secrets
from cozysync_conflict import Policy
from cozysync_protocol import ForkDetected, ProtocolError, RolledBack

# Set once this replica has read the whole log: before, an entry of its own could be one that it
# wrote already, under the same number, and has forgotten with its database.
_CAUGHT_UP = "caught_up"
# How long a folder waits at its start for the server's news, before it goes on without.
_NEWS_S = 5.0

# Rounds of a barrier: each sees what the one before brought in; two are usual.
SETTLE_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Settled:
    """How a full round of syncing ended; `reasons` say what is not in sync."""

    in_sync: bool
    reasons: tuple[str, ...] = ()


class Engine:
    """One device at work. Everything but `run` may be called once `run` has started."""

    def __init__(
        self,
        home: Home,
        *,
        config: EngineConfig,
        seams: Seams,
        remote: Remote | None = None,
        ask: Ask | None = None,
    ) -> None:
        self.home = home
        self._config = config
        self.seams = seams
        secrets = load_secrets(home.secrets_file, seams.entropy, ask)
        if secrets.vault is None:
            home.require_vault()
            raise CozyError("The secrets hold no vault.", "Join one: cozysync join CODE.")
        self.replica = open_or_renew(home)

        def remember(keys: VaultKeys) -> None:
            save_secrets(home.secrets_file, replace(secrets, vault=keys))

        self.ledger = Ledger(self.replica, secrets.device, secrets.vault, seams, remember)
        self.link = Link(seams)
        self._lock = secrets.lock.kind.name.lower()
        self.alarms = Alarms(self.ledger, seams)
        self._root_wrapping = secrets.root_wrapping
        self.remote = remote or HttpRemote(
            config.server or "",
            secrets.vault.vault,
            secrets.device.id,
            secrets.device.sign,
            self.link.heard_time,
            ServerTrust(config.server_key),
        )
        self._puller = Puller(self.ledger, self.link, self.remote, seams)
        self.members = Members(self.ledger, self._puller, secrets.root_wrapping)
        downloader = Downloader(self.ledger, self.link, self.remote, seams, config.downloads)
        self.inbox = Inbox(self.ledger, downloader)
        self.past = Past(self.ledger, self.link, seams, config.retention)
        self._uploader = Uploader(self.ledger, self.link, self.remote, seams, config.uploads)
        self._merger = Merger(self.ledger, downloader, self._uploader)
        self.verifier = Verifier(self.ledger, downloader, self.link, self.remote, seams)
        self.upkeep = Upkeep(self.ledger, self.link, self.remote, downloader, seams, self.past)
        self.repairs = Repairs(self.ledger, downloader, self._uploader, seams)
        self._setbacks = Setbacks(self.ledger, self.link, self.remote, self._puller)
        self._folders: dict[Path, tuple[FolderSync, trio.CancelScope]] = {}
        self.approvals = Approvals(lambda: [folder for folder, _ in self._folders.values()])
        self._rows = {row.path: row for row in self.replica.folders.list()}
        self.explainer = Explainer(
            self.ledger,
            self._rows,
            lambda path: self._folders[path][0] if path in self._folders else None,
        )
        self._beginning: set[Path] = set()
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sync until cancelled."""
        try:
            with self.replica.database.doubted_when_it_fails():
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._talk)
                    nursery.start_soon(self.past.keep_tidy)
                    nursery.start_soon(Heartbeat(self.seams, self._woken).run)
                    # Before anybody can ask: a device whose folders have not begun is not in sync.
                    self._begin_folders()
                    task_status.started()
                    await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await self.remote.close()
            self._uploader.close()
            self.replica.close()

    async def settle(self) -> Settled:
        """One barrier: all that is here is on the server, and all that is there is in place."""
        settled: Settled | None = None
        async with trio.open_nursery() as nursery:

            async def end_on_alarm() -> None:
                await self.alarms.until(standing=True)
                nursery.cancel_scope.cancel()

            async def end_when_full() -> None:
                await self.link.until_full()
                nursery.cancel_scope.cancel()

            nursery.start_soon(end_on_alarm)
            nursery.start_soon(end_when_full)
            try:
                settled = await self._settle()
            except (RolledBack, ForkDetected, Refused) as error:
                if not await self.alarms.met(error):
                    raise
            nursery.cancel_scope.cancel()
        alarm = self.alarms.standing
        if alarm is not None:
            return Settled(False, (alarm.reason,))
        if settled is None and self.link.full is not None:
            return Settled(False, (self.link.full.message,))
        return settled or Settled(False, ("what stood in the way has just ended",))

    async def _settle(self) -> Settled:
        for _ in range(SETTLE_ROUNDS):
            while self._beginning:  # noqa: ASYNC110
                await trio.sleep(0.01)
            folders = [folder for folder, _ in self._folders.values()]
            for folder in folders:
                await folder.look()
            await self._merged_and_sent()
            before = self._puller.position
            news = await self._puller.reach_end() > before
            reasons = [reason for folder in folders for reason in folder.reasons()]
            if reasons:
                return Settled(False, tuple(reasons))
            left = await self.ledger.do(self.replica.outbox.count)
            if left or not await self._puller.has_taken():
                continue  # the server had lost something that was sent
            if not news and self._merger.is_idle and all(folder.is_idle for folder in folders):
                return Settled(True)
        return Settled(False, ("changes keep coming in",))

    async def _merged_and_sent(self) -> None:
        """Return when all is merged and sent; looked at again, for the outbox has many writers."""
        while True:
            left: int = await self.ledger.do(self.replica.outbox.count)
            if not left and self._merger.is_idle:
                return
            await trio.sleep(0.005)

    def status(self) -> Status:
        """Everything about this device, now."""
        folders = tuple(self._folder_status(row) for row in self._rows.values())
        waiting = self.replica.outbox.count()
        devices = self.members.all()
        alarm = self.alarms.standing
        return Status(
            state=overall(
                folders,
                reachable=self.link.reachable,
                alarm=alarm is not None or self.link.needs_a_person,
                busy=waiting > 0,
            ),
            device=next((each.name for each in devices if each.this), self._config.device),
            server=ServerStatus(
                self.remote.url,
                self.link.reachable,
                self._puller.position,
                self.link.last_contact,
                self.link.trouble,
            ),
            folders=folders,
            conflicts=self.inbox.count(),
            devices=devices,
            keys=self._lock,
            attention=(
                *self.alarms.troubles(),
                *what_was_set_aside(self.replica),
                *self.link.troubles(self.remote.url),
            ),
            outbox=waiting,
            memory=memory_in_use(),
            version=cozysync.__version__,
            alarm=alarm,
        )

    def _folder_status(self, row: FolderRow) -> FolderStatus:
        if row.path in self._folders:
            return self._folders[row.path][0].status()
        return not_begun(str(row.path), row.name, paused=row.state is FolderState.PAUSED)

    # --- for people ------------------------------------------------------------------------

    async def pair(self) -> Offering:
        """Begin to add a device."""
        return await begin_offer(
            self.ledger,
            self.remote,
            self._puller,
            Known(self._root_wrapping, self._config.server_key),
            self.seams.entropy,
        )

    async def give(self, invitation: str) -> None:
        """Give everything to a server that has lost it all, with a code from its owner."""
        await self._puller.give(invitation)

    async def set_policy(self, path: Path, policy: Policy) -> None:
        """Say for everybody how conflicts are kept in the vault's folder that is bound here.

        Raises `NotInFolder`.
        """
        folder, _ = await self.ledger.do(lambda: Paths(self.ledger).place(path))
        await self.inbox.set_policy(folder, policy)

    # --- folders ---------------------------------------------------------------------------

    async def add_folder(self, path: Path, name: str) -> None:
        """Bind a directory to the vault's folder of that name, made when there is none."""
        row = await self._bound(partial(bind, self.replica.folders, self.home, path, name))
        self._start(row)

    async def remove_folder(self, path: Path) -> None:
        """Unbind a directory; its files stay."""
        row = await self._bound(partial(unbind, self.replica.folders, path))
        self._rows.pop(row.path, None)
        self._end(row.path)

    async def pause_folder(self, path: Path) -> None:
        """Leave a folder alone until resumed."""
        paused = partial(set_state, self.replica.folders, path, FolderState.PAUSED)
        row = await self._bound(paused)
        self._rows[row.path] = row
        self._end(row.path)

    async def resume_folder(self, path: Path) -> None:
        """Take up a paused folder."""
        active = partial(set_state, self.replica.folders, path, FolderState.ACTIVE)
        self._start(await self._bound(active))

    async def _bound(self, change: Callable[[], FolderRow]) -> FolderRow:
        row = await self.ledger.do(change)
        await self.ledger.do(partial(keep_bindings, self.home, self.replica))
        return row

    def _woken(self) -> None:
        self.link.nudge()
        for folder, _ in self._folders.values():
            folder.woken()

    def _begin_folders(self) -> None:
        for row in self._rows.values():
            if row.state is FolderState.ACTIVE:
                self._start(row)

    def _start(self, row: FolderRow) -> None:
        self._rows[row.path] = row
        if row.path in self._folders or row.path in self._beginning:
            return
        assert self._nursery is not None
        self._beginning.add(row.path)
        self._nursery.start_soon(self._begin, row)

    async def _begin(self, row: FolderRow) -> None:
        """Sync a folder; what the server must not do ends that, until the alarm is over."""
        while self._rows.get(row.path) == row:
            try:
                await self._sync(row)
                return
            except* (ProtocolError, CozyError) as group:
                for error in leaves_of(group):
                    if not await self.alarms.met(error):
                        raise
            self._folders.pop(row.path, None)
            await self.alarms.until(standing=False)
            self._beginning.add(row.path)

    async def _sync(self, row: FolderRow) -> None:
        try:
            await self._hear_news()
            node = await self.ledger.do(partial(root_of, self.ledger, row))
            folder = FolderSync(
                row, node, self.ledger, self.link, self.remote, self.seams, self._config
            )
        finally:
            self._beginning.discard(row.path)
        if self._rows.get(row.path) != row:
            return  # removed or paused meanwhile
        scope = trio.CancelScope()
        self._folders[row.path] = (folder, scope)
        await self.ledger.do(partial(keep_bindings, self.home, self.replica))
        with scope:
            await folder.run()

    async def _hear_news(self) -> None:
        """Read what the server knows: a name that is there must be met, not made again.

        A device that has read the whole log once goes on without a server after a while.
        """
        known = await self.ledger.do(partial(self.replica.settings.get, _CAUGHT_UP))
        with trio.move_on_after(_NEWS_S if known else float("inf")):
            try:
                await self._puller.reach_end()
            except (RolledBack, ForkDetected) as error:
                await self.alarms.met(error)
                return
            await self.ledger.do(partial(self.replica.settings.set, _CAUGHT_UP, b"1"))

    def _end(self, path: Path) -> None:
        _, scope = self._folders.pop(path, (None, None))
        if scope is not None:
            scope.cancel()

    # --- alarms ----------------------------------------------------------------------------

    async def _talk(self) -> None:
        """Pull, push, merge and repair, as long as no alarm stands."""
        mender = Mender(self.ledger, self.link, self.remote, self._puller, self._setbacks)
        tasks = (
            self._puller.run,
            partial(push, self.ledger, self.link, self.remote, mender.mend),
            self._merger.run,
            self.repairs.run,
            self._setbacks.run,
            self.members.run,
            self.upkeep.run,
        )
        while True:
            await self.alarms.until(standing=False)
            async with trio.open_nursery() as nursery:
                for task in tasks:
                    nursery.start_soon(self._watched, task, nursery.cancel_scope)

    async def _watched(
        self, task: Callable[[], Awaitable[None]], talking: trio.CancelScope
    ) -> None:
        """Run a task; what the server must not do ends all of them."""
        try:
            await task()
        except (ProtocolError, CozyError) as error:
            if not await self.alarms.met(error):
                raise
            talking.cancel()
