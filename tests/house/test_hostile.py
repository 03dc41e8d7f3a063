"""Nothing that reads what others wrote goes untested with hostile bytes."""

import ast
import re

from tests.house.test_code import REPOSITORY
from tests.suites.decoders import DECODERS
from tests.suites.requests import CONTROL, SERVER, control_routes, server_routes

READS = re.compile(r"(decode|parse|load|open_|unpack|unwrap|unpad|read_|feed|from_|expand|merge)")

NO_DECODERS = {
    # What they read is this program's own, or was checked by a decoder before.
    "cozysync.sync.replica:open_replica": "the local database",
    "cozysync.sync.anew:open_or_renew": "the local database; damage in tests/engine/test_anew.py",
    "cozysync.sync.alarm:Alarm.decode": "the local database",
    "cozysync.sync.pin:Pin.decode": "the local database",
    "cozysync.sync.pin:Pin.load": "the local database",
    "cozysync.vault.lock:open_lock": "load_secrets",
    "cozysync.sync.log_reader:read_controls": "decode_entry and decode_control",
    "cozysync.replica.tree:unpacked_node": "the local database",
    "cozysync.server.schema:open_database": "the server's own database",
    "cozysync.cli.phrase:read_phrase": "RootKeys.from_phrase",
    "cozysync.sync.merges:merged_bytes": "merge",
    "cozysync_conflict.clock:VersionVector.merged": "values of decode_body",
    "cozysync.replica.cursor:LogCursor.load": "LogState.decode, in the local database",
    "cozysync.sync.history:read_history": "the local database",
    "cozysync_conflict.inbox:read_cases": "values of the tree; records:_read reads their bytes",
    # They pass on what others give them.
    "cozysync.sync.http_remote:HttpRemote.open_mailbox": "see tests of a hostile server",
    "cozysync.sync.remote:Remote.open_mailbox": "an interface",
    "cozysync_conflict.merge.text:merge_lines": "lines of read_text",
    "cozysync_conflict.merge.documents:merge_values": "values of merge_json",
    "cozysync_conflict.merge.sequence:merge_sequences": "lists of the other merges",
    "cozysync_conflict.merge:mergers_for": "a name",
}


def reading_functions():
    for part in ("cozysync", "protocol/cozysync_protocol", "conflict/cozysync_conflict"):
        root = REPOSITORY / part
        for path in root.rglob("*.py"):
            module = ".".join((root.name, *path.relative_to(root).with_suffix("").parts))
            for owner, function in functions(ast.parse(path.read_text())):
                if READS.match(function):
                    yield f"{module.removesuffix('.__init__')}:{owner}{function}"


def functions(tree):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "", node.name
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.", inner.name


def test_every_decoder_meets_hostile_bytes():
    tested = {each.name for each in DECODERS}
    untested = set(reading_functions()) - tested - NO_DECODERS.keys()
    assert not untested, "add them to tests/suites/decoders.py, or say above why not"


def test_no_exception_outlives_what_it_excuses():
    assert NO_DECODERS.keys() <= set(reading_functions())


def test_every_request_is_tried_in_hostile_ways():
    assert server_routes() == {(each.method, each.path) for each in SERVER}
    assert control_routes() == {(each.method, each.path) for each in CONTROL}
