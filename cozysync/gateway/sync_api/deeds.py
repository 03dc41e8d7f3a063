"""Deeds upon the tree: each says how things are to be, so doing it twice is doing it once."""

from typing import Any

from msgspec import UNSET, UnsetType
from starlette.responses import Response

from cozysync.gateway.errors import BadPath, Exists, NotFound, ViewError
from cozysync.gateway.names import joined, parts_of
from cozysync.gateway.sync_api.asked import Asked, entry_of
from cozysync.gateway.sync_api.messages import (
    Batch,
    Copy,
    Deed,
    Done,
    Entry,
    MakeDirectory,
    Move,
    Remove,
    Results,
    Write,
    Written,
)
from cozysync.gateway.sync_api.problems import Refusal, refusal_of
from cozysync.gateway.sync_api.spelling import unspelled
from cozysync.gateway.sync_api.spool import kept
from cozysync.gateway.sync_api.table import answer
from cozysync.gateway.sync_api.writes import write_once
from cozysync.gateway.view import Entry as Seen
from cozysync.gateway.view import View
from cozysync_conflict import Kind


async def one(asked: Asked) -> Response:
    """One deed, its problem being the answer's."""
    return answer(await perform(asked.view, asked.body))


async def remove(asked: Asked) -> Response:
    """A removal, by the parameters of a DELETE."""
    await perform(asked.view, Remove(**asked.values))
    return Response(status_code=204)


async def batch(asked: Asked) -> Response:
    """Many deeds, each with its own outcome."""
    results: list[Done] = []
    wanted: Batch = asked.body
    stopped = False
    for deed in wanted.deeds:
        if stopped:
            results.append(_failed(_NOT_TRIED))
            continue
        try:
            results.append(await perform(asked.view, deed))
        except ViewError as error:
            results.append(_failed(refusal_of(error)))
        except Refusal as refusal:
            results.append(_failed(refusal))
        stopped = wanted.stop and results[-1].status >= 400
    return answer(Results(results))


_NOT_TRIED = Refusal(
    424, "not-tried", "A deed before it failed.", "Send it again when that one is mended."
)


def _failed(refusal: Refusal) -> Done:
    return Done(refusal.status, problem=refusal.problem)


async def perform(view: View, deed: Deed) -> Done:
    """Do it, or find that it is done. Raises the view's errors, and `Refusal`."""
    match deed:
        case MakeDirectory():
            return _done(await make_directory(view, unspelled(deed.path), parents=deed.parents))
        case Remove():
            return await _remove(view, deed)
        case Move():
            return _done(await _move(view, deed))
        case Copy():
            return _done(await _copy(view, deed))
        case Write():
            return await _write(view, deed)


async def make_directory(view: View, path: str, *, parents: bool = False) -> Seen:
    """A directory that stands there afterwards, whoever made it."""
    parts = parts_of(path)
    for depth in range(1 if parents else max(len(parts), 1), len(parts)):
        await _made(view, joined(parts[:depth]))
    return await _made(view, path)


async def _made(view: View, path: str) -> Seen:
    try:
        entry = await view.entry(path)
    except NotFound:
        try:
            return await view.make_directory(path)
        except Exists:  # somebody was quicker
            entry = await view.entry(path)
    if entry.kind is not Kind.DIRECTORY:
        raise Exists(path)
    return entry


async def _remove(view: View, deed: Remove) -> Done:
    try:
        entry = await entry_of(view, _known(deed.path), _known(deed.node))
        await view.remove(entry.path, base=_known(deed.base))
    except NotFound:
        return Done(200)  # it is gone, as it was to be
    return Done(200)


async def _move(view: View, deed: Move) -> Seen:
    target = unspelled(deed.target)
    entry = await entry_of(view, _known(deed.path), _known(deed.node))
    if entry.path == target:
        return entry
    return await view.move(entry.path, target, replace=deed.replace, base=_known(deed.base))


async def _copy(view: View, deed: Copy) -> Seen:
    target = unspelled(deed.target)
    entry = await entry_of(view, _known(deed.path), _known(deed.node))
    if entry.path == target:
        raise BadPath(target, "it is what is to be copied")
    try:
        return await view.copy(entry.path, target, replace=deed.replace)
    except Exists:
        there = await view.entry(target)
        if entry.kind is Kind.FILE is there.kind and entry.version == there.version:
            return there
        raise


async def _write(view: View, deed: Write) -> Done:
    async with kept(view, deed.content) as staged:
        written = await write_once(
            view,
            unspelled(deed.path),
            staged,
            base=_known(deed.base),
            mtime_ms=_known(deed.mtime_ms),
        )
    told = Written.of(written)
    return Done(200, told.entry, told.outcome, told.beside)


def _done(entry: Seen) -> Done:
    return Done(200, Entry.of(entry))


def _known(value: Any) -> Any:
    return None if isinstance(value, UnsetType) or value is UNSET else value
