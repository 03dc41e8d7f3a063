"""What goes over the line in JSON; times are in milliseconds since 1970, sizes in bytes."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from cozysync.gateway import view
from cozysync.gateway.sync_api.spelling import spelled
from cozysync_conflict import Kind

MOST_DEEDS = 100

_NS_PER_MS = 1_000_000
_LATEST_MS = 8_640_000_000_000_000  # as far as dates go in JavaScript; less than 2^53

Path = Annotated[
    str, Meta(min_length=1, max_length=4096, description="Absolute: `/folder/directory/name`.")
]
NodeId = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{1,64}$",
        description="What an entry is called for ever, also when it is moved.",
    ),
]
Version = Annotated[
    str,
    Meta(
        pattern="^[0-9A-Za-z-]{0,128}$",
        description=(
            "The version that the phone had before. Empty for none: nothing was there. Left out: "
            "whatever stands now."
        ),
    ),
]
Time = Annotated[int, Meta(ge=-_LATEST_MS, le=_LATEST_MS)]


class Answer(Struct, frozen=True):
    """Base of what the gateway says."""


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a phone says; a field that is not known is refused by name."""


class Entry(Answer, frozen=True):
    """A file, directory or link as it stands now. Of a directory, `version` changes with what is
    below; of a file with the content, and comes again with it."""

    path: str
    node: str
    kind: Literal["file", "directory", "link"]
    version: str
    mtime_ms: int
    size: int
    executable: bool

    @classmethod
    def of(cls, entry: view.Entry) -> "Entry":
        """As the view tells it."""
        return cls(
            spelled(entry.path), entry.node, _KINDS[entry.kind], entry.version,
            entry.mtime_ns // _NS_PER_MS, entry.size, entry.executable,
        )  # fmt: skip


_KINDS: dict[Kind, Literal["file", "directory", "link"]] = {
    Kind.FILE: "file",
    Kind.DIRECTORY: "directory",
    Kind.LINK: "link",
}


class Entries(Answer, frozen=True):
    """Entries in their order; `more` when there are others that were not sent."""

    entries: list[Entry]
    more: bool = False


class Removed(Answer, frozen=True):
    """A node that stood at `path` and does so no more; `moved_to` is where, if that is known."""

    node: str
    path: str
    moved_to: str | None


class Changes(Answer, frozen=True):
    """A page of changes. Apply `removed` first, then `changed`; go on from `cursor`, at once when
    there is `more`."""

    removed: list[Removed]
    changed: list[Entry]
    cursor: str
    more: bool

    @classmethod
    def of(cls, page: view.Changes) -> "Changes":
        """As the view tells it."""
        removed = [
            Removed(
                each.node,
                spelled(each.path),
                None if each.moved_to is None else spelled(each.moved_to),
            )
            for each in page.removed
        ]
        return cls(removed, list(map(Entry.of, page.changed)), page.cursor, page.more)


class Cursor(Answer, frozen=True):
    """Where the tree is now: what changes from here on is told by it."""

    cursor: str


class Written(Answer, frozen=True):
    """What became of a write. When `merged`, the entry holds what others wrote too: read it again.
    When in `conflict`, `beside` are the paths of what stands beside it; a person decides."""

    outcome: Literal["written", "merged", "conflict"]
    entry: Entry
    beside: list[str]

    @classmethod
    def of(cls, written: view.Written) -> "Written":
        """As the view tells it."""
        return cls(
            _OUTCOMES[written.outcome], Entry.of(written.entry), list(map(spelled, written.beside))
        )


_OUTCOMES: dict[view.Outcome, Literal["written", "merged", "conflict"]] = {
    view.Outcome.WRITTEN: "written",
    view.Outcome.MERGED: "merged",
    view.Outcome.CONFLICT: "conflict",
}


class Status(Answer, frozen=True):
    """How things stand: who asks and what it may do, conflicts that wait for a person, room."""

    phone: str
    read_only: bool
    folders: list[str] | None
    conflicts: int
    used: int
    free: int


class Problem(Answer, frozen=True):
    """Why something was not done: nothing has changed (RFC 9457)."""

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: str
    remedy: str


class MakeDirectory(Question, frozen=True, tag_field="deed", tag="make_directory"):
    """Make a directory; one that is there already is as good. With `parents`, those above too."""

    path: Path
    parents: bool = False


class Remove(Question, frozen=True, tag_field="deed", tag="remove"):
    """Remove what is at `path`, or `node` wherever it is; what is gone already is as good."""

    path: Path | UnsetType = UNSET
    node: NodeId | UnsetType = UNSET
    base: Version | UnsetType = UNSET


class Move(Question, frozen=True, tag_field="deed", tag="move"):
    """Move or rename what is at `path`, or `node` wherever it is. Where `node` stands at the target
    already, that is as good."""

    target: Path
    path: Path | UnsetType = UNSET
    node: NodeId | UnsetType = UNSET
    base: Version | UnsetType = UNSET
    replace: bool = False


class Copy(Question, frozen=True, tag_field="deed", tag="copy"):
    """Copy what is at `path`, or `node`. A file of the same content at the target is as good."""

    target: Path
    path: Path | UnsetType = UNSET
    node: NodeId | UnsetType = UNSET
    replace: bool = False


class Write(Question, frozen=True, tag_field="deed", tag="write"):
    """Write a small file, its content in base64; the same content over again is as good."""

    path: Path
    content: bytes
    base: Version | UnsetType = UNSET
    mtime_ms: Time | UnsetType = UNSET


Deed = MakeDirectory | Remove | Move | Copy | Write


class Batch(Question, frozen=True):
    """Deeds to be done in their order. One that fails does not stop the others, unless `stop`."""

    deeds: Annotated[list[Deed], Meta(min_length=1, max_length=MOST_DEEDS)]
    stop: bool = False


class Done(Answer, frozen=True, omit_defaults=True):
    """What became of a deed: 200 with what stands now (nothing after a removal), or a problem."""

    status: int
    entry: Entry | UnsetType = UNSET
    outcome: Literal["written", "merged", "conflict"] | UnsetType = UNSET
    beside: list[str] | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class Results(Answer, frozen=True):
    """One for each deed, in their order."""

    results: list[Done]
