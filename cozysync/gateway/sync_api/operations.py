"""All operations of the interface: from this one table it is served, and described."""

from typing import Annotated

from msgspec import Meta

from cozysync.gateway.sync_api import contents, deeds, looks
from cozysync.gateway.sync_api.asked import Parameter
from cozysync.gateway.sync_api.messages import (
    Batch,
    Changes,
    Copy,
    Done,
    Entries,
    Entry,
    MakeDirectory,
    Move,
    NodeId,
    Path,
    Results,
    Status,
    Time,
    Version,
    Written,
)
from cozysync.gateway.sync_api.table import BINARY, Given, Operation

LONGEST_WAIT_S = 60

_PATH = Parameter("path", Path, "What it is about, by its path.")
_NODE = Parameter("node", NodeId, "What it is about, wherever it stands; instead of the path.")
_WHERE = (_PATH, _NODE)
_PLACE = Parameter("path", Path, "Where it is to stand.", required=True)
_BELOW = Parameter("path", Path, "The directory below which to look; all of it by default.")
_BASE = Parameter("base", Version, "The version that the phone had before.")
_VERSION = Parameter("version", Version, "That version, instead of what stands now.")
_CONDITIONS = tuple(
    Parameter(name, str, what, where="header")
    for name, what in (
        ("range", "One range of bytes."),
        ("if-range", "The ETag that the range is of; without it the whole comes."),
        ("if-match", "ETags: another version is refused."),
        ("if-none-match", "ETags: these need not be sent again."),
    )
)
_OF_A_CONTENT = ("etag", "last-modified", "accept-ranges")
_CONTENT = {
    200: Given("The content.", bytes, _OF_A_CONTENT, BINARY),
    206: Given("The range of it.", bytes, (*_OF_A_CONTENT, "content-range"), BINARY),
    304: Given("The phone has it already.", None, _OF_A_CONTENT),
}
_DONE = {200: Given("It is so now.", Done)}


def operations() -> tuple[Operation, ...]:
    """The table."""
    reading = (_WHERE, _VERSION)
    content = (*reading[0], reading[1], *_CONDITIONS)
    return (
        Operation(
            "GET", "/changes", "changes",
            "What changed below a directory since a cursor; without one, all that is there.",
            looks.changes, {200: Given("A page.", Changes)},
            (
                _BELOW,
                Parameter(
                    "cursor", Annotated[str, Meta(max_length=200)],
                    "Where the phone stopped, for the same path. 410 when it is not known any "
                    "more: begin without one.",
                ),
                Parameter("limit", Annotated[int, Meta(ge=1, le=10_000)], "Of one page."),
                Parameter(
                    "wait", Annotated[int, Meta(ge=0, le=LONGEST_WAIT_S)],
                    "So many seconds to wait for something to happen, when nothing has.",
                ),
            ),
        ),
        Operation(
            "GET", "/entry", "entry", "What stands at a path, or where a node is.",
            looks.entry, {200: Given("It.", Entry)}, _WHERE,
        ),
        Operation(
            "DELETE", "/entry", "remove", "Remove it, with all that it holds; history keeps it.",
            deeds.remove, {204: Given("It is gone.")}, (*_WHERE, _BASE),
        ),
        Operation(
            "GET", "/children", "children", "What a directory holds.",
            looks.children, {200: Given("Entries by name.", Entries)}, _WHERE,
        ),
        Operation(
            "GET", "/versions", "versions", "What a file was, as far as its history goes.",
            looks.versions, {200: Given("Versions, newest first.", Entries)}, _WHERE,
        ),
        Operation(
            "GET", "/search", "search", "Entries whose name has a text in it.",
            looks.search, {200: Given("What was found.", Entries)},
            (
                Parameter(
                    "name", Annotated[str, Meta(min_length=1, max_length=255)],
                    "Part of the name, in small or capital letters.", required=True,
                ),
                _BELOW,
                Parameter("limit", Annotated[int, Meta(ge=1, le=looks.MOST_FOUND)], "At most."),
            ),
        ),
        Operation(
            "GET", "/content", "read", "A file's content, or a range of it.",
            contents.read, _CONTENT, content,
        ),
        Operation(
            "HEAD", "/content", "readHeaders", "What a content would be answered with.",
            contents.read,
            {status: Given(each.description, None, each.headers) for status, each in
             _CONTENT.items()},
            content,
        ),
        Operation(
            "PUT", "/content", "write",
            "Make the body the file's content, in place of the version `base`. When others have "
            "written since then, both are merged, or stand side by side: nothing is lost.",
            contents.write, {200: Given("What stands now.", Written)},
            (
                _PLACE, _BASE,
                Parameter("mtime_ms", Time, "When it was changed; now by default."),
            ),
            body=bytes,
        ),
        Operation(
            "POST", "/directories", "makeDirectory", "Make a directory.",
            deeds.one, _DONE, body=MakeDirectory,
        ),
        Operation("POST", "/moves", "move", "Move or rename.", deeds.one, _DONE, body=Move),
        Operation("POST", "/copies", "copy", "Copy.", deeds.one, _DONE, body=Copy),
        Operation(
            "POST", "/batches", "batch",
            "Several deeds in their order, each with its own outcome. To send it again is safe.",
            deeds.batch, {200: Given("What became of each.", Results)}, body=Batch,
        ),
        Operation(
            "GET", "/status", "status", "How things stand, and what this phone may do.",
            looks.status, {200: Given("Now.", Status)},
        ),
    )  # fmt: skip
