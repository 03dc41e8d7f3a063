"""The conflict inbox of a vault, as this device shows it and decides in it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cozysync.content import Recipe, decode_recipe
from cozysync.sync.conflict_names import conflict_label, seconds
from cozysync.sync.download import Downloader, Unavailable
from cozysync.sync.ledger import Ledger
from cozysync.sync.paths import Paths
from cozysync.vault.errors import CozyError, ExitCode
from cozysync_conflict import (
    POLICY,
    Action,
    Case,
    Content,
    NodeId,
    Outcome,
    Policy,
    SetAttribute,
    Store,
    Write,
    keep,
    keep_both,
    read_cases,
    take_back,
)
from cozysync_protocol import DeviceId, Malformed

SHOWN_BYTES = 4 * 1024 * 1024
"""What is larger is not handed out for a comparison on a terminal."""

BOTH, UNDO, CURRENT = "both", "undo", "current"
"""Decisions besides the number of a version."""


class NoSuchConflict(CozyError):
    """An id that is nobody's, or several's."""

    exit_code = ExitCode.USAGE


class LookAgain(CozyError):
    """What the decision is about is not what the person saw."""

    exit_code = ExitCode.ATTENTION


@dataclass(frozen=True, slots=True)
class ConflictView:
    """One conflict as told to people and scripts; see docs/CLI.md for the JSON."""

    id: str
    path: str
    outcome: str
    state: str
    edited: bool
    seen: str
    versions: tuple[dict[str, Any], ...]
    name: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "versions": list(self.versions)
        }


class Inbox:
    """Lists conflicts and carries out decisions."""

    def __init__(self, ledger: Ledger, downloader: Downloader) -> None:
        self._ledger = ledger
        self._downloader = downloader
        self._count: int | None = None
        ledger.listeners.append(self._changed)

    async def conflicts(self) -> Sequence[ConflictView]:
        """All conflicts, those that wait for somebody first."""
        return await self._ledger.do(self._views)

    def count(self) -> int:
        """How many wait for somebody."""
        if self._count is None:
            self._count = sum(case.is_open for case in self._cases())
        return self._count

    def _changed(self, _: set[NodeId]) -> None:
        self._count = None

    async def content(self, id: str, number: int) -> bytes:
        """What version `number` (from 1; 0: what the file holds now) holds."""
        content = await self._ledger.do(partial(self._content_of, id, number))
        recipe = _recipe(content)
        if recipe is not None and recipe.size > SHOWN_BYTES:
            raise CozyError(
                "That version is too large to be shown.", "Compare the files with their programs."
            )
        try:
            return await self._downloader.whole(content)
        except Unavailable as error:
            raise CozyError(
                "That version cannot be had: the server lost it or gives out something else.",
                "Devices that still hold it send it again; cozysync verify tells more.",
            ) from error

    async def decide(self, id: str, choice: str, *, seen: str, anyway: bool) -> ConflictView:
        """Carry out a decision, and return the conflict as it is then.

        `choice` is a version's number, "current", "both" or "undo"; `seen` is that of the view
        that the person decided by. Raises `NoSuchConflict`, or `LookAgain` when it is not like
        that any more.
        """
        return await self._ledger.do(partial(self._decide, id, choice, seen, anyway))

    async def set_policy(self, folder: NodeId, policy: Policy) -> None:
        """Say for everybody how conflicts of a vault's folder are kept from now on."""

        def work() -> None:
            with self._ledger.replica.database.transaction():
                self._ledger.author([SetAttribute(folder, POLICY, policy.encode())])

        await self._ledger.do(work)

    # --- reading -----------------------------------------------------------------------------

    def _cases(self) -> Sequence[Case]:
        return read_cases(self._ledger.replica.tree, self._ledger.keys.node_hash)

    def _views(self) -> Sequence[ConflictView]:
        names, paths = self._ledger.device_names(), Paths(self._ledger)
        views = [_view(case, names, paths) for case in self._cases()]
        return sorted(views, key=lambda view: (view.state != "open", view.path, view.id))

    def _case(self, id: str) -> Case:
        found = [case for case in self._cases() if id and case.record.id.startswith(id)]
        if len(found) != 1:
            how = "There is no conflict" if not found else "There are several conflicts"
            raise NoSuchConflict(
                f"{how} {id}.", "cozysync conflicts list --all shows them with their ids."
            )
        return found[0]

    def _content_of(self, id: str, number: int) -> Content:
        case = self._case(id)
        if number == 0 and case.current is not None:
            return case.current.content
        if not 1 <= number <= len(case.sides):
            raise NoSuchConflict(
                f"Conflict {id} has no version {number}.", f"See cozysync conflicts show {id}."
            )
        return case.sides[number - 1].content

    # --- deciding ----------------------------------------------------------------------------

    def _decide(self, id: str, choice: str, seen: str, anyway: bool) -> ConflictView:
        with self._ledger.replica.database.transaction():
            case = self._case(id)
            if _seen(case) != seen:
                raise LookAgain(
                    "The file or one of its versions has changed since you looked.",
                    f"Look again: cozysync conflicts show {case.record.id[:8]}",
                )
            actions = self._actions(case, choice, anyway)
            if any(isinstance(each, Write) and not each.content.detail for each in actions):
                raise NoSuchConflict(
                    "The history has let go of a version that this would bring back.",
                    f"See what is left: cozysync conflicts show {case.record.id[:8]}",
                )
            self._ledger.author(actions)
        names, paths = self._ledger.device_names(), Paths(self._ledger)
        return _view(self._case(case.record.id), names, paths)

    def _actions(self, case: Case, choice: str, anyway: bool) -> list[Action]:
        tree, hash = self._ledger.replica.tree, self._ledger.keys.node_hash
        if case.record.outcome is Outcome.RENAMED:
            raise NoSuchConflict(
                "Two files had one name; there is nothing to decide.", "Rename them as you like."
            )
        if choice == UNDO and case.decision is None:
            raise NoSuchConflict(
                "No decision was made about it.", f"See cozysync conflicts show {case.record.id}."
            )
        if choice == CURRENT and case.current is not None:
            return keep(tree, case, case.current.content)
        edited = _edited_since_decision(tree, case) if choice == UNDO else case.edited
        if edited and not anyway and choice != BOTH:
            raise LookAgain(
                "The file was edited since; that edit would be replaced (the history keeps it).",
                "Say --anyway to do so, --keep current to keep the edit, or --both.",
            )
        if choice == BOTH:
            names = self._ledger.device_names()
            return keep_both(tree, case, lambda d, t: conflict_label(names, d, t), hash)
        if choice == UNDO:
            return take_back(tree, case, hash)
        return keep(tree, case, self._content_of(case.record.id, int(choice)))


def _edited_since_decision(store: Store, case: Case) -> bool:
    assert case.decision is not None
    known = {side.version.content.digest for side in case.sides}
    before = [v for v in store.versions(case.record.node) if v.dot == case.decision.before]
    known |= {version.content.digest for version in before}
    return case.current is None or case.current.content.digest not in known


def _view(case: Case, names: dict[DeviceId, str], paths: Paths) -> ConflictView:
    state = "open" if case.is_open else "decided" if case.decision is not None else "closed"
    if state == "closed" and case.record.outcome in (Outcome.MERGED, Outcome.RENAMED):
        state = str(case.record.outcome)
    last = len(case.sides) - 1
    versions = []
    for n, side in enumerate(case.sides):
        recipe = _recipe(side.content)
        stamp, written = side.version.stamp, seconds(side.version.stamp.time)
        if recipe is not None:  # made offline, it was written before it could be sent
            written = min(written, recipe.mtime_ns / 1e9)
        at_name = n == last and case.record.outcome is not Outcome.MERGED
        versions.append(
            {
                "number": n + 1,
                "device": names.get(DeviceId(stamp.device), stamp.device.hex()[:8]),
                "time": written,
                "bytes": recipe.size if recipe is not None else None,
                "copy": paths.here(side.copy) if side.copy is not None else None,
                "current": at_name and not case.edited and case.decision is None,
            }
        )
    return ConflictView(
        id=case.record.id,
        path=paths.here(case.record.node),
        outcome=str(case.record.outcome),
        state=state,
        edited=case.edited,
        seen=_seen(case),
        versions=tuple(versions),
        name=case.record.name.decode(errors="replace"),
    )


def _recipe(content: Content) -> Recipe | None:
    """The recipe, None where history has let go of it or its author made none."""
    with suppress(Malformed):
        return decode_recipe(content.detail) if content.detail else None
    return None


def _seen(case: Case) -> str:
    """What a decision is about, in short: it changes with every edit of the file or a copy."""
    digests = [side.content.digest[:6].hex() for side in case.sides]
    current = case.current.content.digest[:6].hex() if case.current is not None else "-"
    return ".".join([current, *digests, str(case.decision is not None)])
