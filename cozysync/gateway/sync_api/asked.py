"""A request, read by its description: nothing that is not described is taken."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import trio
from starlette.requests import Request

from cozysync.gateway.phones import Phone
from cozysync.gateway.sync_api.problems import Refusal, malformed, too_large, too_slow
from cozysync.gateway.sync_api.spelling import unspelled
from cozysync.gateway.view import Entry, View

MOST_JSON = 4 * 1024 * 1024

SILENCE_S = 60.0
"""How long nothing may come of a body."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`type` is what msgspec understands: it both reads and describes the value.

    `where` is `query`, `header` or `path`.
    """

    name: str
    type: Any
    description: str
    required: bool = False
    where: str = "query"


class Asked:
    """Who asks for what. `values` are those of the parameters that came, `body` the JSON."""

    def __init__(self, request: Request, values: dict[str, Any], body: Any = None) -> None:
        self.request = request
        self.values = values
        self.body = body

    @property
    def view(self) -> View:
        """The tree, as far as the phone's rights go."""
        view: View = self.request.scope["state"]["view"]
        return view

    @property
    def phone(self) -> Phone:
        """Who asks."""
        phone: Phone = self.request.scope["state"]["phone"]
        return phone

    @property
    def is_head(self) -> bool:
        """Whether only the headers are wanted."""
        return self.request.method == "HEAD"

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a parameter."""
        return self.values.get(name, default)

    def path(self, name: str = "path") -> str:
        """The path (of the view) that a parameter spells."""
        return unspelled(self.values[name])

    async def entry(self) -> Entry:
        """What `path` or `node` names. Raises the view's errors, and `Refusal` for both or none."""
        return await entry_of(self.view, self.get("path"), self.get("node"))


async def entry_of(view: View, path: str | None, node: str | None) -> Entry:
    """The entry at a path, spelled, or of a node: just one of them is to be given."""
    if (path is None) == (node is None):
        raise malformed("One of path and node is to be given.")
    if node is not None:
        return await view.find(node)
    return await view.entry(unspelled(path or ""))


async def asked(request: Request, parameters: tuple[Parameter, ...], body: Any) -> Asked:
    """Read a request. Raises `Refusal`."""
    values = _values(request, parameters)
    if body is None or body is bytes:
        return Asked(request, values)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "not-json", "The body is to be JSON.", "Say so: application/json.")
    data = await body_of(request, MOST_JSON)
    try:
        return Asked(request, values, msgspec.json.decode(data, type=body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"The body: {error}.") from error


async def body_of(request: Request, most: int) -> bytes:
    """The whole body. Raises `Refusal` when it is larger, or when nothing comes."""
    data = bytearray()
    async with aclosing(request.stream()) as stream:
        while (piece := await next_of(stream)) is not None:
            data += piece
            if len(data) > most:
                raise too_large(most)
    return bytes(data)


async def next_of(stream: AsyncGenerator[bytes, None]) -> bytes | None:
    """The next piece of a body, None at its end. Raises `Refusal` when none comes for too long."""
    with trio.move_on_after(SILENCE_S) as waiting:
        return await anext(stream, None)
    assert waiting.cancelled_caught
    raise too_slow(SILENCE_S)


def _values(request: Request, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    texts: dict[tuple[str, str], str] = {}
    for name, text in _query(request):
        if ("query", name) in texts:
            raise malformed(f"{name!r} is there twice.")
        texts["query", name] = text
    known = {each.name for each in parameters if each.where == "query"}
    for _, name in texts:
        if name not in known:
            raise malformed(f"There is no parameter {name!r} here.")
    for name, value in request.path_params.items():
        texts["path", name] = str(value)
    for each in parameters:
        if each.where == "header" and each.name in request.headers:
            texts["header", each.name] = request.headers[each.name]
    return {
        each.name: _value(each, texts[each.where, each.name])
        for each in parameters
        if (each.where, each.name) in texts or _is_missed(each)
    }


def _is_missed(parameter: Parameter) -> bool:
    if parameter.required:
        raise malformed(f"{parameter.name} is to be given.")
    return False


def _value(parameter: Parameter, text: str) -> Any:
    try:
        return msgspec.convert(text, parameter.type, strict=False)
    except msgspec.ValidationError as error:
        raise malformed(f"{parameter.name}: {error}.") from error


def _query(request: Request) -> list[tuple[str, str]]:
    try:
        text = request.scope["query_string"].decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError as error:
        raise malformed("The query is no text in UTF-8.") from error
