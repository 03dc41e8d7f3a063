"""What a server that has lost entries takes back, and what it does not."""

import time

import pytest

from cozysync.server import DirectoryPacks, SqliteStore
from cozysync.server.failures import Refusal
from cozysync.server.verify import verify
from cozysync_protocol import Position, ProtocolError, encode_entry
from tests.unit.protocol.logs import ANN, VAULT
from tests.unit.server.kept import Kept


@pytest.fixture
def kept(tmp_path):
    found = Kept(tmp_path / "server")
    yield found
    found.close()


@pytest.fixture
def frames(kept):
    return kept.store.read(VAULT, 0, 100, 1 << 30)


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "new").mkdir()
    packs = DirectoryPacks(tmp_path / "new" / "packs")
    store = SqliteStore(tmp_path / "new" / "server.db", packs.missing, time.time)
    yield store
    store.close()


def code_of(call, *arguments):
    with pytest.raises((Refusal, ProtocolError)) as caught:
        call(*arguments)
    error = caught.value
    return str(error.code if isinstance(error, ProtocolError) else error.problem.code)


@pytest.mark.parametrize("portion", [1, 2, 6])
def test_a_whole_log_comes_back_in_portions_with_one_invitation(empty, tmp_path, frames, portion):
    code = empty.invite()
    for at in range(0, len(frames), portion):
        assert empty.returns.take_back(VAULT, frames[at : at + portion], code) == min(
            at + portion, 6
        )
    assert empty.read(VAULT, 0, 100, 1 << 30) == frames
    report = verify(tmp_path / "new")
    assert report.is_clean
    assert report.given_up == 5
    assert code_of(empty.returns.take_back, b"another vault 16", frames, code) == "bad-invitation"


def test_what_is_there_changes_nothing(kept, frames):
    assert kept.store.returns.take_back(VAULT, frames) == 6
    assert kept.store.returns.take_back(VAULT, frames[2:4]) == 6
    assert kept.store.read(VAULT, 0, 100, 1 << 30) == frames


def test_nothing_is_taken_across_a_gap(empty, frames):
    code = empty.invite()
    empty.returns.take_back(VAULT, frames[:2], code)
    assert code_of(empty.returns.take_back, VAULT, frames[3:]) == "conflict"
    assert len(empty.read(VAULT, 0, 100, 1 << 30)) == 2


def test_another_history_is_refused_and_all_of_it(empty, kept, frames):
    empty.returns.take_back(VAULT, frames[:4], empty.invite())
    other = kept.log
    other.state = other.state.__class__.decode(empty.state(VAULT).encode())
    empty.append(VAULT, [encode_entry(other.append(ANN, body=b"written in between"))])
    for some in (frames[4:], frames[5:], frames):
        assert code_of(empty.returns.take_back, VAULT, some) in ("fork", "chain-broken")
    assert len(empty.read(VAULT, 0, 100, 1 << 30)) == 5


def test_a_wrong_head_is_refused(empty, frames):
    wrong = [*frames[:5], type(frames[5])(Position(6), bytes(32), frames[5].entry)]
    assert code_of(empty.returns.take_back, VAULT, wrong, empty.invite()) == "fork"
    assert empty.state(VAULT) is None


def test_nothing_is_appended_to_a_log_that_ends_before_what_was_verified(empty, kept, frames):
    empty.returns.take_back(VAULT, frames[:4], empty.invite())
    entry = frames[4].entry
    assert code_of(empty.append, VAULT, [entry], 6) == "rolled-back"
    assert len(empty.read(VAULT, 0, 100, 1 << 30)) == 4


def test_an_entry_may_name_a_lost_pack_once_the_devices_know_of_it(kept):
    lost = bytes([7]) * 32
    entry = encode_entry(kept.log.append(ANN, packs=(lost,)))
    assert code_of(kept.store.append, VAULT, [entry]) == "unknown-pack"
    kept.store.returns.lose(VAULT, [lost, kept.named[0]])
    kept.store.append(VAULT, [entry])
    assert verify(kept.data).given_up == 1
    kept.path(0).unlink()  # what is here cannot be called lost
    assert [str(each.kind) for each in verify(kept.data).findings] == ["missing-pack"]
