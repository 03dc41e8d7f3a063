"""Photos in their place by date: `DIRECTORY/2026/11/IMG_1.jpg`, never over another's."""

from datetime import UTC, datetime
from pathlib import Path

import trio

from cozysync.gateway.errors import Exists
from cozysync.gateway.sync_api.deeds import make_directory
from cozysync.gateway.sync_api.pictures import Pictures
from cozysync.gateway.sync_api.problems import Refusal
from cozysync.gateway.sync_api.writes import write_once
from cozysync.gateway.view import ABSENT, View, Written

MOST_OF_A_NAME = 1000


async def place_by_date(
    view: View, pictures: Pictures, path: str, staged: Path, mtime_ms: int | None
) -> Written:
    """Write a photo that was sent to `path` below a directory for its year and month.

    The date is when the camera says it was taken, else `mtime_ms`, else now. Where another file
    bears the name, it is called `IMG_1 (2).jpg`; where just this photo does, that is it.
    """
    taken = await pictures.taken(staged) or _date_of(mtime_ms)
    directory, _, name = path.rpartition("/")
    directory = f"{directory}/{taken:%Y}/{taken:%m}"
    await make_directory(view, directory, parents=True)
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    for number in range(1, MOST_OF_A_NAME):
        free = name if number == 1 else f"{stem} ({number}){dot}{ending}"
        try:
            return await write_once(
                view, f"{directory}/{free}", staged, base=ABSENT, mtime_ms=mtime_ms
            )
        except Exists:
            await trio.lowlevel.checkpoint()
    raise Refusal(
        409, "exists", f"{directory} is full of files called {name}.", "Choose another name."
    )


def _date_of(mtime_ms: int | None) -> datetime:
    try:
        if mtime_ms is not None:
            return datetime.fromtimestamp(mtime_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        pass
    return datetime.now(UTC)
