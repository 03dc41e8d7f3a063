"""The index follows any tree, and whoever follows its cursors has the tree."""

import random
import sqlite3

import pytest

from cozysync.gateway.answers import changes_since, entry_of
from cozysync.gateway.errors import CursorGone, NotFound
from cozysync.gateway.index import Row, ViewIndex
from cozysync_conflict import ROOT, Kind, NodeId, kind_of


class Tree:
    """A tree that somebody rearranges without any regard for phones."""

    def __init__(self, chance):
        self._chance = chance
        self.places = {ROOT: (ROOT, b"")}
        self.contents = {}
        self._count = 0

    def row(self, node):
        path = self.path(node)
        if path is None:
            return None
        return Row(node, self.places[node][0], path, self.contents.get(node, b""))

    def path(self, node):
        parts = []
        while node != ROOT:
            if node not in self.places:
                return None
            node, name = self.places[node]
            parts.append(b"/" + name)
        return b"".join(reversed(parts))

    def listing(self, directory):
        return [node for node, (above, _) in self.places.items() if above == directory != node]

    def everything(self):
        return {node: self.row(node) for node in self.places if self.path(node) is not None}

    def disturb(self):
        """Do something at random; returns the nodes that it touched, as a ledger tells them."""
        deed = self._chance.choice([self._make, self._make, self._write, self._move, self._move,
                                    self._swap, self._remove, self._cut])  # fmt: skip
        return set(deed())

    def _free(self, directory):
        taken = {self.places[node][1] for node in self.listing(directory)}
        return next(name for n in range(99) if (name := b"%c" % (97 + n)) not in taken)

    def _some(self, kind=None):
        nodes = [n for n in self.places if n != ROOT and kind in (None, kind_of(n))]
        return self._chance.choice(sorted(nodes)) if nodes else None

    def _directory(self, outside=None):
        def is_inside(node):
            while node != ROOT and node != outside:
                node = self.places[node][0] if node in self.places else ROOT
            return node == outside

        nodes = [n for n in self.places if kind_of(n) is Kind.DIRECTORY and not is_inside(n)]
        return self._chance.choice(sorted(nodes))

    def _make(self):
        self._count += 1
        above = self._directory()
        kind = self._chance.choice([Kind.DIRECTORY, Kind.FILE])
        node = NodeId(bytes([kind]) + self._count.to_bytes(15, "big"))
        self.places[node] = above, self._free(above)
        if kind is Kind.FILE:
            self.contents[node] = b"new"
        yield node

    def _write(self):
        node = self._some(Kind.FILE)
        if node is not None:
            self.contents[node] = self._chance.randbytes(3)
            yield node

    def _move(self):
        node = self._some()
        if node is not None:
            above = self._directory(outside=node)
            self.places[node] = above, self._free(above)
            yield node

    def _swap(self):
        """One directory into what it held: what was above is below at once."""
        node = self._some(Kind.DIRECTORY)
        inner = [n for n in self.listing(node) if kind_of(n) is Kind.DIRECTORY] if node else []
        if inner:
            (child, above) = inner[0], self.places[node][0]
            if above in self.places:
                self.places[child] = above, self._free(above)
                self.places[node] = child, self._free(child)
                yield from (node, child)

    def _remove(self):
        """A directory with all in it but what goes elsewhere at the same moment."""
        node = self._some()
        if node is None:
            return
        queue = [node]
        while queue:
            each = queue.pop()
            queue += self.listing(each)
            if each != node and self._chance.random() < 0.3:
                self.places[each] = ROOT, self._free(ROOT)
                queue = [n for n in queue if n not in self.listing(each)]
            else:
                del self.places[each]
            yield each

    def _cut(self):
        """A directory goes to where nothing is known of yet, or comes back from there."""
        node = self._some(Kind.DIRECTORY)
        if node is not None:
            nowhere = NodeId(bytes([Kind.DIRECTORY]) + b"\xff" * 15)
            self.places[node] = nowhere, b"%d" % self._count
            self._count += 1
            yield node


class Phone:
    """Knows what it was told, by path."""

    def __init__(self, chance, path):
        self._chance = chance
        self._path = path
        self._cursor = None
        self.known = {}

    def sync(self, index, *, pages=99):
        more = True
        while more and pages:
            pages -= 1
            limit = self._chance.choice([1, 2, 5, 99])
            with index.look() as look:
                page = changes_since(self._path, self._cursor, limit, look)
                assert len(page.changed) + len(page.removed) <= limit
                for each in page.removed:
                    now = look.node(NodeId(bytes.fromhex(each.node)))
                    assert each.moved_to == (now.row.path.decode() if now else None) != each.path
            self._cursor, more = page.cursor, page.more
            for each in page.removed:
                if self.known.get(each.path) == each.node:
                    del self.known[each.path]
            for entry in page.changed:
                self.known[entry.path] = entry.node
        return not more


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")
    made = ViewIndex(tmp_path / "index.db", random.Random(0).randbytes)
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(12))
def test_whoever_follows_cursors_has_the_tree(index, seed):
    chance = random.Random(seed)
    tree = Tree(chance)
    index.update([ROOT], tree)
    phones = [Phone(chance, "/") for _ in range(3)]
    for _ in range(60):
        touched = set()
        for _ in range(chance.choice([1, 1, 3])):
            touched |= tree.disturb()
        before = snapshot(index)
        index.update(touched, tree)
        assert {
            known.row.node: known.row for known in snapshot(index).values()
        } == tree.everything()
        assert changed_directories(before, snapshot(index)) == expected(before, snapshot(index))
        phone = chance.choice(phones)
        phone.sync(index, pages=chance.choice([1, 2, 99]))
    index.update(list(tree.places), tree)
    truth = {row.path.decode(): row.node.hex() for row in tree.everything().values() if row.path}
    for phone in phones:
        assert phone.sync(index)
        assert phone.known == truth


def snapshot(index):
    with index.look() as look:
        return {node: look.node(node) for node in look.nodes()}


def changed_directories(before, after):
    """The directories that are told to have another version."""
    return {
        node
        for node, known in after.items()
        if kind_of(node) is Kind.DIRECTORY
        and (node not in before or before[node].changed != known.changed)
    }


def expected(before, after):
    """Those at or below which anything is different."""

    def below(state, known):
        path = known.row.path + b"/"
        return {each.row for each in state.values() if each.row.path.startswith(path)}

    return {
        node
        for node, known in after.items()
        if kind_of(node) is Kind.DIRECTORY
        and (
            node not in before
            or before[node].row != known.row
            or below(before, before[node]) != below(after, known)
        )
    }


def test_a_comparison_finds_what_happened_meanwhile(tmp_path, index):
    chance = random.Random(7)
    tree = Tree(chance)
    index.update([ROOT], tree)
    phone = Phone(chance, "/")
    for _ in range(5):
        for _ in range(30):
            tree.disturb()
        phone.sync(index, pages=1)
        known = [*tree.everything(), *snapshot(index)]
        for at in range(0, len(known), 7):
            index.update(known[at : at + 7], tree, deep=False)
        assert {
            known.row.node: known.row for known in snapshot(index).values()
        } == tree.everything()
    phone.sync(index)
    assert set(phone.known.values()) == {node.hex() for node in tree.everything() if node != ROOT}


def test_a_cursor_means_the_same_after_a_restart(tmp_path):
    tree = Tree(random.Random(1))
    index = ViewIndex(tmp_path / "index.db", random.Random(1).randbytes)
    index.update([ROOT], tree)
    index.update(tree._make(), tree)
    phone = Phone(random.Random(1), "/")
    phone.sync(index)
    index.close()
    index = ViewIndex(tmp_path / "index.db", random.Random(2).randbytes)
    with index.look() as look:
        assert not changes_since("/", phone._cursor, 9, look).changed
    index.close()


@pytest.mark.parametrize("harm", ["damaged", "another form", "no database"])
def test_a_file_that_cannot_be_used_begins_a_new_life(tmp_path, harm):
    path = tmp_path / "index.db"
    tree = Tree(random.Random(1))
    index = ViewIndex(path, random.Random(1).randbytes)
    index.update([ROOT], tree)
    index.update(list(tree._make()), tree)
    with index.look() as look:
        cursor = changes_since("/", None, 9, look).cursor
    index.close()
    if harm == "another form":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE life SET form = form + 1")
        connection.close()
    else:
        data = bytearray(path.read_bytes())
        data[4096 if harm == "damaged" else 0 :] = b"\x7f" * (
            len(data) - 4096 * (harm == "damaged")
        )
        path.write_bytes(data)
    index = ViewIndex(path, random.Random(2).randbytes)
    with index.look() as look:
        assert look.nodes() == []
    index.update([ROOT], tree)
    with index.look() as look, pytest.raises(CursorGone):
        changes_since("/", cursor, 9, look)
    index.close()


def test_departures_are_forgotten_at_last_and_older_cursors_refused(index, monkeypatch):
    monkeypatch.setattr("cozysync.gateway.index.GONE_KEPT", 5)
    tree = Tree(random.Random(3))
    index.update([ROOT], tree)
    cursors = []
    for _ in range(12):
        (node,) = tree._make()
        index.update([node], tree)
        with index.look() as look:
            cursors.append(changes_since("/", None, 99, look).cursor)
        del tree.places[node]
        index.update([node], tree)
    with index.look() as look:
        assert [len(changes_since("/", cursor, 99, look).removed) for cursor in cursors[-5:]] == [
            5, 4, 3, 2, 1,
        ]  # fmt: skip
        for cursor in cursors[:-5]:
            with pytest.raises(CursorGone):
                changes_since("/", cursor, 99, look)
        assert not changes_since("/", None, 99, look).removed


def test_who_lists_everything_hears_nothing_of_what_left_before(index):
    tree = Tree(random.Random(3))
    index.update([ROOT], tree)
    nodes = [node for _ in range(6) for node in tree._make()]
    index.update(nodes, tree)
    for node in [n for n in nodes if kind_of(n) is Kind.FILE]:
        tree.contents[node] = b"again"
        index.update([node], tree)
    for _ in range(5):
        index.update(list(tree._move()), tree)
    cursor, removed = None, []
    with index.look() as look:
        while True:
            page = changes_since("/", cursor, 1, look)
            removed += page.removed
            cursor = page.cursor
            if not page.more:
                break
    assert removed == []


def test_numbers_without_end_are_no_cursors(index):
    index.update([ROOT], Tree(random.Random(1)))
    with index.look() as look:
        life = look.life().id
        for cursor in (
            f"{life}-{'9' * 9999}",
            f"{life}-0-{'9' * 9999}",
            f"{life}-0-2",
            f"{life}-0-",
        ):
            with pytest.raises(CursorGone):
                changes_since("/", cursor, 9, look)
        with pytest.raises(NotFound):
            entry_of(NodeId(b"\x02" * 16), look)
