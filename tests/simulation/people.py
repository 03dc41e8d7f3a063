"""Simulated people: each works in the folder of one device and knows only what stands there."""

from cozysync_conflict import Kind
from tests.simulation.diary import BEGIN, END, sealed
from tests.suites.memory_disk import contents

DIRECTORIES = [b"a", b"b", b"c"]
FILES = [b"n%d.txt" % n for n in range(5)] + [b"m%d.bin" % n for n in range(3)] + [b"link"]
MOST = 40
DEEPEST = 3


class Person:
    """`work` does one deed."""

    def __init__(self, device, diary, chance, trace, *, largest=9000):
        self._largest = largest
        self._device, self._diary, self._chance, self._trace = device, diary, chance, trace
        self._disk = device.hands
        self._deeds = [
            (6, self._create), (8, self._edit), (2, self._delete), (3, self._move_file),
            (2, self._rename_directory), (1, self._move_directory), (2, self._make_directory),
            (1, self._delete_directory), (2, self._swap), (1, self._swap_directories),
            (1, self._make_executable), (1, self._replace_by_other_kind), (1, self._mass_delete),
            (1, self._move_over), (1, self._touch),
        ]  # fmt: skip

    def work(self):
        if not self._device.is_on:
            return
        self._disk.forget()
        weights, deeds = zip(*self._deeds, strict=True)
        deed = self._chance.choices(deeds, weights)[0]
        told = deed()
        if told is not None:
            self._trace(self._device.name, "person", deed.__name__, *told, self._diary.said())
            for path in told:
                self._device.hint(path)
        self._disk.forget()

    # --- what there is

    def _tree(self):
        return contents(self._disk.files.root)

    def _pick(self, kind):
        there = [path for path, node in self._tree().items() if node.kind is kind]
        return self._chance.choice(there) if there else None

    def _files(self):
        return [p for p, node in self._tree().items() if node.kind is not Kind.DIRECTORY]

    def _directory(self):
        """Some directory, by preference not deep."""
        there = [p for p, node in self._tree().items() if node.kind is Kind.DIRECTORY]
        there = [b"", b"", *(p for p in there if p.count(b"/") < DEEPEST - 1)]
        return self._chance.choice(there)

    def _place(self, names):
        above = self._directory()
        name = self._chance.choice(names)
        return above + b"/" + name if above else name

    def _node(self, path):
        return self._tree().get(path)

    # --- files

    def _fresh(self, path):
        word = self._diary.word(self._device.name)
        if path.endswith(b".bin"):
            size = min(self._chance.choice((25, 400, 1500, 4500)), self._largest // 3)
            return sealed(word + self._chance.randbytes(size).hex().encode())
        count = min(self._chance.choice((2, 8, 120)), self._largest // 12)
        lines = [b"line %d\n" % n for n in range(count)]
        return BEGIN + word + b"\n" + b"".join(lines) + END

    def _edited(self, path, data):
        if not path.endswith(b".txt") or not data.endswith(END) or self._chance.random() < 0.2:
            return self._fresh(path)
        lines = data.splitlines(keepends=True)
        word = self._diary.word(self._device.name) + b"\n"
        at = self._chance.randrange(1, len(lines))
        if self._chance.random() < 0.5 and at < len(lines) - 1:
            lines[at] = word
        else:
            lines.insert(at, word)
        return b"".join(lines)

    def _create(self):
        path = self._place(FILES)
        if self._node(path) is not None or len(self._tree()) > MOST:
            return None
        if path.endswith(b"link"):
            data = b"../" + self._diary.word(self._device.name)
            self._diary.wrote(b"", data)
            self._disk.symlink(data, path)
            return (path,)
        data = self._fresh(path)
        self._diary.wrote(b"", data)
        with self._disk.create(path) as file:
            file.write(data)
        return (path,)

    def _edit(self):
        path = self._pick(Kind.FILE)
        if path is None:
            return None
        old = self._node(path).data
        new = self._edited(path, old)
        self._diary.wrote(old, new)
        match self._chance.randrange(4):
            case 0:
                self._disk.overwrite(path, new)
            case 1:  # half of it first; the second half may come after a crash, or never
                half = new[: len(new) // 2]
                self._diary.left.add(half)
                self._disk.overwrite(path, half)
                self._disk.overwrite(path, new)
            case 2:  # as editors do: beside it, then over it
                self._beside(path, new)
                self._disk.replace(path + b".new", path)
            case _:  # as other editors do: the old one away first
                self._beside(path, new)
                self._disk.unlink(path)
                self._disk.replace(path + b".new", path)
        return (path,)

    def _beside(self, path, data):
        aside = path + b".new"
        if (there := self._node(aside)) is not None:
            if there.kind is Kind.DIRECTORY:
                self._take_down(aside)
            else:
                self._diary.wrote(there.data, b"")
                self._disk.unlink(aside)
        with self._disk.create(aside) as file:
            file.write(data)

    def _touch(self):
        path = self._pick(Kind.FILE)
        if path is None:
            return None
        self._disk.set_mtime(path, self._device.clock.now_ns())
        return (path,)

    def _make_executable(self):
        path = self._pick(Kind.FILE)
        if path is None:
            return None
        self._disk.set_executable(path, not self._node(path).executable)
        return (path,)

    def _delete(self):
        files = self._files()
        if not files:
            return None
        path = self._chance.choice(files)
        self._take_down(path)
        return (path,)

    def _mass_delete(self):
        files = self._files()
        some = [path for path in files if self._chance.random() < 0.4]
        for path in some:
            self._take_down(path)
        return tuple(some)

    def _take_down(self, path):
        node = self._node(path)
        if node.kind is Kind.DIRECTORY:
            for name in sorted(node.names):
                self._take_down(path + b"/" + name)
            self._disk.rmdir(path)
        else:
            self._diary.wrote(node.data, b"")
            self._disk.unlink(path)

    def _move_file(self):
        path, new = self._pick(Kind.FILE), self._place(FILES)
        if path is None or self._node(new) is not None:
            return None
        self._disk.rename(path, new)
        return path, new

    def _move_over(self):
        path, new = self._pick(Kind.FILE), self._pick(Kind.FILE)
        if path is None or path == new:
            return None
        self._diary.wrote(self._node(new).data, b"")
        self._disk.replace(path, new)
        return path, new

    def _swap(self):
        files = self._files()
        if len(files) < 2:
            return None
        one, other = self._chance.sample(files, 2)
        self._disk.exchange(one, other)
        return one, other

    def _replace_by_other_kind(self):
        path = self._pick(Kind.FILE)
        if path is None:
            return None
        self._take_down(path)
        self._disk.mkdir(path)
        return (path,)

    # --- directories

    def _make_directory(self):
        path = self._place(DIRECTORIES)
        if self._node(path) is not None:
            return None
        self._disk.mkdir(path)
        return (path,)

    def _rename_directory(self):
        path = self._pick(Kind.DIRECTORY)
        return self._to(path, self._place(DIRECTORIES)) if path is not None else None

    def _move_directory(self):
        path = self._pick(Kind.DIRECTORY)
        if path is None:
            return None
        above = self._directory()
        name = path.rpartition(b"/")[2]
        return self._to(path, above + b"/" + name if above else name)

    def _to(self, path, new):
        if self._node(new) is not None or (new + b"/").startswith(path + b"/"):
            return None
        self._disk.rename(path, new)
        return path, new

    def _swap_directories(self):
        one, other = self._pick(Kind.DIRECTORY), self._pick(Kind.DIRECTORY)
        if one is None or one == other:
            return None
        if (one + b"/").startswith(other + b"/") or (other + b"/").startswith(one + b"/"):
            return None
        self._disk.exchange(one, other)
        return one, other

    def _delete_directory(self):
        path = self._pick(Kind.DIRECTORY)
        if path is None:
            return None
        self._take_down(path)
        return (path,)
