"""What stays out of sync: `.cozyignore`, in the syntax of `.gitignore`, and a few built-in rules.

The file stands in the folder's root and is synced like any other, so all devices agree.
"""

import os
import re
import warnings
from functools import lru_cache

import pathspec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from cozysync.disk.posix import PRIVATE, Disk

IGNORE_FILE = b".cozyignore"

BUILT_IN = (
    # Locks and scratch files that programs write beside a document while it is open.
    ".~lock.*#",
    ".*.sw[a-p]",
    "4913",
    "~$*",
    ".goutputstream-*",
    # What git has only while it works: a lock that arrived elsewhere would stop git there.
    "**/*.git/**/*.lock",
    "**/*.git/objects/**/tmp_*",
    "**/*.git/gc.pid",
    # What file managers leave behind, of no use on another machine.
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
)
"""Ignored everywhere; a line `!NAME` in `.cozyignore` takes one back."""

_MAX_RULES = 1024 * 1024
# One thing of a path that a rule names: any character, an escaped one, itself, or a class.
_ONE = r"(?:\[\^/\](?!\*)|\\.|[^\\/\[\](){}|*]|\[[^/\]]*\])"
_STAR_BEFORE_STAR = re.compile(rf"\[\^/\]\*({_ONE}+)(?=\[\^/\]\*)")


class Ignore:
    """The rules of one folder, as they stand in its file."""

    def __init__(self, text: str = "") -> None:
        lines = [*BUILT_IN, *text.splitlines()]
        rules = [(line, rule) for line in lines if (rule := _rule(line)) is not None]
        self._lines = [line for line, _ in rules]
        self._spec = pathspec.GitIgnoreSpec([rule for _, rule in rules])

    @classmethod
    def load(cls, disk: Disk) -> "Ignore":
        """The rules in the folder's file; none but the built-in ones when it cannot be read."""
        try:
            with disk.open(IGNORE_FILE) as file:
                return _ruled(file.read(_MAX_RULES).decode("utf-8", "surrogateescape"))
        except (OSError, ValueError):
            return _ruled("")

    def covers(self, path: bytes, *, directory: bool) -> bool:
        """Whether this path stays out of sync."""
        if path == PRIVATE or path.startswith(PRIVATE + b"/"):
            return True
        name = os.fsdecode(path)
        return bool(self._spec.match_file(name + "/" if directory else name))

    def rule_for(self, path: bytes, *, directory: bool) -> str | None:
        """The line by which this path, or a directory above it, stays out of sync."""
        parts = path.split(b"/")
        for depth in range(1, len(parts) + 1):
            name = os.fsdecode(b"/".join(parts[:depth]))
            found = self._spec.check_file(name + "/" if depth < len(parts) or directory else name)
            if found.include and found.index is not None:
                return self._lines[found.index].strip()
        return None


@lru_cache(maxsize=8)
def _ruled(text: str) -> Ignore:
    """Each look at a folder asks for the rules, which are long to compile and seldom change."""
    return Ignore(text)


def _rule(line: str) -> GitIgnoreSpecPattern | None:
    """The rule of a line; None for one that cannot be meant, as git has it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of `[[`, which means itself
            rule = GitIgnoreSpecPattern(line)
            if rule.regex is not None:
                rule.regex = re.compile(_without_going_back(rule.regex.pattern))
    except (ValueError, re.error):
        return None
    return rule


def _without_going_back(pattern: str) -> str:
    """The pattern of a rule, made so that no name can keep it busy.

    What stands between two stars may as well be found where it first occurs. Trying all other
    places too would take minutes for a rule with six stars and a long name.
    """
    return _STAR_BEFORE_STAR.sub(r"(?>[^/]*?\1)", pattern)
