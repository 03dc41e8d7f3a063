"""Staging: bringing contents onto the disk, beside where they belong, as far as they can be had.

What has no room, cannot be had or was made up by its author is noted, and spoils no other.
"""

import os
from collections.abc import Sequence
from functools import partial

from cozysync.content import Recipe, decode_recipe
from cozysync.disk import PRIVATE, Disk, DiskIndex, Placer, write_all
from cozysync.sync.download import WINDOW, Downloader, Local, Unavailable, joined
from cozysync.sync.ledger import Ledger
from cozysync.sync.obstacles import Obstacles
from cozysync.sync.plan import Wanted, WriteContent
from cozysync.sync.seams import Seams
from cozysync.sync.waves import Coming
from cozysync_conflict import Kind, NodeId, kind_of
from cozysync_protocol import ChunkId, Malformed

Staged = tuple[WriteContent, bytes, Recipe]


class Staging:
    """Stages contents of one folder.

    Files that find no room are `obstacles`; `lacking` are the nodes whose content cannot be
    had, by path.
    """

    def __init__(
        self,
        disk: Disk,
        index: DiskIndex,
        ledger: Ledger,
        downloader: Downloader,
        seams: Seams,
        placer: Placer,
        obstacles: Obstacles,
    ) -> None:
        self._disk = disk
        self._index = index
        self._ledger = ledger
        self._downloader = downloader
        self._seams = seams
        self._placer = placer
        self._obstacles = obstacles
        self.lacking: dict[NodeId, bytes] = {}

    def readable(self, steps: Sequence[WriteContent]) -> list[Coming]:
        """What comes by the steps whose recipe reads: another device may have made up anything."""
        readable: list[Coming] = []
        for step in steps:
            assert step.wanted.content is not None
            try:
                recipe = decode_recipe(step.wanted.content.detail)
            except Malformed:
                self._lacks(step)
            else:
                first = next((chunk for chunk, _ in recipe.chunks or recipe.lists), None)
                readable.append(Coming(step, recipe.size, first))
        return readable

    def _lacks(self, step: WriteContent) -> None:
        path = self._index.path(step.wanted.node) or place_of(self._index, step.wanted)
        self.lacking[step.wanted.node] = path or step.wanted.name

    async def stage(self, wave: Sequence[Coming]) -> list[Staged]:
        """The contents of these steps that are staged; work of their own for each wave."""
        recipes: list[tuple[WriteContent, Recipe]] = []
        lacking: list[WriteContent] = []
        for step in await self._ledger.do(partial(self._fitting, wave)):
            assert step.wanted.content is not None
            try:
                recipes.append((step, await self._downloader.recipe(step.wanted.content)))
            except Unavailable:
                lacking.append(step)
        try:
            staged = await self._possible(recipes)
        except OSError:
            # What was written so far must not fill the disk of who is to make room on it.
            await self._seams.offload(partial(self._unstage, [step for step, _ in recipes]))
            raise
        done = {step.wanted.node for step, _, _ in staged}
        lacking += [step for step, _ in recipes if step.wanted.node not in done]
        for step in lacking:
            await self._ledger.do(partial(self._lacks, step))
        return staged

    def _fitting(self, wave: Sequence[Coming]) -> list[WriteContent]:
        """Those for which there is room; the others are noted. A large file lets small ones by."""
        room = self._disk.room()
        fitting: list[WriteContent] = []
        for step, size, _ in wave:
            if self._obstacles.stands(step.wanted.node):
                continue
            if size <= room:
                room -= size
                fitting.append(step)
            else:
                path = self._index.path(step.wanted.node) or place_of(self._index, step.wanted)
                self._obstacles.crowded(path or step.wanted.name, size, room)
        return fitting

    def _unstage(self, steps: Sequence[WriteContent]) -> None:
        for step in steps:
            self._placer.staged(step.wanted.node)

    async def _possible(self, recipes: Sequence[tuple[WriteContent, Recipe]]) -> list[Staged]:
        """Stage what can be had of these: what cannot spoils no other."""
        while recipes:
            try:
                return await self._all(recipes)
            except Unavailable as error:
                await self._seams.offload(partial(self._unstage, [step for step, _ in recipes]))
                recipes = [each for each in recipes if not _needs(each[1], error.chunks)]
        return []

    async def _all(self, recipes: Sequence[tuple[WriteContent, Recipe]]) -> list[Staged]:
        if len(recipes) == 1 and recipes[0][1].size > WINDOW:
            step, recipe = recipes[0]
            path = await self._seams.offload(partial(self._placer.staged, step.wanted.node))
            local = await self._ledger.do(partial(self._local, step.wanted.node))
            await self._downloader.stage(self._disk, path, recipe, local)
            return [(step, path, recipe)]
        ids = [chunk for _, recipe in recipes for chunk, _ in recipe.chunks]
        held = await self._downloader.chunks(ids)
        return await self._seams.offload(partial(self._write, recipes, held))

    def _write(
        self, recipes: Sequence[tuple[WriteContent, Recipe]], held: dict[ChunkId, bytes]
    ) -> list[Staged]:
        staged: list[Staged] = []
        for step, recipe in recipes:
            path = self._placer.staged(step.wanted.node)
            data = recipe.inline
            if data is None:
                try:
                    data = joined(recipe.chunks, held)
                except Unavailable:
                    continue
            if kind_of(step.wanted.node) is Kind.LINK:
                self._disk.symlink(data, path)
            else:
                with self._disk.create(path) as file:
                    write_all(file, data)
            staged.append((step, path, recipe))
        return staged

    def _local(self, node: NodeId) -> Local | None:
        row, path = self._index.row(node), self._index.path(node)
        if row is None or path is None:
            return None
        for version in self._ledger.replica.tree.versions(node):
            if version.content.digest == row.digest:
                return path, decode_recipe(version.content.detail)
        return None


def place_of(index: DiskIndex, wanted: Wanted) -> bytes | None:
    """Where the vault wants a node, None while the directory above is not in place."""
    above = index.path(wanted.parent)
    if above is None or not _is_safe(wanted.name) or (not above and wanted.name == PRIVATE):
        return None
    return above + b"/" + wanted.name if above else wanted.name


def _is_safe(name: bytes) -> bool:
    """Whether another device's name can be a name here, and leads nowhere else."""
    return name not in (b"", b".", b"..") and not set(name) & {0, ord("/"), ord(os.sep)}


def _needs(recipe: Recipe, chunks: frozenset[ChunkId]) -> bool:
    """Whether a content cannot be made without these; without chunks, whether it is made up."""
    return not chunks or any(chunk in chunks for chunk, _ in recipe.chunks)
