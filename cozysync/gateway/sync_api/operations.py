"""All operations of the interface: from this one table it is served, and described."""

from functools import partial
from typing import Annotated

from msgspec import Meta

from cozysync.gateway.sync_api import contents, deeds, looks
from cozysync.gateway.sync_api.asked import Parameter
from cozysync.gateway.sync_api.messages import (
    Batch,
    Changes,
    Copy,
    Cursor,
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
from cozysync.gateway.sync_api.pictures import SIZES, Pictures
from cozysync.gateway.sync_api.table import BINARY, Given, Operation
from cozysync.gateway.sync_api.uploads import TusUploads
from cozysync.gateway.sync_api.uploads.tus import MEDIA_TYPE, spoken
from cozysync.gateway.sync_api.uploads.upload import UploadState

LONGEST_WAIT_S = 60

_PATH = Parameter("path", Path, "What it is about, by its path.")
_NODE = Parameter("node", NodeId, "What it is about, wherever it stands; instead of the path.")
_WHERE = (_PATH, _NODE)
_PLACE = Parameter("path", Path, "Where it is to stand.", required=True)
_BELOW = Parameter("path", Path, "The directory below which to look; all of it by default.")
_BASE = Parameter("base", Version, "The version that the phone had before.")
_VERSION = Parameter("version", Version, "That version, instead of what stands now.")
_THUMBNAIL = Parameter(
    "thumbnail",
    Annotated[int, Meta(ge=16, le=SIZES[-1])],
    "Instead of the content a small copy of the picture, so many pixels wide and high at most.",
)
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
    200: Given("The content, or a small copy.", bytes, _OF_A_CONTENT, BINARY, contents.JPEG),
    206: Given("The range of it.", bytes, (*_OF_A_CONTENT, "content-range"), BINARY),
    304: Given("The phone has it already.", None, _OF_A_CONTENT),
}
_DONE = {200: Given("It is so now.", Done)}


def operations(uploads: TusUploads, pictures: Pictures) -> tuple[Operation, ...]:
    """The table."""
    return (*_tree(pictures), *_uploads(uploads))


def _tree(pictures: Pictures) -> tuple[Operation, ...]:
    read = partial(contents.read, pictures=pictures)
    content = (*_WHERE, _VERSION, _THUMBNAIL, *_CONDITIONS)
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
            "GET", "/cursor", "cursor",
            "The cursor of now, for who keeps no copy and waits for news alone.",
            looks.now, {200: Given("It.", Cursor)}, (_BELOW,),
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
            read, _CONTENT, content,
        ),
        Operation(
            "HEAD", "/content", "readHeaders", "What a content would be answered with.",
            read,
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


_TUS = Parameter("tus-resumable", str, "The version of tus that is spoken: 1.0.0.", where="header")
_UPLOAD = Parameter("upload", str, "Which one, as Location told.", required=True, where="path")
_SUM = Parameter(
    "upload-checksum", str, "Of this body: `sha256`, `sha1` or `md5`, and it in base64.",
    where="header",
)  # fmt: skip
_HOW_FAR = ("tus-resumable", "upload-offset", "upload-length", "upload-expires")
_COUNT = Annotated[int, Meta(ge=0, le=2**53)]


def _uploads(uploads: TusUploads) -> tuple[Operation, ...]:
    one = "/uploads/{upload}"
    return (
        Operation(
            "OPTIONS", "/uploads", "uploadOptions", "What of tus is spoken.",
            uploads.discover,
            {204: Given("It is told in headers.", None, (
                "tus-version", "tus-extension", "tus-max-size", "tus-checksum-algorithm",
            ))},
        ),
        Operation(
            "POST", "/uploads", "beginUpload",
            "Begin an upload that can be broken off. Its metadata are `path`, and perhaps `base` "
            "and `mtime_ms` as of a write, and `sha256` of the whole (in hex): then the same "
            "upload is found again when it is begun again. With `place`, `by-date`, it comes into "
            "a directory for its year and month, under another name where that is taken.",
            spoken(uploads.create),
            {201: Given("It is begun, or goes on.", None, ("location", *_HOW_FAR))},
            (
                _TUS, _SUM,
                Parameter(
                    "upload-length", _COUNT, "Bytes in all.", required=True, where="header"
                ),
                Parameter(
                    "upload-metadata", str, "Keys, each with its value in base64.", where="header"
                ),
            ),
            body=bytes, body_media_type=MEDIA_TYPE, body_required=False,
        ),
        Operation(
            "HEAD", one, "uploadOffset", "How far it is, in headers.",
            spoken(uploads.ask), {200: Given("So far.", None, _HOW_FAR)}, (_TUS, _UPLOAD),
        ),
        Operation(
            "GET", one, "upload", "How far it is, and what became of it.",
            uploads.state, {200: Given("So far.", UploadState)}, (_UPLOAD,),
        ),
        Operation(
            "PATCH", one, "continueUpload",
            "Add bytes. With the last of them it is written, all in one step.",
            spoken(uploads.add),
            {204: Given("They are here for good.", None, _HOW_FAR)},
            (
                _TUS, _UPLOAD, _SUM,
                Parameter(
                    "upload-offset", _COUNT, "Where they belong: how far it is.", required=True,
                    where="header",
                ),
            ),
            body=bytes, body_media_type=MEDIA_TYPE, body_required=False,
        ),
        Operation(
            "DELETE", one, "endUpload", "Give it up. What is written stays.",
            spoken(uploads.end), {204: Given("It is gone.", None, ("tus-resumable",))},
            (_TUS, _UPLOAD),
        ),
    )  # fmt: skip
