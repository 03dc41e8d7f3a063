"""A person at work in a folder on a real disk, by relative path."""

import os
import shutil


class RealHands:
    def __init__(self, root):
        self._root = root

    def write(self, path, text):
        (self._root / path).write_text(text)

    def mkdir(self, path):
        (self._root / path).mkdir(parents=True)

    def move(self, old, new):
        (self._root / old).rename(self._root / new)

    def delete(self, path):
        target = self._root / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()

    def texts(self):
        """Path → text of every file; bytes that are no text are replaced."""
        return {
            os.path.relpath(path, self._root): path.read_text(errors="replace")
            for path in self._root.rglob("*")
            if path.is_file() and ".cozysync" not in path.parts
        }
