"""Looking at the tree: what is where, what changed, how things stand."""

import unicodedata

from starlette.responses import Response

from cozysync.gateway.names import below
from cozysync.gateway.sync_api.asked import Asked
from cozysync.gateway.sync_api.messages import Changes, Cursor, Entries, Entry, Status
from cozysync.gateway.sync_api.spelling import spelled
from cozysync.gateway.sync_api.table import answer
from cozysync.gateway.view import ROOT

MOST_FOUND = 200
_A_LOOK, _A_LONG_LOOK = 1000, 10_000


async def entry(asked: Asked) -> Response:
    """What stands at a path, or where a node is."""
    return answer(Entry.of(await asked.entry()))


async def children(asked: Asked) -> Response:
    """What a directory holds."""
    found = await asked.view.children((await asked.entry()).path)
    return answer(Entries(list(map(Entry.of, found))))


async def versions(asked: Asked) -> Response:
    """What a file was, as far as the history goes."""
    found = await asked.view.versions((await asked.entry()).path)
    return answer(Entries(list(map(Entry.of, found))))


async def changes(asked: Asked) -> Response:
    """A page of changes; waits for one when there is none yet and the phone wants that."""
    path, cursor, limit = _directory(asked), asked.get("cursor"), asked.get("limit", _A_LOOK)
    page = await asked.view.changes(path, cursor, limit)
    nothing = not (page.changed or page.removed or page.more)
    if (
        cursor is not None
        and nothing
        and await asked.view.wait(path, page.cursor, asked.get("wait", 0))
    ):
        page = await asked.view.changes(path, page.cursor, limit)
    return answer(Changes.of(page))


async def now(asked: Asked) -> Response:
    """The cursor of now, for who keeps no copy of the tree and waits for news alone."""
    path, cursor, more = _directory(asked), None, True
    while more:
        page = await asked.view.changes(path, cursor, _A_LONG_LOOK)
        cursor, more = page.cursor, page.more
    return answer(Cursor(cursor or ""))


async def search(asked: Asked) -> Response:
    """Entries below a directory whose name has this text in it, however it is written."""
    path, wanted = _directory(asked), _folded(asked.get("name"))
    most = asked.get("limit", MOST_FOUND)
    found: list[Entry] = []
    cursor, more = None, True
    while more and len(found) <= most:
        page = await asked.view.changes(path, cursor, _A_LOOK)
        cursor, more = page.cursor, page.more
        found += [
            Entry.of(each)
            for each in page.changed
            if wanted in _folded(spelled(each.name)) and below(each.path, path)
        ]
    return answer(Entries(found[:most], more or len(found) > most))


async def status(asked: Asked) -> Response:
    """How things stand."""
    space, scope = await asked.view.space(), asked.phone.scope
    return answer(
        Status(
            phone=asked.phone.name,
            read_only=scope.read_only,
            folders=None if scope.folders is None else list(map(spelled, scope.folders)),
            conflicts=await asked.view.conflicts(),
            used=space.used,
            free=space.free,
        )
    )


def _directory(asked: Asked) -> str:
    return asked.path() if "path" in asked.values else ROOT


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
