"""What the index answers, in the words of the view."""

import re

from cozysync.gateway.errors import CursorGone, NotFound
from cozysync.gateway.index import Known, Life, Look
from cozysync.gateway.names import text
from cozysync.gateway.places import path_of, version_of
from cozysync.gateway.view import Changes, Entry, Removed
from cozysync_conflict import NODE_ID_BYTES, NodeId, kind_of

_CURSOR = re.compile(r"([0-9a-f]+)-([0-9]{1,18})(?:-([0-9]{1,18}))?")


def known_at(look: Look, path: str) -> Known:
    """What stands at a path; raises `NotFound` and `BadPath`."""
    known = look.at(path_of(path))
    if known is None:
        raise NotFound(path)
    return known


def entry_at(path: str, look: Look) -> Entry:
    """The entry at a path; raises as `known_at`."""
    return entry_in(known_at(look, path), look.life().id)


def entry_of(node: NodeId, look: Look) -> Entry:
    """The entry of a node; raises `NotFound`."""
    known = look.node(node)
    if known is None:
        raise NotFound(node.hex())
    return entry_in(known, look.life().id)


def entry_in(known: Known, life: str) -> Entry:
    """An entry in the index, as phones are told of it."""
    row = known.row
    return Entry(
        text(row.path) or "/", row.node.hex(), row.kind, version_of(known, life),
        row.mtime_ns, row.size, row.executable,
    )  # fmt: skip


def node_id(node: str) -> NodeId:
    """The node of this id; raises `NotFound`."""
    try:
        found = NodeId(bytes.fromhex(node))
        if len(found) == NODE_ID_BYTES and kind_of(found):
            return found
    except ValueError:
        pass
    raise NotFound(node)


def changes_since(path: str, cursor: str | None, limit: int, look: Look) -> Changes:
    """See `View.changes`."""
    known, life = known_at(look, path), look.life()
    since, begun = _read_cursor(cursor, life)
    placed = look.placed(known.row.path, since, limit + 1)
    gone = look.gone(known.row.path, max(since, begun), limit + 1)
    order = sorted([each.placed for each in placed] + [each.sequence for each in gone])
    more = len(order) > limit
    end = order[limit - 1] if more else life.sequence
    inside = known.row.path + b"/"
    return Changes(
        tuple(entry_in(each, life.id) for each in placed if each.placed <= end),
        tuple(
            Removed(
                each.node.hex(),
                text(each.path),
                text(each.now) if each.now is not None and each.now.startswith(inside) else None,
            )
            for each in gone
            if each.sequence <= end and each.now != each.path
        ),
        f"{life.id}-{end}-{begun}" if end < begun else f"{life.id}-{end}",
        more,
    )


def is_news(path: str, cursor: str, look: Look) -> bool:
    """Whether `changes_since` would tell something."""
    page = changes_since(path, cursor, 100, look)
    while page.more and not (page.changed or page.removed):
        page = changes_since(path, page.cursor, 100, look)
    return bool(page.changed or page.removed)


def _read_cursor(cursor: str | None, life: Life) -> tuple[int, int]:
    """How far a phone has come, and how far things had when it began to list everything.

    What was left before that it never knew.
    """
    if cursor is None:
        return 0, life.sequence
    found = _CURSOR.fullmatch(cursor)
    if found is None or found[1] != life.id:
        raise CursorGone
    since, begun = int(found[2]), int(found[3] or 0)
    if not max(since, begun) <= life.sequence or max(since, begun) < life.floor:
        raise CursorGone
    return since, begun
