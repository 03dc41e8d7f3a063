"""Writing a content once, however often it is sent."""

from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import BinaryIO

import trio

from cozysync.gateway.errors import Exists
from cozysync.gateway.view import ABSENT, Entry, Outcome, View, Written
from cozysync_conflict import Kind


async def write_once(
    view: View, path: str, staged: Path, *, base: str | None, mtime_ms: int | None
) -> Written:
    """As `View.write`; but a new file that is there already with just this content is written.

    So a phone that did not hear the answer may send it again.
    """
    mtime_ns = None if mtime_ms is None else mtime_ms * 1_000_000
    try:
        return await view.write(path, staged, base=base, mtime_ns=mtime_ns)
    except Exists:
        there = await view.entry(path)
        if base == ABSENT and await holds(view, there, staged):
            return Written(Outcome.WRITTEN, there)
        raise


async def holds(view: View, entry: Entry, staged: Path) -> bool:
    """Whether a file of the view has just the content of a staged one."""
    size = (await trio.Path(staged).stat()).st_size
    if entry.kind is not Kind.FILE or entry.size != size:
        return False
    with await trio.to_thread.run_sync(partial(_opened, staged)) as file:
        async with aclosing(view.read(entry.path, entry.version)) as pieces:
            async for piece in pieces:
                if piece != await trio.to_thread.run_sync(file.read, len(piece)):
                    return False
    return True


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")
