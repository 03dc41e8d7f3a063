"""Pairing: two devices that know the code meet; whoever does not learns nothing."""

import pytest

from cozysync.vault import (
    DeviceKeys,
    Grant,
    Join,
    Newcomer,
    Offer,
    PairingFailed,
    RootKeys,
    WrongCode,
    new_code,
    new_phrase,
)
from cozysync_protocol import MAX_MAILBOX_MESSAGE, HeadHash, Position

CODE = new_code("http://192.168.1.5:8017", 42)
OTHER = new_code("http://192.168.1.5:8017", 42)


@pytest.fixture(scope="module")
def newcomer():
    return Newcomer(DeviceKeys.generate().public, "phone")


@pytest.fixture(scope="module")
def grant():
    root = RootKeys.from_phrase(new_phrase())
    head = HeadHash(b"h" * 32)
    return Grant(root.signing_public, root.wrapping_public, Position(5), head, b"k" * 32)


def paired(newcomer):
    """Both sides, and the joiner's introduction, ready to be met."""
    offer, join = Offer(CODE), Join(CODE)
    proof = offer.confirm(join.answer(offer.start()))
    return offer, join, join.introduce(proof, newcomer)


def test_two_devices_with_one_code_learn_who_the_other_is(newcomer, grant):
    offer, join, introduction = paired(newcomer)
    assert offer.meet(introduction) == newcomer
    accepted = join.accept(offer.grant(grant))
    assert accepted == grant
    assert accepted.vault == grant.vault


def test_every_message_fits_the_mailbox_and_shows_neither_name_nor_vault(newcomer, grant):
    offer, join = Offer(CODE), Join(CODE)
    said = [offer.start()]
    said.append(join.answer(said[-1]))
    said.append(offer.confirm(said[-1]))
    said.append(join.introduce(said[-1], Newcomer(newcomer.keys, "a-very-secret-name")))
    offer.meet(said[-1])
    said.append(offer.grant(grant))
    assert max(map(len, said)) <= MAX_MAILBOX_MESSAGE
    hidden = (b"a-very-secret-name", newcomer.keys.signing, grant.root_signing, grant.vault)
    for message in said:
        assert not any(secret in message for secret in (*hidden, *map(str.encode, CODE.words)))


def test_a_wrong_code_is_noticed_by_the_offerer_before_anything_is_told():
    offer, join = Offer(CODE), Join(OTHER)
    with pytest.raises(WrongCode) as caught:
        offer.confirm(join.answer(offer.start()))
    assert "new code" in caught.value.remedy


def test_a_wrong_code_is_noticed_by_the_joiner_before_it_says_who_it_is(newcomer):
    stranger, join = Offer(OTHER), Join(CODE)
    answer = join.answer(stranger.start())
    with pytest.raises(WrongCode):
        stranger.confirm(answer)
    with pytest.raises(WrongCode):
        join.introduce(b"p" * 32, newcomer)


def test_there_is_no_second_guess():
    offer = Offer(CODE)
    element = offer.start()
    with pytest.raises(WrongCode):
        offer.confirm(Join(OTHER).answer(element))
    with pytest.raises(PairingFailed):
        offer.confirm(Join(CODE).answer(element))


def test_the_same_words_in_another_mailbox_are_another_code():
    elsewhere = type(CODE)(CODE.server, 43, CODE.words)
    offer = Offer(CODE)
    with pytest.raises(WrongCode):
        offer.confirm(Join(elsewhere).answer(offer.start()))


def test_a_server_in_the_middle_that_runs_both_sides_itself_gets_nowhere(newcomer):
    offer, join = Offer(CODE), Join(CODE)
    offer_element = offer.start()
    false_offer, false_join = Offer(OTHER), Join(OTHER)
    answer = join.answer(false_offer.start())
    with pytest.raises(WrongCode):
        offer.confirm(false_join.answer(offer_element))
    with pytest.raises(WrongCode):
        join.introduce(answer[33:], newcomer)


def test_reflected_messages_are_refused():
    offer = Offer(CODE)
    element = offer.start()
    with pytest.raises(PairingFailed):
        offer.confirm(element + bytes(32))
    join = Join(CODE)
    answer = join.answer(Offer(CODE).start())
    with pytest.raises(WrongCode):
        join.introduce(answer[33:], Newcomer(DeviceKeys.generate().public, "phone"))


def test_messages_of_an_earlier_pairing_are_refused_when_replayed(newcomer, grant):
    offer, join, introduction = paired(newcomer)
    offer.meet(introduction)
    granted = offer.grant(grant)
    again, _, _ = paired(newcomer)
    with pytest.raises(PairingFailed):
        again.meet(introduction)
    _, later, _ = paired(newcomer)
    with pytest.raises(PairingFailed):
        later.accept(granted)
    assert join.accept(granted) == grant


def test_no_step_is_taken_twice_or_out_of_turn(newcomer, grant):
    offer, join, introduction = paired(newcomer)
    for step in (offer.start, lambda: offer.confirm(bytes(65)), lambda: offer.grant(grant)):
        with pytest.raises(PairingFailed):
            step()
    with pytest.raises(PairingFailed):
        join.answer(bytes(33))
    offer.meet(introduction)
    with pytest.raises(PairingFailed):
        offer.meet(introduction)
    granted = offer.grant(grant)
    join.accept(granted)
    for step in (lambda: offer.grant(grant), lambda: join.accept(granted)):
        with pytest.raises(PairingFailed):
            step()


@pytest.mark.parametrize(
    "element",
    [b"", b"A", b"A" + bytes(31), b"A" + bytes(32), b"A\1" + bytes(31), b"A" + b"\xff" * 32,
     b"B" + bytes(32), b"A" + b"\2" * 32, b"A" + bytes(33)],
)  # fmt: skip
def test_an_element_that_is_none_ends_the_pairing_with_a_typed_error(element):
    with pytest.raises(PairingFailed):
        Join(CODE).answer(element)
    offer = Offer(CODE)
    offer.start()
    with pytest.raises(PairingFailed):
        offer.confirm(element.replace(b"A", b"B", 1) + bytes(32))


def test_every_flipped_byte_of_every_message_is_refused(newcomer, grant):
    offer, join, introduction = paired(newcomer)
    for at in range(0, len(introduction), 7):
        with pytest.raises(PairingFailed):
            offer.meet(_flipped(introduction, at))
        offer, join, introduction = paired(newcomer)
    offer.meet(introduction)
    granted = offer.grant(grant)
    with pytest.raises(PairingFailed):
        join.accept(_flipped(granted, len(granted) - 1))
    for at in (0, 1, 20, 32, 33, 50, 64):
        offer, join = Offer(CODE), Join(CODE)
        answer = join.answer(offer.start())
        with pytest.raises(PairingFailed):
            offer.confirm(_flipped(answer, at))


def _flipped(message, at):
    changed = bytearray(message)
    changed[at] ^= 4
    return bytes(changed)


def test_neither_side_shows_the_words_or_a_key():
    for side in (CODE, Offer(CODE), Join(CODE)):
        assert not any(word in repr(side) for word in CODE.words)
