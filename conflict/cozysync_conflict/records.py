"""The record of a conflict: an attribute of the file that it is about.

So it travels with the file and is the same on all devices, for its id follows from what met. What
a person decides stands in a second attribute: a device that settles the same conflict later can
repeat the record, and never the question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cozysync_conflict.clock import Dot
from cozysync_conflict.operations import NodeId, SetAttribute
from cozysync_conflict.store import Head, Node, Version

RECORD = "conflict/"
"""What the keys of records begin with; the record's id follows."""

DECISION = "decided/"
"""What the keys of decisions begin with; the record's id follows."""

POLICY = "conflicts"
"""The attribute of a top-level directory that says how its conflicts are kept (`Policy`)."""

CONFLICT_OF = "conflict_of"
"""The attribute of a conflict copy that names the node it was a version of."""

_ID_BYTES = 8
_COUNTER_BYTES = 8
_DEVICE_BYTES = 16
_DOT_BYTES = _DEVICE_BYTES + _COUNTER_BYTES
_FORM = b"1"
# What an attribute may hold; versions beyond that are in the history, and no record names them.
_MOST_DOTS = 128


class Outcome(StrEnum):
    """What became of a conflict."""

    MERGED = "merged"
    """The versions were brought together in one."""
    BESIDE = "beside"
    """The other versions stand beside the file."""
    INBOX = "inbox"
    """The other versions are kept in the history only, and wait for a person."""
    RENAMED = "renamed"
    """Two of one name: this one was given another."""


class Policy(StrEnum):
    """Where the versions go that cannot be merged."""

    COPIES = "copies"
    INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Record:
    """One conflict. `versions` are those that met, in the order of their stamps.

    `name` is what a renamed node was called before.
    """

    id: str
    node: NodeId
    outcome: Outcome
    versions: tuple[Dot, ...] = ()
    name: bytes = b""


def is_about_conflicts(key: str) -> bool:
    """Whether an attribute tells of conflicts, and not of the file."""
    return key == CONFLICT_OF or key.startswith((RECORD, DECISION))


def bears_record(node: Node) -> bool:
    """Whether a conflict is recorded for this node."""
    return any(key.startswith(RECORD) for key in node.attributes)


def records_of(node: Node) -> list[Record]:
    """The conflicts recorded for a node, without those that a larger one includes."""
    found = [
        record
        for key, (_, value) in sorted(node.attributes.items())
        if key.startswith(RECORD) and (record := _read(key, node.id, value)) is not None
    ]
    return [
        one for one in found if not any(set(one.versions) < set(other.versions) for other in found)
    ]


def record_of_versions(
    node: NodeId,
    outcome: Outcome,
    versions: Sequence[Head | Version],
    hash: Callable[[bytes], bytes],
) -> SetAttribute:
    """The operation that records that these versions met."""
    digests = sorted(each.content.digest for each in versions)
    dots = [each.dot for each in versions][:_MOST_DOTS]
    value = _FORM + outcome.encode() + b" " + b"".join(map(_packed, dots))
    return SetAttribute(node, _key(hash, node, *digests), value)


def record_of_name(node: NodeId, name: bytes, hash: Callable[[bytes], bytes]) -> SetAttribute:
    """The operation that records that a node could not keep its name."""
    value = _FORM + Outcome.RENAMED.encode() + b" " + name
    return SetAttribute(node, _key(hash, node, b"name", name), value)


def _key(hash: Callable[[bytes], bytes], node: NodeId, *parts: bytes) -> str:
    return RECORD + hash(b"record" + node + b"".join(parts))[:_ID_BYTES].hex()


def _read(key: str, node: NodeId, value: bytes) -> Record | None:
    """The record, or None for one of a later form or a faulty author."""
    word, space, rest = value.removeprefix(_FORM).partition(b" ")
    if not value.startswith(_FORM) or not space or word not in _OUTCOMES:
        return None
    outcome = _OUTCOMES[word]
    id = key.removeprefix(RECORD)
    if outcome is Outcome.RENAMED:
        return Record(id, node, outcome, name=rest)
    starts = range(0, len(rest) - _DOT_BYTES + 1, _DOT_BYTES)
    return Record(id, node, outcome, tuple(_unpacked(rest[at : at + _DOT_BYTES]) for at in starts))


_OUTCOMES = {each.encode(): each for each in Outcome}


def _packed(dot: Dot) -> bytes:
    return dot.device + dot.counter.to_bytes(_COUNTER_BYTES, "big")


def _unpacked(data: bytes) -> Dot:
    return Dot(data[:_DEVICE_BYTES], int.from_bytes(data[_DEVICE_BYTES:], "big"))
