"""People who all work in the same tree at once, and what must be found again of what they wrote.

Every piece of text that somebody writes bears a mark of its own. A person who replaces or deletes a
file reads it first: its marks are *seen*, and may go. Every other mark must be found at the end.
"""

import contextlib
import os
import random
import re
import threading
from collections import Counter

MARK = re.compile(rb"<[a-z]+-\d+>")
WORDS = [b"apple", b"river", b"seven", b"stone", b"cloud", b"paper", b"green", b"night"]
DIRECTORIES = ["", "a", "b", "a/deep", "c", "d"]


class Worker(threading.Thread):
    """One person at one device, without a pause longer than `pause_s` seconds."""

    def __init__(self, name, folder, seed, pause_s):
        super().__init__()
        self.written = set()
        self.seen = set()
        self.deeds = Counter()
        self._name = name.encode()
        self._folder = os.fsencode(folder)
        self._random = random.Random(seed)
        self._pause_s = pause_s
        self._count = 0
        self._marks = set()
        self._enough = threading.Event()

    def run(self):
        chances = [
            (self._create, 25), (self._edit, 25), (self._save_by_rename, 15), (self._rewrite, 8),
            (self._move, 10), (self._delete, 7), (self._make_directory, 4),
            (self._move_directory, 3), (self._delete_directory, 2), (self._swap, 3),
        ]  # fmt: skip
        deeds, weights = zip(*chances, strict=True)
        while not self._enough.wait(self._random.random() * self._pause_s):
            deed = self._random.choices(deeds, weights)[0]
            self._marks = set()
            # The daemon moves things at the same time: a path may be gone, or taken.
            with contextlib.suppress(OSError):
                deed()
                self.written |= self._marks  # only now: what could not be saved was not written
                self.deeds[deed.__name__.strip("_")] += 1

    def finish(self):
        self._enough.set()
        self.join()

    # --- deeds

    def _create(self):
        self._write(self._fresh(b".txt"), self._lines(self._random.randrange(1, 40)))

    def _edit(self):
        path = self._file(b".txt")
        text = self._read(path)
        lines = text.splitlines(keepends=True)
        at = self._random.randrange(len(lines) + 1)
        gone = lines[at : at + self._random.randrange(2)]
        lines[at : at + len(gone)] = [self._line()]
        self._replace(path, b"".join(lines), text)

    _save_by_rename = _edit

    def _rewrite(self):
        path = self._file(b".bin") if self._random.random() < 0.6 else self._fresh(b".bin")
        old = self._read(path) if os.path.exists(path) else b""
        size = self._random.choice([200, 5_000, 300_000])
        self._replace(path, self._mark() + self._random.randbytes(size), old)

    def _move(self):
        path = self._file()
        target = self._fresh(os.path.splitext(path)[1])
        self._rename(path, target)

    def _delete(self):
        path = self._file()
        text = self._read(path)
        os.unlink(path)
        self._saw(text)

    def _make_directory(self):
        os.mkdir(os.path.join(self._directory(), b"n%d" % self._random.randrange(20)))

    def _move_directory(self):
        old = self._directory(below=True)
        self._rename(old, os.path.join(self._directory(), b"m%d" % self._random.randrange(20)))

    def _delete_directory(self):
        directory = self._directory(below=True)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                text = self._read(path)
                os.unlink(path)
                self._saw(text)
        os.rmdir(directory)

    def _swap(self):
        one, other = self._file(), self._file()
        aside = self._fresh(b".swap")
        self._rename(one, aside)
        try:
            self._rename(other, one)
        finally:
            self._rename(aside, other if not os.path.exists(other) else self._fresh(b".txt"))

    # --- hands

    def _write(self, path, text):
        with open(path, "xb") as file:
            file.write(text)

    def _replace(self, path, text, old):
        """Save as editors do. What was there is seen only if it still was what had been read."""
        temporary = os.path.join(os.path.dirname(path), b".saving-" + self._name + b"~")
        with open(temporary, "wb") as file:
            file.write(text)
        os.replace(temporary, path)
        self._saw(old)

    def _rename(self, old, new):
        if os.path.lexists(new):
            raise FileExistsError(new)
        os.rename(old, new)

    def _read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def _saw(self, text):
        self.seen.update(MARK.findall(text))

    def _mark(self):
        self._count += 1
        mark = b"<%s-%d>" % (self._name, self._count)
        self._marks.add(mark)
        return mark

    def _line(self):
        return b" ".join([*self._random.choices(WORDS, k=4), self._mark()]) + b"\n"

    def _lines(self, count):
        return b"".join(self._line() for _ in range(count))

    # --- places

    def _directory(self, *, below=False):
        found = [self._folder]
        for at in found:
            for entry in os.scandir(at):
                if entry.name != b".cozysync" and entry.is_dir(follow_symlinks=False):
                    found.append(entry.path)
        return self._random.choice(found[1:] if below and len(found) > 1 else found)

    def _file(self, ending=b""):
        for _ in range(10):
            names = [e for e in os.scandir(self._directory()) if e.is_file(follow_symlinks=False)]
            names = [
                e.path for e in names if e.name.endswith(ending) and not e.name.startswith(b".")
            ]
            if names:
                return self._random.choice(names)
        raise FileNotFoundError

    def _fresh(self, ending):
        return os.path.join(self._directory(), b"f%d%s" % (self._random.randrange(60), ending))


def marks_below(directory):
    """All marks in all files below a directory, cozysync's own trash included."""
    found = set()
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found.update(MARK.findall(path.read_bytes()))
    return found
