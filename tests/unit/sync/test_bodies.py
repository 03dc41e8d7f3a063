"""Bodies of requests and answers."""

import gc
import weakref

import trio

from cozysync.sync.bodies import Gathered, Once


class _Body(bytearray):
    """Bytes of which one can see that they are gone."""


def test_what_was_sent_is_let_go_of_while_the_request_is_still_held():
    data = _Body(b"pack")
    body, gone = Once(data), weakref.ref(data)
    del data
    assert len(body) == 4

    async def send():
        return [bytes(piece) async for piece in body]

    gc.disable()
    try:
        assert trio.run(send) == [b"pack"]
        assert gone() is None
    finally:
        gc.enable()


def test_an_answer_in_single_bytes_is_gathered_in_order_and_not_held_byte_by_byte():
    data = bytes(range(256)) * 40
    gathered = Gathered()
    for at in range(len(data)):
        gathered.add(data[at : at + 1])
    assert gathered.size == len(data)
    assert len(gathered._pieces) + len(gathered._crumbs) < 1100
    assert gathered.whole() == data
