"""Rows 4, 6, 14, 17, 18 and 24: what is stored and said, byte by byte."""

import itertools
import logging
import random
import shutil
from collections import Counter

import pytest
import trio

from cozysync.content import open_read, plan_reads
from cozysync.replica import decode_body
from cozysync.vault import (
    CozyError,
    DeviceKeys,
    RootKeys,
    create_vault,
    keyring,
    load_secrets,
    new_phrase,
    seal,
)
from cozysync_protocol import (
    EntryKind,
    LogState,
    PackBuilder,
    ProtocolError,
    advance,
    check_pack,
    decode_entry,
    read_index,
)
from tests.attacks.flips import flips
from tests.attacks.hostile import scene
from tests.suites.canaries import CANARIES, marks_in


def read_entry(told, state, frame):
    """All that a device does with an entry before it applies it."""
    entry = decode_entry(frame)
    state = advance(state, entry, position=state.position + 1, head=told.heads[state.position])
    if entry.header.kind is EntryKind.SEALED:
        decode_body(told.created.keys.open_entry(entry))
    return state


def test_row_6_every_flipped_byte_of_every_entry_is_refused(told):
    told.heads = [frame.head for frame in told.log]
    state = LogState(told.vault)
    for frame in told.log:
        for changed in flips(frame.entry, "entries"):
            with pytest.raises((ProtocolError, CozyError)):
                read_entry(told, state, changed)
        state = read_entry(told, state, frame.entry)
    assert state.position == len(told.log)


def test_row_6_every_flipped_byte_of_a_pack_is_noticed(told):
    keys = told.created.keys
    for path in told.pack_files():
        data = path.read_bytes()
        pack = bytes.fromhex(path.name)
        check_pack(pack, data)
        for changed in flips(data, "packs", most=300):
            with pytest.raises(ProtocolError):
                check_pack(pack, changed)
        locations = read_index(data, keys.open_index)
        (read,) = plan_reads(locations)
        for changed in flips(data[read.start : read.start + read.length], "chunks", most=300):
            assert open_read(keys, read, changed)[1]


def test_row_6_a_flipped_byte_of_the_secrets_opens_nothing(told, tmp_path):
    home = told.root / "ann" / "secrets"
    entry = None
    for frame in told.log:
        entry = decode_entry(frame.entry)
        if entry.header.kind is EntryKind.SEALED:
            break
    for n, changed in enumerate(flips(home.read_bytes(), "secrets")):
        path = tmp_path / f"secrets{n}"
        path.write_bytes(changed)
        path.chmod(0o600)
        try:
            secrets = load_secrets(path)
            if secrets.vault is not None and secrets.device.id == told.keys[0].id:
                secrets.vault.open_entry(entry)
        except CozyError:
            continue
        # What still opens the vault is damaged only where this device's own identity stands.
        assert secrets.device.private_bytes() != told.keys[0].private_bytes() or (
            secrets.root_wrapping != told.root_keys.wrapping_public
        )


def test_row_4_no_permutation_of_chunks_is_taken_for_another():
    keys = create_vault(RootKeys.from_phrase(new_phrase()), DeviceKeys.generate(), "ann").keys
    chunks = [bytes([n]) * 500 for n in range(4)]
    builder = PackBuilder()
    sealed = {}
    for chunk in chunks:
        name = keys.chunk_id(chunk)
        sealed[name] = bytes(keys.seal_chunk(name, b"\0" + chunk))
        builder.add(name, sealed[name])
    pack = builder.finish(keys.seal_index)
    (read,) = plan_reads(pack.locations)
    names = [location.chunk for location in pack.locations]
    for arrangement in itertools.product(range(4), repeat=4):  # reordered and doubled
        data = b"".join(sealed[names[n]] for n in arrangement)
        opened, lost = open_read(keys, read, data)
        assert set(opened) == {names[at] for at, n in enumerate(arrangement) if at == n}
        assert lost == set(names) - opened.keys()
    for dropped in range(4):
        data = b"".join(sealed[names[n]] for n in range(4) if n != dropped)
        assert open_read(keys, read, data)[1] == set(names[dropped:])


def cut_off(answer):
    answer.status, answer.body = 502, b"no server here"


async def test_row_14_no_key_is_ever_used_twice_with_one_nonce(tmp_path, monkeypatch):
    used = Counter()

    real = keyring.AESGCM

    class Noting:
        """AES-GCM that writes down what it seals with."""

        def __init__(self, key):
            self._key, self._real = bytes(key), real(key)
            self.decrypt = self._real.decrypt

        def encrypt(self, nonce, *rest):
            used[self._key, bytes(nonce)] += 1
            return self._real.encrypt(nonce, *rest)

        def encrypt_into(self, nonce, *rest):
            used[self._key, bytes(nonce)] += 1
            return self._real.encrypt_into(nonce, *rest)

    monkeypatch.setattr("cozysync.sync.engine._NEWS_S", 0.1)
    monkeypatch.setattr(keyring, "AESGCM", Noting)
    monkeypatch.setattr(seal, "AESGCM", Noting)
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        for n in range(4):
            ann.hands.write(f"a{n}", random.Random(n).randbytes(3000).hex())
            bob.hands.write(f"b{n}", random.Random(n).randbytes(3000).hex())
            await stage.settle()
        await ann.stop()
        shutil.copytree(ann.home.root, tmp_path / "clone")
        ann.wire.tamperers.append(cut_off)
        for name in ("one", "other"):  # twice the same device from one disk, at the same sequence
            shutil.rmtree(ann.home.root)
            shutil.copytree(tmp_path / "clone", ann.home.root)
            await ann.start()
            ann.hands.write("cloned", f"written by {name}")
            with trio.fail_after(20):
                while not ann.engine.replica.outbox.count():  # noqa: ASYNC110
                    await trio.sleep(0.05)
            await ann.stop()
    assert len(used) > 20
    assert max(Counter(key for key, _ in used).values()) > 1  # the clones did use one key
    assert max(used.values()) == 1


async def test_row_17_one_file_in_two_vaults_has_nothing_in_common(tmp_path):
    seen = []
    for name in ("one", "other"):
        async with scene(tmp_path / name, "ann", "bob") as stage:
            ann = stage.members[0]
            for path, text in CANARIES.items():
                ann.hands.write(path, text)
            await stage.settle()
            chunks = {each.chunk for _, each in ann.engine.replica.chunks.after((0, 0), 1000)}
            stored = b"".join(p.read_bytes() for p in stage.pack_files())
            stored += b"".join(frame.entry for frame in stage.frames())
            seen.append((chunks, {p.name for p in stage.pack_files()}, stored))
    one, other = seen
    assert not one[0] & other[0]
    assert not one[1] & other[1]
    pieces = {one[2][at : at + 16] for at in range(0, len(one[2]), 16)}
    common = {other[2][at : at + 16] for at in range(len(other[2]) - 15)} & pieces
    # Zeros that pad a pack, and numbers beside them: no random value has so many.
    assert [piece for piece in common if piece.count(0) < 8] == []


async def test_row_17_whether_a_pack_is_there_is_told_of_the_own_vault_alone(tmp_path):
    async with scene(tmp_path / "one", "ann") as stage:
        stage.members[0].hands.write("file", CANARIES["canary-name-stork"])
        await stage.settle()
        (path, *_) = stage.pack_files()
        pack = bytes.fromhex(path.name)
        assert stage.packs.missing(stage.vault, [pack]) == []
        assert stage.packs.missing(bytes(16), [pack]) == [pack]
        remote = stage.members[0].remote
        assert list(await remote.missing_packs([pack, bytes(32)])) == [bytes(32)]


async def test_rows_18_and_24_no_name_content_key_or_phrase_is_said_or_kept_in_clear(
    tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.mkdir("letters")
        for path, text in CANARIES.items():
            ann.hands.write(f"letters/{path}", text)
        await stage.settle()
        kept = b"".join(p.read_bytes() for p in (tmp_path / "server").rglob("*") if p.is_file())
        spoken = stage.spoken()
        told = repr([bob.engine.status().to_json(), bob.engine.ledger.keys, ann.alarm, stage.keys])
        secrets = stage.secrets()
        assert len(spoken) > 200_000
        for data in (kept, spoken, caplog.text.encode()):
            assert marks_in(data) == []
        for data in (kept, spoken, caplog.text.encode(), told.encode()):
            assert [secret for secret in secrets if secret in data] == []
        # What this test looks with would find it.
        assert marks_in(b"x canary-name y") == [b"canary-name"]
        assert stage.keys[0].private_bytes()[0] in (ann.home.secrets_file).read_bytes()
