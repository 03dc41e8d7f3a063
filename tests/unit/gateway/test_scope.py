"""A scoped view is a view, and ends where the phone's rights do."""

import pytest

from cozysync.gateway.errors import Forbidden, NotFound
from cozysync.gateway.scope import Scope, ScopedView
from cozysync.gateway.view import ABSENT
from tests.suites.memory_view import MemoryView
from tests.suites.phones import put
from tests.suites.view_contract import ViewContract


class TestAViewOfEverything(ViewContract):
    @pytest.fixture
    def view(self, tmp_path):
        return ScopedView(MemoryView(tmp_path), Scope())


@pytest.fixture
def whole(tmp_path):
    return MemoryView(tmp_path, folders=("Documents", "Photos", "Secret"))


@pytest.fixture
async def narrow(whole):
    await put(whole, "/Secret/s", b"secret")
    await put(whole, "/Photos/p", b"photo")
    return ScopedView(whole, Scope(("Photos",)))


async def _content(view, path, *rest):
    return b"".join([piece async for piece in view.read(path, *rest)])


async def test_what_is_outside_is_not_there(whole, narrow):
    assert [each.path for each in await narrow.children("/")] == ["/Photos"]
    assert await _content(narrow, "/Photos/p") == b"photo"
    for path in ("/Secret/s", "/Secret", "/Secret/none", "/None/x"):
        for deed in (narrow.entry, narrow.children, narrow.versions, narrow.changes):
            with pytest.raises(NotFound):
                await deed(path)
        with pytest.raises(NotFound):
            await narrow.wait(path, "x", 0)
        with pytest.raises(NotFound):
            await _content(narrow, path)
    secret = await whole.entry("/Secret/s")
    with pytest.raises(NotFound):
        await narrow.find(secret.node)
    assert (await narrow.find((await whole.entry("/Photos/p")).node)).path == "/Photos/p"


async def test_nothing_is_written_outside_nor_told_whether_it_is_there(whole, narrow):
    before = await _all(whole)
    staged = whole.staging / "x"
    staged.write_bytes(b"x")
    for path in ("/Secret/s", "/Secret/none", "/None/x"):
        for deed in (
            lambda path=path: narrow.write(path, staged),
            lambda path=path: narrow.write(path, staged, base=ABSENT),
            lambda path=path: narrow.make_directory(path),
            lambda path=path: narrow.remove(path),
            lambda path=path: narrow.move("/Photos/p", path, replace=True),
            lambda path=path: narrow.copy("/Photos/p", path, replace=True),
        ):
            with pytest.raises(Forbidden):
                await deed()
        for deed in (narrow.move, narrow.copy):
            with pytest.raises(NotFound):
                await deed(path, "/Photos/stolen", replace=True)
    with pytest.raises(Forbidden):
        await narrow.make_directory("/New")
    assert await _all(whole) == before


async def test_a_phone_that_may_only_read_changes_nothing(whole, narrow):
    reader = ScopedView(whole, Scope(None, read_only=True))
    before = await _all(whole)
    staged = whole.staging / "x"
    staged.write_bytes(b"x")
    for deed in (
        lambda: reader.write("/Photos/p", staged),
        lambda: reader.make_directory("/Photos/d"),
        lambda: reader.make_directory("/New"),
        lambda: reader.remove("/Photos/p"),
        lambda: reader.move("/Photos/p", "/Photos/q"),
        lambda: reader.copy("/Photos/p", "/Photos/q"),
    ):
        with pytest.raises(Forbidden):
            await deed()
    assert await _all(whole) == before
    assert await _content(reader, "/Secret/s") == b"secret"


async def test_the_root_changes_only_with_what_the_phone_sees(whole, narrow):
    before = (await narrow.entry("/")).version
    await put(whole, "/Secret/s", b"more")
    assert (await narrow.entry("/")).version == before
    assert (await narrow.find((await whole.entry("/")).node)).version == before
    await put(whole, "/Photos/p", b"more")
    assert (await narrow.entry("/")).version != before


async def test_changes_tell_nothing_of_what_is_outside(whole, narrow):
    page = await narrow.changes("/")
    assert {each.path for each in page.changed} == {"/Photos", "/Photos/p"}
    await put(whole, "/Secret/t", b"more")
    assert not await narrow.wait("/", page.cursor, 0)
    await whole.move("/Photos/p", "/Secret/p")
    assert await narrow.wait("/", page.cursor, 0)
    page = await narrow.changes("/", page.cursor)
    assert page.changed == ()
    assert [(each.path, each.moved_to) for each in page.removed] == [("/Photos/p", None)]
    await whole.move("/Secret/p", "/Photos/p")
    page = await narrow.changes("/", page.cursor)
    assert [each.path for each in page.changed] == ["/Photos/p"]
    assert page.removed == ()


async def _all(view):
    return (await view.changes("/", None, 10_000)).changed
