"""Bringing back what was: a file, a folder, or something deleted.

Restoring is doing again: it is authored like any other change, replaces nothing for good, and can
itself be restored from. Nothing that was made since is taken away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cozysync.sync.ledger import Ledger
from cozysync.sync.moment import Moment
from cozysync.sync.paths import Paths
from cozysync.vault.errors import CozyError, ExitCode
from cozysync_conflict import (
    COUNTER_BITS,
    Action,
    Content,
    Create,
    Kind,
    Move,
    NodeId,
    Write,
    kind_of,
    winner,
)


class NothingThere(CozyError):
    """History knows nothing at that path and time."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that will be done: the word for it, the path, and what there is to say."""

    deed: str
    path: str
    note: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return {"deed": self.deed, "path": self.path, "note": self.note}


@dataclass(slots=True)
class Deeds:
    """What is to be done: the actions, and lines that tell a person of them."""

    actions: list[Action] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def plan_restore(ledger: Ledger, path: Path, time: int | None) -> Deeds:
    """What brings back `path` as it was at a hybrid time; work of `Ledger.do`.

    Without a time: a file's version before the present one, or what was deleted there last.
    Raises `NothingThere` or `NotInFolder`.
    """
    folder, names = Paths(ledger).place(path)
    time = time if time is not None else _last_time(ledger, path, folder, names)
    moment = Moment(ledger.replica, time)
    node = moment.find(folder, names)
    if node is None:
        raise NothingThere(
            f"Nothing stood at {path} then, as far as the history goes back.",
            f"cozysync log {path} shows what is known of it.",
        )
    return _Restoring(ledger, moment, folder).run(node)


def _last_time(ledger: Ledger, path: Path, folder: NodeId, names: tuple[bytes, ...]) -> int:
    tree, history = ledger.replica.tree, ledger.replica.history
    now = _find(ledger, folder, names)
    if now is not None and kind_of(now) is not Kind.DIRECTORY:
        current = winner(tree, now)
        older = [
            version
            for version in tree.versions(now)
            if current is not None
            and version.content.digest != current.content.digest
            and version.stamp < current.stamp
        ]
        if older:
            return older[-1].stamp.time
        raise NothingThere(
            f"{path} has no older version.", f"cozysync log {path} shows what is known of it."
        )
    if now is not None:
        raise NothingThere(
            f"{path} is a directory, and no time was given.",
            "Say --at, for instance --at yesterday or --at '2026-03-05 14:00'.",
        )
    for depth in range(len(names), 0, -1):
        parent = _find(ledger, folder, names[: depth - 1])
        if parent is None:
            continue
        deleted = [
            stamp
            for node in history.placed(parent, names[depth - 1])
            for stamp in history.deletions(node)
        ]
        if deleted:
            return max(deleted).time - 1
    raise NothingThere(
        f"Nothing was ever at {path}.", "cozysync log shows all that was done, with the paths."
    )


def _find(ledger: Ledger, folder: NodeId, names: Sequence[bytes]) -> NodeId | None:
    node: NodeId | None = folder
    for name in names:
        node = next(iter(ledger.replica.tree.named(node, name)), None) if node else None
    return node


class _Restoring:
    """One run: compares what was with what is, and gathers what makes it so again."""

    def __init__(self, ledger: Ledger, moment: Moment, folder: NodeId) -> None:
        self._tree = ledger.replica.tree
        self._ledger = ledger
        self._moment = moment
        self._folder = folder
        self._paths = Paths(ledger)
        self._deeds = Deeds()
        self._top: NodeId | None = None

    def run(self, node: NodeId) -> Deeds:
        self._top = node
        self._directories_above(node)
        queue = [node]
        while queue:
            each = queue.pop(0)
            if kind_of(each) is Kind.DIRECTORY:
                self._directory(each)
                queue += self._moment.below(each)
            else:
                self._file(each)
        return self._deeds

    def _directories_above(self, node: NodeId) -> None:
        above: list[NodeId] = []
        place = self._moment.place(node)
        while place is not None and place[0] != self._folder:
            above.append(place[0])
            place = self._moment.place(place[0])
        for each in reversed(above):
            if not self._is_shown(each):
                self._directory(each)

    def _directory(self, node: NodeId) -> None:
        place = self._moment.place(node)
        if node == self._folder or place is None:
            return
        known = self._tree.get(node)
        if known is not None and known.shown:
            if (known.parent, known.name) != place and self._is_below(node):
                self._deeds.actions.append(Move(node, *place))
                self._tell("move back", node, place)
            return
        self._deeds.actions.append(Create(node, *place))
        self._tell("bring back", node, place)

    def _file(self, node: NodeId) -> None:
        place, version = self._moment.place(node), self._moment.version(node)
        if place is None or version is None:
            return
        if not version.content.detail:
            self._tell("skip", node, place, "the history has let go of that version")
            return
        known = self._tree.get(node)
        if known is None or not known.shown:
            self._gone(node, place, version.content)
        elif (known.parent, known.name) == place:
            self._write(node, place, version.content)
        elif self._is_below(node) and node != self._top:
            self._deeds.actions.append(Move(node, *place))
            self._tell("move back", node, place)
            self._write(node, place, version.content)
        else:
            self._put(place, node, version.content)

    def _gone(self, node: NodeId, place: tuple[NodeId, bytes], content: Content) -> None:
        holder = self._holder(place, node)
        if holder is not None:
            self._write(holder, place, content)
            return
        known = self._tree.get(node)
        heads = tuple(sorted(head.dot for head in known.heads)) if known is not None else ()
        self._deeds.actions.append(Write(node, content, heads))  # which gives it life again
        if known is None or (known.parent, known.name) != place:
            self._deeds.actions.append(Move(node, *place))
        self._tell("bring back", node, place)

    def _put(self, place: tuple[NodeId, bytes], node: NodeId, content: Content) -> None:
        """What lives elsewhere by now stays there; here a copy of what it was comes to stand."""
        holder = self._holder(place, node)
        if holder is not None:
            self._write(holder, place, content)
            return
        fresh = self._ledger.new_node(*place, kind_of(node))
        self._deeds.actions += [Create(fresh, *place), Write(fresh, content, ())]
        self._tell("copy back", node, place, f"it stays at {self._paths.here(node)} too")

    def _write(self, node: NodeId, place: tuple[NodeId, bytes], content: Content) -> None:
        known = self._tree.get(node)
        assert known is not None
        if {head.content.digest for head in known.heads} == {content.digest}:
            return
        heads = tuple(sorted(head.dot for head in known.heads))
        self._deeds.actions.append(Write(node, content, heads))
        self._tell("restore", node, place)

    def _holder(self, place: tuple[NodeId, bytes], node: NodeId) -> NodeId | None:
        """Whoever of the same kind bears the name by now."""
        there = self._tree.named(*place)
        return next((n for n in there if kind_of(n) is kind_of(node)), None)

    def _is_shown(self, node: NodeId) -> bool:
        known = self._tree.get(node)
        return known is not None and known.shown

    def _is_below(self, node: NodeId) -> bool:
        current: NodeId | None = node
        while current is not None and current != self._top:
            known = self._tree.get(current)
            current = known.parent if known is not None else None
        return current is not None

    def _tell(self, deed: str, node: NodeId, place: tuple[NodeId, bytes], note: str = "") -> None:
        above, own = self._paths.here(place[0]), place[1].decode(errors="replace")
        slash = "/" if kind_of(node) is Kind.DIRECTORY else ""
        self._deeds.lines.append(Line(deed, f"{above}/{own}{slash}", note))


def hybrid(seconds: float) -> int:
    """The hybrid time at the end of a second since 1970."""
    return (int(seconds * 1000) << COUNTER_BITS) | ((1 << COUNTER_BITS) - 1)
