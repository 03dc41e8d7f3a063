"""What a phone knew before it wrote: If-Match and If-None-Match as the base of a write."""

import re
from typing import Any

from cozysync.gateway.view import ABSENT, Entry

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')

NO_SUCH = "-"
"""A version that no file has: what a phone names and nobody can know."""


def tags_in(header: str) -> list[str]:
    """The versions that a header names; `*` stands for any."""
    return [quoted or bare for quoted, bare in _TAG.findall(header)]


def base_of(environ: dict[str, Any], now: Entry | None) -> str | None:
    """The base of a write, as the view wants it; takes its headers out of the request.

    A version that stands no more is a base all the same: the view brings both together, or says
    that it does not know it.
    """
    match = environ.pop("HTTP_IF_MATCH", None)
    if match is None:
        if environ.get("HTTP_IF_NONE_MATCH", "").strip() == "*":
            del environ["HTTP_IF_NONE_MATCH"]
            return ABSENT
        return None
    tags = tags_in(match)
    if "*" in tags:
        return None if now is not None else NO_SUCH
    if now is not None and now.version in tags:
        return now.version
    return tags[0] if len(tags) == 1 else NO_SUCH
