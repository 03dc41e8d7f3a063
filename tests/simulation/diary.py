"""What people wrote, saw and threw away: the truth that the checks compare with.

Every write brings a word that is in no other. A word is *dismissed* when somebody overwrites or
deletes a file that bears it: they had it before them. All others must be shown in the end.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass

from cozysync.disk import TRASH
from cozysync_conflict import Kind
from tests.suites.memory_disk import contents

_WORD = re.compile(rb"\{([a-z]+-\d+)\}")
BEGIN, END = b"<begin>\n", b"<end>\n"


@dataclass(slots=True)
class Word:
    by: str
    dismissed: bool = False
    lost_by_power: bool = False


class Diary:
    """The words of one run."""

    def __init__(self):
        self.words = {}
        self.left = set()  # contents as people, or a power cut on their own files, left them
        self._numbers = Counter()
        self._instead = {}  # content → words of what people had before they put that in its place

    def word(self, who):
        self._numbers[who] += 1
        name = f"{who}-{self._numbers[who]}".encode()
        self.words[name] = Word(who)
        return b"{" + name + b"}"

    def said(self):
        """The word that was written last, for the trace."""
        return next(reversed(self.words), b"")

    def wrote(self, old, new):
        """Somebody who saw `old` (b"" for nothing) put `new` in its place."""
        self.left.add(new)
        self._instead[new] = words(old) | self._instead.get(old, set())
        kept = words(new)
        for word in words(old):
            if word not in kept:
                self.words[word].dismissed = True

    def before(self, data):
        """The words that people had in a file before they put this in its place."""
        return self._instead.get(data, set())

    def power_lost(self, before, after):
        """Words that people had written and no disk had kept are nobody's fault."""
        for word in before - after:
            self.words[word].lost_by_power = True

    def is_whole(self, data):
        """Whether a file holds what somebody wrote, or a merge of it, and not a piece."""
        return data in self.left or _is_text(data) or sealed(data[:-64]) == data


def _is_text(data):
    return data.startswith(BEGIN) and data.endswith(END) and b"\0" not in data


def words(data):
    return set(_WORD.findall(data))


def sealed(data):
    """With the hash of itself at its end."""
    return data + hashlib.sha256(data).hexdigest().encode()


def words_in(root, *, private):
    """All words on a disk, with `private` also those that are staged or stand aside.

    What lies in the trash alone is gone: nobody looks there for what a power cut took.
    """
    found = set()
    for path, node in contents(root, private=private).items():
        if path.startswith(TRASH + b"/"):
            continue
        if node.kind is not Kind.DIRECTORY:
            found |= words(node.data)
    return found
