"""A replica that begins with a snapshot ends like one that read everything."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cozysync.replica import Opening, read_snapshot, write_snapshot
from cozysync.replica.snapshot import PIECE
from cozysync.replica.tree import packed_node
from cozysync.sync.replica import replica_in_memory
from cozysync_conflict import ROOT, Node, apply
from cozysync_protocol import ChunkLocation, LogState, Malformed, decode, encode
from tests.properties.test_conflict import run, steps
from tests.suites.replicas import state_of

OPENING = Opening(LogState(bytes(16), position=7), 1 << 50)


def entered(replica, batches):
    with replica.database.transaction():
        replica.history.add(batches)
        apply(replica.tree, batches)


def started(source):
    """A replica from a snapshot of another."""
    replica = replica_in_memory()
    pieces = list(write_snapshot(source.database.connection, OPENING))
    with replica.database.transaction():
        assert read_snapshot(replica.database.connection, pieces) == OPENING
    return replica


def closed(*replicas):
    for each in replicas:
        each.close()


def said(replica):
    """All rows but the root's own while nothing hangs there: that one says what no row says."""
    state = state_of(replica.database.connection)
    bare = packed_node(Node(ROOT, live=True))
    written = replica.database.connection.execute("SELECT * FROM node WHERE id = ?", (ROOT,))
    if written.fetchone() == bare:
        state["node"] = [row for row in state["node"] if row[0] != ROOT]
    return state


@given(st.integers(2, 3), steps, st.integers(0, 100))
@example(2, [(0, "mkdir", 0, 0, "a"), (0, "delete", 0, 0, "a")], 50)
@settings(max_examples=60, deadline=None)
def test_a_snapshot_at_any_point_changes_no_later_answer(count, history, percent):
    devices = run(count, history, resolving=True)
    batches = [batch for device in devices for batch in device.authored]
    half = len(batches) * percent // 100
    whole, first = replica_in_memory(), replica_in_memory()
    entered(whole, batches)
    entered(first, batches[:half])
    later = started(first)
    assert state_of(later.database.connection) == state_of(first.database.connection)
    entered(first, batches[half:])
    entered(later, batches[half:])
    assert state_of(later.database.connection) == state_of(first.database.connection)
    assert said(later) == said(whole)
    assert later.tree.contested() == whole.tree.contested()
    closed(whole, first, later)


def location(n, pack):
    return ChunkLocation(bytes([n]) * 32, bytes([pack]) * 32, n * 100, 50)


def test_chunks_that_an_entry_told_of_come_along_and_others_stay_where_they_were():
    source, target = replica_in_memory(), replica_in_memory()
    source.chunks.add([location(1, 1), location(2, 1), location(3, 2)], announced=True)
    source.chunks.add([location(4, 1), location(5, 3)], announced=False)
    source.chunks.retire([bytes([2]) * 32])
    target.chunks.add([location(6, 4), location(1, 4)], announced=False)
    pieces = list(write_snapshot(source.database.connection, OPENING))
    with target.database.transaction():
        read_snapshot(target.database.connection, pieces)
    asked = [bytes([n]) * 32 for n in range(1, 7)]
    located = target.chunks.locate(asked)
    assert [n for n in range(1, 7) if bytes([n]) * 32 in located] == [1, 2, 3, 6]
    assert located[asked[0]].pack == bytes([1]) * 32
    assert target.chunks.known(asked) == {asked[0], asked[1], asked[5]}
    closed(source, target)


def test_a_large_state_comes_in_small_pieces():
    source = replica_in_memory()
    source.chunks.add(
        [
            ChunkLocation(n.to_bytes(32, "big"), bytes(32), 100 * n, 100)
            for n in range(3 * PIECE // 80)
        ],
        announced=True,
    )
    sizes = [len(piece) for piece in write_snapshot(source.database.connection, OPENING)]
    assert len(sizes) > 3
    assert max(sizes) < PIECE + 1000
    source.close()


HOSTILE = {
    "an unknown table": ["folder", [[b"x"]]],
    "a name that leaves the folder": [
        "placement",
        [[1, bytes(16), b"\1" * 16, b"\1" * 16, b"../x", 1, None, b"", None, None]],
    ],
    "a cut id": ["gone", [[b"\2" * 15, 1, bytes(16)]]],
    "a row too short": ["gone", [[b"\2" * 16, 1]]],
    "no rows": ["gone", 5],
    "a number out of bounds": ["gone", [[b"\2" * 16, -1, bytes(16)]]],
    "a node of no kind": ["gone", [[b"\7" * 16, 1, bytes(16)]]],
}


@pytest.mark.parametrize("why", HOSTILE)
def test_what_cannot_be_a_row_is_refused_and_changes_nothing(why):
    replica = replica_in_memory()
    replica.chunks.add([location(1, 1)], announced=True)
    with pytest.raises(Malformed), replica.database.transaction():
        read_snapshot(replica.database.connection, [OPENING.encode(), encode(HOSTILE[why])])
    assert replica.chunks.count() == 1
    replica.close()


def test_tables_out_of_order_are_refused():
    replica = replica_in_memory()
    pieces = [OPENING.encode(), encode(["gone", []]), encode(["vector", []])]
    with pytest.raises(Malformed), replica.database.transaction():
        read_snapshot(replica.database.connection, pieces)
    replica.close()


def test_a_node_with_a_name_that_no_directory_holds_is_refused():
    source = replica_in_memory()
    devices = run(2, [(0, "mkdir", 0, 0, "a"), (0, "write", 1, 0, "b")], resolving=True)
    entered(source, devices[0].authored)
    written = write_snapshot(source.database.connection, OPENING)
    pieces = [decode(piece, max_bytes=1 << 20) for piece in written]
    nodes = next(piece for piece in pieces if piece[0] == "node")
    for name in (b"", b"..", b"a/b", b"a\0"):
        broken = [[*row[:2], name, *row[3:]] if row[1] else row for row in nodes[1]]
        target = replica_in_memory()
        with pytest.raises(Malformed), target.database.transaction():
            read_snapshot(target.database.connection, [OPENING.encode(), encode(["node", broken])])
        target.close()
    source.close()
