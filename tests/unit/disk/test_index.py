"""The disk index's questions to the database."""

import sqlite3

import pytest

from cozysync.disk import INDEX_MIGRATIONS, DiskIndex
from cozysync_conflict import NodeId

ROOT = NodeId(b"\x01" + bytes(15))
SOME = NodeId(b"\x02" + bytes(15))


@pytest.mark.parametrize(
    ("ask", "by"),
    [
        (lambda index: index.row(SOME), "folder=? AND node=?"),
        (lambda index: index.at(ROOT, b"name"), "folder=? AND parent=? AND name=?"),
        (lambda index: index.children(ROOT), "folder=? AND parent=?"),
        (lambda index: index.with_inode(7), "folder=? AND inode=?"),
    ],
)
def test_no_question_about_one_thing_reads_the_whole_folder(ask, by):
    connection = sqlite3.connect(":memory:")
    connection.executescript(INDEX_MIGRATIONS[0])
    asked = []
    connection.set_trace_callback(asked.append)
    ask(DiskIndex(connection, ROOT))
    connection.set_trace_callback(None)
    (query,) = asked
    (step,) = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert step[-1].endswith(f"({by})")
