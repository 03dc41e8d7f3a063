"""A phone that uses the JSON interface: what an own app has to do, in full and as small as it gets.

It keeps a copy of the tree by node, goes offline, lets a person edit the copy, and comes back: it
sends what was changed there, each edit with the version that it was made on, then takes what others
changed. Whatever is answered with a problem is looked at anew in the next round; nothing that a
person wrote on the phone is dropped before the gateway has it.
"""

import base64
import hashlib
from dataclasses import dataclass, field

from tests.suites.phones import HOST

API = "/api/v1/"
TUS = {"tus-resumable": "1.0.0"}


@dataclass
class Copy:
    """A file or directory on the phone. `base` is the version that `data` was made on."""

    path: str
    kind: str
    node: str | None = None
    base: str = ""
    data: bytes = b""
    is_edited: bool = False
    moved_from: str | None = None


@dataclass
class SyncingPhone:
    """`piece` is how many bytes of an upload go in one request; `breaks` raises when it breaks."""

    client: object
    root: str
    piece: int = 1000
    cursor: str | None = None
    files: dict[str, Copy] = field(default_factory=dict)
    removed: dict[str, tuple[str, str]] = field(default_factory=dict)
    breaks: object = None

    # --- what a person does with it, with or without a net -----------------------------------

    def write(self, path, data):
        """Make or change a file. Only into directories that are there."""
        copy = self.files.get(path)
        if copy is None:
            copy = self.files[path] = Copy(path, "file")
        copy.data, copy.is_edited = data, True

    def make_directory(self, path):
        self.files[path] = Copy(path, "directory", is_edited=True)

    def remove(self, path):
        """Remove a file."""
        copy = self.files.pop(path)
        if copy.node is not None:
            self.removed[copy.node] = (copy.path, copy.base)

    def move(self, path, target):
        """Rename or move a file."""
        copy = self.files.pop(path)
        if copy.node is not None and copy.moved_from is None:
            copy.moved_from = path
        copy.path = target
        self.files[target] = copy

    def tree(self):
        """What the person sees: contents by path, None for directories."""
        return {
            path: copy.data if copy.kind == "file" else None for path, copy in self.files.items()
        }

    # --- with a net --------------------------------------------------------------------------

    async def sync(self):
        """Send, then take. May be broken off anywhere, and called again."""
        await self._send_directories()
        await self._send_removals()
        await self._send_moves()
        await self._send_edits()
        await self._take()

    async def _ask(self, method, what, **how):
        if self.breaks is not None:
            self.breaks()
        answer = await self.client.request(method, f"https://{HOST}{API}{what}", **how)
        if self.breaks is not None:
            self.breaks()  # the answer may be lost, too
        assert answer.status_code < 500, answer.text
        return answer

    async def _send_directories(self):
        for path in sorted(self.files):
            copy = self.files[path]
            if copy.kind == "directory" and copy.node is None:
                answer = await self._ask("POST", "directories", json={"path": path})
                if answer.status_code == 200:
                    copy.node, copy.is_edited = answer.json()["entry"]["node"], False

    async def _send_removals(self):
        """In one batch: each tells of itself. What has changed meanwhile is not removed."""
        if not self.removed:
            return
        deeds = [
            {"deed": "remove", "node": node, "base": base}
            for node, (_, base) in self.removed.items()
        ]
        await self._ask("POST", "batches", json={"deeds": deeds})
        self.removed.clear()  # done, or refused for good: then it comes again with its news

    async def _send_moves(self):
        for copy in list(self.files.values()):
            if copy.moved_from is None:
                continue
            wanted = {"node": copy.node, "target": copy.path}
            answer = await self._ask("POST", "moves", json=wanted)
            if answer.status_code == 409:  # the place is taken: another name, and once more
                del self.files[copy.path]
                copy.path = self._free(copy.path)
                self.files[copy.path] = copy
                continue
            copy.moved_from = None
            if answer.status_code == 404 and not copy.is_edited:
                del self.files[copy.path]  # others have removed it; an edit would live

    async def _send_edits(self):
        for copy in list(self.files.values()):
            if not copy.is_edited or copy.kind != "file":
                continue
            written = await self._upload(copy)
            if written is not None:
                entry = written["entry"]
                copy.node, copy.is_edited = entry["node"], False
                copy.base = entry["version"] if written["outcome"] == "written" else "-"
                if entry["path"] != copy.path:  # it was moved there meanwhile
                    self.files.pop(copy.path, None)
                    copy.path = entry["path"]
                    self.files[copy.path] = copy

    async def _upload(self, copy):
        """Send a content by an upload that goes on where it was broken off."""
        metadata = {
            "path": copy.path,
            "base": copy.base,
            "sha256": hashlib.sha256(copy.data).hexdigest(),
        }
        header = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items()
        )
        begun = await self._ask(
            "POST",
            "uploads",
            headers=TUS | {"upload-length": str(len(copy.data)), "upload-metadata": header},
        )
        if begun.status_code != 201:
            return self._refused(copy, begun)
        where = begun.headers["location"].removeprefix(API)
        offset = int(begun.headers["upload-offset"])
        while True:
            state = (await self._ask("GET", where)).json()
            if state["written"] is not None:
                return state["written"]
            offset = state["offset"]
            answer = await self._ask(
                "PATCH",
                where,
                headers=TUS
                | {
                    "upload-offset": str(offset),
                    "content-type": "application/offset+octet-stream",
                },
                content=copy.data[offset : offset + self.piece],
            )
            if answer.status_code != 204 and "upload-offset" not in answer.headers:
                await self._ask("DELETE", where, headers=TUS)
                return self._refused(copy, answer)

    def _refused(self, copy, answer):
        """Another stands there, or the base is not known: keep it as a new file beside."""
        assert answer.status_code in (404, 409, 412), answer.text
        self._becomes_new(copy)

    def _becomes_new(self, copy):
        new = self._free(copy.path)
        if self.files.get(copy.path) is copy:
            del self.files[copy.path]
        self.files[new] = Copy(new, "file", data=copy.data, is_edited=True)

    def _free(self, path):
        number = 2
        while f"{path} ({number})" in self.files:
            number += 1
        return f"{path} ({number})"

    # --- taking ------------------------------------------------------------------------------

    async def _take(self):
        more = True
        while more:
            params = {"path": self.root, "limit": 3}
            if self.cursor is not None:
                params["cursor"] = self.cursor
            answer = await self._ask("GET", "changes", params=params)
            if answer.status_code == 410:
                await self._begin_anew()
                return
            page = answer.json()
            for each in page["removed"]:
                self._take_away(each)
            for entry in page["changed"]:
                await self._take_in(entry)
            self.cursor, more = page["cursor"], page["more"]

    async def _begin_anew(self):
        """The cursor is not known any more: what is not told of now is gone."""
        self.cursor = None
        known = {copy.node for copy in self.files.values() if copy.node}
        told, more, cursor = {}, True, {}
        while more:
            page = (await self._ask("GET", "changes", params={"path": self.root} | cursor)).json()
            told |= {entry["node"]: entry for entry in page["changed"]}
            cursor, more = {"cursor": page["cursor"]}, page["more"]
        for node in known - told.keys():
            self._take_away({"node": node, "path": None, "moved_to": None})
        for entry in told.values():
            await self._take_in(entry)
        self.cursor = cursor["cursor"]

    def _of(self, node):
        return next((copy for copy in self.files.values() if copy.node == node), None)

    def _take_away(self, removed):
        copy = self._of(removed["node"])
        if copy is None or removed["moved_to"] is not None:
            return  # where it went comes with what changed
        if copy.is_edited and copy.kind == "file":
            return  # the edit lives: it is sent as of its base
        del self.files[copy.path]

    async def _take_in(self, entry):
        copy = self._of(entry["node"])
        if copy is not None and copy.path != entry["path"] and copy.moved_from is None:
            del self.files[copy.path]
            copy.path = entry["path"]
            self._make_room(copy.path)
            self.files[copy.path] = copy
        if copy is None:
            self._make_room(entry["path"])
            copy = self.files[entry["path"]] = Copy(entry["path"], entry["kind"], entry["node"])
        if copy.kind == "file" and not copy.is_edited and copy.base != entry["version"]:
            params = {"node": entry["node"], "version": entry["version"]}
            answer = await self._ask("GET", "content", params=params)
            if answer.status_code == 200:
                copy.data, copy.base = answer.content, entry["version"]

    def _make_room(self, path):
        """What the phone has at a place that another takes: a new file, if a person wrote it."""
        there = self.files.get(path)
        if there is None:
            return
        if there.is_edited and there.kind == "file":
            self._becomes_new(there)
        else:
            del self.files[path]
