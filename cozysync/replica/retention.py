"""How long old versions are kept: all for some weeks, then fewer and fewer.

A version that has been let go of keeps its row, without the recipe: who came from whom stays
known, and only its bytes can no longer be found. What history holds counts as in use wherever
unused chunks are looked for. What waits in the inbox for a decision is kept until it is made.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cozysync.replica.tree import unpacked_node
from cozysync_conflict import COUNTER_BITS, Dot, Node, NodeId, waiting

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days after it was replaced a version is kept.

    All of them for `all_days`, the last of each day for `daily_days`, the last of each month for
    `monthly_days`; 0 there keeps those for ever. What was deleted is kept as it then was, by these
    rules, for `deleted_days` after that.
    """

    all_days: int = 30
    daily_days: int = 365
    monthly_days: int = 0
    deleted_days: int = 90


def let_go(written: Sequence[int], now_ms: int, rules: Retention) -> list[int]:
    """Which versions of one file need not be kept, by their place in the list.

    `written` are the times of all versions in milliseconds since 1970, oldest first. The newest
    one is always kept.
    """
    gone: list[int] = []
    for n, (time, replaced) in enumerate(pairwise(written)):
        days = (now_ms - replaced) / _DAY_MS
        if days <= rules.all_days:
            continue
        same = _day if days <= rules.daily_days else _month
        forgotten = 0 < rules.monthly_days < days and days > rules.daily_days
        if forgotten or same(time) == same(replaced):
            gone.append(n)
    return gone


def thin(connection: sqlite3.Connection, now_ms: int, rules: Retention) -> int:
    """Let go of what need not be kept in one replica; returns how many versions that were."""
    earliest = (now_ms - rules.all_days * _DAY_MS) << COUNTER_BITS
    nodes = connection.execute(
        "SELECT node FROM version WHERE detail <> x'' GROUP BY node"
        " HAVING COUNT(*) > 1 AND MIN(time) < ?",
        (earliest,),
    ).fetchall()
    thinned = sum(_thin_node(connection, node, now_ms, rules) for (node,) in nodes)
    return thinned + _forget_deleted(connection, now_ms, rules)


def _forget_deleted(connection: sqlite3.Connection, now_ms: int, rules: Retention) -> int:
    """Let go of all versions of what is shown no more and was deleted long ago."""
    earliest = (now_ms - rules.deleted_days * _DAY_MS) << COUNTER_BITS
    nodes = connection.execute(
        "SELECT DISTINCT node FROM version JOIN node ON node.id = version.node"
        " WHERE detail <> x'' AND counted_at IS NULL"
        " AND (SELECT MAX(time) FROM gone WHERE gone.node = version.node) < ?",
        (earliest,),
    ).fetchall()
    return (
        connection.executemany(
            "UPDATE version SET detail = x'' WHERE node = ? AND detail <> x''", nodes
        ).rowcount
        if nodes
        else 0
    )


def _thin_node(connection: sqlite3.Connection, node: bytes, now_ms: int, rules: Retention) -> int:
    known = connection.execute(
        "SELECT id, parent, name, counted_at, state FROM node WHERE id = ?", (node,)
    ).fetchone()
    state = unpacked_node(*known) if known is not None else Node(NodeId(node))
    # Two devices that settle a conflict at once leave two heads, of one content.
    if len({head.content.digest for head in state.heads}) > 1:
        return 0  # a merge is about to need them
    awaited = waiting(state)
    rows = connection.execute(
        "SELECT time, device, counter FROM version WHERE node = ? AND detail <> x''"
        " ORDER BY time, device",
        (node,),
    ).fetchall()
    numbers = let_go([time >> COUNTER_BITS for time, *_ in rows], now_ms, rules)
    gone = [rows[n][:2] for n in numbers if Dot(*rows[n][1:]) not in awaited]
    connection.executemany(
        "UPDATE version SET detail = x'' WHERE node = ? AND time = ? AND device = ?",
        [(node, *each) for each in gone],
    )
    return len(gone)


def _day(time_ms: int) -> tuple[int, ...]:
    at = datetime.fromtimestamp(min(max(time_ms, 0), 253_402_214_400_000) / 1000, UTC)
    return at.year, at.month, at.day


def _month(time_ms: int) -> tuple[int, ...]:
    return _day(time_ms)[:2]
