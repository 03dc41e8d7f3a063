"""What every implementation of an interface must hold: subclass, and give the fixture.

So the fakes that other tests lean on are held to what the real ones do.
"""

import hashlib

import pytest
import trio

from cozysync.server.failures import Refusal
from cozysync.sync.remote import Refused
from cozysync_conflict import Kind
from cozysync_protocol import (
    ErrorCode,
    Position,
    ProtocolError,
    decode_entry,
    encode_entry,
    entry_hash,
    next_head,
)
from tests.unit.protocol.logs import ANN, BOB, VAULT, added


class DiskContract:
    """Of `cozysync.disk.Disk`. Fixture: `disk`, an empty folder."""

    def names(self, disk, directory=b""):
        return {entry.name: entry.stat.kind for entry in disk.listing(directory)}

    def write(self, disk, path, data):
        with disk.create(path) as file:
            assert file.write(data) == len(data)

    def read(self, disk, path):
        with disk.open(path) as file:
            return file.read()

    def test_what_was_made_is_listed(self, disk):
        disk.mkdir(b"d")
        self.write(disk, b"d/f", b"text")
        disk.symlink(b"target", b"l")
        assert self.names(disk) == {b"d": Kind.DIRECTORY, b"l": Kind.LINK}
        assert self.names(disk, b"d") == {b"f": Kind.FILE}
        assert self.read(disk, b"d/f") == b"text"
        assert disk.readlink(b"l") == b"target"
        assert disk.lstat(b"d/f").size == 4
        assert disk.lstat(b"d/none") is None
        assert disk.lstat(b"d/f/none") is None

    def test_nothing_is_made_over_what_is_there(self, disk):
        self.write(disk, b"f", b"kept")
        for deed in (
            lambda: disk.create(b"f"),
            lambda: disk.mkdir(b"f"),
            lambda: disk.symlink(b"x", b"f"),
        ):
            with pytest.raises(FileExistsError):
                deed()
        assert self.read(disk, b"f") == b"kept"

    def test_a_rename_replaces_nothing_and_keeps_the_inode(self, disk):
        self.write(disk, b"one", b"1")
        self.write(disk, b"two", b"2")
        inode = disk.lstat(b"one").inode
        with pytest.raises(FileExistsError):
            disk.rename(b"one", b"two")
        with pytest.raises(FileNotFoundError):
            disk.rename(b"none", b"three")
        with pytest.raises(FileNotFoundError):
            disk.rename(b"one", b"none/three")
        disk.rename(b"one", b"three")
        assert (self.read(disk, b"two"), disk.lstat(b"three").inode) == (b"2", inode)
        assert disk.lstat(b"one") is None

    def test_a_directory_moves_with_what_it_holds_and_not_into_itself(self, disk):
        disk.mkdir(b"d")
        disk.mkdir(b"d/e")
        self.write(disk, b"d/e/f", b"text")
        with pytest.raises(OSError):
            disk.rename(b"d", b"d/e/d")
        disk.rename(b"d", b"moved")
        assert self.read(disk, b"moved/e/f") == b"text"
        assert disk.lstat(b"d/e/f") is None

    def test_two_names_change_places(self, disk):
        self.write(disk, b"f", b"text")
        disk.mkdir(b"d")
        self.write(disk, b"d/g", b"other")
        if not disk.exchange(b"f", b"d"):
            pytest.skip("this file system cannot")
        assert (self.read(disk, b"d"), self.read(disk, b"f/g")) == (b"text", b"other")
        with pytest.raises(FileNotFoundError):
            disk.exchange(b"d", b"none")

    def test_directories_that_changed_places_are_known_by_their_new_names(self, disk):
        for name in (b"one", b"two"):
            disk.mkdir(name)
            self.write(disk, name + b"/" + name, name)
        if not disk.exchange(b"one", b"two"):
            pytest.skip("this file system cannot")
        assert self.read(disk, b"one/two") == b"two"
        assert disk.lstat(b"one/one") is None

    def test_only_empty_directories_go(self, disk):
        disk.mkdir(b"d")
        self.write(disk, b"d/f", b"x")
        with pytest.raises(OSError):
            disk.rmdir(b"d")
        with pytest.raises(OSError):
            disk.unlink(b"d")
        with pytest.raises(NotADirectoryError):
            disk.rmdir(b"d/f")
        disk.unlink(b"d/f")
        disk.rmdir(b"d")
        assert self.names(disk) == {}
        with pytest.raises(FileNotFoundError):
            disk.rmdir(b"d")

    def test_only_regular_files_open(self, disk):
        disk.mkdir(b"d")
        disk.symlink(b"d", b"l")
        for path in (b"d", b"l", b"none", b"l/x"):
            with pytest.raises(OSError):
                disk.open(path)
        assert disk.lstat(b"l/x") is None, "links are never followed"
        with pytest.raises(OSError):
            disk.create(b"l/x")

    def test_times_and_executable_bits_are_kept(self, disk):
        self.write(disk, b"f", b"x")
        disk.set_mtime(b"f", 1_700_000_000_123_456_789)
        disk.set_executable(b"f", True)
        stat = disk.lstat(b"f")
        assert (stat.mtime_ns, stat.executable) == (1_700_000_000_123_456_789, True)
        disk.set_executable(b"f", False)
        assert not disk.lstat(b"f").executable
        disk.sync()
        assert disk.room() > 0

    @pytest.mark.parametrize("path", [b"d/../x", b"d//x", b"./x", b"x\0y", b"d/"])
    def test_no_path_leaves_the_folder(self, disk, path):
        disk.mkdir(b"d")
        with pytest.raises(ValueError):
            disk.create(path)


class RemoteContract:
    """Of `cozysync.sync.remote.Remote`. Fixtures: `remote` of ANN, in a vault of which `log` is
    what she has read.
    """

    def pack(self, data):
        return hashlib.sha256(data).digest()

    async def read(self, remote, after=0, wait_s=0):
        return [frame async for batch in remote.log(Position(after), wait_s) for frame in batch]

    async def test_the_log_comes_back_as_it_was_appended(self, remote, log):
        entries = [log.append(ANN, added(BOB)), log.append(ANN, body=b"news")]
        places = await remote.append([encode_entry(each) for each in entries])
        assert [position for position, _ in places.positions] == [2, 3]
        assert places.positions[-1][1] == log.state.head
        frames = await self.read(remote)
        assert [decode_entry(frame.entry) for frame in frames] == log.entries
        head = bytes(32)
        for frame in frames:
            head = next_head(head, entry_hash(frame.entry))
            assert frame.head == head
        assert [frame.position for frame in await self.read(remote, 2)] == [3]
        assert await self.read(remote, 3) == []
        end = await remote.end()
        assert (end.position, end.head) == (3, log.state.head)

    async def test_what_was_sent_before_has_its_place_already(self, remote, log):
        entry = encode_entry(log.append(ANN, body=b"news"))
        first = await remote.append([entry])
        assert await remote.append([entry]) == first
        assert (await remote.end()).position == 2

    async def test_what_breaks_the_rules_is_refused_as_a_whole(self, remote, log):
        good = log.entry(ANN, body=b"good")
        for bad, code in (
            (log.entry(ANN, body=b"again", sequence=5), ErrorCode.CHAIN_BROKEN),
            (log.entry(BOB, body=b"a stranger"), ErrorCode.UNKNOWN_DEVICE),
        ):
            with pytest.raises(Refused) as refused:
                await remote.append([encode_entry(good), encode_entry(bad)])
            assert refused.value.code is code
        assert (await remote.end()).position == 1

    async def test_an_entry_names_only_packs_that_are_there(self, remote, log):
        data = b"sealed" * 100
        entry = encode_entry(log.append(ANN, packs=(self.pack(data),)))
        with pytest.raises(Refused) as refused:
            await remote.append([entry])
        assert refused.value.code is ErrorCode.UNKNOWN_PACK
        assert list(await remote.missing_packs([self.pack(data)])) == [self.pack(data)]
        await remote.put_pack(self.pack(data), data)
        assert list(await remote.missing_packs([self.pack(data)])) == []
        await remote.append([entry])

    async def test_packs_come_back_in_ranges(self, remote, log):
        data = bytes(range(256)) * 10
        await remote.put_pack(self.pack(data), data)
        await remote.put_pack(self.pack(data), data)
        assert await remote.get_pack(self.pack(data), 0, len(data)) == data
        assert await remote.get_pack(self.pack(data), 100, 50) == data[100:150]
        assert await remote.get_pack(self.pack(data), len(data) - 5, 50) == data[-5:]
        with pytest.raises(Refused) as refused:
            await remote.get_pack(bytes(32), 0, 1)
        assert refused.value.code is ErrorCode.NOT_FOUND

    async def test_a_pack_that_does_not_fit_its_name_is_refused(self, remote, log):
        with pytest.raises(Refused) as refused:
            await remote.put_pack(self.pack(b"one"), b"other")
        assert refused.value.code is ErrorCode.WRONG_HASH
        assert list(await remote.missing_packs([self.pack(b"one")])) == [self.pack(b"one")]

    async def test_a_reader_that_waits_hears_the_news(self, remote, log):
        heard = []

        async def wait():
            heard.extend(await self.read(remote, 1, 50))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.05)
            assert heard == []
            await remote.append([encode_entry(log.append(ANN, body=b"news"))])
        assert [decode_entry(frame.entry) for frame in heard] == log.entries[1:]

    async def test_a_mailbox_passes_messages_until_it_is_closed(self, remote, log):
        box = await remote.open_mailbox()
        assert await remote.collect(box, "offer", 0, 0) is None
        await remote.leave(box, "offer", 0, b"hello")
        await remote.leave(box, "offer", 0, b"hello")
        with pytest.raises(Refused) as refused:
            await remote.leave(box, "offer", 0, b"something else")
        assert refused.value.code is ErrorCode.CONFLICT
        assert await remote.collect(box, "offer", 0, 5) == b"hello"
        assert await remote.collect(box, "join", 0, 0) is None
        await remote.close_mailbox(box)
        with pytest.raises(Refused) as refused:
            await remote.collect(box, "offer", 0, 0)
        assert refused.value.code is ErrorCode.NOT_FOUND

    async def test_there_is_no_snapshot_at_first(self, remote, log):
        _, pointer = await remote.snapshot()
        assert pointer is None


class StoreContract:
    """Of the server's store. Fixtures: `store` with the vault of `log`, and `reopen()` that closes
    it and opens it again.
    """

    def held(self, store):
        return [decode_entry(frame.entry) for frame in store.read(VAULT, 0, 10**6, 1 << 30)]

    def test_what_was_appended_is_there_after_a_restart(self, store, log, reopen):
        places = store.append(
            VAULT, [encode_entry(log.append(ANN, body=b"%d" % n)) for n in (1, 2)]
        )
        store = reopen()
        assert self.held(store) == log.entries
        assert (store.state(VAULT).position, store.state(VAULT).head) == places[-1]
        assert store.append(VAULT, [encode_entry(log.entries[-1])]) == [places[-1]]

    def test_all_are_taken_or_none(self, store, log, reopen):
        good, bad = log.entry(ANN, body=b"good"), log.entry(ANN, body=b"bad", sequence=9)
        with pytest.raises(ProtocolError):
            store.append(VAULT, [encode_entry(good), encode_entry(bad)])
        assert self.held(store) == log.entries
        assert self.held(reopen()) == log.entries

    def test_another_entry_under_a_number_that_was_given_is_refused(self, store, log, reopen):
        other = encode_entry(log.entry(ANN, body=b"other"))
        store.append(VAULT, [encode_entry(log.append(ANN, body=b"one"))])
        with pytest.raises(Refusal) as refused:
            store.append(VAULT, [other])
        assert refused.value.problem.code is ErrorCode.CHAIN_BROKEN

    def test_an_invitation_makes_one_vault_once(self, store, log, reopen):
        first = encode_entry(log.entries[0])
        assert store.create_vault("any", first) == store.create_vault(store.invite(), first)
        code = store.invite()
        store = reopen()
        with pytest.raises(Refusal) as refused:
            store.append(bytes(16), [first])
        assert refused.value.problem.code is ErrorCode.NOT_FOUND
        assert code not in "".join(store._connection.iterdump())

    def test_a_secret_is_made_once(self, store, log, reopen):
        first = store.secret("name")
        assert len(first) == 32
        assert store.secret("other") != first
        assert reopen().secret("name") == first

    def test_reading_stops_at_its_bounds(self, store, log, reopen):
        for _ in range(5):
            store.append(VAULT, [encode_entry(log.append(ANN, body=bytes(1000)))])
        assert [f.position for f in store.read(VAULT, 2, 2, 1 << 30)] == [3, 4]
        assert len(store.read(VAULT, 1, 100, 2000)) == 2
        assert store.read(VAULT, 6, 100, 1 << 30) == []
        assert store.used(VAULT) > 5000
