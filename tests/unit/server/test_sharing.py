"""Many readers ask the same at once: it is looked up once, and never answered with nothing."""

import trio
import trio.testing

from cozysync.server.sharing import Shared


async def test_who_asks_the_same_at_once_is_answered_once():
    shared, asked, answers = Shared(), [], []

    async def ask():
        asked.append(1)
        await trio.sleep(0.01)
        return b"news"

    async def reader():
        answers.append(await shared.get("question", ask))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(reader)
    assert answers == [b"news"] * 20
    assert len(asked) == 1
    await reader()  # nothing is kept: what is asked later is asked anew
    assert len(asked) == 2


async def test_when_the_first_one_goes_the_next_one_asks():
    shared, answers = Shared(), []
    scope = trio.CancelScope()

    async def never():
        await trio.sleep_forever()

    async def first():
        with scope:
            await shared.get("question", never)

    async def news():
        return b"news"

    async def second():
        answers.append(await shared.get("question", news))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(second)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
    assert answers == [b"news"]


async def test_a_failure_is_told_to_its_asker_alone():
    shared, answers = Shared(), []

    async def fail():
        await trio.sleep(0.01)
        raise KeyError("question")

    async def news():
        return b"news"

    async def first():
        try:
            await shared.get("question", fail)
        except KeyError:
            answers.append("failed")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await trio.testing.wait_all_tasks_blocked()
        answers.append(await shared.get("question", news))
    assert answers == ["failed", b"news"]
