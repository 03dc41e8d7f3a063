"""The inbox: what waits for a decision, and decisions as ordinary operations.

Everything is read from the tree, so every device shows the same cases. A decision is a set of
actions like any other: it travels, it can clash, and it can be taken back.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cozysync_conflict.clock import Dot
from cozysync_conflict.lineage import Lineage
from cozysync_conflict.operations import Action, Content, Delete, NodeId, SetAttribute, Write
from cozysync_conflict.queries import attribute, winner
from cozysync_conflict.records import CONFLICT_OF, DECISION, Outcome, Record, records_of
from cozysync_conflict.resolve import Label, copy_id, kept_beside
from cozysync_conflict.store import Head, Node, Store, Version

_NO_DOT = Dot(b"", 0)  # filled in by the author, who gives out the dots
_DEVICE_BYTES = 16


class Choice(StrEnum):
    """What a person decided."""

    KEEP = "keep"
    BOTH = "both"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice, and the version that stood under the name before it."""

    choice: Choice
    before: Dot


@dataclass(frozen=True, slots=True)
class Side:
    """One of the versions that met. `copy` is the node that keeps it beside, if it is shown.

    `content` is what it holds now: a copy may have been edited since.
    """

    version: Version
    content: Content
    copy: NodeId | None


@dataclass(frozen=True, slots=True)
class Case:
    """One record, with what has become of its versions.

    `current` is what the file holds now; `edited` says that this is somebody's later edit, and
    not what the resolver left.
    """

    record: Record
    sides: tuple[Side, ...]
    current: Head | None
    edited: bool
    is_open: bool
    decision: Decision | None


def read_cases(store: Store, hash: Callable[[bytes], bytes]) -> list[Case]:
    """All conflicts of all shown files, whether they wait for somebody or not."""
    nodes = [node for each in sorted(store.recorded()) if (node := store.get(each)) is not None]
    return [
        _case(store, node, record, hash)
        for node in nodes
        if node.shown
        for record in records_of(node)
    ]


def _case(store: Store, node: Node, record: Record, hash: Callable[[bytes], bytes]) -> Case:
    versions = {version.dot: version for version in store.versions(node.id)}
    sides = tuple(
        _side(store, node, versions[dot], hash) for dot in record.versions if dot in versions
    )
    decision = _decision(node, record)
    current = winner(store, node.id)
    undecided = _is_undecided(decision)
    waits = record.outcome is Outcome.INBOX or (
        record.outcome is Outcome.BESIDE and any(side.copy is not None for side in sides)
    )
    return Case(
        record,
        sides,
        current,
        current is not None and not _is_what_was_left(current, versions.values(), sides),
        undecided and waits,
        None if undecided else decision,
    )


def waiting(node: Node) -> frozenset[Dot]:
    """The versions of a file that only history keeps, for a person who has not decided yet."""
    open_ones = [
        record
        for record in records_of(node)
        if record.outcome is Outcome.INBOX and _is_undecided(_decision(node, record))
    ]
    return frozenset(dot for record in open_ones for dot in record.versions)


def _decision(node: Node, record: Record) -> Decision | None:
    _, value = node.attributes.get(DECISION + record.id, (None, None))
    return _read_decision(value)


def _is_undecided(decision: Decision | None) -> bool:
    return decision is None or decision.choice is Choice.REOPENED


def _side(store: Store, node: Node, version: Version, hash: Callable[[bytes], bytes]) -> Side:
    copy = copy_id(hash, node.id, version.content)
    known = store.get(copy)
    if known is None or not known.shown or attribute(store, copy, CONFLICT_OF) != node.id:
        return Side(version, version.content, None)
    now = winner(store, copy)
    return Side(version, now.content if now is not None else version.content, copy)


def _is_what_was_left(current: Head, versions: Iterable[Version], sides: Sequence[Side]) -> bool:
    """Whether the file holds one of the versions that met, or what they were merged to."""
    met = {side.version.content.digest for side in sides}
    known = list(versions)
    lineage = Lineage(known)
    same = [version for version in known if version.content.digest == current.content.digest]
    return current.content.digest in met or any(
        {leaf.content.digest for leaf in lineage.leaves([version])} <= met for version in same
    )


# --- decisions -----------------------------------------------------------------------------------


def keep(store: Store, case: Case, content: Content) -> list[Action]:
    """This content, of a side or of the file as it is now, and no other: copies are deleted."""
    return [
        *_written(store, case, content),
        *_without_copies(store, case),
        _decided(case, Choice.KEEP),
    ]


def keep_both(
    store: Store, case: Case, label: Label, hash: Callable[[bytes], bytes]
) -> list[Action]:
    """Every side as a file of its own, the last under the name."""
    node = store.get(case.record.node)
    assert node is not None
    actions: list[Action] = []
    if case.record.outcome is Outcome.MERGED and not case.edited and case.sides:
        actions += _written(store, case, case.sides[-1].content)
    for side in case.sides[:-1]:
        copy = side.copy
        if copy is None:
            actions += kept_beside(node, side.version, label, hash)
            copy = copy_id(hash, node.id, side.version.content)
        actions.append(SetAttribute(copy, CONFLICT_OF, b""))
    return [*actions, _decided(case, Choice.BOTH)]


def take_back(store: Store, case: Case, hash: Callable[[bytes], bytes]) -> list[Action]:
    """What stood there before the decision, under the name and beside it."""
    assert case.decision is not None
    node = case.record.node
    versions = {version.dot: version for version in store.versions(node)}
    before = versions.get(case.decision.before)
    actions = _written(store, case, before.content) if before is not None else []
    for side in case.sides[:-1]:
        copy = copy_id(hash, node, side.version.content)
        known = store.get(copy)
        if known is None:
            continue
        if case.record.outcome is not Outcome.BESIDE:
            actions += _deleted(known)
            continue
        if not known.shown:  # content gives a file life, at the place where it was
            actions.append(Write(copy, side.version.content, tuple(h.dot for h in known.heads)))
        actions.append(SetAttribute(copy, CONFLICT_OF, node))
    return [*actions, _decided(case, Choice.REOPENED)]


def _written(store: Store, case: Case, content: Content) -> list[Action]:
    known = store.get(case.record.node)
    if known is None or {head.content.digest for head in known.heads} == {content.digest}:
        return []
    return [Write(known.id, content, tuple(sorted(head.dot for head in known.heads)))]


def _without_copies(store: Store, case: Case) -> list[Action]:
    copies = [store.get(side.copy) for side in case.sides if side.copy is not None]
    return [action for copy in copies if copy is not None for action in _deleted(copy)]


def _deleted(node: Node) -> list[Action]:
    if not node.shown or node.parent is None:
        return []
    return [Delete(_NO_DOT, node.id, ((node.id, node.parent),))]


def _decided(case: Case, choice: Choice) -> Action:
    before = case.current.dot if case.current is not None else _NO_DOT
    value = choice.encode() + b" " + before.device + before.counter.to_bytes(8, "big")
    return SetAttribute(case.record.node, DECISION + case.record.id, value)


def _read_decision(value: bytes | None) -> Decision | None:
    word, _, rest = (value or b"").partition(b" ")
    if word not in {choice.encode() for choice in Choice}:
        return None
    before = Dot(rest[:_DEVICE_BYTES], int.from_bytes(rest[_DEVICE_BYTES:], "big"))
    return Decision(Choice(word.decode()), before)
