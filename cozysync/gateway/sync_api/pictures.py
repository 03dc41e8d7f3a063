"""Small copies of pictures, and when they were taken; looked at one at a time, outside.

What was made is kept in memory alone, by the content of the picture: nothing that can be read is
left on the disk.
"""

import importlib.util
import subprocess
import sys
from collections import OrderedDict
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

import trio

from cozysync.gateway.sync_api import picture_worker
from cozysync.gateway.sync_api.problems import Refusal
from cozysync.gateway.view import Entry, View

MOST_BYTES = 48 * 1024 * 1024
"""Of a picture that is looked at: it is in memory twice meanwhile."""

SIZES = (64, 128, 256, 512, 1024, 2048)
"""Pixels. Any other size is the next larger of these, so that few are kept."""

KEPT_BYTES = 32 * 1024 * 1024

_WAITING = 64
_PATIENCE_S = 30.0
_WORKER = Path(picture_worker.__file__)


class Pictures:
    """Looks at pictures for one gateway."""

    def __init__(self) -> None:
        self._one = trio.CapacityLimiter(1)
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._kept_bytes = 0

    async def small(self, view: View, picture: Entry, size: int) -> bytes:
        """A JPEG of it, at most about so many pixels wide and high. Raises `Refusal`."""
        if picture.size > MOST_BYTES:
            raise _no_picture(picture.path, "it is too large")
        key = picture.version, next((each for each in SIZES if each >= size), SIZES[-1])
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._one.statistics().tasks_waiting >= _WAITING:
            raise Refusal(
                503, "busy", "Too many pictures are looked at.", "Try again.", {"retry-after": "2"}
            )
        async with self._one:
            if key not in self._kept:  # else somebody wanted the same
                data = await _content(view, picture)
                self._keep(key, await self._asked(picture.path, data, "small", str(key[1])))
            return self._kept[key]

    async def taken(self, staged: Path) -> datetime | None:
        """When a staged picture was taken, by its camera's clock; None when that is not known."""
        if (await trio.Path(staged).stat()).st_size > MOST_BYTES:
            return None
        async with self._one:
            data = await trio.Path(staged).read_bytes()
            try:
                told = await self._asked("", data, "taken")
                return datetime.strptime(told.decode("ascii")[:19], "%Y:%m:%d %H:%M:%S")
            except (Refusal, ValueError):
                return None

    def _keep(self, key: tuple[str, int], made: bytes) -> None:
        self._kept[key] = made
        self._kept_bytes += len(made)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._kept_bytes -= len(gone)

    async def _asked(self, path: str, data: bytes, *question: str) -> bytes:
        if importlib.util.find_spec("PIL") is None:
            raise Refusal(
                501, "no-thumbnails", "Pictures cannot be made small on this gateway.",
                "Install it with them: pip install 'cozysync[pictures]'.",
            )  # fmt: skip
        with trio.move_on_after(_PATIENCE_S):
            done = await trio.run_process(
                [sys.executable, "-I", str(_WORKER), *question],
                stdin=data, capture_stdout=True, stderr=subprocess.DEVNULL, check=False,
                env={},
            )  # fmt: skip
            if done.returncode == 0 and done.stdout:
                return bytes(done.stdout)
        raise _no_picture(path, "it is none that can be looked at, or too large")


async def _content(view: View, picture: Entry) -> bytes:
    data = bytearray()
    async with aclosing(view.read(picture.path, picture.version)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > MOST_BYTES:
                raise _no_picture(picture.path, "it is too large")
    return bytes(data)


def _no_picture(path: str, why: str) -> Refusal:
    return Refusal(
        415, "no-picture", f"{path} cannot be made small: {why}.", "Ask for the content itself."
    )
